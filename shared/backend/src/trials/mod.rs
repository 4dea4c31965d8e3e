//! One trial: claimed, cross-validated fold by fold, refitted, ended.

mod cache;
mod claim;
mod kept;

pub use cache::TrainerCache;

use crate::app::App;
use crate::idempotency::hex;
use crate::ports::TrialJob;
use crate::problem::{Problem, Result};
use crate::record::load;
use crate::runs::{
    ArtifactRef, FoldRecord, RunRecord, RunStatus, TrialMessage, artifact_key, diagnostics_key,
    dispatch_trials, parts, predictions_key, run_key,
};
use claim::{Claim, End, LEASE, Lost};
use fettle_engine::plan::Origin;
use fettle_engine::trial::{Combined, Finished, Predicted, Trainer, Warning};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often a claim is renewed while a fit goes on.
const BEAT: Duration = Duration::from_secs(LEASE.as_secs().unsigned_abs() / 3);

/// A run's record keeps so many warnings: it is written by every trial that ends.
const MOST_WARNINGS: usize = 10;

/// Progress is written no oftener: folds of small data take milliseconds.
const PROGRESS: Duration = Duration::from_secs(1);

/// Does what a message of the trial queue asks. A second message for the same changes nothing. What is
/// not done by the deadline is given back, for somebody else to go on after the last fold done.
pub async fn work(app: &App, message: &TrialMessage, deadline: Option<Timestamp>) -> Result<()> {
    match message {
        TrialMessage::Run { workspace, run } => dispatch_trials(app, workspace, run).await,
        TrialMessage::Trial(job) => run_trial(app, job, deadline).await,
    }
}

/// Why a trial stops before its end.
enum Stop {
    /// Somebody else works on it.
    Lost,
    /// This process is to stop, or its time is up before the next fold would be done.
    Drain,
    /// Its time was up in the middle of a fit.
    Late,
    /// It ends so.
    End(End),
    /// The try has failed.
    Failed(String),
}

async fn run_trial(app: &App, job: &TrialJob, deadline: Option<Timestamp>) -> Result<()> {
    let Some(mut claim) = Claim::take(app, job).await? else { return Ok(()) };
    if let Some(reason) = claim.used_up() {
        return claim.end(app, End::Failed(reason)).await;
    }
    match folds_and_finish(app, &mut claim, deadline).await? {
        Stop::Lost => Ok(()),
        Stop::Drain => claim.give_back(app).await,
        Stop::Late => claim.lost(app).await,
        Stop::End(end) => {
            let left_behind = kept::left_behind(&claim);
            claim.end(app, end).await?;
            kept::forget(app, &left_behind).await;
            Ok(())
        }
        Stop::Failed(reason) => claim.failed(app, reason).await,
    }
}

