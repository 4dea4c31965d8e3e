//! One message to one operation: the same for the local pump and for a Lambda function.

use fettle_backend::app::App;
use fettle_backend::operation::{Call, Operation};
use fettle_backend::ports::{Delivery, Notice, Queue, QueueName};
use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// The operation of a queue, and what it works with.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) app: Arc<App>,
    pub(crate) queue: QueueName,
    pub(crate) operation: Arc<Operation>,
}

impl Worker {
    /// Does a message's work. `false` when it is to come again: it does so after a pause, or is a dead
    /// letter from now on, which is told.
    pub(crate) async fn work(&self, message: &Delivery, deadline: Option<Timestamp>) -> bool {
        let (app, handler) = (Arc::clone(&self.app), self.operation.handler);
        let call = Call { deadline, ..Call::message(message) };
        // A task of its own: a panic is a failed delivery, not the end of whoever delivers.
        let done = tokio::spawn(async move { handler(&app, call).await.map(|_| ()) }).await;
        let reason = match done {
            Ok(Ok(())) => return true,
            Ok(Err(problem)) => {
                tracing::error!(
                    operation = self.operation.name,
                    message = message.id,
                    attempt = message.attempt,
                    error = &problem as &dyn std::error::Error,
                    "a message's work has failed"
                );
                problem.detail().to_owned()
            }
            Err(panic) => {
                tracing::error!(
                    operation = self.operation.name,
                    message = message.id,
                    attempt = message.attempt,
                    error = %panic,
                    "a message's work has panicked"
                );
                "the work panicked".to_owned()
            }
        };
        let is_last = message.attempt >= <dyn Queue>::MAX_DELIVERIES;
        if is_last {
            self.tell(message, &reason).await;
        }
        // The last time it is given up at once, so that it is among the dead letters when it is told of.
        let pause = if is_last { Duration::ZERO } else { backoff(message.attempt) };
        if let Err(error) = self.app.slots.queue.extend(self.queue, &message.receipt, pause).await {
            // It comes again all the same, when its visibility runs out.
            tracing::warn!(queue = %self.queue, %error, "a message was not given back");
        }
        false
    }

    /// Tells that a message is given up. The dead letter itself stays until somebody sees to it.
    async fn tell(&self, message: &Delivery, reason: &str) {
        let Self { app, queue, operation } = self;
        let workspace = message.body["workspace"].as_str().unwrap_or("platform").to_owned();
        let notice = Notice {
            id: format!("dead-{queue}-{}", message.id),
            workspace,
            kind: "message.dead".to_owned(),
            summary: format!("a message of the queue {queue} is given up: {reason}"),
            data: json!({ "queue": queue, "message": message.id, "operation": operation.name, "reason": reason }),
        };
        if let Err(error) = app.slots.notifier.notify(&notice).await {
            tracing::error!(notice = notice.id, %error, "a dead letter was not told of");
        }
    }
}

/// 1, 2, 4, … seconds, at most a minute.
fn backoff(attempt: u32) -> Duration {
    Duration::from_secs(1 << attempt.saturating_sub(1).min(6)).min(Duration::from_mins(1))
}
