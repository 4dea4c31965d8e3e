//! Trials: an estimator with its parameters, fitted and measured on each fold, then on all rows.

mod combined;
mod decided;
mod memory;
mod rows;
mod warnings;

use std::sync::{Arc, OnceLock};

use self::decided::Decided;
use self::rows::Learned;
pub use self::warnings::{Warning, WarningKind};
use crate::artifact::{Contents, Member};
use crate::classes::Classes;
use crate::combine::Combination;
use crate::decide::Choice;
use crate::diagnostics::{Basis, Diagnostics, Subject, sample};
use crate::estimators::{Estimator, Fit, FitError, Fitted, Params, Target, find};
use crate::explain::{Background, KEPT_ROWS};
use crate::matrix::Matrix;
use crate::metrics::{Scores, decided_scores};
use crate::plan::{Plan, TrialSpec};
use crate::prepared::{Cache, Part, Prepared};
use crate::preprocess::{kept, weights};
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
    /// The table's rows that are learned from; a split's rows point into these.
    rows: Vec<u32>,
    /// The truth of `rows`.
    truth: Target,
    classes: Classes,
    /// How much each of `rows` counts, when a column says so.
    weights: Option<Vec<f64>>,
    split: Split,
    warnings: OnceLock<Vec<Warning>>,
    cache: Cache,
    profile: OnceLock<Profile>,
    /// How much memory a trial has, where that is known.
    memory: Option<u64>,
}

/// A trial on one fold.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldScores {
    /// Every metric of the task that is defined on the fold's rows.
    pub metrics: Scores,
    /// What was predicted for the fold's rows.
    pub predictions: Predicted,
}

/// Predictions for rows that a model did not see, row by row as [`Fitted::predict`] gives them: enough to
/// combine models without fitting them again.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Predicted(Vec<f32>);

impl Predicted {
    fn new(values: &[f64]) -> Predicted {
        Predicted(values.iter().map(|value| *value as f32).collect())
    }

    fn values(&self) -> Vec<f64> {
        self.0.iter().map(|value| f64::from(*value)).collect()
    }

    /// Four bytes a value, little endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// What [`to_bytes`](Predicted::to_bytes) made.
    pub fn from_bytes(bytes: &[u8]) -> Predicted {
        Predicted(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }
}

/// A finished trial that others are combined with.
#[derive(Debug, Clone)]
pub struct Combined {
    /// Of each fold.
    pub folds: Vec<Predicted>,
    /// Of the test set; empty when nothing was held out.
    pub holdout: Predicted,
    /// The model.
    pub artifact: Vec<u8>,
}

/// A trial that has been through all folds.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The metrics of a model fitted on all rows but the test set, on the test set; `None` when
    /// nothing was held out.
    pub holdout: Option<Scores>,
    /// What that model predicted for the test set.
    pub predictions: Predicted,
    /// The model fitted on all rows, as a file.
    pub artifact: Vec<u8>,
    /// What a model that did not see all rows gets right and wrong on those that it did not see: on
    /// the test set, or on the last fold when nothing was held out.
    pub diagnostics: Diagnostics,
    /// The metrics of each fold anew, where they depend on what the other folds teach: they take the place of
    /// those that [`Trainer::fold`] gave. Else empty.
    pub folds: Vec<Scores>,
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
        let Learned { rows, truth, classes, weights } = Learned::new(&table, &plan).map_err(unsuitable)?;
        let learnable = match &truth {
            Target::Classes { count, .. } => *count >= 2,
            Target::Numbers(values) => values.len() >= 2 && values.iter().all(|value| value.is_finite()),
        };
        let planned = plan.classes.is_empty() || plan.classes == classes.names();
        if !learnable
            || !planned
            || features.is_empty()
            || plan.folds < 2
            || plan.repeats < 1
            || !(0.0..1.0).contains(&plan.test_fraction)
        {
            return Err(unsuitable("the plan was not made from this table".into()));
        }
        let split = rows::split(&table, &plan, &rows, &truth).map_err(unsuitable)?;
        let (cache, profile, warnings) = (Cache::default(), OnceLock::new(), OnceLock::new());
        Ok(Trainer {
            table,
            plan,
            target,
            features,
            rows,
            truth,
            classes,
            weights,
            split,
            warnings,
            cache,
            profile,
            memory: None,
        })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Fits a trial on the rows that `fold` learns from, and measures it on those that it validates: the
    /// folds of every repeat, [`Plan::fits`] in all. Preprocessing is fitted on the same rows as the
    /// estimator.
    ///
    /// # Errors
    /// When the trial cannot be fitted, or there is no such fold.
    pub fn fold(&self, trial: &TrialSpec, fold: u32) -> Result<FoldScores, FitError> {
        if fold >= self.plan.fits() {
            return Err(FitError::Unsuitable(format!(
                "there are {} folds, and no fold {fold}",
                self.plan.fits()
            )));
        }
        let (estimator, params) = estimator(trial)?;
        let prepared = self.prepared(Part::Fold(fold), estimator)?;
        let fitted = self.fit(estimator, &params, &prepared)?;
        let predictions = predict(&fitted, &prepared)?;
        let metrics = decided_scores(&prepared.validation_y, &predictions, &self.planned());
        Ok(FoldScores { metrics, predictions: Predicted::new(&predictions) })
    }

