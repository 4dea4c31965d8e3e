//! Folds of whole groups: rows that belong together, such as all visits of one patient, are never on
//! two sides.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Layout, Learning, Split, sorted};
use crate::estimators::Target;

/// The test set takes no group that would make it larger than so many times what was asked for, as
/// long as another place can take it.
const TEST_AT_MOST: f64 = 1.5;

impl Split {
    /// Splits by `groups`, a code a row: no group is on two sides. The larger groups are placed
    /// first, each where it brings classes and sizes nearest to their shares, so that classes are
    /// spread as evenly as the groups allow. O((n + groups) × folds × repeats).
    ///
    /// # Errors
    /// When there are fewer groups than places for them, in words.
    ///
    /// # Panics
    /// When there are no folds or no repeats, or `groups` is not as long as the target.
    pub fn grouped(target: &Target, groups: &[u32], layout: &Layout) -> Result<Split, String> {
        let Layout { folds, repeats, test_fraction, seed } = *layout;
        assert!(folds > 0 && repeats > 0, "there is at least one fold");
        assert_eq!(groups.len(), target.len(), "each row has a group");
        let mut members = members(groups);
        let places = folds + usize::from(test_fraction > 0.0);
        if members.len() < places {
            return Err(format!("there are {} groups, and {places} are needed", members.len()));
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut test = Vec::new();
        if test_fraction > 0.0 {
            members.shuffle(&mut random);
            let share = (1.0 - test_fraction) / folds as f64;
            let mut shares = vec![share; folds];
            shares.push(test_fraction);
            let placed = place(target, &mut members, &shares, true);
            members = Vec::new();
            for (place, rows) in placed {
                if place == folds {
                    test.extend_from_slice(&rows);
                } else {
                    members.push(rows);
                }
            }
        }
        let mut all = Vec::with_capacity(folds * repeats);
        for repeat in 0..repeats {
            random.set_stream(repeat as u64 + 1);
            members.sort_unstable_by_key(|rows| rows[0]);
            members.shuffle(&mut random);
            let mut dealt = vec![Vec::new(); folds];
            for (place, rows) in place(target, &mut members.clone(), &vec![1.0 / folds as f64; folds], false)
            {
                dealt[place].extend_from_slice(&rows);
            }
            all.extend(dealt.into_iter().map(|fold| sorted(fold.into_iter())));
        }
        Ok(Split { test: sorted(test.into_iter()), folds: all, learning: Learning::Others(folds) })
    }
}

/// The rows of each group, in the order of their first rows.
fn members(groups: &[u32]) -> Vec<Vec<u32>> {
    let mut by_group: Vec<(u32, u32)> = groups.iter().copied().zip(0..).collect();
    by_group.sort_unstable();
    let rows = |rows: &[(u32, u32)]| rows.iter().map(|(_, row)| *row).collect::<Vec<u32>>();
    let mut members: Vec<Vec<u32>> = by_group.chunk_by(|a, b| a.0 == b.0).map(rows).collect();
    members.sort_unstable_by_key(|rows| rows[0]);
    members
}

/// A place for each group, the larger ones first; every place gets one at least. The last place is the
/// test set when `test` says so.
fn place(target: &Target, members: &mut Vec<Vec<u32>>, shares: &[f64], test: bool) -> Vec<(usize, Vec<u32>)> {
    members.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
    let all = members.iter().map(Vec::len).sum::<usize>() as f64;
    let mut totals = vec![0.0; if let Target::Classes { count, .. } = target { *count } else { 0 }];
    for (class, count) in members.iter().flat_map(|rows| counts(target, rows)) {
        totals[class] += count;
    }
    let place = |share: &f64| Place {
        wanted: totals.iter().map(|total| share * total).collect(),
        wanted_rows: share * all,
        classes: vec![0.0; totals.len()],
        rows: 0.0,
    };
    let mut places: Vec<Place> = shares.iter().map(place).collect();
    let last = places.len() - 1;
    let total = members.len();
    let mut placed = Vec::with_capacity(total);
    for (at, rows) in std::mem::take(members).into_iter().enumerate() {
        let empty = places.iter().filter(|place| place.rows == 0.0).count();
        let must_fill = total - at <= empty;
        let sparse = counts(target, &rows);
        let size = rows.len() as f64;
        let full = |at: usize, place: &Place| {
            test && at == last && place.rows + size > TEST_AT_MOST * place.wanted_rows
        };
        let open = places
            .iter()
            .enumerate()
            .filter(|(at, place)| if must_fill { place.rows == 0.0 } else { !full(*at, place) });
        let best = open
            .map(|(at, place)| (place.cost(&sparse, size), at))
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let best = best.map_or(0, |(_, at)| at);
        places[best].take(&sparse, size);
        placed.push((best, rows));
    }
    placed
}

/// The classes that some rows have, and how many have it; of a number's rows, none.
fn counts(target: &Target, rows: &[u32]) -> Vec<(usize, f64)> {
    let Target::Classes { codes, .. } = target else { return Vec::new() };
    let mut classes: Vec<usize> = rows.iter().map(|&row| codes[row as usize] as usize).collect();
    classes.sort_unstable();
    classes.chunk_by(|a, b| a == b).map(|rows| (rows[0], rows.len() as f64)).collect()
}

/// What a place should hold, and what it holds.
struct Place {
    wanted: Vec<f64>,
    wanted_rows: f64,
    classes: Vec<f64>,
    rows: f64,
}

impl Place {
    /// By how much Pearson's χ² of the place grows with a group.
    fn cost(&self, classes: &[(usize, f64)], size: f64) -> f64 {
        let grows = |has: f64, more: f64, wanted: f64| (2.0 * (has - wanted) * more + more * more) / wanted;
        let of_classes: f64 = classes
            .iter()
            .map(|&(class, more)| grows(self.classes[class], more, self.wanted[class].max(f64::MIN_POSITIVE)))
            .sum();
        of_classes + grows(self.rows, size, self.wanted_rows.max(f64::MIN_POSITIVE))
    }

