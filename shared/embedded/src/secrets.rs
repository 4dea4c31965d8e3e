//! The secrets slot on a key file.

use crate::key_file;
use async_trait::async_trait;
use fettle_backend::ports::{Error, ErrorKind, KeyRing, Result, Secrets};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A key that was added to the file is used after at most so long.
const FRESH: Duration = Duration::from_mins(1);

/// Fernet keys in a file of mode 0600, one a line: the first seals, all open.
///
/// To replace the key, put a new one on top. What the old ones sealed opens as long as they stay.
pub struct FileKeys {
    path: Arc<Path>,
    ring: Mutex<Option<(Instant, Arc<KeyRing>)>>,
}

impl FileKeys {
    /// The keys in this file, which is made at the first use. Its folder has to be there: one that is not
    /// may be a volume that was not mounted, where a new key would be the wrong one.
    pub fn open(path: impl Into<PathBuf>) -> Self {
        let path: PathBuf = path.into();
        Self { path: path.into(), ring: Mutex::default() }
    }

    async fn read(&self) -> Result<Arc<KeyRing>> {
        let path = Arc::clone(&self.path);
        let text = tokio::task::spawn_blocking(move || key_file::read_or_create(&path, KeyRing::generate))
            .await
            .map_err(|error| Error::new(ErrorKind::Unavailable, "reading the key file").caused_by(error))??;
        Ok(Arc::new(KeyRing::parse(&text)?))
    }
}

#[async_trait]
impl Secrets for FileKeys {
    async fn keys(&self) -> Result<Arc<KeyRing>> {
        let mut ring = self.ring.lock().await;
        if let Some((read_at, keys)) = &*ring
            && read_at.elapsed() < FRESH
        {
            return Ok(Arc::clone(keys));
        }
        let keys = self.read().await?;
        *ring = Some((Instant::now(), Arc::clone(&keys)));
        Ok(keys)
    }

    async fn reload(&self) -> Result<Arc<KeyRing>> {
        let mut ring = self.ring.lock().await;
        *ring = None;
        let keys = self.read().await?;
        *ring = Some((Instant::now(), Arc::clone(&keys)));
        Ok(keys)
    }
}
