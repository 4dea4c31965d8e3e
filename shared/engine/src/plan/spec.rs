//! What is asked for, and what can be wrong with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decide::Threshold;
use crate::metrics::{Metric, Task};
use crate::preprocess::Preprocessing;
use crate::search::Mode;

/// What is asked for. Everything but the target may be left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    /// The column to predict.
    pub target: String,
    /// What to learn; chosen from the target when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// What ranks the trials; chosen from the task when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// 2 to 20; when left out 5, or fewer where a class has fewer rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<u32>,
    /// The share of rows to hold out as a test set: 0 to 0.5; 0.2 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_fraction: Option<f64>,
    /// The source of all randomness; 0 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The estimators to try; all that suit the task and the number of rows when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimators: Option<Vec<String>>,
    /// How far to go: `compare` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Mode>,
    /// The most trials that tune: 24 when left out, or as many as a time budget allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned: Option<u32>,
    /// The most first trials; the most promising are kept, and the baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_trials: Option<u32>,
    /// The column that says which rows belong together: no group is on two sides of a split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The column that says which rows came first: the newest are the test set, and each fold
    /// validates rows newer than those it learns from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The column that says how much each row counts when learning: numbers, not negative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// How often the rows are dealt into folds: 1 to 10; when left out 1, or 3 with fewer than 500 rows
    /// where no folds are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<u32>,
    /// Steps of preprocessing beside those that the estimators need.
    #[serde(default, skip_serializing_if = "Preprocessing::is_default")]
    pub preprocessing: Preprocessing,
    /// What mistakes cost, for classes: the class that is answered is then the one of least expected cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<CostSpec>,
    /// How classes are chosen, where it is not by what mistakes cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
}

/// What mistakes cost: `{"false_positive": 1, "false_negative": 5}` of two classes, or of any number
/// `{"true class": {"chosen class": cost}}`. A mistake that is left out costs 1, and to be right 0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct CostSpec(pub BTreeMap<String, CostEntry>);

/// What a mistake costs, or those of one true class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged, expecting = "a cost is a number, or an object that gives one for each class chosen")]
pub enum CostEntry {
    /// Of a false positive, or a false negative.
    Mistake(f64),
    /// By the class that is chosen.
    Chosen(BTreeMap<String, f64>),
}

/// What is wrong with a request to train, in words for the person who made it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{field}: {detail}")]
pub struct SpecError {
    /// Which rule is broken; stable.
    pub kind: SpecErrorKind,
    /// The field of the request that is at fault, such as `target` or `trials[0].params.depth`.
    pub field: String,
    /// What is wrong.
    pub detail: String,
    /// What to do about it.
    pub remedy: String,
}

/// The rules that a request to train can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpecErrorKind {
    /// No column has the target's name.
    TargetMissing,
    /// The target has no values.
    TargetEmpty,
    /// The target has the same value on every row.
    TargetConstant,
    /// The target contains infinities.
    TargetInfinite,
    /// The target's kind cannot be learned, or not as the task that was asked for.
    TargetUnsuitable,
    /// The target has more classes than can be learned.
    TooManyClasses,
    /// A class has too few rows.
    ClassTooSmall,
    /// There are too few rows to learn from.
    TooFewRows,
    /// No column is left to learn from.
    NoFeatures,
    /// The metric does not measure the task.
    MetricUnsuitable,
    /// No estimator has that name, or it does not learn the task.
    EstimatorUnknown,
    /// A parameter that the estimator does not have.
    ParameterUnknown,
    /// A number, choice or share outside what is allowed.
    OutOfRange,
    /// No column has the name that the field gives.
    ColumnMissing,
    /// The column cannot say which rows belong together.
    GroupUnsuitable,
    /// The column cannot say which rows came first.
    TimeUnsuitable,
    /// The column cannot say how much a row counts.
    WeightUnsuitable,
    /// Two fields that cannot both hold.
    Contradiction,
}

impl SpecErrorKind {
    /// The stable name, as in JSON.
    pub fn code(self) -> &'static str {
        match self {
            SpecErrorKind::TargetMissing => "target_missing",
            SpecErrorKind::TargetEmpty => "target_empty",
            SpecErrorKind::TargetConstant => "target_constant",
            SpecErrorKind::TargetInfinite => "target_infinite",
            SpecErrorKind::TargetUnsuitable => "target_unsuitable",
            SpecErrorKind::TooManyClasses => "too_many_classes",
            SpecErrorKind::ClassTooSmall => "class_too_small",
            SpecErrorKind::TooFewRows => "too_few_rows",
            SpecErrorKind::NoFeatures => "no_features",
            SpecErrorKind::MetricUnsuitable => "metric_unsuitable",
            SpecErrorKind::EstimatorUnknown => "estimator_unknown",
            SpecErrorKind::ParameterUnknown => "parameter_unknown",
            SpecErrorKind::OutOfRange => "out_of_range",
            SpecErrorKind::ColumnMissing => "column_missing",
            SpecErrorKind::GroupUnsuitable => "group_unsuitable",
            SpecErrorKind::TimeUnsuitable => "time_unsuitable",
            SpecErrorKind::WeightUnsuitable => "weight_unsuitable",
            SpecErrorKind::Contradiction => "contradiction",
        }
    }
}
