//! Predictions of a deployed model.

use fettle_backend::app::App;
use fettle_backend::deployments::{self, Answer, PredictRequest};
use fettle_backend::models::ModelSchema;
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::permission::Permission::Predict;
use fettle_backend::problem::Result;

/// This package's operations.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::http(
            "predict.rows",
            "POST",
            "/v1/deployments/{deployment}/predict",
            Predict,
            |app, call| Box::pin(rows(app, call)),
        )
        .summary("Predict rows of JSON, or of CSV by content type")
        .size(1769, 29)
        .takes::<PredictRequest>()
        .gives::<Answer>(200)
        .uses(&[Use::ReadState, Use::ReadObjects]),
        Operation::http(
            "predict.schema",
            "GET",
            "/v1/deployments/{deployment}/schema",
            Predict,
            |app, call| Box::pin(schema(app, call)),
        )
        .summary("What a deployment takes and gives")
        .size(1024, 29)
        .gives::<ModelSchema>(200)
        .uses(&[Use::ReadState, Use::ReadObjects]),
    ]
}

async fn rows(app: &App, call: Call) -> Result<Reply> {
    let (workspace, deployment, id) = (call.workspace()?, call.path("deployment"), call.request_id.clone());
    if call.content_type.as_deref() == Some("text/csv") {
        return Reply::ok(&deployments::predict_csv(app, workspace, deployment, &call.body, id).await?);
    }
    Reply::ok(&deployments::predict(app, workspace, deployment, call.json::<PredictRequest>()?, id).await?)
}

async fn schema(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&deployments::schema(app, call.workspace()?, call.path("deployment")).await?)
}
