//! Health, version and the API's description.

use fettle_backend::app::App;
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::permission::Permission::Open;
use fettle_backend::ports::Key;
use fettle_backend::problem::Result;
use schemars::JsonSchema;
use serde::Serialize;
use std::future::ready;

/// That the platform is up.
#[derive(Debug, Serialize, JsonSchema)]
struct Health {
    /// `ok`, once the database has answered.
    status: &'static str,
}

/// Which program this is.
#[derive(Debug, Serialize, JsonSchema)]
struct Version {
    /// `fettle`.
    name: &'static str,
    /// Its version.
    version: &'static str,
}

/// This package's operations.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::http("observe.health", "GET", "/v1/health", Open, |app, call| Box::pin(health(app, call)))
            .summary("Whether the platform is up")
            .gives::<Health>(200)
            .uses(&[Use::ReadState]),
        Operation::http("observe.version", "GET", "/v1/version", Open, |app, _call| {
            Box::pin(ready(version(app)))
        })
        .summary("Which version of the program this is")
        .gives::<Version>(200),
        Operation::http("observe.openapi", "GET", "/openapi.json", Open, |app, _call| {
            Box::pin(ready(openapi(app)))
        })
        .summary("This description"),
    ]
}

async fn health(app: &App, _call: Call) -> Result<Reply> {
    app.slots.database.get(&Key::new("platform/health", "probe")).await?;
    Reply::ok(&Health { status: "ok" })
}

fn version(app: &App) -> Result<Reply> {
    Reply::ok(&Version { name: "fettle", version: app.version })
}

fn openapi(app: &App) -> Result<Reply> {
    Ok(Reply { body: app.openapi.clone().into_bytes(), ..Reply::ok(&())? })
}
