//! Uploads that go wrong: gone, too large, told of twice, or not what was announced.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

use fettle_backend::app::{App, Slots};
use fettle_backend::clock::{Clock, SystemClock};
use fettle_backend::datasets::{self, Dataset, NewDataset, Status, Uploaded};
use fettle_backend::ids::{Ids, SystemEntropy};
use fettle_backend::keys::{DEFAULT_WORKSPACE, KeyAuth};
use fettle_backend::limits::Limits;
use fettle_backend::operation::Call;
use fettle_backend::permission::Role;
use fettle_backend::ports::{Caller, Database, Queue};
use fettle_embedded::{FileKeys, FileStorage, LogNotifier, SqliteDatabase, SqliteQueue, ThreadCompute};
use std::sync::Arc;
use tempfile::TempDir;

const TABLE: &[u8] = b"a,b\n1,2\n3,4\n";

fn app(directory: &TempDir) -> App {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let path = |name: &str| directory.path().join(name);
    let database: Arc<dyn Database> = Arc::new(SqliteDatabase::open(path("db"), Arc::clone(&clock)).unwrap());
    let queue: Arc<dyn Queue> = Arc::new(SqliteQueue::open(path("queue"), Arc::clone(&clock)).unwrap());
    let storage = FileStorage::open(path("files"), "http://fettle.test", [7; 32], Arc::clone(&clock));
    let slots = Slots {
        storage: Arc::new(storage.unwrap()),
        auth: Arc::new(KeyAuth::new(Arc::clone(&database))),
        database,
        secrets: Arc::new(FileKeys::open(path("key"))),
        compute: Arc::new(ThreadCompute::new(Arc::clone(&queue), "boot-1")),
        queue,
        notifier: Arc::new(LogNotifier),
    };
    let ids = Ids::new(Arc::clone(&clock), Arc::new(SystemEntropy));
    let limits = Limits { upload_bytes: 1_000, ..Limits::default() };
    App::new(slots, clock, ids, limits, "boot-1".into())
}

fn call() -> Call {
    let caller = Caller { workspace: DEFAULT_WORKSPACE.into(), subject: "test".into(), role: Role::Admin };
    Call { caller: Some(caller), ..Call::default() }
}

fn new(name: &str) -> NewDataset {
    NewDataset { name: name.into(), bytes: None, sha256: None }
}

/// A new version that waits for its file, and where that has to lie.
async fn waiting(app: &App, name: &str) -> Uploaded {
    let dataset = datasets::create_dataset(app, &call(), new(name)).await.unwrap();
    let url = dataset.upload.unwrap().url;
    let key = url.strip_prefix("http://fettle.test/v1/storage/").unwrap().split('?').next().unwrap();
    assert!(key.starts_with(&format!("uploads/{DEFAULT_WORKSPACE}/{}/", dataset.id)), "{key}");
    Uploaded { key: key.to_owned() }
}

async fn shown(app: &App, reference: &str) -> Dataset {
    datasets::show(app, DEFAULT_WORKSPACE, reference).await.unwrap().0
}

async fn is_stored(app: &App, key: &str) -> bool {
    app.slots.storage.head(key).await.is_ok()
}

#[tokio::test]
async fn a_file_is_read_once_and_removed() {
    let directory = TempDir::new().unwrap();
    let app = app(&directory);
    let upload = waiting(&app, "table").await;
    app.slots.storage.put(&upload.key, TABLE).await.unwrap();
    datasets::ingest(&app, &upload).await.unwrap();
    let (dataset, revision) = datasets::show(&app, DEFAULT_WORKSPACE, "table").await.unwrap();
    assert_eq!((dataset.status, dataset.rows), (Status::Ready, Some(2)));
    assert!(!is_stored(&app, &upload.key).await);
    // Told again, and written again by whoever still has the address.
    datasets::ingest(&app, &upload).await.unwrap();
    app.slots.storage.put(&upload.key, b"other").await.unwrap();
    datasets::ingest(&app, &upload).await.unwrap();
    assert!(!is_stored(&app, &upload.key).await, "what nobody reads is kept");
    let (again, same) = datasets::show(&app, DEFAULT_WORKSPACE, "table").await.unwrap();
    assert_eq!((again.sha256, same), (dataset.sha256, revision));
}

