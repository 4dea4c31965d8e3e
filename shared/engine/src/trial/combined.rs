//! Trials combined from what their members predicted.

use super::{Combined, Finished, FoldScores, Predicted, Trainer, failed, finite};
use crate::artifact::{Contents, Member};
use crate::combine::{Combination, Method};
use crate::diagnostics::{Basis, Diagnostics};
use crate::estimators::FitError;
use crate::metrics::decided_scores;
use crate::plan::TrialSpec;

impl Trainer {
    /// Combines trials that have been through all folds: on each fold as the other folds' predictions
    /// teach, then on the test set and for the model as all of them do. Fits nothing but the combination.
    ///
    /// # Errors
    /// When the trial is none that combines, or the members are not of this plan.
    pub fn combine(
        &self,
        trial: &TrialSpec,
        members: &[Combined],
    ) -> Result<(Vec<FoldScores>, Finished), FitError> {
        let method = Method::find(&trial.estimator)
            .ok_or_else(|| FitError::Unsuitable(format!("'{}' combines nothing", trial.estimator)))?;
        if members.iter().any(|member| member.folds.len() != self.split.folds.len()) {
            return Err(FitError::Unsuitable("a member has not been through all folds".into()));
        }
        let planned = self.planned();
        let mut folds = Vec::with_capacity(self.split.folds.len());
        let mut last = Vec::new();
        for (k, rows) in self.split.folds.iter().enumerate() {
            let combination = self.combination(method, members, &self.split.beside(k))?;
            last = self.apply(&combination, members, &|member| &member.folds[k], rows)?;
            let metrics = decided_scores(&self.truth.take(rows), &last, &planned);
            folds.push(FoldScores { metrics, predictions: Predicted::new(&last) });
        }
        let combination = self.combination(method, members, &(0..folds.len()).collect::<Vec<_>>())?;
        let decided = self.decided(&folds.iter().map(|fold| &fold.predictions).collect::<Vec<_>>())?;
        for (fold, metrics) in folds.iter_mut().zip(&decided.folds) {
            fold.metrics.clone_from(metrics);
        }
        let look = |rows: &[u32], predictions: &[f64], choice, basis| {
            let (truth, names) = (self.truth.take(rows), self.classes.names());
            let ranked = (self.plan.metric, self.plan.seed);
            Diagnostics::of_predictions(&truth, predictions, names, ranked, choice, basis)
        };
        let (holdout, predictions, diagnostics) = if self.split.test.is_empty() {
            let rows = self.split.folds.last().ok_or_else(|| failed("there is nothing to look at"))?;
            (None, Predicted::default(), look(rows, &last, &decided.on_last_fold, Basis::LastFold))
        } else {
            let rows = &self.split.test;
            let predicted = self.apply(&combination, members, &|member| &member.holdout, rows)?;
            let metrics = decided_scores(&self.truth.take(rows), &predicted, &decided.choice);
            let diagnostics = look(rows, &predicted, &decided.choice, Basis::TestRows);
            (Some(metrics), Predicted::new(&predicted), diagnostics)
        };
        let mut parts: Vec<Member> = Vec::with_capacity(members.len());
        for member in members {
            parts.extend(Contents::from_bytes(&member.artifact).map_err(failed)?.members);
        }
        let rescored = decided.folds.clone();
        let artifact = self.artifact(trial, parts, Some(combination), decided)?;
        Ok((folds, Finished { holdout, predictions, artifact, diagnostics, folds: rescored }))
    }

    /// The combination that these folds' predictions teach.
    fn combination(
        &self,
        method: Method,
        members: &[Combined],
        folds: &[usize],
    ) -> Result<Combination, FitError> {
        let rows: Vec<u32> = folds.iter().flat_map(|fold| self.split.folds[*fold].iter().copied()).collect();
        let each = members
            .iter()
            .map(|member| folds.iter().flat_map(|fold| member.folds[*fold].values()).collect::<Vec<f64>>());
        Combination::fit(method, &self.truth.take(&rows), &each.collect::<Vec<_>>(), self.plan.seed)
    }

    /// What the members, combined, predict for `rows`.
    fn apply(
        &self,
        combination: &Combination,
        members: &[Combined],
        of: &dyn Fn(&Combined) -> &Predicted,
        rows: &[u32],
    ) -> Result<Vec<f64>, FitError> {
        let outputs = self.truth.outputs();
        let each: Vec<Vec<f64>> = members.iter().map(|member| of(member).values()).collect();
        if each.iter().any(|predictions| predictions.len() != rows.len() * outputs) {
            return Err(FitError::Unsuitable("a member's predictions are of other rows".into()));
        }
        finite(combination.apply(&each, outputs))
    }
}