    fn take(&mut self, classes: &[(usize, f64)], size: f64) {
        for &(class, more) in classes {
            self.classes[class] += more;
        }
        self.rows += size;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layout(folds: usize, test_fraction: f64, seed: u64) -> Layout {
        Layout { folds, repeats: 2, test_fraction, seed }
    }

    #[test]
    fn classes_are_spread_as_evenly_as_groups_allow() {
        // 60 groups of 5 rows; every sixth group is of the rare class.
        let groups: Vec<u32> = (0..300).map(|row| row / 5).collect();
        let codes: Vec<u32> = groups.iter().map(|group| u32::from(group % 6 == 0)).collect();
        let target = Target::Classes { codes: codes.clone(), count: 2 };
        let split = Split::grouped(&target, &groups, &layout(4, 0.2, 3)).unwrap();
        let rare = |rows: &[u32]| rows.iter().filter(|&&row| codes[row as usize] == 1).count();
        assert_eq!((split.test.len(), rare(&split.test)), (60, 10));
        for fold in &split.folds {
            assert_eq!((fold.len(), rare(fold)), (60, 10));
        }
        assert_eq!(split.folds.len(), 8);
        assert_ne!(split.folds[..4], split.folds[4..]);
    }

    #[test]
    fn a_giant_group_is_not_the_test_set() {
        let groups: Vec<u32> = (0..100).map(|row| if row < 80 { 0 } else { row }).collect();
        let split = Split::grouped(&Target::Numbers(vec![0.0; 100]), &groups, &layout(2, 0.2, 0)).unwrap();
        assert!(!split.test.contains(&0) && !split.test.is_empty());
    }

    #[test]
    fn too_few_groups_are_refused() {
        let target = Target::Numbers(vec![0.0; 6]);
        let refused = Split::grouped(&target, &[0, 0, 1, 1, 0, 1], &layout(2, 0.2, 0)).unwrap_err();
        assert_eq!(refused, "there are 2 groups, and 3 are needed");
        assert!(Split::grouped(&target, &[0, 0, 1, 1, 0, 1], &layout(2, 0.0, 0)).is_ok());
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_place_and_no_group_in_two(
            rows in prop::collection::vec((0u32..12, 0u32..3), 12..150),
            folds in 2usize..6,
            held_out: bool,
            seed: u64,
        ) {
            let (groups, codes): (Vec<u32>, Vec<u32>) = rows.iter().copied().unzip();
            let target = Target::Classes { codes, count: 3 };
            let layout = layout(folds, if held_out { 0.25 } else { 0.0 }, seed);
            let Ok(split) = Split::grouped(&target, &groups, &layout) else {
                let mut distinct = groups.clone();
                distinct.sort_unstable();
                distinct.dedup();
                prop_assert!(distinct.len() < folds + usize::from(held_out));
                return Ok(());
            };
            prop_assert_eq!(split.test.is_empty(), !held_out);
            for repeat in split.folds.chunks(folds) {
                let mut side = [None; 12];
                let sides = || [&split.test].into_iter().chain(repeat);
                for (at, rows) in sides().enumerate() {
                    prop_assert!(at == 0 || !rows.is_empty());
                    for &row in rows {
                        let group = &mut side[groups[row as usize] as usize];
                        prop_assert!(group.is_none_or(|other| other == at));
                        *group = Some(at);
                    }
                }
                let all = sorted(sides().flatten().copied());
                prop_assert_eq!(all, (0..groups.len() as u32).collect::<Vec<_>>());
            }
            for k in 0..split.folds.len() {
                let both = sorted(split.training(k).into_iter().chain(split.folds[k].iter().copied()));
                prop_assert_eq!(both, split.rest());
            }
            prop_assert_eq!(&split, &Split::grouped(&target, &groups, &layout).unwrap());
        }
    }
}
