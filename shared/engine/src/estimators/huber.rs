//! Linear regression that outliers cannot pull far.

use super::lbfgs::{Limits, minimise};
use super::least_squares::Regression;
use super::linear::{Preconditioner, loss_and_gradient};
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search};
use crate::metrics::Task;

const GRADIENT: f64 = 1e-8;
/// Steps, at least and at most; between them as many as go over this many values of the matrix.
const ITERATIONS: [usize; 2] = [50, 500];
const MOST_VALUES: usize = 1_000_000_000;
/// The scale of the errors stays above this share of the target's standard deviation: it would go on to 0
/// where the features tell the target exactly.
const SMALLEST_SCALE: f64 = 1e-6;

/// Huber's regression: errors count by their square up to `epsilon` scales, and by their size beyond. The
/// scale is found along with the coefficients. scikit-learn's objective, on a target of variance 1.
pub(super) struct Huber;

impl Estimator for Huber {
    fn name(&self) -> &'static str {
        "huber"
    }

    fn label(&self) -> &'static str {
        "Huber regression"
    }

    fn source(&self) -> &'static str {
        "Huber, \"Robust statistics\", 1981, with concomitant scale; Owen, \"A robust hybrid of lasso and ridge \
         regression\", 2007"
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
                name: "epsilon",
                domain: Domain::Number { min: 1.01, max: 100.0, default: 1.35 },
                search: Search::Between(1.05, 3.0),
                doc: "How many scales an error may be large before it counts by its size instead of its square.",
            },
            Parameter {
                name: "l2",
                domain: Domain::Number { min: 0.0, max: 1e6, default: 1e-4 },
                search: Search::Log(1e-5, 1e4),
                doc: "Weight of the penalty on the squared coefficients, beside the sum of the losses of a target \
                      of variance 1.",
            },
        ]
    }

    fn cost(&self) -> u8 {
        20
    }

    fn promise(&self) -> u8 {
        55
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let regression = Regression::new(fit, "Huber regression")?;
        let objective = Objective {
            regression: &regression,
            epsilon: fit.params.number("epsilon"),
            l2: fit.params.number("l2"),
        };
        let width = fit.x.cols() + 1;
        let preconditioner = Preconditioner::new(fit.x, &regression.weights, 2.0, 2.0 * objective.l2);
        // The last variable is the logarithm of the scale, whose curvature is about 1.
        let precondition = |direction: &mut [f64]| preconditioner.apply(&mut direction[..width]);
        let [least, most] = ITERATIONS;
        let iterations = (MOST_VALUES / (fit.x.rows() * width)).clamp(least, most);
        let limits = Limits { gradient: GRADIENT, iterations };
        let mut model = minimise(vec![0.0; width + 1], limits, precondition, |model, gradient| {
            objective.value(model, gradient)
        });
        model.truncate(width);
        let intercept = model.pop().unwrap_or(0.0);
        regression.fitted_with_intercept(model, intercept, "Huber regression")
    }
}

struct Objective<'a> {
    regression: &'a Regression<'a>,
    epsilon: f64,
    l2: f64,
}

impl Objective<'_> {
    /// The mean loss and its gradient, of the coefficients, the intercept and the logarithm of the scale.
    fn value(&self, model: &[f64], gradient: &mut [f64]) -> f64 {
        let (regression, epsilon) = (self.regression, self.epsilon);
        let width = model.len() - 1;
        let growth = model[width].exp();
        let scale = SMALLEST_SCALE + growth;
        let mut by_scale = regression.total;
        let (of_model, of_scale) = gradient.split_at_mut(width);
        let mut loss = regression.total * scale;
        loss += loss_and_gradient(regression.x.x, 1, &model[..width], of_model, |first, scores| {
            let mut loss = 0.0;
            for (i, score) in scores.iter_mut().enumerate() {
                let (error, weight) = (*score - regression.y[first + i], regression.weights[first + i]);
                if error.abs() <= epsilon * scale {
                    let in_scales = error / scale;
                    loss += weight * error * in_scales;
                    by_scale -= weight * in_scales * in_scales;
                    *score = weight * 2.0 * in_scales;
                } else {
                    loss += weight * epsilon * (2.0 * error.abs() - epsilon * scale);
                    by_scale -= weight * epsilon * epsilon;
                    *score = weight * 2.0 * epsilon * error.signum();
                }
            }
            loss
        });
        for (coefficient, gradient) in model[..width - 1].iter().zip(of_model) {
            loss += self.l2 * coefficient * coefficient;
            *gradient += 2.0 * self.l2 * coefficient;
        }
        of_scale[0] = by_scale * growth;
        for g in gradient.iter_mut() {
            *g /= regression.total;
        }
        loss / regression.total
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::super::lbfgs::assert_gradient;
    use super::*;
    use crate::estimators::{Params, Target};
    use crate::matrix::Matrix;

    /// y = 3 x + 1, with one row in twenty far off.
    fn with_outliers(check: impl Fn(&Fit)) {
        let x = Matrix::new(200, 1, (0..200).map(|i| (i as f32 * 0.7).sin()).collect());
        let y = (0..200).map(|i| {
            let noise = 0.01 * (f64::from(i) * 5.1).sin();
            let far = if i % 20 == 0 { 500.0 } else { 0.0 };
            3.0 * f64::from(x.get(i as usize, 0)) + 1.0 + noise + far
        });
        let y = Target::Numbers(y.collect());
        let params = Params::check(Huber.parameters(), &Map::new()).unwrap();
        check(&Fit { x: &x, y: &y, weights: None, seed: 7, params: &params });
    }

    #[test]
    fn outliers_do_not_pull() {
        with_outliers(|fit| {
            let got = Huber.fit(fit).unwrap().predict(&Matrix::new(2, 1, vec![0.0, 1.0]));
            assert!((got[0] - 1.0).abs() < 0.01 && (got[1] - 4.0).abs() < 0.01, "{got:?}");
        });
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        with_outliers(|fit| {
            let regression = Regression::new(fit, "a test").unwrap();
            let objective = Objective { regression: &regression, epsilon: 1.35, l2: 3.0 };
            for at in [[0.3, -0.2, -1.0], [-1.0, 0.5, 0.7], [0.0, 0.0, -3.0]] {
                assert_gradient(&at, |model, gradient| objective.value(model, gradient));
            }
        });
    }
}
