//! From scores to what is answered: the `post_transform` of `ai.onnx.ml`.

use serde::{Deserialize, Serialize};

use super::elementwise::sigmoid;

/// Part of the artifact's format: add at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::onnx) enum Transform {
    None,
    Logistic,
    Softmax,
    /// As softmax, but what is 0 stays near it.
    SoftmaxZero,
    Probit,
}

/// So near to 0 a score is 0 to [`Transform::SoftmaxZero`].
const ZERO: f64 = 1e-7;

impl Transform {
    pub(in crate::onnx) fn find(name: &str) -> Option<Transform> {
        match name {
            "NONE" | "" => Some(Transform::None),
            "LOGISTIC" => Some(Transform::Logistic),
            "SOFTMAX" => Some(Transform::Softmax),
            "SOFTMAX_ZERO" => Some(Transform::SoftmaxZero),
            "PROBIT" => Some(Transform::Probit),
            _ => None,
        }
    }

    /// Turns a row of scores, in place.
    pub(in crate::onnx) fn apply(self, scores: &mut [f64]) {
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match self {
            Transform::None => return,
            Transform::Logistic => return scores.iter_mut().for_each(|score| *score = sigmoid(*score)),
            Transform::Probit => return scores.iter_mut().for_each(|score| *score = probit(*score)),
            Transform::Softmax => scores.iter_mut().for_each(|score| *score = (*score - most).exp()),
            Transform::SoftmaxZero => {
                for score in scores.iter_mut() {
                    *score = if score.abs() > ZERO { (*score - most).exp() } else { *score * (-most).exp() };
                }
            }
        }
        let total: f64 = scores.iter().sum();
        for score in scores {
            *score /= total;
        }
    }
}

/// The quantile of a normal distribution, with the inverse of the error function as others approximate it
/// here (Winitzki, *A handy approximation for the error function and its inverse*, 2008).
fn probit(p: f64) -> f64 {
    let x = 2.0 * p - 1.0;
    let log = ((1.0 - x) * (1.0 + x)).ln();
    #[allow(clippy::approx_constant, reason = "as near as others take it, so that answers are the same")]
    let half = 2.0 / (3.14159 * 0.147) + 0.5 * log;
    std::f64::consts::SQRT_2 * x.signum() * (-half + (half * half - log / 0.147).sqrt()).sqrt()
}
