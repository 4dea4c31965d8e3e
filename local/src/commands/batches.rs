//! `fettle batches`: predictions of whole data sets, under way and done.

use super::Session;
use crate::api::{Batch, Manifest, ManifestFile, Page};
use crate::client::{Client, Reply, route};
use crate::failure::{Failure, Result};
use crate::output::{self, BOLD, DIM, GOOD, styled};
use crate::{progress, tables};
use clap::Subcommand;
use comfy_table::Cell;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// How often a batch is looked at while it is watched.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, Subcommand)]
pub(crate) enum Batches {
    /// List the batches, newest first
    #[command(visible_alias = "ls")]
    List,
    /// Show a batch and how far it is
    Show {
        /// The batch's id
        id: String,
    },
    /// Watch a batch until it ends
    Watch {
        /// The batch's id
        id: String,
    },
    /// Download what a batch has predicted; what is there already and whole is left
    Download {
        /// The batch's id
        id: String,
        /// The folder to write the parts into
        #[arg(short, long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Stop a batch
    Cancel {
        /// The batch's id
        id: String,
    },
    /// Delete a batch that is over, with its results
    #[command(visible_alias = "rm")]
    Delete {
        /// The batch's id
        id: String,
    },
}

impl Batches {
    pub(crate) fn run(&self, session: &Session) -> Result<()> {
        let client = &session.client;
        match self {
            Batches::List => {
                let reply = client.list(&["batches"])?;
                session.show(&reply, || Ok(list(&reply.read()?)))
            }
            Batches::Show { id } => {
                let reply = client.get(route(&["batches", id]))?;
                session.show(&reply, || Ok(show(&reply.read()?)))
            }
            Batches::Watch { id } => finish(session, id, None),
            Batches::Download { id, out } => {
                let batch: Batch = client.get(route(&["batches", id]))?.read()?;
                download(client, &batch, out)
            }
            Batches::Cancel { id } => {
                let reply = client.post(route(&["batches", id, "cancel"]), &serde_json::json!({}))?;
                session.show(&reply, || Ok(format!("batch {id} is {}", reply.read::<Batch>()?.status)))
            }
            Batches::Delete { id } => {
                let reply = client.delete(route(&["batches", id]))?;
                session.show(&reply, || Ok(format!("batch {id} is gone")))
            }
        }
    }
}

/// Watches a batch to its end, downloads what it has made, and shows it; one that failed is a failure.
pub(crate) fn finish(session: &Session, id: &str, out: Option<&Path>) -> Result<()> {
    let reply = watch(&session.client, id)?;
    let batch: Batch = reply.read()?;
    match batch.status.as_str() {
        "failed" => {
            let failed = || Failure::failed(format!("batch {id} failed"));
            return Err(batch.error.map_or_else(failed, Failure::from));
        }
        "cancelled" => return Err(Failure::failed(format!("batch {id} was cancelled"))),
        _ => {}
    }
    if let Some(out) = out {
        download(&session.client, &batch, out)?;
    }
    session.show(&reply, || Ok(show(&batch)))
}

/// A bar over the chunks until the batch is over.
fn watch(client: &Client, id: &str) -> Result<Reply> {
    let bar = progress::steps();
    loop {
        let reply = client.get(route(&["batches", id]))?;
        let batch: Batch = reply.read()?;
        let progress = &batch.progress;
        let rows = match progress.of_rows {
            Some(of) => format!("{} of {} rows", tables::count(progress.rows), tables::count(of)),
            None => format!("{} rows", tables::count(progress.rows)),
        };
        bar.at(progress.done, progress.of, format!("{}, {rows}", progress.now));
        if batch.is_over() {
            return Ok(reply);
        }
        sleep(LOOK);
    }
}

/// Writes the manifest, the parts and the errors into a folder, each whole or not at all.
fn download(client: &Client, batch: &Batch, out: &Path) -> Result<()> {
    let id = batch.id.as_str();
    let reply = client.get(route(&["batches", id, "manifest"]))?;
    let manifest: Manifest = reply.read()?;
    fs::create_dir_all(out).map_err(|error| Failure::file(out, error))?;
    let bytes: u64 = manifest.parts.iter().chain(&manifest.errors).map(|file| file.bytes).sum();
    let bar = progress::bytes(bytes, format!("downloading {id}"));
    for (folder, name, ending, files) in [
        ("parts", "part", manifest.format.as_str(), &manifest.parts),
        ("errors", "errors", "jsonl", &manifest.errors),
    ] {
        for file in files {
            let path = out.join(format!("{name}-{:05}.{ending}", file.number));
            if digest(&path).is_some_and(|(bytes, sha256)| bytes == file.bytes && sha256 == file.sha256) {
                continue;
            }
            let number = file.number.to_string();
            let (reader, _) = client.download(route(&["batches", id, folder, &number]))?;
            write(bar.over(reader), file, &path)?;
        }
    }
    drop(bar);
    // Last, so that a folder with a manifest has all that it names.
    let path = out.join("manifest.json");
    fs::write(&path, &reply.0).map_err(|error| Failure::file(&path, error))?;
    let parts = manifest.parts.len();
    let wrote = format!("{parts} parts with {} rows in {}", tables::count(manifest.rows), out.display());
    output::note(&format!("{} {wrote}", styled(GOOD, "wrote")));
    if manifest.faulty > 0 {
        let faulty = tables::count(manifest.faulty);
        output::note(&format!("note: {faulty} rows have no prediction; errors-*.jsonl says why of each"));
    }
    Ok(())
}

fn write(mut reader: impl Read, file: &ManifestFile, path: &Path) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| Failure::file(path, error);
    // A download that breaks off must not look like a part.
    let partial = path.with_added_extension("part");
    let mut hashed =
        Hashed { file: File::create(&partial).map_err(|error| failed(&error))?, sha256: Sha256::new() };
    let written = io::copy(&mut reader, &mut hashed).and_then(|_| hashed.file.sync_all());
    let whole = written.map_err(|error| failed(&error)).and_then(|()| {
        if hex(&hashed.sha256.finalize()) != file.sha256 {
            return Err(failed(&"what came is not what the manifest says").remedy("download it again"));
        }
        fs::rename(&partial, path).map_err(|error| failed(&error))
    });
    if whole.is_err() {
        // What is left is of no use; that it stays is no second failure.
        let _ = fs::remove_file(&partial);
    }
    whole
}

