//! `fettle runs`: training, under way and done.

use super::{Session, watch};
use crate::api::{Page, Plots, Preprocessed, Run};
use crate::client::{Reply, route};
use crate::failure::{Failure, Result};
use crate::output::{self, BAD, BOLD, DIM, GOOD, styled};
use crate::tables;
use clap::Subcommand;
use comfy_table::Cell;
use std::fs;
use std::path::{Path, PathBuf};

/// How wide a leaderboard with the trials' ids is, in characters.
const WITH_TRIALS: u16 = 105;

#[derive(Debug, Subcommand)]
pub(crate) enum Runs {
    /// List the runs, newest first
    #[command(visible_alias = "ls")]
    List,
    /// Show a run with its leaderboard
    Show {
        /// The run's id
        id: String,
        /// Write the plots of the best trials, and the report, into this folder
        #[arg(long, value_name = "DIR")]
        plots: Option<PathBuf>,
    },
    /// What became of each column, and why
    Preprocessing {
        /// The run's id
        id: String,
        /// For this trial, not the best
        #[arg(long)]
        trial: Option<String>,
    },
    /// Watch a run until it ends
    Watch {
        /// The run's id
        id: String,
    },
    /// Stop a run; what it has trained stays
    Cancel {
        /// The run's id
        id: String,
    },
}

impl Runs {
    pub(crate) fn run(&self, session: &Session) -> Result<()> {
        let client = &session.client;
        match self {
            Runs::List => {
                let reply = client.list(&["runs"])?;
                session.show(&reply, || Ok(list(&reply.read()?)))
            }
            Runs::Show { id, plots } => {
                let reply = client.get(route(&["runs", id]))?;
                if let Some(folder) = plots {
                    draw(session, &reply.read()?, folder)?;
                }
                session.show(&reply, || Ok(show(&reply.read()?)))
            }
            Runs::Preprocessing { id, trial } => {
                let path = ["runs", id, "preprocessing"];
                let query: Vec<(&str, &str)> = trial.iter().map(|trial| ("trial", trial.as_str())).collect();
                let reply = client.get(route(&path).query(&query))?;
                session.show(&reply, || Ok(preprocessed(&reply.read()?)))
            }
            Runs::Watch { id } => finish(session, id),
            Runs::Cancel { id } => {
                let reply = client.post(route(&["runs", id, "cancel"]), &serde_json::json!({}))?;
                session.show(&reply, || Ok(format!("run {id} is {}", reply.read::<Run>()?.status)))
            }
        }
    }
}

/// Watches a run to its end and shows it; a run that failed is a failure.
pub(crate) fn finish(session: &Session, id: &str) -> Result<()> {
    let reply: Reply = watch::watch(&session.client, id)?;
    let run: Run = reply.read()?;
    session.show(&reply, || Ok(show(&run)))?;
    watch::verdict(&run)
}

/// Trials whose plots are written: more of them nobody looks at.
const DRAWN: usize = 5;

/// Writes the report and the plots of the best trials.
fn draw(session: &Session, run: &Run, folder: &Path) -> Result<()> {
    let write = |path: &Path, text: &str| {
        fs::create_dir_all(path.parent().unwrap_or(folder))
            .and_then(|()| fs::write(path, text))
            .map_err(|error| Failure::file(path, error))
    };
    let report = session.client.get(route(&["runs", &run.id, "report"]))?;
    write(&folder.join("report.html"), &report.0)?;
    let mut drawn = 0;
    for trial in run.leaderboard.iter().filter(|trial| trial.rank.is_some()).take(DRAWN) {
        let place = ["runs", &run.id, "trials", &trial.trial, "plots"];
        let plots: Plots = session.client.get(route(&place))?.read()?;
        for kind in &plots.kinds {
            let [runs, id, trials, of, plots] = place;
            let path = [runs, id, trials, of, plots, kind];
            let svg = session.client.get(route(&path).query(&[("format", "svg")]))?;
            let name = format!("{}-{}", trial.rank.unwrap_or_default(), trial.estimator);
            write(&folder.join(name).join(format!("{kind}.svg")), &svg.0)?;
            drawn += 1;
        }
    }
    output::note(&format!("{} report.html and {drawn} plots in {}", styled(GOOD, "wrote"), folder.display()));
    Ok(())
}

fn preprocessed(done: &Preprocessed) -> String {
    let mut lines = tables::table(&["column", "type", "becomes", "why"]);
    for decision in &done.decisions {
        let became = match decision.became.as_slice() {
            [] => "nothing".to_owned(),
            [one] => one.clone(),
            [first, .., last] => format!("{first} … {last} ({})", decision.became.len()),
        };
        lines.add_row([
            Cell::new(&decision.column),
            Cell::new(&decision.kind),
            Cell::new(became),
            Cell::new(&decision.why),
        ]);
    }
    format!("{} ({})\n{}", styled(BOLD, &done.estimator), done.trial, tables::text(&lines))
}

fn list(page: &Page<Run>) -> String {
    let mut header = vec!["id", "status", "data set", "target", "made"];
    let experiments = page.items.iter().any(|run| run.experiment.is_some());
    header.extend(experiments.then_some("experiment"));
    let mut lines = tables::table(&header);
    for run in &page.items {
        let mut cells = vec![
            Cell::new(&run.id),
            tables::status(&run.status),
            Cell::new(format!("{}@{}", run.dataset.name, run.dataset.version)),
            Cell::new(&run.target),
            Cell::new(tables::when(&run.created_at)),
        ];
        cells.extend(experiments.then(|| Cell::new(run.experiment.as_deref().unwrap_or_default())));
        lines.add_row(cells);
    }
    tables::whole(&mut lines, 0);
    tables::text(&lines)
}

fn show(run: &Run) -> String {
    let mut parts = vec![format!(
        "{} {}: {} `{}` of {}@{}",
        styled(BOLD, &run.id),
        run.status,
        run.task,
        run.target,
        run.dataset.name,
        run.dataset.version
    )];
    if let Some(progress) = run.progress.as_ref().filter(|_| !run.is_over()) {
        parts.push(format!("{} of {} done: {}", progress.done, progress.of, progress.now));
    }
    let dropped = run.features.iter().filter(|feature| !feature.used && feature.name != run.target);
    parts.extend(dropped.map(|feature| styled(DIM, format!("without `{}`: {}", feature.name, feature.why))));
    parts.extend(run.notes.iter().map(|note| styled(DIM, note)));
    parts.push(String::new());
    let wide = tables::fits(WITH_TRIALS);
    parts.push(tables::leaderboard(run, wide));
    if !wide {
        parts.push(styled(DIM, " a wider terminal, or --json, shows the trials' ids"));
    }
    parts.extend(run.warnings.iter().map(|warning| format!("{} {}", styled(BAD, "look:"), warning.detail)));
    parts.extend(run.more.iter().map(|more| styled(DIM, format!("with more time: {more}"))));
    parts.join("\n")
}
