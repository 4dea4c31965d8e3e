//! The gate: whether the store behind may be used, for all processes.

use super::records::execute;
use super::{Mirror, WRITING, unavailable};
use crate::sqlite::failed;
use fettle_backend::ports::{Error, Key, Result};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs::{File, TryLockError};
use std::time::Duration;

/// The longest that a keeper waits for writes under way to end.
const DRAIN: Duration = Duration::from_mins(1);

/// The gate as it was read.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    instance: String,
    epoch: i64,
    closed: bool,
}

impl Gate {
    pub(super) fn read(connection: &Connection) -> Result<Self> {
        connection
            .prepare_cached("SELECT instance, epoch, closed FROM gate")
            .and_then(|mut statement| {
                statement.query_row([], |row| {
                    Ok(Self { instance: row.get(0)?, epoch: row.get(1)?, closed: row.get(2)? })
                })
            })
            .map_err(failed("reading the gate"))
    }

    /// `Unavailable` when it is closed.
    pub(super) fn open(self) -> Result<Self> {
        if self.closed { Err(closed()) } else { Ok(self) }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// `Unavailable` when it is closed, or has been since.
    pub(super) fn still_open(&self, now: &Self) -> Result<()> {
        if now.closed || now.epoch != self.epoch { Err(closed()) } else { Ok(()) }
    }

    /// What the store behind holds under [`marker_key`] while it is as this mirror knows it.
    pub(super) fn marker(&self) -> Value {
        json!({ "mirror": self.instance, "epoch": self.epoch })
    }

    /// Whether that is this mirror's marker, though perhaps of another epoch.
    pub(super) fn is_mine(&self, marker: &Value) -> bool {
        marker["mirror"] == self.instance.as_str()
    }
}

/// The item and the object that name the mirror which a store belongs to.
pub(super) const MARKER: &str = "platform/mirror/instance";

pub(super) fn marker_key() -> Key {
    Key::new("platform/mirror", "instance")
}

impl Mirror {
    /// The gate as it is now.
    pub(super) async fn gate(&self) -> Result<Gate> {
        self.0.sqlite.read(Gate::read).await
    }

    /// Moves the gate. `fresh` begins a new epoch: who wrote in the one before is not answered. Its notes
    /// stay, since an object may still arrive.
    pub(super) async fn set_gate(&self, closed: bool, fresh: bool) -> Result<Gate> {
        self.0
            .sqlite
            .write(move |connection| {
                execute(
                    connection,
                    "UPDATE gate SET closed = ?1, epoch = epoch + ?2",
                    [i64::from(closed), i64::from(fresh)],
                )?;
                Gate::read(connection)
            })
            .await
    }

    /// What a read of the store behind gives, if the gate was open all the while.
    pub(super) async fn through_gate<T>(&self, read: impl Future<Output = Result<T>>) -> Result<T> {
        let before = self.gate().await?.open()?;
        let answer = read.await;
        before.still_open(&self.gate().await?)?;
        answer
    }

    /// Held while a transaction is under way; `Unavailable` while the keeper keeps all out.
    pub(super) fn writing(&self) -> Result<File> {
        let file = self.lock_file(WRITING)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(closed()),
            Err(TryLockError::Error(error)) => Err(unavailable("locking the mirror").caused_by(error)),
        }
    }

    /// Waits until no transaction is under way, and keeps new ones out while the answer is held.
    pub(super) async fn alone(&self) -> Result<File> {
        let waiting = self.exclusive(WRITING);
        tokio::time::timeout(DRAIN, waiting)
            .await
            .map_err(|_| unavailable("a write to the store behind does not end"))?
    }

    /// Waits for a lock file without a thread.
    pub(super) async fn exclusive(&self, name: &str) -> Result<File> {
        let file = self.lock_file(name)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(TryLockError::Error(error)) => {
                    return Err(unavailable("locking the mirror").caused_by(error));
                }
            }
        }
    }
}

fn closed() -> Error {
    unavailable("what was kept is being restored; the same call will succeed later")
}
