//! `fettle models`: registered models, their versions and aliases.

use super::Session;
use crate::api::{FileUpload, Model, ModelVersion, Page};
use crate::client::route;
use crate::failure::{Failure, Result};
use crate::output::{self, BOLD, DIM, GOOD, styled};
use crate::{progress, tables};
use clap::{Args, Subcommand};
use comfy_table::Cell;
use serde_json::json;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::{fmt, io};

#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// Register what a run has trained as the next version of a model
    Register {
        /// The model's name
        name: String,
        /// The run that trained it
        #[arg(long, value_name = "ID", required_unless_present = "onnx", conflicts_with = "onnx")]
        run: Option<String>,
        /// The trial [default: the run's best]
        #[arg(long, value_name = "ID", requires = "run")]
        trial: Option<String>,
        /// A model of another program: an ONNX file
        #[arg(long, value_name = "FILE")]
        onnx: Option<PathBuf>,
    },
    /// List the models
    #[command(visible_alias = "ls")]
    List,
    /// Show a model with its versions, or one of them
    Show {
        /// The model's name
        name: String,
        /// One version, by number or alias, with its metrics and its schema
        #[arg(long)]
        version: Option<String>,
    },
    /// Point an alias, such as champion, at a version
    Alias {
        /// The model's name
        name: String,
        /// The alias
        alias: String,
        /// The version
        version: u32,
    },
    /// Take an alias away
    Unalias {
        /// The model's name
        name: String,
        /// The alias
        alias: String,
    },
    /// Download a version's artifact
    Download(Download),
}

#[derive(Debug, Args)]
pub(crate) struct Download {
    /// The model's name
    name: String,
    /// The version, by number or alias
    version: String,
    /// Where to write it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// As what: Fettle's own, or for any runtime of ONNX
    #[arg(long, value_name = "FORMAT", default_value = "fettle", value_parser = ["fettle", "onnx"])]
    format: String,
}

impl Models {
    pub(crate) fn run(&self, session: &Session) -> Result<()> {
        let client = &session.client;
        match self {
            Models::Register { name, run, trial, onnx } => {
                let body = match onnx {
                    Some(file) => json!({ "name": name, "onnx": uploaded(session, file)? }),
                    None => json!({ "name": name, "run": run, "trial": trial }),
                };
                let reply = client.post(route(&["models"]), &body)?;
                session.show(&reply, || Ok(show(&reply.read()?)))
            }
            Models::List => {
                let reply = client.list(&["models"])?;
                session.show(&reply, || Ok(list(&reply.read()?)))
            }
            Models::Show { name, version: Some(version) } => {
                let reply = client.get(route(&["models", name, "versions", version]))?;
                session.show(&reply, || Ok(show(&reply.read()?)))
            }
            Models::Show { name, version: None } => {
                let reply = client.get(route(&["models", name]))?;
                session.show(&reply, || Ok(show_model(&reply.read()?)))
            }
            Models::Alias { name, alias, version } => {
                let reply =
                    client.put(route(&["models", name, "aliases", alias]), &json!({ "version": version }))?;
                session.show(&reply, || Ok(format!("{alias} of {name} is version {version}")))
            }
            Models::Unalias { name, alias } => {
                let reply = client.delete(route(&["models", name, "aliases", alias]))?;
                session.show(&reply, || Ok(format!("{alias} of {name} is no more")))
            }
            Models::Download(download) => download.run(session),
        }
    }
}

/// Uploads a file, and gives the key by which it is spoken of.
fn uploaded(session: &Session, path: &Path) -> Result<String> {
    let file = File::open(path).map_err(|error| Failure::file(path, error))?;
    let length = file.metadata().map_err(|error| Failure::file(path, error))?.len();
    let reply = session.client.post(route(&["models", "uploads"]), &json!({ "bytes": length }))?;
    let given: FileUpload = reply.read()?;
    let bar = progress::bytes(length, format!("uploading {}", path.display()));
    session.client.upload(&given.upload, length, bar.over(file))?;
    Ok(given.key)
}

