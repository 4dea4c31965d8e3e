//! The slots without gateway, pump and clock: for programs that work on them directly.

use crate::config::{Config, DatabaseChoice, StorageChoice};
use crate::error::StartError;
use crate::start::Base;
use crate::wiring::{Local, wire};
use fettle_backend::app::Slots;
use fettle_backend::ports::{Database, Storage};
use fettle_embedded::{DataDir, FileStorage, SqliteDatabase};
use std::sync::Arc;

/// The slots, for as long as this is kept.
pub struct OpenSlots {
    /// All of them.
    pub slots: Slots,
    _local: Local,
}

/// Opens the slots; those of a data directory for this process alone.
pub async fn open_slots(config: &Config) -> Result<OpenSlots, StartError> {
    let Base { clock, boot, .. } = Base::new();
    // Nothing is presigned that somebody could follow.
    let (slots, local) = wire(config, "", &clock, &boot).await?;
    Ok(OpenSlots { slots, _local: local })
}

/// What is stored, to read it beside the process that writes it.
pub struct ReadSlots {
    /// All state.
    pub database: Arc<dyn Database>,
    /// All objects.
    pub storage: Arc<dyn Storage>,
    _local: Option<Local>,
}

/// Opens what is stored, and changes nothing.
pub async fn open_to_read(config: &Config) -> Result<ReadSlots, StartError> {
    if config.database != DatabaseChoice::Sqlite || config.storage != StorageChoice::Files {
        let OpenSlots { slots, _local: local } = open_slots(config).await?;
        return Ok(ReadSlots { database: slots.database, storage: slots.storage, _local: Some(local) });
    }
    let Base { clock, ids, .. } = Base::new();
    let data = DataDir::open_to_read(&config.data)?;
    let database = SqliteDatabase::open_to_read(data.platform_db(), Arc::clone(&clock))?;
    // Nothing is presigned here, so any key does.
    let storage = FileStorage::open_to_read(data.objects(), "", ids.random(), clock)?;
    Ok(ReadSlots { database: Arc::new(database), storage: Arc::new(storage), _local: None })
}
