//! Tells events to people and systems.

use fettle_backend::app::App;
use fettle_backend::events;
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::ports::QueueName;
use fettle_backend::problem::Result;

/// This package's operations.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::queue("notify.tell", QueueName::Notify, |app, call| Box::pin(tell(app, call)))
            .summary("Tell an event")
            .size(256, 30)
            .uses(&[Use::ReadState, Use::WriteState, Use::Notify]),
    ]
}

async fn tell(app: &App, call: Call) -> Result<Reply> {
    events::tell(app, &call.json()?).await?;
    Ok(Reply::done())
}
