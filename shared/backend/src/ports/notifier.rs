//! The notifier slot: telling people and systems.

use super::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that happened. Never holds a secret's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The event's id: the same however often it is delivered.
    pub id: String,
    /// Where it happened.
    pub workspace: String,
    /// What happened, such as `run.succeeded`.
    pub kind: String,
    /// In words, for a person.
    pub summary: String,
    /// In figures, for a program.
    pub data: Value,
}

/// Tells people and systems, at least once: `Ok` once the other side has taken the notice,
/// `Unavailable` when it may be tried again, `Invalid` when it may not (a refused address).
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Delivers one notice, within ten seconds.
    async fn notify(&self, notice: &Notice) -> Result<()>;
}
