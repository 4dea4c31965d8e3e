//! What keeps diagnostics small and the same everywhere: rounding, thinning, sampling.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The most points of a curve.
pub(super) const POINTS: usize = 200;
/// The most classes that are shown one by one.
pub(super) const CLASSES: usize = 10;

/// Six significant digits: more than a plot shows, and half the bytes.
pub(super) fn round(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

pub(super) fn rounded(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    values.into_iter().map(round).collect()
}

/// Places in a curve of `n` points: the first, the last, and in between those where the curve has moved
/// on by an even share of its length, `moved` apart from the point before. At most [`POINTS`].
pub(super) fn thinned(n: usize, moved: impl Fn(usize) -> f64) -> Vec<usize> {
    if n <= POINTS {
        return (0..n).collect();
    }
    let total: f64 = (1..n).map(&moved).sum();
    let step = total / (POINTS - 2) as f64;
    let (mut kept, mut length) = (vec![0], 0.0);
    for at in 1..n - 1 {
        length += moved(at);
        if length >= step * kept.len() as f64 && kept.len() < POINTS - 1 {
            kept.push(at);
        }
    }
    kept.push(n - 1);
    kept
}

/// At most `most` of `n` rows, drawn at random and in ascending order: the same for the same arguments.
pub(crate) fn sample(n: usize, most: usize, seed: u64) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..n as u32).collect();
    if n > most {
        let (drawn, _) = rows.partial_shuffle(&mut ChaCha8Rng::seed_from_u64(seed), most);
        rows = drawn.to_vec();
        rows.sort_unstable();
    }
    rows
}

/// The mean and the population's standard deviation; 0 and 0 of nothing.
pub(super) fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// The classes with the most rows, at most [`CLASSES`] of those that have any, the largest first.
pub(super) fn largest_classes(codes: &[u32], count: usize, most: usize) -> Vec<usize> {
    let mut rows = vec![0usize; count];
    for &code in codes {
        rows[code as usize] += 1;
    }
    let mut classes: Vec<usize> = (0..count).filter(|class| rows[*class] > 0).collect();
    classes.sort_by_key(|class| (std::cmp::Reverse(rows[*class]), *class));
    classes.truncate(most);
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_stay() {
        assert_eq!(rounded([0.123_456_789, -123_456.789, 0.0, 1e300]), [0.123_457, -123_457.0, 0.0, 1e300]);
    }

    #[test]
    fn a_long_curve_keeps_its_ends_and_where_it_moves() {
        // Flat, but for the last tenth.
        let kept = thinned(10_000, |at| f64::from(u8::from(at > 9000)));
        assert!(kept.len() <= POINTS && kept.len() > POINTS / 2);
        assert_eq!((kept[0], kept[kept.len() - 1]), (0, 9999));
        assert!(kept.is_sorted_by(|a, b| a < b) && kept[1] >= 9000);
        assert_eq!(thinned(3, |_| 0.0), [0, 1, 2]);
        assert!(thinned(1000, |_| 0.0).len() <= POINTS);
    }

    #[test]
    fn samples_are_distinct_sorted_and_repeatable() {
        let drawn = sample(1000, 50, 7);
        assert_eq!(drawn.len(), 50);
        assert!(drawn.is_sorted_by(|a, b| a < b));
        assert_eq!(drawn, sample(1000, 50, 7));
        assert_ne!(drawn, sample(1000, 50, 8));
        assert_eq!(sample(3, 50, 7), [0, 1, 2]);
    }

    #[test]
    fn classes_without_rows_are_not_shown() {
        assert_eq!(largest_classes(&[2, 2, 0, 3, 3], 5, 10), [2, 3, 0]);
        assert_eq!(largest_classes(&[2, 2, 0, 3, 3], 5, 1), [2]);
    }
}
