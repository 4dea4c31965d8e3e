//! Queues with dead letters, as an operator sees them.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

use fettle_backend::app::App;
use fettle_backend::clock::{Clock, TestClock};
use fettle_backend::ids::{Ids, SystemEntropy};
use fettle_backend::limits::Limits;
use fettle_backend::operation::Call;
use fettle_backend::ports::{Outgoing, Queue, QueueName};
use fettle_backend::problem::Result;
use fettle_embedded::DataDir;
use fettle_embedded::testing::slots;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

struct World {
    app: App,
    clock: Arc<TestClock>,
    _data: (DataDir, TempDir),
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock::at(Timestamp::from_second(1_800_000_000).unwrap()));
        let time: Arc<dyn Clock> = Arc::<TestClock>::clone(&clock);
        let data = DataDir::open(directory.path(), "boot-test").unwrap();
        let slots = slots(&data, &time);
        let ids = Ids::new(Arc::clone(&time), Arc::new(SystemEntropy));
        let app = App::new(slots, time, ids, Limits::default(), "boot-test".to_owned());
        Self { app, clock, _data: (data, directory) }
    }

    /// Sends messages and receives them until they are given up.
    async fn give_up(&self, queue: QueueName, bodies: &[Value]) {
        let messages: Vec<_> = bodies.iter().cloned().map(Outgoing::now).collect();
        self.app.slots.queue.send(queue, &messages).await.unwrap();
        let second = Duration::from_secs(1);
        for _ in 0..<dyn Queue>::MAX_DELIVERIES {
            let mut held = 0;
            while held < bodies.len() {
                held += self.app.slots.queue.receive(queue, 10, Duration::ZERO, second).await.unwrap().len();
            }
            self.clock.advance(SignedDuration::from_secs(2));
        }
    }

    async fn call(&self, operation: &str, queue: &str, limit: Option<&str>) -> Result<Value> {
        let operations = fettle_observe::operations();
        let handler = operations.iter().find(|found| found.name == operation).unwrap().handler;
        let call = Call {
            path: BTreeMap::from([("queue", queue.to_owned())]),
            query: limit.map(|limit| ("limit".to_owned(), limit.to_owned())).into_iter().collect(),
            ..Call::default()
        };
        Ok(serde_json::from_slice(&handler(&self.app, call).await?.body).unwrap())
    }
}

#[tokio::test]
async fn what_was_given_up_is_seen_and_put_back() {
    let world = World::new();
    let bodies = [json!("rubbish"), json!({ "run": "run_1" }), json!(null)];
    world.give_up(QueueName::Trial, &bodies).await;
    world.app.slots.queue.send(QueueName::Trial, &[Outgoing::now(json!(1))]).await.unwrap();

    let list = world.call("queues.list", "", None).await.unwrap();
    assert_eq!(
        list["items"],
        json!([
            { "name": "ingest", "depth": 0, "dead_letters": 0, "more_dead_letters": false },
            { "name": "trial", "depth": 1, "dead_letters": 3, "more_dead_letters": false },
            { "name": "notify", "depth": 0, "dead_letters": 0, "more_dead_letters": false },
            { "name": "served", "depth": 0, "dead_letters": 0, "more_dead_letters": false },
            { "name": "batch", "depth": 0, "dead_letters": 0, "more_dead_letters": false },
        ])
    );
    let dead = world.call("queues.dead-letters", "trial", None).await.unwrap();
    let seen: Vec<_> =
        dead["items"].as_array().unwrap().iter().map(|letter| letter["body"].clone()).collect();
    assert_eq!(seen, bodies);
    assert!(dead["items"].as_array().unwrap().iter().all(|letter| letter["attempts"] == 5), "{dead}");
    let first = world.call("queues.dead-letters", "trial", Some("1")).await.unwrap();
    assert_eq!(first["items"].as_array().unwrap().len(), 1);

    assert_eq!(world.call("queues.redrive", "trial", None).await.unwrap(), json!({ "redriven": 3 }));
    assert_eq!(world.call("queues.redrive", "trial", None).await.unwrap(), json!({ "redriven": 0 }));
    let list = world.call("queues.list", "", None).await.unwrap();
    assert_eq!((&list["items"][1]["depth"], &list["items"][1]["dead_letters"]), (&json!(4), &json!(0)));
}

#[tokio::test]
async fn dead_letters_are_counted_up_to_a_bound() {
    let world = World::new();
    let bodies: Vec<Value> = (0..101).map(|number| json!(number)).collect();
    world.give_up(QueueName::Notify, &bodies).await;
    let list = world.call("queues.list", "", None).await.unwrap();
    assert_eq!(list["items"][2]["dead_letters"], 100);
    assert_eq!(list["items"][2]["more_dead_letters"], true);
    let dead = world.call("queues.dead-letters", "notify", None).await.unwrap();
    assert_eq!(dead["items"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn what_can_not_be_meant_is_refused() {
    let world = World::new();
    for operation in ["queues.dead-letters", "queues.redrive"] {
        for queue in ["", "trials", "Trial", "../trial"] {
            assert_eq!(world.call(operation, queue, None).await.unwrap_err().status(), 404, "{queue}");
        }
    }
    for limit in ["0", "21", "-1", "many"] {
        let refused = world.call("queues.dead-letters", "trial", Some(limit)).await.unwrap_err();
        assert_eq!(refused.status(), 422, "{limit}");
    }
}
