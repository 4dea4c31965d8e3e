//! The database slot: all state.

use super::Result;
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

/// Where an item lies: items of one partition are sorted by the bytes of `sort`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// 1 to 512 bytes; begins with the workspace, except for the platform's own.
    pub partition: String,
    /// 1 to 512 bytes.
    pub sort: String,
}

impl Key {
    /// The key of `sort` within `partition`.
    pub fn new(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }
}

/// An item as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Where it lies.
    pub key: Key,
    /// The document, as it was written.
    pub value: Value,
    /// 1 when first written, one more with every write since. An item that was deleted starts at 1
    /// again.
    pub version: u64,
    /// When it vanishes by itself.
    pub expires_at: Option<Timestamp>,
}

/// What must hold for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Any,
    /// There is no item under the key (an expired one counts as none).
    Absent,
    /// The item is there, in this version.
    Version(u64),
}

/// One write of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Writes the whole item; its version becomes one more than before.
    Put {
        /// Where.
        key: Key,
        /// The document: at most 1 MiB as JSON.
        value: Value,
        /// When it vanishes by itself.
        expires_at: Option<Timestamp>,
        /// What must hold.
        condition: Condition,
    },
    /// Removes the item; to remove what is not there is no error under [`Condition::Any`].
    Delete {
        /// Where.
        key: Key,
        /// What must hold.
        condition: Condition,
    },
    /// Writes nothing, but the transaction fails unless the condition holds.
    Check {
        /// Where.
        key: Key,
        /// What must hold.
        condition: Condition,
    },
}

impl Write {
    /// A new item.
    pub fn create(key: Key, value: Value) -> Self {
        Write::Put { key, value, expires_at: None, condition: Condition::Absent }
    }

    /// The next version of an item that was read in `version`.
    pub fn update(key: Key, value: Value, version: u64) -> Self {
        Write::Put { key, value, expires_at: None, condition: Condition::Version(version) }
    }

    /// The removal of whatever is there.
    pub fn remove(key: Key) -> Self {
        Write::Delete { key, condition: Condition::Any }
    }

    /// Where it writes.
    pub fn key(&self) -> &Key {
        match self {
            Write::Put { key, .. } | Write::Delete { key, .. } | Write::Check { key, .. } => key,
        }
    }

    /// What must hold.
    pub fn condition(&self) -> Condition {
        match self {
            Write::Put { condition, .. }
            | Write::Delete { condition, .. }
            | Write::Check { condition, .. } => *condition,
        }
    }
}

/// A walk through one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Which partition.
    pub partition: String,
    /// Only sort keys that begin so; may be empty.
    pub prefix: String,
    /// Only sort keys strictly after this one, in the direction of the walk.
    pub after: Option<String>,
    /// Only sort keys strictly below this one.
    pub below: Option<String>,
    /// At most so many items: 1 to 1,000.
    pub limit: usize,
    /// From the last to the first.
    pub descending: bool,
}

impl Query {
    /// The first `limit` items of a partition whose sort keys begin with `prefix`.
    pub fn prefix(partition: impl Into<String>, prefix: impl Into<String>, limit: usize) -> Self {
        Self {
            partition: partition.into(),
            prefix: prefix.into(),
            after: None,
            below: None,
            limit,
            descending: false,
        }
    }
}

/// A part of a walk.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// In the order of the walk.
    pub items: Vec<Item>,
    /// The sort key to go on after; none at the end. A page may be short of its limit, even empty,
    /// and still have one.
    pub next: Option<String>,
}

/// A sorted key-value store with conditional writes, transactions and a time to live.
///
/// - **Atomic**: all of a [`write`](Database::write) happens or none of it, also across a kill.
/// - **Durable**: what `write` has answered for is there after a crash of the machine.
/// - **Consistent**: [`get`](Database::get) and [`query`](Database::query) see every write that was
///   answered before they were called. A query that pages sees each item at most once a page, but
///   not one moment in time.
/// - **Isolated**: transactions on common keys behave as if one came after the other.
/// - **Expiry**: an item past its `expires_at` is not there, to readers and conditions alike.
/// - **Retry**: `Unavailable` says nothing about whether the write happened: retry it with a
///   condition that makes a second time harmless. `Conflict` says that nothing was written.
#[async_trait]
pub trait Database: Send + Sync {
    /// The item under a key; none if there is none.
    async fn get(&self, key: &Key) -> Result<Option<Item>>;

    /// Writes all or nothing. 1 to 100 writes, each on a key of its own, else `Invalid`.
    ///
    /// `Conflict { at }` names the first write whose condition did not hold.
    async fn write(&self, writes: &[Write]) -> Result<()>;

    /// Walks through a partition in the order of the sort keys' bytes.
    async fn query(&self, query: &Query) -> Result<Page>;

    /// Writes items as they were in another database, versions and all, in place of whatever is
    /// there: any number, in no order. When it fails some may have been written. For restoring a
    /// backup while nobody else writes.
    async fn restore(&self, items: &[Item]) -> Result<()>;
}
