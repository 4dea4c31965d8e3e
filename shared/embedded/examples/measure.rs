//! Measures the embedded adapters on this machine's disk:
//! `cargo run --release -p fettle-embedded --example measure [DIRECTORY]`.

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use fettle_backend::clock::SystemClock;
use fettle_backend::ports::{
    Condition, Database, Key, Outgoing, Query, Queue, QueueName, Result, Storage, Write,
};
use fettle_embedded::{FileStorage, SqliteDatabase, SqliteQueue};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let parent = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let directory = tempfile::TempDir::new_in(parent)?;
    let clock = Arc::new(SystemClock);
    let database = Arc::new(SqliteDatabase::open(directory.path().join("platform.db"), clock.clone())?);
    let queue = Arc::new(SqliteQueue::open(directory.path().join("queue.db"), clock.clone())?);
    let storage =
        Arc::new(FileStorage::open(directory.path().join("objects"), "http://x.test", [0; 32], clock)?);

    for bytes in [300, 3_000] {
        println!("items of {bytes} bytes");
        for writers in [1, 8, 64] {
            let rate = writes(&database, writers, bytes).await?;
            println!("  writes/s with {writers} at once: {rate:.0}");
        }
        println!("  read of one: {}", spread(reads(&database, bytes).await?));
        let begun = Instant::now();
        let page = database.query(&Query::prefix(format!("ws/{bytes}/1/0"), "", 1_000)).await?;
        println!("  walk over {} items: {:?}", page.items.len(), begun.elapsed());
    }
    for workers in [1, 8] {
        println!(
            "messages/s, {workers} at once (send, receive, delete): {:.0}",
            messages(&queue, workers).await?
        );
    }
    for bytes in [1_000, 1_000_000] {
        println!("objects of {bytes} bytes, put: {}", spread(puts(&storage, bytes).await?));
    }
    Ok(())
}

fn document(bytes: usize) -> Value {
    json!({ "id": "run_0192f0c100007000", "status": "running", "fill": "x".repeat(bytes - 60) })
}

async fn writes(database: &Arc<SqliteDatabase>, writers: usize, bytes: usize) -> Result<f64> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for writer in 0..writers {
        let database = Arc::clone(database);
        let partition = format!("ws/{bytes}/{writers}/{writer}");
        tasks.spawn(async move {
            let mut count = 0;
            while begun.elapsed() < Duration::from_secs(3) {
                let put = Write::Put {
                    key: Key::new(partition.clone(), format!("{:04}", count % 1_000)),
                    value: document(bytes),
                    expires_at: None,
                    condition: Condition::Any,
                };
                database.write(&[put]).await?;
                count += 1;
            }
            Ok(count)
        });
    }
    let counts: Result<Vec<i32>> = tasks.join_all().await.into_iter().collect();
    Ok(f64::from(counts?.iter().sum::<i32>()) / begun.elapsed().as_secs_f64())
}

async fn reads(database: &SqliteDatabase, bytes: usize) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for index in 0..20_000 {
        let key = Key::new(format!("ws/{bytes}/1/0"), format!("{:04}", index * 7 % 1_000));
        let begun = Instant::now();
        database.get(&key).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

async fn messages(queue: &Arc<SqliteQueue>, workers: usize) -> Result<f64> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..workers {
        let queue = Arc::clone(queue);
        tasks.spawn(async move {
            let mut count = 0;
            while begun.elapsed() < Duration::from_secs(3) {
                queue.send(QueueName::Trial, &[Outgoing::now(json!({ "trial": "trl_1" }))]).await?;
                for held in queue.receive(QueueName::Trial, 1, Duration::ZERO, Duration::from_mins(1)).await?
                {
                    queue.delete(QueueName::Trial, &held.receipt).await?;
                    count += 1;
                }
            }
            Ok(count)
        });
    }
    let counts: Result<Vec<i32>> = tasks.join_all().await.into_iter().collect();
    Ok(f64::from(counts?.iter().sum::<i32>()) / begun.elapsed().as_secs_f64())
}

async fn puts(storage: &FileStorage, bytes: usize) -> Result<Vec<Duration>> {
    let content = vec![7; bytes];
    let mut times = Vec::new();
    for index in 0..200 {
        let begun = Instant::now();
        storage.put(&format!("ws/{bytes}/runs/{index}/model.bin"), &content).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// The median and the 99th percentile.
fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    format!("p50 {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100])
}
