//! Secrets on the embedded slots, with the key ring changed under them.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

use fettle_backend::app::{App, Slots};
use fettle_backend::clock::{Clock, SystemClock};
use fettle_backend::ids::{Ids, SystemEntropy};
use fettle_backend::keys::KeyAuth;
use fettle_backend::limits::Limits;
use fettle_backend::operation::Call;
use fettle_backend::permission::Role;
use fettle_backend::ports::{Caller, Database, Key, KeyRing, Write};
use fettle_backend::problem::Result;
use fettle_embedded::testing::slots;
use fettle_embedded::{DataDir, SqliteDatabase};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

struct World {
    data: DataDir,
    database: Arc<SqliteDatabase>,
    app: App,
    _directory: TempDir,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = DataDir::open(directory.path(), "boot-test").unwrap();
        let database = Arc::new(SqliteDatabase::open(data.platform_db(), Arc::new(SystemClock)).unwrap());
        let app = app(&data, &database);
        Self { data, database, app, _directory: directory }
    }

    fn key_file(&self) -> PathBuf {
        self.data.keys().join("fernet.key")
    }

    /// Puts a new key on top of the ring.
    fn add_key(&self) {
        let old = fs::read_to_string(self.key_file()).unwrap();
        fs::write(self.key_file(), format!("{}\n{old}", KeyRing::generate())).unwrap();
    }

    /// Leaves the first key alone in the ring.
    fn take_old_keys(&self) {
        let ring = fs::read_to_string(self.key_file()).unwrap();
        fs::write(self.key_file(), ring.lines().next().unwrap()).unwrap();
    }

    async fn call(&self, operation: &str, name: &str, query: &[(&str, &str)], body: &Value) -> Result<Value> {
        call(&self.app, operation, name, query, body).await
    }

    async fn put(&self, name: &str, value: &str) -> Value {
        self.call("secrets.put", name, &[], &json!({ "value": value })).await.unwrap()
    }

    async fn show(&self, name: &str) -> Value {
        self.call("secrets.show", name, &[], &Value::Null).await.unwrap()
    }

    /// Rotates page by page to the end: rotated, already, unreadable.
    async fn rotate(&self) -> (u64, u64, usize) {
        let (mut sums, mut cursor) = ((0, 0, 0), None::<String>);
        loop {
            let mut query = vec![("limit", "2")];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let part = self.call("secrets.rotate", "", &query, &Value::Null).await.unwrap();
            sums.0 += part["rotated"].as_u64().unwrap();
            sums.1 += part["already"].as_u64().unwrap();
            sums.2 += part["unreadable"].as_array().unwrap().len();
            cursor = part["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return sums;
            }
        }
    }
}

/// Another process on the same platform has an app of its own.
fn app(data: &DataDir, database: &Arc<SqliteDatabase>) -> App {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let slots = Slots {
        auth: Arc::new(KeyAuth::new(Arc::<SqliteDatabase>::clone(database))),
        database: Arc::<SqliteDatabase>::clone(database),
        ..slots(data, &clock)
    };
    let ids = Ids::new(Arc::clone(&clock), Arc::new(SystemEntropy));
    App::new(slots, clock, ids, Limits::default(), "boot-test".to_owned())
}

async fn call(app: &App, operation: &str, name: &str, query: &[(&str, &str)], body: &Value) -> Result<Value> {
    let operations = fettle_secret::operations();
    let handler = operations.iter().find(|found| found.name == operation).unwrap().handler;
    let call = Call {
        caller: Some(Caller { workspace: "default".into(), subject: "me".into(), role: Role::Admin }),
        path: BTreeMap::from([("secret", name.to_owned())]),
        query: query.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
        ..Call::default()
    };
    let reply = handler(app, call).await?;
    Ok(serde_json::from_slice(&reply.body).unwrap_or(Value::Null))
}

fn files_with(directory: &Path, text: &str) -> usize {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            if path.is_dir() {
                files_with(&path, text)
            } else {
                let bytes = fs::read(&path).unwrap();
                usize::from(bytes.windows(text.len()).any(|window| window == text.as_bytes()))
            }
        })
        .sum()
}

#[tokio::test]
async fn a_value_is_on_no_disk_and_in_no_answer() {
    let world = World::new();
    let value = "a value that is nowhere to be found";
    let mut answers = vec![world.put("token", value).await, world.show("token").await];
    answers.push(world.call("secrets.list", "", &[], &Value::Null).await.unwrap());
    answers.push(world.call("secrets.rotate", "", &[], &Value::Null).await.unwrap());
    assert!(answers.iter().all(|answer| !answer.to_string().contains("nowhere")), "{answers:?}");
    assert_eq!(answers[1]["last_four"], "ound");
    assert_eq!(files_with(world.data.path(), value), 0);
    assert_eq!(files_with(world.data.path(), "ENC:v1:"), 1, "it lies there sealed");
}

