//! Trials combined: several models that answer as one, or one whose probabilities are corrected. What is
//! learned is learned from predictions for rows that the members did not see; nothing is fitted again.

mod calibrate;
mod greedy;
mod onnx;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::calibrate::Curve;
use crate::estimators::{Fit, FitError, Fitted, Params, Target, find};
use crate::matrix::Matrix;
use crate::metrics::log_loss;
use crate::plan::{Origin, TrialSpec};

/// How trials are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The plain mean of the members' predictions.
    Blend,
    /// A weighted mean, whose weights are chosen greedily.
    Greedy,
    /// A linear model on the members' predictions (Wolpert, *Stacked generalization*, 1992).
    Stack,
    /// One member, its probabilities corrected by a sigmoid.
    Sigmoid,
    /// One member, its probabilities corrected by rising steps.
    Isotonic,
}

impl Method {
    const ALL: [Method; 5] =
        [Method::Blend, Method::Greedy, Method::Stack, Method::Sigmoid, Method::Isotonic];

    /// The name on leaderboards, in place of an estimator's.
    pub fn name(self) -> &'static str {
        match self {
            Method::Blend => "blend",
            Method::Greedy => "greedy_ensemble",
            Method::Stack => "stack",
            Method::Sigmoid => "calibrated_sigmoid",
            Method::Isotonic => "calibrated_isotonic",
        }
    }

    /// The method of that name.
    pub fn find(name: &str) -> Option<Method> {
        Method::ALL.into_iter().find(|method| method.name() == name)
    }

    /// A trial that combines the trials of these numbers.
    pub(crate) fn trial(self, members: Vec<u32>) -> TrialSpec {
        TrialSpec { origin: Origin::Combined, members, ..TrialSpec::new(self.name(), Map::new()) }
    }
}

/// What makes one answer of the members' answers. The order of variants is part of the artifact's format:
/// add at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Combination {
    /// A mean, with a weight for each member.
    Mean(Vec<f64>),
    /// A model fitted on what [`features`] makes of the members' answers.
    Stack(Box<Fitted>),
    /// The one member's probabilities, corrected.
    Calibrated(Vec<Curve>),
}

impl Combination {
    /// Learns to combine: `predictions` are each member's for the rows of `truth`, which it did not see.
    ///
    /// # Errors
    /// When there is nothing to combine, or a stack's model cannot be fitted.
    pub(crate) fn fit(
        method: Method,
        truth: &Target,
        predictions: &[Vec<f64>],
        seed: u64,
    ) -> Result<Combination, FitError> {
        let unsuitable = |what: &str| Err(FitError::Unsuitable(what.into()));
        if predictions.is_empty() || truth.is_empty() {
            return unsuitable("there is nothing to combine");
        }
        match method {
            Method::Blend => Ok(Combination::Mean(vec![1.0 / predictions.len() as f64; predictions.len()])),
            Method::Greedy => Ok(Combination::Mean(greedy::weights(truth, predictions))),
            Method::Stack => {
                let (name, params) = match truth {
                    Target::Classes { .. } => ("logistic", [("l2", 1.0)]),
                    Target::Numbers(_) => ("ridge", [("l2", 1e-3)]),
                };
                let estimator = find(name).ok_or_else(|| FitError::Failed(format!("there is no {name}")))?;
                let params: Map<String, Value> =
                    params.into_iter().map(|(name, value)| (name.into(), Value::from(value))).collect();
                let params = Params::check(estimator.parameters(), &params)
                    .map_err(|error| FitError::Failed(error.to_string()))?;
                let x = features(predictions, truth.outputs());
                let fit = Fit { x: &x, y: truth, weights: None, seed, params: &params };
                Ok(Combination::Stack(Box::new(estimator.fit(&fit)?)))
            }
            Method::Sigmoid | Method::Isotonic => {
                let Target::Classes { codes, count } = truth else {
                    return unsuitable("only probabilities are calibrated, and the target is a number");
                };
                let of = if *count == 2 { 1..2 } else { 0..*count };
                let curves = of.map(|class| {
                    let given: Vec<f64> =
                        predictions[0].iter().skip(class).step_by(*count).copied().collect();
                    let is: Vec<bool> = codes.iter().map(|code| *code as usize == class).collect();
                    if method == Method::Sigmoid {
                        Curve::sigmoid(&given, &is)
                    } else {
                        Curve::isotonic(&given, &is)
                    }
                });
                Ok(Combination::Calibrated(curves.collect()))
            }
        }
    }

    /// One answer of the members', each `rows × outputs`.
    pub(crate) fn apply(&self, predictions: &[Vec<f64>], outputs: usize) -> Vec<f64> {
        match self {
            Combination::Mean(weights) => {
                let mut mean = vec![0.0; predictions.first().map_or(0, Vec::len)];
                for (weight, predictions) in weights.iter().zip(predictions) {
                    for (mean, value) in mean.iter_mut().zip(predictions) {
                        *mean += weight * value;
                    }
                }
                mean
            }
            Combination::Stack(fitted) => fitted.predict(&features(predictions, outputs)),
            Combination::Calibrated(curves) => {
                let mut probabilities = predictions.first().cloned().unwrap_or_default();
                calibrate::apply(curves, outputs, &mut probabilities);
                probabilities
            }
        }
    }

