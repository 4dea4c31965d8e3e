//! Predictions of a deployed model, and what is written down of them.

use fettle_backend::app::App;
use fettle_backend::deployments::{self, Answer, Asked};
use fettle_backend::metering::{self, Feedback, Told};
use fettle_backend::models::ModelSchema;
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::permission::Permission::Predict;
use fettle_backend::ports::QueueName;
use fettle_backend::problem::Result;
use fettle_backend::protocols::rows::{PredictRequest, read_csv, read_json};

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
        .query(&[
            ("explain", "true: what each column adds to each prediction"),
            ("interval", "0.5 to 0.999: what holds the truth of this share of rows"),
        ])
        .takes::<PredictRequest>()
        .gives::<Answer>(200)
        .uses(&[Use::ReadState, Use::ReadObjects, Use::Send(QueueName::Served)]),
        Operation::http(
            "predict.feedback",
            "POST",
            "/v1/deployments/{deployment}/feedback",
            Predict,
            |app, call| Box::pin(feedback(app, call)),
        )
        .summary("Tell what really happened to a row that was predicted")
        .takes::<Feedback>()
        .gives::<Told>(200)
        .uses(&[Use::ReadState, Use::WriteState]),
        Operation::queue("predict.record", QueueName::Served, |app, call| Box::pin(record(app, call)))
            .summary("Record what was served, ask the shadows, and take a canary's next step")
            .size(1769, 60)
            .uses(&[Use::ReadState, Use::WriteState, Use::ReadObjects]),
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
    let (deployment, limits, asked) = (call.path("deployment"), &app.limits, Asked::of(&call)?);
    let scored = if call.content_type.as_deref() == Some("text/csv") {
        deployments::ask_for(app, &call, deployment, asked, |model| read_csv(model, limits, &call.body))
            .await?
    } else {
        let request = call.json::<PredictRequest>()?;
        deployments::ask_for(app, &call, deployment, asked, |model| read_json(model, limits, &request))
            .await?
    };
    Reply::ok(&scored.answer(&call.request_id))
}

async fn schema(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&deployments::schema(app, call.workspace()?, call.path("deployment")).await?)
}

async fn feedback(app: &App, call: Call) -> Result<Reply> {
    let feedback = call.json::<Feedback>()?;
    Reply::ok(&metering::tell(app, call.workspace()?, call.path("deployment"), feedback).await?)
}

async fn record(app: &App, call: Call) -> Result<Reply> {
    metering::work(app, call.json()?).await?;
    Ok(Reply::done())
}
