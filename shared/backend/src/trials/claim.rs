//! The right to work on a trial: taken, kept, given back and ended, each in one transaction.

use crate::app::App;
use crate::due::{self, Due, DueKey};
use crate::ports::{ErrorKind, QueueName, TrialJob, Write};
use crate::problem::Result;
use crate::record::{Stored, load, update};
use crate::runs::{
    ArtifactRef, Best, FoldRecord, Lease, RunRecord, RunStatus, TrialMessage, TrialRecord, TrialStatus,
    change, close, event, go_on, go_on_soon, run_key, scores, send_telling, trial_key,
};
use fettle_engine::metrics::Metric;
use fettle_engine::search::Mode;
use fettle_engine::trial::Warning;
use jiff::SignedDuration;
use serde_json::json;
use std::collections::BTreeMap;

/// How long a lease holds. A worker renews it three times as often.
pub(super) const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// Tries that may end in an error before the trial has failed.
const FAILURES: u32 = 3;

/// Tries whose worker may be lost before the trial has failed. More than [`FAILURES`], since a worker
/// is also lost to a restart, which is no fault of the trial's.
const LOSSES: u32 = 5;

/// How a trial ended.
pub(super) enum End {
    Succeeded { holdout: Option<BTreeMap<Metric, f64>>, artifact: ArtifactRef, warnings: Vec<Warning> },
    Failed(String),
    Skipped(String),
    Cancelled,
}

/// A trial that is ours to work on, for as long as the lease is renewed.
pub(super) struct Claim {
    pub(super) job: TrialJob,
    pub(super) run: RunRecord,
    pub(super) trial: TrialRecord,
    revision: u64,
}

/// The lease is no longer ours: whatever was done since must be thrown away.
#[derive(Debug)]
pub(super) struct Lost;

