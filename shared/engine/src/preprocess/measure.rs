//! Imputing and scaling of one column of numbers.

use serde::{Deserialize, Serialize};

use super::quantiles::Quartiles;
use crate::estimators::Needs;

/// Beyond so many standard deviations one more tells nothing: values end here, so that squares and
/// products of them stay finite in `f32`.
const FARTHEST: f32 = 1e9;
/// From here on (2²⁰) `f32` would round visibly: such columns, like seconds since 1970, are told from
/// their median instead.
const LARGE: f64 = 1_048_576.0;

/// A column of numbers whose standard deviation is so many times that of its middle half has outliers that
/// make it.
const OUTLIERS: f64 = 2.0;
/// With fewer values that is chance.
const FEWEST: usize = 20;
/// Beyond so many deviations outliers end.
const FARTHEST_OUTLIER: f32 = 10.0;

/// (value − centre) / scale, with what stands in for a missing value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Measure {
    /// Instead of a missing value; `None` when the estimator takes them as they are.
    pub(super) fill: Option<f64>,
    pub(super) centre: f64,
    pub(super) scale: f64,
    /// Results end here, on both sides.
    pub(super) limit: f32,
}

impl Measure {
    /// Fits on training values; those that are not finite are missing. A column without values is
    /// filled with 0; one without variance keeps its scale.
    pub(super) fn fit(values: &[f64], needs: Needs) -> Measure {
        let mut present: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let median = median(&mut present);
        let largest = present.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        let fill = (!needs.missing).then_some(median);
        if needs.scaled {
            let missing = if needs.missing { 0 } else { values.len() - present.len() };
            let (centre, scale) = moments(&present, median, missing, largest);
            Measure { fill, centre, scale, limit: FARTHEST }
        } else {
            let centre = if largest >= LARGE { median } else { 0.0 };
            Measure { fill, centre, scale: 1.0, limit: f32::MAX }
        }
    }

    /// The same, but told from the median in units of the interquartile range when outliers make the
    /// standard deviation: with those every other value would be as good as 0. Outliers then end 10
    /// such deviations away.
    pub(super) fn fit_robust(values: &[f64], needs: Needs) -> Measure {
        let plain = Measure::fit(values, needs);
        if !needs.scaled {
            return plain;
        }
        let mut present: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        match Quartiles::of(&mut present) {
            Some(quartiles)
                if present.len() >= FEWEST
                    && quartiles.deviation() > 0.0
                    && plain.scale > OUTLIERS * quartiles.deviation() =>
            {
                let (centre, scale) = (quartiles.median, quartiles.deviation());
                Measure { centre, scale, limit: FARTHEST_OUTLIER, ..plain }
            }
            _ => plain,
        }
    }

    /// One that changes nothing.
    pub(super) fn none() -> Measure {
        Measure { fill: None, centre: 0.0, scale: 1.0, limit: f32::MAX }
    }

    /// Whether outliers are kept from deciding the scale.
    pub(super) fn is_robust(&self) -> bool {
        self.limit.to_bits() == FARTHEST_OUTLIER.to_bits()
    }

    /// Whether it brings values to mean 0 and variance 1.
    pub(super) fn is_scaled(&self) -> bool {
        self.limit < f32::MAX
    }

    /// What stands in for a missing value.
    pub(super) fn fill(&self) -> Option<f64> {
        self.fill
    }

    pub(super) fn apply(&self, value: f64) -> f32 {
        let value = match self.fill {
            _ if value.is_finite() => value,
            Some(fill) => fill,
            None => return f32::NAN,
        };
        let limit = f64::from(self.limit);
        ((value - self.centre) / self.scale).clamp(-limit, limit) as f32
    }

    /// Whether every result is finite, or NaN where missing values are kept.
    pub(super) fn is_sound(&self) -> bool {
        self.fill.is_none_or(f64::is_finite)
            && self.centre.is_finite()
            && self.scale.is_finite()
            && self.scale > 0.0
            && self.limit > 0.0
    }
}

/// The median of values without NaN; of an even number, the mean of the middle two. 0 of none.
fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    let even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if !even {
        return *upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    lower + (*upper - lower) / 2.0
}

