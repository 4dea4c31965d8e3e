//! What the predictions of all folds teach beside the scores: from which probability on a class is chosen,
//! and how far off predictions are.

use super::{Predicted, Trainer, failed};
use crate::conformal::{Conformal, Scored};
use crate::decide::{Choice, Rule, Threshold, best_threshold};
use crate::estimators::{FitError, Target};
use crate::metrics::{Scores, decided_scores};

/// What was learned from all folds.
pub(super) struct Decided {
    /// How the model chooses a class.
    pub(super) choice: Choice,
    /// How a class is chosen on the last fold: as the others teach.
    pub(super) on_last_fold: Choice,
    /// How far off the folds' predictions are.
    pub(super) conformal: Option<Conformal>,
    /// The metrics of each fold, when they depend on what the other folds teach.
    pub(super) folds: Vec<Scores>,
}

impl Trainer {
    /// How a class is chosen as far as the plan alone says.
    pub(super) fn planned(&self) -> Choice {
        let costs = self.plan.costs.clone();
        let rule = match (self.plan.threshold, &costs) {
            (None, Some(costs)) => Rule::Costs(costs.clone()),
            _ => Rule::MostProbable,
        };
        Choice { rule, costs }
    }

    /// Learns from what all folds predicted. Where the plan leaves nothing to be learned from them they may
    /// be left out. O(folds × rows log rows).
    ///
    /// # Errors
    /// When the predictions are of other rows, or missing and needed.
    pub(super) fn decided(&self, folds: &[&Predicted]) -> Result<Decided, FitError> {
        let planned = self.planned();
        let tuned = self.plan.threshold == Some(Threshold::Tuned);
        if folds.is_empty() {
            if tuned {
                return Err(FitError::Unsuitable(
                    "a threshold is learned from what all folds predicted".into(),
                ));
            }
            let on_last_fold = planned.clone();
            return Ok(Decided { choice: planned, on_last_fold, conformal: None, folds: Vec::new() });
        }
        let outputs = self.truth.outputs();
        let suits = |(rows, predicted): (&Vec<u32>, &&Predicted)| predicted.0.len() == rows.len() * outputs;
        if folds.len() != self.split.folds.len() || !self.split.folds.iter().zip(folds).all(suits) {
            return Err(FitError::Unsuitable("what the folds predicted is of other rows".into()));
        }
        let conformal = self.conformal(folds);
        if !tuned {
            let on_last_fold = planned.clone();
            return Ok(Decided { choice: planned, on_last_fold, conformal, folds: Vec::new() });
        }
        let mut on_last_fold = planned;
        let mut scores = Vec::with_capacity(folds.len());
        for (k, rows) in self.split.folds.iter().enumerate() {
            on_last_fold = self.tuned(folds, &self.split.beside(k))?;
            scores.push(decided_scores(&self.truth.take(rows), &folds[k].values(), &on_last_fold));
        }
        let choice = self.tuned(folds, &(0..folds.len()).collect::<Vec<_>>())?;
        Ok(Decided { choice, on_last_fold, conformal, folds: scores })
    }

    /// The threshold that is best for the ranking metric on these folds.
    fn tuned(&self, folds: &[&Predicted], of: &[usize]) -> Result<Choice, FitError> {
        let Target::Classes { codes, count: 2 } = &self.truth else {
            return Err(failed("a threshold is between two classes"));
        };
        let (mut truth, mut second) = (Vec::new(), Vec::new());
        for &fold in of {
            truth.extend(self.split.folds[fold].iter().map(|&row| codes[row as usize]));
            second.extend(folds[fold].values().chunks_exact(2).map(|row| row[1]));
        }
        let costs = self.plan.costs.clone();
        let threshold = best_threshold(self.plan.metric, costs.as_ref(), &truth, &second);
        Ok(Choice { rule: Rule::Threshold(threshold), costs })
    }

    fn conformal(&self, folds: &[&Predicted]) -> Option<Conformal> {
        let mut scored = Scored::default();
        let mut rows = 0;
        for (fold, predicted) in self.split.folds.iter().zip(folds) {
            scored.add(&self.truth.take(fold), &predicted.values());
            rows += fold.len() as u64;
        }
        // Every repeat deals the same rows.
        scored.kept(rows / u64::from(self.plan.repeats.max(1)))
    }
}

#[cfg(test)]
mod tests;
