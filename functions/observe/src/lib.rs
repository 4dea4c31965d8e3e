//! Health, version, the API's description, and the queues.

use fettle_backend::app::App;
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::permission::Permission::{Administer, Open};
use fettle_backend::ports::Key;
use fettle_backend::problem::Result;
use fettle_backend::queues::{self, DeadLetter, QueueStatus, Redriven};
use fettle_backend::record::List;
use schemars::JsonSchema;
use serde::Serialize;
use std::future::ready;

/// That the platform is up.
#[derive(Debug, Serialize, JsonSchema)]
struct Health {
    /// `ok`, once the database has answered.
    status: &'static str,
}

/// What all packages' operations are: one package alone could not say. A test holds it to the registry.
const DESCRIPTION: &str = include_str!("../../../docs/openapi.json");

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
        Operation::http("observe.openapi", "GET", "/openapi.json", Open, |_app, _call| {
            Box::pin(ready(openapi()))
        })
        .summary("This description")
        .gives_media(&["application/json"]),
        Operation::http("queues.list", "GET", "/v1/queues", Administer, |app, call| {
            Box::pin(list_queues(app, call))
        })
        .summary("How much waits on each queue, and what was given up")
        .size(256, 30)
        .gives::<List<QueueStatus>>(200)
        .uses(&[Use::TendQueues]),
        Operation::http(
            "queues.dead-letters",
            "GET",
            "/v1/queues/{queue}/dead-letters",
            Administer,
            |app, call| Box::pin(dead_letters(app, call)),
        )
        .summary("List messages that were given up, oldest first")
        .size(256, 30)
        .query(&[("limit", "1 to 20")])
        .gives::<List<DeadLetter>>(200)
        .uses(&[Use::TendQueues]),
        Operation::http("queues.redrive", "POST", "/v1/queues/{queue}/redrive", Administer, |app, call| {
            Box::pin(redrive(app, call))
        })
        .summary("Put the messages that were given up back on their queue")
        .size(256, 30)
        .gives::<Redriven>(200)
        .uses(&[Use::TendQueues]),
    ]
}

async fn health(app: &App, _call: Call) -> Result<Reply> {
    app.slots.database.get(&Key::new("platform/health", "probe")).await?;
    Reply::ok(&Health { status: "ok" })
}

fn version(app: &App) -> Result<Reply> {
    Reply::ok(&Version { name: "fettle", version: app.version })
}

fn openapi() -> Result<Reply> {
    Ok(Reply { body: DESCRIPTION.into(), ..Reply::ok(&())? })
}

async fn list_queues(app: &App, _call: Call) -> Result<Reply> {
    Reply::ok(&queues::list(app).await?)
}

async fn dead_letters(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&queues::dead_letters(app, &call).await?)
}

async fn redrive(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&queues::redrive(app, &call).await?)
}
