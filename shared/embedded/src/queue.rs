//! The queue slot on SQLite.

use crate::sqlite::{Schema, Sqlite, failed};
use async_trait::async_trait;
use fettle_backend::clock::Clock;
use fettle_backend::ports::{Delivery, Error, ErrorKind, Outgoing, Queue, QueueName, Result};
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

const SCHEMA: Schema = Schema {
    application_id: 0x4645_5451, // "FETQ"
    version: 1,
    // `attempt` counts deliveries since the message was sent or re-driven, `delivery` all of them:
    // it makes a receipt void once the message was delivered again. The index leaves out the dead.
    create: &["
        CREATE TABLE messages (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            queue TEXT NOT NULL,
            body TEXT NOT NULL,
            visible INTEGER NOT NULL, -- microseconds since 1970
            attempt INTEGER NOT NULL DEFAULT 0,
            delivery INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE INDEX messages_to_deliver ON messages (queue, visible, id) WHERE attempt < 5;
        CREATE INDEX messages_delivered_often ON messages (queue, id) WHERE attempt >= 5;"],
};
// The schema can not name the constant.
const _: () = assert!(<dyn Queue>::MAX_DELIVERIES == 5);

const MAX_BODY_BYTES: usize = 200 << 10;
const MAX_DELAY: Duration = Duration::from_mins(15);
const MAX_MESSAGES: usize = 10;
const MAX_WAIT: Duration = Duration::from_secs(20);
const MAX_VISIBILITY: Duration = Duration::from_hours(12);
/// The longest that a receiver goes without looking: a send wakes it, a clock that is set does not.
const LOOK: Duration = Duration::from_secs(1);

/// The queues in one SQLite file (WAL, `synchronous = FULL`), for receivers in this process.
///
/// To stop waiting for [`receive`](Queue::receive) may leave messages hidden until their visibility
/// runs out: let it come to its end.
pub struct SqliteQueue {
    sqlite: Sqlite,
    clock: Arc<dyn Clock>,
    arrived: Notify,
}

impl SqliteQueue {
    /// Opens the file, or makes it; errors as for [`SqliteDatabase::open`](crate::SqliteDatabase::open).
    pub fn open(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self> {
        Ok(Self { sqlite: Sqlite::open(path.as_ref(), &SCHEMA)?, clock, arrived: Notify::new() })
    }

    /// Ends the visibility time of every held message, for the start: whoever held them is gone,
    /// since one process at a time uses the file. Delayed messages stay delayed. How many.
    ///
    /// The delivery that was cut short counts: a message that kills its process ends among the dead.
    pub async fn release_all(&self) -> Result<u64> {
        let now = self.now();
        let released = self
            .sqlite
            .write(move |connection| {
                connection
                    .execute("UPDATE messages SET visible = ?1 WHERE visible > ?1 AND attempt > 0", [now])
                    .map_err(failed("releasing held messages"))
            })
            .await?;
        self.arrived.notify_waiters();
        Ok(released as u64)
    }

    fn now(&self) -> i64 {
        self.clock.now().as_microsecond()
    }

    /// When the next message may be delivered, in microseconds since 1970.
    async fn next_visible(&self, queue: QueueName) -> Result<Option<i64>> {
        self.sqlite
            .read(move |connection| {
                connection
                    .prepare_cached("SELECT min(visible) FROM messages WHERE queue = ?1 AND attempt < 5")
                    .and_then(|mut statement| statement.query_row([queue.as_str()], |row| row.get(0)))
                    .map_err(failed("looking for messages"))
            })
            .await
    }
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn send(&self, queue: QueueName, messages: &[Outgoing]) -> Result<()> {
        let now = self.now();
        let mut prepared = Vec::with_capacity(messages.len());
        for message in messages {
            let body = message.body.to_string();
            if body.len() > MAX_BODY_BYTES {
                let context = format!("a message of {} bytes: at most {MAX_BODY_BYTES}", body.len());
                return Err(Error::new(ErrorKind::TooLarge, context));
            }
            check(message.delay <= MAX_DELAY, "a delay of more than 15 minutes")?;
            prepared.push((body, now + micros(message.delay)));
        }
        self.sqlite
            .write(move |connection| {
                let mut statement = connection
                    .prepare_cached("INSERT INTO messages (queue, body, visible) VALUES (?1, ?2, ?3)")
                    .map_err(failed("sending"))?;
                for (body, visible) in &prepared {
                    statement.execute(params![queue.as_str(), body, visible]).map_err(failed("sending"))?;
                }
                Ok(())
            })
            .await?;
        self.arrived.notify_waiters();
        Ok(())
    }

    async fn receive(
        &self,
        queue: QueueName,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>> {
        check((1..=MAX_MESSAGES).contains(&max), "a number of messages that is not 1 to 10")?;
        check(wait <= MAX_WAIT, "a wait of more than 20 seconds")?;
        check(visibility <= MAX_VISIBILITY, "a visibility of more than 12 hours")?;
        let deadline = Instant::now() + wait;
        loop {
            // Listening starts before looking, so that no message slips in between.
            let arrival = self.arrived.notified();
            tokio::pin!(arrival);
            arrival.as_mut().enable();
            let next = self.next_visible(queue).await?;
            let now = self.now();
            if next.is_some_and(|visible| visible <= now) {
                let hidden_until = now + micros(visibility);
                let taken = self
                    .sqlite
                    .write(move |connection| take(connection, queue, max, now, hidden_until))
                    .await?;
                if !taken.is_empty() {
                    return Ok(taken);
                }
            }
            if Instant::now() >= deadline {
                return Ok(Vec::new());
            }
            // What was due and is gone was another receiver's: look again at once.
            let due = next.map(|visible| Duration::from_micros((visible - now).max(0) as u64));
            let pause = due.map_or(LOOK, |due| due.min(LOOK));
            tokio::select! {
                () = arrival => {}
                () = tokio::time::sleep_until(deadline.min(Instant::now() + pause)) => {}
            }
        }
    }

    async fn delete(&self, queue: QueueName, receipt: &str) -> Result<()> {
        let Some((id, delivery)) = parse_receipt(receipt) else { return Ok(()) };
        self.sqlite
            .write(move |connection| {
                connection
                    .prepare_cached("DELETE FROM messages WHERE id = ?1 AND delivery = ?2 AND queue = ?3")
                    .and_then(|mut statement| statement.execute(params![id, delivery, queue.as_str()]))
                    .map(drop)
                    .map_err(failed("deleting a message"))
            })
            .await
    }

    async fn extend(&self, queue: QueueName, receipt: &str, visibility: Duration) -> Result<()> {
        check(visibility <= MAX_VISIBILITY, "a visibility of more than 12 hours")?;
        let void = || Error::new(ErrorKind::NotFound, "no message is held by this receipt");
        let (id, delivery) = parse_receipt(receipt).ok_or_else(void)?;
        let until = self.now() + micros(visibility);
        let extended = self
            .sqlite
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE messages SET visible = ?4 WHERE id = ?1 AND delivery = ?2 AND queue = ?3",
                    )
                    .and_then(|mut statement| statement.execute(params![id, delivery, queue.as_str(), until]))
                    .map_err(failed("extending a message"))
            })
            .await?;
        if extended == 0 {
            return Err(void());
        }
        if visibility.is_zero() {
            self.arrived.notify_waiters();
        }
        Ok(())
    }

    async fn dead_letters(&self, queue: QueueName, max: usize) -> Result<Vec<Delivery>> {
        let now = self.now();
        self.sqlite
            .read(move |connection| {
                let mut statement = connection
                    .prepare_cached(
                        "SELECT id, delivery, attempt, body FROM messages
                         WHERE queue = ?1 AND attempt >= 5 AND visible <= ?2 ORDER BY id LIMIT ?3",
                    )
                    .map_err(failed("listing dead letters"))?;
                let rows = statement
                    .query_map(params![queue.as_str(), now, max], Received::read)
                    .map_err(failed("listing dead letters"))?;
                rows.map(|row| row.map_err(failed("listing dead letters"))?.into_delivery()).collect()
            })
            .await
    }

    async fn redrive(&self, queue: QueueName) -> Result<u64> {
        let now = self.now();
        let redriven = self
            .sqlite
            .write(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE messages SET attempt = 0 WHERE queue = ?1 AND attempt >= 5 AND visible <= ?2",
                    )
                    .and_then(|mut statement| statement.execute(params![queue.as_str(), now]))
                    .map_err(failed("re-driving dead letters"))
            })
            .await?;
        self.arrived.notify_waiters();
        Ok(redriven as u64)
    }

    async fn depth(&self, queue: QueueName) -> Result<u64> {
        let now = self.now();
        self.sqlite
            .read(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT (SELECT count(*) FROM messages WHERE queue = ?1 AND attempt < 5)
                              + (SELECT count(*) FROM messages WHERE queue = ?1 AND attempt >= 5 AND visible > ?2)",
                    )
                    .and_then(|mut statement| statement.query_row(params![queue.as_str(), now], |row| row.get(0)))
                    .map_err(failed("counting messages"))
            })
            .await
    }
}

