//! Every port's suite, on the embedded adapters.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

use fettle_backend::clock::{Clock, SystemClock};
use fettle_backend::ports::{Compute, Database, Notifier, Queue, Secrets, Storage};
use fettle_embedded::{
    FileKeys, FileStorage, LogNotifier, SqliteDatabase, SqliteQueue, ThreadCompute, WebhookNotifier,
};
use std::future::ready;
use std::sync::Arc;
use tempfile::TempDir;

fn directory() -> TempDir {
    TempDir::new().unwrap()
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

mod database {
    use super::*;

    fn open() -> (Arc<dyn Database>, TempDir) {
        let directory = directory();
        let database = SqliteDatabase::open(directory.path().join("platform.db"), clock()).unwrap();
        (Arc::new(database), directory)
    }

    fettle_backend::database_suite!(ready(open()));
}

mod storage {
    use super::*;

    fn open() -> (Arc<dyn Storage>, TempDir) {
        let directory = directory();
        let storage = FileStorage::open(directory.path(), "http://127.0.0.1:8080", [7; 32], clock()).unwrap();
        (Arc::new(storage), directory)
    }

    fettle_backend::storage_suite!(ready(open()));
}

mod queue {
    use super::*;

    fn open() -> (Arc<dyn Queue>, TempDir) {
        let directory = directory();
        let queue = SqliteQueue::open(directory.path().join("queue.db"), clock()).unwrap();
        (Arc::new(queue), directory)
    }

    fettle_backend::queue_suite!(ready(open()));
}

mod secrets {
    use super::*;

    fn open() -> ([Arc<dyn Secrets>; 2], TempDir) {
        let directory = directory();
        let open = || Arc::new(FileKeys::open(directory.path().join("fernet.key"))) as Arc<dyn Secrets>;
        ([open(), open()], directory)
    }

    fettle_backend::secrets_suite!(ready(open()));
}

mod compute {
    use super::*;
    use fettle_backend::conformance::compute::Fixture;
    use fettle_backend::ports::QueueName;
    use std::time::Duration;

    fn open() -> (Fixture, TempDir) {
        let directory = directory();
        let queue = Arc::new(SqliteQueue::open(directory.path().join("queue.db"), clock()).unwrap());
        let boot = "boot-0192f0c1-0000-7000-8000-000000000001";
        let fixture = Fixture {
            compute: Arc::new(ThreadCompute::new(queue.clone(), boot)) as Arc<dyn Compute>,
            living: format!("{boot}/3"),
            arrived: Box::new(move || {
                let queue = Arc::clone(&queue);
                Box::pin(async move {
                    let second = Duration::from_secs(1);
                    let received = queue.receive(QueueName::Trial, 10, second, second * 300).await.unwrap();
                    received
                        .into_iter()
                        .map(|delivery| serde_json::from_value(delivery.body).unwrap())
                        .collect()
                })
            }),
        };
        (fixture, directory)
    }

    fettle_backend::compute_suite!(ready(open()));
}

mod log_notifier {
    use super::*;

    fn open() -> (Arc<dyn Notifier>, ()) {
        (Arc::new(LogNotifier), ())
    }

    fettle_backend::notifier_suite!(ready(open()));
}

mod webhook_notifier {
    use super::*;
    use fettle_backend::conformance::notifier::MakeWebhook;

    fn open() -> (MakeWebhook, ()) {
        let make = |url: &str| {
            Arc::new(WebhookNotifier::new(url, ["127.0.0.1".to_owned()]).unwrap()) as Arc<dyn Notifier>
        };
        (Box::new(make), ())
    }

    fettle_backend::webhook_suite!(ready(open()));
}

mod auth {
    use super::*;
    use fettle_backend::ids::{Ids, SystemEntropy};
    use fettle_backend::keys::{self, DEFAULT_WORKSPACE, KeyAuth};
    use fettle_backend::permission::Role;
    use fettle_backend::ports::{Auth, Caller};

    async fn open() -> ((Arc<dyn Auth>, String, Caller), TempDir) {
        let directory = directory();
        let database = SqliteDatabase::open(directory.path().join("platform.db"), clock()).unwrap();
        let token = keys::generate(&Ids::new(clock(), Arc::new(SystemEntropy)));
        keys::install_first_admin(&database, &SystemClock, &token).await.unwrap();
        let second = keys::install_first_admin(&database, &SystemClock, &token).await;
        assert_eq!(second.unwrap_err().status(), 409, "there is one first admin");
        let caller = Caller {
            workspace: DEFAULT_WORKSPACE.to_owned(),
            subject: token[4..20].to_owned(),
            role: Role::Admin,
        };
        ((Arc::new(KeyAuth::new(Arc::new(database))), token, caller), directory)
    }

    fettle_backend::auth_suite!(open());
}
