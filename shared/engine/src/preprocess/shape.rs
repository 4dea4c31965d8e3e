//! Numbers whose distribution is changed before they are scaled: outliers clipped, skew removed.

use serde::{Deserialize, Serialize};

use super::quantiles::Quartiles;
use super::steps::Outliers;
use crate::estimators::Needs;

/// A column is skewed from here on, either way: 2 is the skewness of the exponential distribution.
const SKEWED: f64 = 2.0;
/// With fewer values skewness is mostly chance.
const FEWEST: usize = 20;
/// The power is searched between these.
const POWERS: (f64, f64) = (-3.0, 5.0);
/// It is chosen from so many values at most.
const SAMPLE: usize = 20_000;
/// Beyond so many deviations from the median values end, so that no power of them overflows.
pub(super) const FARTHEST: f64 = 1e6;
const GOLDEN: f64 = 0.618_033_988_749_894_8;

/// What is done to a number, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Shape {
    /// Values end here.
    pub(super) clip: Option<(f64, f64)>,
    pub(super) power: Option<Power>,
}

/// The power transformation of I.-K. Yeo and R. A. Johnson, A new family of power transformations to
/// improve normality or symmetry, Biometrika 87 (2000), of values told from their median in units of
/// their interquartile range, so that it is the same in every unit of measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Power {
    pub(super) centre: f64,
    pub(super) scale: f64,
    pub(super) lambda: f64,
    /// The skewness that it was fitted to remove.
    skewness: f64,
}

impl Shape {
    /// What the training values call for: clipping when it is asked for, a power when the estimator wants
    /// scaled values and these are skewed. `None` when nothing is to be done.
    pub(super) fn fit(values: &[f64], needs: Needs, outliers: Outliers) -> Option<Shape> {
        let mut present: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let clip = if outliers == Outliers::Clip {
            Quartiles::of(&mut present.clone()).and_then(Quartiles::fences)
        } else {
            None
        };
        if let Some((low, high)) = clip {
            for value in &mut present {
                *value = value.clamp(low, high);
            }
        }
        let power = if needs.scaled { Power::fit(&present) } else { None };
        (clip.is_some() || power.is_some()).then_some(Shape { clip, power })
    }

    /// The value's new form; not finite stays not finite.
    pub(super) fn apply(&self, value: f64) -> f64 {
        if !value.is_finite() {
            return f64::NAN;
        }
        let value = self.clip.map_or(value, |(low, high)| value.clamp(low, high));
        self.power.as_ref().map_or(value, |power| power.apply(value))
    }

    pub(super) fn is_sound(&self) -> bool {
        let clip = self.clip.is_none_or(|(low, high)| low.is_finite() && high.is_finite() && low <= high);
        clip && self.power.as_ref().is_none_or(Power::is_sound)
    }

    /// Whether its values are a power of the column's.
    pub(super) fn is_power(&self) -> bool {
        self.power.is_some()
    }

    /// Why, in words.
    pub(super) fn why(&self) -> String {
        let clip = self.clip.map(|(low, high)| format!("outliers end at {} and {}", short(low), short(high)));
        let power = self.power.as_ref().map(|power| {
            format!(
                "its skewness of {} is taken out by the power {} (Yeo-Johnson)",
                short(power.skewness),
                short(power.lambda)
            )
        });
        clip.into_iter().chain(power).collect::<Vec<_>>().join("; ")
    }
}

