//! What is known of a run's trials beside their scores: plots, preprocessing, and the report.

use super::record::{TrialRecord, artifact_key, diagnostics_key, trial_key};
use super::{find, parts, view};
use crate::app::App;
use crate::ids::is_id;
use crate::ports::ErrorKind;
use crate::problem::{Problem, Result};
use crate::record::{Stored, load};
use fettle_engine::Model;
use fettle_engine::diagnostics::report::{Ranked, Report};
use fettle_engine::diagnostics::{Diagnostics, Kind, Skipped};
use fettle_engine::preprocess::Decision;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// What can be drawn of a trial.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Plots {
    /// The trial.
    pub trial: String,
    /// The kinds, in the order in which they are shown.
    pub kinds: Vec<Kind>,
    /// What is left out, and why.
    pub skipped: Vec<Skipped>,
}

/// What became of each column for a trial.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Preprocessed {
    /// The trial.
    pub trial: String,
    /// What it fitted.
    pub estimator: String,
    /// One of each column that it learns from, in words.
    pub decisions: Vec<Decision>,
}

/// The trial of that id; the best when none is asked for.
async fn trial(app: &App, workspace: &str, run: &str, trial: Option<&str>) -> Result<TrialRecord> {
    let record = find(app, workspace, run).await?.value;
    let wanted = match (trial, record.best) {
        (Some(trial), _) => trial.to_owned(),
        (None, Some(best)) => best.trial,
        (None, None) => {
            return Err(Problem::not_found("trial", "the best").remedy("wait until a trial has succeeded"));
        }
    };
    let missing = || Problem::not_found("trial", &wanted).remedy("the run's leaderboard lists them");
    if !is_id(&wanted, "trl") {
        return Err(missing());
    }
    let stored: Option<Stored<TrialRecord>> =
        load(&*app.slots.database, &trial_key(workspace, run, &wanted)).await?;
    Ok(stored.ok_or_else(missing)?.value)
}

async fn diagnostics(app: &App, workspace: &str, run: &str, trial: &TrialRecord) -> Result<Diagnostics> {
    match app.slots.storage.get(&diagnostics_key(workspace, run, &trial.id)).await {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(Problem::internal),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Problem::not_found("plots of trial", &trial.id)
                .remedy("a trial has them once it has succeeded"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Which plots a trial has.
pub async fn plots(app: &App, workspace: &str, run: &str, of: &str) -> Result<Plots> {
    let trial = trial(app, workspace, run, Some(of)).await?;
    let made = diagnostics(app, workspace, run, &trial).await?;
    Ok(Plots { trial: trial.id, kinds: made.kinds(), skipped: made.skipped })
}

/// How a plot is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Its numbers.
    Json,
    /// Drawn.
    Svg,
}

/// A plot, as text in that format.
pub async fn plot(
    app: &App,
    workspace: &str,
    run: &str,
    of: &str,
    (kind, format): (&str, Format),
) -> Result<String> {
    let trial = trial(app, workspace, run, Some(of)).await?;
    let named = Kind::named(kind).ok_or_else(|| {
        let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        Problem::not_found("plot", kind).remedy(format!("ask for one of: {}", names.join(", ")))
    })?;
    let made = diagnostics(app, workspace, run, &trial).await?;
    let text = match format {
        Format::Json => Some(made.data(named)).filter(|data| !data.is_null()).map(|data| data.to_string()),
        Format::Svg => made.svg(named),
    };
    text.ok_or_else(|| {
        let reason = made.skipped.into_iter().find(|skipped| skipped.kind == named);
        let reason = reason.map_or_else(|| "it does not suit the task".to_owned(), |skipped| skipped.reason);
        Problem::not_found("plot", kind).remedy(reason)
    })
}

/// What became of each column, for a trial or the best one.
pub async fn preprocessing(app: &App, workspace: &str, run: &str, of: Option<&str>) -> Result<Preprocessed> {
    let trial = trial(app, workspace, run, of).await?;
    let decisions = decisions(app, workspace, &trial).await?;
    Ok(Preprocessed { trial: trial.id, estimator: trial.estimator, decisions })
}

async fn decisions(app: &App, workspace: &str, trial: &TrialRecord) -> Result<Vec<Decision>> {
    let Some(artifact) = &trial.artifact else {
        return Err(
            Problem::not_found("model of trial", &trial.id).remedy("wait until the trial has succeeded")
        );
    };
    let bytes = app.slots.storage.get(&artifact_key(workspace, &artifact.sha256)).await?;
    Ok(Model::load(&bytes).map_err(Problem::internal)?.preprocessing())
}

/// A run as one page of HTML.
pub async fn report(app: &App, workspace: &str, run: &str) -> Result<String> {
    let record = find(app, workspace, run).await?.value;
    let (plan, trials) = parts(app, workspace, run).await?;
    let (mut winner, mut told) = (None, Vec::new());
    if let Some(best) = &record.best {
        let missing = || Problem::internal(format!("run {run} has no trial {}", best.trial));
        let trial = trials.iter().find(|trial| trial.id == best.trial).ok_or_else(missing)?;
        winner = Some(diagnostics(app, workspace, run, trial).await?);
        let sentence = |decision: Decision| format!("{}: {}", decision.column, decision.why);
        told = decisions(app, workspace, trial).await?.into_iter().map(sentence).collect();
    }
    let title = format!("{} of {}", record.target, record.dataset.name);
    let (target, task, metric) = (record.target.clone(), record.task, record.metric);
    let mut notes = plan.notes.clone();
    notes.extend(record.warnings.iter().map(|warning| warning.detail.clone()));
    notes.extend(record.more.iter().map(|more| format!("With more time: {more}")));
    let whole = view::whole(record, plan, trials);
    let board = whole.leaderboard.unwrap_or_default();
    let params: Vec<String> = board.iter().map(|entry| shown(&entry.params)).collect();
    let ranked: Vec<Ranked> = board
        .iter()
        .zip(&params)
        .map(|(entry, params)| Ranked {
            name: &entry.estimator,
            params,
            score: entry.rank.and_then(|_| entry.metrics.get(&metric)).map(|score| (score.mean, score.std)),
            holdout: entry.holdout.as_ref().and_then(|scores| scores.get(&metric)).copied(),
            failure: entry.error.as_deref(),
        })
        .collect();
    Ok(fettle_engine::diagnostics::report::report(&Report {
        title: &title,
        target: &target,
        task,
        metric,
        leaderboard: &ranked,
        winner: winner.as_ref(),
        decisions: &told,
        notes: &notes,
    }))
}

fn shown(params: &Map<String, Value>) -> String {
    let each: Vec<String> = params.iter().map(|(name, value)| format!("{name} {value}")).collect();
    each.join(", ")
}
