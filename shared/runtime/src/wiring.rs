//! Configuration chooses: each slot's implementation, in the one place that knows them all.

use crate::config::{Config, NotifierChoice};
use crate::error::StartError;
use fettle_backend::app::Slots;
use fettle_backend::clock::Clock;
use fettle_backend::ids::{Ids, SystemEntropy};
use fettle_backend::keys::KeyAuth;
use fettle_backend::ports::{Error, ErrorKind, Notifier};
use fettle_embedded::{
    DataDir, FileKeys, FileStorage, LogNotifier, SqliteDatabase, SqliteQueue, ThreadCompute, WebhookNotifier,
    key_file,
};
use std::fmt::Write as _;
use std::sync::Arc;

/// The slots, and what only the local gateway needs of them.
pub(crate) struct Wired {
    pub(crate) slots: Slots,
    pub(crate) files: Arc<FileStorage>,
    /// Held as long as the platform runs: the directory belongs to one process.
    pub(crate) data: DataDir,
}

/// Opens every slot. What a process before this one held is free again.
pub(crate) async fn wire(
    config: &Config,
    public_url: &str,
    clock: &Arc<dyn Clock>,
    boot: &str,
) -> Result<Wired, StartError> {
    let data = DataDir::open(&config.data, boot)?;
    let database = Arc::new(SqliteDatabase::open(data.platform_db(), Arc::clone(clock))?);
    let queue = Arc::new(SqliteQueue::open(data.queue_db(), Arc::clone(clock))?);
    queue.release_all().await?;
    let signing_key = signing_key(&data, clock)?;
    let files = Arc::new(FileStorage::open(data.objects(), public_url, signing_key, Arc::clone(clock))?);
    let notifier: Arc<dyn Notifier> = match &config.notifier {
        NotifierChoice::Log => Arc::new(LogNotifier),
        NotifierChoice::Webhook(url) => {
            Arc::new(WebhookNotifier::new(url, config.allowed_hosts.iter().cloned())?)
        }
    };
    let slots = Slots {
        storage: Arc::<FileStorage>::clone(&files),
        auth: Arc::new(KeyAuth::new(Arc::<SqliteDatabase>::clone(&database))),
        secrets: Arc::new(FileKeys::open(data.keys().join("fernet.key"))),
        compute: Arc::new(ThreadCompute::new(Arc::<SqliteQueue>::clone(&queue), boot)),
        database,
        queue,
        notifier,
    };
    Ok(Wired { slots, files, data })
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
