//! A workspace moves from one data directory to another, and nothing of it is forgotten.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

use fettle_backend::app::Slots;
use fettle_backend::backup::{Doing, Report, backup, restore};
use fettle_backend::clock::{Clock, SystemClock};
use fettle_backend::conformance::backup::{keep_busy, populate};
use fettle_backend::ids::{Ids, SystemEntropy};
use fettle_backend::keys::{self, DEFAULT_WORKSPACE};
use fettle_backend::ports::{Database, ErrorKind, Key, Storage, Write};
use fettle_embedded::testing::slots;
use fettle_embedded::{DataDir, FileStorage, SqliteDatabase};
use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn open(path: &Path) -> (Slots, DataDir) {
    let data = DataDir::open(path, "boot-test").unwrap();
    let slots = slots(&data, &clock());
    (slots, data)
}

mod suite {
    use super::*;

    fn places() -> ((Slots, Slots), [(DataDir, TempDir); 2]) {
        let [from, to] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
        let (one, one_data) = open(from.path());
        let (other, other_data) = open(to.path());
        ((one, other), [(one_data, from), (other_data, to)])
    }

    fettle_backend::backup_suite!(ready(places()));
}

/// Every row that there is, by its key.
fn rows(database: &Path) -> BTreeMap<(String, String), (i64, String)> {
    let connection = Connection::open(database).unwrap();
    let mut statement = connection.prepare("SELECT partition, sort, version, value FROM items").unwrap();
    let text = |row: &rusqlite::Row<'_>, at| String::from_utf8(row.get(at).unwrap()).unwrap();
    statement
        .query_map([], |row| Ok(((text(row, 0), text(row, 1)), (row.get(2)?, row.get(3)?))))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

fn quiet() -> Report {
    Arc::new(|_| ())
}

/// A place with one of everything, its first admin among it.
async fn full(path: &Path) -> (Slots, DataDir) {
    let (slots, data) = open(path);
    let ids = Ids::new(clock(), Arc::new(SystemEntropy));
    keys::install_first_admin(&*slots.database, &SystemClock, &keys::generate(&ids)).await.unwrap();
    populate(&slots, DEFAULT_WORKSPACE).await;
    (slots, data)
}

async fn save_from(database: &dyn Database, storage: &dyn Storage) -> Vec<u8> {
    backup(database, storage, DEFAULT_WORKSPACE, Vec::new(), true, Timestamp::UNIX_EPOCH, &quiet())
        .await
        .unwrap()
        .0
}

async fn save(slots: &Slots) -> Vec<u8> {
    save_from(&*slots.database, &*slots.storage).await
}

/// Fails when a module has records that the walk does not know of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_partition_is_forgotten() {
    let [from, to] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let (one, one_data) = full(from.path()).await;
    let (other, other_data) = open(to.path());
    restore(&other, Cursor::new(save(&one).await), false, &quiet()).await.unwrap();

    let mut before = rows(&one_data.platform_db());
    let partitions: BTreeSet<&str> = before.keys().map(|(partition, _)| partition.as_str()).collect();
    assert!(partitions.len() > 15, "the platform was used: {partitions:?}");
    // The one thing that is left behind, on purpose: it is forgotten after a day.
    before.retain(|(partition, _), _| partition != "default/idempotency");
    assert!(rows(&other_data.platform_db()) == before, "what was restored has other rows");
}

/// Every object, wherever the modules put it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_object_is_forgotten() {
    let [from, to] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let (one, _one_data) = full(from.path()).await;
    let (other, _other_data) = open(to.path());
    restore(&other, Cursor::new(save(&one).await), false, &quiet()).await.unwrap();
    let objects = one.storage.list("", None, 1000).await.unwrap().objects;
    assert!(objects.len() >= 7, "{objects:?}");
    assert_eq!(other.storage.list("", None, 1000).await.unwrap().objects, objects);
    for object in objects {
        assert!(one.storage.get(&object.key).await.unwrap() == other.storage.get(&object.key).await.unwrap());
    }
}

