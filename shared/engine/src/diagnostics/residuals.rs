//! How far predicted numbers are from the truth.

use serde::{Deserialize, Serialize};

use super::numbers::{POINTS, mean_and_deviation, round, rounded, sample};

/// The most bars of the histogram.
const BARS: usize = 40;
/// The most rows that are shown one by one.
const SHOWN: usize = 2000;

/// Truth minus prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Residuals {
    /// Their mean: not 0 when predictions are too high or too low on the whole.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// The edges of the histogram's bars, one more than there are bars.
    pub edges: Vec<f64>,
    /// How many rows fall in each bar.
    pub counts: Vec<u64>,
    /// Quantiles of the standard normal distribution, ascending.
    pub normal: Vec<f64>,
    /// The residuals' own quantiles at the same places: on a straight line when they are normal.
    pub quantiles: Vec<f64>,
}

/// Predictions beside the truth, of a sample of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PredictedVsActual {
    /// The truth.
    pub actual: Vec<f64>,
    /// What was predicted.
    pub predicted: Vec<f64>,
    /// The share of the target's variance that is explained, over all rows; left out when there is
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r2: Option<f64>,
}

impl Residuals {
    /// `None` without rows, or when they are too far apart to subtract. O(rows log rows).
    pub(super) fn new(truth: &[f64], predicted: &[f64]) -> Option<Residuals> {
        let mut residuals: Vec<f64> = truth.iter().zip(predicted).map(|(y, p)| y - p).collect();
        residuals.sort_unstable_by(f64::total_cmp);
        let (&lowest, &highest) = (residuals.first()?, residuals.last()?);
        if !(highest - lowest).is_finite() {
            return None;
        }
        let (mean, deviation) = mean_and_deviation(&residuals);
        let n = residuals.len();
        let (edges, counts) = histogram(&residuals, lowest, highest);
        let points = n.min(POINTS);
        let place = |at: usize| (at as f64 + 0.5) / points as f64;
        Some(Residuals {
            mean,
            deviation,
            edges,
            counts,
            normal: rounded((0..points).map(|at| normal_quantile(place(at)))),
            quantiles: rounded((0..points).map(|at| residuals[((place(at) * n as f64) as usize).min(n - 1)])),
        })
    }
}

impl PredictedVsActual {
    pub(super) fn new(
        truth: &[f64],
        predicted: &[f64],
        r2: Option<f64>,
        seed: u64,
    ) -> Option<PredictedVsActual> {
        let rows = sample(truth.len(), SHOWN, seed);
        let of = |values: &[f64]| rounded(rows.iter().map(|&row| values[row as usize]));
        (!rows.is_empty()).then(|| PredictedVsActual { actual: of(truth), predicted: of(predicted), r2 })
    }
}

/// Bars of equal width, about the root of the number of rows; one bar when all are equal.
fn histogram(sorted: &[f64], lowest: f64, highest: f64) -> (Vec<f64>, Vec<u64>) {
    if highest <= lowest {
        let margin = lowest.abs().max(1.0) / 2.0;
        return (vec![round(lowest - margin), round(lowest + margin)], vec![sorted.len() as u64]);
    }
    let bars = ((sorted.len() as f64).sqrt().ceil() as usize).clamp(5, BARS);
    let width = (highest - lowest) / bars as f64;
    let mut counts = vec![0; bars];
    for value in sorted {
        counts[(((value - lowest) / width) as usize).min(bars - 1)] += 1;
    }
    (rounded((0..=bars).map(|bar| lowest + width * bar as f64)), counts)
}

/// The standard normal distribution's quantile, within 4.5e-4: enough for a plot.
///
/// M. Abramowitz and I. Stegun, Handbook of Mathematical Functions (1964), 26.2.23.
fn normal_quantile(p: f64) -> f64 {
    let tail = p.min(1.0 - p);
    let t = (-2.0 * tail.ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let z = t - above / below;
    if p < 0.5 { -z } else { z }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residuals_by_hand() {
        let residuals = Residuals::new(&[1.0, 2.0, 3.0, 4.0], &[1.0, 1.0, 1.0, 0.0]).unwrap();
        assert!((residuals.mean - 1.75).abs() < 1e-12);
        assert!((residuals.deviation - 2.1875f64.sqrt()).abs() < 1e-12);
        assert_eq!(residuals.edges, [0.0, 0.8, 1.6, 2.4, 3.2, 4.0]);
        assert_eq!(residuals.counts, [1, 1, 1, 0, 1]);
        assert_eq!(residuals.quantiles, [0.0, 1.0, 2.0, 4.0]);
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (p, z) in [(0.5, 0.0), (0.975, 1.959_964), (0.001, -3.090_232)] {
            assert!((normal_quantile(p) - z).abs() < 4.5e-4, "{p}");
        }
    }

    #[test]
    fn equal_residuals_are_one_bar_and_large_ones_none() {
        let equal = Residuals::new(&[5.0; 3], &[3.0; 3]).unwrap();
        assert_eq!((equal.edges, equal.counts), (vec![1.0, 3.0], vec![3]));
        assert_eq!(Residuals::new(&[1e308, -1e308], &[-1e308, 1e308]), None);
        assert_eq!(Residuals::new(&[], &[]), None);
    }

    #[test]
    fn long_columns_are_sampled() {
        let truth: Vec<f64> = (0..10_000).map(f64::from).collect();
        let points = PredictedVsActual::new(&truth, &truth, Some(1.0), 3).unwrap();
        assert_eq!(points.actual.len(), SHOWN);
        assert_eq!(points.actual, points.predicted);
        let residuals = Residuals::new(&truth, &vec![0.0; 10_000]).unwrap();
        assert_eq!((residuals.counts.len(), residuals.normal.len()), (BARS, POINTS));
    }
}
