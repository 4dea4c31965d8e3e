//! A mirror is what is behind it, whatever happens in between, and gives it back.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

use async_trait::async_trait;
use fettle_backend::clock::{Clock, SystemClock, TestClock};
use fettle_backend::ports::{
    Condition, Database, Error, ErrorKind, Item, Key, Page, Query, Result, Storage, Write,
};
use fettle_embedded::mirror::{Keeping, Mirror, MirroredDatabase, MirroredStorage, Restored, State, round};
use fettle_embedded::{FileStorage, SqliteDatabase};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

type Databases = Arc<dyn Database>;
type Storages = Arc<dyn Storage>;

/// A store that keeps its state until it is dropped, as an emulator does.
fn store(clock: &Arc<dyn Clock>) -> (Databases, Storages, TempDir) {
    let directory = TempDir::new().unwrap();
    let database = SqliteDatabase::open(directory.path().join("platform.db"), Arc::clone(clock)).unwrap();
    let objects = directory.path().join("objects");
    let storage = FileStorage::open(objects, "http://127.0.0.1:8080", [7; 32], Arc::clone(clock)).unwrap();
    (Arc::new(database), Arc::new(storage), directory)
}

fn system() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn keeping() -> Keeping {
    Keeping { every: Duration::from_millis(10), uploads: vec!["default/uploads/".into()] }
}

/// A mirror and a store of its own behind it, the gate open.
struct Rig {
    clock: Arc<TestClock>,
    database: Databases,
    storage: Storages,
    mirror: Mirror,
    directory: TempDir,
    _store: TempDir,
}

impl Rig {
    async fn new() -> Self {
        let clock = Arc::new(TestClock::at(SystemClock.now()));
        let port: Arc<dyn Clock> = Arc::<TestClock>::clone(&clock);
        let (database, storage, kept) = store(&port);
        let directory = TempDir::new().unwrap();
        let mirror = Mirror::open(directory.path(), port).unwrap();
        mirror.restore_into(&database, &storage).await.unwrap();
        Self { clock, database, storage, mirror, directory, _store: kept }
    }

    /// Another process's view.
    fn process(&self) -> Mirror {
        Mirror::open(self.directory.path(), Arc::<TestClock>::clone(&self.clock)).unwrap()
    }

    fn mirrored(&self) -> (MirroredDatabase, MirroredStorage) {
        (
            MirroredDatabase::new(Arc::clone(&self.database), self.process()),
            MirroredStorage::new(Arc::clone(&self.storage), self.process()),
        )
    }

    async fn settle(&self) -> usize {
        self.mirror.settle(&self.database, &self.storage).await.unwrap()
    }

    /// Everything that the mirror would give back, in a store of its own.
    async fn given_back(&self) -> (Databases, Storages, TempDir, Restored) {
        let (database, storage, directory) = store(&system());
        let restored = self.process().restore_into(&database, &storage).await.unwrap();
        (database, storage, directory, restored)
    }
}

fn put(key: &Key, value: u64, condition: Condition) -> Write {
    Write::Put { key: key.clone(), value: json!(value), expires_at: None, condition }
}

fn key(sort: &str) -> Key {
    Key::new("ws/things", sort)
}

async fn all(database: &Databases) -> Vec<Item> {
    let page = database.query(&Query::prefix("ws/things", "", 1_000)).await.unwrap();
    assert_eq!(page.next, None);
    page.items
}

mod conformance {
    use super::*;

    async fn open() -> (Rig, Mirror) {
        let rig = Rig::new().await;
        let mirror = Mirror::open(rig.directory.path(), system()).unwrap();
        (rig, mirror)
    }

    mod database {
        use super::*;

        async fn mirrored() -> (Databases, Rig) {
            let (rig, mirror) = open().await;
            let inner = SqliteDatabase::open(rig.directory.path().join("inner.db"), system()).unwrap();
            let inner: Databases = Arc::new(inner);
            mirror.restore_into(&inner, &rig.storage).await.unwrap();
            (Arc::new(MirroredDatabase::new(inner, mirror)), rig)
        }

        fettle_backend::database_suite!(mirrored());
    }

    mod storage {
        use super::*;

