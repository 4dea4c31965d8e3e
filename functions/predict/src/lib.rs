//! Predictions of a deployed model, by the platform's own protocol, MLflow's, and the Open Inference Protocol; and
//! what is written down of them.

mod inference;
mod mlflow;

use fettle_backend::app::App;
use fettle_backend::deployments::{self, Answer, Asked};
use fettle_backend::metering::{self, Feedback, Told};
use fettle_backend::models::ModelSchema;
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::permission::Permission::Predict;
use fettle_backend::ports::QueueName;
use fettle_backend::problem::Result;
use fettle_backend::protocols::rows::{self, CSV, PredictRequest, read_csv, read_json};

/// What predicting takes: the memory of one whole core, and as long as API Gateway waits.
const PREDICTING: (u32, u32) = (1769, 29);

/// What a model has to be loaded for, but nothing is predicted.
const LOOKING: (u32, u32) = (1024, 29);

/// Whatever asks a model.
const ASKS: &[Use] = &[Use::ReadState, Use::ReadObjects, Use::Send(QueueName::Served)];

/// Whatever looks at a model.
const LOOKS: &[Use] = &[Use::ReadState, Use::ReadObjects];

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
        .query(&[
            ("explain", "true: what each column adds to each prediction"),
            ("interval", "0.5 to 0.999: what holds the truth of this share of rows"),
        ])
        .takes::<PredictRequest>()
        .takes_media(&[CSV])
        .gives::<Answer>(200)
        .gives_media(&[CSV])
        .uses(ASKS),
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
            .size(PREDICTING.0, 60)
            .uses(&[Use::ReadState, Use::WriteState, Use::ReadObjects]),
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
        .uses(LOOKS),
    ];
    operations.extend(mlflow::operations());
    operations.extend(inference::operations());
    operations
}

async fn rows(app: &App, call: Call) -> Result<Reply> {
    let (deployment, limits, asked) = (call.path("deployment"), &app.limits, Asked::of(&call)?);
    let is_csv = call.content_type.as_deref() == Some(CSV);
    let scored = if is_csv {
        deployments::ask_for(app, &call, deployment, asked, |model| read_csv(model, limits, &call.body))
            .await?
    } else {
        let request = call.json::<PredictRequest>()?;
        deployments::ask_for(app, &call, deployment, asked, |model| read_json(model, limits, &request))
            .await?
    };
    if rows::answers_csv(is_csv, call.accept.as_deref()) {
        return rows::csv(&scored.model, &scored.predictions, true);
    }
    Reply::ok(&scored.answer(&call.request_id))
}

async fn schema(app: &App, call: Call) -> Result<Reply> {
    let (_, schema) = deployments::schema(app, call.workspace()?, call.path("deployment"), None).await?;
    Reply::ok(&schema)
}

async fn feedback(app: &App, call: Call) -> Result<Reply> {
    let feedback = call.json::<Feedback>()?;
    Reply::ok(&metering::tell(app, call.workspace()?, call.path("deployment"), feedback).await?)
}

async fn record(app: &App, call: Call) -> Result<Reply> {
    metering::work(app, call.json()?).await?;
    Ok(Reply::done())
}
