//! Runs: from a request to train to a leaderboard.

mod go_on;
mod look;
mod record;
mod view;

pub(crate) use go_on::{close, go_on, go_on_soon};
pub use look::{Format, Plots, Preprocessed, plot, plots, preprocessing, report};
pub(crate) use record::{
    ArtifactRef, Best, DatasetRef, FoldRecord, Lease, RunRecord, TrialRecord, artifact_key, diagnostics_key,
    event_key, heads, plan_key, predictions_key, run_key, trial_key, trials_partition,
};
pub use record::{Event, Events, LeaderboardEntry, NewRun, Progress, Run, RunStatus, Score, TrialStatus};
pub(crate) use view::scores;

use crate::app::App;
use crate::datasets;
use crate::due::{self, Due};
use crate::events::{self, Tell};
use crate::idempotency::{Idempotency, Seen};
use crate::ids::is_id;
use crate::limits::check_name;
use crate::operation::Call;
use crate::ports::{Outgoing, Query, QueueName, TrialJob, Write};
use crate::problem::{Kind, Problem, Result};
use crate::record::{List, PageRequest, Stored, all, create, list as page, load};
use fettle_engine::plan::{Plan, plan};
use fettle_engine::search::compare_until;
use jiff::Timestamp;
use record::{events_partition, runs_partition};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// The longest wait for an event, in seconds: under API Gateway's limit.
const LONGEST_WAIT_S: u64 = 20;

/// The most trials of a run: they are written in one transaction.
const MOST_TRIALS: usize = 90;

/// The trial queue's message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TrialMessage {
    /// Run this one.
    Trial(TrialJob),
    /// Hand over all trials of this run that nobody has begun.
    Run {
        /// Whose.
        workspace: String,
        /// Which.
        run: String,
    },
}

/// Starts a run: plans it, writes it with its trials, and hands them over.
pub async fn start(app: &App, call: &Call, new: NewRun) -> Result<Run> {
    let workspace = call.workspace()?;
    let idempotency = Idempotency::of(app, "runs.create", call)?;
    if let Seen::Again(run) = idempotency.look().await? {
        return show(app, workspace, &run).await;
    }
    if let Some(experiment) = &new.experiment {
        check_name("experiment", experiment)?;
    }
    if new.time_budget_s == Some(0) {
        return Err(Problem::invalid("time_budget_s", "a time budget is at least one second"));
    }
    let (dataset, version) = datasets::find_ready(app, workspace, &new.dataset).await?;
    let profile = datasets::profile_of(app, workspace, &dataset.id, version.version).await?;
    let plan = plan(&profile, &new.spec())?;
    if plan.trials.len() > MOST_TRIALS {
        return Err(Problem::invalid("max_trials", format!("a run has at most {MOST_TRIALS} trials")));
    }

    let now = app.now();
    let id = app.ids.id("run");
    let dispatch = TrialMessage::Run { workspace: workspace.to_owned(), run: id.clone() };
    let (due_key, due_write) =
        due::set(now + due::GRACE, workspace, &id, &Due::new(QueueName::Trial, &dispatch)?)?;
    let record = RunRecord {
        id: id.clone(),
        dataset: DatasetRef {
            id: dataset.id,
            name: dataset.name,
            version: version.version,
            sha256: version.sha256.unwrap_or_default(),
        },
        experiment: new.experiment,
        target: plan.target.clone(),
        task: plan.task,
        metric: plan.metric,
        folds: plan.fits(),
        status: RunStatus::Queued,
        trials: plan.trials.len() as u32,
        remaining: plan.trials.len() as u32,
        best: None,
        last_event: 1,
        time_budget_s: new.time_budget_s,
        mode: plan.mode,
        until_s: compare_until(&plan, new.time_budget_s.map(f64::from)),
        more: Vec::new(),
        warnings: Vec::new(),
        created_at: now,
        started_at: None,
        finished_at: None,
        error: None,
        due: Some(due_key),
    };
    let trials: Vec<TrialRecord> = plan
        .trials
        .iter()
        .zip(1..)
        .map(|(spec, number)| TrialRecord::new(app.ids.id("trl"), number, spec))
        .collect();
    let event = Event {
        seq: 1,
        at: now,
        kind: "run.queued".to_owned(),
        summary: format!("{} trials to predict `{}`", trials.len(), plan.target),
        data: json!({ "trials": trials.len() }),
    };
    let mut writes = vec![
        create(run_key(workspace, &id), &record)?,
        create(plan_key(workspace, &id), &plan)?,
        create(event_key(workspace, &id, 1), &event)?,
        due_write,
    ];
    for trial in &trials {
        writes.push(create(trial_key(workspace, &id, &trial.id), trial)?);
    }
    writes.extend(idempotency.made(&id)?);
    match app.slots.database.write(&writes).await {
        Ok(()) => {}
        Err(error) if error.is_conflict() => {
            return match idempotency.look().await? {
                Seen::Again(run) => show(app, workspace, &run).await,
                Seen::First => Err(error.into()),
            };
        }
        Err(error) => return Err(error.into()),
    }
    // Whatever happens from here on, what is due starts the trials.
    if let Err(error) = dispatch_trials(app, workspace, &id).await {
        tracing::warn!(run = id, %error, "the trials will be handed over later");
    }
    show(app, workspace, &id).await
}