#[tokio::test]
async fn values_open_under_a_new_key_and_once_rotated_without_the_old_one() {
    let world = World::new();
    for name in ["a", "b", "c", "d", "e"] {
        world.put(name, &format!("the value of {name}")).await;
    }
    let other = app(&world.data, &world.database);
    call(&other, "secrets.show", "a", &[], &Value::Null).await.unwrap(); // It keeps the ring for a while.
    world.add_key();
    // Cut short after its first part, and begun anew.
    let first = world.call("secrets.rotate", "", &[("limit", "2")], &Value::Null).await.unwrap();
    assert_eq!((&first["rotated"], &first["already"]), (&json!(2), &json!(0)));
    assert!(first["next_cursor"].is_string());
    assert_eq!(world.rotate().await, (3, 2, 0));
    assert_eq!(world.rotate().await, (0, 5, 0));
    world.take_old_keys();
    for name in ["a", "b", "c", "d", "e"] {
        let secret = world.show(name).await;
        assert_eq!((&secret["readable"], &secret["last_four"]), (&json!(true), &json!(format!("of {name}"))));
        let seen = call(&other, "secrets.show", name, &[], &Value::Null).await.unwrap();
        assert_eq!(seen["readable"], true, "a process that kept the old ring looks again");
    }
}

#[tokio::test]
async fn what_is_written_after_a_key_was_added_is_under_it_at_once() {
    let world = World::new();
    world.put("a", "the value of a").await; // The ring is kept from now on.
    world.add_key();
    world.put("b", "the value of b").await;
    assert_eq!(world.rotate().await, (1, 1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_is_replaced_while_rotated_wins() {
    let world = World::new();
    world.put("a", "the value at first").await;
    for round in 0..20 {
        world.add_key();
        let value = format!("the value of round {round:04}");
        let (_, rotated) = tokio::join!(world.put("a", &value), world.rotate());
        assert_eq!(rotated.0 + rotated.1, 1, "{rotated:?}");
        world.take_old_keys();
        let secret = world.show("a").await;
        assert_eq!(secret["last_four"], format!("{round:04}"), "{secret}");
    }
}

#[tokio::test]
async fn a_value_whose_key_is_lost_is_told_and_kept() {
    let world = World::new();
    world.put("a", "the value of a").await;
    world.put("b", "the value of b").await;
    let kept = fs::read_to_string(world.key_file()).unwrap();
    fs::write(world.key_file(), KeyRing::generate()).unwrap();
    world.app.slots.secrets.reload().await.unwrap();

    let lost = world.show("a").await;
    assert_eq!((&lost["readable"], &lost["last_four"]), (&json!(false), &Value::Null));
    assert!(lost["remedy"].as_str().unwrap().contains("key ring"), "{lost}");
    let list = world.call("secrets.list", "", &[], &Value::Null).await.unwrap();
    assert!(list["items"].as_array().unwrap().iter().all(|secret| secret["readable"] == false), "{list}");
    let rotation = world.call("secrets.rotate", "", &[], &Value::Null).await.unwrap();
    assert_eq!(rotation["unreadable"], json!(["a", "b"]));
    assert_eq!(world.show("a").await["revision"], lost["revision"], "it stays as it is");

    // What is not needed may go, what is written anew opens, and the key's return brings the rest.
    assert_eq!(world.put("b", "another value").await["readable"], true);
    fs::write(world.key_file(), kept + "\n" + &fs::read_to_string(world.key_file()).unwrap()).unwrap();
    let found = world.show("a").await;
    assert_eq!((&found["readable"], &found["last_four"]), (&json!(true), &json!("of a")));
    assert!(found.get("remedy").is_none());
    fs::write(world.key_file(), KeyRing::generate()).unwrap();
    world.call("secrets.delete", "a", &[], &Value::Null).await.unwrap();
    assert_eq!(world.call("secrets.show", "a", &[], &Value::Null).await.unwrap_err().status(), 404);
}

#[tokio::test]
async fn a_key_ring_that_is_none_stops_what_needs_it_and_is_left_alone() {
    let world = World::new();
    world.put("a", "the value of a").await;
    fs::write(world.key_file(), "rubbish").unwrap();
    world.app.slots.secrets.reload().await.unwrap_err();
    for (operation, body) in [
        ("secrets.show", Value::Null),
        ("secrets.put", json!({ "value": "v" })),
        ("secrets.list", Value::Null),
        ("secrets.rotate", Value::Null),
    ] {
        let problem = world.call(operation, "a", &[], &body).await.unwrap_err();
        assert_eq!(problem.status(), 503, "{operation}: {problem}");
        assert!(problem.body().remedy.unwrap().contains("backup"), "{operation}");
    }
    assert_eq!(fs::read_to_string(world.key_file()).unwrap(), "rubbish");
}

#[tokio::test]
async fn a_sealed_value_opens_in_its_own_record_alone() {
    let world = World::new();
    world.put("a", "the value of a").await;
    world.put("b", "the value of b").await;
    let [a, b] = ["a", "b"].map(|name| Key::new("default/secret", name));
    let sealed = world.database.get(&a).await.unwrap().unwrap().value["sealed"].clone();
    let mut item = world.database.get(&b).await.unwrap().unwrap();
    item.value["sealed"] = sealed;
    world.database.write(&[Write::update(b, item.value, item.version)]).await.unwrap();
    assert_eq!(world.show("b").await["readable"], false);
}