/// What every backup has to hold, whenever it was made; how many runs and trials were under way.
fn check_whole(rows: &BTreeMap<(String, String), (i64, String)>) -> usize {
    let of = |partition: &str| {
        let partition = partition.to_owned();
        rows.range((partition.clone(), String::new())..)
            .take_while(move |((other, _), _)| *other == partition)
            .map(|(_, (_, value))| serde_json::from_str::<Value>(value).unwrap())
            .collect::<Vec<Value>>()
    };
    for run in of("default/run") {
        let below = |part: &str| of(&format!("default/run/{}/{part}", run["id"].as_str().unwrap()));
        let over = |trial: &&Value| trial["status"] != "queued" && trial["status"] != "running";
        let trials = below("trial");
        assert_eq!(run["trials"], trials.len(), "{run}");
        assert_eq!(run["remaining"], trials.len() - trials.iter().filter(over).count(), "{run}");
        assert_eq!(run["last_event"], below("event").len(), "{run}");
        assert_eq!(below("plan").len(), 1, "{run}");
    }
    for dataset in of("default/dataset") {
        let id = dataset["id"].as_str().unwrap();
        assert_eq!(dataset["newest"], of(&format!("default/dataset/{id}")).len(), "{dataset}");
        assert!(rows.contains_key(&("default/dataset-id".to_owned(), id.to_owned())), "{dataset}");
    }
    for model in of("default/model") {
        let versions = of(&format!("default/model/{}", model["id"].as_str().unwrap()));
        assert_eq!(model["latest"], versions.len(), "{model}");
    }
    // Whatever is unfinished is due, and nothing else is but events to be told.
    let named: BTreeSet<String> = rows
        .values()
        .filter_map(|(_, value)| {
            serde_json::from_str::<Value>(value).unwrap()["due"].as_str().map(str::to_owned)
        })
        .collect();
    let due: BTreeMap<&str, &str> = rows
        .iter()
        .filter(|((partition, _), _)| partition == "platform/due")
        .map(|((_, sort), (_, value))| (sort.as_str(), value.as_str()))
        .collect();
    for key in &named {
        assert!(due.contains_key(key.as_str()), "{key} of {due:?}");
    }
    for (key, entry) in due {
        assert!(named.contains(key) || entry.contains("\"notify\""), "{key} {entry}");
    }
    named.len()
}

/// The platform goes on while it is backed up: each backup is whole all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_of_a_busy_place_is_whole() {
    let from = TempDir::new().unwrap();
    let (one, _one_data) = open(from.path());
    let working = tokio::spawn({
        let slots = one.clone();
        async move { keep_busy(&slots, DEFAULT_WORKSPACE, 8).await }
    });
    let mut archives = Vec::new();
    while !working.is_finished() {
        let report = quiet();
        let (database, storage) = (&*one.database, &*one.storage);
        let saved =
            backup(database, storage, DEFAULT_WORKSPACE, Vec::new(), true, Timestamp::UNIX_EPOCH, &report);
        // Before the first record there is nothing to back up.
        archives.extend(saved.await.ok().map(|(archive, _)| archive));
    }
    working.await.unwrap();
    let (made, mut unfinished) = (archives.len(), 0);
    for archive in archives {
        let to = TempDir::new().unwrap();
        let (other, other_data) = open(to.path());
        restore(&other, Cursor::new(archive), false, &quiet()).await.unwrap();
        unfinished += check_whole(&rows(&other_data.platform_db()));
    }
    assert!(made > 3 && unfinished > 0, "{made} backups, {unfinished} things under way");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_is_told_from_the_beginning_to_the_end() {
    let [from, to] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let (one, _one_data) = full(from.path()).await;
    let (other, _other_data) = open(to.path());
    let told = Arc::new(Mutex::new(Vec::new()));
    let report: Report = {
        let told = Arc::clone(&told);
        Arc::new(move |progress| told.lock().unwrap().push(progress))
    };
    let (database, storage) = (&*one.database, &*one.storage);
    let (archive, saved) =
        backup(database, storage, DEFAULT_WORKSPACE, Vec::new(), false, Timestamp::UNIX_EPOCH, &report)
            .await
            .unwrap();
    restore(&other, Cursor::new(archive), false, &report).await.unwrap();
    let told = told.lock().unwrap();
    let of = |doing: Doing| told.iter().filter(move |progress| progress.doing == doing);
    for (doing, all) in [
        (Doing::SavingItems, saved.items),
        (Doing::SavingObjects, saved.object_bytes),
        (Doing::Checking, saved.bytes),
        (Doing::RestoringObjects, saved.bytes),
        (Doing::RestoringItems, saved.items),
    ] {
        assert_eq!(of(doing).next_back().unwrap().done, all, "{doing:?}");
        assert!(of(doing).all(|progress| progress.done <= all), "{doing:?}");
    }
}

