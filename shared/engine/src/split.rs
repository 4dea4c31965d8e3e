//! Which rows are held out, and which fold each of the others is in.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::estimators::Target;

/// A held-out test set, and folds over the rest. Rows are those of the target that was split, in
/// ascending order; every row is in exactly one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The rows that no trial learns from before it is finished.
    pub test: Vec<u32>,
    /// The validation rows of each fold.
    pub folds: Vec<Vec<u32>>,
}

impl Split {
    /// Splits at random, the same way for the same arguments. Classes are spread evenly over test
    /// and folds; `test_fraction` of the rows, rounded, are held out, but never so many of a class
    /// that fewer than `folds` of its rows are left, so that each fold has one. O(n).
    ///
    /// # Panics
    /// When `folds` is 0.
    pub fn new(target: &Target, folds: usize, test_fraction: f64, seed: u64) -> Split {
        assert!(folds > 0, "there is at least one fold");
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut strata = strata(target);
        for rows in &mut strata {
            rows.shuffle(&mut random);
        }
        let held_out = shares(&strata.iter().map(Vec::len).collect::<Vec<_>>(), folds, test_fraction);

        let mut test = Vec::new();
        let mut dealt = vec![Vec::new(); folds];
        // Dealing goes on where the last class ended, so that the folds differ by one row at most.
        let mut next = 0;
        for (rows, held_out) in strata.into_iter().zip(held_out) {
            let (out, rest) = rows.split_at(held_out);
            test.extend_from_slice(out);
            for &row in rest {
                dealt[next % folds].push(row);
                next += 1;
            }
        }
        test.sort_unstable();
        for fold in &mut dealt {
            fold.sort_unstable();
        }
        Split { test, folds: dealt }
    }

    /// The rows to learn from when fold `k` validates: those of the other folds.
    pub fn training(&self, k: usize) -> Vec<u32> {
        let others = self.folds.iter().enumerate().filter(|(fold, _)| *fold != k);
        sorted(others.flat_map(|(_, rows)| rows.iter().copied()))
    }

    /// All rows that are not held out.
    pub fn rest(&self) -> Vec<u32> {
        sorted(self.folds.iter().flatten().copied())
    }
}

fn sorted(rows: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut rows: Vec<u32> = rows.collect();
    rows.sort_unstable();
    rows
}

/// The rows of each class, or all rows when the target is a number.
fn strata(target: &Target) -> Vec<Vec<u32>> {
    match target {
        Target::Classes { codes, count } => {
            let mut strata = vec![Vec::new(); *count];
            for (row, &code) in codes.iter().enumerate() {
                strata[code as usize].push(row as u32);
            }
            strata
        }
        Target::Numbers(values) => vec![(0..values.len() as u32).collect()],
    }
}

/// How many rows of each stratum are held out: its share rounded down, and what is then missing from
/// the whole given to those with the largest remainders.
fn shares(sizes: &[usize], folds: usize, fraction: f64) -> Vec<usize> {
    let wanted = (sizes.iter().sum::<usize>() as f64 * fraction).round() as usize;
    let limit: Vec<usize> = sizes.iter().map(|size| size.saturating_sub(folds)).collect();
    let exact: Vec<f64> = sizes.iter().map(|size| *size as f64 * fraction).collect();
    let mut shares: Vec<usize> =
        exact.iter().zip(&limit).map(|(e, l)| (e.floor() as usize).min(*l)).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()).then(a.cmp(&b)));
    let mut missing = wanted.saturating_sub(shares.iter().sum());
    for stratum in order {
        if missing > 0 && shares[stratum] < limit[stratum] {
            shares[stratum] += 1;
            missing -= 1;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn classes_are_spread_evenly() {
        let codes: Vec<u32> = (0..200).map(|i| u32::from(i % 10 == 0)).collect();
        let split = Split::new(&Target::Classes { codes: codes.clone(), count: 2 }, 5, 0.2, 1);
        let rare = |rows: &[u32]| rows.iter().filter(|&&row| codes[row as usize] == 1).count();
        assert_eq!((split.test.len(), rare(&split.test)), (40, 4));
        for fold in &split.folds {
            assert_eq!(fold.len(), 32);
            assert!((3..=4).contains(&rare(fold)));
        }
    }

    #[test]
    fn another_seed_is_another_split() {
        let target = Target::Numbers(vec![0.0; 100]);
        assert_eq!(Split::new(&target, 5, 0.2, 7), Split::new(&target, 5, 0.2, 7));
        assert_ne!(Split::new(&target, 5, 0.2, 7), Split::new(&target, 5, 0.2, 8));
    }

    #[test]
    fn nothing_is_held_out_when_nothing_is_asked_for() {
        let split = Split::new(&Target::Numbers(vec![0.0; 10]), 2, 0.0, 7);
        assert!(split.test.is_empty());
        assert_eq!(split.rest().len(), 10);
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_place_and_every_fold_has_every_class(
            codes in prop::collection::vec(0u32..4, 1..200),
            folds in 1usize..8,
            fraction in 0.0..0.5f64,
            seed: u64,
        ) {
            let split = Split::new(&Target::Classes { codes: codes.clone(), count: 4 }, folds, fraction, seed);
            let all = sorted(split.test.iter().chain(split.folds.iter().flatten()).copied());
            prop_assert_eq!(all, (0..codes.len() as u32).collect::<Vec<_>>());
            prop_assert!(split.test.len() <= (codes.len() as f64 * fraction).round() as usize);
            for class in 0..4 {
                if codes.iter().filter(|&&c| c == class).count() >= folds {
                    for fold in &split.folds {
                        prop_assert!(fold.iter().any(|&row| codes[row as usize] == class));
                    }
                }
            }
            for k in 0..folds {
                let both = sorted(split.training(k).into_iter().chain(split.folds[k].iter().copied()));
                prop_assert_eq!(both, split.rest());
            }
        }
    }
}