        async fn mirrored() -> (Storages, Rig) {
            let (rig, mirror) = open().await;
            (Arc::new(MirroredStorage::new(Arc::clone(&rig.storage), mirror)), rig)
        }

        fettle_backend::storage_suite!(mirrored());
    }
}

#[tokio::test]
async fn a_lost_store_is_given_back_whole() {
    let rig = Rig::new().await;
    let (database, storage) = rig.mirrored();
    for value in 1..=5 {
        database.write(&[put(&key("often"), value, Condition::Any)]).await.unwrap();
    }
    database.write(&[put(&key("once"), 1, Condition::Absent)]).await.unwrap();
    database.write(&[put(&key("gone"), 1, Condition::Absent)]).await.unwrap();
    database.write(&[Write::remove(key("gone"))]).await.unwrap();
    let lasting = Timestamp::from_second(4_000_000_000).unwrap();
    let expiring = |sort: &str, expires_at| Write::Put {
        key: key(sort),
        value: json!({"text": "é", "number": 0.1}),
        expires_at: Some(expires_at),
        condition: Condition::Any,
    };
    database.write(&[expiring("lasting", lasting)]).await.unwrap();
    database.write(&[expiring("short", rig.clock.now() + SignedDuration::from_mins(1))]).await.unwrap();
    let restored = Item { key: key("restored"), value: json!([1]), version: 41, expires_at: Some(lasting) };
    database.restore(std::slice::from_ref(&restored)).await.unwrap();
    storage.put("ws/a", b"first").await.unwrap();
    storage.put("ws/a", b"second").await.unwrap();
    storage.create("ws/A", b"").await.unwrap();
    assert!(storage.create("ws/A", b"late").await.unwrap_err().is_conflict());
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    storage.put_stream("ws/a/long", Box::pin(std::io::Cursor::new(bytes.clone())), u64::MAX).await.unwrap();
    storage.put("ws/removed", b"x").await.unwrap();
    storage.delete("ws/removed").await.unwrap();

    rig.clock.advance(SignedDuration::from_mins(2));
    let before = all(&rig.database).await;
    let (database, storage, _kept, restored) = rig.given_back().await;
    assert_eq!(all(&database).await, before);
    assert_eq!(before.iter().map(|item| item.version).collect::<Vec<_>>(), [1, 5, 1, 41]);
    assert_eq!(restored, Restored { items: 4, objects: 3, bytes: 3_000_006 });
    assert_eq!(storage.get("ws/a").await.unwrap(), b"second");
    assert_eq!(storage.get("ws/A").await.unwrap(), b"");
    assert!(storage.get("ws/a/long").await.unwrap() == bytes);
    assert!(storage.get("ws/removed").await.unwrap_err().is_not_found());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_write_the_same_leave_the_mirror_as_what_is_behind() {
    let rig = Rig::new().await;
    let mut writers = tokio::task::JoinSet::new();
    for process in 0..4_u64 {
        let (database, storage) = rig.mirrored();
        writers.spawn(async move {
            for step in 0..40_u64 {
                let at = (process * 7 + step * 3) % 5;
                let (one, other) = (key(&format!("{at}")), key(&format!("{}", (at + 1) % 5)));
                let value = process * 1_000 + step;
                let writes = match step % 4 {
                    0 => vec![Write::remove(one)],
                    1 => vec![put(&one, value, Condition::Any), put(&other, value, Condition::Any)],
                    _ => vec![put(&one, value, Condition::Any)],
                };
                database.write(&writes).await.unwrap();
                let object = format!("ws/{at}");
                if step % 5 == 0 {
                    storage.delete(&object).await.unwrap();
                } else {
                    storage.put(&object, format!("{value}").repeat(1_000).as_bytes()).await.unwrap();
                }
            }
        });
    }
    writers.join_all().await;

    let before = all(&rig.database).await;
    let (database, storage, _kept, _) = rig.given_back().await;
    assert_eq!(all(&database).await, before);
    for at in 0..5 {
        let object = format!("ws/{at}");
        assert_eq!(storage.get(&object).await.ok(), rig.storage.get(&object).await.ok(), "{object}");
    }
    // Nobody left a note.
    rig.clock.advance(SignedDuration::from_mins(10));
    let (database, _) = rig.mirrored();
    rig.mirror.restore_into(&rig.database, &rig.storage).await.unwrap();
    database.get(&key("0")).await.unwrap();
    assert_eq!(rig.settle().await, 0);
}

/// A database that fails as it is told to, before the one behind or after it.
struct Faulty {
    inner: Databases,
    before: AtomicUsize,
    unknown: AtomicUsize,
    hang: AtomicBool,
}

impl Faulty {
    fn new(inner: &Databases) -> Arc<Self> {
        let (before, unknown) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { inner: Arc::clone(inner), before, unknown, hang: AtomicBool::new(false) })
    }
}

