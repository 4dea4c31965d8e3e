//! Predictions of a deployed model: by the platform's own protocol, MLflow's, and the Open Inference Protocol.

mod inference;
mod mlflow;

use fettle_backend::app::App;
use fettle_backend::deployments::{self, Answer};
use fettle_backend::models::ModelSchema;
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::permission::Permission::Predict;
use fettle_backend::problem::Result;
use fettle_backend::protocols::rows::{self, CSV, PredictRequest, read_csv, read_json};

/// What predicting takes: the memory of one whole core, and as long as API Gateway waits.
const PREDICTING: (u32, u32) = (1769, 29);

/// What a model has to be loaded for, but nothing is predicted.
const LOOKING: (u32, u32) = (1024, 29);

/// Whatever asks a model.
const ASKS: &[Use] = &[Use::ReadState, Use::ReadObjects];

/// This package's operations.
pub fn operations() -> Vec<Operation> {
    let mut operations = vec![
        Operation::http(
            "predict.rows",
            "POST",
            "/v1/deployments/{deployment}/predict",
            Predict,
            |app, call| Box::pin(rows(app, call)),
        )
        .summary(
            "Predict rows of JSON, or of CSV by content type; answered alike unless `Accept` says otherwise",
        )
        .size(PREDICTING.0, PREDICTING.1)
        .takes::<PredictRequest>()
        .takes_media(&[CSV])
        .gives::<Answer>(200)
        .gives_media(&[CSV])
        .uses(ASKS),
        Operation::http(
            "predict.schema",
            "GET",
            "/v1/deployments/{deployment}/schema",
            Predict,
            |app, call| Box::pin(schema(app, call)),
        )
        .summary("What a deployment takes and gives")
        .size(LOOKING.0, LOOKING.1)
        .gives::<ModelSchema>(200)
        .uses(ASKS),
    ];
    operations.extend(mlflow::operations());
    operations.extend(inference::operations());
    operations
}

async fn rows(app: &App, call: Call) -> Result<Reply> {
    let (deployment, limits) = (call.path("deployment"), &app.limits);
    let is_csv = call.content_type.as_deref() == Some(CSV);
    let scored = if is_csv {
        deployments::ask(app, &call, deployment, |model| read_csv(model, limits, &call.body)).await?
    } else {
        let request = call.json::<PredictRequest>()?;
        deployments::ask(app, &call, deployment, |model| read_json(model, limits, &request)).await?
    };
    if rows::answers_csv(is_csv, call.accept.as_deref()) {
        return rows::csv(&scored.model, &scored.predictions, true);
    }
    Reply::ok(&scored.answer(&call.request_id))
}

async fn schema(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&deployments::schema(app, call.workspace()?, call.path("deployment")).await?)
}
