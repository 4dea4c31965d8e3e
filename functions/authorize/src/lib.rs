//! Who is calling: what API Gateway asks before it calls another operation.

use fettle_backend::admission;
use fettle_backend::app::App;
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::problem::Result;

/// This package's operations.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::authorizer("authorize.request", |app, call| Box::pin(request(app, call)))
            .summary("Tell API Gateway who is calling")
            .size(256, 5)
            .uses(&[Use::ReadState]),
    ]
}

async fn request(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&admission::authorize(app, call.authorization.as_deref()).await?)
}
