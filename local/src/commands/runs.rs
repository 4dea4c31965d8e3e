//! `fettle runs`: training, under way and done.

use super::{Session, watch};
use crate::api::{Page, Run};
use crate::client::{Reply, route};
use crate::failure::Result;
use crate::output::{BOLD, DIM, styled};
use crate::tables;
use clap::Subcommand;
use comfy_table::Cell;

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
            Runs::Show { id } => {
                let reply = client.get(route(&["runs", id]))?;
                session.show(&reply, || Ok(show(&reply.read()?)))
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
    parts.extend(run.more.iter().map(|more| styled(DIM, format!("with more time: {more}"))));
    parts.join("\n")
}
