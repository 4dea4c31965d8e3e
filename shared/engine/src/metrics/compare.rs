//! Whether one trial is better than another, or only luckier.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::student::two_sided;

/// The mean and the sample standard deviation of a metric over folds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// Over n − 1; 0 of a single fold.
    pub std: f64,
}

/// Two trials on the same folds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The mean over folds of the first trial's score minus the second's.
    pub difference: f64,
    /// The difference in units of its corrected standard error; 0 when both are equal on every fold, and
    /// absent when they differ by the same on every fold.
    pub t: Option<f64>,
    /// The probability of a difference at least as large were both equally good; small when luck alone
    /// hardly explains it.
    pub p_value: f64,
    /// The folds that both were measured on.
    pub folds: u32,
}

/// The mean and spread of scores; `None` of no scores.
pub fn spread(scores: &[f64]) -> Option<Spread> {
    if scores.is_empty() {
        return None;
    }
    let n = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / n;
    let squares: f64 = scores.iter().map(|score| (score - mean) * (score - mean)).sum();
    let std = if scores.len() > 1 { (squares / (n - 1.0)).sqrt() } else { 0.0 };
    Some(Spread { mean, std })
}

/// The corrected resampled t-test of two trials' scores on the same folds, in the same order. Folds learn
/// from much the same rows, so that their scores are no independent draws: the variance is taken
/// `1 / folds + test_to_training` times, where the latter is the number of rows that a fold measures
/// on by the number that it learns from ([`Plan::test_to_training`](crate::Plan::test_to_training)).
///
/// `None` when the lengths differ, there are fewer than two folds, or a score is not finite.
///
/// C. Nadeau, Y. Bengio, Inference for the generalization error, Machine Learning 52 (2003).
pub fn compare(first: &[f64], second: &[f64], test_to_training: f64) -> Option<Comparison> {
    if first.len() != second.len() || first.len() < 2 {
        return None;
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    let Spread { mean, std } = spread(&differences)?;
    if !(mean.is_finite() && std.is_finite()) {
        return None;
    }
    let n = differences.len() as f64;
    let error = std * (1.0 / n + test_to_training.max(0.0)).sqrt();
    let (t, p_value) = match () {
        () if error > 0.0 => (Some(mean / error), two_sided(mean / error, n - 1.0)),
        () if mean == 0.0 => (Some(0.0), 1.0),
        () => (None, 0.0),
    };
    Some(Comparison { difference: mean, t, p_value, folds: differences.len() as u32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corrected_test_is_more_careful_than_the_plain_one() {
        let a = [0.81, 0.84, 0.79, 0.86, 0.83];
        let b = [0.80, 0.80, 0.78, 0.83, 0.82];
        let plain = compare(&a, &b, 0.0).unwrap();
        let corrected = compare(&a, &b, 0.25).unwrap();
        assert!((plain.difference - 0.02).abs() < 1e-12);
        // scipy.stats.ttest_rel(a, b), and the same with the variance corrected by hand.
        assert!((plain.t.unwrap() - 3.162_277_660_168).abs() < 1e-9, "{plain:?}");
        assert!((plain.p_value - 0.034_109_423_167).abs() < 1e-9, "{plain:?}");
        assert!((corrected.t.unwrap() - 2.108_185_106_779).abs() < 1e-9, "{corrected:?}");
        assert!((corrected.p_value - 0.102_700_427_496).abs() < 1e-9, "{corrected:?}");
        let turned = compare(&b, &a, 0.25).unwrap();
        assert_eq!(turned.p_value.to_bits(), corrected.p_value.to_bits());
    }

    #[test]
    fn equal_trials_are_equal_and_what_cannot_be_compared_is_none() {
        let equal = compare(&[0.5, 0.7], &[0.5, 0.7], 0.25).unwrap();
        assert_eq!((equal.t, equal.p_value, equal.folds), (Some(0.0), 1.0, 2));
        let steady = compare(&[1.0, 2.0], &[0.5, 1.5], 0.25).unwrap();
        assert_eq!((steady.t, steady.p_value), (None, 0.0));
        assert_eq!(compare(&[0.5], &[0.4], 0.25), None);
        assert_eq!(compare(&[0.5, 0.4], &[0.4], 0.25), None);
        assert_eq!(compare(&[0.5, f64::NAN], &[0.4, 0.5], 0.25), None);
        assert_eq!(spread(&[2.0, 4.0]), Some(Spread { mean: 3.0, std: std::f64::consts::SQRT_2 }));
        assert_eq!((spread(&[2.0]).map(|spread| spread.std), spread(&[])), (Some(0.0), None));
    }
}
