//! How far off predictions may be: intervals around numbers, and sets of classes, that hold the truth of at
//! least a given share of rows like those that were learned from, whatever the model.
//!
//! Of every row that a fold validated there is a score of how badly its truth suits what was predicted: for
//! a number the distance; for classes 1 − the true one's probability (LAC, by which sets are smallest on
//! average). What suits no worse than the wanted share of rows did belongs to the answer. Models of folds
//! learn from fewer rows than the one that answers, so that answers err on the wide side.
//!
//! V. Vovk, Cross-conformal predictors, Annals of Mathematics and Artificial Intelligence 74 (2015);
//! M. Sadinle, J. Lei and L. Wasserman, Least ambiguous set-valued classifiers with bounded error levels,
//! Journal of the American Statistical Association 114 (2019).

use serde::{Deserialize, Serialize};

use crate::estimators::Target;

/// The most scores that are kept: coverage is exact to a thousandth.
const KEPT: usize = 1000;
/// Predictions of folds are kept in `f32`: a probability that is the same but for that belongs to a set.
const ROUNDING: f64 = 1e-6;

/// The scores of the rows that were predicted without having been learned from, in so many quantiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Conformal {
    /// How many rows there were; each may have been predicted several times.
    rows: u64,
    /// Ascending; each is a score that a row had, and between two lie equally many.
    scores: Vec<f64>,
}

/// Scores as folds hand them over.
#[derive(Debug, Default)]
pub(crate) struct Scored(Vec<f64>);

impl Scored {
    /// Adds the scores of rows with their predictions. O(rows).
    pub(crate) fn add(&mut self, truth: &Target, predictions: &[f64]) {
        match truth {
            Target::Classes { codes, count } => {
                let rows = predictions.chunks_exact(*count).zip(codes);
                self.0.extend(rows.map(|(row, &code)| 1.0 - row[code as usize]));
            }
            Target::Numbers(values) => {
                self.0.extend(values.iter().zip(predictions).map(|(truth, got)| (truth - got).abs()));
            }
        }
    }

    /// What is kept of them, for `rows` different rows. `None` without rows, or where numbers are too large
    /// to compare. O(scores log scores).
    pub(crate) fn kept(mut self, rows: u64) -> Option<Conformal> {
        if rows == 0 || self.0.is_empty() || self.0.iter().any(|score| !score.is_finite()) {
            return None;
        }
        // A probability may be a rounding above 1.
        self.0.iter_mut().for_each(|score| *score = score.max(0.0));
        self.0.sort_unstable_by(f64::total_cmp);
        let (all, kept) = (self.0.len(), self.0.len().min(KEPT));
        let scores = (1..=kept).map(|at| self.0[(at * all).div_ceil(kept) - 1]).collect();
        Some(Conformal { rows, scores })
    }
}

impl Conformal {
    /// The score that at most `1 - coverage` of rows like these exceed; `None` when there were too few rows
    /// to say.
    fn limit(&self, coverage: f64) -> Option<f64> {
        let rows = self.rows as f64;
        // The row that is predicted is one more, of which nothing is known.
        let place = coverage * (rows + 1.0) / rows * self.scores.len() as f64;
        let place = (place - 1e-9).ceil().max(1.0) as usize;
        self.scores.get(place - 1).copied()
    }

    /// The interval around each number.
    pub(crate) fn intervals(&self, numbers: &[f64], coverage: f64) -> Option<Vec<[f64; 2]>> {
        let limit = self.limit(coverage)?;
        Some(numbers.iter().map(|number| [number - limit, number + limit]).collect())
    }

    /// The set of each row, ascending; never empty: the most probable class is always in it.
    pub(crate) fn sets(&self, probabilities: &[f64], classes: usize, coverage: f64) -> Option<Vec<Vec<u32>>> {
        let least = 1.0 - self.limit(coverage)? - ROUNDING;
        let set = |row: &[f64]| {
            let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (0..).zip(row).filter(|(_, p)| **p >= least.min(highest)).map(|(class, _)| class).collect()
        };
        Some(probabilities.chunks_exact(classes).map(set).collect())
    }

