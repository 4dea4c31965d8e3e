//! The queue slot: work between operations.

use super::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// The platform's queues, each with its dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueName {
    /// Uploaded files that wait to be read.
    Ingest,
    /// Trials that wait to be run.
    Trial,
    /// Events that wait to be told.
    Notify,
    /// What was served, which waits to be recorded.
    Served,
    /// Chunks of batches that wait to be predicted.
    Batch,
}

impl QueueName {
    /// All of them.
    pub const ALL: &[QueueName] =
        &[QueueName::Ingest, QueueName::Trial, QueueName::Notify, QueueName::Served, QueueName::Batch];

    /// The name in addresses, tables and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            QueueName::Ingest => "ingest",
            QueueName::Trial => "trial",
            QueueName::Notify => "notify",
            QueueName::Served => "served",
            QueueName::Batch => "batch",
        }
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// At most 200 KiB as JSON.
    pub body: Value,
    /// Not to be received before; at most 15 minutes.
    pub delay: Duration,
}

impl Outgoing {
    /// A message to be received as soon as may be.
    pub fn now(body: Value) -> Self {
        Self { body, delay: Duration::ZERO }
    }
}

/// A message as it was received.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The same in every delivery of one message.
    pub id: String,
    /// Names this delivery; void once the message was delivered again.
    pub receipt: String,
    /// 1 at the first delivery.
    pub attempt: u32,
    /// As it was sent.
    pub body: Value,
}

/// Queues with at-least-once delivery.
///
/// - **Durable** once `send` has answered; a message stays until it is deleted.
/// - **At least once**: a received message is invisible for its visibility time, and is delivered
///   again after it unless it was deleted. The same message may come twice all the same.
/// - **Order** is none, though older messages tend to come first.
/// - **Dead letters**: a message that was received `MAX_DELIVERIES` times and whose
///   visibility ran out again is not delivered any more: it is a dead letter, listed and re-driven
///   by an operator.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Puts messages on a queue: any number. When it fails some may have been sent.
    async fn send(&self, queue: QueueName, messages: &[Outgoing]) -> Result<()>;

    /// Up to `max` (1 to 10) messages, hidden from others for `visibility`; waits up to `wait` (at
    /// most 20 s) for the first.
    async fn receive(
        &self,
        queue: QueueName,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>>;

    /// Removes a message for good. A void receipt is no error and removes nothing that somebody else
    /// holds.
    async fn delete(&self, queue: QueueName, receipt: &str) -> Result<()>;

    /// Hides a held message for `visibility` from now on; zero gives it back. A void receipt is
    /// `NotFound`.
    async fn extend(&self, queue: QueueName, receipt: &str, visibility: Duration) -> Result<()>;

    /// Up to `max` dead letters, oldest first.
    async fn dead_letters(&self, queue: QueueName, max: usize) -> Result<Vec<Delivery>>;

    /// Puts all dead letters back on the queue as if never received; how many.
    async fn redrive(&self, queue: QueueName) -> Result<u64>;

    /// Messages that are not dead: waiting, delayed and held; exact when nobody else is at work.
    async fn depth(&self, queue: QueueName) -> Result<u64>;
}

impl dyn Queue {
    /// How often a message is delivered before it is a dead letter.
    pub const MAX_DELIVERIES: u32 = 5;
}
