//! Predictions of a deployed model, by whichever protocol the rows came.

use super::served::Served;
use crate::app::App;
use crate::limits::Limits;
use crate::operation::Call;
use crate::problem::{Kind, Problem, Result};
use fettle_engine::artifact::{Model, Predictions};
use fettle_engine::table::Table;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many rows are predicted where the request is; more go to a thread of their own.
const ROWS_AT_ONCE: usize = 64;

/// What is predicted for a row.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Prediction {
    /// The most probable class, or the number.
    pub prediction: Value,
    /// By class; for a classification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probabilities: Option<BTreeMap<String, f64>>,
}

/// What is predicted, and by what.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Answer {
    /// One a row, in the order of the rows.
    pub predictions: Vec<Prediction>,
    /// The model that answered.
    pub model: String,
    /// Its version.
    pub version: u32,
    /// Names the request.
    pub request_id: String,
}

/// A table that a deployment has predicted.
pub struct Scored {
    /// The model's name.
    pub name: Arc<str>,
    /// Its version.
    pub version: u32,
    /// The model that answered.
    pub model: Arc<Model>,
    /// One a row.
    pub predictions: Predictions,
}

impl Scored {
    /// In the platform's own form.
    pub fn answer(&self, request_id: &str) -> Answer {
        let predictions = (0..self.predictions.len()).map(|row| Prediction {
            prediction: self.predictions.value(row),
            probabilities: self.predictions.probabilities(row),
        });
        Answer {
            predictions: predictions.collect(),
            model: self.name.to_string(),
            version: self.version,
            request_id: request_id.to_owned(),
        }
    }
}

/// Has a deployment predict what `read` makes of a request, knowing the model that is to answer.
pub async fn ask(
    app: &App,
    call: &Call,
    deployment: &str,
    read: impl FnOnce(&Model) -> Result<Table>,
) -> Result<Scored> {
    let Served { name, version, model } = app.served.get(app, call.workspace()?, deployment).await?;
    let table = read(&model)?;
    check_rows(&app.limits, table.rows)?;
    let predictions = predict(&model, table).await?;
    Ok(Scored { name, version, model, predictions })
}

async fn predict(model: &Arc<Model>, table: Table) -> Result<Predictions> {
    if table.rows <= ROWS_AT_ONCE {
        return model.predict(&table).map_err(Problem::internal);
    }
    let model = Arc::clone(model);
    let predicted = tokio::task::spawn_blocking(move || model.predict(&table)).await;
    predicted.map_err(Problem::internal)?.map_err(Problem::internal)
}

/// Refuses a request of no rows, or of more than one may have.
pub fn check_rows(limits: &Limits, rows: usize) -> Result<()> {
    if rows == 0 {
        return Err(Problem::invalid("rows", "there are no rows").remedy("send at least one row"));
    }
    if rows > limits.predict_rows {
        let limit = limits.predict_rows;
        return Err(Problem::new(
            Kind::TooLarge,
            format!("{rows} rows are more than the {limit} that one request may have"),
        )
        .at_field("rows")
        .remedy(format!("send at most {limit} rows at a time")));
    }
    Ok(())
}
