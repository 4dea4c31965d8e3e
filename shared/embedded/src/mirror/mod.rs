//! A mirror on disk of a database and a storage that keep their state in memory.
//!
//! [`MirroredDatabase`] and [`MirroredStorage`] stand before the real ones and bring, after each
//! write and before its caller is answered, what it touched into a directory: so whatever a caller was
//! told has been done outlives the store behind. [`watch`] (one keeper among all processes) notices
//! when that store has lost its state, keeps everybody out, and writes all of it back.
//!
//! ```text
//! mirror.db      items, what is being written, and whether the gate is open
//! objects/       objects, as FileStorage has them
//! *.lock         held by whoever opens the mirror, writes, or is the keeper
//! ```
//!
//! - **Order.** Any number of processes write at once. What is stored is never what a process wrote
//!   but what is read from the store behind after the write; and that only if nobody has stored the
//!   same place since the read began. So the last to store has read last.
//! - **Faults.** Before a write its places are noted. Where a process is killed after the write, or the
//!   write's outcome is unknown, the note stays, and [`Mirror::settle`] reads the place again.
//! - **Gate.** It is closed until a keeper has seen that the store behind is the one that this mirror
//!   belongs to, and while it is restored: calls then answer `Unavailable`. An absence is believed only
//!   of a store with this mirror's marker, so that an empty store never empties the mirror.
//! - **Limits.** Items of one transaction are mirrored in one. Where two transactions on common items
//!   overlap, and the store behind is lost within the milliseconds between them, the mirror may hold one
//!   item of the earlier and one of the later, neither of which was answered. What is written past these
//!   two (presigned uploads) is copied by the keeper, on its timer.

mod database;
mod follow;
mod gate;
mod records;
mod restore;
mod storage;
mod watch;

pub use database::MirroredDatabase;
pub use restore::Restored;
pub use storage::MirroredStorage;
pub use watch::{Keeping, State, round, watch};

use crate::sqlite::Sqlite;
use crate::storage::root::Root;
use fettle_backend::clock::Clock;
use fettle_backend::ports::{Error, ErrorKind, Key, Result};
use jiff::SignedDuration;
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is unfinished for so long was begun by a process that is no more.
const UNFINISHED: SignedDuration = SignedDuration::from_hours(24);

/// Held while the mirror is opened, and perhaps made.
const OPENING: &str = "opening.lock";
/// Shared by all who write; the keeper's alone while it restores.
const WRITING: &str = "writing.lock";
/// The keeper's.
const KEEPING: &str = "keeping.lock";

/// A mirror's directory, open. Clones are the same mirror; any number of processes of one machine may
/// have it open.
#[derive(Clone)]
pub struct Mirror(Arc<Open>);

struct Open {
    path: PathBuf,
    sqlite: Sqlite,
    root: Arc<Root>,
    clock: Arc<dyn Clock>,
}

impl Mirror {
    /// Opens the mirror in this directory, or makes it, readable by its owner alone. A new one's gate
    /// is closed.
    ///
    /// `Corrupt` or `Invalid` when there is something else in its place.
    pub fn open(path: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Result<Self> {
        let path: PathBuf = path.into();
        let failed = |error| unavailable(format!("opening the mirror {}", path.display())).caused_by(error);
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(failed)?;
        let opening = lock_file(&path, OPENING).map_err(failed)?;
        opening.lock().map_err(failed)?;
        let sqlite = Sqlite::open(&path.join("mirror.db"), &records::SCHEMA)?;
        let old = clock.now().saturating_sub(UNFINISHED).unwrap_or_else(|_| clock.now());
        let root = Root::open_shared(path.join("objects"), old).map_err(failed)?;
        Ok(Self(Arc::new(Open { path, sqlite, root: Arc::new(root), clock })))
    }

    fn now(&self) -> i64 {
        self.0.clock.now().as_microsecond()
    }

    fn lock_file(&self, name: &str) -> Result<File> {
        lock_file(&self.0.path, name).map_err(|error| {
            unavailable(format!("opening {name} of the mirror {}", self.0.path.display())).caused_by(error)
        })
    }
}

/// Something that is mirrored.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Item(Key),
    Object(String),
}

/// A file to lock; the lock is the operating system's, and ends with whoever holds it.
fn lock_file(directory: &Path, name: &str) -> std::io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(directory.join(name))
}

fn unavailable(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unavailable, context)
}
