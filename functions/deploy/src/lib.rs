//! Deployments: create, list, show, delete; shift, roll back, pause; what they did.

use fettle_backend::app::App;
use fettle_backend::deployments::{self, Change, Deployment, NewDeployment, NewTraffic, Settings};
use fettle_backend::metering::{self, Metrics, Span};
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::permission::Permission::{Read, Write};
use fettle_backend::problem::Result;
use fettle_backend::record::{List, PageRequest};

/// This package's operations.
pub fn operations() -> Vec<Operation> {
    let mut operations = vec![
        Operation::http("deployments.create", "POST", "/v1/deployments", Write, |app, call| {
            Box::pin(create(app, call))
        })
        .summary("Deploy a model: follow an alias, or stay with a version")
        .takes::<NewDeployment>()
        .gives::<Deployment>(201)
        .idempotent()
        .uses(&[Use::ReadState, Use::WriteState]),
        Operation::http("deployments.list", "GET", "/v1/deployments", Read, |app, call| {
            Box::pin(list(app, call))
        })
        .summary("List deployments by name")
        .query(&[("limit", "1 to 200"), ("cursor", "`next_cursor` of the page before")])
        .gives::<List<Deployment>>(200)
        .uses(&[Use::ReadState]),
        Operation::http("deployments.show", "GET", "/v1/deployments/{deployment}", Read, |app, call| {
            Box::pin(show(app, call))
        })
        .summary("Show a deployment, with the version that answers now")
        .gives::<Deployment>(200)
        .uses(&[Use::ReadState]),
        Operation::http(
            "deployments.delete",
            "DELETE",
            "/v1/deployments/{deployment}",
            Write,
            |app, call| Box::pin(delete(app, call)),
        )
        .summary("Delete a deployment; its model stays")
        .gives_status(204)
        .uses(&[Use::ReadState, Use::WriteState]),
        Operation::http(
            "deployments.configure",
            "PUT",
            "/v1/deployments/{deployment}/settings",
            Write,
            |app, call| Box::pin(configure(app, call)),
        )
        .summary("Set a deployment's limit of requests, and what its prediction log keeps")
        .takes::<Settings>()
        .gives::<Deployment>(200)
        .uses(&[Use::ReadState, Use::WriteState]),
    ];
    operations.extend(traffic());
    operations
}

/// Who answers, for how long, and how well.
fn traffic() -> Vec<Operation> {
    vec![
        Operation::http(
            "deployments.shift",
            "POST",
            "/v1/deployments/{deployment}/traffic",
            Write,
            |app, call| Box::pin(shift(app, call)),
        )
        .summary("Shift the traffic: up to five variants with weights, shadows, and a canary that goes on by itself")
        .takes::<NewTraffic>()
        .gives::<Deployment>(200)
        .uses(&[Use::ReadState, Use::WriteState]),
        Operation::http(
            "deployments.rollback",
            "POST",
            "/v1/deployments/{deployment}/rollback",
            Write,
            |app, call| Box::pin(roll_back(app, call)),
        )
        .summary("Go back to what served before")
        .gives::<Deployment>(200)
        .uses(&[Use::ReadState, Use::WriteState]),
        Operation::http(
            "deployments.pause",
            "POST",
            "/v1/deployments/{deployment}/pause",
            Write,
            |app, call| Box::pin(pause(app, call)),
        )
        .summary("Answer nobody until it is resumed")
        .gives::<Deployment>(200)
        .uses(&[Use::ReadState, Use::WriteState]),
        Operation::http(
            "deployments.resume",
            "POST",
            "/v1/deployments/{deployment}/resume",
            Write,
            |app, call| Box::pin(resume(app, call)),
        )
        .summary("Answer again")
        .gives::<Deployment>(200)
        .uses(&[Use::ReadState, Use::WriteState]),
        Operation::http(
            "deployments.history",
            "GET",
            "/v1/deployments/{deployment}/history",
            Read,
            |app, call| Box::pin(history(app, call)),
        )
        .summary("Who changed what of a deployment, and when; the latest first")
        .query(&[("limit", "1 to 200"), ("cursor", "`next_cursor` of the page before")])
        .gives::<List<Change>>(200)
        .uses(&[Use::ReadState]),
        Operation::http(
            "deployments.metrics",
            "GET",
            "/v1/deployments/{deployment}/metrics",
            Read,
            |app, call| Box::pin(metrics(app, call)),
        )
        .summary("Requests, errors, latencies and live quality, of each variant")
        .query(&[("from", "RFC 3339; an hour before `to` when left out"), ("to", "RFC 3339; now when left out")])
        .gives::<Metrics>(200)
        .uses(&[Use::ReadState]),
    ]
}

/// A deployment with the revision that `If-Match` takes.
fn reply(deployment: &Deployment) -> Result<Reply> {
    Ok(Reply::ok(deployment)?.revision(deployment.revision))
}

async fn configure(app: &App, call: Call) -> Result<Reply> {
    reply(&deployments::configure(app, &call, call.path("deployment"), call.json::<Settings>()?).await?)
}

async fn shift(app: &App, call: Call) -> Result<Reply> {
    reply(&deployments::shift(app, &call, call.path("deployment"), call.json::<NewTraffic>()?).await?)
}

async fn roll_back(app: &App, call: Call) -> Result<Reply> {
    reply(&deployments::roll_back(app, &call, call.path("deployment")).await?)
}

async fn pause(app: &App, call: Call) -> Result<Reply> {
    reply(&deployments::pause(app, &call, call.path("deployment")).await?)
}

async fn resume(app: &App, call: Call) -> Result<Reply> {
    reply(&deployments::resume(app, &call, call.path("deployment")).await?)
}

async fn history(app: &App, call: Call) -> Result<Reply> {
    let page = PageRequest::from_call(&call)?;
    Reply::ok(&deployments::history(app, call.workspace()?, call.path("deployment"), &page).await?)
}

async fn metrics(app: &App, call: Call) -> Result<Reply> {
    let span = Span::from_call(app, &call)?;
    Reply::ok(&metering::metrics(app, call.workspace()?, call.path("deployment"), span).await?)
}

async fn create(app: &App, call: Call) -> Result<Reply> {
    Reply::json(201, &deployments::deploy(app, &call, call.json::<NewDeployment>()?).await?)
}

async fn list(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&deployments::list(app, call.workspace()?, &PageRequest::from_call(&call)?).await?)
}

async fn show(app: &App, call: Call) -> Result<Reply> {
    reply(&deployments::show(app, call.workspace()?, call.path("deployment")).await?)
}

async fn delete(app: &App, call: Call) -> Result<Reply> {
    deployments::delete(app, call.workspace()?, call.path("deployment"), call.if_match.as_deref()).await?;
    Ok(Reply::done())
}
