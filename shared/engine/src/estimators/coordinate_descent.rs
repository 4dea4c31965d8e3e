//! Least squares with penalties on the absolute and on the squared coefficients, one coefficient at a time.
//!
//! J. Friedman, T. Hastie and R. Tibshirani, Regularization paths for generalized linear models via
//! coordinate descent, Journal of Statistical Software 33, 2010: after a round over all columns only those
//! with a coefficient are gone over until they settle, then all again. With few columns, on the products of
//! every two of them (a round then does not depend on the rows); with many, on the residuals.

use faer::Mat;

use super::deviations::Deviations;
use super::least_squares::Regression;

/// With more columns their products take too much memory.
const MOST_COLUMNS: usize = 2000;
/// Multiplications for the products of columns, beyond which rounds over residuals are cheaper.
const MOST_FOR_PRODUCTS: f64 = 2e10;
/// A coefficient's change, in standard deviations of the target, at which it counts as settled.
const SETTLED: f64 = 1e-9;
/// Multiplications in all rounds together: some ten seconds.
const MOST_IN_ALL: f64 = 2e10;

/// The penalties, beside half the mean squared error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Penalties {
    /// Times the sum of the absolute coefficients.
    pub(super) l1: f64,
    /// Times half the sum of the squared coefficients.
    pub(super) l2: f64,
}

/// The coefficients at the optimum, one a column.
pub(super) fn minimise(regression: &Regression, penalties: Penalties) -> Vec<f64> {
    let (rows, cols) = (regression.x.x.rows() as f64, regression.x.x.cols());
    let width = cols as f64;
    if cols <= MOST_COLUMNS && rows * width * width <= MOST_FOR_PRODUCTS {
        let mut products = Products::new(regression);
        descend(&mut products, cols, MOST_IN_ALL / (width * width), penalties)
    } else {
        let mut residuals = Residuals::new(regression);
        descend(&mut residuals, cols, MOST_IN_ALL / (2.0 * rows * width), penalties)
    }
}

/// What coordinate descent asks of the data.
trait Descent {
    /// The mean square of a column.
    fn square(&self, col: usize) -> f64;
    /// The mean product of a column with the residuals.
    fn slope(&mut self, col: usize) -> f64;
    /// A coefficient was changed by this much.
    fn change(&mut self, col: usize, by: f64);
}

fn descend(data: &mut impl Descent, cols: usize, rounds: f64, penalties: Penalties) -> Vec<f64> {
    let mut coefficients = vec![0.0; cols];
    let all: Vec<usize> = (0..cols).filter(|col| data.square(*col) > 0.0).collect();
    let mut budget = rounds.max(50.0) * cols.max(1) as f64;
    while budget > 0.0 {
        budget -= all.len() as f64;
        if round(data, &all, &mut coefficients, penalties) <= SETTLED {
            break;
        }
        let active: Vec<usize> = all.iter().copied().filter(|col| coefficients[*col] != 0.0).collect();
        while budget > 0.0 {
            budget -= active.len().max(1) as f64;
            if round(data, &active, &mut coefficients, penalties) <= SETTLED {
                break;
            }
        }
    }
    coefficients
}

/// The largest change, in standard deviations of the target.
fn round(data: &mut impl Descent, cols: &[usize], coefficients: &mut [f64], penalties: Penalties) -> f64 {
    let mut largest = 0.0f64;
    for &col in cols {
        let (square, before) = (data.square(col), coefficients[col]);
        let pull = data.slope(col) + square * before;
        let after = pull.signum() * (pull.abs() - penalties.l1).max(0.0) / (square + penalties.l2);
        if after.to_bits() != before.to_bits() {
            data.change(col, after - before);
            coefficients[col] = after;
            largest = largest.max((after - before).abs() * square.sqrt());
        }
    }
    largest
}

/// The mean products of every two columns, and the slopes kept up to date.
struct Products {
    products: Mat<f64>,
    slopes: Vec<f64>,
}

impl Products {
    fn new(regression: &Regression) -> Products {
        let total = regression.total;
        let gram = regression.x.gram();
        let products = Mat::from_fn(gram.nrows(), gram.ncols(), |a, b| gram[(a, b)] / total);
        let slopes = regression.covariances().iter().map(|product| product / total).collect();
        Products { products, slopes }
    }
}

impl Descent for Products {
    fn square(&self, col: usize) -> f64 {
        self.products[(col, col)]
    }

