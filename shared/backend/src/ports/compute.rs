//! The compute slot: where a training trial runs.

use super::{Error, ErrorKind, Outgoing, Result};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// Names a trial to be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialJob {
    /// Whose.
    pub workspace: String,
    /// Of which run.
    pub run: String,
    /// Which.
    pub trial: String,
}

impl TrialJob {
    /// The message by which a trial is handed over where that is done by the trial queue.
    pub fn message(&self) -> Result<Outgoing> {
        serde_json::to_value(self).map(Outgoing::now).map_err(|error| {
            Error::new(ErrorKind::Invalid, "a trial that can not be written as JSON").caused_by(error)
        })
    }
}

/// Hands trials to where they run.
///
/// A hand-over is durable once answered, and may be repeated: whoever runs a trial claims it first,
/// so that however many are started one works on it.
#[async_trait]
pub trait Compute: Send + Sync {
    /// Hands trials over: any number. When it fails some may have been handed over.
    async fn start(&self, jobs: &[TrialJob]) -> Result<()>;

    /// Whether a worker that holds a lease is known to be gone, so that nobody need wait for the
    /// lease to end. `false` when it can not be told.
    async fn is_gone(&self, worker: &str) -> Result<bool>;
}
