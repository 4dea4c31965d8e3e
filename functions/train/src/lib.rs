//! Runs: start, list, show, follow, cancel.

use fettle_backend::app::App;
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::permission::Permission::{Read, Write};
use fettle_backend::ports::QueueName;
use fettle_backend::problem::{Problem, Result};
use fettle_backend::record::{List, PageRequest};
use fettle_backend::runs::{self, Estimator, Events, Format, NewRun, Plots, Preprocessed, Run};
use std::future::ready;

/// This package's operations.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::http("runs.create", "POST", "/v1/runs", Write, |app, call| Box::pin(create(app, call)))
            .summary("Start a run: train and rank models that predict a column")
            .takes::<NewRun>()
            .gives::<Run>(202)
            .idempotent()
            .uses(&[Use::ReadState, Use::WriteState, Use::ReadObjects, Use::Send(QueueName::Trial)]),
        Operation::http("runs.list", "GET", "/v1/runs", Read, |app, call| Box::pin(list(app, call)))
            .summary("List runs, newest first")
            .query(&[("limit", "1 to 200"), ("cursor", "`next_cursor` of the page before")])
            .gives::<List<Run>>(200)
            .uses(&[Use::ReadState]),
        Operation::http("runs.show", "GET", "/v1/runs/{run}", Read, |app, call| Box::pin(show(app, call)))
            .summary("Show a run: its progress and its leaderboard")
            .gives::<Run>(200)
            .uses(&[Use::ReadState]),
        Operation::http("runs.events", "GET", "/v1/runs/{run}/events", Read, |app, call| {
            Box::pin(events(app, call))
        })
        .summary("What has happened in a run; waits for what is new")
        .query(&[
            ("after", "the `last` of the call before; 0 when left out"),
            ("wait_s", "0 to 20; 0 when left out"),
        ])
        .size(256, 29)
        .gives::<Events>(200)
        .uses(&[Use::ReadState]),
        Operation::http("estimators.list", "GET", "/v1/estimators", Read, |_app, _call| {
            Box::pin(ready(estimators()))
        })
        .summary("List what can be trained, with its parameters; the cheap first")
        .gives::<List<Estimator>>(200),
        Operation::http("runs.preprocessing", "GET", "/v1/runs/{run}/preprocessing", Read, |app, call| {
            Box::pin(preprocessing(app, call))
        })
        .summary("What became of each column, and why")
        .query(&[("trial", "for this trial; for the best when left out")])
        .gives::<Preprocessed>(200)
        .uses(&[Use::ReadState, Use::ReadObjects]),
        Operation::http("runs.plots", "GET", "/v1/runs/{run}/trials/{trial}/plots", Read, |app, call| {
            Box::pin(plots(app, call))
        })
        .summary("Which plots a trial has")
        .gives::<Plots>(200)
        .uses(&[Use::ReadState, Use::ReadObjects]),
        Operation::http(
            "runs.plot",
            "GET",
            "/v1/runs/{run}/trials/{trial}/plots/{kind}",
            Read,
            |app, call| Box::pin(plot(app, call)),
        )
        .summary("A plot of a trial: its numbers, or drawn")
        .query(&[("format", "`json` or `svg`; `json` when left out")])
        .gives_media(&["application/json", "image/svg+xml"])
        .uses(&[Use::ReadState, Use::ReadObjects]),
        Operation::http("runs.report", "GET", "/v1/runs/{run}/report", Read, |app, call| {
            Box::pin(report(app, call))
        })
        .summary("A run as one page of HTML")
        .gives_media(&["text/html"])
        .uses(&[Use::ReadState, Use::ReadObjects]),
        Operation::http("runs.cancel", "POST", "/v1/runs/{run}/cancel", Write, |app, call| {
            Box::pin(cancel(app, call))
        })
        .summary("Cancel a run")
        .gives::<Run>(200)
        .uses(&[Use::ReadState, Use::WriteState, Use::Send(QueueName::Notify)]),
    ]
}

fn estimators() -> Result<Reply> {
    Reply::ok(&runs::estimators())
}

async fn create(app: &App, call: Call) -> Result<Reply> {
    Reply::json(202, &runs::start(app, &call, call.json::<NewRun>()?).await?)
}

async fn list(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&runs::list(app, call.workspace()?, &PageRequest::from_call(&call)?).await?)
}

async fn show(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&runs::show(app, call.workspace()?, call.path("run")).await?)
}

async fn events(app: &App, call: Call) -> Result<Reply> {
    let (after, wait_s) = (call.query("after")?.unwrap_or(0), call.query("wait_s")?.unwrap_or(0));
    Reply::ok(&runs::events(app, call.workspace()?, call.path("run"), after, wait_s).await?)
}

async fn preprocessing(app: &App, call: Call) -> Result<Reply> {
    let trial: Option<String> = call.query("trial")?;
    Reply::ok(&runs::preprocessing(app, call.workspace()?, call.path("run"), trial.as_deref()).await?)
}

async fn plots(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&runs::plots(app, call.workspace()?, call.path("run"), call.path("trial")).await?)
}

async fn plot(app: &App, call: Call) -> Result<Reply> {
    let format: Option<String> = call.query("format")?;
    let (format, content_type) = match format.as_deref() {
        None | Some("json") => (Format::Json, "application/json"),
        Some("svg") => (Format::Svg, "image/svg+xml"),
        Some(other) => {
            return Err(Problem::invalid("format", format!("there is no format `{other}`"))
                .remedy("ask for json or svg"));
        }
    };
    let (run, trial, kind) = (call.path("run"), call.path("trial"), call.path("kind"));
    Ok(Reply::text(content_type, runs::plot(app, call.workspace()?, run, trial, (kind, format)).await?))
}

async fn report(app: &App, call: Call) -> Result<Reply> {
    let page = runs::report(app, call.workspace()?, call.path("run")).await?;
    Ok(Reply::text("text/html; charset=utf-8", page))
}

async fn cancel(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&runs::cancel(app, call.workspace()?, call.path("run")).await?)
}
