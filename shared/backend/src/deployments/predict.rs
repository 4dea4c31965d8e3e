//! Predictions of a deployed model.

use super::served::Served;
use crate::app::App;
use crate::limits::Limits;
use crate::problem::{Kind, Problem, Result};
use fettle_engine::artifact::{Model, Predictions};
use fettle_engine::table::{Table, decode_csv_rows, decode_rows};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many rows are predicted where the request is; more go to a thread of their own.
const ROWS_AT_ONCE: usize = 64;

/// Rows to predict.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictRequest {
    /// One object a row: each of the schema's inputs by name; null for a missing value.
    pub rows: Vec<Map<String, Value>>,
}

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

/// Predicts rows of JSON.
pub async fn predict(
    app: &App,
    workspace: &str,
    deployment: &str,
    request: PredictRequest,
    request_id: String,
) -> Result<Answer> {
    check_rows(&app.limits, request.rows.len())?;
    let served = app.served.get(app, workspace, deployment).await?;
    let table = decode_rows(served.model.fields(), &request.rows)?;
    answer(served, table, request_id).await
}

/// Predicts rows of CSV, by a header that names the schema's inputs.
pub async fn predict_csv(
    app: &App,
    workspace: &str,
    deployment: &str,
    body: &[u8],
    request_id: String,
) -> Result<Answer> {
    let served = app.served.get(app, workspace, deployment).await?;
    let table = decode_csv_rows(served.model.fields(), body, &app.limits.read)?;
    check_rows(&app.limits, table.rows)?;
    answer(served, table, request_id).await
}

fn check_rows(limits: &Limits, rows: usize) -> Result<()> {
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

async fn answer(served: Served, table: Table, request_id: String) -> Result<Answer> {
    let Served { name, version, model } = served;
    let predictions = if table.rows <= ROWS_AT_ONCE {
        rows_of(&model, &table)?
    } else {
        let model = Arc::clone(&model);
        tokio::task::spawn_blocking(move || rows_of(&model, &table)).await.map_err(Problem::internal)??
    };
    Ok(Answer { predictions, model: name.to_string(), version, request_id })
}

fn rows_of(model: &Model, table: &Table) -> Result<Vec<Prediction>> {
    let predictions: Predictions = model.predict(table).map_err(Problem::internal)?;
    Ok((0..table.rows).map(|row| prediction(&predictions, row)).collect())
}

fn prediction(predictions: &Predictions, row: usize) -> Prediction {
    Prediction { prediction: predictions.value(row), probabilities: predictions.probabilities(row) }
}
