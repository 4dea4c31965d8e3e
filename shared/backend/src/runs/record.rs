//! A run's records, where they lie, and how they look from outside.

use crate::backup::{Heads, Parts};
use crate::due::DueKey;
use crate::ports::{Item, Key};
use crate::problem::{ProblemBody, Result};
use crate::record::read;
use fettle_engine::decide::{Costs, Threshold};
use fettle_engine::metrics::compare::Comparison;
use fettle_engine::metrics::{Metric, Task};
use fettle_engine::plan::{CostSpec, FeatureDecision, Origin, RunSpec, TrialSpec};
use fettle_engine::preprocess::Preprocessing;
use fettle_engine::search::Mode;
use fettle_engine::trial::Warning;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is asked for when a run is started.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRun {
    /// The data set: its name or id, with `@2` for a version; else its newest ready one.
    pub dataset: String,
    /// A name by which runs are grouped.
    #[serde(default)]
    pub experiment: Option<String>,
    /// How long the run may take, in seconds: nothing is begun that would not leave time for what is to
    /// come after it.
    #[serde(default)]
    pub time_budget_s: Option<u32>,
    /// The column to predict.
    pub target: String,
    /// As what; chosen from the target when left out.
    #[serde(default)]
    pub task: Option<Task>,
    /// What to rank by; chosen from the task when left out.
    #[serde(default)]
    pub metric: Option<Metric>,
    /// Folds of the cross-validation: 2 to 20; 5, or fewer for few rows, when left out.
    #[serde(default)]
    pub folds: Option<u32>,
    /// The share of rows held out until the end: 0 to 0.5; 0.2 when left out.
    #[serde(default)]
    pub test_fraction: Option<f64>,
    /// Same data, same request, same seed: same models.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Only these estimators.
    #[serde(default)]
    pub estimators: Option<Vec<String>>,
    /// At most so many first trials.
    #[serde(default)]
    pub max_trials: Option<u32>,
    /// How far to go: `compare` (every estimator once, the default), `tune`, `ensemble` or `auto`.
    #[serde(default)]
    pub plan: Option<Mode>,
    /// At most so many trials that tune.
    #[serde(default)]
    pub tuned: Option<u32>,
    /// The column that says which rows belong together: no group is on two sides of a split.
    #[serde(default)]
    pub group: Option<String>,
    /// The column that says which rows came first: the newest are the test set.
    #[serde(default)]
    pub time: Option<String>,
    /// The column that says how much each row counts when learning.
    #[serde(default)]
    pub weight: Option<String>,
    /// How often the rows are dealt into folds anew: 1 to 10; 3 for few rows when left out.
    #[serde(default)]
    pub repeats: Option<u32>,
    /// Steps of preprocessing beside those that the estimators need.
    #[serde(default)]
    pub preprocessing: Preprocessing,
    /// What mistakes cost: `{"false_positive": 1, "false_negative": 5}`, or by class `{"true class":
    /// {"chosen class": 5}}`; a mistake that is left out costs 1. Models then answer what costs least.
    #[serde(default)]
    pub costs: Option<CostSpec>,
    /// `argmax`: models answer the most probable class all the same; `tuned`: of two classes the second
    /// from the probability on that was best for rows not learned from.
    #[serde(default)]
    pub threshold: Option<Threshold>,
}

impl NewRun {
    /// What the engine plans by.
    pub(crate) fn spec(&self) -> RunSpec {
        RunSpec {
            target: self.target.clone(),
            task: self.task,
            metric: self.metric,
            folds: self.folds,
            test_fraction: self.test_fraction,
            seed: self.seed,
            estimators: self.estimators.clone(),
            max_trials: self.max_trials,
            plan: self.plan,
            tuned: self.tuned,
            group: self.group.clone(),
            time: self.time.clone(),
            weight: self.weight.clone(),
            repeats: self.repeats,
            preprocessing: self.preprocessing,
            costs: self.costs.clone(),
            threshold: self.threshold,
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// No trial has begun.
    Queued,
    /// Trials are being run.
    Running,
    /// All trials have ended, and at least one succeeded.
    Succeeded,
    /// All trials have ended, and none succeeded.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl RunStatus {
    pub(crate) fn is_over(self) -> bool {
        matches!(self, RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled)
    }
}

/// How far a trial is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrialStatus {
    /// It waits for its turn.
    Queued,
    /// Somebody works on it.
    Running,
    /// It has an artifact.
    Succeeded,
    /// It has a reason.
    Failed,
    /// Its run was cancelled.
    Cancelled,
    /// The run's time was up before its turn.
    Skipped,
}

impl TrialStatus {
    pub(crate) fn is_over(self) -> bool {
        !matches!(self, TrialStatus::Queued | TrialStatus::Running)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            TrialStatus::Queued => "queued",
            TrialStatus::Running => "running",
            TrialStatus::Succeeded => "succeeded",
            TrialStatus::Failed => "failed",
            TrialStatus::Cancelled => "cancelled",
            TrialStatus::Skipped => "skipped",
        }
    }
}

