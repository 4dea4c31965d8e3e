//! What is there after a process was killed in the middle of its work.
//!
//! Each test runs its child (an ignored test of this same program) in a process of its own again and
//! again, on one directory, and kills it with SIGKILL. A child says on its standard output what it was
//! answered; the test then looks at what is there.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

use fettle_backend::clock::{Clock, SystemClock, TestClock};
use fettle_backend::ports::{
    Condition, Database, ErrorKind, Key, Outgoing, Query, Queue, QueueName, Storage, Write,
};
use fettle_embedded::mirror::{Mirror, MirroredDatabase, MirroredStorage};
use fettle_embedded::{DataDir, FileStorage, SqliteDatabase, SqliteQueue};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Where a child finds the directory to work in.
const DIRECTORY: &str = "FETTLE_TEST_CRASH_DIRECTORY";
const KILLS: u64 = 12;
const LONG: Duration = Duration::from_mins(5);

/// Runs a child until it has said something, a little longer, and kills it; what it said.
fn run_and_kill(child: &str, directory: &Path, round: u64) -> Vec<(String, u64)> {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", child, "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    let said = |line: String| {
        let (verb, number) = line.strip_prefix("said ")?.split_once(' ')?;
        Some((verb.to_owned(), number.parse().unwrap()))
    };
    let mut lines = output.lines().map_while(Result::ok).filter_map(said);
    let first = lines.next().expect("the child ended before it said anything");
    std::thread::sleep(Duration::from_micros(1_000 + (round * 37_813) % 150_000));
    process.kill().unwrap();
    process.wait().unwrap();
    std::iter::once(first).chain(lines).collect()
}

fn say(verb: &str, number: u64) {
    // A pipe whose reader is gone means that the test is over.
    std::io::stdout().write_all(format!("\nsaid {verb} {number}\n").as_bytes()).unwrap();
}

