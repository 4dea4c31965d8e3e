//! API keys and who may do what.

use fettle_backend::app::App;
use fettle_backend::keys::{self, ApiKey, NewKey};
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::permission::Permission::Administer;
use fettle_backend::problem::Result;
use fettle_backend::record::{List, PageRequest};

/// This package's operations.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::http("keys.create", "POST", "/v1/keys", Administer, |app, call| {
            Box::pin(create(app, call))
        })
        .summary("Make a key; it is shown once")
        .takes::<NewKey>()
        .gives::<ApiKey>(201)
        .idempotent()
        .uses(&[Use::ReadState, Use::WriteState]),
        Operation::http("keys.list", "GET", "/v1/keys", Administer, |app, call| Box::pin(list(app, call)))
            .summary("List keys, without their secrets")
            .query(&[("limit", "1 to 200"), ("cursor", "`next_cursor` of the page before")])
            .gives::<List<ApiKey>>(200)
            .uses(&[Use::ReadState]),
        Operation::http("keys.revoke", "DELETE", "/v1/keys/{key}", Administer, |app, call| {
            Box::pin(revoke(app, call))
        })
        .summary("Revoke a key")
        .gives_status(204)
        .uses(&[Use::ReadState, Use::WriteState]),
        Operation::operator("access.first-admin", |app, call| Box::pin(first_admin(app, call)))
            .summary("Make the platform's first admin key; it is shown once")
            .gives::<ApiKey>(201)
            .uses(&[Use::WriteState]),
    ]
}

async fn create(app: &App, call: Call) -> Result<Reply> {
    Reply::json(201, &keys::create_key(app, &call, call.json::<NewKey>()?).await?)
}

async fn list(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&keys::list(app, call.workspace()?, &PageRequest::from_call(&call)?).await?)
}

async fn revoke(app: &App, call: Call) -> Result<Reply> {
    keys::revoke(app, call.caller()?, call.path("key")).await?;
    Ok(Reply::done())
}

async fn first_admin(app: &App, _call: Call) -> Result<Reply> {
    Reply::json(201, &keys::create_first_admin(app).await?)
}
