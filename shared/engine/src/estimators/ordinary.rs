//! Linear regression by ordinary least squares.

use super::least_squares::{Regression, Spectrum};
use super::ridge::iterative;
use super::{Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter};
use crate::metrics::Task;

/// Linear regression without any penalty.
///
/// Where columns repeat each other, or are more than the rows, many models are as good as the best: it
/// takes the one with the smallest coefficients, in units of each column's spread.
pub(super) struct Linear;

impl Estimator for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn label(&self) -> &'static str {
        "Linear regression"
    }

    fn source(&self) -> &'static str {
        "Legendre, \"Nouvelles méthodes pour la détermination des orbites des comètes\", 1805; of least norm: \
         Penrose, \"On best approximate solutions of linear matrix equations\", 1956"
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
        10
    }

    fn promise(&self) -> u8 {
        60
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let mut regression = Regression::new(fit, "linear regression")?;
        regression.scale();
        if let Some(spectrum) = Spectrum::new(&regression) {
            return regression.fitted(&spectrum.solve(0.0), "linear regression");
        }
        // Too large for that: walk there from 0, which leads to a small solution as well.
        let mut model = iterative(fit.x, &regression.y, &regression.weights, regression.total, 0.0);
        let intercept = model.pop().unwrap_or(0.0);
        regression.fitted_with_intercept(model, intercept, "linear regression")
    }
}
