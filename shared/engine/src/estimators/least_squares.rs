//! What regressions by least squares share: the target in units of its spread, and the spectrum of the
//! features, from which a solution follows for any penalty on the squared coefficients.

use faer::{Mat, Side};

use super::deviations::{Deviations, as_column};
use super::linear::{FittedLinear, Link, MOST_MULTIPLICATIONS};
use super::{Fit, FitError, Fitted, Target};

/// The widest matrix whose eigenvectors are computed: about a minute.
const WIDEST: usize = 3000;

/// The rows of a regression.
#[derive(Debug)]
pub(super) struct Regression<'a> {
    /// Around their means.
    pub(super) x: Deviations<'a>,
    pub(super) weights: Vec<f64>,
    pub(super) total: f64,
    /// Brought to mean 0 and variance 1, so that penalties mean the same whatever the target's unit
    /// is, and nothing overflows on the way.
    pub(super) y: Vec<f64>,
    mean: f64,
    spread: f64,
}

impl<'a> Regression<'a> {
    /// Takes a fit of numbers; `what` names the estimator in errors. O(rows × cols).
    pub(super) fn new(fit: &Fit<'a>, what: &str) -> Result<Regression<'a>, FitError> {
        let Target::Numbers(y) = fit.y else {
            return Err(FitError::Unsuitable(format!("{what} predicts a number")));
        };
        let weights = weights(fit);
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            return Err(FitError::Unsuitable("no row has a weight".into()));
        }
        let mean = weighted_mean(y, &weights, total);
        let farthest = y.iter().map(|y| (y - mean).abs()).fold(0.0, f64::max);
        let unit = if farthest > 0.0 { farthest } else { 1.0 };
        let y: Vec<f64> = y.iter().map(|y| (y - mean) / unit).collect();
        let variance = y.iter().zip(&weights).map(|(y, w)| w * y * y).sum::<f64>() / total;
        let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        let y = y.iter().map(|y| y / deviation).collect();
        let x = Deviations::new(fit.x, &weights, None, 1);
        Ok(Regression { x, weights, total, y, mean, spread: unit * deviation })
    }

    /// Divides each column by its spread; constant columns become 0. [`fitted`](Self::fitted) undoes it.
    pub(super) fn scale(&mut self) {
        let squares = self.x.squares();
        for (scale, squares) in self.x.scales.iter_mut().zip(squares) {
            let spread = (squares / self.total).sqrt();
            *scale = if spread > 0.0 { spread } else { 1.0 };
        }
    }

    /// The target, each row multiplied by the square root of its weight.
    pub(super) fn weighted_target(&self) -> Vec<f64> {
        self.y.iter().zip(&self.x.roots).map(|(y, root)| y * root).collect()
    }

    /// The products of each column with the target. O(rows × cols).
    pub(super) fn covariances(&self) -> Vec<f64> {
        let product = self.x.transposed_times(as_column(&self.weighted_target()));
        (0..product.nrows()).map(|col| product[(col, 0)]).collect()
    }

    /// The model with these coefficients, one a column, in the units of the target.
    pub(super) fn fitted(&self, coefficients: &[f64], what: &str) -> Result<Fitted, FitError> {
        let model: Vec<f64> = coefficients.iter().zip(&self.x.scales).map(|(c, scale)| c / scale).collect();
        let intercept = -model.iter().zip(&self.x.means).map(|(c, mean)| c * mean).sum::<f64>();
        self.fitted_with_intercept(model, intercept, what)
    }

    /// The same, for coefficients of the features as they are.
    pub(super) fn fitted_with_intercept(
        &self,
        mut model: Vec<f64>,
        intercept: f64,
        what: &str,
    ) -> Result<Fitted, FitError> {
        model.push(intercept);
        for value in &mut model {
            *value *= self.spread;
        }
        if let Some(intercept) = model.last_mut() {
            *intercept += self.mean;
        }
        if model.iter().any(|value| !value.is_finite()) {
            return Err(FitError::NotFinite(format!("{what} found no finite coefficients")));
        }
        Ok(Fitted::Linear(FittedLinear::new(Link::Identity, model)))
    }
}

/// Each row's weight.
pub(super) fn weights(fit: &Fit) -> Vec<f64> {
    (0..fit.x.rows()).map(|row| fit.weights.map_or(1.0, |w| f64::from(w[row]))).collect()
}

/// The mean, without overflow on the way to it.
pub(super) fn weighted_mean(values: &[f64], weights: &[f64], total: f64) -> f64 {
    let largest = values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    if largest == 0.0 {
        return 0.0;
    }
    values.iter().zip(weights).map(|(v, w)| v / largest * w).sum::<f64>() / total * largest
}

/// The eigenvectors of the products of every two columns, as far as their eigenvalues are not 0, and the
/// target in their directions.
#[derive(Debug)]
pub(super) struct Spectrum {
    pub(super) values: Vec<f64>,
    /// `cols` × as many as there are values.
    vectors: Mat<f64>,
    /// The product of each vector with the columns' covariances with the target.
    pub(super) target: Vec<f64>,
}

impl Spectrum {
    /// `None` where it would take too long. O(n² × m + n³), n the smaller of rows and columns, m the larger.
    pub(super) fn new(regression: &Regression) -> Option<Spectrum> {
        let (rows, cols) = (regression.x.x.rows(), regression.x.x.cols());
        let (few, many) = (rows.min(cols), rows.max(cols));
        if few > WIDEST || few as f64 * few as f64 * many as f64 > MOST_MULTIPLICATIONS {
            return None;
        }
        let products = if cols <= rows { regression.x.gram() } else { regression.x.kernel() };
        let eigen = products.self_adjoint_eigen(Side::Lower).ok()?;
        let all = eigen.S().column_vector();
        let largest = (0..few).map(|i| all[i]).fold(0.0, f64::max);
        // Products of numbers of 53 bits: what is smaller is rounding.
        let smallest = largest * few as f64 * 4.0 * f64::EPSILON;
        let kept: Vec<usize> = (0..few).filter(|i| all[*i] > smallest).collect();
        let values: Vec<f64> = kept.iter().map(|i| all[*i]).collect();
        let vectors = Mat::from_fn(few, kept.len(), |row, at| eigen.U()[(row, kept[at])]);
        if cols <= rows {
            let target = vectors.transpose() * as_column(&regression.covariances());
            let target = (0..kept.len()).map(|at| target[(at, 0)]).collect();
            return Some(Spectrum { values, vectors, target });
        }
        // Of the rows' products to those of the columns: v = X'u / √d, and v'X'y = √d u'y.
        let along = vectors.transpose() * as_column(&regression.weighted_target());
        let target = values.iter().enumerate().map(|(at, d)| along[(at, 0)] * d.sqrt()).collect();
        let unit = Mat::from_fn(few, kept.len(), |row, at| vectors[(row, at)] / values[at].sqrt());
        let vectors = regression.x.transposed_times(unit.as_ref());
        Some(Spectrum { values, vectors, target })
    }

    /// The coefficients with a penalty of `l2` on their squares, beside the sum of squared errors; of
    /// all that are as good the smallest. O(cols × values).
    pub(super) fn solve(&self, l2: f64) -> Vec<f64> {
        let along: Vec<f64> = self.target.iter().zip(&self.values).map(|(t, d)| t / (d + l2)).collect();
        let solution = &self.vectors * as_column(&along);
        (0..solution.nrows()).map(|col| solution[(col, 0)]).collect()
    }
}
