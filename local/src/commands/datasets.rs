//! `fettle datasets`: tables on the platform.

use super::{Session, push};
use crate::api::{Dataset, Page, Preview, Profile};
use crate::client::route;
use crate::failure::Result;
use crate::output::{self, BAD, BOLD, DIM, GOOD, styled};
use crate::tables;
use clap::{Args, Subcommand};
use comfy_table::Cell;
use serde_json::Value;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Datasets {
    /// Upload a table: CSV, JSON lines or Parquet, each also in gzip
    Push(Push),
    /// List the data sets
    #[command(visible_alias = "ls")]
    List,
    /// Show a data set with its columns
    Show {
        /// Its name, or name@2 for its second version
        name: String,
    },
    /// Show the first rows
    Preview {
        /// Its name, or name@2 for its second version
        name: String,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        rows: u32,
    },
    /// Show what is known of each column
    Profile {
        /// Its name, or name@2 for its second version
        name: String,
    },
    /// Delete a data set with all its versions
    Delete {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Push {
    /// The file
    file: PathBuf,
    /// The data set's name; a name that exists gets its next version [default: the file's name]
    #[arg(long)]
    name: Option<String>,
    /// Do not wait until the table has been read
    #[arg(long)]
    no_wait: bool,
}

impl Datasets {
    pub(crate) fn run(&self, session: &Session) -> Result<()> {
        let client = &session.client;
        match self {
            Datasets::Push(push) => push.run(session),
            Datasets::List => {
                let reply = client.list(&["datasets"])?;
                session.show(&reply, || Ok(list(&reply.read()?)))
            }
            Datasets::Show { name } => {
                let reply = client.get(route(&["datasets", name]))?;
                session.show(&reply, || Ok(show(&reply.read()?)))
            }
            Datasets::Preview { name, rows } => {
                let rows = rows.to_string();
                let reply = client.get(route(&["datasets", name, "preview"]).query(&[("rows", &rows)]))?;
                // A row's JSON does not keep the order of the file's columns.
                session.show(&reply, || {
                    let dataset = client.get(route(&["datasets", name]))?;
                    Ok(preview(&reply.read()?, &dataset.read()?))
                })
            }
            Datasets::Profile { name } => {
                let reply = client.get(route(&["datasets", name, "profile"]))?;
                session.show(&reply, || Ok(profile(&reply.read()?)))
            }
            Datasets::Delete { name } => {
                client.delete(route(&["datasets", name]))?;
                output::note(&format!("{} data set {name}", styled(GOOD, "deleted")));
                Ok(())
            }
        }
    }
}

impl Push {
    fn run(&self, session: &Session) -> Result<()> {
        let name = self.name.clone().map_or_else(|| push::name_of(&self.file), Ok)?;
        let mut reply = push::push_file(&session.client, &self.file, &name)?;
        if !self.no_wait {
            reply = push::wait_until_ready(&session.client, reply)?;
        }
        session.show(&reply, || Ok(show(&reply.read()?)))
    }
}

fn list(page: &Page<Dataset>) -> String {
    let mut lines = tables::table(&["name", "version", "status", "rows", "size", "made"]);
    for dataset in &page.items {
        lines.add_row([
            Cell::new(&dataset.name),
            tables::right(dataset.version),
            tables::status(&dataset.status),
            tables::right(dataset.rows.map_or_else(String::new, tables::count)),
            tables::right(tables::bytes(dataset.bytes)),
            Cell::new(tables::when(&dataset.created_at)),
        ]);
    }
    tables::text(&lines)
}

fn show(dataset: &Dataset) -> String {
    let Dataset { name, version, .. } = dataset;
    let mut head = vec![format!("{} version {version}: {}", styled(BOLD, name), dataset.status)];
    head.extend(dataset.rows.map(|rows| format!("{} rows", tables::count(rows))));
    head.extend(dataset.columns.as_ref().map(|columns| format!("{} columns", columns.len())));
    head.push(tables::bytes(dataset.bytes));
    let mut parts = vec![head.join(", ")];
    if let Some(sha256) = &dataset.sha256 {
        parts.push(styled(DIM, format!("sha256 {sha256}")));
    }
    if let Some(error) = &dataset.error {
        parts.push(format!("{}: {}", styled(BAD, "error"), error.detail.as_deref().unwrap_or(&error.title)));
        parts.extend(error.place.as_ref().map(|place| format!("  where: {place}")));
        parts.extend(error.remedy.as_ref().map(|remedy| format!("  help: {remedy}")));
    }
    if let Some(columns) = &dataset.columns {
        let mut lines = tables::table(&["column", "type", "missing", "distinct", "note"]);
        for column in columns {
            lines.add_row([
                Cell::new(&column.name),
                Cell::new(&column.kind),
                tables::right(tables::count(column.missing)),
                tables::right(tables::count(column.distinct)),
                Cell::new(column.note.as_deref().unwrap_or_default()),
            ]);
        }
        parts.push(format!("\n{}", tables::text(&lines)));
    }
    parts.join("\n")
}

fn preview(preview: &Preview, dataset: &Dataset) -> String {
    let mut columns: Vec<&str> =
        dataset.columns.iter().flatten().map(|column| column.name.as_str()).collect();
    if columns.is_empty() {
        // The newest version can not be used, and an older one was shown.
        columns = preview.rows.iter().take(1).flat_map(|row| row.keys().map(String::as_str)).collect();
    }
    let mut lines = tables::table(&columns);
    for row in &preview.rows {
        lines.add_row(columns.iter().map(|column| {
            let value = row.get(*column).unwrap_or(&Value::Null);
            if value.is_number() {
                tables::right(tables::value(value))
            } else {
                Cell::new(tables::value(value))
            }
        }));
    }
    tables::text(&lines)
}

fn profile(profile: &Profile) -> String {
    let mut lines = tables::table(&[
        "column",
        "type",
        "missing",
        "distinct",
        "min",
        "mean",
        "max",
        "std",
        "most frequent",
    ]);
    let figure =
        |figure: Option<f64>| tables::right(figure.map_or_else(String::new, |f| tables::significant(f, 5)));
    let end = |number: Option<f64>, time: Option<&str>| match time {
        Some(time) => tables::right(tables::when(time)),
        None => figure(number),
    };
    for column in &profile.columns {
        let top = column
            .top
            .iter()
            .take(3)
            .map(|top| format!("{} ({})", tables::value(&top.value.as_str().into()), top.count));
        lines.add_row([
            Cell::new(&column.name),
            Cell::new(&column.kind),
            tables::right(tables::count(column.missing)),
            tables::right(tables::count(column.distinct)),
            end(column.min, column.earliest.as_deref()),
            figure(column.mean),
            end(column.max, column.latest.as_deref()),
            figure(column.std),
            Cell::new(top.collect::<Vec<_>>().join(", ")),
        ]);
    }
    tables::text(&lines)
}
