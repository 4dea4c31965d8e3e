//! The compute slot on Lambda.

use async_trait::async_trait;
use fettle_backend::ports::{Compute, Queue, QueueName, Result, TrialJob};
use std::sync::Arc;

/// Hands trials to the Lambda function that takes from the trial queue.
pub struct LambdaCompute {
    queue: Arc<dyn Queue>,
}

impl LambdaCompute {
    /// Compute on whatever takes from `queue`.
    pub fn new(queue: Arc<dyn Queue>) -> Self {
        Self { queue }
    }
}

#[async_trait]
impl Compute for LambdaCompute {
    async fn start(&self, jobs: &[TrialJob]) -> Result<()> {
        let messages = jobs.iter().map(TrialJob::message).collect::<Result<Vec<_>>>()?;
        self.queue.send(QueueName::Trial, &messages).await
    }

    /// Nobody can tell of a Lambda's environment whether it is frozen or gone: leases have to end.
    async fn is_gone(&self, _worker: &str) -> Result<bool> {
        Ok(false)
    }
}