struct Hashed {
    file: File,
    sha256: Sha256,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.sha256.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file's length and checksum; none if it is not there.
fn digest(path: &Path) -> Option<(u64, String)> {
    let mut file = File::open(path).ok()?;
    let (mut sha256, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
    loop {
        let read = file.read(&mut buffer).ok()?;
        if read == 0 {
            return Some((bytes, hex(&sha256.finalize())));
        }
        bytes += read as u64;
        sha256.update(&buffer[..read]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn list(page: &Page<Batch>) -> String {
    let mut lines = tables::table(&["batch", "status", "deployment", "input", "rows", "made"]);
    for batch in &page.items {
        lines.add_row([
            Cell::new(&batch.id),
            tables::status(&batch.status),
            Cell::new(&batch.deployment),
            Cell::new(batch.input.name()),
            tables::right(batch.input.rows.map(tables::count).unwrap_or_default()),
            Cell::new(tables::when(&batch.created_at)),
        ]);
    }
    tables::whole(&mut lines, 0);
    tables::text(&lines)
}

/// A batch in some lines.
pub(crate) fn show(batch: &Batch) -> String {
    let Batch { id, status, model, version, progress, .. } = batch;
    let mut lines = vec![
        format!("{} {status}: {}", styled(BOLD, id), batch.input.name()),
        format!("{model} version {version}, {} of {} chunks done", progress.done, progress.of),
        format!("{} rows predicted, {} faulty", tables::count(batch.predicted), tables::count(batch.faulty)),
    ];
    if let Some(detail) = batch.error.as_ref().and_then(|error| error.detail.clone()) {
        lines.push(detail);
    }
    if status == "succeeded" {
        lines.push(styled(DIM, format!("fettle batches download {id} --out DIR fetches them")));
    }
    lines.join("\n")
}
