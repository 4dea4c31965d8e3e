//! What a model says beside its predictions when it is asked: why, and how far off they may be.

use super::predict::Prediction;
use crate::operation::Call;
use crate::problem::{Kind, Problem, Result};
use fettle_engine::artifact::{ExplainError, IntervalError, Intervals, Model, Predictions};
use fettle_engine::explain::{Contributions, Scale};
use fettle_engine::table::Table;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// A request has so many rows at most whose predictions are explained: of a large forest each takes some
/// milliseconds.
const MOST_EXPLAINED: usize = 100;

/// So many columns are listed of each row, those that add or take away most.
const LISTED: usize = 10;

/// What to do about a model of an older version.
const AGAIN: &str = "train again, register the model as a new version, and let the deployment follow it";

/// What is asked for beside predictions.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Asked {
    /// Whether to say what each column adds.
    pub explain: bool,
    /// The share of rows whose truth is to be held.
    pub interval: Option<f64>,
    /// The version that is to answer, of those that do.
    pub version: Option<u32>,
}

impl Asked {
    /// By the query's parameters `explain` and `interval`.
    pub fn of(call: &Call) -> Result<Self> {
        let interval: Option<f64> = call.query("interval")?;
        if let Some(out) = interval.filter(|coverage| !(0.5..=0.999).contains(coverage)) {
            return Err(Problem::invalid("interval", format!("an interval can not hold a share of {out}"))
                .remedy("give 0.5 to 0.999, such as 0.9"));
        }
        Ok(Self { explain: call.query("explain")?.unwrap_or(false), interval, version: None })
    }
}

/// What the columns add to a prediction: `base`, the contributions and `rest` sum to `raw`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Explanation {
    /// In which unit they add up.
    pub scale: Scale,
    /// The class whose probability or score is explained: of two the second, of more the predicted one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Value>,
    /// What is predicted on average of the training rows.
    pub base: f64,
    /// The columns that add or take away most, at most ten, the first of them most.
    pub columns: Vec<ColumnContribution>,
    /// What all other columns add together.
    pub rest: f64,
    /// The prediction in this unit.
    pub raw: f64,
}

/// What a column adds.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ColumnContribution {
    /// The column.
    pub column: String,
    /// How much it adds; negative where it takes away.
    pub adds: f64,
}

/// What a model said about all rows of a request.
#[derive(Debug, Default)]
pub(crate) struct Said {
    contributions: Option<Contributions>,
    intervals: Option<Intervals>,
}

impl Said {
    pub(crate) fn of(model: &Model, table: &Table, predictions: &Predictions, asked: Asked) -> Result<Self> {
        let interval = |coverage| model.intervals(predictions, coverage).map_err(|error| no_interval(&error));
        let contributions = || {
            if table.rows > MOST_EXPLAINED {
                let detail = format!("{} rows are more than can be explained at a time", table.rows);
                return Err(Problem::new(Kind::TooLarge, detail)
                    .at_field("rows")
                    .remedy(format!("send at most {MOST_EXPLAINED} rows, or leave explain out")));
            }
            model.explain(table).map_err(|error| unexplained(&error))
        };
        Ok(Self {
            contributions: if asked.explain { Some(contributions()?) } else { None },
            intervals: asked.interval.map(interval).transpose()?,
        })
    }

    /// Adds what was said about a row to its prediction.
    pub(crate) fn add(&self, model: &Model, predictions: &Predictions, row: usize, to: &mut Prediction) {
        match (&self.intervals, predictions) {
            (Some(Intervals::Numbers(intervals)), _) => to.interval = Some(intervals[row]),
            (Some(Intervals::Sets(sets)), Predictions::Classes { classes, .. }) => {
                to.set = Some(sets[row].iter().map(|class| classes.value(*class).clone()).collect());
            }
            _ => {}
        }
        to.contributions = self
            .contributions
            .as_ref()
            .map(|contributions| explanation(contributions, model, predictions, row));
    }
}

fn explanation(all: &Contributions, model: &Model, predictions: &Predictions, row: usize) -> Explanation {
    let (output, class) = match predictions {
        Predictions::Classes { classes, labels, .. } => {
            let output = if all.outputs() > 1 { labels[row] as usize } else { 0 };
            let class = if all.outputs() > 1 { labels[row] } else { 1 };
            (output, Some(classes.value(class).clone()))
        }
        Predictions::Numbers(_) => (0, None),
    };
    let of = all.of(row, output);
    let mut order: Vec<usize> = (0..of.len()).collect();
    order.sort_by(|&a, &b| of[b].abs().total_cmp(&of[a].abs()).then(a.cmp(&b)));
    let (listed, others) = order.split_at(LISTED.min(order.len()));
    Explanation {
        scale: all.scale(),
        class,
        base: all.base(output),
        columns: listed
            .iter()
            .map(|&at| ColumnContribution { column: model.fields()[at].name.clone(), adds: of[at] })
            .collect(),
        // Not `sum`, whose nothing is -0.
        rest: others.iter().fold(0.0, |sum, &at| sum + of[at]),
        raw: all.raw(row, output),
    }
}

fn unexplained(error: &ExplainError) -> Problem {
    match error {
        ExplainError::NotKept => Problem::new(Kind::WrongState, error.to_string()).remedy(AGAIN),
        ExplainError::NoWay(_) => Problem::invalid("explain", error.to_string()),
        ExplainError::Schema(schema) => Problem::internal(schema.clone()),
    }
}

fn no_interval(error: &IntervalError) -> Problem {
    match error {
        IntervalError::NotKept => Problem::new(Kind::WrongState, error.to_string()).remedy(AGAIN),
        IntervalError::OutOfRange(_) | IntervalError::TooFewRows { .. } => {
            Problem::invalid("interval", error.to_string())
        }
    }
}
