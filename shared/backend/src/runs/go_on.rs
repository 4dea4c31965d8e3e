//! From one stage of a run to the next, and to its end.

use super::record::{RunRecord, RunStatus, TrialRecord, trial_key};
use super::{TrialMessage, change, event, parts, scores, send_telling, telling};
use crate::app::App;
use crate::due::{self, Due, DueKey};
use crate::events::Tell;
use crate::ports::{QueueName, TrialJob, Write};
use crate::problem::{Kind, Problem, Result};
use crate::record::{create, load};
use fettle_engine::plan::TrialSpec;
use fettle_engine::search::{Outcome, Step, Time, next};
use jiff::Timestamp;
use serde_json::json;

/// Goes on with a run whose trials have all ended: with trials that they lead to, or to its end. Of many
/// that try at once one does; to try again when somebody has gone on changes nothing.
pub(crate) async fn go_on(app: &App, workspace: &str, run: &str) -> Result<()> {
    let Some(record) = load::<RunRecord>(&*app.slots.database, &super::run_key(workspace, run)).await? else {
        return Ok(());
    };
    let record = record.value;
    if record.remaining > 0 || record.status.is_over() {
        return Ok(());
    }
    let (plan, trials) = parts(app, workspace, run).await?;
    let began = record.started_at.unwrap_or(record.created_at);
    let time = Time {
        elapsed_s: app.now().duration_since(began).as_secs_f64(),
        budget_s: record.time_budget_s.map(f64::from),
    };
    let done: Vec<Outcome> = trials.iter().map(|trial| outcome(trial, &record)).collect();
    match next(&plan, &done, time) {
        Step::Trials { trials, until_s } => begin(app, workspace, &record, &trials, until_s).await,
        Step::Done(more) => end(app, workspace, &record, &more).await,
    }
}

fn outcome(trial: &TrialRecord, run: &RunRecord) -> Outcome {
    let score = scores(&trial.folds).get(&run.metric).map(|score| score.mean);
    let succeeded = trial.status == super::TrialStatus::Succeeded;
    Outcome { number: trial.number, spec: trial.spec(), score: score.filter(|_| succeeded) }
}

/// Writes the trials of the next stage, and hands them over.
async fn begin(
    app: &App,
    workspace: &str,
    seen: &RunRecord,
    specs: &[TrialSpec],
    until_s: Option<f64>,
) -> Result<()> {
    let trials: Vec<TrialRecord> = specs
        .iter()
        .zip(seen.trials + 1..)
        .map(|(spec, number)| TrialRecord::new(app.ids.id("trl"), number, spec))
        .collect();
    let now = app.now();
    let mut ours = false;
    change(app, workspace, &seen.id, |record| {
        ours = false;
        if record.trials != seen.trials || record.remaining > 0 || record.status.is_over() {
            return Ok(None);
        }
        record.trials += trials.len() as u32;
        record.remaining = trials.len() as u32;
        record.until_s = until_s;
        let names: Vec<&str> = trials.iter().map(|trial| trial.estimator.as_str()).collect();
        let summary = format!("{} more trials: {}", names.len(), names.join(", "));
        let data = json!({ "trials": names.len() });
        let mut writes = vec![event(workspace, record, now, "run.continued", summary, data)?];
        for trial in &trials {
            writes.push(create(trial_key(workspace, &record.id, &trial.id), trial)?);
        }
        ours = true;
        Ok(Some(writes))
    })
    .await?;
    if !ours {
        return Ok(());
    }
    let job = |trial: TrialRecord| TrialJob {
        workspace: workspace.to_owned(),
        run: seen.id.clone(),
        trial: trial.id,
    };
    let jobs: Vec<TrialJob> = trials.into_iter().map(job).collect();
    app.slots.compute.start(&jobs).await?;
    Ok(())
}

async fn end(app: &App, workspace: &str, seen: &RunRecord, more: &[String]) -> Result<()> {
    let mut tell = None;
    change(app, workspace, &seen.id, |record| {
        tell = None;
        if record.trials != seen.trials || record.remaining > 0 || record.status.is_over() {
            return Ok(None);
        }
        record.more = more.to_vec();
        let (message, writes) = close(workspace, record, app.now())?;
        tell = Some(message);
        Ok(Some(writes))
    })
    .await?;
    if let Some(tell) = tell {
        app.trainers.forget(&seen.id);
        send_telling(app, &tell).await;
    }
    Ok(())
}

/// The writes by which a run whose last trial has ended is gone on with soon, whatever happens to whoever
/// ended it.
pub(crate) fn go_on_soon(workspace: &str, run: &mut RunRecord, now: Timestamp) -> Result<Vec<Write>> {
    let message = TrialMessage::Run { workspace: workspace.to_owned(), run: run.id.clone() };
    let entry = Due::new(QueueName::Trial, &message)?;
    let (key, writes) = due::renew(run.due.as_ref(), now + due::GRACE, workspace, &run.id, &entry)?;
    run.due = Some(key);
    Ok(writes)
}

/// A run's end, and the message that tells of it.
pub(crate) fn close(workspace: &str, run: &mut RunRecord, now: Timestamp) -> Result<(Tell, Vec<Write>)> {
    let told = last_event(workspace, run, now)?;
    end_with(workspace, run, now, told)
}

/// The writes of a run that ends now with this event, and the message that tells of it.
pub(super) fn end_with(
    workspace: &str,
    run: &mut RunRecord,
    now: Timestamp,
    event: Write,
) -> Result<(Tell, Vec<Write>)> {
    run.finished_at = Some(now);
    let mut writes = vec![event];
    writes.extend(run.due.take().as_ref().map(DueKey::remove));
    let (tell, write) = telling(workspace, run, now)?;
    writes.push(write);
    Ok((tell, writes))
}

/// The run's last state and the event that says so.
fn last_event(workspace: &str, run: &mut RunRecord, now: Timestamp) -> Result<Write> {
    if let Some(best) = &run.best {
        run.status = RunStatus::Succeeded;
        let (summary, data) =
            (format!("the best trial is {}", best.trial), json!({ "best": best.trial, "score": best.score }));
        return event(workspace, run, now, "run.succeeded", summary, data);
    }
    run.status = RunStatus::Failed;
    let reason = match run.time_budget_s {
        Some(budget) => format!("no trial succeeded; the time budget was {budget} s"),
        None => "no trial succeeded".to_owned(),
    };
    let problem =
        Problem::new(Kind::WrongState, reason.clone()).remedy("the leaderboard has each trial's reason");
    run.error = Some(problem.body());
    event(workspace, run, now, "run.failed", reason, json!(null))
}
