//! What each feature adds to a prediction.
//!
//! Contributions are Shapley values: a prediction's distance from what is predicted on average is
//! shared out among the features, and nothing is left over. Each estimator has its own exact way:
//!
//! | estimator | way |
//! |---|---|
//! | trees and forests | path-dependent `TreeSHAP`, with covers counted on background rows |
//! | gradient boosting | the same with the covers of training, which the trees store |
//! | linear models | coefficient × (value − mean of the background) |
//!
//! The others have none that is both exact and quick.
//!
//! S. Lundberg and S.-I. Lee, A unified approach to interpreting model predictions, Advances in Neural
//! Information Processing Systems 2017;
//! S. Lundberg, G. Erion and S.-I. Lee, Consistent individualized feature attribution for tree
//! ensembles, 2018.

use serde::{Deserialize, Serialize};

/// In which unit contributions add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// The predicted number, in the target's unit.
    Number,
    /// Probabilities: of the second of two classes, or of each of many.
    Probability,
    /// The logarithm of the odds of the second of two classes.
    LogOdds,
    /// A score for each class, of which softmax makes probabilities.
    Scores,
}

/// What each feature adds to each prediction: `base` and the contributions of a row sum to its raw
/// prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributions {
    scale: Scale,
    features: usize,
    /// What is predicted when nothing is known of a row, for each output.
    base: Vec<f64>,
    /// Rows × outputs × features.
    values: Vec<f64>,
}

impl Contributions {
    /// Contributions from their values: `rows × base.len() × features`, row by row.
    ///
    /// # Panics
    /// When the lengths do not agree.
    pub(crate) fn new(scale: Scale, features: usize, base: Vec<f64>, values: Vec<f64>) -> Contributions {
        let width = base.len() * features;
        assert!(width == 0 || values.len().is_multiple_of(width), "contributions are rows of one width");
        Contributions { scale, features, base, values }
    }

    /// In which unit they add up.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.base.len() * self.features).unwrap_or(0)
    }

    /// The number of outputs that are explained: one for a number and for two classes.
    pub fn outputs(&self) -> usize {
        self.base.len()
    }

    /// The number of features.
    pub fn features(&self) -> usize {
        self.features
    }

    /// What is predicted when nothing is known of a row.
    pub fn base(&self, output: usize) -> f64 {
        self.base[output]
    }

    /// The contributions to an output of a row, one a feature.
    pub fn of(&self, row: usize, output: usize) -> &[f64] {
        let from = (row * self.outputs() + output) * self.features;
        &self.values[from..from + self.features]
    }

    /// The raw prediction of an output: what the base and the contributions sum to.
    pub fn raw(&self, row: usize, output: usize) -> f64 {
        self.base[output] + self.of(row, output).iter().sum::<f64>()
    }

    /// Sums the columns of a matrix that come from the same feature: `origins` says which, below
    /// `features`.
    ///
    /// # Panics
    /// When there is not one origin a column.
    #[must_use]
    pub fn gathered(&self, origins: &[usize], features: usize) -> Contributions {
        assert_eq!(origins.len(), self.features, "every column has an origin");
        let mut values = vec![0.0; self.rows() * self.outputs() * features];
        for (sums, parts) in
            values.chunks_exact_mut(features.max(1)).zip(self.values.chunks_exact(self.features.max(1)))
        {
            for (part, &origin) in parts.iter().zip(origins) {
                sums[origin] += part;
            }
        }
        Contributions::new(self.scale, features, self.base.clone(), values)
    }
}

#[cfg(test)]
mod tests;
