//! A workspace moves from files to AWS's services, and back.

use crate::faults::worker;
use crate::resources::Resources;
use fettle_backend::app::Slots;
use fettle_backend::clock::{Clock, SystemClock};
use fettle_backend::keys::KeyAuth;
use fettle_embedded::{
    DataDir, FileKeys, FileStorage, LogNotifier, SqliteDatabase, SqliteQueue, ThreadCompute,
};
use std::sync::Arc;
use tempfile::TempDir;

fn on_files() -> (Slots, (DataDir, TempDir)) {
    let directory = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let data = DataDir::open(directory.path(), "boot-test").unwrap();
    let database = Arc::new(SqliteDatabase::open(data.platform_db(), Arc::clone(&clock)).unwrap());
    let queue = Arc::new(SqliteQueue::open(data.queue_db(), Arc::clone(&clock)).unwrap());
    let files = FileStorage::open(data.objects(), "http://127.0.0.1", [7; 32], clock).unwrap();
    let slots = Slots {
        storage: Arc::new(files),
        auth: Arc::new(KeyAuth::new(Arc::<SqliteDatabase>::clone(&database))),
        secrets: Arc::new(FileKeys::open(data.keys().join("fernet.key"))),
        compute: Arc::new(ThreadCompute::new(Arc::<SqliteQueue>::clone(&queue), "boot-test")),
        database,
        queue,
        notifier: Arc::new(LogNotifier),
    };
    (slots, (data, directory))
}

async fn on_aws() -> (Slots, Resources) {
    let resources = Resources::new();
    (worker(&resources).await.slots.clone(), resources)
}

mod from_files_to_aws {
    async fn places() -> ((super::Slots, super::Slots), impl Sized) {
        let ((from, files), (to, aws)) = (super::on_files(), super::on_aws().await);
        ((from, to), (files, aws))
    }

    fettle_backend::backup_suite!(places());
}

mod from_aws_to_files {
    async fn places() -> ((super::Slots, super::Slots), impl Sized) {
        let ((from, aws), (to, files)) = (super::on_aws().await, super::on_files());
        ((from, to), (files, aws))
    }

    fettle_backend::backup_suite!(places());
}
