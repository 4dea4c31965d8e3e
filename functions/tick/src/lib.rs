//! The clock: re-queues what is due.

use fettle_backend::app::App;
use fettle_backend::due;
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::ports::QueueName;
use fettle_backend::problem::Result;

/// This package's operations.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::clock("tick.run", |app, call| Box::pin(run(app, call)))
            .summary("Send what was to be sent and was not, and what a lost worker left")
            .size(256, 60)
            .uses(&[
                Use::ReadState,
                Use::WriteState,
                Use::Send(QueueName::Ingest),
                Use::Send(QueueName::Trial),
                Use::Send(QueueName::Notify),
                Use::Send(QueueName::Served),
                Use::Send(QueueName::Batch),
            ]),
    ]
}

async fn run(app: &App, _call: Call) -> Result<Reply> {
    let sent = due::send_late(app).await?;
    if sent > 0 {
        tracing::info!(sent, "sent what was late");
    }
    Ok(Reply::done())
}