/// Four significant digits.
pub(super) fn short(value: f64) -> String {
    let digits = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    if (-4.0..15.0).contains(&digits) {
        let places = (3.0 - digits).clamp(0.0, 8.0) as usize;
        let text = format!("{value:.places$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
    } else {
        format!("{value:.3e}")
    }
}

impl Power {
    fn fit(present: &[f64]) -> Option<Power> {
        if present.len() < FEWEST {
            return None;
        }
        let skewness = skewness(present)?;
        if skewness.abs() < SKEWED {
            return None;
        }
        let quartiles = Quartiles::of(&mut present.to_vec())?;
        let (centre, scale) = (quartiles.median, quartiles.deviation());
        // Without a middle half that varies there is no unit to measure in.
        if !(scale.is_finite() && scale > 0.0) {
            return None;
        }
        let step = present.len().div_ceil(SAMPLE);
        let some: Vec<f64> =
            present.iter().step_by(step).map(|value| standard(*value, centre, scale)).collect();
        let lambda = likeliest(&some);
        let power = Power { centre, scale, lambda, skewness };
        power.is_sound().then_some(power)
    }

    fn apply(&self, value: f64) -> f64 {
        yeo_johnson(standard(value, self.centre, self.scale), self.lambda)
    }

    fn is_sound(&self) -> bool {
        self.centre.is_finite()
            && self.scale.is_finite()
            && self.scale > 0.0
            && (POWERS.0..=POWERS.1).contains(&self.lambda)
            && self.skewness.is_finite()
    }
}

fn standard(value: f64, centre: f64, scale: f64) -> f64 {
    // Halves, since the difference of the largest numbers is none.
    (((value / 2.0 - centre / 2.0) / scale) * 2.0).clamp(-FARTHEST, FARTHEST)
}

fn yeo_johnson(z: f64, lambda: f64) -> f64 {
    let power = |base: f64, exponent: f64| {
        if exponent.abs() < 1e-9 { base.ln_1p() } else { (exponent * base.ln_1p()).exp_m1() / exponent }
    };
    if z >= 0.0 { power(z, lambda) } else { -power(-z, 2.0 - lambda) }
}

/// The third standardised moment, over n; `None` without variance. Of values divided by the largest, so
/// that nothing overflows.
fn skewness(values: &[f64]) -> Option<f64> {
    let largest = values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    if largest == 0.0 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().map(|value| value / largest).sum::<f64>() / n;
    let moment =
        |power: i32| values.iter().map(|value| (value / largest - mean).powi(power)).sum::<f64>() / n;
    let variance = moment(2);
    // Rounding alone makes a constant column vary by this much.
    if variance.sqrt() <= 10.0 * f64::EPSILON * n.sqrt() {
        return None;
    }
    let skewness = moment(3) / (variance * variance.sqrt());
    skewness.is_finite().then_some(skewness)
}

/// The power of the largest likelihood, by golden-section search: the likelihood has one summit.
fn likeliest(values: &[f64]) -> f64 {
    let logs: f64 = values.iter().map(|z| z.signum() * z.abs().ln_1p()).sum();
    let n = values.len() as f64;
    let likelihood = |lambda: f64| {
        let mean = values.iter().map(|z| yeo_johnson(*z, lambda)).sum::<f64>() / n;
        let variance = values.iter().map(|z| (yeo_johnson(*z, lambda) - mean).powi(2)).sum::<f64>() / n;
        -n / 2.0 * variance.max(f64::MIN_POSITIVE).ln() + (lambda - 1.0) * logs
    };
    let (mut low, mut high) = POWERS;
    let (mut left, mut right) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut of_left, mut of_right) = (likelihood(left), likelihood(right));
    while high - low > 1e-5 {
        if of_left >= of_right {
            (high, right, of_right) = (right, left, of_left);
            left = high - GOLDEN * (high - low);
            of_left = likelihood(left);
        } else {
            (low, left, of_left) = (left, right, of_right);
            right = low + GOLDEN * (high - low);
            of_right = likelihood(right);
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::estimators::Encoding;

    const SCALED: Needs = Needs { categories: Encoding::OneHot, scaled: true, missing: false };
    const PLAIN: Needs = Needs { scaled: false, ..SCALED };

    fn skewed() -> Vec<f64> {
        let tail = [1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 9.0, 12.0, 20.0, 33.0, 60.0];
        (1..=10).map(|i| 0.1 * f64::from(i)).chain(tail).collect()
    }

    #[test]
    fn the_power_is_that_of_scikit_learn() {
        // PowerTransformer(standardize=False) after RobustScaler(unit_variance=True), of 1.9.1.
        let shape = Shape::fit(&skewed(), SCALED, Outliers::Keep).unwrap();
        let power = shape.power.clone().unwrap();
        assert!((power.lambda + 0.871_970_93).abs() < 1e-4, "{power:?}");
        assert!((power.skewness - 2.750_665_369_6).abs() < 1e-9);
        for (value, expected) in [(0.1, -0.527_849_52), (1.5, -0.060_539_93), (60.0, 1.034_601_46)] {
            assert!((shape.apply(value) - expected).abs() < 1e-3, "{value}: {}", shape.apply(value));
        }
        assert_eq!(shape.why(), "its skewness of 2.751 is taken out by the power -0.872 (Yeo-Johnson)");
    }

    #[test]
    fn what_is_even_or_not_to_be_scaled_stays() {
        let even: Vec<f64> = (0..50).map(f64::from).collect();
        assert_eq!(Shape::fit(&even, SCALED, Outliers::Keep), None);
        assert_eq!(Shape::fit(&skewed(), PLAIN, Outliers::Keep), None);
        // Two values have no middle half that varies.
        let flag: Vec<f64> = (0..50).map(|i| f64::from(u8::from(i == 7 || i == 9))).collect();
        assert_eq!(Shape::fit(&flag, SCALED, Outliers::Keep), None);
        assert_eq!(Shape::fit(&[f64::NAN; 30], SCALED, Outliers::Clip), None);
    }

    #[test]
    fn outliers_end_at_the_fences() {
        let shape = Shape::fit(&skewed(), PLAIN, Outliers::Clip).unwrap();
        let (low, high) = shape.clip.unwrap();
        assert!(low < 0.1 && high > 7.0 && high < 60.0);
        assert_eq!(shape.apply(1e300).to_bits(), high.to_bits());
        assert_eq!(shape.apply(3.0).to_bits(), 3.0f64.to_bits());
        assert!(shape.apply(f64::INFINITY).is_nan());
    }

    #[test]
    fn numbers_are_written_short() {
        assert_eq!(
            [0.0, 1234.56, -0.871_97, 1e-12, 2.5e20, 0.5].map(short),
            ["0", "1235", "-0.872", "1.000e-12", "2.500e20", "0.5"]
        );
    }

    proptest! {
        #[test]
        fn order_is_kept_and_nothing_overflows(
            mut values in prop::collection::vec(prop_oneof![any::<f64>(), 0.0..1.0f64, -1e3..1e9f64], 20..60),
            clip: bool,
        ) {
            let outliers = if clip { Outliers::Clip } else { Outliers::Keep };
            if let Some(shape) = Shape::fit(&values, SCALED, outliers) {
                prop_assert!(shape.is_sound());
                values.retain(|value| value.is_finite());
                values.extend([f64::MAX, -f64::MAX]);
                values.sort_by(f64::total_cmp);
                let shaped: Vec<f64> = values.iter().map(|value| shape.apply(*value)).collect();
                prop_assert!(shaped.iter().all(|value| value.is_finite()));
                prop_assert!(shaped.windows(2).all(|pair| pair[0] <= pair[1] + 1e-9 * pair[1].abs().max(1.0)));
            }
        }
    }
}
