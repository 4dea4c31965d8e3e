//! Logistic regression with an L2 penalty, for two classes and for many (multinomial).

use super::lbfgs::{Limits, minimise};
use super::linear::{FittedLinear, Link, Preconditioner, loss_and_gradient, sigmoid, softmax};
use super::memory::{BLOCK_BYTES, WIDEST, bytes};
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search, Target};
use crate::metrics::Task;

/// Of the mean loss: where scikit-learn stops at 1e-4 by default, this is its optimum to six digits.
const LIMITS: Limits = Limits { gradient: 1e-7, iterations: 300 };

/// Logistic regression.
pub(super) struct Logistic;

impl Estimator for Logistic {
    fn name(&self) -> &'static str {
        "logistic"
    }

    fn label(&self) -> &'static str {
        "Logistic regression"
    }

    fn source(&self) -> &'static str {
        "Cox, \"The regression analysis of binary sequences\", 1958; by L-BFGS (Liu and Nocedal, 1989)"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Binary, Task::Multiclass]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter {
            name: "l2",
            domain: Domain::Number { min: 1e-6, max: 1e6, default: 1.0 },
            search: Search::Log(1e-3, 1e4),
            doc: "Weight of the penalty on half the squared coefficients, beside the sum of the losses \
                  (scikit-learn's 1/C).",
        }]
    }

    fn cost(&self) -> u8 {
        20
    }

    fn promise(&self) -> u8 {
        75
    }

    /// Weights in `f64`; for each class as many models as L-BFGS remembers steps and slopes; the
    /// products of every two columns and their Cholesky factor, unless there are more than [`WIDEST`].
    fn memory_bytes(&self, rows: u64, cols: u64, classes: u64) -> u64 {
        let formed = cols.saturating_add(1).min(WIDEST);
        let scores = if classes > 2 { classes } else { 1 };
        bytes(&[
            &[rows, 8],
            &[formed, formed, 3 * 8],
            &[scores, cols.saturating_add(1), 32 * 8],
            &[BLOCK_BYTES, scores.saturating_add(1)],
        ])
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let Target::Classes { codes, count } = fit.y else {
            return Err(FitError::Unsuitable("logistic regression predicts classes".into()));
        };
        let weights: Vec<f64> =
            (0..codes.len()).map(|row| fit.weights.map_or(1.0, |w| f64::from(w[row]))).collect();
        let mut per_class = vec![0.0; *count];
        for (weight, &code) in weights.iter().zip(codes) {
            per_class[code as usize] += weight;
        }
        let total: f64 = per_class.iter().sum();
        if total <= 0.0 {
            return Err(FitError::Unsuitable("no row has a weight".into()));
        }
        let (width, outputs) = (fit.x.cols() + 1, if *count == 2 { 1 } else { *count });
        // Without coefficients the classes' log odds are the optimum: start there. Half a row more
        // keeps a class without rows finite.
        let log_share = |class: usize| ((per_class[class] + 0.5) / total).ln();
        let mut start = vec![0.0; width * outputs];
        for (output, model) in start.chunks_exact_mut(width).enumerate() {
            model[width - 1] = if outputs == 1 { log_share(1) - log_share(0) } else { log_share(output) };
        }
        let l2 = fit.params.number("l2");
        let mut probabilities = vec![0.0; *count];
        // The curvature at the start, p (1 − p), as a mean over the outputs.
        let curvature =
            per_class.iter().map(|rows| rows / total * (1.0 - rows / total)).sum::<f64>() / *count as f64;
        let preconditioner = Preconditioner::new(fit.x, &weights, curvature.max(1e-3), l2);
        let precondition = |direction: &mut [f64]| preconditioner.apply(direction);
        let model = minimise(start, LIMITS, precondition, |model, gradient| {
            let loss = loss_and_gradient(fit.x, outputs, model, gradient, |first, scores| {
                if outputs == 1 {
                    binary_residuals(&codes[first..], &weights[first..], scores)
                } else {
                    residuals(&codes[first..], &weights[first..], scores, &mut probabilities)
                }
            });
            let mut penalty = 0.0;
            for (model, gradient) in model.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
                for (coefficient, gradient) in model[..width - 1].iter().zip(gradient) {
                    penalty += 0.5 * l2 * coefficient * coefficient;
                    *gradient += l2 * coefficient;
                }
            }
            for g in gradient.iter_mut() {
                *g /= total;
            }
            (loss + penalty) / total
        });
        if model.iter().any(|value| !value.is_finite()) {
            return Err(FitError::NotFinite("logistic regression found no finite coefficients".into()));
        }
        let link = if outputs == 1 { Link::Logit } else { Link::Softmax };
        Ok(Fitted::Linear(FittedLinear::new(link, model)))
    }
}

