//! From a profile and a request to what will be done: task, metric, features, trials.

mod features;
mod spec;
mod target;
mod trials;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::spec::{RunSpec, SpecError, SpecErrorKind};
use crate::metrics::{Metric, Task};
use crate::search::{MOST_TUNED, Mode};
use crate::table::{ColumnProfile, Kind, Profile};

/// The folds of a run that does not ask for any.
const FOLDS: u32 = 5;
/// The share of rows held out from a run that does not ask for any.
const TEST_FRACTION: f64 = 0.2;
/// With fewer rows than these nothing is learned, whatever the folds.
const FEWEST_ROWS: u64 = 10;

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
    /// How many folds the rows that are not held out are dealt into.
    pub folds: u32,
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
    if !Metric::of(task).contains(&metric) {
        let names: Vec<_> = Metric::of(task).iter().map(|metric| metric.name()).collect();
        return Err(SpecError {
            kind: SpecErrorKind::MetricUnsuitable,
            field: "metric".into(),
            detail: format!("'{}' does not measure {}", metric.name(), target::named(task)),
            remedy: format!("use one of: {}", names.join(", ")),
        });
    }
    let test_fraction = spec.test_fraction.unwrap_or(TEST_FRACTION);
    if !(0.0..=0.5).contains(&test_fraction) {
        return Err(SpecError {
            kind: SpecErrorKind::OutOfRange,
            field: "test_fraction".into(),
            detail: format!("a test fraction of {test_fraction} is not possible"),
            remedy: "give a share from 0 (no test set) to 0.5".into(),
        });
    }
    let training_rows = rows - (rows as f64 * test_fraction).round() as u64;
    let folds = folds(column, task, training_rows, spec.folds, &mut notes)?;
    let classes = if task.is_classification() { target::classes(column) } else { Vec::new() };
    if let (Task::Binary, Some(positive)) = (task, classes.get(1)) {
        notes.push(format!("'{positive}' is the positive class"));
    }
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
    let features = features::decide(profile, &column.name, &mut notes)?;
    let trials = trials::choose(spec, task, rows, &mut notes)?;
    Ok(Plan {
        target: column.name.clone(),
        task,
        metric,
        metrics: Metric::of(task).to_vec(),
        folds,
        test_fraction,
        seed: spec.seed.unwrap_or(0),
        mode: spec.plan.unwrap_or_default(),
        tuned: spec.tuned,
        classes,
        features,
        notes,
        trials,
    })
}

/// As many folds as were asked for, or the default, lowered to what the rows allow: each fold
/// needs a row of every class, or two rows when the target is a number.
fn folds(
    column: &ColumnProfile,
    task: Task,
    training_rows: u64,
    asked: Option<u32>,
    notes: &mut Vec<String>,
) -> Result<u32, SpecError> {
    let (most, of) = if task.is_classification() {
        let (class, rows) = target::rarest(column);
        (rows, format!("{class} has {}", counted(rows)))
    } else {
        (training_rows / 2, format!("there are {} outside the test set", counted(training_rows)))
    };
    let most = u32::try_from(most).unwrap_or(u32::MAX).max(2);
    match asked {
        None if most < FOLDS => {
            notes.push(format!("{most} folds instead of {FOLDS}: {of}"));
            Ok(most)
        }
        None => Ok(FOLDS),
        Some(folds) if !(2..=20).contains(&folds) => Err(SpecError {
            kind: SpecErrorKind::OutOfRange,
            field: "folds".into(),
            detail: format!("{folds} folds are not possible"),
            remedy: "give a number from 2 to 20".into(),
        }),
        Some(folds) if folds > most => Err(SpecError {
            kind: if task.is_classification() {
                SpecErrorKind::ClassTooSmall
            } else {
                SpecErrorKind::TooFewRows
            },
            field: "folds".into(),
            detail: format!("{of}, which is too few for {folds} folds"),
            remedy: format!("ask for {most} folds or fewer, or leave folds out"),
        }),
        Some(folds) => Ok(folds),
    }
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
