//! MLflow's scoring protocol: what a client of `mlflow models serve` calls.

use crate::{ASKS, LOOKING, LOOKS, PREDICTING};
use fettle_backend::app::App;
use fettle_backend::deployments;
use fettle_backend::error_form::ErrorForm;
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::permission::Permission::Predict;
use fettle_backend::problem::Result;
use fettle_backend::protocols::mlflow::{Healthy, InvocationsAnswer, InvocationsRequest, read};
use fettle_backend::protocols::rows::{CSV, read_csv};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        Operation::http(
            "mlflow.invocations",
            "POST",
            "/v1/deployments/{deployment}/invocations",
            Predict,
            |app, call| Box::pin(invocations(app, call)),
        )
        .summary("Predict by MLflow's scoring protocol")
        .size(PREDICTING.0, PREDICTING.1)
        .takes::<InvocationsRequest>()
        .takes_media(&[CSV])
        .gives::<InvocationsAnswer>(200)
        .errors(ErrorForm::Mlflow)
        .uses(ASKS),
        Operation::http("mlflow.ping", "GET", "/v1/deployments/{deployment}/ping", Predict, |app, call| {
            Box::pin(health(app, call))
        })
        .summary("Whether a deployment's model is loaded, as MLflow's servers are asked")
        .size(LOOKING.0, LOOKING.1)
        .gives::<Healthy>(200)
        .errors(ErrorForm::Mlflow)
        .uses(LOOKS),
        Operation::http(
            "mlflow.health",
            "GET",
            "/v1/deployments/{deployment}/health",
            Predict,
            |app, call| Box::pin(health(app, call)),
        )
        .summary("The same as ping")
        .size(LOOKING.0, LOOKING.1)
        .gives::<Healthy>(200)
        .errors(ErrorForm::Mlflow)
        .uses(LOOKS),
        Operation::http(
            "mlflow.version",
            "GET",
            "/v1/deployments/{deployment}/version",
            Predict,
            |app, call| Box::pin(version(app, call)),
        )
        .summary("Which version of the program serves, as MLflow's servers are asked")
        .gives_status(200)
        .gives_media(&["text/plain"])
        .errors(ErrorForm::Mlflow)
        .uses(&[Use::ReadState]),
    ]
}

async fn invocations(app: &App, call: Call) -> Result<Reply> {
    let (deployment, limits) = (call.path("deployment"), &app.limits);
    let scored = if call.content_type.as_deref() == Some(CSV) {
        deployments::ask(app, &call, deployment, |model| read_csv(model, limits, &call.body)).await?
    } else {
        let request = call.json::<InvocationsRequest>()?;
        deployments::ask(app, &call, deployment, |model| read(model, limits, &request)).await?
    };
    Reply::ok(&InvocationsAnswer::of(&scored.predictions))
}

async fn health(app: &App, call: Call) -> Result<Reply> {
    deployments::schema(app, call.workspace()?, call.path("deployment"), None).await?;
    Reply::ok(&Healthy::OK)
}

async fn version(app: &App, call: Call) -> Result<Reply> {
    deployments::show(app, call.workspace()?, call.path("deployment")).await?;
    Ok(Reply::text("text/plain; charset=utf-8", app.version.to_owned()))
}