    /// Makes sure that applying it to so many members cannot go out of bounds, when it was read from bytes.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn check(&self, members: usize, outputs: usize) -> Result<(), String> {
        match self {
            Combination::Mean(weights) => {
                let total: f64 = weights.iter().sum();
                let sound = weights.iter().all(|weight| (0.0..=1.0).contains(weight));
                if weights.len() == members && sound && (total - 1.0).abs() < 1e-6 {
                    return Ok(());
                }
                Err("a combination's weights are not one for each member, summing to 1".into())
            }
            Combination::Stack(fitted) => fitted.check(members * columns(outputs), outputs),
            Combination::Calibrated(curves) => {
                let wanted = if outputs == 2 { 1 } else { outputs };
                if members == 1 && outputs > 1 && curves.len() == wanted && curves.iter().all(Curve::is_sound)
                {
                    return Ok(());
                }
                Err("a calibration does not suit its model".into())
            }
        }
    }

    /// About how many bytes it takes in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Combination::Mean(weights) => weights.len() * size_of::<f64>(),
            Combination::Stack(fitted) => fitted.size_bytes(),
            Combination::Calibrated(curves) => curves.iter().map(Curve::size_bytes).sum(),
        }
    }
}

/// Columns that a member's answer becomes: of two probabilities one says it all.
fn columns(outputs: usize) -> usize {
    if outputs == 2 { 1 } else { outputs }
}

/// What a stack learns from: numbers as they are, probabilities as log odds.
fn features(predictions: &[Vec<f64>], outputs: usize) -> Matrix {
    let rows = predictions.first().map_or(0, |predictions| predictions.len() / outputs);
    let of = outputs - columns(outputs)..outputs;
    let mut data = Vec::with_capacity(rows * predictions.len() * of.len());
    for predictions in predictions {
        for output in of.clone() {
            data.extend(predictions.iter().skip(output).step_by(outputs).map(|value| {
                if outputs == 1 {
                    return *value as f32;
                }
                let p = value.clamp(1e-4, 1.0 - 1e-4);
                (p / (1.0 - p)).ln() as f32
            }));
        }
    }
    Matrix::new(rows, predictions.len() * of.len(), data)
}

/// What combining makes small: the mean log loss, or the mean squared error.
fn loss(truth: &Target, predictions: &[f64]) -> f64 {
    match truth {
        Target::Classes { codes, count } => log_loss(codes, *count, predictions),
        Target::Numbers(values) => {
            let squares = predictions.iter().zip(values).map(|(got, truth)| (got - truth).powi(2));
            squares.sum::<f64>() / values.len() as f64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> (Target, Vec<Vec<f64>>) {
        let truth: Vec<f64> = (0..60).map(|i| f64::from(i % 13) * 100.0).collect();
        let half = truth.iter().map(|y| y / 2.0 + 5.0).collect();
        let noise = (0..60).map(|i| f64::from(i * 31 % 17)).collect();
        (Target::Numbers(truth), vec![half, noise])
    }

    fn classes(count: usize) -> (Target, Vec<Vec<f64>>) {
        let codes: Vec<u32> = (0..60).map(|i| i % count as u32).collect();
        let rows = codes.iter().enumerate().flat_map(|(row, code)| {
            let sure = if row % 5 == 0 { 0.3 } else { 0.9 };
            let rest = (1.0 - sure) / (count as f64 - 1.0);
            (0..count).map(move |class| if class as u32 == *code { sure } else { rest })
        });
        let good: Vec<f64> = rows.collect();
        (Target::Classes { codes: codes.clone(), count }, vec![vec![1.0 / count as f64; good.len()], good])
    }

    #[test]
    fn a_stack_mends_what_a_mean_cannot() {
        let (truth, predictions) = numbers();
        let stack = Combination::fit(Method::Stack, &truth, &predictions, 0).unwrap();
        assert!(loss(&truth, &stack.apply(&predictions, 1)) < 1.0);
        let blend = Combination::fit(Method::Blend, &truth, &predictions, 0).unwrap();
        assert!(loss(&truth, &blend.apply(&predictions, 1)) > 1000.0);
    }

    #[test]
    fn every_method_gives_probabilities_and_survives_storage() {
        for count in [2, 3] {
            let (truth, predictions) = classes(count);
            for method in Method::ALL {
                let of = if matches!(method, Method::Sigmoid | Method::Isotonic) { 1..2 } else { 0..2 };
                let members = &predictions[of];
                let combination = Combination::fit(method, &truth, members, 0).unwrap();
                assert_eq!(combination.check(members.len(), count), Ok(()), "{method:?}");
                assert!(combination.check(members.len() + 1, count).is_err(), "{method:?}");
                let got = combination.apply(members, count);
                for row in got.chunks(count) {
                    assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{method:?} {row:?}");
                }
                assert!(loss(&truth, &got) < (count as f64).ln(), "{method:?}");
                let bytes = postcard::to_stdvec(&combination).unwrap();
                assert_eq!(postcard::from_bytes::<Combination>(&bytes).unwrap(), combination);
            }
        }
    }

    #[test]
    fn a_number_is_not_calibrated() {
        let (truth, predictions) = numbers();
        assert!(Combination::fit(Method::Sigmoid, &truth, &predictions[..1], 0).is_err());
        assert!(Combination::fit(Method::Blend, &truth, &[], 0).is_err());
    }

    #[test]
    fn methods_are_found_by_their_names() {
        for method in Method::ALL {
            assert_eq!(Method::find(method.name()), Some(method));
        }
        assert_eq!(Method::find("knn"), None);
    }
}
