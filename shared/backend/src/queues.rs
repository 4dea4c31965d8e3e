//! The platform's queues, as an operator tends them: how much waits, what was given up, and putting
//! that back.

use crate::app::App;
use crate::operation::Call;
use crate::ports::{Delivery, QueueName};
use crate::problem::{Problem, Result};
use crate::record::List;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// Dead letters are counted up to here.
const MOST_COUNTED: usize = 100;

/// The most dead letters in an answer: whole, at the largest that a message may be, they fit in one.
const MOST_LISTED: usize = 20;

/// A queue.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct QueueStatus {
    /// Its name.
    pub name: &'static str,
    /// Messages that wait, are delayed or are being worked on; about, on a busy queue.
    pub depth: u64,
    /// Messages that were given up, counted up to 100.
    pub dead_letters: u64,
    /// Whether there may be more of them than were counted.
    pub more_dead_letters: bool,
}

/// A message that was delivered as often as may be and never done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DeadLetter {
    /// Its id.
    pub id: String,
    /// How often it was delivered.
    pub attempts: u32,
    /// What it says.
    pub body: Value,
}

/// What a redrive did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Redriven {
    /// How many messages are on the queue again, as if never delivered.
    pub redriven: u64,
}

fn named(name: &str) -> Result<QueueName> {
    let found = QueueName::ALL.iter().copied().find(|queue| queue.as_str() == name);
    found.ok_or_else(|| Problem::not_found("queue", name).remedy("GET /v1/queues lists them"))
}

/// All queues.
pub async fn list(app: &App) -> Result<List<QueueStatus>> {
    let mut items = Vec::with_capacity(QueueName::ALL.len());
    for &queue in QueueName::ALL {
        let depth = app.slots.queue.depth(queue).await?;
        let dead = app.slots.queue.dead_letters(queue, MOST_COUNTED).await?.len();
        items.push(QueueStatus {
            name: queue.as_str(),
            depth,
            dead_letters: dead as u64,
            more_dead_letters: dead >= MOST_COUNTED,
        });
    }
    Ok(List { items, next_cursor: None })
}

/// The oldest dead letters of the queue that the call names.
pub async fn dead_letters(app: &App, call: &Call) -> Result<List<DeadLetter>> {
    let queue = named(call.path("queue"))?;
    let limit = call.query("limit")?.unwrap_or(MOST_LISTED);
    if !(1..=MOST_LISTED).contains(&limit) {
        return Err(Problem::invalid("limit", format!("`limit` is 1 to {MOST_LISTED}")));
    }
    let dead = app.slots.queue.dead_letters(queue, limit).await?;
    let letter = |Delivery { id, attempt, body, .. }| DeadLetter { id, attempts: attempt, body };
    Ok(List { items: dead.into_iter().map(letter).collect(), next_cursor: None })
}

/// Puts all dead letters of the queue that the call names back on it.
pub async fn redrive(app: &App, call: &Call) -> Result<Redriven> {
    let queue = named(call.path("queue"))?;
    let redriven = app.slots.queue.redrive(queue).await?;
    tracing::info!(%queue, redriven, "dead letters are on their queue again");
    Ok(Redriven { redriven })
}