fn one_of(count: &AtomicUsize) -> Result<()> {
    match count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
        Ok(_) => Err(Error::new(ErrorKind::Unavailable, "told to fail")),
        Err(_) => Ok(()),
    }
}

#[async_trait]
impl Database for Faulty {
    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        one_of(&self.before)?;
        if self.hang.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.inner.get(key).await
    }

    async fn write(&self, writes: &[Write]) -> Result<()> {
        self.inner.write(writes).await?;
        one_of(&self.unknown)
    }

    async fn query(&self, query: &Query) -> Result<Page> {
        self.inner.query(query).await
    }

    async fn restore(&self, items: &[Item]) -> Result<()> {
        self.inner.restore(items).await
    }
}

async fn kept(rig: &Rig, sort: &str) -> Option<(u64, serde_json::Value)> {
    let (database, _, _kept, _) = rig.given_back().await;
    database.get(&key(sort)).await.unwrap().map(|item| (item.version, item.value))
}

#[tokio::test]
async fn a_writer_killed_before_the_mirror_is_made_up_for() {
    let rig = Rig::new().await;
    let faulty = Faulty::new(&rig.database);
    let database = MirroredDatabase::new(Arc::<Faulty>::clone(&faulty), rig.process());
    database.write(&[put(&key("a"), 1, Condition::Absent)]).await.unwrap();

    faulty.hang.store(true, Ordering::SeqCst);
    let writes = [put(&key("a"), 2, Condition::Version(1))];
    let killed = tokio::time::timeout(Duration::from_millis(300), database.write(&writes)).await;
    assert!(killed.is_err(), "it should have been killed in the middle");
    assert_eq!(rig.database.get(&key("a")).await.unwrap().unwrap().version, 2);

    rig.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(rig.settle().await, 1);
    assert_eq!(rig.settle().await, 1, "it is looked at again: the write may still be on its way");
    rig.clock.advance(SignedDuration::from_mins(3));
    assert_eq!(rig.settle().await, 1);
    assert_eq!(rig.settle().await, 0);
    assert_eq!(kept(&rig, "a").await, Some((2, json!(2))));
}

