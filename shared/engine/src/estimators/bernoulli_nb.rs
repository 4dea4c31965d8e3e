//! Bernoulli naive Bayes: in each class every feature is above a threshold with a probability of its own.

use serde::{Deserialize, Serialize};

use super::least_squares::weights;
use super::linear::{ABSENT, FittedLinear, Link};
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search, Target};
use crate::matrix::Matrix;
use crate::metrics::Task;

/// Bernoulli naive Bayes.
pub(super) struct BernoulliNb;

impl Estimator for BernoulliNb {
    fn name(&self) -> &'static str {
        "bernoulli_nb"
    }

    fn label(&self) -> &'static str {
        "Bernoulli naive Bayes"
    }

    fn source(&self) -> &'static str {
        "McCallum and Nigam, \"A comparison of event models for naive Bayes text classification\", 1998"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Binary, Task::Multiclass]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "alpha",
                domain: Domain::Number { min: 1e-10, max: 1e6, default: 1.0 },
                search: Search::Log(1e-3, 1e2),
                doc: "Rows that each class is given more on either side of the threshold.",
            },
            Parameter {
                name: "threshold",
                domain: Domain::Number { min: -1e6, max: 1e6, default: 0.0 },
                search: Search::Between(-1.0, 1.0),
                doc: "What a feature must be above, in standard deviations from its mean.",
            },
        ]
    }

    fn cost(&self) -> u8 {
        5
    }

    fn promise(&self) -> u8 {
        25
    }

    /// O(rows × cols).
    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let Target::Classes { codes, count } = fit.y else {
            return Err(FitError::Unsuitable("Bernoulli naive Bayes predicts classes".into()));
        };
        let (weights, cols) = (weights(fit), fit.x.cols());
        let (alpha, threshold) = (fit.params.number("alpha"), fit.params.number("threshold") as f32);
        let mut per_class = vec![0.0; *count];
        for (weight, &code) in weights.iter().zip(codes) {
            per_class[code as usize] += weight;
        }
        let total: f64 = per_class.iter().sum();
        if total <= 0.0 {
            return Err(FitError::Unsuitable("no row has a weight".into()));
        }
        let width = cols + 1;
        let mut model = vec![0.0; count * width];
        for (class, rows) in per_class.iter().enumerate() {
            model[class * width + cols] = if *rows > 0.0 { (rows / total).ln() } else { ABSENT };
        }
        let mut above = vec![0.0; *count];
        for col in 0..cols {
            above.fill(0.0);
            for ((value, weight), &code) in fit.x.col(col).iter().zip(&weights).zip(codes) {
                if *value > threshold {
                    above[code as usize] += weight;
                }
            }
            for (class, rows) in per_class.iter().enumerate().filter(|(_, rows)| **rows > 0.0) {
                // The log odds count where the value is above; below, what is left to 1 counts.
                let below = (rows - above[class]).max(0.0);
                model[class * width + col] = (above[class] + alpha).ln() - (below + alpha).ln();
                model[class * width + cols] += (below + alpha).ln() - (rows + 2.0 * alpha).ln();
            }
        }
        Ok(Fitted::BernoulliNb(FittedBernoulliNb {
            threshold,
            linear: FittedLinear::new(Link::Softmax, model),
        }))
    }
}

/// Scores that are linear in whether each feature is above the threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedBernoulliNb {
    pub(super) threshold: f32,
    pub(super) linear: FittedLinear,
}

impl FittedBernoulliNb {
    pub(super) fn predict(&self, x: &Matrix) -> Vec<f64> {
        let above = x.data().iter().map(|value| f32::from(u8::from(*value > self.threshold))).collect();
        self.linear.predict(&Matrix::new(x.rows(), x.cols(), above))
    }

    pub(super) fn check(&self, cols: usize, outputs: usize) -> Result<(), String> {
        self.linear.check(cols, outputs)
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.linear.size_bytes()
    }
}