    /// The largest coverage that so many rows can promise.
    pub(crate) fn most(&self) -> f64 {
        self.rows as f64 / (self.rows as f64 + 1.0)
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Makes sure that it can be asked, when it was read from bytes.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        let sound = self.rows > 0
            && (1..=KEPT).contains(&self.scores.len())
            && self.scores.iter().all(|score| (0.0..f64::INFINITY).contains(score))
            && self.scores.is_sorted();
        if sound { Ok(()) } else { Err("what is known of its errors is out of order".into()) }
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.scores.len() * size_of::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn conformal(scores: impl Iterator<Item = f64>, rows: u64) -> Conformal {
        Scored(scores.collect()).kept(rows).unwrap()
    }

    #[test]
    fn few_rows_promise_little() {
        let nine = conformal((1..=9).map(f64::from), 9);
        assert_eq!(nine.limit(0.9), Some(9.0));
        assert_eq!(nine.limit(0.91), None);
        assert_eq!(nine.limit(0.5), Some(5.0));
        assert!((nine.most() - 0.9).abs() < 1e-12);
        assert_eq!(nine.intervals(&[100.0], 0.9), Some(vec![[91.0, 109.0]]));
    }

    #[test]
    fn rows_that_were_predicted_thrice_count_once() {
        let thrice = conformal((1..=9).flat_map(|score| [f64::from(score); 3]), 9);
        assert_eq!((thrice.limit(0.9), thrice.limit(0.91)), (Some(9.0), None));
        assert_eq!(thrice.limit(0.5), Some(5.0));
    }

    #[test]
    fn of_many_rows_a_thousand_scores_say_as_much() {
        let many = conformal((1..=123_456).map(f64::from), 123_456);
        assert_eq!(many.scores.len(), KEPT);
        assert_eq!(many.check(), Ok(()));
        for coverage in [0.5, 0.8, 0.95, 0.999] {
            let share = many.limit(coverage).unwrap() / 123_456.0;
            assert!((coverage..coverage + 0.0011).contains(&share), "{coverage}: {share}");
        }
    }

    #[test]
    fn sets_hold_what_is_probable_enough_and_are_never_empty() {
        let scores = conformal((0..20).map(|at| f64::from(at) / 40.0), 20);
        // Nine in ten rows have a score of at most 18/40: a class of 0.55 or more belongs to the set.
        let sets = scores.sets(&[0.6, 0.4, 0.5, 0.5, 0.55, 0.45], 2, 0.9).unwrap();
        assert_eq!(sets, [vec![0], vec![0, 1], vec![0]]);
    }

    #[test]
    fn rows_like_these_are_covered() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let mut covered = 0;
        for _ in 0..2000 {
            let mut draw = || random.random_range(0.0..1.0f64).powi(3);
            let known = conformal((0..30).map(|_| draw()), 30);
            covered += usize::from(draw() <= known.limit(0.8).unwrap());
        }
        let share = f64::from(covered as u32) / 2000.0;
        assert!((0.78..0.85).contains(&share), "{share}");
    }

    #[test]
    fn what_is_not_in_order_is_refused() {
        let sound = conformal([0.0, 0.5].into_iter(), 2);
        assert_eq!(sound.check(), Ok(()));
        for scores in [vec![], vec![0.5, 0.1], vec![-1.0], vec![f64::NAN], vec![0.0; KEPT + 1]] {
            assert!(Conformal { rows: 2, scores }.check().is_err());
        }
        assert!(Conformal { rows: 0, ..sound }.check().is_err());
        assert!(Scored(vec![0.1, f64::INFINITY]).kept(2).is_none() && Scored::default().kept(0).is_none());
    }
}
