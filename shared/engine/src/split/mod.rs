//! Which rows are held out, and which fold each of the others is in.
//!
//! Three ways, of which a run has one: at random with classes spread evenly ([`Split::random`]), whole
//! groups of rows on one side ([`Split::grouped`]), and the past before the future
//! ([`Split::timed`]).

mod grouped;
mod random;
mod sample;
mod timed;

pub(crate) use self::sample::sample;
use crate::estimators::Target;

/// A held-out test set, and folds over the rest. Rows are those of the target that was split, in
/// ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The rows that no trial learns from before it is finished.
    pub test: Vec<u32>,
    /// The validation rows of each fold: all folds of the first repeat, then of the second, …
    pub folds: Vec<Vec<u32>>,
    learning: Learning,
}

/// What is learned from when a fold validates.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Learning {
    /// The other folds of the same repeat, of which there are so many.
    Others(usize),
    /// These oldest rows, and the folds before.
    Before(Vec<u32>),
}

/// How rows are to be split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layout {
    /// Folds of each repeat, at least one.
    pub folds: usize,
    /// How often the rows are dealt into folds anew, at least once.
    pub repeats: usize,
    /// The share of the rows to hold out, at least 0 and below 1.
    pub test_fraction: f64,
    /// The source of all randomness.
    pub seed: u64,
}

impl Split {
    /// [`Split::random`] without repeats.
    ///
    /// # Panics
    /// When `folds` is 0.
    pub fn new(target: &Target, folds: usize, test_fraction: f64, seed: u64) -> Split {
        Split::random(target, &Layout { folds, repeats: 1, test_fraction, seed })
    }

    /// The rows to learn from when fold `k` validates.
    ///
    /// # Panics
    /// When there is no such fold.
    pub fn training(&self, k: usize) -> Vec<u32> {
        match &self.learning {
            Learning::Others(folds) => {
                let first = k - k % folds;
                let others = (first..first + folds).filter(|fold| *fold != k);
                sorted(others.flat_map(|fold| self.folds[fold].iter().copied()))
            }
            Learning::Before(oldest) => {
                sorted(oldest.iter().chain(self.folds[..k].iter().flatten()).copied())
            }
        }
    }

    /// The folds whose predictions may teach what is made of those for fold `k`: the others of the same
    /// repeat, or of folds in time those before; the first of these has none before it, and gets the rest.
    pub fn beside(&self, k: usize) -> Vec<usize> {
        match &self.learning {
            Learning::Others(folds) => {
                let first = k - k % folds;
                (first..first + folds).filter(|fold| *fold != k).collect()
            }
            Learning::Before(_) if k == 0 => (1..self.folds.len()).collect(),
            Learning::Before(_) => (0..k).collect(),
        }
    }

    /// All rows that are not held out.
    pub fn rest(&self) -> Vec<u32> {
        match &self.learning {
            Learning::Others(folds) => sorted(self.folds[..*folds].iter().flatten().copied()),
            Learning::Before(oldest) => sorted(oldest.iter().chain(self.folds.iter().flatten()).copied()),
        }
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
