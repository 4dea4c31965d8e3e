//! Deployments: create, list, show, delete.

use fettle_backend::app::App;
use fettle_backend::deployments::{self, Deployment, NewDeployment};
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::permission::Permission::{Read, Write};
use fettle_backend::problem::Result;
use fettle_backend::record::{List, PageRequest};

/// This package's operations.
pub fn operations() -> Vec<Operation> {
    vec![
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
    ]
}

async fn create(app: &App, call: Call) -> Result<Reply> {
    Reply::json(201, &deployments::deploy(app, &call, call.json::<NewDeployment>()?).await?)
}

async fn list(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&deployments::list(app, call.workspace()?, &PageRequest::from_call(&call)?).await?)
}

async fn show(app: &App, call: Call) -> Result<Reply> {
    let deployment = deployments::show(app, call.workspace()?, call.path("deployment")).await?;
    Ok(Reply::ok(&deployment)?.revision(deployment.revision))
}

async fn delete(app: &App, call: Call) -> Result<Reply> {
    deployments::delete(app, call.workspace()?, call.path("deployment"), call.if_match.as_deref()).await?;
    Ok(Reply::done())
}
