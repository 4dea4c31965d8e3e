//! `fettle deploy` and `fettle deployments`: models that are served.

use super::Session;
use super::traffic::{self, Feedback, Set, Shift};
use crate::api::{Deployment, Page};
use crate::client::route;
use crate::failure::Result;
use crate::output::{self, BAD, BOLD, DIM, GOOD, styled};
use crate::tables;
use clap::{Args, Subcommand};
use comfy_table::Cell;
use serde_json::json;

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// The deployment's name
    name: String,
    /// The model to serve
    #[arg(long)]
    model: String,
    /// Serve whatever version this alias points at [default: champion]
    #[arg(long, conflicts_with = "version")]
    alias: Option<String>,
    /// Serve this version, whatever comes after it
    #[arg(long, value_name = "N")]
    version: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Deployments {
    /// List the deployments
    #[command(visible_alias = "ls")]
    List,
    /// Show a deployment
    Show {
        /// Its name
        name: String,
    },
    /// Show the columns that it takes and what it predicts
    Schema {
        /// Its name
        name: String,
    },
    /// Shift its traffic: several versions with shares, shadows, a canary that goes on by itself
    Shift(Shift),
    /// Go back to what served before
    Rollback {
        /// Its name
        name: String,
    },
    /// Answer nobody for a while
    Pause {
        /// Its name
        name: String,
    },
    /// Answer again
    Resume {
        /// Its name
        name: String,
    },
    /// Set its limit of requests, and what its prediction log keeps
    Set(Set),
    /// Show who changed what, and when
    History {
        /// Its name
        name: String,
    },
    /// Show its requests, errors, latencies and live quality
    Metrics {
        /// Its name
        name: String,
        /// From when, as 2026-01-31T12:00:00Z [default: an hour ago]
        #[arg(long)]
        from: Option<String>,
        /// Up to when [default: now]
        #[arg(long)]
        to: Option<String>,
    },
    /// Tell what really happened to a row that was predicted
    Feedback(Feedback),
    /// Serve no longer
    Delete {
        /// Its name
        name: String,
    },
}

impl Deploy {
    pub(crate) fn run(&self, session: &Session) -> Result<()> {
        let mut body = json!({ "name": self.name, "model": self.model });
        match (&self.alias, self.version) {
            (_, Some(version)) => body["version"] = json!(version),
            (Some(alias), None) => body["alias"] = json!(alias),
            (None, None) => body["alias"] = json!("champion"),
        }
        let reply = session.client.post(route(&["deployments"]), &body)?;
        session.show(&reply, || Ok(show(&reply.read()?, session)))
    }
}

impl Deployments {
    pub(crate) fn run(&self, session: &Session) -> Result<()> {
        let client = &session.client;
        match self {
            Deployments::List => {
                let reply = client.list(&["deployments"])?;
                session.show(&reply, || Ok(list(&reply.read()?)))
            }
            Deployments::Show { name } => {
                let reply = client.get(route(&["deployments", name]))?;
                session.show(&reply, || Ok(show(&reply.read()?, session)))
            }
            Deployments::Schema { name } => {
                let reply = client.get(route(&["deployments", name, "schema"]))?;
                session.show(&reply, || Ok(tables::schema(&reply.read()?)))
            }
            Deployments::Delete { name } => {
                client.delete(route(&["deployments", name]))?;
                output::note(&format!("{} deployment {name}", styled(GOOD, "deleted")));
                Ok(())
            }
            Deployments::Shift(shift) => shift.run(session),
            Deployments::Rollback { name } => traffic::change(session, name, "rollback", "rolled back"),
            Deployments::Pause { name } => traffic::change(session, name, "pause", "paused"),
            Deployments::Resume { name } => traffic::change(session, name, "resume", "resumed"),
            Deployments::Set(set) => set.run(session),
            Deployments::History { name } => traffic::history(session, name),
            Deployments::Metrics { name, from, to } => {
                traffic::metrics(session, name, from.as_deref(), to.as_deref())
            }
            Deployments::Feedback(feedback) => feedback.run(session),
        }
    }
}

fn list(page: &Page<Deployment>) -> String {
    let mut lines = tables::table(&["name", "model", "follows", "version", "made"]);
    for deployment in &page.items {
        lines.add_row([
            Cell::new(&deployment.name),
            Cell::new(&deployment.model),
            Cell::new(deployment.alias.as_deref().unwrap_or_default()),
            tables::right(deployment.version.map_or_else(String::new, |version| version.to_string())),
            Cell::new(tables::when(&deployment.created_at)),
        ]);
    }
    tables::text(&lines)
}

fn show(deployment: &Deployment, session: &Session) -> String {
    let Deployment { name, model, .. } = deployment;
    let url = format!("POST {}/v1/deployments/{name}/predict", session.client.url());
    let url = styled(DIM, url);
    let paused = if deployment.paused { format!(" {}", styled(BAD, "paused")) } else { String::new() };
    if deployment.variants.len() > 1 {
        let variants = traffic::variants_of(deployment);
        return format!("{} serves {model}{paused}\n{variants}\n{url}", styled(BOLD, name));
    }
    let version = deployment.version.map_or_else(String::new, |version| format!(" version {version}"));
    let follows = deployment.alias.as_ref().map_or_else(String::new, |alias| format!(", the {alias}"));
    format!("{} serves {model}{version}{follows}{paused}\n{url}", styled(BOLD, name))
}
