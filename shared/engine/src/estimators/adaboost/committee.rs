//! Trees that vote, ready to predict.

use serde::{Deserialize, Serialize};

use super::sharpness::SHARPEST;
use crate::matrix::Matrix;
use crate::trees::{Forest, Outcome};

/// Trees with a vote each: for classes, the more of the votes the more probable; for numbers, the
/// weighted median.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Committee {
    pub(in crate::estimators) forest: Forest,
    /// One a tree; they sum to 1.
    pub(in crate::estimators) votes: Vec<f64>,
    /// How many times their shares of votes the classes' logits are.
    pub(in crate::estimators) sharpness: f64,
}

impl Committee {
    /// `votes` are positive, one a tree.
    pub(super) fn new(forest: Forest, votes: &[f64], sharpness: f64) -> Committee {
        let total: f64 = votes.iter().sum();
        Committee { forest, votes: votes.iter().map(|vote| vote / total).collect(), sharpness }
    }

    /// The number of trees.
    pub fn trees(&self) -> usize {
        self.votes.len()
    }

    /// Predicts: `rows × outputs`, row by row. O(rows · trees · (depth + log trees)).
    pub(crate) fn predict(&self, x: &Matrix) -> Vec<f64> {
        let outcome = self.forest.outcome();
        let outputs = outcome.outputs();
        let mut out = vec![0.0; x.rows() * outputs];
        let mut order: Vec<usize> = Vec::with_capacity(self.votes.len());
        self.forest.each_verdict(x, |row, verdicts| {
            let out = &mut out[row * outputs..(row + 1) * outputs];
            if let Outcome::Number { offset, scale } = outcome {
                out[0] = offset + scale * f64::from(self.median(verdicts, &mut order));
            } else {
                self.count(verdicts, out);
                self.soften(out);
            }
        });
        out
    }

    /// For some rows, each class's share of the votes.
    pub(super) fn shares_of_votes(&self, x: &Matrix, rows: &[usize]) -> Vec<f64> {
        let outputs = self.forest.outcome().outputs();
        let data = (0..x.cols()).flat_map(|col| rows.iter().map(move |&row| x.get(row, col))).collect();
        let mut shares = vec![0.0; rows.len() * outputs];
        self.forest.each_verdict(&Matrix::new(rows.len(), x.cols(), data), |row, verdicts| {
            self.count(verdicts, &mut shares[row * outputs..(row + 1) * outputs]);
        });
        shares
    }

    fn count(&self, verdicts: &[f32], shares: &mut [f64]) {
        shares.fill(0.0);
        for (&class, vote) in verdicts.iter().zip(&self.votes) {
            shares[class as usize] += vote;
        }
    }

    /// From shares of votes to probabilities.
    fn soften(&self, shares: &mut [f64]) {
        let most = shares.iter().fold(0.0f64, |most, &share| most.max(share));
        let mut total = 0.0;
        for share in &mut *shares {
            *share = (self.sharpness * (*share - most)).exp();
            total += *share;
        }
        for share in shares {
            *share /= total;
        }
    }

    /// The smallest verdict with half of the votes at or below it.
    fn median(&self, verdicts: &[f32], order: &mut Vec<usize>) -> f32 {
        order.clear();
        order.extend(0..verdicts.len());
        order.sort_unstable_by(|&a, &b| verdicts[a].total_cmp(&verdicts[b]).then(a.cmp(&b)));
        let mut below = 0.0;
        let middle = order.iter().find(|&&tree| {
            below += self.votes[tree];
            below >= 0.5
        });
        // Votes that sum to a little less than 1 may leave the last.
        middle.or(order.last()).map_or(0.0, |&tree| verdicts[tree])
    }

    /// Makes sure that predicting from `cols` features gives `outputs` values a row: for one read from
    /// bytes that nobody vouches for.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn check(&self, cols: usize, outputs: usize) -> Result<(), String> {
        self.forest.check(cols, outputs)?;
        if self.votes.len() != self.forest.trees() {
            return Err("the committee has another number of votes".into());
        }
        let total: f64 = self.votes.iter().sum();
        if !(self.votes.iter().all(|&vote| (0.0..=1.0).contains(&vote)) && (total - 1.0).abs() < 1e-6) {
            return Err("the committee's votes do not sum to 1".into());
        }
        if !(0.0..=SHARPEST).contains(&self.sharpness) {
            return Err("the committee is surer than can be".into());
        }
        Ok(())
    }

    /// About how many bytes it takes in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        self.forest.size_bytes() + size_of_val(&self.votes[..])
    }
}