/// Mean and standard deviation of the values and of `fills` times `fill`. Computed on values
/// divided by the largest, so that nothing overflows.
fn moments(values: &[f64], fill: f64, fills: usize, largest: f64) -> (f64, f64) {
    let n = (values.len() + fills) as f64;
    if n == 0.0 || largest == 0.0 {
        return (0.0, 1.0);
    }
    let fills = fills as f64;
    let mean = (values.iter().map(|v| v / largest).sum::<f64>() + fills * (fill / largest)) / n;
    let square = |v: f64| (v / largest - mean) * (v / largest - mean);
    let variance = (values.iter().map(|v| square(*v)).sum::<f64>() + fills * square(fill)) / n;
    let deviation = variance.sqrt();
    // Rounding alone makes a constant column vary by this much.
    let noise = 10.0 * f64::EPSILON * n.sqrt();
    (mean * largest, if deviation > noise { deviation * largest } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimators::Encoding;

    fn needs(scaled: bool, missing: bool) -> Needs {
        Needs { categories: Encoding::OneHot, scaled, missing }
    }

    fn fitted(values: &[f64], needs: Needs) -> Vec<f32> {
        let measure = Measure::fit(values, needs);
        assert!(measure.is_sound());
        values.iter().map(|value| measure.apply(*value)).collect()
    }

    #[test]
    fn missing_values_become_the_median() {
        let values = [1.0, f64::NAN, 3.0, 100.0, f64::INFINITY];
        assert_eq!(fitted(&values, needs(false, false)), [1.0, 3.0, 3.0, 100.0, 3.0]);
        assert!(fitted(&values, needs(false, true))[4].is_nan());
        assert_eq!(
            fitted(&[4.0, 1.0, f64::NAN, 2.0, 3.0], needs(false, false))[2].to_bits(),
            2.5f32.to_bits()
        );
    }

    #[test]
    fn scaling_gives_mean_0_and_variance_1() {
        let scaled = fitted(&[1.0, 2.0, 3.0, 4.0], needs(true, false));
        assert!(scaled.iter().sum::<f32>().abs() < 1e-6);
        assert!((scaled.iter().map(|z| z * z).sum::<f32>() - 4.0).abs() < 1e-5);
    }

    #[test]
    fn outliers_do_not_decide_the_scale() {
        let mut values: Vec<f64> = (0..99).map(|i| f64::from(i % 11)).collect();
        values.push(1e6);
        let measure = Measure::fit_robust(&values, needs(true, false));
        assert!(measure.is_robust() && measure.is_sound());
        // Quartiles 2 and 8 about the median 5: RobustScaler(unit_variance=True) of scikit-learn.
        assert!((measure.apply(8.0) - 0.674_489_8).abs() < 1e-6);
        assert_eq!(measure.apply(1e6).to_bits(), FARTHEST_OUTLIER.to_bits());
        assert!(!Measure::fit_robust(&values[..99], needs(true, false)).is_robust());
        assert_eq!(
            Measure::fit_robust(&values, needs(false, true)),
            Measure::fit(&values, needs(false, true))
        );
    }

    #[test]
    fn degenerate_columns_stay_finite() {
        assert_eq!(fitted(&[f64::NAN, f64::NAN], needs(true, false)), [0.0, 0.0]);
        assert_eq!(fitted(&[0.1, 0.1, 0.1], needs(true, false)), [0.0, 0.0, 0.0]);
        assert_eq!(fitted(&[], needs(true, false)), Vec::<f32>::new());
        for scaled in [true, false] {
            let huge = fitted(&[f64::MAX, -f64::MAX, 0.0, f64::MIN_POSITIVE], needs(scaled, false));
            assert!(huge.iter().all(|value| value.is_finite()), "{huge:?}");
            assert!(huge[1] < huge[2] && huge[2] < huge[0]);
        }
        assert_eq!(Measure::fit(&[0.0, 1e-9], needs(true, false)).apply(1e9).to_bits(), FARTHEST.to_bits());
    }

    #[test]
    fn large_offsets_keep_their_small_differences() {
        let seconds = [1.7e9, 1.7e9 + 1.0, 1.7e9 + 2.0];
        assert_eq!(fitted(&seconds, needs(false, true)), [-1.0, 0.0, 1.0]);
    }
}