/// Takes what is due, and hides it.
fn take(
    connection: &Connection,
    queue: QueueName,
    max: usize,
    now: i64,
    hidden_until: i64,
) -> Result<Vec<Delivery>> {
    let receiving = failed("receiving");
    let mut due = connection
        .prepare_cached(
            "SELECT id FROM messages WHERE queue = ?1 AND visible <= ?2 AND attempt < 5
             ORDER BY visible, id LIMIT ?3",
        )
        .map_err(&receiving)?;
    let ids =
        due.query_map(params![queue.as_str(), now, max], |row| row.get::<_, i64>(0)).map_err(&receiving)?;
    let ids = ids.collect::<rusqlite::Result<Vec<i64>>>().map_err(&receiving)?;
    let mut hide = connection
        .prepare_cached(
            "UPDATE messages SET attempt = attempt + 1, delivery = delivery + 1, visible = ?2 WHERE id = ?1
             RETURNING id, delivery, attempt, body",
        )
        .map_err(&receiving)?;
    ids.into_iter()
        .map(|id| {
            hide.query_row(params![id, hidden_until], Received::read).map_err(&receiving)?.into_delivery()
        })
        .collect()
}

/// A row as it was read.
struct Received {
    id: i64,
    delivery: i64,
    attempt: u32,
    body: String,
}

impl Received {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, delivery: row.get(1)?, attempt: row.get(2)?, body: row.get(3)? })
    }

    fn into_delivery(self) -> Result<Delivery> {
        let body = serde_json::from_str(&self.body).map_err(|error| {
            Error::new(ErrorKind::Corrupt, format!("message {} is not JSON", self.id)).caused_by(error)
        })?;
        let receipt = format!("{}.{}", self.id, self.delivery);
        Ok(Delivery { id: self.id.to_string(), receipt, attempt: self.attempt, body })
    }
}

/// The message and the delivery that a receipt names.
fn parse_receipt(receipt: &str) -> Option<(i64, i64)> {
    let (id, delivery) = receipt.split_once('.')?;
    Some((id.parse().ok()?, delivery.parse().ok().filter(|&delivery| delivery > 0)?))
}

fn check(holds: bool, refusal: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::new(ErrorKind::Invalid, refusal)) }
}

/// In microseconds; every duration here was bounded before.
fn micros(duration: Duration) -> i64 {
    duration.as_micros() as i64
}
