//! The queue pump and the clock: what SQS event mappings and `EventBridge` do in AWS.

use crate::messages::Worker;
use fettle_backend::app::App;
use fettle_backend::operation::{Call, Entry, Handler, Operation};
use fettle_backend::ports::{Delivery, QueueName};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often the clock ticks.
const TICK: Duration = Duration::from_secs(5);

/// How long a message is hidden while it is worked on; renewed three times as often.
const VISIBILITY: Duration = Duration::from_mins(1);

/// How long a lane waits for a message.
const WAIT: Duration = Duration::from_secs(20);

/// The lanes that work on messages, and the clock.
pub(crate) struct Pump(JoinSet<()>);

impl Pump {
    /// Starts so many lanes a queue as it takes.
    pub(crate) fn start(
        app: &Arc<App>,
        operations: &[Arc<Operation>],
        workers: usize,
        stopped: &watch::Receiver<bool>,
    ) -> Self {
        let mut tasks = JoinSet::new();
        for operation in operations {
            match operation.entry {
                Entry::Queue(queue) => {
                    let lanes = match queue {
                        QueueName::Trial | QueueName::Batch => workers,
                        QueueName::Ingest | QueueName::Notify | QueueName::Served => 1,
                    };
                    let worker = Worker { app: Arc::clone(app), queue, operation: Arc::clone(operation) };
                    for _ in 0..lanes {
                        tasks.spawn(Lane(worker.clone()).run(stopped.clone()));
                    }
                }
                Entry::Clock => {
                    tasks.spawn(tick(Arc::clone(app), operation.handler, stopped.clone()));
                }
                Entry::Http { .. } | Entry::Authorizer | Entry::Operator => {}
            }
        }
        Self(tasks)
    }

    /// Returns once all lanes have ended.
    pub(crate) async fn ended(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}

async fn tick(app: Arc<App>, handler: Handler, mut stopped: watch::Receiver<bool>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = interval.tick() => {}
        }
        let call = Call { request_id: app.ids.id("req"), ..Call::default() };
        if let Err(problem) = handler(&app, call).await {
            tracing::error!(error = &problem as &dyn std::error::Error, "the clock's work has failed");
        }
    }
}

/// Takes the messages of a queue one after the other.
struct Lane(Worker);

impl Lane {
    async fn run(self, mut stopped: watch::Receiver<bool>) {
        let Worker { app, queue, .. } = &self.0;
        let mut trouble = Duration::from_millis(100);
        while !*stopped.borrow() {
            let received = tokio::select! {
                _ = stopped.wait_for(|stop| *stop) => return,
                received = app.slots.queue.receive(*queue, 1, WAIT, VISIBILITY) => received,
            };
            match received {
                Ok(messages) => {
                    trouble = Duration::from_millis(100);
                    for message in messages {
                        self.work(message).await;
                    }
                }
                Err(error) => {
                    tracing::error!(%queue, %error, "the queue does not answer");
                    tokio::time::sleep(trouble).await;
                    trouble = (trouble * 2).min(Duration::from_secs(10));
                }
            }
        }
    }

    async fn work(&self, message: Delivery) {
        let Worker { app, queue: name, .. } = &self.0;
        let queue = &app.slots.queue;
        let work = self.0.work(&message, None);
        tokio::pin!(work);
        let done = loop {
            tokio::select! {
                done = &mut work => break done,
                () = tokio::time::sleep(VISIBILITY / 3) => {
                    if let Err(error) = queue.extend(*name, &message.receipt, VISIBILITY).await {
                        tracing::warn!(queue = %name, %error, "a message's visibility was not extended");
                    }
                }
            }
        };
        if done && let Err(error) = queue.delete(*name, &message.receipt).await {
            // It comes again, which its handler is ready for.
            tracing::warn!(queue = %name, %error, "the end of a message's work was not noted");
        }
    }
}
