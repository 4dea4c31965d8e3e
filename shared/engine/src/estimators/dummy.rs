//! The baseline that every other estimator must beat: it does not look at the features.

use serde::{Deserialize, Serialize};

use super::memory::bytes;
use super::{Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Target};
use crate::matrix::Matrix;
use crate::metrics::Task;

/// Predicts the classes' shares, or the mean.
#[derive(Debug)]
pub(super) struct Dummy;

impl Estimator for Dummy {
    fn name(&self) -> &'static str {
        "dummy"
    }

    fn label(&self) -> &'static str {
        "Baseline"
    }

    fn source(&self) -> &'static str {
        "The mean, or the shares of the classes"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Binary, Task::Multiclass, Task::Regression]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::Target, scaled: false, missing: true }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[]
    }

    fn cost(&self) -> u8 {
        0
    }

    /// One sum a class.
    fn memory_bytes(&self, _rows: u64, _cols: u64, classes: u64) -> u64 {
        bytes(&[&[classes.max(1), 8]])
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let weight = |row: usize| fit.weights.map_or(1.0, |w| f64::from(w[row]));
        let total: f64 = (0..fit.y.len()).map(weight).sum();
        if total <= 0.0 {
            return Err(FitError::Unsuitable("no row has a weight".into()));
        }
        let mut sums = vec![0.0; fit.y.outputs()];
        match fit.y {
            Target::Classes { codes, .. } => {
                for (row, &code) in codes.iter().enumerate() {
                    sums[code as usize] += weight(row);
                }
            }
            Target::Numbers(values) => {
                sums[0] = values.iter().enumerate().map(|(row, y)| y * weight(row)).sum();
            }
        }
        Ok(Fitted::Dummy(FittedDummy { prediction: sums.into_iter().map(|sum| sum / total).collect() }))
    }
}

/// The one prediction for every row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedDummy {
    pub(super) prediction: Vec<f64>,
}

impl FittedDummy {
    pub(super) fn predict(&self, x: &Matrix) -> Vec<f64> {
        self.prediction.repeat(x.rows())
    }

    pub(super) fn check(&self, _cols: usize, outputs: usize) -> Result<(), String> {
        if self.prediction.len() == outputs { Ok(()) } else { Err("the baseline has another width".into()) }
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.prediction.len() * size_of::<f64>()
    }
}
