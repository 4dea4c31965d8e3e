//! `fettle predict --batch`: every row of a data set or a file, on the platform and not over the request.

use crate::api::{Batch, FileUpload};
use crate::client::{Client, route};
use crate::commands::Session;
use crate::commands::batches::{finish, show};
use crate::failure::{Failure, Result};
use crate::progress;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};

/// How a batch is asked for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Batches")]
pub(super) struct BatchOptions {
    /// Predict on the platform, chunk by chunk: for rows by the million
    #[arg(long)]
    pub(super) batch: bool,
    /// The rows of this data set, with @2 for a version, in place of a file
    #[arg(long, value_name = "NAME", requires = "batch")]
    pub(super) dataset: Option<String>,
    /// The form of the results
    #[arg(long, value_enum, default_value = "parquet", requires = "batch")]
    format: Format,
    /// Carry this column along into the results; * for all
    #[arg(long, value_name = "COLUMN", requires = "batch")]
    include: Vec<String>,
    /// Wait until it is done
    #[arg(long, requires = "batch")]
    wait: bool,
    /// Wait, and download the results into this folder
    #[arg(long, value_name = "DIR", requires = "batch")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Parquet,
    Csv,
}

impl BatchOptions {
    pub(super) fn run(&self, session: &Session, deployment: &str, file: Option<&Path>) -> Result<()> {
        let client = &session.client;
        let input = match (&self.dataset, file) {
            (Some(dataset), _) => json!({ "dataset": dataset }),
            (None, Some(path)) => upload(client, path)?,
            (None, None) => return Err(Failure::failed("there are no rows: give a file or --dataset")),
        };
        let format = match self.format {
            Format::Parquet => "parquet",
            Format::Csv => "csv",
        };
        let body = json!({ "deployment": deployment, "input": input, "output": { "format": format },
                           "include": self.include });
        let reply = client.post(route(&["batches"]), &body)?;
        let batch: Batch = reply.read()?;
        if self.wait || self.out.is_some() {
            return finish(session, &batch.id, self.out.as_deref());
        }
        session.show(&reply, || Ok(show(&batch)))
    }
}

/// Sends a file to where the platform reads it for a batch.
fn upload(client: &Client, path: &Path) -> Result<Value> {
    let file = File::open(path).map_err(|error| Failure::file(path, error))?;
    let metadata = file.metadata().map_err(|error| Failure::file(path, error))?;
    if !metadata.is_file() {
        return Err(Failure::file(path, "not a file"));
    }
    let reply = client.post(route(&["batches", "uploads"]), &json!({ "bytes": metadata.len() }))?;
    let given: FileUpload = reply.read()?;
    let bar = progress::bytes(metadata.len(), format!("uploading {}", path.display()));
    client.upload(&given.upload, metadata.len(), bar.over(file))?;
    Ok(json!({ "key": given.key }))
}
