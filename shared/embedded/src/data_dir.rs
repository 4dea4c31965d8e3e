//! The directory that holds everything, and the lock that makes it one process's.

use fettle_backend::ports::{Error, ErrorKind, Result};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A data directory in use by this process, until this is dropped or the process ends in any way; or
/// one that is only looked into.
///
/// ```text
/// lock          held while a process uses the directory
/// platform.db   all state
/// queue.db      work between operations
/// objects/      data sets, artifacts, plots
/// keys/         what must not be lost or shown
/// ```
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    boot: String,
    /// None if it is only looked into.
    _lock: Option<File>,
}

impl DataDir {
    /// Opens the directory, or makes it, readable by its owner alone.
    ///
    /// `boot` names this process's life, such as `boot-<uuid>`. `Unavailable` when another process
    /// uses the directory, or the file system refuses.
    pub fn open(path: impl Into<PathBuf>, boot: impl Into<String>) -> Result<Self> {
        let path = path.into();
        for directory in [path.clone(), path.join("objects"), path.join("keys")] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&directory)
                .map_err(|error| failed("making the directory", &directory).caused_by(error))?;
        }
        let lock = lock(&path)?;
        Ok(Self { path, boot: boot.into(), _lock: Some(lock) })
    }

    /// Looks into a directory that is there, and that another process may be using: nothing may be
    /// written there. `NotFound` when it holds no platform.
    pub fn open_to_read(path: impl Into<PathBuf>) -> Result<Self> {
        let data = Self { path: path.into(), boot: String::new(), _lock: None };
        if data.platform_db().is_file() {
            return Ok(data);
        }
        let context = format!("there is no platform in the data directory {}", data.path.display());
        Err(Error::new(ErrorKind::NotFound, context))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of this process's life.
    pub fn boot(&self) -> &str {
        &self.boot
    }

    /// The file of the [`SqliteDatabase`](crate::SqliteDatabase).
    pub fn platform_db(&self) -> PathBuf {
        self.path.join("platform.db")
    }

    /// The file of the [`SqliteQueue`](crate::SqliteQueue).
    pub fn queue_db(&self) -> PathBuf {
        self.path.join("queue.db")
    }

    /// The root of the [`FileStorage`](crate::FileStorage).
    pub fn objects(&self) -> PathBuf {
        self.path.join("objects")
    }

    /// The folder of key files.
    pub fn keys(&self) -> PathBuf {
        self.path.join("keys")
    }
}

fn lock(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true).mode(0o600);
    let locking = |error| failed("locking the data directory", path).caused_by(error);
    let mut lock = options.open(path.join("lock")).map_err(locking)?;
    match lock.try_lock() {
        Ok(()) => {
            // For whoever is refused; the lock itself is the operating system's.
            lock.set_len(0).and_then(|()| write!(lock, "{}", std::process::id())).map_err(locking)?;
            Ok(lock)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let known =
                lock.rewind().and_then(|()| lock.read_to_string(&mut holder)).is_ok() && !holder.is_empty();
            let holder = if known { format!("process {holder}") } else { "another process".into() };
            Err(failed(&format!("{holder} is using the data directory"), path))
        }
        Err(TryLockError::Error(error)) => Err(locking(error)),
    }
}

fn failed(what: &str, path: &Path) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{what} {}", path.display()))
}
