//! Folds at random, with classes spread evenly.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Layout, Learning, Split, sorted, strata};
use crate::estimators::Target;

impl Split {
    /// Splits at random, the same way for the same arguments. Classes are spread evenly over test
    /// and folds; `test_fraction` of the rows, rounded, are held out, but never so many of a class
    /// that fewer than `folds` of its rows are left, so that each fold has one. Each repeat deals the
    /// same rows anew. O(n × repeats).
    ///
    /// # Panics
    /// When there are no folds or no repeats.
    pub fn random(target: &Target, layout: &Layout) -> Split {
        let Layout { folds, repeats, test_fraction, seed } = *layout;
        assert!(folds > 0 && repeats > 0, "there is at least one fold");
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut strata = strata(target);
        for rows in &mut strata {
            rows.shuffle(&mut random);
        }
        let held_out = shares(&strata.iter().map(Vec::len).collect::<Vec<_>>(), folds, test_fraction);
        let mut test = Vec::new();
        let mut rest = Vec::with_capacity(strata.len());
        for (mut rows, held_out) in strata.into_iter().zip(held_out) {
            rest.push(rows.split_off(held_out));
            test.append(&mut rows);
        }

        let mut all = Vec::with_capacity(folds * repeats);
        for repeat in 0..repeats {
            if repeat > 0 {
                random.set_stream(repeat as u64);
                for rows in &mut rest {
                    rows.shuffle(&mut random);
                }
            }
            // Dealing goes on where the last class ended, so that the folds differ by one row at most.
            let mut dealt = vec![Vec::new(); folds];
            for (next, &row) in rest.iter().flatten().enumerate() {
                dealt[next % folds].push(row);
            }
            all.extend(dealt.into_iter().map(|fold| sorted(fold.into_iter())));
        }
        Split { test: sorted(test.into_iter()), folds: all, learning: Learning::Others(folds) }
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
    fn a_repeat_deals_anew_and_changes_nothing_before_it() {
        let target = Target::Numbers(vec![0.0; 60]);
        let layout = |repeats| Layout { folds: 5, repeats, test_fraction: 0.2, seed: 4 };
        let (once, thrice) = (Split::random(&target, &layout(1)), Split::random(&target, &layout(3)));
        assert_eq!((&once.test, &once.folds[..]), (&thrice.test, &thrice.folds[..5]));
        assert_eq!(thrice.folds.len(), 15);
        assert!(thrice.folds[..5].iter().all(|fold| !thrice.folds[5..].contains(fold)));
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
            repeats in 1usize..4,
            fraction in 0.0..0.5f64,
            seed: u64,
        ) {
            let target = Target::Classes { codes: codes.clone(), count: 4 };
            let split = Split::random(&target, &Layout { folds, repeats, test_fraction: fraction, seed });
            for repeat in split.folds.chunks(folds) {
                let all = sorted(split.test.iter().chain(repeat.iter().flatten()).copied());
                prop_assert_eq!(all, (0..codes.len() as u32).collect::<Vec<_>>());
            }
            prop_assert!(split.test.len() <= (codes.len() as f64 * fraction).round() as usize);
            for class in 0..4 {
                if codes.iter().filter(|&&c| c == class).count() >= folds {
                    for fold in &split.folds {
                        prop_assert!(fold.iter().any(|&row| codes[row as usize] == class));
                    }
                }
            }
            for k in 0..split.folds.len() {
                let both = sorted(split.training(k).into_iter().chain(split.folds[k].iter().copied()));
                prop_assert_eq!(both, split.rest());
            }
        }
    }
}
