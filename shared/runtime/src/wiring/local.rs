//! The slots of one machine: SQLite and files in a directory, threads of this process.

use crate::config::{Config, DatabaseChoice, QueueChoice, StorageChoice};
use crate::error::StartError;
use fettle_backend::clock::Clock;
use fettle_backend::ids::{Ids, SystemEntropy};
use fettle_backend::ports::{Compute, Database, Error, ErrorKind, Queue, Storage};
use fettle_embedded::mirror::{Mirror, MirroredDatabase, MirroredStorage};
use fettle_embedded::{DataDir, FileStorage, SqliteDatabase, SqliteQueue, ThreadCompute, key_file};
use std::fmt::Write as _;
use std::sync::Arc;

/// What the slots of this machine share.
pub(crate) struct Local {
    /// Held as long as the platform runs: a directory with state in it belongs to one process.
    data: Option<DataDir>,
    /// For the gateway, whose upload addresses lead to it.
    pub(crate) files: Option<Arc<FileStorage>>,
    mirror: Option<Mirror>,
    behind: Option<Behind>,
    public_url: String,
    clock: Arc<dyn Clock>,
    boot: String,
}

/// Where all that is kept lies.
pub(super) type Stored = (Arc<dyn Database>, Arc<dyn Storage>);

/// A mirror, and what it mirrors.
pub(crate) struct Behind {
    pub(crate) mirror: Mirror,
    pub(crate) database: Arc<dyn Database>,
    pub(crate) storage: Arc<dyn Storage>,
}

impl Local {
    /// What is behind the mirror, if there is one.
    pub(crate) fn behind(&self) -> Option<&Behind> {
        self.behind.as_ref()
    }

    /// Takes the data directory, if a slot keeps its state there.
    pub(super) fn open(
        config: &Config,
        public_url: &str,
        clock: &Arc<dyn Clock>,
        boot: &str,
    ) -> Result<Self, StartError> {
        let keeps_state = config.storage == StorageChoice::Files
            || config.database == DatabaseChoice::Sqlite
            || config.queue == QueueChoice::Sqlite;
        let data = if keeps_state { Some(DataDir::open(&config.data, boot)?) } else { None };
        let mirror = match &config.mirror {
            Some(directory) => Some(Mirror::open(directory, Arc::clone(clock))?),
            None => None,
        };
        Ok(Self {
            data,
            mirror,
            behind: None,
            files: None,
            public_url: public_url.to_owned(),
            clock: Arc::clone(clock),
            boot: boot.to_owned(),
        })
    }

    fn data(&self) -> Result<&DataDir, StartError> {
        // Every caller is for a choice that keeps state.
        let missing = || Error::new(ErrorKind::Invalid, "no data directory is open");
        self.data.as_ref().ok_or_else(|| missing().into())
    }

    pub(super) fn storage(&mut self) -> Result<Arc<dyn Storage>, StartError> {
        let data = self.data()?;
        let signing_key = signing_key(data, &self.clock)?;
        let files =
            FileStorage::open(data.objects(), &self.public_url, signing_key, Arc::clone(&self.clock))?;
        let files = Arc::new(files);
        self.files = Some(Arc::clone(&files));
        Ok(files)
    }

    pub(super) fn database(&mut self) -> Result<Arc<dyn Database>, StartError> {
        Ok(Arc::new(SqliteDatabase::open(self.data()?.platform_db(), Arc::clone(&self.clock))?))
    }

    /// What a process before this one held is free again.
    pub(super) async fn queue(&mut self) -> Result<Arc<dyn Queue>, StartError> {
        let queue = SqliteQueue::open(self.data()?.queue_db(), Arc::clone(&self.clock))?;
        queue.release_all().await?;
        Ok(Arc::new(queue))
    }

    #[allow(clippy::unnecessary_wraps, reason = "where there are no threads it is refused")]
    pub(super) fn compute(&self, queue: Arc<dyn Queue>) -> Result<Arc<dyn Compute>, StartError> {
        Ok(Arc::new(ThreadCompute::new(queue, &self.boot)))
    }

    /// The two with what is written to them kept in the mirror, if there is one.
    #[allow(clippy::unnecessary_wraps, reason = "as where there is no mirror")]
    pub(super) fn mirrored(
        &mut self,
        database: Arc<dyn Database>,
        storage: Arc<dyn Storage>,
    ) -> Result<Stored, StartError> {
        let Some(mirror) = &self.mirror else { return Ok((database, storage)) };
        self.behind = Some(Behind {
            mirror: mirror.clone(),
            database: Arc::clone(&database),
            storage: Arc::clone(&storage),
        });
        Ok((
            Arc::new(MirroredDatabase::new(database, mirror.clone())),
            Arc::new(MirroredStorage::new(storage, mirror.clone())),
        ))
    }
}

/// The key that signs upload addresses, kept so that they outlive a restart.
fn signing_key(data: &DataDir, clock: &Arc<dyn Clock>) -> Result<[u8; 32], StartError> {
    let path = data.keys().join("uploads.key");
    let ids = Ids::new(Arc::clone(clock), Arc::new(SystemEntropy));
    let text = key_file::read_or_create(&path, || {
        ids.random::<32>().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    })?;
    let text = text.trim();
    let bytes =
        (0..32).map(|at| text.get(at * 2..at * 2 + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()));
    let key: Option<Vec<u8>> = bytes.collect();
    key.and_then(|key| key.try_into().ok()).ok_or_else(|| {
        let context =
            format!("{} does not hold a key: delete it, and addresses given before are void", path.display());
        Error::new(ErrorKind::Corrupt, context).into()
    })
}
