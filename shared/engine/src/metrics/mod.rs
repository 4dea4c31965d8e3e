//! What is learned ([`Task`]) and how well ([`Metric`]).

use serde::{Deserialize, Serialize};

/// What there is to learn from a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of two classes.
    Binary,
    /// One of three or more classes.
    Multiclass,
    /// A number.
    Regression,
}

impl Task {
    /// Whether the target is a class.
    pub fn is_classification(self) -> bool {
        self != Task::Regression
    }
}

/// A measure of predictions against the truth.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The share of rows whose most probable class is the true one.
    Accuracy,
    /// The mean over classes of each one's recall.
    BalancedAccuracy,
    /// The area under the receiver operating characteristic; for many classes the plain mean of
    /// each class against the rest.
    Auc,
    /// Minus the mean logarithm of the probability given to the true class.
    LogLoss,
    /// The harmonic mean of precision and recall; for many classes the plain mean over classes.
    F1,
    /// The share of rows predicted positive that are; for many classes the plain mean over classes.
    Precision,
    /// The share of positive rows predicted so; for many classes the plain mean over classes.
    Recall,
    /// Matthews' correlation coefficient, in its form for any number of classes.
    Mcc,
    /// The root of the mean squared error, in the target's unit.
    Rmse,
    /// The mean absolute error, in the target's unit.
    Mae,
    /// The share of the target's variance explained.
    R2,
    /// The mean absolute error relative to the true value, as a fraction.
    Mape,
}
