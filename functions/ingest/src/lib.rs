//! Turns an uploaded file into a columnar snapshot with a profile.

mod message;

use fettle_backend::app::App;
use fettle_backend::datasets;
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::ports::QueueName;
use fettle_backend::problem::Result;

/// This package's operations.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::queue("ingest.file", QueueName::Ingest, |app, call| Box::pin(file(app, call)))
            .summary("Read an uploaded file into a ready version")
            .size(3008, 600)
            .uses(&[
                Use::ReadState,
                Use::WriteState,
                Use::ReadObjects,
                Use::WriteObjects,
                Use::DeleteObjects,
            ]),
    ]
}

async fn file(app: &App, call: Call) -> Result<Reply> {
    let mut outcome = Ok(Reply::done());
    for uploaded in message::uploads(&call.body)? {
        // One that fails does not hold up the others; the message comes again for it.
        if let Err(problem) = datasets::ingest(app, &uploaded).await {
            outcome = outcome.and(Err(problem));
        }
    }
    outcome
}
