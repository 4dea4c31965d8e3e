//! Trials: an estimator with its parameters, fitted and measured on each fold, then on all rows.

use std::sync::{Arc, OnceLock};

use crate::artifact::Contents;
use crate::classes::{Classes, present, truth};
use crate::diagnostics::{Basis, Diagnostics, Subject};
use crate::estimators::{Estimator, Fit, FitError, Fitted, Params, Target, find};
use crate::metrics::{Scores, scores};
use crate::plan::{Plan, TrialSpec};
use crate::prepared::{Cache, Part, Prepared};
use crate::split::Split;
use crate::table::{Column, Field, Profile, Table, profile};

/// Fits and measures the trials of one plan on one table. Built once and shared: trials and their
/// folds may run at the same time on any number of threads, with the same results to the byte.
///
/// Between two calls is where a trial can be stopped and taken up again, here or elsewhere.
#[derive(Debug)]
pub struct Trainer {
    table: Arc<Table>,
    plan: Plan,
    target: usize,
    /// The columns that are learned from.
    features: Vec<usize>,
    /// The table's rows that have a target; a split's rows point into these.
    rows: Vec<u32>,
    /// The truth of `rows`.
    truth: Target,
    classes: Classes,
    split: Split,
    cache: Cache,
    profile: OnceLock<Profile>,
}

/// A trial on one fold.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldScores {
    /// Every metric of the task that is defined on the fold's rows.
    pub metrics: Scores,
}

/// A trial that has been through all folds.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The metrics of a model fitted on all rows but the test set, on the test set; `None` when
    /// nothing was held out.
    pub holdout: Option<Scores>,
    /// The model fitted on all rows, as a file.
    pub artifact: Vec<u8>,
    /// What a model that did not see all rows gets right and wrong on those that it did not see: on
    /// the test set, or on the last fold when nothing was held out.
    pub diagnostics: Diagnostics,
}