/// Two workspaces in one place: each backup has its own, and a restore leaves the other alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_is_left_alone() {
    let [from, to] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let (one, _one_data) = full(from.path()).await;
    let (other, other_data) = open(to.path());
    populate(&other, "neighbour").await;
    let before = rows(&other_data.platform_db());
    let archive = save(&one).await;
    for replace in [false, true] {
        restore(&other, Cursor::new(archive.clone()), replace, &quiet()).await.unwrap();
    }
    let after = rows(&other_data.platform_db());
    assert!(before.iter().all(|(key, row)| after.get(key) == Some(row)), "the neighbour was changed");

    // A key is found by its id alone: an archive can not take over a neighbour's.
    let theirs = before.iter().find(|((partition, _), _)| partition == "platform/key").unwrap().0.1.clone();
    let key = json!({ "id": theirs, "workspace": "default", "name": "n", "role": "admin", "hash": "00",
                      "created_at": "2026-03-01T12:00:00Z" });
    let write = |partition: &str| Write::create(Key::new(partition, theirs.as_str()), key.clone());
    one.database.write(&[write("platform/key"), write("default/key")]).await.unwrap();
    let problem = restore(&other, Cursor::new(save(&one).await), true, &quiet()).await.unwrap_err();
    assert!(problem.to_string().contains("another workspace's"), "{problem}");
}

/// A backup reads beside the process that writes, and leaves what that has begun alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_in_use_can_be_read_and_not_written() {
    let directory = TempDir::new().unwrap();
    assert_eq!(DataDir::open_to_read(directory.path()).unwrap_err().kind(), ErrorKind::NotFound);
    let (slots, data) = full(directory.path()).await;
    let unfinished = data.objects().join("@unfinished/of-another");
    std::fs::write(&unfinished, "half").unwrap();

    let looked = DataDir::open_to_read(directory.path()).unwrap();
    let database = SqliteDatabase::open_to_read(looked.platform_db(), clock()).unwrap();
    let storage = FileStorage::open_to_read(looked.objects(), "", [7; 32], clock()).unwrap();
    assert!(save_from(&database, &storage).await == save(&slots).await);
    assert!(unfinished.exists());

    let write = database.write(&[Write::remove(Key::new("default/model", "toys"))]).await;
    assert_eq!(write.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(slots.database.get(&Key::new("default/model", "toys")).await.unwrap().is_some());
    let objects = slots.storage.list("", None, 1000).await.unwrap().objects;
    for object in &objects {
        assert!(storage.put(&object.key, b"x").await.is_err() && storage.delete(&object.key).await.is_err());
    }
    assert_eq!(slots.storage.list("", None, 1000).await.unwrap().objects, objects);
}

#[test]
fn an_empty_file_is_not_made_a_database_by_looking_at_it() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("platform.db");
    assert!(SqliteDatabase::open_to_read(&path, clock()).is_err());
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap();
    assert!(SqliteDatabase::open_to_read(&path, clock()).is_err());
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
}
