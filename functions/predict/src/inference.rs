//! The Open Inference Protocol, version 2. A model is called what its deployment is called.

use crate::{ASKS, LOOKING, LOOKS, PREDICTING};
use fettle_backend::app::App;
use fettle_backend::deployments::{self, Asked, Scored};
use fettle_backend::error_form::ErrorForm;
use fettle_backend::operation::{Call, Handler, Operation, Reply, Use};
use fettle_backend::permission::Permission::{Open, Predict};
use fettle_backend::ports::Key;
use fettle_backend::problem::{Problem, Result};
use fettle_backend::protocols::inference::{
    InferAnswer, InferRequest, ModelMetadata, ModelReady, ServerLive, ServerMetadata, ServerReady, answer,
    metadata, read,
};
use std::future::ready;

pub(crate) fn operations() -> Vec<Operation> {
    let operations = vec![
        Operation::http("inference.server", "GET", "/v2", Open, |app, _call| {
            Box::pin(ready(Reply::ok(&ServerMetadata::new(app.version))))
        })
        .summary("Which server this is, by the Open Inference Protocol")
        .gives::<ServerMetadata>(200),
        Operation::http("inference.live", "GET", "/v2/health/live", Open, |_app, _call| {
            Box::pin(ready(Reply::ok(&ServerLive { live: true })))
        })
        .summary("Whether the server is there")
        .gives::<ServerLive>(200),
        Operation::http("inference.ready", "GET", "/v2/health/ready", Open, |app, _call| {
            Box::pin(server_ready(app))
        })
        .summary("Whether the server can answer")
        .gives::<ServerReady>(200)
        .uses(&[Use::ReadState]),
        look("inference.model", "/v2/models/{model}", |app, call| Box::pin(model(app, call)))
            .summary("What a deployment takes and gives, as tensors")
            .gives::<ModelMetadata>(200),
        look("inference.model-ready", "/v2/models/{model}/ready", |app, call| {
            Box::pin(model_ready(app, call))
        })
        .summary("Whether a deployment can answer")
        .gives::<ModelReady>(200),
        look("inference.version", "/v2/models/{model}/versions/{version}", |app, call| {
            Box::pin(model(app, call))
        })
        .summary("The same of the version that answers; another is not found")
        .gives::<ModelMetadata>(200),
        look("inference.version-ready", "/v2/models/{model}/versions/{version}/ready", |app, call| {
            Box::pin(model_ready(app, call))
        })
        .summary("Whether that version of a deployment answers")
        .gives::<ModelReady>(200),
        ask("inference.infer", "/v2/models/{model}/infer").summary("Predict by the Open Inference Protocol"),
        ask("inference.infer-version", "/v2/models/{model}/versions/{version}/infer")
            .summary("The same by the version that answers; another is not found"),
    ];
    operations.into_iter().map(|operation| operation.errors(ErrorForm::Inference)).collect()
}

fn look(name: &'static str, path: &'static str, handler: Handler) -> Operation {
    Operation::http(name, "GET", path, Predict, handler).size(LOOKING.0, LOOKING.1).uses(LOOKS)
}

fn ask(name: &'static str, path: &'static str) -> Operation {
    Operation::http(name, "POST", path, Predict, |app, call| Box::pin(infer(app, call)))
        .size(PREDICTING.0, PREDICTING.1)
        .takes::<InferRequest>()
        .gives::<InferAnswer>(200)
        .uses(ASKS)
}

async fn server_ready(app: &App) -> Result<Reply> {
    app.slots.database.get(&Key::new("platform/health", "probe")).await?;
    Reply::ok(&ServerReady { ready: true })
}

async fn model(app: &App, call: Call) -> Result<Reply> {
    let (name, version) = (call.path("model"), wanted_version(&call)?);
    let (version, schema) = deployments::schema(app, call.workspace()?, name, version).await?;
    Reply::ok(&metadata(name, Some(version), &schema))
}

async fn model_ready(app: &App, call: Call) -> Result<Reply> {
    let (name, version) = (call.path("model"), wanted_version(&call)?);
    deployments::schema(app, call.workspace()?, name, version).await?;
    Reply::ok(&ModelReady { name: name.to_owned(), ready: true })
}

async fn infer(app: &App, call: Call) -> Result<Reply> {
    let (name, request) = (call.path("model"), call.json::<InferRequest>()?);
    let version = wanted_version(&call)?;
    let asked = Asked { version, ..Asked::default() };
    let read = |model: &_| read(model, &app.limits, &request);
    let scored = deployments::ask_for(app, &call, name, asked, read).await?;
    let Scored { version, model, predictions, .. } = scored;
    Reply::ok(&answer(name, Some(version), &model, &predictions, &request))
}

/// The version that the path names, if it names one.
fn wanted_version(call: &Call) -> Result<Option<u32>> {
    match call.path("version") {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Problem::not_found("version", text)),
    }
}
