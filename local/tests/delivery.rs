//! Messages that come twice, late, after their successor or to a worker that dies in the middle: every
//! effect happens once all the same, and nothing is left over.

#![allow(clippy::unwrap_used, reason = "a test that can not go on fails")]

use fettle_backend::app::App;
use fettle_backend::clock::{Clock, TestClock};
use fettle_backend::ids::{Ids, SystemEntropy};
use fettle_backend::limits::Limits;
use fettle_backend::operation::{Call, Entry, Handler, Operation};
use fettle_backend::permission::Role;
use fettle_backend::ports::{Caller, Delivery, Query, QueueName, TrialJob};
use fettle_backend::runs::TrialMessage;
use fettle_backend::{batches, datasets, deployments, models, runs, trials};
use fettle_embedded::DataDir;
use fettle_embedded::testing::slots;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const PENGUINS: &[u8] = include_bytes!("../samples/penguins.csv");

/// A platform without its pump: the test delivers.
struct World {
    app: App,
    clock: Arc<TestClock>,
    handlers: Vec<(QueueName, Handler)>,
    tick: Handler,
    chance: u64,
    _data: DataDir,
    _directory: TempDir,
}

impl World {
    fn new(seed: u64) -> Self {
        Self::with(seed, Limits::default())
    }

    fn with(seed: u64, limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::at(Timestamp::from_second(1_800_000_000).unwrap()));
        let time: Arc<dyn Clock> = Arc::<TestClock>::clone(&clock);
        let data = DataDir::open(directory.path(), "boot-test").unwrap();
        let slots = slots(&data, &time);
        let operations: Vec<Operation> = [
            fettle_ingest::operations(),
            fettle_trial::operations(),
            fettle_batch::operations(),
            fettle_notify::operations(),
            fettle_tick::operations(),
        ]
        .into_iter()
        .flatten()
        .collect();
        let handlers = operations.iter().filter_map(|operation| match operation.entry {
            Entry::Queue(queue) => Some((queue, operation.handler)),
            _ => None,
        });
        let tick = operations.iter().find(|operation| operation.entry == Entry::Clock).unwrap().handler;
        let ids = Ids::new(Arc::clone(&time), Arc::new(SystemEntropy));
        Self {
            handlers: handlers.collect(),
            tick,
            app: App::new(slots, time, ids, limits, "boot-test".to_owned()),
            clock,
            chance: seed,
            _data: data,
            _directory: directory,
        }
    }

    /// The next number below a bound (`SplitMix64`).
    fn below(&mut self, bound: u64) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn call(body: Vec<u8>, query: &[(&str, &str)]) -> Call {
        let caller =
            Caller { workspace: "default".to_owned(), subject: "test".to_owned(), role: Role::Admin };
        let query: BTreeMap<String, String> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Call { caller: Some(caller), body, query, ..Call::default() }
    }

    /// Delivers everything that waits, badly: in any order, some twice at once, some to a worker that
    /// dies at any moment and never says so.
    async fn deliver_badly(&mut self) {
        for (queue, handler) in self.handlers.clone() {
            let mut waiting: Vec<Delivery> = Vec::new();
            loop {
                let some = self.app.slots.queue.receive(queue, 10, Duration::ZERO, Duration::from_secs(5));
                let some = some.await.unwrap();
                if some.is_empty() {
                    break;
                }
                waiting.extend(some);
            }
            while !waiting.is_empty() {
                let at = self.below(waiting.len() as u64) as usize;
                let message = waiting.swap_remove(at);
                let call = || handler(&self.app, Call::message(&message));
                match self.chance % 10 {
                    0..3 => {
                        let moment = Duration::from_micros(self.chance / 10 % 30_000);
                        // Dropped in the middle: what was written stays, the rest never happens.
                        let _ = tokio::time::timeout(moment, call()).await;
                        continue;
                    }
                    3..5 => {
                        let (a, b) = tokio::join!(call(), call());
                        a.and(b).unwrap();
                    }
                    _ => {
                        call().await.unwrap();
                        if self.chance.is_multiple_of(3) {
                            call().await.unwrap();
                        }
                    }
                }
                if !self.chance.is_multiple_of(4) {
                    self.app.slots.queue.delete(queue, &message.receipt).await.unwrap();
                }
                self.below(2);
            }
        }
        self.clock.advance(SignedDuration::from_secs(40));
        (self.tick)(&self.app, Call::default()).await.unwrap();
    }

    /// What is still to be done, in all queues' stead.
    async fn due(&self) -> usize {
        let query = Query::prefix("platform/due", "", 1000);
        self.app.slots.database.query(&query).await.unwrap().items.len()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_becomes_of_the_messages_each_thing_happens_once() {
    for seed in 1..=6 {
        let mut world = World::new(seed);
        let push = World::call(PENGUINS.to_vec(), &[]);
        datasets::push(&world.app, &push, "penguins").await.unwrap();
        let ready = |dataset: &datasets::Dataset| dataset.status == datasets::Status::Ready;
        for round in 0.. {
            assert!(round < 100, "seed {seed}: the data set is never ready");
            if ready(&datasets::show(&world.app, "default", "penguins").await.unwrap().0) {
                break;
            }
            world.deliver_badly().await;
        }

        let new = if seed % 2 == 1 {
            json!({"dataset": "penguins", "target": "species", "seed": 1, "folds": 3})
        } else {
            json!({"dataset": "penguins", "target": "species", "seed": 1, "folds": 3, "plan": "auto", "tuned": 8,
                   "estimators": ["dummy", "logistic", "knn", "decision_tree"]})
        };
        let new = serde_json::from_value(new).unwrap();
        let run = runs::start(&world.app, &World::call(Vec::new(), &[]), new).await.unwrap().id;
        for round in 0.. {
            assert!(round < 200, "seed {seed}: the run never ends");
            let over = runs::show(&world.app, "default", &run).await.unwrap().finished_at.is_some();
            if over && world.due().await == 0 {
                break;
            }
            world.deliver_badly().await;
        }

        let run = runs::show(&world.app, "default", &run).await.unwrap();
        assert_eq!(run.status, runs::RunStatus::Succeeded, "seed {seed}");
        let events = runs::events(&world.app, "default", &run.id, 0, 0).await.unwrap();
        assert!(events.over, "seed {seed}");
        let numbers: Vec<u64> = events.items.iter().map(|event| event.seq).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "seed {seed}");
        let ended: Vec<&str> = events
            .items
            .iter()
            .filter(|event| event.kind.starts_with("trial."))
            .map(|event| event.data["trial"].as_str().unwrap())
            .collect();
        let distinct: BTreeSet<&str> = ended.iter().copied().collect();
        assert_eq!((ended.len(), distinct.len()), (run.trials as usize, run.trials as usize), "seed {seed}");
        if seed % 2 == 0 {
            // Four to begin with, two rounds of tuning, five combinations.
            assert_eq!(run.trials, 4 + 8 + 5, "seed {seed}");
            let stages = events.items.iter().filter(|event| event.kind == "run.continued").count();
            assert_eq!(stages, 3, "seed {seed}");
        }
        let closed = events.items.iter().filter(|event| event.kind == "run.succeeded").count();
        assert_eq!(closed, 1, "seed {seed}");
        for entry in run.leaderboard.unwrap() {
            let lost = entry.error.as_deref().is_some_and(|error| error.contains("worker was lost"));
            assert!(entry.status == runs::TrialStatus::Succeeded || lost, "seed {seed}: {entry:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_that_no_time_suffices_for_is_given_back_and_ends_with_its_reason() {
    let mut world = World::new(1);
    datasets::push(&world.app, &World::call(PENGUINS.to_vec(), &[]), "penguins").await.unwrap();
    for round in 0.. {
        assert!(round < 100, "the data set is never ready");
        let dataset = datasets::show(&world.app, "default", "penguins").await.unwrap().0;
        if dataset.status == datasets::Status::Ready {
            break;
        }
        world.deliver_badly().await;
    }
    let new = json!({"dataset": "penguins", "target": "species", "estimators": ["gradient_boosting"], "max_trials": 1,
               "folds": 20});
    let new = serde_json::from_value(new).unwrap();
    let run = runs::start(&world.app, &World::call(Vec::new(), &[]), new).await.unwrap();
    let trial = run.leaderboard.unwrap()[0].trial.clone();
    let job = TrialJob { workspace: "default".to_owned(), run: run.id.clone(), trial };
    let message = TrialMessage::Trial(job);
    for attempt in 1..=5 {
        let before = world.app.slots.queue.depth(QueueName::Trial).await.unwrap();
        trials::work(&world.app, &message, Some(world.app.now())).await.unwrap();
        let board = runs::show(&world.app, "default", &run.id).await.unwrap().leaderboard.unwrap();
        assert_eq!(board[0].status, runs::TrialStatus::Queued, "attempt {attempt}: {board:?}");
        assert_eq!(world.app.slots.queue.depth(QueueName::Trial).await.unwrap(), before + 1);
    }
    trials::work(&world.app, &message, Some(world.app.now())).await.unwrap();
    let run = runs::show(&world.app, "default", &run.id).await.unwrap();
    assert_eq!(run.status, runs::RunStatus::Failed, "{run:?}");
    let reason = run.leaderboard.unwrap()[0].error.clone().unwrap();
    assert!(reason.contains("5 times in a row") && reason.contains("time for a fold"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_ends_though_its_messages_were_lost() {
    let mut world = World::new(2);
    datasets::push(&world.app, &World::call(PENGUINS.to_vec(), &[]), "penguins").await.unwrap();
    while datasets::show(&world.app, "default", "penguins").await.unwrap().0.status != datasets::Status::Ready
    {
        world.deliver_badly().await;
    }
    let new =
        json!({"dataset": "penguins", "target": "species", "folds": 3, "estimators": ["dummy", "logistic"]});
    let new = serde_json::from_value(new).unwrap();
    let run = runs::start(&world.app, &World::call(Vec::new(), &[]), new).await.unwrap().id;
    // As an emulator does that is started again: what was sent is gone, and nobody is told.
    let queue = &world.app.slots.queue;
    let sent = queue.receive(QueueName::Trial, 10, Duration::ZERO, Duration::from_mins(1)).await.unwrap();
    assert_eq!(sent.len(), 2);
    for message in sent {
        queue.delete(QueueName::Trial, &message.receipt).await.unwrap();
    }
    for round in 0.. {
        assert!(round < 200, "the run never ends");
        let over = runs::show(&world.app, "default", &run).await.unwrap().finished_at.is_some();
        if over && world.due().await == 0 {
            break;
        }
        world.deliver_badly().await;
    }
    assert_eq!(runs::show(&world.app, "default", &run).await.unwrap().status, runs::RunStatus::Succeeded);
}

/// A world with the penguins' species deployed as `d`, made with every message delivered well.
async fn deployed(seed: u64, limits: Limits) -> World {
    let world = World::with(seed, limits);
    let app = &world.app;
    let call = World::call(PENGUINS.to_vec(), &[]);
    datasets::push(app, &call, "penguins").await.unwrap();
    let deliver = async || {
        for (queue, handler) in &world.handlers {
            let waiting = app.slots.queue.receive(*queue, 10, Duration::ZERO, Duration::from_mins(1));
            for message in waiting.await.unwrap() {
                handler(app, Call::message(&message)).await.unwrap();
                app.slots.queue.delete(*queue, &message.receipt).await.unwrap();
            }
        }
    };
    deliver().await;
    let new = json!({"dataset": "penguins", "target": "species", "folds": 2, "estimators": ["logistic"], "max_trials": 1});
    let run =
        runs::start(app, &World::call(Vec::new(), &[]), serde_json::from_value(new).unwrap()).await.unwrap();
    deliver().await;
    let new = models::NewVersion { name: "m".to_owned(), run: Some(run.id), trial: None, onnx: None };
    models::register(app, &World::call(Vec::new(), &[]), new).await.unwrap();
    let new = serde_json::from_value(json!({"name": "d", "model": "m"})).unwrap();
    deployments::deploy(app, &World::call(Vec::new(), &[]), new).await.unwrap();
    deliver().await;
    world
}

/// The penguins, again and again, as CSV: `rows` of them, every hundredth without a number where one belongs.
fn many(rows: usize) -> String {
    let text = std::str::from_utf8(PENGUINS).unwrap();
    let mut lines = text.lines();
    let header = lines.next().unwrap();
    let all: Vec<&str> = lines.collect();
    let place = header.split(',').position(|name| name == "body_mass_g").unwrap();
    let mut many = format!("{header}\n");
    for row in 1..=rows {
        let mut cells: Vec<&str> = all[row % all.len()].split(',').collect();
        if row % 100 == 0 {
            cells[place] = "heavy";
        }
        many.push_str(&cells.join(","));
        many.push('\n');
    }
    many
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_becomes_of_the_messages_each_row_of_a_batch_is_predicted_once() {
    for seed in 1..=5 {
        let limits = Limits { batch_piece_rows: 64, ..Limits::default() };
        let mut world = deployed(seed, limits).await;
        let call = World::call(Vec::new(), &[]);
        let upload =
            batches::upload(&world.app, &call, fettle_backend::uploads::NewUpload::default()).await.unwrap();
        world.app.slots.storage.put(&upload.key, many(1000).as_bytes()).await.unwrap();
        let new = json!({"deployment": "d", "input": {"key": upload.key}, "output": {"format": "csv"}});
        let new = serde_json::from_value(new).unwrap();
        let batch = batches::start(&world.app, &call, new).await.unwrap().id;
        for round in 0.. {
            assert!(round < 200, "seed {seed}: the batch never ends");
            let shown = batches::show(&world.app, "default", &batch).await.unwrap();
            if shown.finished_at.is_some() && world.due().await == 0 {
                break;
            }
            if seed == 5 && round == 2 && shown.finished_at.is_none() {
                batches::cancel(&world.app, "default", &batch).await.unwrap();
            }
            world.deliver_badly().await;
        }
        let database = &world.app.slots.database;
        let count = async |partition: String| {
            database.query(&Query::prefix(partition, "", 1000)).await.unwrap().items.len()
        };
        assert_eq!(count(format!("default/batch/{batch}/event")).await, 1, "seed {seed}");
        assert_eq!(count("default/batch-slot".to_owned()).await, 0, "seed {seed}");
        let shown = batches::show(&world.app, "default", &batch).await.unwrap();
        if shown.status == batches::BatchStatus::Cancelled {
            assert!(batches::manifest(&world.app, "default", &batch).await.is_err());
            continue;
        }
        assert_eq!(shown.status, batches::BatchStatus::Succeeded, "seed {seed}: {shown:?}");
        assert_eq!((shown.progress.done, shown.progress.of), (16, 16), "seed {seed}");
        assert_eq!((shown.predicted, shown.faulty), (990, 10), "seed {seed}");
        let manifest = batches::manifest(&world.app, "default", &batch).await.unwrap();
        let mut rows = Vec::new();
        for part in &manifest.parts {
            let bytes = world.app.slots.storage.get(&part.file.key).await.unwrap();
            let text = String::from_utf8(bytes).unwrap();
            rows.extend(
                text.lines().skip(1).map(|line| line.split(',').next().unwrap().parse::<u64>().unwrap()),
            );
        }
        assert_eq!(rows, (1..=1000).filter(|row| row % 100 != 0).collect::<Vec<_>>(), "seed {seed}");
        let mut faults = Vec::new();
        for part in &manifest.errors {
            let bytes = world.app.slots.storage.get(&part.file.key).await.unwrap();
            let lines = String::from_utf8(bytes).unwrap();
            faults.extend(
                lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["row"].clone()),
            );
        }
        assert_eq!(faults, (1..=10).map(|row| json!(row * 100)).collect::<Vec<_>>(), "seed {seed}");
    }
}
