//! Some rows that stand for all.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{sorted, strata};
use crate::estimators::Target;

/// So many rows of each class are kept at least, as long as it has them: enough for every fold and the
/// test set.
const FEWEST: usize = 50;

/// About `size` rows at random, in ascending order: every class has its share, and the rare ones a
/// few rows more. O(n).
pub(crate) fn sample(target: &Target, size: usize, seed: u64) -> Vec<u32> {
    let n = target.len();
    if n <= size {
        return (0..n as u32).collect();
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let share = size as f64 / n as f64;
    let mut rows = Vec::with_capacity(size);
    for mut stratum in strata(target) {
        let wanted = ((stratum.len() as f64 * share).round() as usize).max(FEWEST).min(stratum.len());
        let (some, _) = stratum.partial_shuffle(&mut random, wanted);
        rows.extend_from_slice(some);
    }
    sorted(rows.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_keeps_the_classes() {
        let codes: Vec<u32> = (0..10_000).map(|row| u32::from(row % 200 == 0)).collect();
        let target = Target::Classes { codes: codes.clone(), count: 2 };
        let rows = sample(&target, 1000, 5);
        let rare = rows.iter().filter(|&&row| codes[row as usize] == 1).count();
        assert_eq!((rows.len(), rare), (1045, 50));
        assert!(rows.is_sorted() && rows.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(rows, sample(&target, 1000, 5));
        assert_ne!(rows, sample(&target, 1000, 6));
        assert_eq!(sample(&target, 10_000, 5).len(), 10_000);
        assert_eq!(sample(&Target::Numbers(vec![0.0; 500]), 100, 1).len(), 100);
    }
}
