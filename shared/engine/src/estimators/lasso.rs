//! Linear regression with a penalty on the absolute coefficients, which makes most of them 0.

use super::coordinate_descent::{Penalties, minimise};
use super::least_squares::Regression;
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search};
use crate::metrics::Task;

/// The lasso: scikit-learn's objective, on a target that was brought to variance 1.
pub(super) struct Lasso;

impl Estimator for Lasso {
    fn name(&self) -> &'static str {
        "lasso"
    }

    fn label(&self) -> &'static str {
        "Lasso"
    }

    fn source(&self) -> &'static str {
        "Tibshirani, \"Regression shrinkage and selection via the lasso\", 1996; by coordinate descent \
         (Friedman, Hastie and Tibshirani, 2010)"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Regression]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter {
            name: "alpha",
            domain: Domain::Number { min: 1e-8, max: 1e6, default: 0.01 },
            search: Search::Log(1e-5, 1.0),
            doc: "Weight of the penalty on the absolute coefficients, beside half the mean squared error of a \
                  target of variance 1.",
        }]
    }

    fn cost(&self) -> u8 {
        12
    }

    fn promise(&self) -> u8 {
        70
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let regression = Regression::new(fit, "the lasso")?;
        let penalties = Penalties { l1: fit.params.number("alpha"), l2: 0.0 };
        regression.fitted(&minimise(&regression, penalties), "the lasso")
    }
}
