//! Metrics of predicted numbers.

use super::{Metric, Scores};

pub(super) fn scores(truth: &[f64], predicted: &[f64]) -> Scores {
    let mut scores = Scores::new();
    if truth.is_empty() {
        return scores;
    }
    let rows = truth.len() as f64;
    let errors = || truth.iter().zip(predicted).map(|(y, p)| p - y);
    let squared: f64 = errors().map(|e| e * e).sum();
    scores.insert(Metric::Rmse, (squared / rows).sqrt());
    scores.insert(Metric::Mae, errors().map(f64::abs).sum::<f64>() / rows);

    let mean = truth.iter().sum::<f64>() / rows;
    let spread: f64 = truth.iter().map(|y| (y - mean) * (y - mean)).sum();
    if spread > 0.0 {
        scores.insert(Metric::R2, 1.0 - squared / spread);
    }
    let (relative, counted) = truth
        .iter()
        .zip(errors())
        .filter(|(y, _)| **y != 0.0)
        .fold((0.0, 0.0), |(sum, n), (y, e)| (sum + (e / y).abs(), n + 1.0));
    if counted > 0.0 {
        scores.insert(Metric::Mape, relative / counted);
    }
    // Numbers near the end of what a float holds overflow when squared: no figure is better than
    // an infinite one.
    scores.retain(|_, score| score.is_finite());
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_in_scikit_learn() {
        let scores = scores(&[3.0, -0.5, 2.0, 7.0], &[2.5, 0.0, 2.0, 8.0]);
        // scikit-learn 1.9.1
        for (metric, expected) in [
            (Metric::Rmse, 0.612_372_435_695_794_5),
            (Metric::Mae, 0.5),
            (Metric::R2, 0.948_608_137_044_967_9),
            (Metric::Mape, 0.327_380_952_380_952_4),
        ] {
            assert!((scores[&metric] - expected).abs() < 1e-12, "{metric:?}");
        }
    }

    #[test]
    fn what_is_undefined_is_left_out() {
        let constant = scores(&[0.0, 0.0], &[1.0, 2.0]);
        assert_eq!(constant.keys().copied().collect::<Vec<_>>(), [Metric::Rmse, Metric::Mae]);
        assert!(scores(&[], &[]).is_empty());
        assert!(!scores(&[1e300, -1e300], &[-1e300, 1e300]).contains_key(&Metric::Rmse));
    }

    #[test]
    fn rows_whose_truth_is_zero_have_no_relative_error() {
        assert!((scores(&[0.0, 2.0], &[5.0, 3.0])[&Metric::Mape] - 0.5).abs() < 1e-12);
    }
}
