//! One trial of a run: cross-validate, refit, write the artifact.

use fettle_backend::app::App;
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::ports::QueueName;
use fettle_backend::problem::Result;
use fettle_backend::trials;

/// This package's operations.
pub fn operations() -> Vec<Operation> {
    vec![
        // 1,769 MB is one whole vCPU, and a trial uses one thread.
        Operation::queue("trial.run", QueueName::Trial, |app, call| Box::pin(run(app, call)))
            .summary("Run one trial")
            .size(1769, 900)
            .uses(&[
                Use::ReadState,
                Use::WriteState,
                Use::ReadObjects,
                Use::WriteObjects,
                Use::DeleteObjects,
                Use::Send(QueueName::Trial),
                Use::Send(QueueName::Notify),
            ]),
    ]
}

async fn run(app: &App, call: Call) -> Result<Reply> {
    trials::work(app, &call.json()?, call.deadline).await?;
    Ok(Reply::done())
}