async fn folds_and_finish(app: &App, claim: &mut Claim, deadline: Option<Timestamp>) -> Result<Stop> {
    if let Some(stop) = asked_to_stop(app, claim).await? {
        return Ok(stop);
    }
    let trainer = match app.trainers.get(app, &claim.job, &claim.run).await {
        Ok(trainer) => trainer,
        Err(problem) if problem.status() < 500 => {
            return Ok(Stop::End(End::Failed(problem.detail().to_owned())));
        }
        Err(problem) => return Err(problem),
    };
    if claim.trial.origin == Origin::Combined {
        return combine(app, claim, deadline, trainer).await;
    }
    let whole = Arc::clone(&trainer);
    let mut written = Instant::now();
    let mut longest = Duration::ZERO;
    let mut predicted: Vec<Predicted> = Vec::with_capacity(claim.run.folds as usize);
    for k in 0..claim.run.folds {
        let is_done = (k as usize) < claim.trial.folds.len();
        let earlier = if is_done { kept::earlier(app, claim, k).await? } else { None };
        if let Some(earlier) = earlier {
            predicted.push(earlier);
            continue;
        }
        let spec = claim.trial.spec();
        let fit = Arc::clone(&trainer);
        let began = Instant::now();
        let scores = match compute(app, claim, deadline, move || fit.fold(&spec, k)).await? {
            Ok(Ok(scores)) => scores,
            Ok(Err(error)) => return Ok(Stop::End(End::Failed(error.to_string()))),
            Err(stop) => return Ok(stop),
        };
        let took = began.elapsed();
        longest = longest.max(took);
        kept::keep(app, claim, Some(k), &scores.predictions, took).await?;
        predicted.push(scores.predictions);
        if !is_done {
            claim.done(FoldRecord { metrics: scores.metrics, fit_s: took.as_secs_f64() });
        }
        // The last two fits are on all rows: they take about as long as three folds.
        let next = if k + 1 < claim.run.folds { longest } else { longest * 3 };
        if deadline.is_some_and(|deadline| app.now() + next > deadline) {
            return Ok(Stop::Drain);
        }
        if written.elapsed() >= PROGRESS {
            if claim.renew(app).await?.is_err() {
                return Ok(Stop::Lost);
            }
            written = Instant::now();
            if let Some(stop) = asked_to_stop(app, claim).await? {
                return Ok(stop);
            }
        } else if app.is_stopping() {
            return Ok(Stop::Drain);
        }
    }
    let spec = claim.trial.spec();
    let finished = match compute(app, claim, deadline, move || trainer.finish(&spec, &predicted)).await? {
        Ok(Ok(finished)) => finished,
        Ok(Err(error)) => return Ok(Stop::End(End::Failed(error.to_string()))),
        Err(stop) => return Ok(stop),
    };
    kept::keep(app, claim, None, &finished.predictions, Duration::ZERO).await?;
    let mut warnings = Vec::new();
    if claim.trial.number == 1 {
        let found = compute(app, claim, deadline, move || whole.warnings().to_vec()).await?;
        warnings = match found {
            Ok(found) => found.into_iter().take(MOST_WARNINGS).collect(),
            Err(stop) => return Ok(stop),
        };
    }
    succeed(app, claim, finished, warnings).await
}

/// Combines trials that have ended, from what they predicted: seconds, where fitting takes minutes.
async fn combine(
    app: &App,
    claim: &mut Claim,
    deadline: Option<Timestamp>,
    trainer: Arc<Trainer>,
) -> Result<Stop> {
    let TrialJob { workspace, run, .. } = claim.job.clone();
    let (_, trials) = parts(app, &workspace, &run).await?;
    let mut members = Vec::with_capacity(claim.trial.members.len());
    for number in &claim.trial.members {
        let Some(trial) = trials.iter().find(|trial| trial.number == *number) else {
            return Ok(Stop::End(End::Failed(format!("the run has no trial {number}"))));
        };
        let Some(artifact) = &trial.artifact else {
            return Ok(Stop::End(End::Failed(format!("trial {number} has no model"))));
        };
        let storage = &*app.slots.storage;
        let mut folds = Vec::with_capacity(claim.run.folds as usize);
        for fold in 0..claim.run.folds {
            let key = predictions_key(&workspace, &run, &trial.id, Some(fold));
            folds.push(Predicted::from_bytes(&storage.get(&key).await?));
        }
        let holdout = storage.get(&predictions_key(&workspace, &run, &trial.id, None)).await?;
        let artifact = storage.get(&artifact_key(&workspace, &artifact.sha256)).await?;
        members.push(Combined { folds, holdout: Predicted::from_bytes(&holdout), artifact });
    }
    let spec = claim.trial.spec();
    let began = Instant::now();
    let combined = compute(app, claim, deadline, move || trainer.combine(&spec, &members)).await?;
    let (folds, finished) = match combined {
        Ok(Ok(combined)) => combined,
        Ok(Err(error)) => return Ok(Stop::End(End::Failed(error.to_string()))),
        Err(stop) => return Ok(stop),
    };
    let fit_s = began.elapsed().as_secs_f64() / folds.len().max(1) as f64;
    claim.trial.folds.clear();
    for fold in folds {
        claim.done(FoldRecord { metrics: fold.metrics, fit_s });
    }
    succeed(app, claim, finished, Vec::new()).await
}

