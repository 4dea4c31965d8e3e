//! Linear regression with both penalties.

use super::coordinate_descent::{Penalties, minimise};
use super::least_squares::Regression;
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search};
use crate::metrics::Task;

/// The elastic net: scikit-learn's objective, on a target that was brought to variance 1.
pub(super) struct ElasticNet;

impl Estimator for ElasticNet {
    fn name(&self) -> &'static str {
        "elastic_net"
    }

    fn label(&self) -> &'static str {
        "Elastic net"
    }

    fn source(&self) -> &'static str {
        "Zou and Hastie, \"Regularization and variable selection via the elastic net\", 2005; by coordinate \
         descent (Friedman, Hastie and Tibshirani, 2010)"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Regression]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "alpha",
                domain: Domain::Number { min: 1e-8, max: 1e6, default: 0.01 },
                search: Search::Log(1e-5, 1.0),
                doc: "Weight of both penalties, beside half the mean squared error of a target of variance 1.",
            },
            Parameter {
                name: "l1_ratio",
                domain: Domain::Number { min: 0.0, max: 1.0, default: 0.5 },
                search: Search::Between(0.05, 1.0),
                doc: "Share of the penalty on the absolute coefficients; the rest is on half the squared ones.",
            },
        ]
    }

    fn cost(&self) -> u8 {
        12
    }

    fn promise(&self) -> u8 {
        70
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let regression = Regression::new(fit, "an elastic net")?;
        let (alpha, l1_ratio) = (fit.params.number("alpha"), fit.params.number("l1_ratio"));
        let penalties = Penalties { l1: alpha * l1_ratio, l2: alpha * (1.0 - l1_ratio) };
        regression.fitted(&minimise(&regression, penalties), "an elastic net")
    }
}
