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
//! | explainable boosting | what each curve adds, which is 0 on average of the training rows |
//!
//! The others have none that is both exact and quick.
//!
//! S. Lundberg and S.-I. Lee, A unified approach to interpreting model predictions, Advances in Neural
//! Information Processing Systems 2017;
//! S. Lundberg, G. Erion and S.-I. Lee, Consistent individualized feature attribution for tree
//! ensembles, 2018.

mod background;

use serde::{Deserialize, Serialize};

pub use self::background::Background;
pub(crate) use self::background::{KEPT_ROWS, MOST_ROWS};

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
    /// The logarithm of the predicted number.
    Logarithm,
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

    /// The weighted sum of contributions of the same rows to the same outputs, in one unit, which may be
    /// added up: `None` of others, and of logarithms and scores, whose mean is not the mean's.
    pub(crate) fn mean(parts: &[(f64, Contributions)]) -> Option<Contributions> {
        let (_, first) = parts.first()?;
        let adds_up = matches!(first.scale, Scale::Number | Scale::Probability);
        let alike = |other: &Contributions| {
            (other.scale, other.features, other.base.len(), other.values.len())
                == (first.scale, first.features, first.base.len(), first.values.len())
        };
        if !adds_up || !parts.iter().all(|(_, part)| alike(part)) {
            return None;
        }
        let sum = |of: &dyn Fn(&Contributions) -> &[f64]| {
            let mut sums = vec![0.0; of(first).len()];
            for (weight, part) in parts {
                for (sum, value) in sums.iter_mut().zip(of(part)) {
                    *sum += weight * value;
                }
            }
            sums
        };
        let (base, values) = (sum(&|part| &part.base), sum(&|part| &part.values));
        Some(Contributions { scale: first.scale, features: first.features, base, values })
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

/// Gives to the largest of a row's contributions what rounding left between their sum and the prediction, so
/// that nothing is left over.
pub(crate) fn settle(parts: &mut [f64], missing: f64) {
    if let Some(largest) = parts.iter_mut().max_by(|a, b| a.abs().total_cmp(&b.abs())) {
        *largest += missing;
    }
}

#[cfg(test)]
mod tests;