fn binary_residuals(codes: &[u32], weights: &[f64], scores: &mut [f64]) -> f64 {
    let mut loss = 0.0;
    for ((score, &code), weight) in scores.iter_mut().zip(codes).zip(weights) {
        let truth = f64::from(code);
        // ln(1 + e^s) − y s, without overflow
        loss += weight * (score.max(0.0) - truth * *score + (-score.abs()).exp().ln_1p());
        *score = weight * (sigmoid(*score) - truth);
    }
    loss
}

/// `of_row` is room for one row's probabilities.
fn residuals(codes: &[u32], weights: &[f64], scores: &mut [f64], of_row: &mut [f64]) -> f64 {
    let rows = scores.len() / of_row.len();
    let mut loss = 0.0;
    for (row, (&code, weight)) in codes.iter().zip(weights).enumerate().take(rows) {
        for (class, score) in of_row.iter_mut().enumerate() {
            *score = scores[class * rows + row];
        }
        softmax(of_row);
        loss -= weight * of_row[code as usize].max(f64::MIN_POSITIVE).ln();
        for (class, probability) in of_row.iter().enumerate() {
            let truth = f64::from(u8::from(class == code as usize));
            scores[class * rows + row] = weight * (probability - truth);
        }
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    /// Columns that nearly repeat each other, as the parts of a date do.
    fn collinear(rows: usize) -> (Matrix, Vec<u32>) {
        let wave = |i: usize, by: f64| (i as f64 * by).sin();
        let columns: [&dyn Fn(usize) -> f64; 5] = [
            &|i| wave(i, 1.3),
            &|i| wave(i, 1.3) + 0.02 * wave(i, 2.9),
            &|i| wave(i, 0.7),
            &|i| wave(i, 0.7) - 0.05 * wave(i, 5.3),
            &|i| f64::from(u8::from(i % 97 == 0)),
        ];
        let data = columns.iter().flat_map(|column| (0..rows).map(|i| column(i) as f32)).collect();
        let codes = (0..rows).map(|i| u32::from(wave(i, 2.9) + wave(i, 0.7) + wave(i, 11.1) > 0.3)).collect();
        (Matrix::new(rows, columns.len(), data), codes)
    }

    /// The optimum, and how often the loss was computed on the way there.
    fn optimum(x: &Matrix, codes: &[u32], precondition: impl Fn(&mut [f64])) -> (Vec<f64>, usize) {
        let (weights, mut times) = (vec![1.0; codes.len()], 0);
        let rows = codes.len() as f64;
        let model = minimise(vec![0.0; x.cols() + 1], LIMITS, precondition, |model, gradient| {
            times += 1;
            let loss = loss_and_gradient(x, 1, model, gradient, |first, scores| {
                binary_residuals(&codes[first..], &weights[first..], scores)
            });
            for g in gradient.iter_mut() {
                *g /= rows;
            }
            loss / rows
        });
        (model, times)
    }

    #[test]
    fn knowing_the_curvature_saves_most_of_the_passes() {
        let (x, codes) = collinear(4000);
        let weights = vec![1.0; codes.len()];
        let full = Preconditioner::full(&x, &weights, 0.25, 0.0).unwrap();
        let diagonal = Preconditioner::diagonal(&x, &weights, 0.25, 0.0);
        let (with_full, few) = optimum(&x, &codes, |d| full.apply(d));
        let (with_diagonal, many) = optimum(&x, &codes, |d| diagonal.apply(d));
        let (_, plain) = optimum(&x, &codes, |_| {});
        for (a, b) in with_full.iter().zip(&with_diagonal) {
            assert!((a - b).abs() < 1e-2, "{with_full:?} {with_diagonal:?}");
        }
        println!("{few} {many} {plain}");
        assert!(2 * few < many, "{few} passes, and {many} with only the diagonal");
    }
}
