//! What is due: the one list by which nothing that was begun is ever forgotten.
//!
//! Whoever writes that work is to be done writes, in the same transaction, an entry here that says
//! which message to send and when it is late. Whoever does the work moves the entry on (a lease) or
//! removes it (the end), again in the transaction that says so. `tick` sends the messages of entries
//! that are late: work whose message was never sent, and work whose worker was lost. It asks for
//! what is due and for nothing else, however much there is.

use crate::app::App;
use crate::datasets;
use crate::ports::{Condition, Item, Key, Outgoing, Query, QueueName, Write};
use crate::problem::{Problem, Result};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const PARTITION: &str = "platform/due";

/// After that long a message that was to be sent at once is sent again.
pub(crate) const GRACE: SignedDuration = SignedDuration::from_secs(30);

/// An entry: a message, and the queue to send it to once it is late.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Due {
    pub(crate) queue: QueueName,
    pub(crate) message: Value,
    /// How often it was late and sent.
    #[serde(default)]
    sends: u32,
    /// Not to be sent again before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
}

impl Due {
    /// An entry for a message.
    pub(crate) fn new<T: Serialize>(queue: QueueName, message: &T) -> Result<Self> {
        let message = serde_json::to_value(message).map_err(Problem::internal)?;
        Ok(Self { queue, message, sends: 0, not_before: None })
    }
}

/// Where an entry lies. The record that the work belongs to keeps this, to move or remove it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct DueKey(String);

impl DueKey {
    fn new(at: Timestamp, workspace: &str, work: &str) -> Self {
        Self(format!("{:020}/{workspace}/{work}", at.as_microsecond().max(0)))
    }

    fn key(&self) -> Key {
        Key::new(PARTITION, self.0.as_str())
    }

    /// The write that removes the entry.
    pub(crate) fn remove(&self) -> Write {
        Write::remove(self.key())
    }
}

/// The key of an entry that [`set`] makes with the same arguments.
pub(crate) fn key(at: Timestamp, workspace: &str, work: &str) -> DueKey {
    DueKey::new(at, workspace, work)
}

/// The write that makes an entry, and its key. `work` names the work within the workspace.
pub(crate) fn set(at: Timestamp, workspace: &str, work: &str, due: &Due) -> Result<(DueKey, Write)> {
    let key = DueKey::new(at, workspace, work);
    let value = serde_json::to_value(due).map_err(Problem::internal)?;
    let write = Write::Put { key: key.key(), value, expires_at: None, condition: Condition::Any };
    Ok((key, write))
}

/// The writes that move an entry to another time; the two differ even within a microsecond, since
/// a transaction takes each key once.
pub(crate) fn renew(
    before: Option<&DueKey>,
    at: Timestamp,
    workspace: &str,
    work: &str,
    due: &Due,
) -> Result<(DueKey, Vec<Write>)> {
    let (key, write) = set(at, workspace, work, due)?;
    let mut writes = vec![write];
    if let Some(before) = before.filter(|before| **before != key) {
        writes.push(before.remove());
    }
    Ok((key, writes))
}

/// The key of the entry that a record of unfinished work keeps.
pub(crate) fn key_in(record: &Value) -> Option<Key> {
    Some(Key::new(PARTITION, record.get("due")?.as_str()?))
}

/// What is due in all workspaces: the partition, for whoever looks for one workspace's entries.
pub(crate) fn partition() -> &'static str {
    PARTITION
}

/// Whether it is an entry of the workspace, by its key and by its message.
pub(crate) fn belongs(item: &Item, workspace: &str) -> bool {
    let Ok(due) = serde_json::from_value::<Due>(item.value.clone()) else { return false };
    let of_message = match due.message.get("workspace") {
        Some(of) => of == workspace,
        None => due
            .message
            .get("key")
            .and_then(Value::as_str)
            .and_then(datasets::parse_upload_key)
            .is_some_and(|(of, ..)| of == workspace),
    };
    of_message && item.key.sort.split('/').nth(1) == Some(workspace)
}

/// Whether it is an entry that no record keeps the key of: an event that is to be told.
pub(crate) fn tells(item: &Item) -> bool {
    serde_json::from_value::<Due>(item.value.clone()).is_ok_and(|due| due.queue == QueueName::Notify)
}

/// Sends the messages of entries that are late, once each, and again after twice as long each time
/// while they stay late: a message may be waiting its turn. How many were sent.
pub async fn send_late(app: &App) -> Result<usize> {
    let now = app.now();
    let below = format!("{:020}", now.as_microsecond().max(0));
    let mut query = Query { below: Some(below), ..Query::prefix(PARTITION, "", 100) };
    let mut sent = 0;
    loop {
        let page = app.slots.database.query(&query).await?;
        for item in page.items {
            let mut due: Due = serde_json::from_value(item.value).map_err(Problem::internal)?;
            if due.not_before.is_some_and(|at| at > now) {
                continue;
            }
            app.slots.queue.send(due.queue, &[Outgoing::now(due.message.clone())]).await?;
            sent += 1;
            due.sends += 1;
            due.not_before = Some(now + GRACE * (1 << due.sends.min(10)));
            let value = serde_json::to_value(&due).map_err(Problem::internal)?;
            // Only if it is still there as it was: what has been done meanwhile must not come back.
            match app.slots.database.write(&[Write::update(item.key, value, item.version)]).await {
                Err(error) if error.is_conflict() => {}
                other => other?,
            }
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(sent),
        }
    }
}
