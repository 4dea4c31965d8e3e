//! A platform for tests, in a directory: the slots as tests want them.

use std::sync::Arc;

use fettle_backend::app::Slots;
use fettle_backend::clock::Clock;
use fettle_backend::keys::KeyAuth;

use crate::{DataDir, FileKeys, FileStorage, LogNotifier, SqliteDatabase, SqliteQueue, ThreadCompute};

/// Every slot on this directory, for the process `boot-test`.
///
/// # Panics
/// When a file of the directory cannot be opened.
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
pub fn slots(data: &DataDir, clock: &Arc<dyn Clock>) -> Slots {
    let database = SqliteDatabase::open(data.platform_db(), Arc::clone(clock)).expect("the database opens");
    let queue = SqliteQueue::open(data.queue_db(), Arc::clone(clock)).expect("the queue opens");
    let files = FileStorage::open(data.objects(), "http://127.0.0.1", [7; 32], Arc::clone(clock));
    let (database, queue) = (Arc::new(database), Arc::new(queue));
    Slots {
        storage: Arc::new(files.expect("the files open")),
        auth: Arc::new(KeyAuth::new(Arc::<SqliteDatabase>::clone(&database))),
        secrets: Arc::new(FileKeys::open(data.keys().join("fernet.key"))),
        compute: Arc::new(ThreadCompute::new(Arc::<SqliteQueue>::clone(&queue), "boot-test")),
        database,
        queue,
        notifier: Arc::new(LogNotifier),
    }
}