impl Claim {
    /// Takes the trial; none when there is nothing to do: it has ended, its run is over, or somebody
    /// else works on it.
    pub(super) async fn take(app: &App, job: &TrialJob) -> Result<Option<Claim>> {
        let database = &*app.slots.database;
        let TrialJob { workspace, run, trial } = job;
        let key = trial_key(workspace, run, trial);
        let Some(Stored { value: mut record, revision }) = load::<TrialRecord>(database, &key).await? else {
            return Ok(None);
        };
        if record.status.is_over() {
            return Ok(None);
        }
        let now = app.now();
        if let Some(lease) = &record.lease {
            if lease.until > now && !app.slots.compute.is_gone(&lease.worker).await? {
                return Ok(None);
            }
            record.losses += 1;
        }
        let Some(run_record) = load::<RunRecord>(database, &run_key(workspace, run)).await? else {
            return Ok(None);
        };
        let run_record = run_record.value;

        record.status = TrialStatus::Running;
        let worker = format!("{}/{}", app.boot, app.ids.uuid().simple());
        record.lease = Some(Lease { worker, until: now + LEASE });
        let entry = Due::new(QueueName::Trial, &TrialMessage::Trial(job.clone()))?;
        let (due_key, mut writes) = due::renew(record.due.as_ref(), now + LEASE, workspace, trial, &entry)?;
        record.due = Some(due_key);
        writes.insert(0, update(key, &record, revision)?);

        let (at_trial, written) = if run_record.status == RunStatus::Queued {
            let changed = change(app, workspace, run, |run| {
                if run.status != RunStatus::Queued {
                    return Ok(Some(writes.clone()));
                }
                run.status = RunStatus::Running;
                run.started_at = Some(now);
                let mut all = writes.clone();
                let summary = "the first trial has begun".to_owned();
                all.push(event(workspace, run, now, "run.started", summary, json!(null))?);
                Ok(Some(all))
            });
            // After the run's own write.
            (1, changed.await.map(|run| run.unwrap_or(run_record)))
        } else {
            (0, database.write(&writes).await.map(|()| run_record).map_err(Into::into))
        };
        match written {
            Ok(run) => Ok(Some(Claim { job: job.clone(), run, trial: record, revision: revision + 1 })),
            Err(problem) if problem.conflict_at() == Some(at_trial) => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Why the trial is not to be tried once more, if it is not.
    pub(super) fn used_up(&self) -> Option<String> {
        if self.trial.losses >= LOSSES {
            return Some(format!(
                "its worker was lost {} times in a row, as it is when the memory does not suffice, or the time for a fold",
                self.trial.losses
            ));
        }
        None
    }

    /// Keeps the trial for another while, and writes how far it is.
    pub(super) async fn renew(&mut self, app: &App) -> Result<std::result::Result<(), Lost>> {
        let now = app.now();
        let TrialJob { workspace, trial, .. } = &self.job;
        let entry = Due::new(QueueName::Trial, &TrialMessage::Trial(self.job.clone()))?;
        let (due_key, mut writes) =
            due::renew(self.trial.due.as_ref(), now + LEASE, workspace, trial, &entry)?;
        self.trial.due = Some(due_key);
        if let Some(lease) = &mut self.trial.lease {
            lease.until = now + LEASE;
        }
        self.write(app, &mut writes).await
    }

    /// A fold is done: the trial moves, so the tries are counted anew.
    pub(super) fn done(&mut self, fold: FoldRecord) {
        self.trial.folds.push(fold);
        self.trial.failures = 0;
        self.trial.losses = 0;
    }

    /// Gives the trial back, for the next worker to go on after the last fold done.
    pub(super) async fn give_back(mut self, app: &App) -> Result<()> {
        self.release(app).await
    }

    /// Gives the trial back as one whose worker is lost: it did not get to the end of a fold.
    pub(super) async fn lost(mut self, app: &App) -> Result<()> {
        self.trial.losses += 1;
        self.release(app).await
    }

    async fn release(&mut self, app: &App) -> Result<()> {
        let now = app.now();
        let TrialJob { workspace, trial, .. } = &self.job;
        self.trial.status = TrialStatus::Queued;
        self.trial.lease = None;
        let entry = Due::new(QueueName::Trial, &TrialMessage::Trial(self.job.clone()))?;
        let (due_key, mut writes) =
            due::renew(self.trial.due.as_ref(), now + due::GRACE, workspace, trial, &entry)?;
        self.trial.due = Some(due_key);
        if self.write(app, &mut writes).await?.is_ok() {
            app.slots.compute.start(std::slice::from_ref(&self.job)).await?;
        }
        Ok(())
    }

    /// A try has ended in an error: the trial is tried again, or has failed.
    pub(super) async fn failed(mut self, app: &App, reason: String) -> Result<()> {
        self.trial.failures += 1;
        if self.trial.failures >= FAILURES {
            return self.end(app, End::Failed(reason)).await;
        }
        tracing::warn!(
            run = self.job.run,
            trial = self.job.trial,
            reason,
            "a try has failed; the trial is tried again"
        );
        self.trial.error = Some(reason);
        self.release(app).await
    }

    async fn write(&mut self, app: &App, with: &mut Vec<Write>) -> Result<std::result::Result<(), Lost>> {
        let TrialJob { workspace, run, trial } = &self.job;
        let at_trial = with.len();
        with.push(update(trial_key(workspace, run, trial), &self.trial, self.revision)?);
        match app.slots.database.write(with).await {
            Ok(()) => {
                self.revision += 1;
                Ok(Ok(()))
            }
            Err(error) if error.kind() == (ErrorKind::Conflict { at: at_trial }) => Ok(Err(Lost)),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the trial, and with the last one the run: one transaction, in which the trial's revision
    /// proves that the lease is still ours.
    pub(super) async fn end(mut self, app: &App, end: End) -> Result<()> {
        let now = app.now();
        let TrialJob { workspace, run, trial } = self.job.clone();
        let mut warnings = Vec::new();
        let (status, error) = match end {
            End::Succeeded { holdout, artifact, warnings: found } => {
                warnings = found;
                self.trial.holdout = holdout;
                self.trial.artifact = Some(artifact);
                (TrialStatus::Succeeded, None)
            }
            End::Failed(reason) => (TrialStatus::Failed, Some(reason)),
            End::Skipped(reason) => (TrialStatus::Skipped, Some(reason)),
            End::Cancelled => (TrialStatus::Cancelled, None),
        };
        self.trial.status = status;
        self.trial.error = error;
        self.trial.lease = None;
        let due = self.trial.due.take();
        let mut tell = None;
        let mut goes_on = false;
        let ended = change(app, &workspace, &run, |record| {
            tell = None;
            goes_on = false;
            let mut writes = vec![update(trial_key(&workspace, &run, &trial), &self.trial, self.revision)?];
            writes.extend(due.as_ref().map(DueKey::remove));
            record.remaining -= 1;
            self.rank(record);
            if !warnings.is_empty() && record.warnings.is_empty() {
                record.warnings.clone_from(&warnings);
                let summary = warnings[0].detail.clone();
                let data = json!({ "warnings": warnings });
                writes.push(event(&workspace, record, now, "run.warned", summary, data)?);
            }
            let summary = summary(&self.trial, record.metric);
            let data =
                json!({ "trial": trial, "estimator": self.trial.estimator, "remaining": record.remaining });
            writes.push(event(
                &workspace,
                record,
                now,
                &format!("trial.{}", status.as_str()),
                summary,
                data,
            )?);
            if record.remaining == 0 && !record.status.is_over() && record.mode != Mode::Compare {
                writes.extend(go_on_soon(&workspace, record, now)?);
                goes_on = true;
            } else if record.remaining == 0 && !record.status.is_over() {
                let (message, ending) = close(&workspace, record, now)?;
                writes.extend(ending);
                tell = Some(message);
            }
            Ok(Some(writes))
        })
        .await;
        match ended {
            Ok(_) => {}
            // After the run's own write.
            Err(problem) if problem.conflict_at() == Some(1) => {
                tracing::warn!(run, trial, "the lease was lost: somebody else works on the trial");
                return Ok(());
            }
            Err(problem) => return Err(problem),
        }
        if let Some(tell) = tell {
            app.trainers.forget(&run);
            send_telling(app, &tell).await;
        }
        if goes_on { go_on(app, &workspace, &run).await } else { Ok(()) }
    }

    /// Makes this trial the run's best, if it is.
    fn rank(&self, run: &mut RunRecord) {
        if self.trial.status != TrialStatus::Succeeded {
            return;
        }
        let Some(score) = scores(&self.trial.folds).get(&run.metric).map(|score| score.mean) else { return };
        let better = match &run.best {
            None => true,
            // Of two that are equal the earlier in the plan wins, whichever ended first.
            #[allow(clippy::float_cmp, reason = "equal to the bit is what equal means here")]
            Some(best) if best.score == score => self.trial.number < best.number,
            Some(best) if run.metric.greater_is_better() => score > best.score,
            Some(best) => score < best.score,
        };
        if better {
            run.best = Some(Best { trial: self.trial.id.clone(), number: self.trial.number, score });
        }
    }
}

fn summary(trial: &TrialRecord, metric: Metric) -> String {
    match (&trial.error, scores(&trial.folds).get(&metric)) {
        (Some(error), _) => format!("{}: {error}", trial.estimator),
        (None, Some(score)) => format!("{}: {} {:.4}", trial.estimator, metric.name(), score.mean),
        (None, None) => trial.estimator.clone(),
    }
}