/// Stores a finished trial's model, and what is known of it.
async fn succeed(app: &App, claim: &mut Claim, finished: Finished, warnings: Vec<Warning>) -> Result<Stop> {
    for (fold, metrics) in claim.trial.folds.iter_mut().zip(finished.folds) {
        fold.metrics = metrics;
    }
    let key = diagnostics_key(&claim.job.workspace, &claim.job.run, &claim.trial.id);
    let diagnostics = serde_json::to_vec(&finished.diagnostics).map_err(Problem::internal)?;
    app.slots.storage.put(&key, &diagnostics).await?;
    let sha256 = hex(&Sha256::digest(&finished.artifact));
    let artifact = ArtifactRef { bytes: finished.artifact.len() as u64, sha256 };
    app.slots.storage.put(&artifact_key(&claim.job.workspace, &artifact.sha256), &finished.artifact).await?;
    Ok(Stop::End(End::Succeeded { holdout: finished.holdout, artifact, warnings }))
}

/// Whether the trial is to stop here: the process drains, the run was cancelled, or its time is up.
async fn asked_to_stop(app: &App, claim: &Claim) -> Result<Option<Stop>> {
    if app.is_stopping() {
        return Ok(Some(Stop::Drain));
    }
    let key = run_key(&claim.job.workspace, &claim.job.run);
    let Some(run) = load::<RunRecord>(&*app.slots.database, &key).await? else { return Ok(Some(Stop::Lost)) };
    let run = run.value;
    if run.status == RunStatus::Cancelled {
        return Ok(Some(Stop::End(End::Cancelled)));
    }
    let (Some(until), Some(started)) = (run.until_s, run.started_at) else { return Ok(None) };
    let up = app.now().duration_since(started).as_secs_f64() >= until;
    let budget = run.time_budget_s.unwrap_or_default();
    Ok(up.then(|| {
        Stop::End(End::Skipped(if until < f64::from(budget) {
            format!("{until} s of the run's {budget} s were used up, and the rest is for what comes after")
        } else {
            format!("the run's time budget of {budget} s was used up")
        }))
    }))
}

/// Runs a fit on a thread of its own and renews the claim meanwhile. A panic is a failed try.
async fn compute<T, F>(
    app: &App,
    claim: &mut Claim,
    deadline: Option<Timestamp>,
    work: F,
) -> Result<std::result::Result<T, Stop>>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let mut work = tokio::task::spawn_blocking(work);
    let mut lost = false;
    let left = deadline.map(|deadline| deadline.duration_since(app.now()).max(SignedDuration::ZERO));
    let late = async {
        match left {
            Some(left) => tokio::time::sleep(left.unsigned_abs()).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(late);
    loop {
        tokio::select! {
            done = &mut work => {
                return Ok(match done {
                    Ok(_) if lost => Err(Stop::Lost),
                    Ok(done) => Ok(done),
                    Err(error) => Err(Stop::Failed(panic_reason(error))),
                });
            }
            // A fit can not be stopped: its thread goes on to its end, for nobody.
            () = &mut late => return Ok(Err(if lost { Stop::Lost } else { Stop::Late })),
            () = tokio::time::sleep(BEAT), if !lost => {
                // A fit can not be stopped: when the claim is lost its result is thrown away.
                match claim.renew(app).await {
                    Ok(Ok(())) => {}
                    Ok(Err(Lost)) => lost = true,
                    Err(problem) => tracing::warn!(trial = claim.job.trial, %problem, "the lease was not renewed"),
                }
            }
        }
    }
}

fn panic_reason(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "the fit was stopped".to_owned() };
    let words = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!("the fit panicked: {}", words.unwrap_or_else(|| "no words".to_owned()))
}
