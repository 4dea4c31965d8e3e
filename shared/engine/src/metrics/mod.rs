//! What is learned ([`Task`]) and how well ([`Metric`]).

mod classification;
pub mod compare;
mod regression;
mod student;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use self::classification::{log_loss, rank_auc};
use crate::decide::Choice;
use crate::estimators::Target;

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
    /// The mean absolute error relative to the true value, as a fraction; rows whose true value is
    /// 0 do not count, since there it has no meaning.
    Mape,
    /// What the mistakes cost on average over all rows, where a run says what mistakes cost.
    Cost,
}

/// Measured values. A metric that is undefined on the rows at hand (such as the AUC when they are
/// all of one class) is left out: there is no number to give.
pub type Scores = BTreeMap<Metric, f64>;

/// Every metric of the target's task. `predictions` are as from
/// [`Fitted::predict`](crate::estimators::Fitted::predict), one row for each of `truth`.
///
/// Targets with two classes count as binary: precision, recall and F1 are then those of the second
/// class, the positive one. The most probable class is what is predicted. O(n log n).
pub fn scores(truth: &Target, predictions: &[f64]) -> Scores {
    decided_scores(truth, predictions, &Choice::default())
}

/// [`scores`] of classes that are chosen in another way, and what their mistakes cost.
pub fn decided_scores(truth: &Target, predictions: &[f64], choice: &Choice) -> Scores {
    match truth {
        Target::Classes { codes, count } => classification::scores(codes, *count, predictions, choice),
        Target::Numbers(values) => regression::scores(values, predictions),
    }
}

/// The most probable class of each row; the first of equals.
pub fn most_probable(probabilities: &[f64], classes: usize) -> Vec<u32> {
    probabilities
        .chunks_exact(classes)
        .map(|row| {
            let mut best = 0;
            for (class, p) in row.iter().enumerate() {
                if *p > row[best] {
                    best = class;
                }
            }
            best as u32
        })
        .collect()
}

const CLASSIFICATION: &[Metric] = &[
    Metric::Accuracy,
    Metric::BalancedAccuracy,
    Metric::Auc,
    Metric::LogLoss,
    Metric::F1,
    Metric::Precision,
    Metric::Recall,
    Metric::Mcc,
];

const REGRESSION: &[Metric] = &[Metric::Rmse, Metric::Mae, Metric::R2, Metric::Mape];

impl Metric {
    /// The metrics that measure a task, whatever is known of it.
    pub fn of(task: Task) -> &'static [Metric] {
        if task.is_classification() { CLASSIFICATION } else { REGRESSION }
    }

    /// The metric that ranks a run when none is asked for: it sees the probabilities, not only
    /// the labels, so that it tells close models apart and is not fooled by a rare class.
    ///
    /// Binary: the AUC, which no choice of threshold and no imbalance distorts. Many classes: the
    /// log loss, which has one meaning for any number of classes. Regression: the RMSE, which is
    /// what the estimators minimise.
    pub fn default_of(task: Task) -> Metric {
        match task {
            Task::Binary => Metric::Auc,
            Task::Multiclass => Metric::LogLoss,
            Task::Regression => Metric::Rmse,
        }
    }

    /// Whether a larger value is a better one.
    pub fn greater_is_better(self) -> bool {
        !matches!(self, Metric::LogLoss | Metric::Rmse | Metric::Mae | Metric::Mape | Metric::Cost)
    }

    /// The tasks that it measures.
    pub fn tasks(self) -> &'static [Task] {
        if self == Metric::Cost || CLASSIFICATION.contains(&self) {
            &[Task::Binary, Task::Multiclass]
        } else {
            &[Task::Regression]
        }
    }

    /// The name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::BalancedAccuracy => "balanced_accuracy",
            Metric::Auc => "auc",
            Metric::LogLoss => "log_loss",
            Metric::F1 => "f1",
            Metric::Precision => "precision",
            Metric::Recall => "recall",
            Metric::Mcc => "mcc",
            Metric::Rmse => "rmse",
            Metric::Mae => "mae",
            Metric::R2 => "r2",
            Metric::Mape => "mape",
            Metric::Cost => "cost",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_json() {
        for metric in CLASSIFICATION.iter().chain(REGRESSION) {
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
            assert!(metric.tasks().iter().all(|task| Metric::of(*task).contains(metric)));
        }
        assert_eq!(serde_json::to_value(Metric::Cost).unwrap(), Metric::Cost.name());
        for task in [Task::Binary, Task::Multiclass, Task::Regression] {
            assert!(Metric::of(task).contains(&Metric::default_of(task)));
        }
    }

    #[test]
    fn the_first_of_equals_is_predicted() {
        assert_eq!(most_probable(&[0.5, 0.5, 0.2, 0.8, 1.0, 0.0], 2), [0, 1, 0]);
        assert_eq!(most_probable(&[0.2, 0.4, 0.4], 3), [1]);
    }
}
