//! Predictions of a deployed model, by whichever protocol the rows came.

use super::choose::choose;
use super::record::Settings;
use super::said::{Asked, Explanation, Said};
use super::served::{Serving, Variant};
use crate::app::App;
use crate::metering::{Logged, LoggedRow, MOST_ROWS as MOST_LOGGED_ROWS, Noted, Outcome};
use crate::operation::Call;
use crate::problem::{Problem, Result};
use fettle_engine::artifact::{Model, Predictions};
use fettle_engine::table::Table;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::Instant;

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

impl Prediction {
    /// Of a row, and no more than that.
    pub(crate) fn of(predictions: &Predictions, row: usize) -> Self {
        Self {
            prediction: predictions.value(row),
            probabilities: predictions.probabilities(row),
            contributions: None,
            interval: None,
            set: None,
        }
    }
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
    /// The variant of the deployment that it is.
    pub variant: String,
    /// Names the request.
    pub request_id: String,
}

/// A table that a deployment has predicted.
pub struct Scored {
    /// The model's name.
    pub name: Arc<str>,
    /// Its version.
    pub version: u32,
    /// The variant of the deployment that it is.
    pub variant: Arc<str>,
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
            let mut prediction = Prediction::of(&self.predictions, row);
            self.said.add(&self.model, &self.predictions, row, &mut prediction);
            prediction
        });
        Answer {
            predictions: predictions.collect(),
            model: self.name.to_string(),
            version: self.version,
            variant: self.variant.to_string(),
            request_id: request_id.to_owned(),
        }
    }
}

/// Has a deployment predict what `read` makes of a request, knowing the model that is to answer. What is
/// noted of it leaves later: nothing is written here.
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
    let serving = app.served.get(app, call.workspace()?, deployment).await?;
    let (at, began) = (app.now(), Instant::now());
    serving.admit(app, at)?;
    let variant = match asked.version {
        Some(version) => serving.of_version(version)?,
        None => serving.choose(call.sticky.as_deref().unwrap_or(&call.request_id)),
    };
    let keeps = is_sampled(&serving.settings, &call.request_id);
    let has_room = keeps && app.books.has_room(&serving.id);
    let scored = score(app, &serving, variant, asked, read, has_room).await;
    let (scored, inputs) = match scored {
        Ok((scored, inputs)) => (Ok(scored), inputs),
        Err(problem) => (Err(problem), None),
    };
    let (outcome, log) = match &scored {
        Ok(scored) => (
            Outcome::Answered(scored.predictions.len()),
            inputs.map(|inputs| logged(&serving, scored, inputs, call, at)),
        ),
        Err(problem) if problem.status() < 500 => (Outcome::Refused, None),
        Err(_) => (Outcome::Failed, None),
    };
    let noted = Noted {
        workspace: &serving.workspace,
        deployment: (&serving.id, &serving.name),
        variant: &variant.name,
        at,
        took: began.elapsed(),
        outcome,
        log,
    };
    app.books.note(noted, keeps && !has_room);
    scored
}

/// The first rows of a request, as they were read.
type Inputs = Vec<Map<String, Value>>;

async fn score(
    app: &App,
    serving: &Serving,
    variant: &Variant,
    asked: Asked,
    read: impl FnOnce(&Model) -> Result<Table>,
    is_logged: bool,
) -> Result<(Scored, Option<Inputs>)> {
    let model = app.served.model(app, &serving.workspace, variant).await?;
    let table = read(&model)?;
    let inputs = is_logged.then(|| table.head(MOST_LOGGED_ROWS));
    let (predictions, said) = predict(&model, table, asked).await?;
    let (name, version) = (Arc::clone(&serving.model), variant.version);
    Ok((Scored { name, version, variant: Arc::clone(&variant.name), model, predictions, said }, inputs))
}

/// Whether a request is one of those that are kept.
fn is_sampled(settings: &Settings, request_id: &str) -> bool {
    match settings.log_sample {
        None => true,
        Some(share) => {
            let weights = [(share * 100.0).round() as u32, 100 - (share * 100.0).round() as u32];
            choose("log", request_id, weights) == 0 && share > 0.0
        }
    }
}

fn logged(serving: &Serving, scored: &Scored, inputs: Inputs, call: &Call, at: Timestamp) -> Logged {
    let rows = inputs.into_iter().enumerate().map(|(row, inputs)| LoggedRow {
        inputs,
        prediction: scored.predictions.value(row),
        probabilities: scored.predictions.probabilities(row),
        shadows: BTreeMap::new(),
        actual: None,
    });
    let mut logged = Logged {
        request_id: call.request_id.clone(),
        at,
        variant: scored.variant.to_string(),
        version: scored.version,
        total: scored.predictions.len() as u64,
        rows: rows.collect(),
    };
    // Shadows see all there is; what must not be kept is taken away once they have.
    if !serving.has_shadows() {
        logged.without(&serving.settings.sensitive);
    }
    logged
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