impl Download {
    fn run(&self, session: &Session) -> Result<()> {
        let Self { name, version, output, format } = self;
        let path = ["models", name, "versions", version, "artifact"];
        let (artifact, length) = session.client.download(route(&path).query(&[("format", format)]))?;
        let bar = progress::bytes(length.unwrap_or(0), format!("downloading {name} version {version}"));
        let failed = |error: &dyn fmt::Display| Failure::file(output, error);
        // A download that breaks off must not look like an artifact.
        let partial = output.with_added_extension("part");
        let mut file = File::create(&partial).map_err(|error| failed(&error))?;
        let written = io::copy(&mut bar.over(artifact), &mut file)
            .and_then(|written| file.sync_all().map(|()| written))
            .and_then(|written| fs::rename(&partial, output).map(|()| written))
            .map_err(|error| {
                // What is left is of no use; that it stays is no second failure.
                let _ = fs::remove_file(&partial);
                failed(&error)
            })?;
        drop(bar);
        output::note(&format!(
            "{} to {} ({})",
            styled(GOOD, "written"),
            output.display(),
            tables::bytes(written)
        ));
        Ok(())
    }
}

fn list(page: &Page<Model>) -> String {
    let mut lines = tables::table(&["name", "latest", "aliases", "made"]);
    for model in &page.items {
        lines.add_row([
            Cell::new(&model.name),
            tables::right(model.latest),
            Cell::new(aliases(model)),
            Cell::new(tables::when(&model.created_at)),
        ]);
    }
    tables::text(&lines)
}

fn aliases(model: &Model) -> String {
    model.aliases.iter().map(|(alias, version)| format!("{alias} = {version}")).collect::<Vec<_>>().join(", ")
}

fn show_model(model: &Model) -> String {
    let mut lines = tables::table(&["version", "aliases", "estimator", "data set", "run", "made"]);
    for version in &model.versions {
        let names = model.aliases.iter().filter(|(_, named)| **named == version.version);
        let lineage = version.lineage.as_ref();
        let dataset = lineage.map(|lineage| format!("{}@{}", lineage.dataset.name, lineage.dataset.version));
        lines.add_row([
            tables::right(version.version),
            Cell::new(names.map(|(alias, _)| alias.as_str()).collect::<Vec<_>>().join(", ")),
            Cell::new(version.estimator()),
            Cell::new(dataset.unwrap_or_default()),
            Cell::new(lineage.map_or("", |lineage| &lineage.run)),
            Cell::new(tables::when(&version.created_at)),
        ]);
    }
    tables::whole(&mut lines, 4);
    format!("{}\n\n{}", styled(BOLD, &model.name), tables::text(&lines))
}

fn show(version: &ModelVersion) -> String {
    let name = &version.name;
    let made = tables::when(&version.created_at);
    let origin = match (&version.lineage, &version.imported) {
        (Some(from), _) => format!(
            "made {made} by {} of {} from {}@{}",
            from.trial, from.run, from.dataset.name, from.dataset.version
        ),
        (None, Some(imported)) => format!("made {made} from a file with sha256 {}", imported.sha256),
        (None, None) => format!("made {made}"),
    };
    let size = version.bytes.map_or_else(String::new, |bytes| format!(", {}", tables::bytes(bytes)));
    let mut metrics = tables::table(&["metric", "over the folds", "held out"]);
    for (metric, score) in &version.metrics {
        let spread = score.std.map_or_else(String::new, |std| format!(" ± {}", tables::score(std)));
        let held_out = version.holdout.as_ref().and_then(|holdout| holdout.get(metric));
        metrics.add_row([
            Cell::new(metric),
            tables::right(format!("{}{spread}", tables::score(score.mean))),
            tables::right(held_out.map_or_else(String::new, |score| tables::score(*score))),
        ]);
    }
    [
        format!("{} version {}: {}{size}", styled(BOLD, name), version.version, version.estimator()),
        styled(DIM, format!("sha256 {}", version.sha256)),
        styled(DIM, origin),
        String::new(),
        tables::text(&metrics),
        String::new(),
        tables::schema(&version.schema),
    ]
    .join("\n")
}
