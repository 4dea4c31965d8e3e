//! What is asked for, and what can be wrong with it.

use serde::{Deserialize, Serialize};

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
        }
    }
}