#[tokio::test]
async fn an_unknown_outcome_is_found_out() {
    let rig = Rig::new().await;
    let faulty = Faulty::new(&rig.database);
    let database = MirroredDatabase::new(Arc::<Faulty>::clone(&faulty), rig.process());
    for (count, sort) in [(&faulty.unknown, "unknown"), (&faulty.before, "unread")] {
        count.store(1, Ordering::SeqCst);
        let refused = database.write(&[put(&key(sort), 1, Condition::Absent)]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
    }
    // What is known not to have happened leaves nothing.
    let refused = database.write(&[put(&key("unknown"), 1, Condition::Absent)]).await.unwrap_err();
    assert!(refused.is_conflict());
    rig.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(rig.settle().await, 2);
    assert_eq!(kept(&rig, "unknown").await, Some((1, json!(1))));
    assert_eq!(kept(&rig, "unread").await, Some((1, json!(1))));
}

#[tokio::test]
async fn an_emptied_store_does_not_empty_the_mirror() {
    let rig = Rig::new().await;
    let (database, storage) = rig.mirrored();
    database.write(&[put(&key("a"), 1, Condition::Absent)]).await.unwrap();
    storage.put("ws/a", b"bytes").await.unwrap();

    // The table and the bucket are there again, but nobody has restored them yet.
    let (empty, bare, _kept) = store(&system());
    let database = MirroredDatabase::new(empty, rig.process());
    let refused = database.write(&[Write::remove(key("a"))]).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    let storage = MirroredStorage::new(bare, rig.process());
    assert_eq!(storage.delete("ws/a").await.unwrap_err().kind(), ErrorKind::Unavailable);

    let (_, storage, _kept, restored) = rig.given_back().await;
    assert_eq!((restored.items, restored.objects), (1, 1));
    assert_eq!(storage.get("ws/a").await.unwrap(), b"bytes");
}

#[tokio::test]
async fn the_gate_keeps_all_out_until_a_keeper_has_looked() {
    let (database, storage, _kept) = store(&system());
    let directory = TempDir::new().unwrap();
    let open = || Mirror::open(directory.path(), system()).unwrap();
    let mirrored = MirroredDatabase::new(Arc::clone(&database), open());
    let objects = MirroredStorage::new(Arc::clone(&storage), open());
    let unavailable = |error: Error| assert_eq!(error.kind(), ErrorKind::Unavailable);
    unavailable(mirrored.get(&key("a")).await.unwrap_err());
    unavailable(mirrored.query(&Query::prefix("ws", "", 1)).await.unwrap_err());
    unavailable(mirrored.write(&[put(&key("a"), 1, Condition::Any)]).await.unwrap_err());
    unavailable(objects.put("ws/a", b"x").await.unwrap_err());
    unavailable(objects.get("ws/a").await.unwrap_err());
    unavailable(objects.list("ws", None, 1).await.unwrap_err());
    assert_eq!(database.get(&key("a")).await.unwrap(), None);

    let state = round(&open(), &database, &storage, &keeping(), async || Ok(())).await;
    assert!(matches!(state, State::Restored(Restored { items: 0, .. })), "{state:?}");
    mirrored.write(&[put(&key("a"), 1, Condition::Any)]).await.unwrap();
    assert!(objects.get("ws/a").await.unwrap_err().is_not_found());
}

/// A store whose connection is lost and comes back, perhaps to another store.
struct Switched {
    behind: Mutex<Option<Databases>>,
}

impl Switched {
    fn now(&self) -> Result<Databases> {
        let behind = self.behind.lock().unwrap().clone();
        behind.ok_or_else(|| Error::new(ErrorKind::Unavailable, "connection refused"))
    }
}

#[async_trait]
impl Database for Switched {
    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        self.now()?.get(key).await
    }

    async fn write(&self, writes: &[Write]) -> Result<()> {
        self.now()?.write(writes).await
    }

    async fn query(&self, query: &Query) -> Result<Page> {
        self.now()?.query(query).await
    }

    async fn restore(&self, items: &[Item]) -> Result<()> {
        self.now()?.restore(items).await
    }
}

#[tokio::test]
async fn a_keeper_restores_a_store_that_comes_back_empty() {
    let rig = Rig::new().await;
    let switched = Arc::new(Switched { behind: Mutex::new(Some(Arc::clone(&rig.database))) });
    let behind: Databases = Arc::<Switched>::clone(&switched);
    let database = MirroredDatabase::new(Arc::clone(&behind), rig.process());
    database.write(&[put(&key("a"), 1, Condition::Absent)]).await.unwrap();
    database.write(&[put(&key("a"), 2, Condition::Version(1))]).await.unwrap();

    let (empty, _, _kept) = store(&system());
    let provisioned = AtomicUsize::new(0);
    let provision = async || {
        provisioned.fetch_add(1, Ordering::SeqCst);
        // Nobody may use what is being made.
        assert_eq!(database.get(&key("a")).await.unwrap_err().kind(), ErrorKind::Unavailable);
        let mut behind = switched.behind.lock().unwrap();
        if behind.is_none() && provisioned.load(Ordering::SeqCst) <= 2 {
            return Err(Error::new(ErrorKind::Unavailable, "connection refused"));
        }
        *behind = Some(Arc::clone(&empty));
        Ok(())
    };
    let look = async || round(&rig.mirror, &behind, &rig.storage, &keeping(), &provision).await;
    assert!(matches!(look().await, State::Ready));
    assert_eq!(provisioned.load(Ordering::SeqCst), 0);

    *switched.behind.lock().unwrap() = None;
    for _ in 0..2 {
        assert!(matches!(look().await, State::Unavailable(_)));
    }
    let state = look().await;
    assert!(matches!(state, State::Restored(Restored { items: 1, .. })), "{state:?}");
    let item = database.get(&key("a")).await.unwrap().unwrap();
    assert_eq!((item.version, item.value), (2, json!(2)));
    assert!(matches!(look().await, State::Ready));
    // A stale version is still one.
    let refused = database.write(&[put(&key("a"), 9, Condition::Version(1))]).await.unwrap_err();
    assert!(refused.is_conflict());
    database.write(&[put(&key("a"), 3, Condition::Version(2))]).await.unwrap();
}

