//! The slots without gateway, pump and clock: for programs that work on them directly.

use crate::config::Config;
use crate::error::StartError;
use crate::wiring::{Wired, wire};
use fettle_backend::app::Slots;
use fettle_backend::clock::{Clock, SystemClock};
use fettle_backend::ids::{Ids, SystemEntropy};
use fettle_backend::ports::{Database, Storage};
use fettle_embedded::{DataDir, FileStorage, SqliteDatabase};
use std::sync::Arc;

/// The slots, for as long as this is kept.
pub struct OpenSlots {
    /// All of them.
    pub slots: Slots,
    _data: DataDir,
}

/// Opens the slots for this process alone.
pub async fn open_slots(config: &Config) -> Result<OpenSlots, StartError> {
    let (clock, ids) = clock_and_ids();
    // Nothing is presigned that somebody could follow.
    let Wired { slots, data, .. } = wire(config, "", &clock, &format!("boot-{}", ids.uuid())).await?;
    Ok(OpenSlots { slots, _data: data })
}

/// What is stored, to read it beside the process that writes it.
pub struct ReadSlots {
    /// All state.
    pub database: Arc<dyn Database>,
    /// All objects.
    pub storage: Arc<dyn Storage>,
}

/// Opens what is stored, and changes nothing.
pub fn open_to_read(config: &Config) -> Result<ReadSlots, StartError> {
    let (clock, ids) = clock_and_ids();
    let data = DataDir::open_to_read(&config.data)?;
    let database = SqliteDatabase::open_to_read(data.platform_db(), Arc::clone(&clock))?;
    // Nothing is presigned here, so any key does.
    let storage = FileStorage::open_to_read(data.objects(), "", ids.random(), clock)?;
    Ok(ReadSlots { database: Arc::new(database), storage: Arc::new(storage) })
}

fn clock_and_ids() -> (Arc<dyn Clock>, Ids) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids = Ids::new(Arc::clone(&clock), Arc::new(SystemEntropy));
    (clock, ids)
}
