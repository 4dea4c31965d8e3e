//! The past before the future: the newest rows are the test set, and each fold validates a window that
//! comes after all that it learns from.
//!
//! C. Bergmeir, J. M. Benítez, On the use of cross-validation for time series predictor evaluation,
//! Information Sciences 191 (2012).

use super::{Learning, Split, sorted};

impl Split {
    /// Splits by time, any number that grows with it. Rows of equal time stay together: `folds + 1`
    /// windows of about as many rows, of which the first is only learned from, and then the test set,
    /// `test_fraction` of the rows and the newest ones. O(n log n).
    ///
    /// # Errors
    /// When there are fewer points in time than windows, in words.
    ///
    /// # Panics
    /// When there are no folds.
    pub fn timed(times: &[f64], folds: usize, test_fraction: f64) -> Result<Split, String> {
        assert!(folds > 0, "there is at least one fold");
        let mut order: Vec<u32> = (0..times.len() as u32).collect();
        order.sort_by(|&a, &b| times[a as usize].total_cmp(&times[b as usize]));
        let equal = |a: &u32, b: &u32| times[*a as usize].total_cmp(&times[*b as usize]).is_eq();
        // Where each point in time begins.
        let mut starts = Vec::new();
        let mut start = 0;
        for rows in order.chunk_by(equal) {
            starts.push(start);
            start += rows.len();
        }
        let held_out = test_fraction > 0.0;
        let windows = folds + 1 + usize::from(held_out);
        if starts.len() < windows {
            return Err(format!("there are {} points in time, and {windows} are needed", starts.len()));
        }
        let n = times.len() as f64;
        let rest = n - if held_out { n * test_fraction } else { 0.0 };
        let ideal = |window: usize| rest * window as f64 / (folds + 1) as f64;
        let ideals: Vec<f64> = (1..windows).map(ideal).collect();
        let mut windows = Vec::with_capacity(windows);
        let mut begin = 0;
        for end in cuts(&starts, &ideals).into_iter().chain([times.len()]) {
            windows.push(sorted(order[begin..end].iter().copied()));
            begin = end;
        }
        let test = if held_out { windows.pop().unwrap_or_default() } else { Vec::new() };
        let oldest = windows.remove(0);
        Ok(Split { test, folds: windows, learning: Learning::Before(oldest) })
    }
}

/// For each ideal place, which ascend, the nearest of `starts` after the one taken before, leaving enough
/// for those to come. The first start, which would leave nothing before it, is not taken.
fn cuts(starts: &[usize], ideals: &[f64]) -> Vec<usize> {
    let mut taken = 0;
    let mut cuts = Vec::with_capacity(ideals.len());
    for (at, ideal) in ideals.iter().enumerate() {
        let last = starts.len() - (ideals.len() - at);
        let open = &starts[taken + 1..=last];
        let above = open.partition_point(|start| (*start as f64) < *ideal).min(open.len() - 1);
        let below = above.saturating_sub(1);
        let far = |at: usize| (open[at] as f64 - ideal).abs();
        let nearest = if far(below) <= far(above) { below } else { above };
        taken += 1 + nearest;
        cuts.push(starts[taken]);
    }
    cuts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn windows_grow_and_the_newest_rows_are_the_test_set() {
        // The newest row comes first.
        let times: Vec<f64> = (0..50).map(|row| f64::from(50 - row)).collect();
        let split = Split::timed(&times, 3, 0.2).unwrap();
        assert_eq!(split.test, (0..10).collect::<Vec<_>>());
        assert_eq!(split.folds.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 10]);
        assert_eq!(split.training(0), (40..50).collect::<Vec<_>>());
        assert_eq!(split.training(2), (20..50).collect::<Vec<_>>());
        assert_eq!(split.rest().len(), 40);
    }

    #[test]
    fn too_few_points_in_time_are_refused() {
        let times = [1.0, 1.0, 2.0, 2.0, 3.0];
        let refused = Split::timed(&times, 2, 0.2).unwrap_err();
        assert_eq!(refused, "there are 3 points in time, and 4 are needed");
        let split = Split::timed(&times, 2, 0.0).unwrap();
        assert_eq!((split.training(0), split.folds), (vec![0, 1], vec![vec![2, 3], vec![4]]));
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_place_and_the_order_of_time_is_kept(
            times in prop::collection::vec(0u8..40, 8..150),
            folds in 1usize..6,
            fraction in prop_oneof![Just(0.0), 0.05..0.5f64],
        ) {
            let times: Vec<f64> = times.into_iter().map(f64::from).collect();
            let Ok(split) = Split::timed(&times, folds, fraction) else { return Ok(()) };
            prop_assert_eq!((split.folds.len(), split.test.is_empty()), (folds, fraction == 0.0));
            let newest = |rows: &[u32]| rows.iter().map(|&row| times[row as usize]).fold(f64::MIN, f64::max);
            let oldest = |rows: &[u32]| rows.iter().map(|&row| times[row as usize]).fold(f64::MAX, f64::min);
            for k in 0..folds {
                let training = split.training(k);
                prop_assert!(!training.is_empty() && !split.folds[k].is_empty());
                prop_assert!(newest(&training) < oldest(&split.folds[k]));
            }
            prop_assert!(newest(&split.rest()) < oldest(&split.test));
            let all = sorted(split.rest().into_iter().chain(split.test.iter().copied()));
            prop_assert_eq!(all, (0..times.len() as u32).collect::<Vec<_>>());
        }
    }
}
