//! What linear estimators share: passes over the rows, and the fitted form.

use faer::linalg::matmul::matmul;
use faer::linalg::solvers::{Llt, ShapeCore, Solve};
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};
use serde::{Deserialize, Serialize};

use crate::explain::{Contributions, Scale};
use crate::matrix::Matrix;

/// Multiplications beyond which a product of every two columns costs more than it saves.
pub(super) const MOST_MULTIPLICATIONS: f64 = 2e11;
/// A block of rows in `f64` should stay in the second-level cache.
const BLOCK_VALUES: usize = 32 * 1024;

/// The score of a class without rows: its probability is 0 whatever the features are.
pub(super) const ABSENT: f64 = -1e300;

/// Calls `visit` with blocks of consecutive rows: the first row's number, how many they are, and
/// their values in `f64`, column by column, with a last column of ones for the intercept.
pub(super) fn blocks(x: &Matrix, mut visit: impl FnMut(usize, usize, &mut [f64])) {
    let width = x.cols() + 1;
    let block = (BLOCK_VALUES / width).clamp(16, 4096).min(x.rows().max(1));
    let mut buffer = vec![1.0; block * width];
    for first in (0..x.rows()).step_by(block) {
        let rows = block.min(x.rows() - first);
        let buffer = &mut buffer[..rows * width];
        let (values, ones) = buffer.split_at_mut(rows * x.cols());
        for (col, values) in values.chunks_exact_mut(rows).enumerate() {
            for (wide, value) in values.iter_mut().zip(&x.col(col)[first..]) {
                *wide = f64::from(*value);
            }
        }
        ones.fill(1.0);
        visit(first, rows, buffer);
    }
}

/// The loss of a linear model and its gradient in one pass over the rows.
///
/// `model` and `gradient` hold, for each of `outputs`, a coefficient a column and the intercept.
/// `residuals(first, scores)` gets the scores of a block of rows, one output after the other, and
/// turns them in place into the derivatives of the loss by the scores; it returns the loss.
pub(super) fn loss_and_gradient(
    x: &Matrix,
    outputs: usize,
    model: &[f64],
    gradient: &mut [f64],
    mut residuals: impl FnMut(usize, &mut [f64]) -> f64,
) -> f64 {
    let width = x.cols() + 1;
    let model = MatRef::from_column_major_slice(model, width, outputs);
    gradient.fill(0.0);
    let mut loss = 0.0;
    let mut scores = Vec::new();
    blocks(x, |first, rows, block| {
        scores.resize(rows * outputs, 0.0);
        let block = MatRef::from_column_major_slice(block, rows, width);
        let out = MatMut::from_column_major_slice_mut(&mut scores, rows, outputs);
        matmul(out, Accum::Replace, block, model, 1.0, Par::Seq);
        loss += residuals(first, &mut scores);
        let scores = MatRef::from_column_major_slice(&scores, rows, outputs);
        let gradient = MatMut::from_column_major_slice_mut(gradient, width, outputs);
        matmul(gradient, Accum::Add, block.transpose(), scores, 1.0, Par::Seq);
    });
    loss
}

/// Something like the inverse of a linear model's Hessian, for [`minimise`](super::lbfgs::minimise).
///
/// The Hessian of the mean loss is about `curvature` times the mean product of every two columns,
/// with `l2 / total` on the diagonal of the coefficients. Where that is too large to decompose only
/// its diagonal is used.
pub(super) enum Preconditioner {
    Full(Llt<f64>),
    Diagonal(Vec<f64>),
}

impl Preconditioner {
    /// O(rows × cols² + cols³), or O(rows × cols) for the diagonal.
    pub(super) fn new(x: &Matrix, weights: &[f64], curvature: f64, l2: f64) -> Preconditioner {
        let width = x.cols() as f64 + 1.0;
        let affordable = (x.rows() as f64 + width) * width * width <= MOST_MULTIPLICATIONS;
        let full = if affordable { Preconditioner::full(x, weights, curvature, l2) } else { None };
        full.unwrap_or_else(|| Preconditioner::diagonal(x, weights, curvature, l2))
    }

    pub(super) fn full(x: &Matrix, weights: &[f64], curvature: f64, l2: f64) -> Option<Preconditioner> {
        let width = x.cols() + 1;
        let total: f64 = weights.iter().sum();
        let roots: Vec<f64> = weights.iter().map(|weight| (weight * curvature / total).sqrt()).collect();
        let mut products = Mat::<f64>::zeros(width, width);
        blocks(x, |first, rows, block| {
            for values in block.chunks_exact_mut(rows) {
                for (value, root) in values.iter_mut().zip(&roots[first..]) {
                    *value *= root;
                }
            }
            let block = MatRef::from_column_major_slice(block, rows, width);
            matmul(&mut products, Accum::Add, block.transpose(), block, 1.0, Par::Seq);
        });
        for col in 0..width {
            products[(col, col)] += penalty(col < x.cols(), l2 / total);
        }
        products.llt(Side::Lower).ok().map(Preconditioner::Full)
    }

    pub(super) fn diagonal(x: &Matrix, weights: &[f64], curvature: f64, l2: f64) -> Preconditioner {
        let total: f64 = weights.iter().sum();
        let mut diagonal = vec![0.0; x.cols() + 1];
        blocks(x, |first, rows, block| {
            for (sum, values) in diagonal.iter_mut().zip(block.chunks_exact(rows)) {
                *sum += values.iter().zip(&weights[first..]).map(|(v, weight)| weight * v * v).sum::<f64>();
            }
        });
        for (col, sum) in diagonal.iter_mut().enumerate() {
            *sum = *sum * curvature / total + penalty(col < x.cols(), l2 / total);
        }
        Preconditioner::Diagonal(diagonal)
    }

