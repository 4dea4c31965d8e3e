//! From a profile and a request to what will be done: task, metric, features, trials.

mod decision;
mod features;
mod spec;
mod target;
mod trials;
mod validation;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::spec::{CostEntry, CostSpec, RunSpec, SpecError, SpecErrorKind};
use crate::decide::{Costs, Threshold};
use crate::metrics::{Metric, Task};
use crate::preprocess::Preprocessing;
use crate::search::{MOST_TUNED, Mode};
use crate::table::{Kind, Profile};

/// With fewer rows than these nothing is learned, whatever the folds.
const FEWEST_ROWS: u64 = 10;
/// Of more rows than these a sample stands for all: what a model gains by more is less than the noise
/// of its metrics, and time and memory would have no bound.
pub const MOST_ROWS: u64 = 1_000_000;

/// What a run will do: decided before anything is trained, from the data set's profile alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Plan {
    /// The column to predict.
    pub target: String,
    /// What there is to learn.
    pub task: Task,
    /// The metric that ranks the trials.
    pub metric: Metric,
    /// Everything that is measured, `metric` included.
    pub metrics: Vec<Metric>,
    /// How many folds the rows that are not held out are dealt into, each time; see [`Plan::fits`].
    pub folds: u32,
    /// How often they are dealt.
    #[serde(default = "once")]
    pub repeats: u32,
    /// The share of rows held out until a trial is finished.
    pub test_fraction: f64,
    /// The source of all randomness.
    pub seed: u64,
    /// How far the run goes beyond its first trials.
    #[serde(default)]
    pub mode: Mode,
    /// The most trials that tune, when that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned: Option<u32>,
    /// The classes in the order of every probability: numbers ascending, `false` before `true`,
    /// words by code point. Empty for a number, and where the profile does not list them all (over
    /// 20 classes, or values over 256 bytes): then the table says.
    pub classes: Vec<String>,
    /// What becomes of every column but the target, in the table's order.
    pub features: Vec<FeatureDecision>,
    /// What a person should know about these decisions.
    pub notes: Vec<String>,
    /// What is tried, cheap first.
    pub trials: Vec<TrialSpec>,
    /// The column that says which rows belong together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The column that says which rows came first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The column that says how much each row counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// The steps of preprocessing that were asked for.
    #[serde(default, skip_serializing_if = "Preprocessing::is_default")]
    pub preprocessing: Preprocessing,
    /// How many rows, drawn at random, stand for all; `None` for all rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<u64>,
    /// What mistakes cost, in the order of `classes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<Costs>,
    /// How classes are chosen, when that was asked for; else by what mistakes cost, or the most probable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
}

/// The repeats of a plan from before there were any.
fn once() -> u32 {
    1
}

impl Plan {
    /// How many folds a trial goes over: those of every repeat.
    pub fn fits(&self) -> u32 {
        self.folds.saturating_mul(self.repeats)
    }

    /// The rows that a fold measures on by those that it learns from, on average: what the paired test
    /// of two trials ([`metrics::compare`](crate::metrics::compare::compare)) needs to know.
    pub fn test_to_training(&self) -> f64 {
        let folds = self.folds.max(2);
        if self.time.is_some() {
            // Windows of one size, after 1, 2, …, `folds` of them.
            (1..=folds).map(|before| 1.0 / f64::from(before)).sum::<f64>() / f64::from(folds)
        } else {
            1.0 / f64::from(folds - 1)
        }
    }
}

/// What becomes of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FeatureDecision {
    /// The column's name.
    pub name: String,
    /// What it means.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Whether it is learned from.
    pub used: bool,
    /// Why, or how.
    pub why: String,
}

/// An estimator with its parameters, or trials combined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TrialSpec {
    /// The estimator's name, or that of the way in which trials are combined.
    pub estimator: String,
    /// Its parameters; what is left out takes its default.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// Where it comes from.
    #[serde(default)]
    pub origin: Origin,
    /// The numbers of the trials that are combined.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<u32>,
}

impl TrialSpec {
    /// One of a run's first trials.
    pub fn new(estimator: &str, params: Map<String, Value>) -> TrialSpec {
        TrialSpec { estimator: estimator.into(), params, origin: Origin::Compared, members: Vec::new() }
    }
}

/// Where a trial comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Planned at the start: every estimator that suits, as it is.
    #[default]
    Compared,
    /// Proposed by what came of earlier trials.
    Tuned,
    /// Made of earlier trials.
    Combined,
}