impl Trainer {
    /// Takes a table and the plan that was made from its profile. O(rows log rows).
    ///
    /// # Errors
    /// When the plan is not of this table.
    pub fn new(table: impl Into<Arc<Table>>, plan: Plan) -> Result<Trainer, FitError> {
        let table = table.into();
        let unsuitable = |what: String| FitError::Unsuitable(what);
        let place = |name: &str| {
            let place = table.columns.iter().position(|column| column.name == name);
            place.ok_or_else(|| unsuitable(format!("the table has no column '{name}'")))
        };
        let target = place(&plan.target)?;
        let mut features = Vec::new();
        for feature in plan.features.iter().filter(|feature| feature.used) {
            let at = place(&feature.name)?;
            if table.columns[at].kind != feature.kind {
                let kinds = (feature.kind.code(), table.columns[at].kind.code());
                return Err(unsuitable(format!(
                    "'{}' is planned as {}, and it is {}",
                    feature.name, kinds.0, kinds.1
                )));
            }
            features.push(at);
        }
        let column = &table.columns[target];
        let rows = present(column);
        let (truth, classes) = truth(column, &rows, plan.task.is_classification()).map_err(unsuitable)?;
        let learnable = match &truth {
            Target::Classes { count, .. } => *count >= 2,
            Target::Numbers(values) => values.len() >= 2 && values.iter().all(|value| value.is_finite()),
        };
        let planned = plan.classes.is_empty() || plan.classes == classes.names();
        if !learnable
            || !planned
            || features.is_empty()
            || plan.folds < 2
            || !(0.0..1.0).contains(&plan.test_fraction)
        {
            return Err(unsuitable("the plan was not made from this table".into()));
        }
        let split = Split::new(&truth, plan.folds as usize, plan.test_fraction, plan.seed);
        let (cache, profile) = (Cache::default(), OnceLock::new());
        Ok(Trainer { table, plan, target, features, rows, truth, classes, split, cache, profile })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Fits a trial on all folds but `fold`, and measures it there. Preprocessing is fitted on the same
    /// rows as the estimator.
    ///
    /// # Errors
    /// When the trial cannot be fitted, or there is no such fold.
    pub fn fold(&self, trial: &TrialSpec, fold: u32) -> Result<FoldScores, FitError> {
        if fold >= self.plan.folds {
            return Err(FitError::Unsuitable(format!(
                "there are {} folds, and no fold {fold}",
                self.plan.folds
            )));
        }
        let (estimator, params) = estimator(trial)?;
        let prepared = self.prepared(Part::Fold(fold), estimator);
        let fitted = self.fit(estimator, &params, &prepared)?;
        Ok(FoldScores { metrics: measure(&fitted, &prepared)? })
    }

    /// Measures and looks at a trial on the test set, or looks at it on the last fold when there is no
    /// test set, and fits it on all rows: two fits, and three on half the rows or fewer for the
    /// learning curve.
    ///
    /// # Errors
    /// When the trial cannot be fitted, or the model is larger than an artifact may be.
    pub fn finish(&self, trial: &TrialSpec) -> Result<Finished, FitError> {
        let (estimator, params) = estimator(trial)?;
        let (part, basis) = if self.split.test.is_empty() {
            (Part::Fold(self.plan.folds - 1), Basis::LastFold)
        } else {
            (Part::Rest, Basis::TestRows)
        };
        let (scores, diagnostics) = self.look(estimator, &params, part, basis)?;
        let prepared = self.prepared(Part::All, estimator);
        let fitted = self.fit(estimator, &params, &prepared)?;
        let contents = Contents {
            engine: env!("CARGO_PKG_VERSION").into(),
            task: self.plan.task,
            target: field(&self.table.columns[self.target]),
            classes: self.classes.names().to_vec(),
            fields: self.columns().into_iter().map(field).collect(),
            preprocessor: prepared.preprocessor.clone(),
            fitted,
            estimator: trial.estimator.clone(),
            params: serde_json::Value::Object(trial.params.clone()).to_string(),
            profile: serde_json::to_string(self.profile.get_or_init(|| self.profile())).map_err(failed)?,
        };
        let artifact = contents.to_bytes().map_err(failed)?;
        Ok(Finished { holdout: (basis == Basis::TestRows).then_some(scores), artifact, diagnostics })
    }

    /// Fits on a part's rows, and looks at the model on those that the part measures on.
    fn look(
        &self,
        estimator: &dyn Estimator,
        params: &Params,
        part: Part,
        basis: Basis,
    ) -> Result<(Scores, Diagnostics), FitError> {
        let prepared = self.prepared(part, estimator);
        let fitted = self.fit(estimator, params, &prepared)?;
        let predictions = predict(&fitted, &prepared)?;
        let subject = Subject {
            fitted: &fitted,
            training_x: &prepared.x,
            training_y: &prepared.y,
            x: &prepared.validation_x,
            y: &prepared.validation_y,
            predictions: &predictions,
            origins: prepared.preprocessor.origins(),
            columns: self.columns(),
            rows: &self.in_table(&self.parted(part).1),
            classes: self.classes.names(),
            metric: self.plan.metric,
            seed: self.plan.seed,
            refit: &|x, y| estimator.fit(&Fit { x, y, weights: None, seed: self.plan.seed, params }),
        };
        let diagnostics = Diagnostics::new(&subject, basis);
        Ok((scores(&prepared.validation_y, &predictions), diagnostics))
    }

    fn columns(&self) -> Vec<&Column> {
        self.features.iter().map(|at| &self.table.columns[*at]).collect()
    }

    fn prepared(&self, part: Part, estimator: &dyn Estimator) -> Arc<Prepared> {
        let needs = estimator.needs();
        self.cache.get(part, needs, || {
            let (training, validation) = self.parted(part);
            Prepared::new(
                &self.columns(),
                (&self.in_table(&training), self.truth.take(&training)),
                (&self.in_table(&validation), self.truth.take(&validation)),
                needs,
                self.plan.seed,
            )
        })
    }

    /// The rows to learn from and those to measure on.
    fn parted(&self, part: Part) -> (Vec<u32>, Vec<u32>) {
        match part {
            Part::Fold(fold) => (self.split.training(fold as usize), self.split.folds[fold as usize].clone()),
            Part::Rest => (self.split.rest(), self.split.test.clone()),
            Part::All => ((0..self.rows.len() as u32).collect(), Vec::new()),
        }
    }

    /// Where in the table such rows are.
    fn in_table(&self, rows: &[u32]) -> Vec<u32> {
        rows.iter().map(|&row| self.rows[row as usize]).collect()
    }

    fn fit(
        &self,
        estimator: &dyn Estimator,
        params: &Params,
        prepared: &Prepared,
    ) -> Result<Fitted, FitError> {
        estimator.fit(&Fit { x: &prepared.x, y: &prepared.y, weights: None, seed: self.plan.seed, params })
    }

    /// The profile of what was learned from, one column at a time so that only one is copied.
    fn profile(&self) -> Profile {
        let learned = self.columns().into_iter().chain([&self.table.columns[self.target]]);
        let columns = learned.flat_map(|column| {
            let (name, values) = (column.name.clone(), column.values.take(&self.rows));
            let column = Column { name, kind: column.kind, values };
            profile(&Table { columns: vec![column], rows: self.rows.len() }).columns
        });
        Profile { rows: self.rows.len() as u64, columns: columns.collect() }
    }
}

fn failed(error: impl std::fmt::Display) -> FitError {
    FitError::Failed(error.to_string())
}

fn field(column: &Column) -> Field {
    Field { name: column.name.clone(), kind: column.kind }
}

fn estimator(trial: &TrialSpec) -> Result<(&'static dyn Estimator, Params), FitError> {
    let estimator = find(&trial.estimator)
        .ok_or_else(|| FitError::Unsuitable(format!("there is no estimator '{}'", trial.estimator)))?;
    let params = Params::check(estimator.parameters(), &trial.params)
        .map_err(|error| FitError::Unsuitable(format!("{error}: {}", error.remedy)))?;
    Ok((estimator, params))
}

fn measure(fitted: &Fitted, prepared: &Prepared) -> Result<Scores, FitError> {
    Ok(scores(&prepared.validation_y, &predict(fitted, prepared)?))
}

fn predict(fitted: &Fitted, prepared: &Prepared) -> Result<Vec<f64>, FitError> {
    let predictions = fitted.predict(&prepared.validation_x);
    if predictions.iter().any(|value| !value.is_finite()) {
        return Err(FitError::NotFinite("some predictions are not finite".into()));
    }
    Ok(predictions)
}

#[cfg(test)]
mod tests;
