//! Predictions of a deployed model, by whichever protocol the rows came.

use super::said::{Asked, Explanation, Said};
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
    /// The class that is answered, or the number.
    pub prediction: Value,
    /// By class; for a classification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probabilities: Option<BTreeMap<String, f64>>,
    /// What each column adds; where `explain` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contributions: Option<Explanation>,
    /// The lowest and the highest number that hold the truth of so many rows as `interval` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// The classes that hold the truth of so many rows as `interval` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Vec<Value>>,
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
    said: Said,
}

impl Scored {
    /// In the platform's own form.
    pub fn answer(&self, request_id: &str) -> Answer {
        let predictions = (0..self.predictions.len()).map(|row| {
            let mut prediction = Prediction {
                prediction: self.predictions.value(row),
                probabilities: self.predictions.probabilities(row),
                contributions: None,
                interval: None,
                set: None,
            };
            self.said.add(&self.model, &self.predictions, row, &mut prediction);
            prediction
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
    ask_for(app, call, deployment, Asked::default(), read).await
}

/// [`ask`] for more than predictions.
pub async fn ask_for(
    app: &App,
    call: &Call,
    deployment: &str,
    asked: Asked,
    read: impl FnOnce(&Model) -> Result<Table>,
) -> Result<Scored> {
    let Served { name, version, model } = app.served.get(app, call.workspace()?, deployment).await?;
    let table = read(&model)?;
    check_rows(&app.limits, table.rows)?;
    let (predictions, said) = predict(&model, table, asked).await?;
    Ok(Scored { name, version, model, predictions, said })
}

async fn predict(model: &Arc<Model>, table: Table, asked: Asked) -> Result<(Predictions, Said)> {
    let here = table.rows <= ROWS_AT_ONCE && !asked.explain;
    let model = Arc::clone(model);
    let answer = move || {
        let predictions = model.predict(&table).map_err(Problem::internal)?;
        let said = Said::of(&model, &table, &predictions, asked)?;
        Ok((predictions, said))
    };
    if here { answer() } else { tokio::task::spawn_blocking(answer).await.map_err(Problem::internal)? }
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