    /// Multiplies each output's part of `direction`, in place.
    pub(super) fn apply(&self, direction: &mut [f64]) {
        match self {
            Preconditioner::Full(cholesky) => {
                let width = cholesky.nrows();
                let outputs = direction.len() / width;
                cholesky.solve_in_place(MatMut::from_column_major_slice_mut(direction, width, outputs));
            }
            Preconditioner::Diagonal(diagonal) => {
                for direction in direction.chunks_exact_mut(diagonal.len()) {
                    for (d, diagonal) in direction.iter_mut().zip(diagonal) {
                        *d /= diagonal;
                    }
                }
            }
        }
    }
}

/// The intercept has no penalty, and a column may be a copy of another: kept away from 0.
fn penalty(coefficient: bool, l2: f64) -> f64 {
    1e-9 + if coefficient { l2 } else { 0.0 }
}

/// From scores to predictions. Part of the artifact's format: add at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Link {
    /// The score is the number.
    Identity,
    /// One score: the log odds of the second class.
    Logit,
    /// A score a class.
    Softmax,
    /// A score a class: its log odds against the rest.
    OneVsRest,
}

impl Link {
    /// Turns a row of scores into predictions, in place; the one score of a logit is the second.
    pub(super) fn apply(self, row: &mut [f64]) {
        match self {
            Link::Identity => {}
            Link::Logit => {
                let positive = sigmoid(row[1]);
                (row[0], row[1]) = (1.0 - positive, positive);
            }
            Link::Softmax => softmax(row),
            Link::OneVsRest => {
                // The logarithm of each sigmoid: their shares are then found without underflow.
                for score in row.iter_mut() {
                    *score = score.min(0.0) - (-score.abs()).exp().ln_1p();
                }
                softmax(row);
            }
        }
    }
}

/// A fitted linear model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedLinear {
    pub(super) link: Link,
    /// For each score a coefficient a column and the intercept.
    pub(super) model: Vec<f64>,
}

impl FittedLinear {
    pub(super) fn new(link: Link, model: Vec<f64>) -> FittedLinear {
        FittedLinear { link, model }
    }

    pub(super) fn predict(&self, x: &Matrix) -> Vec<f64> {
        let (rows, width) = (x.rows(), x.cols() + 1);
        let scores = self.model.len() / width;
        let outputs = if self.link == Link::Logit { 2 } else { scores };
        let mut out = vec![0.0; rows * outputs];
        for (score, model) in self.model.chunks_exact(width).enumerate() {
            // The logit's one score belongs to the second class.
            let place = if self.link == Link::Logit { 1 } else { score };
            let (coefficients, intercept) = model.split_at(x.cols());
            for row in out.chunks_exact_mut(outputs) {
                row[place] = intercept[0];
            }
            for (col, coefficient) in coefficients.iter().enumerate() {
                for (row, value) in out.chunks_exact_mut(outputs).zip(x.col(col)) {
                    row[place] += coefficient * f64::from(*value);
                }
            }
        }
        for row in out.chunks_exact_mut(outputs) {
            self.link.apply(row);
        }
        out
    }

    /// The mean of each column, which contributions are measured from; 0 without rows.
    pub(super) fn means(rows: &Matrix) -> Vec<f64> {
        let count = rows.rows().max(1) as f64;
        let mean = |col| rows.col(col).iter().map(|&value| f64::from(value)).sum::<f64>() / count;
        (0..rows.cols()).map(mean).collect()
    }

    /// Coefficient × (value − mean of the background): what the Shapley values of a sum are.
    pub(super) fn explain(&self, x: &Matrix, means: &[f64]) -> Contributions {
        let cols = x.cols();
        let models = || self.model.chunks_exact(cols + 1);
        let base = models()
            .map(|model| model[cols] + model.iter().zip(means).map(|(c, mean)| c * mean).sum::<f64>())
            .collect();
        let mut values = Vec::with_capacity(x.rows() * (self.model.len() / (cols + 1)) * cols);
        for row in 0..x.rows() {
            for model in models() {
                let centred = means.iter().enumerate().map(|(col, mean)| f64::from(x.get(row, col)) - mean);
                values.extend(model.iter().zip(centred).map(|(coefficient, value)| coefficient * value));
            }
        }
        let scale = match self.link {
            Link::Identity => Scale::Number,
            Link::Logit => Scale::LogOdds,
            Link::Softmax | Link::OneVsRest => Scale::Scores,
        };
        Contributions::new(scale, cols, base, values)
    }

    pub(super) fn check(&self, cols: usize, outputs: usize) -> Result<(), String> {
        let scores = match self.link {
            Link::Identity if outputs != 1 => return Err("a linear regression has one output".into()),
            Link::Logit if outputs != 2 => return Err("a logit has two classes".into()),
            Link::Logit => 1,
            _ => outputs,
        };
        let expected = cols.checked_add(1).and_then(|width| width.checked_mul(scores));
        if expected == Some(self.model.len()) {
            Ok(())
        } else {
            Err("a linear model has another width".into())
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.model.len() * size_of::<f64>()
    }
}

pub(crate) fn sigmoid(score: f64) -> f64 {
    1.0 / (1.0 + (-score).exp())
}

/// Turns scores into probabilities, in place, without overflow.
pub(super) fn softmax(scores: &mut [f64]) {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - highest).exp();
        sum += *score;
    }
    for score in scores {
        *score /= sum;
    }
}