#[allow(clippy::disallowed_methods, reason = "how a test tells its child where to work")]
fn directory() -> Option<PathBuf> {
    std::env::var(DIRECTORY).ok().map(PathBuf::from)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn open_database(directory: &Path) -> SqliteDatabase {
    SqliteDatabase::open(directory.join("platform.db"), Arc::new(SystemClock)).unwrap()
}

fn item(index: usize) -> Key {
    Key::new(format!("ws/{}", index % 3), format!("{index}"))
}

async fn number_at(database: &SqliteDatabase, index: usize) -> u64 {
    let found = database.get(&item(index)).await.unwrap();
    found.map_or(0, |found| found.value["number"].as_u64().unwrap())
}

#[test]
#[ignore = "run by the test below, to be killed"]
fn child_that_writes_items() {
    let Some(directory) = directory() else { return };
    block_on(async {
        let database = open_database(&directory);
        let mut number = number_at(&database, 0).await;
        loop {
            number += 1;
            let value = json!({ "number": number, "fill": "x".repeat(20_000) });
            let put = |index| Write::Put {
                key: item(index),
                value: value.clone(),
                expires_at: None,
                condition: Condition::Any,
            };
            database.write(&(0..10).map(put).collect::<Vec<_>>()).await.unwrap();
            say("wrote", number);
        }
    });
}

#[test]
fn a_kill_leaves_whole_transactions_and_every_answered_one() {
    let directory = TempDir::new().unwrap();
    for round in 0..KILLS {
        let said = run_and_kill("child_that_writes_items", directory.path(), round);
        let answered = said.last().unwrap().1;
        block_on(async {
            let database = open_database(directory.path());
            let there = number_at(&database, 0).await;
            for index in 1..10 {
                assert_eq!(number_at(&database, index).await, there, "half a transaction");
            }
            assert!(there == answered || there == answered + 1, "{there} is there, {answered} was answered");
        });
    }
}

fn open_queue(directory: &Path) -> SqliteQueue {
    SqliteQueue::open(directory.join("queue.db"), Arc::new(SystemClock)).unwrap()
}

#[test]
#[ignore = "run by the test below, to be killed"]
fn child_that_sends_and_receives() {
    let Some(directory) = directory() else { return };
    block_on(async {
        let queue = open_queue(&directory);
        for number in 0.. {
            queue.send(QueueName::Trial, &[Outgoing::now(json!(number))]).await.unwrap();
            say("sent", number);
            let held = queue.receive(QueueName::Trial, 1, Duration::ZERO, LONG).await.unwrap().remove(0);
            if number % 2 == 0 {
                say("deleting", number);
                queue.delete(QueueName::Trial, &held.receipt).await.unwrap();
                say("deleted", number);
            }
        }
    });
}

#[test]
fn a_kill_loses_no_message_and_the_next_start_gives_back_what_was_held() {
    let directory = TempDir::new().unwrap();
    for round in 0..KILLS {
        let mut said: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for (verb, number) in run_and_kill("child_that_sends_and_receives", directory.path(), round) {
            said.entry(verb).or_default().insert(number);
        }
        let said = |verb: &str| said.get(verb).cloned().unwrap_or_default();
        let there = block_on(async {
            let queue = open_queue(directory.path());
            queue.release_all().await.unwrap();
            let mut there = BTreeSet::new();
            loop {
                let received = queue.receive(QueueName::Trial, 10, Duration::ZERO, LONG).await.unwrap();
                if received.is_empty() {
                    return there;
                }
                for delivery in received {
                    assert!(there.insert(delivery.body.as_u64().unwrap()), "delivered twice");
                    queue.delete(QueueName::Trial, &delivery.receipt).await.unwrap();
                }
            }
        });
        let must: BTreeSet<u64> = said("sent").difference(&said("deleting")).copied().collect();
        assert!(must.is_subset(&there), "lost: {:?}", must.difference(&there));
        assert!(said("deleted").is_disjoint(&there), "a deleted message is back");
    }
}

fn open_storage(directory: &Path) -> FileStorage {
    FileStorage::open(directory, "http://127.0.0.1:8080", [7; 32], Arc::new(SystemClock)).unwrap()
}

fn object(number: u64) -> String {
    format!("ws/objects/{}/data.bin", number % 5)
}

/// Differs from number to number, in length as well.
fn content(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(50_000 + (number as usize * 7_919) % 200_000)
}

#[test]
#[ignore = "run by the test below, to be killed"]
fn child_that_writes_objects() {
    let Some(directory) = directory() else { return };
    block_on(async {
        let storage = open_storage(&directory);
        let first: u64 = std::fs::read_to_string(directory.join("@first")).unwrap().parse().unwrap();
        for number in first.. {
            let bytes = content(number);
            if number % 2 == 0 {
                storage.put(&object(number), &bytes).await.unwrap();
            } else {
                let stream = Box::pin(std::io::Cursor::new(bytes));
                storage.put_stream(&object(number), stream, u64::MAX).await.unwrap();
            }
            say("wrote", number);
            storage.create(&format!("ws/once/{number}"), &number.to_le_bytes()).await.unwrap();
            say("created", number);
        }
    });
}

#[test]
fn a_kill_leaves_whole_objects_and_every_answered_one() {
    let directory = TempDir::new().unwrap();
    let mut answered: BTreeMap<String, u64> = BTreeMap::new();
    for round in 0..KILLS {
        std::fs::write(directory.path().join("@first"), (round * 1_000).to_string()).unwrap();
        let said = run_and_kill("child_that_writes_objects", directory.path(), round);
        for (_, number) in said.iter().filter(|(verb, _)| verb == "wrote") {
            answered.insert(object(*number), *number);
        }
        block_on(async {
            let storage = open_storage(directory.path());
            assert_eq!(std::fs::read_dir(directory.path().join("@unfinished")).unwrap().count(), 0);
            for (key, answered) in &answered {
                let bytes = storage.get(key).await.unwrap();
                let number = u64::from_le_bytes(bytes[..8].try_into().unwrap());
                assert!(number >= *answered, "{key} is {number}, {answered} was answered");
                assert!(bytes == content(number), "{key} is mixed or cut");
            }
            for (_, number) in said.iter().filter(|(verb, _)| verb == "created") {
                let key = format!("ws/once/{number}");
                assert_eq!(storage.get(&key).await.unwrap(), number.to_le_bytes());
                assert!(storage.create(&key, b"x").await.unwrap_err().is_conflict());
            }
            let once = storage.list("ws/once/", None, 1_000).await.unwrap();
            assert!(once.objects.iter().all(|object| object.bytes == 8), "{once:?}");
        });
    }
}

/// A store, and its mirror on a clock that may be ahead.
fn open_mirrored(directory: &Path, clock: Arc<dyn Clock>) -> (Arc<dyn Database>, Arc<dyn Storage>, Mirror) {
    let storage = open_storage(&directory.join("objects"));
    let mirror = Mirror::open(directory.join("mirror"), clock).unwrap();
    (Arc::new(open_database(directory)), Arc::new(storage), mirror)
}

#[test]
#[ignore = "run by the test below, to be killed"]
fn child_that_writes_through_a_mirror() {
    let Some(directory) = directory() else { return };
    block_on(async {
        let (database, storage, mirror) = open_mirrored(&directory, Arc::new(SystemClock));
        let first = database.get(&item(0)).await.unwrap().map_or(0, |item| item.version);
        let database = MirroredDatabase::new(database, mirror.clone());
        let storage = MirroredStorage::new(storage, mirror);
        for number in first + 1.. {
            let put = |index| Write::Put {
                key: item(index),
                value: json!({ "number": number }),
                expires_at: None,
                condition: Condition::Any,
            };
            database.write(&(0..5).map(put).collect::<Vec<_>>()).await.unwrap();
            say("wrote", number);
            if number % 3 == 0 {
                storage.delete(&object(number)).await.unwrap();
            } else {
                storage.put(&object(number), &number.to_le_bytes().repeat(10_000)).await.unwrap();
            }
        }
    });
}

#[test]
fn after_a_kill_a_mirror_is_settled_to_what_is_behind() {
    let directory = TempDir::new().unwrap();
    let settle = || {
        block_on(async {
            let now = SystemClock.now() + jiff::SignedDuration::from_hours(1);
            let (database, storage, mirror) = open_mirrored(directory.path(), Arc::new(TestClock::at(now)));
            if database.get(&item(0)).await.unwrap().is_some() {
                mirror.settle(&database, &storage).await.unwrap();
                let copy = TempDir::new().unwrap();
                let behind: Arc<dyn Database> = Arc::new(open_database(copy.path()));
                let objects: Arc<dyn Storage> = Arc::new(open_storage(&copy.path().join("objects")));
                mirror.restore_into(&behind, &objects).await.unwrap();
                for partition in ["ws/0", "ws/1", "ws/2"] {
                    let query = Query::prefix(partition, "", 100);
                    assert_eq!(behind.query(&query).await.unwrap(), database.query(&query).await.unwrap());
                }
                for number in 0..5 {
                    let (there, kept) =
                        (storage.get(&object(number)).await, objects.get(&object(number)).await);
                    assert!(there.ok() == kept.ok(), "{}", object(number));
                }
            }
            mirror.restore_into(&database, &storage).await.unwrap();
        });
    };
    for round in 0..KILLS {
        settle();
        let said = run_and_kill("child_that_writes_through_a_mirror", directory.path(), round);
        assert!(!said.is_empty());
    }
    settle();
}

#[test]
#[ignore = "run by the test below, to be killed"]
fn child_that_uses_a_data_directory() {
    let Some(directory) = directory() else { return };
    let _held = DataDir::open(directory, "boot-child").unwrap();
    say("holds", 1);
    std::thread::sleep(LONG);
}

#[test]
fn a_data_directory_is_one_process_s_until_it_is_killed() {
    let directory = TempDir::new().unwrap();
    let held = DataDir::open(directory.path(), "boot-parent").unwrap();
    let refused = DataDir::open(directory.path(), "boot-other").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    let said = refused.to_string();
    assert!(said.contains(&directory.path().display().to_string()), "{said}");
    assert!(said.contains(&format!("process {}", std::process::id())), "{said}");
    drop(held);

    run_and_kill("child_that_uses_a_data_directory", directory.path(), 0);
    let held = DataDir::open(directory.path(), "boot-parent").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_uses_a_data_directory", "--ignored"])
        .env(DIRECTORY, directory.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    assert!(!child.wait().unwrap().success(), "two processes share a data directory");
    drop(held);
}