/// Hands over the trials of a run that nobody has begun, or goes on when all have ended. May be repeated, and is: what is due stays until
/// the run is over, and comes again after twice as long each time, for a queue may lose what it was given.
pub async fn dispatch_trials(app: &App, workspace: &str, run: &str) -> Result<()> {
    let database = &*app.slots.database;
    let mut trials: Vec<Stored<TrialRecord>> = all(database, &trials_partition(workspace, run)).await?;
    // Whoever ended the last trial was lost before it could go on.
    if trials.iter().all(|trial| trial.value.status.is_over()) {
        return go_on(app, workspace, run).await;
    }
    trials.sort_by_key(|trial| trial.value.number);
    let jobs: Vec<TrialJob> = trials
        .into_iter()
        .filter(|trial| trial.value.status == TrialStatus::Queued)
        .map(|trial| TrialJob { workspace: workspace.to_owned(), run: run.to_owned(), trial: trial.value.id })
        .collect();
    app.slots.compute.start(&jobs).await?;
    Ok(())
}

/// Reads a run, changes it, and writes it with what belongs to the change: see [`crate::record::change`].
pub(crate) async fn change<F>(app: &App, workspace: &str, run: &str, make: F) -> Result<Option<RunRecord>>
where
    F: FnMut(&mut RunRecord) -> Result<Option<Vec<Write>>>,
{
    crate::record::change(app, &run_key(workspace, run), &format!("run {run}"), make).await
}

/// The write of a run's next event.
pub(crate) fn event(
    workspace: &str,
    record: &mut RunRecord,
    at: Timestamp,
    kind: &str,
    summary: String,
    data: Value,
) -> Result<Write> {
    record.last_event += 1;
    let event = Event { seq: record.last_event, at, kind: kind.to_owned(), summary, data };
    create(event_key(workspace, &record.id, event.seq), &event)
}

/// The write by which a run's last event will be told, and the message that tells it at once.
pub(crate) fn telling(workspace: &str, record: &RunRecord, at: Timestamp) -> Result<(Tell, Write)> {
    events::telling(workspace, &record.id, record.last_event, at)
}

/// Sends the message that tells an event; what is due makes up for a failure.
pub(crate) async fn send_telling(app: &App, tell: &Tell) {
    let Ok(body) = serde_json::to_value(tell) else { return };
    if let Err(error) = app.slots.queue.send(QueueName::Notify, &[Outgoing::now(body)]).await {
        tracing::warn!(run = tell.run, %error, "the event will be told later");
    }
}

async fn find(app: &App, workspace: &str, run: &str) -> Result<Stored<RunRecord>> {
    let missing = || Problem::not_found("run", run).remedy("GET /v1/runs lists them");
    if !is_id(run, "run") {
        return Err(missing());
    }
    load(&*app.slots.database, &run_key(workspace, run)).await?.ok_or_else(missing)
}