    fn slope(&mut self, col: usize) -> f64 {
        self.slopes[col]
    }

    fn change(&mut self, col: usize, by: f64) {
        let column = self.products.col_as_slice(col);
        for (slope, product) in self.slopes.iter_mut().zip(column) {
            *slope -= by * product;
        }
    }
}

/// What the model leaves of the target.
struct Residuals<'a> {
    x: &'a Deviations<'a>,
    total: f64,
    left: Vec<f64>,
    squares: Vec<f64>,
    column: Vec<f64>,
    /// The column that `column` holds.
    held: usize,
}

impl<'a> Residuals<'a> {
    fn new(regression: &'a Regression) -> Residuals<'a> {
        let squares = regression.x.squares().iter().map(|square| square / regression.total).collect();
        Residuals {
            x: &regression.x,
            total: regression.total,
            left: regression.weighted_target(),
            squares,
            column: vec![0.0; regression.y.len()],
            held: usize::MAX,
        }
    }

    fn hold(&mut self, col: usize) {
        if self.held != col {
            self.x.column(col, &mut self.column);
            self.held = col;
        }
    }
}

impl Descent for Residuals<'_> {
    fn square(&self, col: usize) -> f64 {
        self.squares[col]
    }

    fn slope(&mut self, col: usize) -> f64 {
        self.hold(col);
        // Eight sums at a time, in an order that is always the same.
        let mut sums = [0.0; 8];
        let (values, residuals) = (self.column.chunks(8), self.left.chunks(8));
        for (values, residuals) in values.zip(residuals) {
            for ((sum, value), residual) in sums.iter_mut().zip(values).zip(residuals) {
                *sum += value * residual;
            }
        }
        sums.iter().sum::<f64>() / self.total
    }

    fn change(&mut self, col: usize, by: f64) {
        self.hold(col);
        for (residual, value) in self.left.iter_mut().zip(&self.column) {
            *residual -= by * value;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::estimators::{Fit, Params, Target};
    use crate::matrix::Matrix;

    fn with_regression(rows: usize, cols: usize, check: impl Fn(&Regression)) {
        let data: Vec<f32> = (0..rows * cols).map(|i| ((i * 7919) % 1013) as f32 / 506.0 - 1.0).collect();
        let x = Matrix::new(rows, cols, data);
        let y = (0..rows).map(|i| f64::from(x.get(i, 0)) - 2.0 * f64::from(x.get(i, cols - 1)));
        let y = Target::Numbers(y.enumerate().map(|(i, y)| y + 0.3 * (i as f64).sin()).collect());
        let weights: Vec<f32> = (0..rows).map(|i| 0.5 + (i % 3) as f32).collect();
        let params = Params::check(&[], &Map::new()).unwrap();
        let fit = Fit { x: &x, y: &y, weights: Some(&weights), seed: 7, params: &params };
        check(&Regression::new(&fit, "a test").unwrap());
    }

    #[test]
    fn products_and_residuals_lead_to_the_same() {
        for (rows, cols) in [(200, 8), (30, 60)] {
            with_regression(rows, cols, |regression| {
                let penalties = Penalties { l1: 0.05, l2: 0.02 };
                let by_products = descend(&mut Products::new(regression), cols, 1e5, penalties);
                let by_residuals = descend(&mut Residuals::new(regression), cols, 1e5, penalties);
                assert!(by_products.contains(&0.0) && by_products.iter().any(|c| *c != 0.0));
                for (a, b) in by_products.iter().zip(&by_residuals) {
                    assert!((a - b).abs() < 1e-7, "{by_products:?} {by_residuals:?}");
                }
            });
        }
    }

    #[test]
    fn at_the_optimum_no_coefficient_wants_to_move() {
        with_regression(100, 20, |regression| {
            let penalties = Penalties { l1: 0.1, l2: 0.05 };
            let coefficients = minimise(regression, penalties);
            let mut residuals = Residuals::new(regression);
            for (col, coefficient) in coefficients.iter().enumerate() {
                residuals.change(col, *coefficient);
            }
            for (col, coefficient) in coefficients.iter().enumerate() {
                let slope = residuals.slope(col) - penalties.l2 * coefficient;
                if *coefficient == 0.0 {
                    assert!(slope.abs() <= penalties.l1 + 1e-9);
                } else {
                    assert!((slope - penalties.l1 * coefficient.signum()).abs() < 1e-7);
                }
            }
        });
    }
}
