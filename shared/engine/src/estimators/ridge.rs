//! Linear regression with an L2 penalty.

use faer::linalg::matmul::matmul;
use faer::linalg::solvers::Solve;
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};

use super::lbfgs::{Limits, minimise};
use super::least_squares::{weighted_mean, weights};
use super::linear::{FittedLinear, Link, MOST_MULTIPLICATIONS, Preconditioner, blocks, loss_and_gradient};
use super::memory::{BLOCK_BYTES, WIDEST, bytes};
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search, Target};
use crate::matrix::Matrix;
use crate::metrics::Task;

const LIMITS: Limits = Limits { gradient: 1e-9, iterations: 500 };

/// Ridge regression.
pub(super) struct Ridge;

impl Estimator for Ridge {
    fn name(&self) -> &'static str {
        "ridge"
    }

    fn label(&self) -> &'static str {
        "Ridge regression"
    }

    fn source(&self) -> &'static str {
        "Hoerl and Kennard, \"Ridge regression\", Technometrics 12, 1970"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Regression]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter {
            name: "l2",
            domain: Domain::Number { min: 1e-3, max: 1e9, default: 1.0 },
            search: Search::Log(1e-3, 1e4),
            doc: "Weight of the penalty on the squared coefficients, beside the sum of the squared errors.",
        }]
    }

    fn cost(&self) -> u8 {
        10
    }

    fn promise(&self) -> u8 {
        75
    }

    /// Weights and target in `f64`; the products of every two columns, their copy and its Cholesky
    /// factor, as long as they are formed, which with more columns than [`WIDEST`] they never are.
    fn memory_bytes(&self, rows: u64, cols: u64, _classes: u64) -> u64 {
        let formed = cols.saturating_add(1).min(WIDEST);
        bytes(&[&[rows, 16], &[formed, formed, 3 * 8], &[cols, 32 * 8], &[BLOCK_BYTES]])
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let Target::Numbers(y) = fit.y else {
            return Err(FitError::Unsuitable("ridge regression predicts a number".into()));
        };
        let rows = fit.x.rows();
        let weights = weights(fit);
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            return Err(FitError::Unsuitable("no row has a weight".into()));
        }
        // In units of the target's spread around its mean, so that nothing overflows on the way.
        let mean = weighted_mean(y, &weights, total);
        let spread = y.iter().map(|y| (y - mean).abs()).fold(0.0, f64::max);
        let spread = if spread > 0.0 { spread } else { 1.0 };
        let y: Vec<f64> = y.iter().map(|y| (y - mean) / spread).collect();

        let l2 = fit.params.number("l2");
        let width = fit.x.cols() as f64;
        let mut model = if width * width * (rows as f64 + width) <= MOST_MULTIPLICATIONS {
            direct(fit.x, &y, &weights, total, l2)?
        } else {
            iterative(fit.x, &y, &weights, total, l2)
        };
        for value in &mut model {
            *value *= spread;
        }
        if let Some(intercept) = model.last_mut() {
            *intercept += mean;
        }
        if model.iter().any(|value| !value.is_finite()) {
            return Err(FitError::NotFinite("ridge regression found no finite coefficients".into()));
        }
        Ok(Fitted::Linear(FittedLinear::new(Link::Identity, model)))
    }
}

/// The normal equations of centred features, by Cholesky decomposition. O(rows × cols²).
fn direct(x: &Matrix, y: &[f64], weights: &[f64], total: f64, l2: f64) -> Result<Vec<f64>, FitError> {
    let (cols, width) = (x.cols(), x.cols() + 1);
    let mut means = vec![0.0; cols];
    for (col, mean) in means.iter_mut().enumerate() {
        *mean = x.col(col).iter().zip(weights).map(|(v, w)| f64::from(*v) * w).sum::<f64>() / total;
    }
    // The last column is the target's, so that one product gives both sides of the equations.
    let mut gram = vec![0.0; width * width];
    blocks(x, |first, rows, block| {
        for (col, values) in block.chunks_exact_mut(rows).enumerate() {
            for (i, value) in values.iter_mut().enumerate() {
                let centred = if col < cols { *value - means[col] } else { y[first + i] };
                *value = centred * weights[first + i].sqrt();
            }
        }
        let block = MatRef::from_column_major_slice(block, rows, width);
        let gram = MatMut::from_column_major_slice_mut(&mut gram, width, width);
        matmul(gram, Accum::Add, block.transpose(), block, 1.0, Par::Seq);
    });
    let gram = MatRef::from_column_major_slice(&gram, width, width);
    let mut left = gram.submatrix(0, 0, cols, cols).to_owned();
    for col in 0..cols {
        left[(col, col)] += l2;
    }
    let mut solution: Mat<f64> = gram.submatrix(0, cols, cols, 1).to_owned();
    let cholesky = left.llt(Side::Lower).map_err(|_| {
        FitError::NotFinite("ridge regression's equations have no stable solution: raise l2".into())
    })?;
    cholesky.solve_in_place(&mut solution);
    let mut model: Vec<f64> = (0..cols).map(|col| solution[(col, 0)]).collect();
    // The target's own mean is 0.
    model.push(-model.iter().zip(&means).map(|(coefficient, mean)| coefficient * mean).sum::<f64>());
    Ok(model)
}

/// The same optimum by iterating, for very wide matrices. O(rows × cols) an iteration.
pub(super) fn iterative(x: &Matrix, y: &[f64], weights: &[f64], total: f64, l2: f64) -> Vec<f64> {
    let preconditioner = Preconditioner::diagonal(x, weights, 1.0, l2);
    let precondition = |direction: &mut [f64]| preconditioner.apply(direction);
    minimise(vec![0.0; x.cols() + 1], LIMITS, precondition, |model, gradient| {
        let mut loss = loss_and_gradient(x, 1, model, gradient, |first, scores| {
            let mut loss = 0.0;
            for (i, score) in scores.iter_mut().enumerate() {
                let error = *score - y[first + i];
                *score = weights[first + i] * error;
                loss += 0.5 * *score * error;
            }
            loss
        });
        for (coefficient, gradient) in model[..x.cols()].iter().zip(gradient.iter_mut()) {
            loss += 0.5 * l2 * coefficient * coefficient;
            *gradient += l2 * coefficient;
        }
        for g in gradient.iter_mut() {
            *g /= total;
        }
        loss / total
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iterating_ends_where_solving_does() {
        let (rows, cols) = (200, 8);
        let data: Vec<f32> = (0..rows * cols).map(|i| ((i * 7919) % 1013) as f32 / 506.0 - 1.0).collect();
        let x = Matrix::new(rows, cols, data);
        let y: Vec<f64> =
            (0..rows).map(|i| f64::from(x.get(i, 0)) - 2.0 * f64::from(x.get(i, 5)) + 0.3).collect();
        let weights: Vec<f64> = (0..rows).map(|i| 0.5 + (i % 3) as f64).collect();
        let total = weights.iter().sum();
        // The direct way wants a target whose mean is 0.
        let mean = weighted_mean(&y, &weights, total);
        let y: Vec<f64> = y.iter().map(|y| y - mean).collect();
        let solved = direct(&x, &y, &weights, total, 1.0).unwrap();
        let iterated = iterative(&x, &y, &weights, total, 1.0);
        for (a, b) in solved.iter().zip(&iterated) {
            assert!((a - b).abs() < 1e-6, "{solved:?} {iterated:?}");
        }
    }
}
