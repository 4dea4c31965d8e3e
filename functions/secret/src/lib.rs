//! Named secrets: written, never shown again, sealed by the key ring.

use fettle_backend::app::App;
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::permission::Permission::Administer;
use fettle_backend::problem::Result;
use fettle_backend::record::{List, PageRequest};
use fettle_backend::secrets::{self, NewSecret, Rotation, Secret};

/// This package's operations.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::http("secrets.put", "PUT", "/v1/secrets/{secret}", Administer, |app, call| {
            Box::pin(put(app, call))
        })
        .summary("Write a secret, new or in place of the one before; its value is never shown")
        .takes::<NewSecret>()
        .gives::<Secret>(200)
        .uses(&[Use::ReadState, Use::WriteState, Use::Keys]),
        Operation::http("secrets.list", "GET", "/v1/secrets", Administer, |app, call| {
            Box::pin(list(app, call))
        })
        .summary("List secrets, without their values")
        .query(&[("limit", "1 to 200"), ("cursor", "`next_cursor` of the page before")])
        .gives::<List<Secret>>(200)
        .uses(&[Use::ReadState, Use::Keys]),
        Operation::http("secrets.show", "GET", "/v1/secrets/{secret}", Administer, |app, call| {
            Box::pin(show(app, call))
        })
        .summary("Look at a secret, without its value")
        .gives::<Secret>(200)
        .uses(&[Use::ReadState, Use::Keys]),
        Operation::http("secrets.delete", "DELETE", "/v1/secrets/{secret}", Administer, |app, call| {
            Box::pin(delete(app, call))
        })
        .summary("Delete a secret")
        .gives_status(204)
        .uses(&[Use::ReadState, Use::WriteState]),
        Operation::http("secrets.rotate", "POST", "/v1/secrets/rotate", Administer, |app, call| {
            Box::pin(rotate(app, call))
        })
        .summary("Seal the values of a page of secrets again, by the key ring's first key")
        .size(256, 30)
        .query(&[("limit", "1 to 200"), ("cursor", "`next_cursor` of the part before")])
        .gives::<Rotation>(200)
        .uses(&[Use::ReadState, Use::WriteState, Use::Keys]),
    ]
}

async fn put(app: &App, call: Call) -> Result<Reply> {
    let secret = secrets::put(app, &call).await?;
    Ok(Reply::ok(&secret)?.revision(secret.revision))
}

async fn list(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&secrets::list(app, call.workspace()?, &PageRequest::from_call(&call)?).await?)
}

async fn show(app: &App, call: Call) -> Result<Reply> {
    let secret = secrets::show(app, call.workspace()?, call.path("secret")).await?;
    Ok(Reply::ok(&secret)?.revision(secret.revision))
}

async fn delete(app: &App, call: Call) -> Result<Reply> {
    secrets::delete(app, call.workspace()?, call.path("secret"), call.if_match.as_deref()).await?;
    Ok(Reply::done())
}

async fn rotate(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&secrets::rotate(app, call.workspace()?, &PageRequest::from_call(&call)?).await?)
}