/// A run with its leaderboard.
pub async fn show(app: &App, workspace: &str, run: &str) -> Result<Run> {
    let record = find(app, workspace, run).await?.value;
    let (plan, trials) = parts(app, workspace, run).await?;
    Ok(view::whole(record, plan, trials))
}

/// A run's plan and trials, in the order of the plan.
pub(crate) async fn parts(app: &App, workspace: &str, run: &str) -> Result<(Plan, Vec<TrialRecord>)> {
    let database = &*app.slots.database;
    let plan: Stored<Plan> = load(database, &plan_key(workspace, run))
        .await?
        .ok_or_else(|| Problem::internal(format!("run {run} has no plan")))?;
    let stored: Vec<Stored<TrialRecord>> = all(database, &trials_partition(workspace, run)).await?;
    let mut trials: Vec<TrialRecord> = stored.into_iter().map(|trial| trial.value).collect();
    trials.sort_by_key(|trial| trial.number);
    Ok((plan.value, trials))
}

/// What can be trained.
pub use fettle_engine::estimators::Described as Estimator;

/// Every estimator, the cheap first.
pub fn estimators() -> List<Estimator> {
    List { items: fettle_engine::estimators::catalogue(), next_cursor: None }
}

/// The runs of a workspace, newest first.
pub async fn list(app: &App, workspace: &str, request: &PageRequest) -> Result<List<Run>> {
    let found = page::<RunRecord>(&*app.slots.database, runs_partition(workspace), request, true).await?;
    Ok(found.map(|stored| view::brief(stored.value)))
}

/// The events of a run after a number; waits for the first new one, at most `wait_s`.
pub async fn events(app: &App, workspace: &str, run: &str, after: u64, wait_s: u64) -> Result<Events> {
    if wait_s > LONGEST_WAIT_S {
        return Err(Problem::invalid("wait_s", format!("`wait_s` is 0 to {LONGEST_WAIT_S}")));
    }
    let database = &*app.slots.database;
    let until = tokio::time::Instant::now() + Duration::from_secs(wait_s);
    let mut pause = Duration::from_millis(100);
    loop {
        let record = find(app, workspace, run).await?.value;
        if record.last_event > after {
            let query = Query {
                after: Some(format!("{after:010}")),
                ..Query::prefix(events_partition(workspace, run), "", 1000)
            };
            let found = database.query(&query).await?;
            let items: Vec<Event> = found
                .items
                .into_iter()
                .map(|item| serde_json::from_value(item.value).map_err(Problem::internal))
                .collect::<Result<_>>()?;
            let last = items.last().map_or(after, |event| event.seq);
            return Ok(Events { over: record.status.is_over() && last >= record.last_event, items, last });
        }
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        if left.is_zero() || record.status.is_over() || app.is_stopping() {
            return Ok(Events { items: Vec::new(), last: after, over: record.status.is_over() });
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

/// Cancels a run. Trials under way stop at the end of their fold; what has succeeded stays.
pub async fn cancel(app: &App, workspace: &str, run: &str) -> Result<Run> {
    find(app, workspace, run).await?;
    let mut over = None;
    let mut tell = None;
    change(app, workspace, run, |record| {
        if record.status.is_over() {
            over = Some(record.status);
            return Ok(None);
        }
        let now = app.now();
        record.status = RunStatus::Cancelled;
        let told = event(workspace, record, now, "run.cancelled", "cancelled".to_owned(), Value::Null)?;
        let (message, writes) = go_on::end_with(workspace, record, now, told)?;
        tell = Some(message);
        Ok(Some(writes))
    })
    .await?;
    if let Some(tell) = tell {
        send_telling(app, &tell).await;
    }
    if let Some(status @ (RunStatus::Succeeded | RunStatus::Failed)) = over {
        let status = serde_json::to_value(status).map_err(Problem::internal)?;
        return Err(Problem::new(
            Kind::WrongState,
            format!("the run has ended as {}", status.as_str().unwrap_or_default()),
        ));
    }
    show(app, workspace, run).await
}
