//! Rows set aside while fitting, to find out when to stop or how sure to be.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// With fewer rows a hold-out says nothing.
pub(super) const FEWEST_TO_HOLD_OUT: usize = 50;
/// One row in so many is held out…
const HOLD_OUT: usize = 7;
/// … but no more than this.
const MOST_HELD_OUT: usize = 4000;

/// The rows to train on and those to stop by: every so many-th by label, so that both have the same
/// share of each class and of each range of numbers. Both ascending. O(rows log rows).
pub(super) fn hold_out(labels: &[f32], seed: u64) -> (Vec<usize>, Vec<usize>) {
    let every = HOLD_OUT.max(labels.len().div_ceil(MOST_HELD_OUT));
    let mut rows: Vec<usize> = (0..labels.len()).collect();
    rows.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    rows.sort_by(|&a, &b| labels[a].total_cmp(&labels[b]));
    let mut seen = Vec::with_capacity(labels.len());
    let mut held_out = Vec::new();
    for (at, row) in rows.into_iter().enumerate() {
        if at % every == every / 2 { held_out.push(row) } else { seen.push(row) }
    }
    // In file order again: neighbours in memory.
    seen.sort_unstable();
    held_out.sort_unstable();
    (seen, held_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_have_each_label_and_every_row_once() {
        let labels: Vec<f32> = (0..210u16).map(|row| f32::from(row % 3)).collect();
        let (seen, held_out) = hold_out(&labels, 5);
        assert_eq!(held_out.len(), 30);
        for label in 0..3 {
            assert_eq!(held_out.iter().filter(|row| *row % 3 == label).count(), 10);
        }
        let mut all = [seen, held_out].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..210));
    }

    #[test]
    fn no_more_is_held_out_than_is_of_use() {
        let (_, held_out) = hold_out(&vec![0.0; 100_000], 5);
        assert!(held_out.len() <= MOST_HELD_OUT);
    }
}
