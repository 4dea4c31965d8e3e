//! What the embedded adapters promise beyond their ports.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

use fettle_backend::clock::{Clock, SystemClock, TestClock};
use fettle_backend::ports::{
    Compute, Condition, Database, Error, ErrorKind, Key, KeyRing, Notice, Notifier, Outgoing, Queue,
    QueueName, Secrets, Storage, UploadTerms, Write,
};
use fettle_embedded::{
    DataDir, FileKeys, FileStorage, Grant, SqliteDatabase, SqliteQueue, ThreadCompute, WebhookNotifier,
    key_file,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;

const LONG: Duration = Duration::from_mins(5);

fn system() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

fn noon() -> Arc<TestClock> {
    Arc::new(TestClock::at("2026-01-01T12:00:00Z".parse().unwrap()))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn files_below(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries.map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}

mod databases {
    use super::*;

    fn open(path: &Path) -> Result<SqliteDatabase, Error> {
        SqliteDatabase::open(path, system())
    }

    fn refusal(path: &Path) -> (ErrorKind, String) {
        let error = open(path).err().expect("the file was opened");
        (error.kind(), error.to_string())
    }

    #[tokio::test]
    async fn what_was_written_is_there_after_a_start_and_only_the_owner_s() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("platform.db");
        let key = Key::new("ws", "a");
        for version in 0..3 {
            let database = open(&path).unwrap();
            assert_eq!(database.get(&key).await.unwrap().map_or(0, |item| item.version), version);
            let condition = Condition::Any;
            let write = Write::Put { key: key.clone(), value: json!(version), expires_at: None, condition };
            database.write(&[write]).await.unwrap();
            for entry in std::fs::read_dir(directory.path()).unwrap() {
                assert_eq!(mode(&entry.unwrap().path()), 0o600);
            }
        }
    }

    #[test]
    fn a_file_of_another_format_or_program_is_refused() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("platform.db");
        drop(open(&path).unwrap());
        rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
        let (kind, text) = refusal(&path);
        assert_eq!(kind, ErrorKind::Invalid);
        assert!(text.contains("platform.db has format 2, and this program knows format 1"), "{text}");

        let queue = directory.path().join("queue.db");
        drop(SqliteQueue::open(&queue, system()).unwrap());
        assert_eq!(refusal(&queue).0, ErrorKind::Invalid);
        let other = directory.path().join("other.db");
        rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
        assert_eq!(refusal(&other).0, ErrorKind::Invalid);
        assert_eq!(refusal(&directory.path().join("missing/platform.db")).0, ErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn a_damaged_file_is_said_to_be_damaged() {
        let directory = TempDir::new().unwrap();
        let rubbish = directory.path().join("rubbish.db");
        std::fs::write(&rubbish, "rubbish ".repeat(1_000)).unwrap();
        let (kind, text) = refusal(&rubbish);
        assert_eq!(kind, ErrorKind::Corrupt);
        assert!(text.contains("rubbish.db is damaged"), "{text}");

        // Damage further inside is found when it is read.
        let path = directory.path().join("platform.db");
        let database = open(&path).unwrap();
        for part in 0..3 {
            let create =
                |index| Write::create(Key::new("ws", format!("{part}/{index:03}")), json!("x".repeat(900)));
            database.write(&(0..100).map(create).collect::<Vec<_>>()).await.unwrap();
        }
        drop(database);
        let mut bytes = std::fs::read(&path).unwrap();
        let length = bytes.len();
        bytes[3 * 4096..length].fill(0xa5);
        std::fs::write(&path, bytes).unwrap();
        let database = open(&path).unwrap();
        let error = database.get(&Key::new("ws", "1/050")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }

    #[tokio::test]
    async fn what_has_expired_is_removed_in_the_end() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("platform.db");
        let clock = noon();
        let database = SqliteDatabase::open(&path, clock.clone()).unwrap();
        let expires_at = Some(clock.now() + SignedDuration::from_mins(5));
        for part in 0..3 {
            let put = |index| Write::Put {
                key: Key::new("ws", format!("{part}/{index}")),
                value: json!(index),
                expires_at: expires_at.filter(|_| index < 90),
                condition: Condition::Absent,
            };
            database.write(&(0..100).map(put).collect::<Vec<_>>()).await.unwrap();
        }
        let rows = || {
            let connection = rusqlite::Connection::open(&path).unwrap();
            connection.query_row("SELECT count(*) FROM items", [], |row| row.get::<_, i64>(0)).unwrap()
        };
        assert_eq!(rows(), 300);
        clock.advance(SignedDuration::from_mins(5));
        let remove_nothing = [Write::remove(Key::new("ws", "none"))];
        for expected in [200, 100, 30, 30] {
            database.write(&remove_nothing).await.unwrap();
            assert_eq!(rows(), expected);
        }
    }

    #[tokio::test]
    async fn an_item_may_live_to_the_end_of_time() {
        let directory = TempDir::new().unwrap();
        let database = open(&directory.path().join("platform.db")).unwrap();
        let key = Key::new("ws", "a");
        let expires_at = Some(Timestamp::MAX);
        let condition = Condition::Absent;
        database
            .write(&[Write::Put { key: key.clone(), value: json!(1), expires_at, condition }])
            .await
            .unwrap();
        let kept = database.get(&key).await.unwrap().unwrap().expires_at.unwrap();
        assert_eq!(kept.as_second(), Timestamp::MAX.as_second());
    }

    #[tokio::test]
    async fn a_failed_write_leaves_those_that_share_its_commit_alone() {
        let directory = TempDir::new().unwrap();
        let database = Arc::new(open(&directory.path().join("platform.db")).unwrap());
        let mut tasks = JoinSet::new();
        for index in 0..200_u64 {
            let database = Arc::clone(&database);
            // Every other write fails, after it has written something.
            let condition = if index % 2 == 0 { Condition::Absent } else { Condition::Version(1) };
            let writes = [
                Write::create(Key::new("ws", format!("a/{index}")), json!(index)),
                Write::Put {
                    key: Key::new("ws", format!("b/{index}")),
                    value: json!(index),
                    expires_at: None,
                    condition,
                },
            ];
            tasks.spawn(async move { (index, database.write(&writes).await) });
        }
        for (index, result) in tasks.join_all().await {
            let expected = if index % 2 == 0 { None } else { Some(ErrorKind::Conflict { at: 1 }) };
            assert_eq!(result.err().map(|error| error.kind()), expected);
            let there = database.get(&Key::new("ws", format!("a/{index}"))).await.unwrap().is_some();
            assert_eq!(there, index % 2 == 0);
        }
    }

    #[tokio::test]
    async fn a_page_is_bounded_in_bytes_too() {
        let directory = TempDir::new().unwrap();
        let database = open(&directory.path().join("platform.db")).unwrap();
        for index in 0..12 {
            let value = json!("x".repeat(1_000_000));
            database.write(&[Write::create(Key::new("ws", format!("{index:02}")), value)]).await.unwrap();
        }
        let mut query = fettle_backend::ports::Query::prefix("ws", "", 1_000);
        let mut sizes = Vec::new();
        loop {
            let page = database.query(&query).await.unwrap();
            sizes.push(page.items.len());
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(sizes, [4, 4, 4]);
    }
}

mod queues {
    use super::*;

    #[tokio::test]
    async fn a_start_gives_back_what_was_held_and_leaves_what_is_delayed() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("queue.db");
        let clock = noon();
        let queue = SqliteQueue::open(&path, clock.clone()).unwrap();
        let delayed = Outgoing { body: json!("delayed"), delay: Duration::from_mins(1) };
        queue.send(QueueName::Trial, &[Outgoing::now(json!("held")), delayed]).await.unwrap();
        queue.send(QueueName::Ingest, &[Outgoing::now(json!("held too"))]).await.unwrap();
        for name in [QueueName::Trial, QueueName::Ingest] {
            assert_eq!(queue.receive(name, 10, Duration::ZERO, LONG).await.unwrap().len(), 1);
        }
        drop(queue);

        let queue = SqliteQueue::open(&path, clock.clone()).unwrap();
        assert_eq!(queue.receive(QueueName::Trial, 10, Duration::ZERO, LONG).await.unwrap(), []);
        assert_eq!(queue.release_all().await.unwrap(), 2);
        let again = queue.receive(QueueName::Trial, 10, Duration::ZERO, LONG).await.unwrap();
        assert_eq!(again.len(), 1);
        assert_eq!((&again[0].body, again[0].attempt), (&json!("held"), 2));
        clock.advance(SignedDuration::from_mins(1));
        let later = queue.receive(QueueName::Trial, 10, Duration::ZERO, LONG).await.unwrap();
        assert_eq!(later[0].body, json!("delayed"));
    }

    #[tokio::test]
    async fn times_are_the_clock_s() {
        let directory = TempDir::new().unwrap();
        let clock = noon();
        let queue = SqliteQueue::open(directory.path().join("queue.db"), clock.clone()).unwrap();
        queue.send(QueueName::Trial, &[Outgoing::now(json!(1))]).await.unwrap();
        for attempt in 1..=<dyn Queue>::MAX_DELIVERIES {
            let received = queue.receive(QueueName::Trial, 1, Duration::ZERO, LONG).await.unwrap();
            assert_eq!(received[0].attempt, attempt);
            clock.advance(SignedDuration::from_secs(299));
            assert_eq!(queue.receive(QueueName::Trial, 1, Duration::ZERO, LONG).await.unwrap(), []);
            assert_eq!(queue.dead_letters(QueueName::Trial, 1).await.unwrap(), []);
            clock.advance(SignedDuration::from_secs(1));
        }
        assert_eq!(queue.receive(QueueName::Trial, 1, Duration::ZERO, LONG).await.unwrap(), []);
        let dead = queue.dead_letters(QueueName::Trial, 1).await.unwrap();
        // An operator may also remove it.
        queue.delete(QueueName::Trial, &dead[0].receipt).await.unwrap();
        assert_eq!(queue.dead_letters(QueueName::Trial, 1).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_worker_of_another_life_is_gone() {
        let directory = TempDir::new().unwrap();
        let queue = Arc::new(SqliteQueue::open(directory.path().join("queue.db"), system()).unwrap());
        let compute = ThreadCompute::new(queue, "boot-2");
        for (worker, gone) in
            [("boot-2/0", false), ("boot-1/0", true), ("boot-22/0", true), ("boot-1", false)]
        {
            assert_eq!(compute.is_gone(worker).await.unwrap(), gone, "{worker}");
        }
    }
}

mod storages {
    use super::*;

    fn open(root: &Path, clock: Arc<dyn Clock>) -> FileStorage {
        FileStorage::open(root, "https://fettle.test/", [7; 32], clock).unwrap()
    }

    /// The parts of a presigned address, as the gateway has them.
    fn parts(url: &str) -> (String, BTreeMap<String, String>) {
        let (path, query) =
            url.strip_prefix("https://fettle.test/v1/storage/").unwrap().split_once('?').unwrap();
        let decode =
            |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
        let pair =
            |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), decode(value))).unwrap();
        (path.to_owned(), query.split('&').map(pair).collect())
    }

    #[tokio::test]
    async fn a_presigned_request_is_known_again() {
        let directory = TempDir::new().unwrap();
        let clock = noon();
        let storage = open(directory.path(), clock.clone());
        let valid = SignedDuration::from_mins(15);
        let upload = storage.presign_upload("ws/a.csv", &UploadTerms::at_most(1_000), valid).await.unwrap();
        assert_eq!(upload.expires_at, clock.now() + valid);
        let (key, query) = parts(&upload.url);
        assert_eq!(key, "ws/a.csv");
        let grant = Grant { max_bytes: Some(1_000), ..Grant::default() };
        assert_eq!(storage.verify("PUT", &key, &query, clock.now()), Some(grant.clone()));
        let last = upload.expires_at - SignedDuration::from_nanos(1);
        assert_eq!(storage.verify("PUT", &key, &query, last), Some(grant));
        assert_eq!(storage.verify("PUT", &key, &query, upload.expires_at), None);

        let name = "a \"name\" & é=?#/\\\r\n.csv";
        let download = storage.presign_download("ws/a.csv", name, valid).await.unwrap();
        let (key, query) = parts(&download.url);
        let grant = Grant { file_name: Some(name.into()), ..Grant::default() };
        assert_eq!(storage.verify("GET", &key, &query, clock.now()), Some(grant));
        for invalid in [SignedDuration::ZERO, -valid, SignedDuration::from_hours(24 * 8), SignedDuration::MAX]
        {
            let error = storage.presign_download("ws/a.csv", name, invalid).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
    }

    #[tokio::test]
    async fn an_upload_is_held_to_its_terms() {
        let directory = TempDir::new().unwrap();
        let storage = open(directory.path(), system());
        let file = || Box::pin(std::io::Cursor::new(b"abc".to_vec()));
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let other = abc.replace('b', "c");
        let terms = |max_bytes, bytes, sha256: Option<&str>| UploadTerms {
            max_bytes,
            bytes,
            sha256: sha256.map(String::from),
        };
        for (terms, outcome) in [
            (terms(3, None, None), Ok(3)),
            (terms(3, Some(3), Some(abc)), Ok(3)),
            (terms(9, Some(3), None), Ok(3)),
            (terms(2, None, None), Err(ErrorKind::TooLarge)),
            (terms(9, Some(2), None), Err(ErrorKind::TooLarge)),
            (terms(9, Some(4), None), Err(ErrorKind::Corrupt)),
            (terms(9, None, Some(&other)), Err(ErrorKind::Corrupt)),
            (terms(3, Some(3), Some(&other)), Err(ErrorKind::Corrupt)),
        ] {
            let valid = SignedDuration::from_mins(15);
            let upload = storage.presign_upload("ws/a", &terms, valid).await.unwrap();
            let (key, query) = parts(&upload.url);
            let grant = storage.verify("PUT", &key, &query, system().now()).unwrap();
            assert_eq!((grant.bytes, &grant.sha256), (terms.bytes, &terms.sha256));
            let accepted = storage.accept(&key, file(), &grant).await;
            assert_eq!(
                accepted.map(|object| object.bytes).map_err(|error| error.kind()),
                outcome,
                "{terms:?}"
            );
            assert_eq!(storage.head(&key).await.is_ok(), outcome.is_ok(), "{terms:?}");
            storage.delete(&key).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_presigned_request_that_was_changed_is_refused() {
        let directory = TempDir::new().unwrap();
        let clock = noon();
        let storage = open(directory.path(), clock.clone());
        let now = clock.now();
        let upload = storage
            .presign_upload("ws/a", &UploadTerms::at_most(1_000), SignedDuration::from_mins(15))
            .await
            .unwrap();
        let (key, query) = parts(&upload.url);
        let refuses = |method: &str, key: &str, query: &BTreeMap<String, String>| {
            assert_eq!(storage.verify(method, key, query, now), None, "{method} {key} {query:?}");
        };
        for method in ["GET", "put", "DELETE", "HEAD", ""] {
            refuses(method, &key, &query);
        }
        for other in ["ws/b", "ws/a/b", "ws", "", "ws/A", "ws/../ws/a"] {
            refuses("PUT", other, &query);
        }
        for (name, value) in
            [("expires", "99999999999"), ("max", "1001"), ("name", "x"), ("more", "x"), ("max", "")]
        {
            let mut changed = query.clone();
            changed.insert(name.into(), value.into());
            refuses("PUT", &key, &changed);
        }
        for name in ["expires", "max", "signature"] {
            let mut changed = query.clone();
            let value = changed.remove(name).unwrap();
            refuses("PUT", &key, &changed);
            changed.insert(name.into(), format!("0{value}"));
            refuses("PUT", &key, &changed);
            changed.insert(name.to_uppercase(), value);
            refuses("PUT", &key, &changed);
        }
        // What is moved from one parameter to the next is no longer what was signed.
        let mut moved = query.clone();
        let max = moved.remove("max").unwrap();
        moved.insert("expires".into(), format!("{}max{max}", query["expires"]));
        refuses("PUT", &key, &moved);
        let mut unlimited = query.clone();
        unlimited.remove("max").unwrap();
        unlimited.insert("ma".into(), format!("x{max}"));
        refuses("PUT", &key, &unlimited);
        let other_key =
            FileStorage::open(directory.path(), "https://fettle.test", [8; 32], clock.clone()).unwrap();
        assert_eq!(other_key.verify("PUT", &key, &query, now), None);
    }

    #[tokio::test]
    async fn what_is_unfinished_is_swept_and_what_is_not_ours_is_left() {
        let directory = TempDir::new().unwrap();
        let storage = open(directory.path(), system());
        storage.put("ws/a", b"x").await.unwrap();
        std::fs::write(directory.path().join("@unfinished/left"), "half").unwrap();
        for strange in [".DS_Store", "ws+/UPPER", "ws+/a b", "ws+/~", "ws+/~1", "lost+found"] {
            std::fs::write(directory.path().join(strange), "x").unwrap();
        }
        let storage = open(directory.path(), system());
        assert!(!directory.path().join("@unfinished/left").exists());
        let listed = storage.list("", None, 10).await.unwrap().objects;
        assert_eq!(listed.len(), 1, "{listed:?}");
        assert!(directory.path().join(".DS_Store").exists());
    }

    #[tokio::test]
    async fn failed_and_removed_writes_leave_no_file() {
        let directory = TempDir::new().unwrap();
        let storage = open(directory.path(), system());
        let stream = |bytes: usize| Box::pin(std::io::Cursor::new(vec![0; bytes]));
        assert!(storage.put_stream("ws/a", stream(5_000_000), 1_000).await.is_err());
        storage.put("ws/b", b"x").await.unwrap();
        assert!(storage.create("ws/b", b"y").await.is_err());
        // A caller who goes away in the middle.
        let (reading, _writing) = tokio::io::duplex(64);
        let endless = storage.put_stream("ws/c", Box::pin(reading), 1_000);
        assert!(tokio::time::timeout(Duration::from_millis(200), endless).await.is_err());
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(files_below(directory.path()), 1);
        storage.delete("ws/b").await.unwrap();
        assert_eq!(files_below(directory.path()), 0);
        assert!(!directory.path().join("ws+").exists(), "an empty folder is left");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn writes_and_removals_in_one_folder_do_not_disturb_each_other() {
        let directory = TempDir::new().unwrap();
        let storage = Arc::new(open(directory.path(), system()));
        let mut tasks = JoinSet::new();
        for task in 0..8 {
            let storage = Arc::clone(&storage);
            tasks.spawn(async move {
                let key = format!("ws/deep/er/{task}");
                for round in 0..50_u8 {
                    storage.put(&key, &[round]).await.unwrap();
                    assert_eq!(storage.get(&key).await.unwrap(), [round]);
                    storage.delete(&key).await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "only @unfinished is left");
    }
}

mod keys {
    use super::*;

    #[tokio::test]
    async fn a_key_file_is_made_once_and_only_the_owner_s() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("fernet.key");
        let sealed = FileKeys::open(&path).keys().await.unwrap().seal("place", "value");
        assert_eq!(mode(&path), 0o600);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(FileKeys::open(&path).keys().await.unwrap().open("place", &sealed).unwrap(), "value");
        // A new key on top seals, and the old one still opens.
        std::fs::write(&path, format!("{}\n{text}", KeyRing::generate())).unwrap();
        assert_eq!(FileKeys::open(&path).keys().await.unwrap().open("place", &sealed).unwrap(), "value");
        assert_eq!(files_below(directory.path()), 1);
    }

    #[tokio::test]
    async fn a_key_file_that_others_can_read_is_refused() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("fernet.key");
        let keys = FileKeys::open(&path);
        std::fs::write(&path, KeyRing::generate()).unwrap();
        for open in [0o640, 0o604, 0o620, 0o666, 0o601] {
            set_mode(&path, open);
            let error = keys.keys().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert!(error.to_string().contains(&format!("(mode {open:03o}): chmod 600")), "{error}");
        }
        for closed in [0o600, 0o400] {
            set_mode(&path, closed);
            FileKeys::open(&path).keys().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_key_file_that_can_not_be_used_is_never_replaced() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("fernet.key");
        for text in ["", "rubbish", "\n"] {
            std::fs::write(&path, text).unwrap();
            set_mode(&path, 0o600);
            assert_eq!(FileKeys::open(&path).keys().await.unwrap_err().kind(), ErrorKind::Corrupt);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(FileKeys::open(&path).keys().await.unwrap_err().kind(), ErrorKind::Unavailable);
        let missing = directory.path().join("missing/fernet.key");
        assert_eq!(FileKeys::open(missing).keys().await.unwrap_err().kind(), ErrorKind::Unavailable);
    }

    #[test]
    fn of_many_makers_all_get_the_same_text() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("signing.key");
        let texts: Vec<String> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..20)
                .map(|maker| {
                    let path = &path;
                    scope
                        .spawn(move || key_file::read_or_create(path, || format!("made by {maker}")).unwrap())
                })
                .collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
        assert_eq!(files_below(directory.path()), 1);
    }
}

mod data_directories {
    use super::*;

    #[test]
    fn a_data_directory_is_only_the_owner_s() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("deep/.fettle");
        let data = DataDir::open(&path, "boot-1").unwrap();
        for folder in [data.path(), &data.objects(), &data.keys()] {
            assert_eq!(mode(folder), 0o700, "{folder:?}");
        }
        assert_eq!(data.boot(), "boot-1");
        assert_eq!(data.platform_db(), path.join("platform.db"));
        assert_eq!(data.queue_db(), path.join("queue.db"));
        assert_eq!(mode(&path.join("lock")), 0o600);
    }

    #[test]
    fn what_is_no_directory_is_refused_by_name() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "x").unwrap();
        let error = DataDir::open(&path, "boot-1").unwrap_err();
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

mod webhooks {
    use super::*;

    fn notice() -> Notice {
        Notice {
            id: "evt_1".into(),
            workspace: "ws_1".into(),
            kind: "run.succeeded".into(),
            summary: "A run has ended.".into(),
            data: json!({}),
        }
    }

    #[tokio::test]
    async fn a_private_address_is_refused_in_every_spelling_and_not_called() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in [
            "127.0.0.1",
            "localhost",
            "LOCALHOST",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "0.0.0.0",
            "0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "10.0.0.1",
            "169.254.169.254",
            "192.168.0.1",
            "100.64.0.1",
            "[fd00::1]",
            "[fe80::1]",
            "user@127.0.0.1",
        ] {
            let url = format!("http://{host}:{port}/");
            let refused = match WebhookNotifier::new(&url, ["allowed.test".to_owned(), "[::2]".to_owned()]) {
                Ok(webhook) => webhook.notify(&notice()).await.unwrap_err(),
                Err(error) => error,
            };
            assert_eq!(refused.kind(), ErrorKind::Invalid, "{host}: {refused}");
        }
        let called = tokio::time::timeout(Duration::from_millis(300), listener.accept()).await;
        assert!(called.is_err(), "a private address was called");
    }

    #[tokio::test]
    async fn a_host_is_allowed_by_its_name_in_the_address() {
        for (host, allowed) in [("localhost", "LocalHost"), ("127.0.0.1", "127.0.0.1")] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{host}:{}/", listener.local_addr().unwrap().port());
            let webhook = WebhookNotifier::new(&url, [allowed.to_owned()]).unwrap();
            let (told, called) = (notice(), listener.accept());
            let (told, called) = tokio::join!(webhook.notify(&told), async { called.await.map(drop) });
            // Whoever was called has hung up.
            assert_eq!(told.unwrap_err().kind(), ErrorKind::Unavailable);
            called.unwrap();
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused_at_once() {
        for url in [
            "",
            "x",
            "/hook",
            "ftp://a.test/",
            "file:///etc/passwd",
            "http://",
            "http:///x",
            "https:",
            "//a/b",
        ] {
            let error = WebhookNotifier::new(url, []).err().unwrap_or_else(|| panic!("{url:?} was taken"));
            assert_eq!(error.kind(), ErrorKind::Invalid);
        }
    }
}
