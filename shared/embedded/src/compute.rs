//! The compute slot on threads of this process.

use async_trait::async_trait;
use fettle_backend::ports::{Compute, Queue, QueueName, Result, TrialJob};
use std::sync::Arc;

/// Hands trials to this process's own workers, by the trial queue.
pub struct ThreadCompute {
    queue: Arc<dyn Queue>,
    boot: String,
}

impl ThreadCompute {
    /// Compute on the workers that take from `queue`. `boot` names this process's life, such as
    /// `boot-<uuid>`; its workers are called `<boot>/<n>`.
    pub fn new(queue: Arc<dyn Queue>, boot: impl Into<String>) -> Self {
        Self { queue, boot: boot.into() }
    }
}

#[async_trait]
impl Compute for ThreadCompute {
    async fn start(&self, jobs: &[TrialJob]) -> Result<()> {
        let messages = jobs.iter().map(TrialJob::message).collect::<Result<Vec<_>>>()?;
        self.queue.send(QueueName::Trial, &messages).await
    }

    /// The lock on the data directory proves that every other life of this platform is over.
    async fn is_gone(&self, worker: &str) -> Result<bool> {
        let boot = worker.split_once('/').map(|(boot, _)| boot);
        Ok(boot.is_some_and(|boot| boot.starts_with("boot-") && boot != self.boot))
    }
}