    /// Measures and looks at a trial on the test set, or looks at it on the last fold when there is no
    /// test set, and fits it on all rows: two fits, and three on half the rows or fewer for the
    /// learning curve. `folds` are the predictions of all folds, from which the model learns how sure it may
    /// be; without any it gives no intervals.
    ///
    /// # Errors
    /// When the trial cannot be fitted, the predictions are of other rows, or the model is larger than an
    /// artifact may be.
    pub fn finish(&self, trial: &TrialSpec, folds: &[Predicted]) -> Result<Finished, FitError> {
        let (estimator, params) = estimator(trial)?;
        let decided = self.decided(&folds.iter().collect::<Vec<_>>())?;
        let (part, basis, choice) = if self.split.test.is_empty() {
            (Part::Fold(self.plan.fits() - 1), Basis::LastFold, &decided.on_last_fold)
        } else {
            (Part::Rest, Basis::TestRows, &decided.choice)
        };
        let (scores, predicted, diagnostics) = self.look(estimator, &params, part, basis, choice)?;
        let (mut holdout, mut predictions) = (None, Predicted::default());
        if basis == Basis::TestRows {
            (holdout, predictions) = (Some(scores), predicted);
        }
        let prepared = self.prepared(Part::All, estimator)?;
        let fitted = self.fit(estimator, &params, &prepared)?;
        let background = self.background(&fitted, &prepared.x);
        let member = Member { preprocessor: prepared.preprocessor.clone(), fitted, background };
        let rescored = decided.folds.clone();
        let artifact = self.artifact(trial, vec![member], None, decided)?;
        Ok(Finished { holdout, predictions, artifact, diagnostics, folds: rescored })
    }

    /// What explanations compare with: a mean takes one look at every row, but covers a way through every
    /// tree, so that of many rows some stand for all.
    fn background(&self, fitted: &Fitted, x: &Matrix) -> Option<Background> {
        match fitted {
            Fitted::Tree(_) | Fitted::Forest(_) if x.rows() > KEPT_ROWS => {
                fitted.background(&x.take(&sample(x.rows(), KEPT_ROWS, self.plan.seed)))
            }
            _ => fitted.background(x),
        }
    }

    fn artifact(
        &self,
        trial: &TrialSpec,
        members: Vec<Member>,
        combination: Option<Combination>,
        decided: Decided,
    ) -> Result<Vec<u8>, FitError> {
        let contents = Contents {
            engine: env!("CARGO_PKG_VERSION").into(),
            task: self.plan.task,
            target: field(&self.table.columns[self.target]),
            classes: self.classes.names().to_vec(),
            fields: self.columns().into_iter().map(field).collect(),
            members,
            combination,
            rule: decided.choice.rule,
            conformal: decided.conformal,
            estimator: trial.estimator.clone(),
            params: serde_json::Value::Object(trial.params.clone()).to_string(),
            profile: serde_json::to_string(self.profile.get_or_init(|| self.profile())).map_err(failed)?,
        };
        contents.to_bytes().map_err(failed)
    }

    /// Fits on a part's rows, and looks at the model on those that the part measures on.
    fn look(
        &self,
        estimator: &dyn Estimator,
        params: &Params,
        part: Part,
        basis: Basis,
        choice: &Choice,
    ) -> Result<(Scores, Predicted, Diagnostics), FitError> {
        let prepared = self.prepared(part, estimator)?;
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
            choice,
            seed: self.plan.seed,
            refit: &|x, y| estimator.fit(&Fit { x, y, weights: None, seed: self.plan.seed, params }),
        };
        let diagnostics = Diagnostics::new(&subject, basis);
        let scores = decided_scores(&prepared.validation_y, &predictions, choice);
        Ok((scores, Predicted::new(&predictions), diagnostics))
    }

    fn columns(&self) -> Vec<&Column> {
        self.features.iter().map(|at| &self.table.columns[*at]).collect()
    }

    fn prepared(&self, part: Part, estimator: &dyn Estimator) -> Result<Arc<Prepared>, FitError> {
        let needs = estimator.needs();
        let prepared = self.cache.get(part, needs, || {
            let (training, validation) = self.parted(part);
            let (columns, steps) = (self.columns(), &self.plan.preprocessing);
            let places = kept(&columns, &self.in_table(&training), &self.truth.take(&training), steps);
            let training: Vec<u32> = places.into_iter().map(|place| training[place as usize]).collect();
            let y = self.truth.take(&training);
            let own =
                self.weights.as_ref().map(|own| training.iter().map(|&row| own[row as usize]).collect());
            // Without a row that counts there are no weights: told apart below.
            let weights = weights(own, &y, steps).unwrap_or_else(|_| Some(Vec::new()));
            Prepared::new(
                &columns,
                (&self.in_table(&training), y, weights),
                (&self.in_table(&validation), self.truth.take(&validation)),
                needs,
                steps,
                self.plan.seed,
            )
        });
        if prepared.weights.as_ref().is_some_and(Vec::is_empty) {
            let detail = "every row that is learned from has weight 0: give some of them a weight above 0";
            return Err(FitError::Unsuitable(detail.into()));
        }
        Ok(prepared)
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
        self.check_memory(estimator, prepared)?;
        let weights = prepared.weights.as_deref();
        estimator.fit(&Fit { x: &prepared.x, y: &prepared.y, weights, seed: self.plan.seed, params })
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

fn predict(fitted: &Fitted, prepared: &Prepared) -> Result<Vec<f64>, FitError> {
    finite(fitted.predict(&prepared.validation_x))
}

fn finite(predictions: Vec<f64>) -> Result<Vec<f64>, FitError> {
    if predictions.iter().any(|value| !value.is_finite()) {
        return Err(FitError::NotFinite("some predictions are not finite".into()));
    }
    Ok(predictions)
}

#[cfg(test)]
mod tests;
