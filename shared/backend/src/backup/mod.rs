//! A workspace in one file: from any database and storage to any other.
//!
//! The file is a tar, plain or in zstd:
//!
//! ```text
//! manifest.json        what it is
//! items/000001.jsonl   the database's items, one a line, in files of some megabytes
//! …
//! objects/<key>        the storage's objects, in the order of their names
//! checksums.json       name, bytes and SHA-256 of each, and the SHA-256 of all that comes before
//! ```
//!
//! Both ways it is streamed: what is in memory at once is one items' file, one aggregate of the
//! database (a run with its trials, say), a few small objects or a part of a large one, and, to write
//! one, its list of checksums.

mod archive;
mod items;
mod reader;
mod restore;
mod save;
#[cfg(test)]
mod tests;
mod walk;

pub use restore::{Restored, restore};
pub use save::{Saved, backup};
pub(crate) use walk::{Heads, Parts};

use crate::limits::check_name;
use crate::problem::{Kind, Problem, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The format of the archives that this program writes, and the only one that it reads.
pub const FORMAT: u32 = 1;

/// What an archive says of itself first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// How the rest is to be read.
    pub format: u32,
    /// The program that wrote it.
    pub version: String,
    /// The workspace that is in it.
    pub workspace: String,
    /// When it was begun.
    pub created_at: Timestamp,
}

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Items are read and written to the archive.
    SavingItems,
    /// Objects are read and written to the archive.
    SavingObjects,
    /// The archive is read to its end before anything is written. In bytes of the archive.
    Checking,
    /// What was there before is removed. In items and objects.
    Clearing,
    /// Objects are written. In bytes of the archive.
    RestoringObjects,
    /// Items are written. In items.
    RestoringItems,
}

impl Doing {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Doing::SavingItems => "saving records",
            Doing::SavingObjects => "saving objects",
            Doing::Checking => "checking the archive",
            Doing::Clearing => "removing what was there",
            Doing::RestoringObjects => "restoring objects",
            Doing::RestoringItems => "restoring records",
        }
    }

    /// Whether it is counted in bytes.
    pub fn in_bytes(self) -> bool {
        matches!(self, Doing::SavingObjects | Doing::Checking | Doing::RestoringObjects)
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is going on.
    pub doing: Doing,
    /// How much of it is done.
    pub done: u64,
    /// Of how much, where that is known.
    pub of: Option<u64>,
}

/// Who is told of progress: often, from any thread, and never to wait.
pub type Report = Arc<dyn Fn(Progress) + Send + Sync>;

/// Refuses a name that can be no workspace's, such as one that keys of others begin with.
fn check_workspace(workspace: &str) -> Result<()> {
    check_name("workspace", workspace)?;
    if matches!(workspace, "platform" | "uploads") {
        return Err(Problem::invalid("workspace", "that name is the platform's own"));
    }
    Ok(())
}

/// Where a workspace's objects lie, in the order of their keys.
fn object_prefixes(workspace: &str) -> [String; 2] {
    let mut prefixes = [format!("{workspace}/"), format!("uploads/{workspace}/")];
    prefixes.sort_unstable();
    prefixes
}

/// Smaller objects are handled whole, and a few of them at once.
const SMALL: u64 = 256 * 1024;

/// So many.
const AT_ONCE: usize = 8;

/// The other side has given up, and says why itself.
fn given_up() -> Problem {
    Problem::new(Kind::Unavailable, "the backup was broken off")
}