/// Decides what a run will do.
///
/// # Errors
/// When it cannot be done: which field of the request is at fault, and what to do about it.
pub fn plan(profile: &Profile, spec: &RunSpec) -> Result<Plan, SpecError> {
    let column = target::find(profile, &spec.target)?;
    let mut notes = Vec::new();
    let rows = profile.rows.saturating_sub(column.missing);
    target::check(column, rows)?;
    if column.missing > 0 {
        notes.push(format!("{} without a value of '{}': left out", counted(column.missing), column.name));
    }
    let task = target::task(column, rows, spec.task, &mut notes)?;
    let metric = spec.metric.unwrap_or_else(|| Metric::default_of(task));
    let mut metrics = Metric::of(task).to_vec();
    metrics.extend((spec.costs.is_some() && task.is_classification()).then_some(Metric::Cost));
    if metric == Metric::Cost && task.is_classification() && spec.costs.is_none() {
        return Err(SpecError {
            kind: SpecErrorKind::Contradiction,
            field: "metric".into(),
            detail: "nothing says what mistakes cost".into(),
            remedy: "give costs, or another metric".into(),
        });
    }
    if !metrics.contains(&metric) {
        let names: Vec<_> = metrics.iter().map(|metric| metric.name()).collect();
        return Err(SpecError {
            kind: SpecErrorKind::MetricUnsuitable,
            field: "metric".into(),
            detail: format!("'{}' does not measure {}", metric.name(), target::named(task)),
            remedy: format!("use one of: {}", names.join(", ")),
        });
    }
    let roles = validation::roles(profile, spec, &mut notes)?;
    let validation = validation::decide(profile, spec, column, task, rows, &mut notes)?;
    spec.preprocessing.check(task)?;
    let classes = if task.is_classification() { target::classes(column) } else { Vec::new() };
    if let (Task::Binary, Some(positive)) = (task, classes.get(1)) {
        notes.push(format!("'{positive}' is the positive class"));
    }
    let costs = decision::costs(spec, task, metric, &classes, &mut notes)?;
    decision::check_threshold(spec, task, metric)?;
    if spec.tuned.is_some() && !matches!(spec.plan, Some(Mode::Tune | Mode::Auto)) {
        return Err(SpecError {
            kind: SpecErrorKind::OutOfRange,
            field: "tuned".into(),
            detail: "nothing is tuned in this plan".into(),
            remedy: "give \"plan\": \"tune\" or \"auto\", or leave tuned out".into(),
        });
    }
    if let Some(tuned) = spec.tuned.filter(|tuned| !(1..=MOST_TUNED).contains(tuned)) {
        return Err(SpecError {
            kind: SpecErrorKind::OutOfRange,
            field: "tuned".into(),
            detail: format!("{tuned} tuned trials are not possible"),
            remedy: format!("give a number from 1 to {MOST_TUNED}"),
        });
    }
    let features = features::decide(profile, &column.name, &roles, &mut notes)?;
    let sample = (rows > MOST_ROWS).then_some(MOST_ROWS);
    if let Some(sample) = sample {
        notes.push(format!(
            "{sample} of {rows} rows, drawn at random, stand for all: for the folds, the test set and the \
             models"
        ));
    }
    let trials = trials::choose(spec, task, sample.unwrap_or(rows), &mut notes)?;
    Ok(Plan {
        target: column.name.clone(),
        task,
        metric,
        metrics,
        folds: validation.folds,
        repeats: validation.repeats,
        test_fraction: validation.test_fraction,
        seed: spec.seed.unwrap_or(0),
        mode: spec.plan.unwrap_or_default(),
        tuned: spec.tuned,
        classes,
        features,
        notes,
        trials,
        group: spec.group.clone(),
        time: spec.time.clone(),
        weight: spec.weight.clone(),
        preprocessing: spec.preprocessing,
        sample,
        costs,
        threshold: spec.threshold,
    })
}

/// "1 row", "2 rows".
fn counted(rows: u64) -> String {
    if rows == 1 { "1 row".into() } else { format!("{rows} rows") }
}

/// The names that look most like a misspelt one, best first.
fn near<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.trim().to_lowercase();
    let mut scored: Vec<(f64, &str)> = names
        .map(|name| (strsim::jaro_winkler(&wanted, &name.trim().to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests;
