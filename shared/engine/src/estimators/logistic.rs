//! Logistic regression, for two classes and for many (multinomial).

use super::lbfgs::{Limits, minimise};
use super::least_squares::weights;
use super::linear::{FittedLinear, Link, Preconditioner, loss_and_gradient, sigmoid, softmax};
use super::memory::{BLOCK_BYTES, WIDEST, bytes};
use super::orthant;
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search, Target};
use crate::matrix::Matrix;
use crate::metrics::Task;

/// Of the mean loss: where scikit-learn stops at 1e-4 by default, this is its optimum to six digits.
const LIMITS: Limits = Limits { gradient: 1e-7, iterations: 300 };
/// A penalty with corners takes more steps.
const LIMITS_L1: Limits = Limits { gradient: 1e-7, iterations: 1000 };

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
        "Cox, \"The regression analysis of binary sequences\", 1958; by L-BFGS (Liu and Nocedal, 1989), with \
         an L1 penalty by OWL-QN (Andrew and Gao, 2007)"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Binary, Task::Multiclass]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "l2",
                domain: Domain::Number { min: 1e-6, max: 1e6, default: 1.0 },
                search: Search::Log(1e-4, 1e4),
                doc: "Weight of the penalty, beside the sum of the losses (scikit-learn's 1/C); with \
                      `penalty` l2 on half the squared coefficients.",
            },
            Parameter {
                name: "penalty",
                domain: Domain::Choice { of: &["l2", "l1", "elastic_net"], default: "l2" },
                search: Search::Every,
                doc: "What is penalised: half the squared coefficients, the absolute ones, or both; l1 makes many 0.",
            },
            Parameter {
                name: "l1_ratio",
                domain: Domain::Number { min: 0.0, max: 1.0, default: 0.5 },
                search: Search::Between(0.05, 0.95),
                doc: "With `penalty` elastic_net, the share of the penalty on the absolute coefficients.",
            },
        ]
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
        let weights = weights(fit);
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
        let l1_ratio = match fit.params.choice("penalty") {
            "l1" => 1.0,
            "elastic_net" => fit.params.number("l1_ratio"),
            _ => 0.0,
        };
        let strength = fit.params.number("l2");
        let (l1, l2) = (strength * l1_ratio, strength * (1.0 - l1_ratio));
        // The curvature at the start, p (1 − p), as a mean over the outputs.
        let curvature =
            per_class.iter().map(|rows| rows / total * (1.0 - rows / total)).sum::<f64>() / *count as f64;
        let curvature = curvature.max(1e-3);
        let mut loss = Loss::new(fit.x, codes, *count, &weights, l2);
        let model = if l1 > 0.0 {
            let preconditioner = Preconditioner::diagonal(fit.x, &weights, curvature, l2);
            let mut penalties = vec![l1 / total; start.len()];
            penalties.iter_mut().skip(width - 1).step_by(width).for_each(|intercept| *intercept = 0.0);
            let precondition = |direction: &mut [f64]| preconditioner.apply(direction);
            let objective = |model: &[f64], gradient: &mut [f64]| loss.value(model, gradient);
            orthant::minimise(start, &penalties, LIMITS_L1, precondition, objective)
        } else {
            let preconditioner = Preconditioner::new(fit.x, &weights, curvature, l2);
            let precondition = |direction: &mut [f64]| preconditioner.apply(direction);
            minimise(start, LIMITS, precondition, |model, gradient| loss.value(model, gradient))
        };
        if model.iter().any(|value| !value.is_finite()) {
            return Err(FitError::NotFinite("logistic regression found no finite coefficients".into()));
        }
        let link = if outputs == 1 { Link::Logit } else { Link::Softmax };
        Ok(Fitted::Linear(FittedLinear::new(link, model)))
    }
}

/// The mean loss of a model, with its squared penalty.
struct Loss<'a> {
    x: &'a Matrix,
    codes: &'a [u32],
    weights: &'a [f64],
    total: f64,
    outputs: usize,
    l2: f64,
    /// Room for one row's probabilities.
    probabilities: Vec<f64>,
}

impl<'a> Loss<'a> {
    fn new(x: &'a Matrix, codes: &'a [u32], count: usize, weights: &'a [f64], l2: f64) -> Loss<'a> {
        let (outputs, total) = (if count == 2 { 1 } else { count }, weights.iter().sum());
        Loss { x, codes, weights, total, outputs, l2, probabilities: vec![0.0; count] }
    }

    fn value(&mut self, model: &[f64], gradient: &mut [f64]) -> f64 {
        let (outputs, width) = (self.outputs, self.x.cols() + 1);
        let (codes, weights, probabilities) = (self.codes, self.weights, &mut self.probabilities);
        let loss = loss_and_gradient(self.x, outputs, model, gradient, |first, scores| {
            if outputs == 1 {
                binary_residuals(&codes[first..], &weights[first..], scores)
            } else {
                residuals(&codes[first..], &weights[first..], scores, probabilities)
            }
        });
        let mut penalty = 0.0;
        for (model, gradient) in model.chunks_exact(width).zip(gradient.chunks_exact_mut(width)) {
            for (coefficient, gradient) in model[..width - 1].iter().zip(gradient) {
                penalty += 0.5 * self.l2 * coefficient * coefficient;
                *gradient += self.l2 * coefficient;
            }
        }
        for g in gradient.iter_mut() {
            *g /= self.total;
        }
        (loss + penalty) / self.total
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
    use super::super::lbfgs::assert_gradient;
    use super::*;

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
        let mut loss = Loss::new(x, codes, 2, &weights, 0.0);
        let model = minimise(vec![0.0; x.cols() + 1], LIMITS, precondition, |model, gradient| {
            times += 1;
            loss.value(model, gradient)
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

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let (x, codes) = collinear(50);
        let weights: Vec<f64> = (0..50).map(|i| f64::from(i % 3)).collect();
        let at = |outputs: usize| (0..6 * outputs).map(|i| (1.7 * i as f64).sin()).collect::<Vec<f64>>();
        let mut loss = Loss::new(&x, &codes, 2, &weights, 0.7);
        assert_gradient(&at(1), |model, gradient| loss.value(model, gradient));
        let codes: Vec<u32> = (0..50).map(|i| i % 4).collect();
        let mut loss = Loss::new(&x, &codes, 4, &weights, 0.7);
        assert_gradient(&at(4), |model, gradient| loss.value(model, gradient));
    }
}