#[tokio::test]
async fn a_file_that_is_gone_fails_only_the_version_that_waits_for_it() {
    let directory = TempDir::new().unwrap();
    let app = app(&directory);
    let upload = waiting(&app, "table").await;
    // The file of a version that lost against this one: another name at the end.
    let stray = Uploaded { key: format!("{}0", upload.key) };
    datasets::ingest(&app, &stray).await.unwrap();
    assert_eq!(shown(&app, "table").await.status, Status::AwaitingUpload);
    // A version that is not there (any more).
    let unknown = Uploaded { key: upload.key.replace("00000001-", "00000002-") };
    datasets::ingest(&app, &unknown).await.unwrap();

    datasets::ingest(&app, &upload).await.unwrap();
    let failed = shown(&app, "table").await;
    assert_eq!(failed.status, Status::Failed);
    let error = failed.error.unwrap();
    assert!(error.detail.contains("gone") && error.remedy.is_some(), "{error:?}");

    // The next version is its own, and a late message for the first changes nothing.
    let second = waiting(&app, "table").await;
    app.slots.storage.put(&second.key, TABLE).await.unwrap();
    datasets::ingest(&app, &second).await.unwrap();
    datasets::ingest(&app, &upload).await.unwrap();
    assert_eq!(shown(&app, "table").await.status, Status::Ready);
    assert_eq!(shown(&app, "table@1").await.status, Status::Failed);
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_where_the_storage_let_it_in() {
    let directory = TempDir::new().unwrap();
    let app = app(&directory);
    let upload = waiting(&app, "table").await;
    app.slots.storage.put(&upload.key, &[b'1'; 1_001]).await.unwrap();
    datasets::ingest(&app, &upload).await.unwrap();
    let error = shown(&app, "table").await.error.unwrap();
    assert_eq!((error.status, error.kind.as_str()), (413, "urn:fettle:problem:too-large"));
    assert!(error.detail.contains("1001") && error.detail.contains("1000"), "{error:?}");
    assert!(!is_stored(&app, &upload.key).await);
}

/// Of many that are told of one file at once, one reads it and none takes it from another.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn messages_that_come_at_once_do_not_lose_the_file() {
    let directory = TempDir::new().unwrap();
    let app = Arc::new(app(&directory));
    for round in 0..20 {
        let upload = waiting(&app, &format!("table-{round}")).await;
        app.slots.storage.put(&upload.key, TABLE).await.unwrap();
        let mut told = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (app, upload) = (Arc::clone(&app), upload.clone());
            told.spawn(async move { datasets::ingest(&app, &upload).await });
        }
        let outcomes = told.join_all().await;
        let dataset = shown(&app, &format!("table-{round}")).await;
        assert_eq!(dataset.status, Status::Ready, "{:?} {outcomes:?}", dataset.error);
    }
}

#[tokio::test]
async fn what_is_announced_is_checked() {
    let directory = TempDir::new().unwrap();
    let app = app(&directory);
    let create = async |bytes, sha256: Option<&str>| {
        let new = NewDataset { bytes, sha256: sha256.map(String::from), ..new("table") };
        datasets::create_dataset(&app, &call(), new).await
    };
    let upper = "AB".repeat(32);
    let url = create(Some(1_000), Some(&upper)).await.unwrap().upload.unwrap().url;
    assert!(url.contains("bytes=1000") && url.contains(&upper.to_lowercase()), "{url}");
    for (bytes, sha256, status, field) in [
        (Some(1_001), None, 413, "bytes"),
        (None, Some("ab"), 422, "sha256"),
        (None, Some(""), 422, "sha256"),
    ] {
        let body = create(bytes, sha256).await.unwrap_err().body();
        assert_eq!((body.status, body.place.unwrap().field.as_deref()), (status, Some(field)));
    }
}