#[tokio::test]
async fn another_mirror_s_store_is_not_touched() {
    let rig = Rig::new().await;
    let (database, _) = rig.mirrored();
    database.write(&[put(&key("a"), 1, Condition::Absent)]).await.unwrap();
    let other = TempDir::new().unwrap();
    let other = Mirror::open(other.path(), system()).unwrap();
    let state = round(&other, &rig.database, &rig.storage, &keeping(), async || Ok(())).await;
    assert!(matches!(state, State::Foreign), "{state:?}");
    let mirrored = MirroredDatabase::new(Arc::clone(&rig.database), other);
    assert_eq!(mirrored.get(&key("a")).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let state = round(&rig.mirror, &rig.database, &rig.storage, &keeping(), async || Ok(())).await;
    assert!(matches!(state, State::Ready), "{state:?}");
}

#[tokio::test]
async fn a_restore_that_was_cut_short_is_done_again() {
    let rig = Rig::new().await;
    let (database, storage) = rig.mirrored();
    database.write(&[put(&key("a"), 1, Condition::Absent)]).await.unwrap();
    storage.put("ws/a", b"bytes").await.unwrap();
    let (fresh, bare, _kept) = store(&system());
    let broken: Databases = Arc::new(Switched { behind: Mutex::new(None) });
    rig.process().restore_into(&broken, &bare).await.unwrap_err();
    assert_eq!(database.get(&key("a")).await.unwrap_err().kind(), ErrorKind::Unavailable);

    let [one, other] = [rig.process(), rig.process()];
    let keeping = keeping();
    let (one, other) = tokio::join!(
        round(&one, &fresh, &bare, &keeping, async || Ok(())),
        round(&other, &fresh, &bare, &keeping, async || Ok(())),
    );
    let restored = [&one, &other].into_iter().filter(|state| matches!(state, State::Restored(_))).count();
    assert_eq!(restored, 1, "of two keepers one restores: {one:?}, {other:?}");
    assert_eq!(fresh.get(&key("a")).await.unwrap().unwrap().version, 1);
    assert_eq!(bare.get("ws/a").await.unwrap(), b"bytes");
}

#[tokio::test]
async fn uploads_past_the_mirror_are_copied() {
    let rig = Rig::new().await;
    rig.storage.put("default/uploads/ds_1/a", b"uploaded").await.unwrap();
    rig.storage.put("default/other", b"not asked for").await.unwrap();
    let look = async || round(&rig.mirror, &rig.database, &rig.storage, &keeping(), async || Ok(())).await;
    assert!(matches!(look().await, State::Ready));
    let copied = |key: &'static str| {
        let rig = &rig;
        async move {
            let (_, storage, _kept, _) = rig.given_back().await;
            rig.mirror.restore_into(&rig.database, &rig.storage).await.unwrap();
            storage.get(key).await.ok()
        }
    };
    assert_eq!(copied("default/uploads/ds_1/a").await.as_deref(), Some(&b"uploaded"[..]));
    assert_eq!(copied("default/other").await, None);
    rig.storage.delete("default/uploads/ds_1/a").await.unwrap();
    assert!(matches!(look().await, State::Ready));
    assert_eq!(copied("default/uploads/ds_1/a").await, None);
}

#[tokio::test]
async fn a_directory_of_something_else_is_refused() {
    let directory = TempDir::new().unwrap();
    SqliteDatabase::open(directory.path().join("mirror.db"), system()).unwrap();
    let refused = Mirror::open(directory.path(), system()).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}