/// The version of a data set that something was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DatasetRef {
    /// The data set's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Which version.
    pub version: u32,
    /// Of the snapshot.
    pub sha256: String,
}

/// The run's record: small, since every trial that ends writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    pub(crate) id: String,
    pub(crate) dataset: DatasetRef,
    pub(crate) experiment: Option<String>,
    pub(crate) target: String,
    pub(crate) task: Task,
    pub(crate) metric: Metric,
    pub(crate) folds: u32,
    pub(crate) status: RunStatus,
    pub(crate) trials: u32,
    /// Trials that have not ended.
    pub(crate) remaining: u32,
    pub(crate) best: Option<Best>,
    /// The number of the last event.
    pub(crate) last_event: u64,
    pub(crate) time_budget_s: Option<u32>,
    #[serde(default)]
    pub(crate) mode: Mode,
    /// No trial of those at hand is begun after so many seconds of the run.
    #[serde(default)]
    pub(crate) until_s: Option<f64>,
    /// What more time would have been used for.
    #[serde(default)]
    pub(crate) more: Vec<String>,
    /// What makes scores flatter, found by the first trial.
    #[serde(default)]
    pub(crate) warnings: Vec<Warning>,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) error: Option<ProblemBody>,
    pub(crate) due: Option<DueKey>,
}

/// The best trial so far, by the mean over the folds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Best {
    pub(crate) trial: String,
    pub(crate) number: u32,
    pub(crate) score: f64,
}

/// What one fold gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FoldRecord {
    pub(crate) metrics: BTreeMap<Metric, f64>,
    pub(crate) fit_s: f64,
}

/// A trial's artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArtifactRef {
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

/// Somebody's right to work on a trial, until it ends or is renewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lease {
    pub(crate) worker: String,
    pub(crate) until: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TrialRecord {
    pub(crate) id: String,
    pub(crate) number: u32,
    pub(crate) estimator: String,
    pub(crate) params: Map<String, Value>,
    #[serde(default)]
    pub(crate) origin: Origin,
    /// The numbers of the trials that it combines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) members: Vec<u32>,
    pub(crate) status: TrialStatus,
    pub(crate) folds: Vec<FoldRecord>,
    pub(crate) holdout: Option<BTreeMap<Metric, f64>>,
    pub(crate) artifact: Option<ArtifactRef>,
    pub(crate) error: Option<String>,
    /// Tries that ended in an error, since the last fold that was done.
    pub(crate) failures: u32,
    /// Tries whose worker was lost, since the last fold that was done.
    pub(crate) losses: u32,
    pub(crate) lease: Option<Lease>,
    pub(crate) due: Option<DueKey>,
}

impl TrialRecord {
    pub(crate) fn new(id: String, number: u32, spec: &TrialSpec) -> Self {
        Self {
            id,
            number,
            estimator: spec.estimator.clone(),
            params: spec.params.clone(),
            origin: spec.origin,
            members: spec.members.clone(),
            status: TrialStatus::Queued,
            folds: Vec::new(),
            holdout: None,
            artifact: None,
            error: None,
            failures: 0,
            losses: 0,
            lease: None,
            due: None,
        }
    }

    pub(crate) fn spec(&self) -> TrialSpec {
        TrialSpec {
            estimator: self.estimator.clone(),
            params: self.params.clone(),
            origin: self.origin,
            members: self.members.clone(),
        }
    }
}

/// The mean, spread and values of a metric over the folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Score {
    /// The mean over the folds.
    pub mean: f64,
    /// The sample standard deviation over the folds.
    pub std: f64,
    /// One value a fold.
    pub folds: Vec<f64>,
}

/// A line of the leaderboard.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LeaderboardEntry {
    /// 1 for the best; none unless it succeeded.
    pub rank: Option<u32>,
    /// The trial's id.
    pub trial: String,
    /// What was fitted.
    pub estimator: String,
    /// With what.
    pub params: Map<String, Value>,
    /// Where it comes from.
    pub origin: Origin,
    /// The trials that it combines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// By name, over the folds.
    pub metrics: BTreeMap<Metric, Score>,
    /// Whether it differs from the best by more than luck would explain, by the folds that both had; not of
    /// the best itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<Comparison>,
    /// On the rows held out, by name.
    pub holdout: Option<BTreeMap<Metric, f64>>,
    /// The time to fit the folds done, in seconds.
    pub fit_s: f64,
    /// How far it is.
    pub status: TrialStatus,
    /// Why it failed or was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How much of a run is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Progress {
    /// Fits done: a trial has one a fold, and a last one.
    pub done: u64,
    /// Of how many.
    pub of: u64,
    /// What is going on.
    pub now: String,
}

