//! Logistic regression with an L2 penalty, for two classes and for many (multinomial).

use super::lbfgs::{Limits, minimise};
use super::linear::{FittedLinear, Link, loss_and_gradient, sigmoid, softmax};
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Target};
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

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let Target::Classes { codes, count } = fit.y else {
            return Err(FitError::Unsuitable("logistic regression predicts classes".into()));
        };
        let weight = |row: usize| fit.weights.map_or(1.0, |w| f64::from(w[row]));
        let mut per_class = vec![0.0; *count];
        for (row, &code) in codes.iter().enumerate() {
            per_class[code as usize] += weight(row);
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
        let model = minimise(start, LIMITS, |model, gradient| {
            let loss = loss_and_gradient(fit.x, outputs, model, gradient, |first, scores| {
                if outputs == 1 {
                    binary_residuals(&codes[first..], scores, |row| weight(first + row))
                } else {
                    residuals(&codes[first..], scores, &mut probabilities, |row| weight(first + row))
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

fn binary_residuals(codes: &[u32], scores: &mut [f64], weight: impl Fn(usize) -> f64) -> f64 {
    let mut loss = 0.0;
    for (row, (score, &code)) in scores.iter_mut().zip(codes).enumerate() {
        let truth = f64::from(code);
        // ln(1 + e^s) − y s, without overflow
        loss += weight(row) * (score.max(0.0) - truth * *score + (-score.abs()).exp().ln_1p());
        *score = weight(row) * (sigmoid(*score) - truth);
    }
    loss
}

fn residuals(codes: &[u32], scores: &mut [f64], row_of: &mut [f64], weight: impl Fn(usize) -> f64) -> f64 {
    let rows = scores.len() / row_of.len();
    let mut loss = 0.0;
    for (row, &code) in codes.iter().enumerate().take(rows) {
        for (class, score) in row_of.iter_mut().enumerate() {
            *score = scores[class * rows + row];
        }
        softmax(row_of);
        loss -= weight(row) * row_of[code as usize].max(f64::MIN_POSITIVE).ln();
        for (class, probability) in row_of.iter().enumerate() {
            let truth = f64::from(u8::from(class == code as usize));
            scores[class * rows + row] = weight(row) * (probability - truth);
        }
    }
    loss
}
