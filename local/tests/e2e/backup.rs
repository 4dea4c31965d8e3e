//! A workspace moves from files to AWS's services, and back.

use crate::faults::worker;
use crate::resources::Resources;
use fettle_backend::app::Slots;
use fettle_backend::clock::{Clock, SystemClock};
use fettle_embedded::DataDir;
use fettle_embedded::testing::slots;
use std::sync::Arc;
use tempfile::TempDir;

fn on_files() -> (Slots, (DataDir, TempDir)) {
    let directory = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let data = DataDir::open(directory.path(), "boot-test").unwrap();
    let slots = slots(&data, &clock);
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
