//! What this process served since it last said so.

use super::batch::{Batch, Part};
use super::log::Logged;
use super::{Message, Tally};
use crate::app::App;
use crate::ports::{Outgoing, QueueName};
use crate::problem::{Problem, Result};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The most requests of a deployment that are logged between two flushes; the rest are counted.
const MOST_LOGGED: usize = 40;

/// A message's requests take no more bytes than this, of the 200 KiB that it may have.
const MOST_BYTES: usize = 128 * 1024;

/// The most messages that are kept for later while the queue does not take them.
const MOST_UNSENT: usize = 1_000;

/// Notes of what was served, until [`flush`](Books::flush) sends them.
#[derive(Default)]
pub struct Books {
    pages: Mutex<HashMap<Arc<str>, Page>>,
    /// How many requests a deployment had in which minute.
    minutes: Mutex<HashMap<Arc<str>, (i64, u64)>>,
    unsent: Mutex<Vec<Outgoing>>,
}

/// The notes of one deployment.
struct Page {
    workspace: Arc<str>,
    name: Arc<str>,
    tallies: BTreeMap<(Arc<str>, i64), Tally>,
    requests: Vec<Logged>,
}

/// One request, as it is noted.
pub(crate) struct Noted<'a> {
    pub(crate) workspace: &'a Arc<str>,
    /// The deployment's id and name.
    pub(crate) deployment: (&'a Arc<str>, &'a Arc<str>),
    pub(crate) variant: &'a Arc<str>,
    pub(crate) at: Timestamp,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
    /// What to keep of it, unless there is too much already.
    pub(crate) log: Option<Logged>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// So many rows were predicted.
    Answered(usize),
    /// It asked for what can not be done.
    Refused,
    /// It was none of its fault.
    Failed,
}

/// The minute of a moment, in minutes since 1970.
pub(crate) fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

impl Books {
    /// Counts a request of a deployment, unless it has had `limit` in this minute: here, or by the
    /// `recorded` ones everywhere, which come a second or two late.
    pub(crate) fn admit(&self, deployment: &Arc<str>, at: Timestamp, recorded: u64, limit: u64) -> bool {
        let now = minute(at);
        let mut minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, count) = minutes.entry(Arc::clone(deployment)).or_insert((now, 0));
        if *of != now {
            (*of, *count) = (now, 0);
        }
        if (*count).max(recorded) >= limit {
            return false;
        }
        *count += 1;
        true
    }

    /// Whether another request of the deployment would be logged.
    pub(crate) fn has_room(&self, deployment: &Arc<str>) -> bool {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.get(deployment).is_none_or(|page| page.requests.len() < MOST_LOGGED)
    }

    /// Notes a request. O(1), and no I/O.
    pub(crate) fn note(&self, noted: Noted<'_>, unlogged: bool) {
        let (id, name) = noted.deployment;
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let page = pages.entry(Arc::clone(id)).or_insert_with(|| Page {
            workspace: Arc::clone(noted.workspace),
            name: Arc::clone(name),
            tallies: BTreeMap::new(),
            requests: Vec::new(),
        });
        let tally = page.tallies.entry((Arc::clone(noted.variant), minute(noted.at))).or_default();
        tally.requests += 1;
        match noted.outcome {
            Outcome::Answered(rows) => tally.rows += rows as u64,
            Outcome::Refused => tally.refused += 1,
            Outcome::Failed => tally.errors += 1,
        }
        tally.latency.note(noted.took);
        tally.unlogged += u64::from(unlogged);
        page.requests.extend(noted.log);
    }

    /// Sends what was noted since the last time. What the queue does not take is kept for the next.
    pub async fn flush(&self, app: &App) -> Result<()> {
        let pages = std::mem::take(&mut *self.pages.lock().unwrap_or_else(PoisonError::into_inner));
        let mut messages = std::mem::take(&mut *self.unsent.lock().unwrap_or_else(PoisonError::into_inner));
        for (id, page) in pages {
            for batch in page.batches(app, &id)? {
                let message = serde_json::to_value(Message::Batch(batch)).map_err(Problem::internal)?;
                messages.push(Outgoing::now(message));
            }
        }
        if messages.is_empty() {
            return Ok(());
        }
        let sent = app.slots.queue.send(QueueName::Served, &messages).await;
        if sent.is_err() {
            messages.truncate(MOST_UNSENT);
            self.unsent.lock().unwrap_or_else(PoisonError::into_inner).append(&mut messages);
        }
        Ok(sent?)
    }
}

impl Page {
    /// The page in messages that a queue takes.
    fn batches(self, app: &App, id: &Arc<str>) -> Result<Vec<Batch>> {
        let empty = || Batch {
            id: app.ids.id("srv"),
            workspace: self.workspace.to_string(),
            deployment: id.to_string(),
            name: self.name.to_string(),
            parts: Vec::new(),
            requests: Vec::new(),
        };
        let mut batches = vec![empty()];
        for ((variant, minute), tally) in self.tallies {
            let part = Part { variant: variant.to_string(), minute, tally };
            batches[0].parts.push(part);
        }
        let mut bytes = 0;
        for request in self.requests {
            let of_request = serde_json::to_vec(&request).map_err(Problem::internal)?.len();
            if of_request > MOST_BYTES {
                let (variant, minute) = (request.variant, minute(request.at));
                let part = batches[0].parts.iter_mut();
                for part in part.filter(|part| part.variant == variant && part.minute == minute) {
                    part.tally.unlogged += 1;
                }
                continue;
            }
            bytes += of_request;
            if bytes > MOST_BYTES {
                batches.push(empty());
                bytes = of_request;
            }
            if let Some(batch) = batches.last_mut() {
                batch.requests.push(request);
            }
        }
        Ok(batches)
    }
}
