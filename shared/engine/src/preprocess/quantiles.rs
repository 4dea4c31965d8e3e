//! Quartiles of a column, and what lies far outside them.

/// A value is an outlier when it lies more than so many interquartile ranges beyond a quartile: far out,
/// in the words of J. W. Tukey, Exploratory Data Analysis (1977).
pub(super) const FENCE: f64 = 3.0;
/// Interquartile ranges of a normal distribution in one standard deviation.
const NORMAL: f64 = 1.348_979_500_392_163_5;

/// The middle of a column's values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quartiles {
    pub(super) lower: f64,
    pub(super) median: f64,
    pub(super) upper: f64,
}

impl Quartiles {
    /// Of finite values, with linear interpolation; `None` of no values. O(n).
    pub(super) fn of(values: &mut [f64]) -> Option<Quartiles> {
        (!values.is_empty()).then(|| Quartiles {
            lower: quantile(values, 0.25),
            median: quantile(values, 0.5),
            upper: quantile(values, 0.75),
        })
    }

    /// The interquartile range; infinite when the values are too far apart for a number.
    pub(super) fn range(self) -> f64 {
        self.upper - self.lower
    }

    /// The standard deviation of a normal distribution with these quartiles; infinite like the range.
    pub(super) fn deviation(self) -> f64 {
        self.upper / NORMAL - self.lower / NORMAL
    }

    /// Beyond these values lie the outliers; `None` when half of the values or more are the same, for then
    /// every other one would be.
    pub(super) fn fences(self) -> Option<(f64, f64)> {
        let range = self.range();
        let fences = (self.lower - FENCE * range, self.upper + FENCE * range);
        (range > 0.0 && fences.0.is_finite() && fences.1.is_finite()).then_some(fences)
    }
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    let place = (values.len() - 1) as f64 * share;
    let (_, lower, above) = values.select_nth_unstable_by(place as usize, f64::total_cmp);
    let lower = *lower;
    let upper = above.iter().copied().fold(f64::INFINITY, f64::min);
    let part = place.fract();
    if part == 0.0 { lower } else { lower * (1.0 - part) + upper * part }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_interpolate() {
        let quartiles = Quartiles::of(&mut [4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(quartiles, Quartiles { lower: 1.75, median: 2.5, upper: 3.25 });
        assert_eq!(quartiles.fences(), Some((-2.75, 7.75)));
        assert_eq!(Quartiles::of(&mut [7.0]).unwrap().fences(), None);
        assert_eq!(Quartiles::of(&mut []), None);
        let huge = Quartiles::of(&mut [-f64::MAX, f64::MAX, f64::MAX, -f64::MAX]).unwrap();
        assert_eq!(huge.fences(), None);
    }
}
