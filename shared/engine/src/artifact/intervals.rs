//! How far off a model's predictions may be.

use super::{Model, Predictions};

/// What holds the truth of at least the share of rows that was asked for, row by row.
#[derive(Debug, Clone, PartialEq)]
pub enum Intervals {
    /// Of a regression, the lowest and the highest number.
    Numbers(Vec<[f64; 2]>),
    /// Of a classification, the classes that are possible, ascending; at least the most probable one. What
    /// the model answers need not be among them where mistakes have costs.
    Sets(Vec<Vec<u32>>),
}

/// Why there are no intervals.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IntervalError {
    /// No row would be left out, or next to all.
    #[error("a coverage of {0} is not possible: it is 0.5 to 0.999")]
    OutOfRange(f64),
    /// The model does not know how far off it is.
    #[error("the model does not know how far off it is: train it again with this version of Fettle")]
    NotKept,
    /// Too few rows were predicted without having been learned from.
    #[error(
        "the {rows} rows that the folds predicted cannot promise {coverage}: ask for at most {most:.3}, or train on more rows"
    )]
    TooFewRows {
        /// How many there were.
        rows: u64,
        /// What was asked for.
        coverage: f64,
        /// The most that they can promise.
        most: f64,
    },
}

impl Model {
    /// What holds the truth of at least a share of `coverage` of rows like those that were learned from,
    /// given what the model predicted for them.
    ///
    /// # Errors
    /// [`IntervalError`].
    pub fn intervals(&self, predictions: &Predictions, coverage: f64) -> Result<Intervals, IntervalError> {
        if !(0.5..=0.999).contains(&coverage) {
            return Err(IntervalError::OutOfRange(coverage));
        }
        let conformal = self.contents.conformal.as_ref().ok_or(IntervalError::NotKept)?;
        let made = match predictions {
            Predictions::Numbers(numbers) => conformal.intervals(numbers, coverage).map(Intervals::Numbers),
            Predictions::Classes { classes, probabilities, .. } => {
                conformal.sets(probabilities, classes.names().len(), coverage).map(Intervals::Sets)
            }
        };
        // Rounded down: what is advised must be possible.
        let most = (conformal.most() * 1000.0).floor() / 1000.0;
        made.ok_or_else(|| IntervalError::TooFewRows { rows: conformal.rows(), coverage, most })
    }
}
