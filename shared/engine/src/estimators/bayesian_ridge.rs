//! Ridge regression that finds the weight of its penalty from the data.

use super::least_squares::{Regression, Spectrum};
use super::{Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter};
use crate::metrics::Task;

/// Shape and rate of both gamma priors, as in scikit-learn: they say next to nothing.
const PRIOR: f64 = 1e-6;
const ITERATIONS: usize = 1000;
/// The relative change of both precisions at which they count as found.
const TOLERANCE: f64 = 1e-10;

/// Bayesian ridge regression: the precisions of noise and coefficients that make the data most probable.
pub(super) struct BayesianRidge;

impl Estimator for BayesianRidge {
    fn name(&self) -> &'static str {
        "bayesian_ridge"
    }

    fn label(&self) -> &'static str {
        "Bayesian ridge"
    }

    fn source(&self) -> &'static str {
        "MacKay, \"Bayesian interpolation\", 1992; Tipping, \"Sparse Bayesian learning and the relevance vector \
         machine\", 2001, appendix A"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Regression]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[]
    }

    fn cost(&self) -> u8 {
        11
    }

    fn promise(&self) -> u8 {
        70
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let regression = Regression::new(fit, "Bayesian ridge regression")?;
        let spectrum = Spectrum::new(&regression).ok_or_else(|| {
            FitError::Unsuitable(format!(
                "{} rows of {} columns are too many for Bayesian ridge regression: use ridge",
                fit.x.rows(),
                fit.x.cols()
            ))
        })?;
        let l2 = evidence(&spectrum, &regression);
        regression.fitted(&spectrum.solve(l2), "Bayesian ridge regression")
    }
}

/// The penalty at which the evidence no longer grows: the coefficients' precision through the noise's.
/// O(values) an iteration, since everything is a sum over the spectrum.
fn evidence(spectrum: &Spectrum, regression: &Regression) -> f64 {
    let squares: f64 = regression.y.iter().zip(&regression.weights).map(|(y, w)| w * y * y).sum();
    // The target has variance 1, so both start at 1.
    let (mut noise, mut coefficients) = (1.0f64, 1.0f64);
    for _ in 0..ITERATIONS {
        let l2 = coefficients / noise;
        let (mut effective, mut norm, mut explained) = (0.0, 0.0, 0.0);
        for (d, target) in spectrum.values.iter().zip(&spectrum.target) {
            let along = target / (d + l2);
            effective += d / (d + l2);
            norm += along * along;
            explained += along * (2.0 * target - d * along);
        }
        let errors = (squares - explained).max(0.0);
        let next_coefficients = (effective + 2.0 * PRIOR) / (norm + 2.0 * PRIOR);
        let next_noise = ((regression.total - effective).max(0.0) + 2.0 * PRIOR) / (errors + 2.0 * PRIOR);
        let change = |from: f64, to: f64| (to / from - 1.0).abs();
        let settled = change(coefficients, next_coefficients).max(change(noise, next_noise)) < TOLERANCE;
        (noise, coefficients) = (next_noise, next_coefficients);
        if settled {
            break;
        }
    }
    coefficients / noise
}