/// A run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// How far it is.
    pub status: RunStatus,
    /// What it learns from.
    pub dataset: DatasetRef,
    /// The name by which it is grouped.
    pub experiment: Option<String>,
    /// What it learns.
    pub target: String,
    /// As what.
    pub task: Task,
    /// What it is ranked by.
    pub metric: Metric,
    /// How far it goes.
    pub plan: Mode,
    /// Folds of the cross-validation.
    pub folds: u32,
    /// How many trials, so far.
    pub trials: u32,
    /// How much is done; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Best first; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaderboard: Option<Vec<LeaderboardEntry>>,
    /// What became of each column; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<FeatureDecision>>,
    /// What the plan decided, in words; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<Vec<String>>,
    /// What makes scores look better than they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// What more time, or another plan, would be used for; of a run that has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<String>,
    /// The best trial so far.
    pub best: Option<String>,
    /// The share of rows held out; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_fraction: Option<f64>,
    /// The seed; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What mistakes cost: for each class a list by the class that is chosen, in the order of
    /// `classes`; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub costs: Option<Costs>,
    /// The classes in the order of `costs`; where there are costs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// How classes are chosen, when that was asked for; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    /// When it was asked for.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// When its first trial began.
    #[schemars(with = "Option<String>")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schemars(with = "Option<String>")]
    pub finished_at: Option<Timestamp>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ProblemBody>,
}

/// Something that happened in a run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// 1, 2, 3, … within the run, with no gap.
    pub seq: u64,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What, such as `trial.succeeded`.
    pub kind: String,
    /// In words.
    pub summary: String,
    /// In figures.
    pub data: Value,
}

/// Events of a run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Events {
    /// In order.
    pub items: Vec<Event>,
    /// `after` for the next call.
    pub last: u64,
    /// Whether no more will come.
    pub over: bool,
}

pub(crate) fn runs_partition(workspace: &str) -> String {
    format!("{workspace}/run")
}

/// Runs as a backup finds them: each with its plan, its trials and the events that it counts.
pub(crate) fn heads(workspace: &str) -> Heads {
    Heads { partition: runs_partition(workspace), parts }
}

fn parts(workspace: &str, head: &Item) -> Result<Parts> {
    let record: RunRecord = read(head)?;
    let next = event_key(workspace, &record.id, record.last_event + 1);
    Ok(Parts {
        keys: vec![plan_key(workspace, &record.id)],
        changing: vec![trials_partition(workspace, &record.id)],
        growing: Some(next),
    })
}

pub(crate) fn run_key(workspace: &str, run: &str) -> Key {
    Key::new(runs_partition(workspace), run)
}

pub(crate) fn plan_key(workspace: &str, run: &str) -> Key {
    Key::new(format!("{workspace}/run/{run}/plan"), "plan")
}

pub(crate) fn trials_partition(workspace: &str, run: &str) -> String {
    format!("{workspace}/run/{run}/trial")
}

pub(crate) fn trial_key(workspace: &str, run: &str, trial: &str) -> Key {
    Key::new(trials_partition(workspace, run), trial)
}

pub(crate) fn events_partition(workspace: &str, run: &str) -> String {
    format!("{workspace}/run/{run}/event")
}

pub(crate) fn event_key(workspace: &str, run: &str, seq: u64) -> Key {
    Key::new(events_partition(workspace, run), format!("{seq:010}"))
}

/// What a trial predicted for a fold, or for the test set: kept where trials are combined.
pub(crate) fn predictions_key(workspace: &str, run: &str, trial: &str, fold: Option<u32>) -> String {
    let part = fold.map_or_else(|| "test".to_owned(), |fold| fold.to_string());
    format!("{workspace}/predictions/{run}/{trial}/{part}")
}

/// What is known of a finished trial: the plots' numbers.
pub(crate) fn diagnostics_key(workspace: &str, run: &str, trial: &str) -> String {
    format!("{workspace}/diagnostics/{run}/{trial}.json")
}

/// Artifacts lie under their checksum, so that to write one twice is to write it once.
pub(crate) fn artifact_key(workspace: &str, sha256: &str) -> String {
    format!("{workspace}/artifacts/{sha256}.fettle")
}
