//! Which columns of the table are kept, when not all are.

use super::score::Score;
use super::steps::Select;

/// Values of a training matrix (1 GB): of more columns those are kept that tell most.
const CELLS: usize = 256 << 20;
/// However little columns tell, so many are kept by "auto".
const FEWEST: usize = 5;

/// Whether columns have to be scored: when some are to be selected, or the matrix could be too large.
pub(super) fn is_needed(columns: usize, rows: usize, select: Option<Select>) -> bool {
    // A column of numbers becomes one of the matrix and may have an indicator.
    select.is_some() || columns.saturating_mul(2).saturating_mul(rows) > CELLS
}

/// Which columns are kept, given the score and the width in the matrix of each; `None` is one that is
/// dropped already. The more telling come first, and of equals the first; one is always kept.
pub(super) fn choose(scored: &[Option<(Score, usize)>], rows: usize, select: Option<Select>) -> Vec<bool> {
    let mut order: Vec<(usize, Score, usize)> = scored
        .iter()
        .enumerate()
        .filter_map(|(at, scored)| scored.map(|(score, width)| (at, score, width)))
        .collect();
    order.sort_by(|a, b| b.1.information.total_cmp(&a.1.information).then(a.0.cmp(&b.0)));
    match select {
        Some(Select::Best(most)) => order.truncate(most.max(1) as usize),
        Some(Select::Auto(_)) => {
            let telling = order.iter().filter(|(_, score, _)| score.telling).count();
            order.sort_by_key(|(_, score, _)| !score.telling);
            order.truncate(telling.max(FEWEST));
        }
        None => {}
    }
    let most = CELLS / rows.max(1);
    let mut kept = vec![false; scored.len()];
    let mut width = 0;
    for (place, (at, _, own)) in order.into_iter().enumerate() {
        if place == 0 || width + own <= most {
            width += own;
            kept[at] = true;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::steps::Auto;
    use super::*;

    fn scored(information: &[f64]) -> Vec<Option<(Score, usize)>> {
        let score = |&information: &f64| Score { information, telling: information > 0.05 };
        information.iter().map(|value| Some((score(value), 1))).collect()
    }

    #[test]
    fn the_most_telling_are_kept() {
        let mut some = scored(&[0.1, 0.3, 0.2, 0.3, 0.0, 0.0, 0.01]);
        let best = |some: &[_], most| choose(some, 100, Some(Select::Best(most)));
        assert_eq!(best(&some, 2), [false, true, false, true, false, false, false]);
        assert_eq!(best(&some, 50), [true; 7]);
        let auto = Some(Select::Auto(Auto::Auto));
        assert_eq!(choose(&some, 100, auto), [true, true, true, true, false, false, true]);
        some[1] = None;
        assert_eq!(best(&some, 1), [false, false, false, true, false, false, false]);
    }

    #[test]
    fn a_matrix_has_a_largest_size() {
        let some = scored(&[0.1, 0.3, 0.2]);
        assert_eq!(choose(&some, CELLS / 2, None), [false, true, true]);
        assert_eq!(choose(&some, CELLS * 4, None), [false, true, false]);
        assert!(is_needed(20_000, 10_000, None) && !is_needed(100, 100_000, None));
    }
}
