//! Batches: a deployment's model asked for every row of a data set or a file, chunk by chunk.
//!
//! A chunk is a row group of a Parquet file, or a piece of a CSV file that a plan has cut; so however large
//! the input, a worker holds one chunk of it. `docs/adr/0009-batches.md` has the reasons.

mod chunk;
mod claim;
mod close;
mod input;
mod plan;
mod record;
mod start;

pub use close::{Failure, Manifest, Numbered};
pub use record::{Batch, BatchProgress, BatchStatus, Input, NewBatch, NewInput, Output, Part};
pub(crate) use record::{event_key, heads};
pub use start::{start, upload};

use crate::app::App;
use crate::due::Due;
use crate::ids::is_id;
use crate::ports::{ErrorKind, Outgoing, Presigned, QueueName, Write};
use crate::problem::{Kind, Problem, Result};
use crate::record::{List, PageRequest, Stored, all, list as page, load};
use crate::runs::send_telling;
use jiff::{SignedDuration, Timestamp};
use record::{
    BatchRecord, ChunkRecord, ChunkStatus, Source, batch_key, batches_partition, chunk_key, chunks_partition,
    manifest_object, object_prefix, view,
};
use serde::{Deserialize, Serialize};

/// How long a download address is valid.
const DOWNLOAD_VALID: SignedDuration = SignedDuration::from_mins(15);

/// The batch queue's message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BatchMessage {
    /// Predict this chunk.
    Chunk {
        /// Whose.
        workspace: String,
        /// Of which batch.
        batch: String,
        /// Which, from 1.
        chunk: u32,
    },
    /// Plan this batch, hand over its chunks that nobody has begun, or close it when all have ended.
    Batch {
        /// Whose.
        workspace: String,
        /// Which.
        batch: String,
    },
}

/// Does what a message of the batch queue asks. A second message for the same changes nothing. What is not
/// done by the deadline is given back, for somebody else to go on after the last part written.
pub async fn work(app: &App, message: &BatchMessage, deadline: Option<Timestamp>) -> Result<()> {
    match message {
        BatchMessage::Chunk { workspace, batch, chunk } => {
            chunk::run(app, workspace, batch, *chunk, deadline).await
        }
        BatchMessage::Batch { workspace, batch } => go_on(app, workspace, batch).await,
    }
}

/// Goes on with a batch from wherever it is. May be repeated, and is: what is due stays until it is over.
async fn go_on(app: &App, workspace: &str, batch: &str) -> Result<()> {
    let Some(record) = load::<BatchRecord>(&*app.slots.database, &batch_key(workspace, batch)).await? else {
        return Ok(());
    };
    match record.value.status {
        BatchStatus::Queued => plan::plan(app, workspace, batch).await,
        BatchStatus::Running if record.value.remaining == 0 => close::finish(app, workspace, batch).await,
        BatchStatus::Running => dispatch(app, workspace, &record.value).await,
        BatchStatus::Succeeded | BatchStatus::Failed | BatchStatus::Cancelled => Ok(()),
    }
}

/// Hands over the chunks that nobody works on.
async fn dispatch(app: &App, workspace: &str, record: &BatchRecord) -> Result<()> {
    let begun: Vec<Stored<ChunkRecord>> =
        all(&*app.slots.database, &chunks_partition(workspace, &record.id)).await?;
    let mut waits = vec![true; record.chunks as usize];
    for chunk in begun {
        let ChunkRecord { number, status, .. } = chunk.value;
        if let Some(waits) = waits.get_mut((number as usize).wrapping_sub(1)) {
            *waits = status == ChunkStatus::Queued;
        }
    }
    let mut messages = Vec::new();
    for (chunk, _) in (1..).zip(waits).filter(|(_, waits)| *waits) {
        messages.push(message(workspace, &record.id, chunk)?);
    }
    Ok(app.slots.queue.send(QueueName::Batch, &messages).await?)
}

/// Sends the message by which a batch goes on; what is due makes up for a failure.
async fn send_on(app: &App, workspace: &str, batch: &str) {
    let Ok(due) = due_of(workspace, batch) else { return };
    if let Err(error) = app.slots.queue.send(QueueName::Batch, &[Outgoing::now(due.message)]).await {
        tracing::warn!(batch, %error, "the batch will go on later");
    }
}

fn message(workspace: &str, batch: &str, chunk: u32) -> Result<Outgoing> {
    let message = BatchMessage::Chunk { workspace: workspace.to_owned(), batch: batch.to_owned(), chunk };
    Ok(Outgoing::now(serde_json::to_value(message).map_err(Problem::internal)?))
}

/// The entry among what is due of a batch as a whole.
fn due_of(workspace: &str, batch: &str) -> Result<Due> {
    let message = BatchMessage::Batch { workspace: workspace.to_owned(), batch: batch.to_owned() };
    Due::new(QueueName::Batch, &message)
}

/// Reads a batch, changes it, and writes it with what belongs to the change: see [`crate::record::change`].
async fn change<F>(app: &App, workspace: &str, batch: &str, make: F) -> Result<Option<BatchRecord>>
where
    F: FnMut(&mut BatchRecord) -> Result<Option<Vec<Write>>>,
{
    crate::record::change(app, &batch_key(workspace, batch), &format!("batch {batch}"), make).await
}

async fn find(app: &App, workspace: &str, batch: &str) -> Result<BatchRecord> {
    let missing = || Problem::not_found("batch", batch).remedy("GET /v1/batches lists them");
    if !is_id(batch, "bat") {
        return Err(missing());
    }
    let found = load::<BatchRecord>(&*app.slots.database, &batch_key(workspace, batch)).await?;
    Ok(found.ok_or_else(missing)?.value)
}

/// A batch with its progress.
pub async fn show(app: &App, workspace: &str, batch: &str) -> Result<Batch> {
    Ok(view(find(app, workspace, batch).await?))
}

/// The batches of a workspace, newest first.
pub async fn list(app: &App, workspace: &str, request: &PageRequest) -> Result<List<Batch>> {
    let found =
        page::<BatchRecord>(&*app.slots.database, batches_partition(workspace), request, true).await?;
    Ok(found.map(|stored| view(stored.value)))
}

/// Cancels a batch. Chunks under way stop after the rows at hand; what they have written is not given out.
pub async fn cancel(app: &App, workspace: &str, batch: &str) -> Result<Batch> {
    find(app, workspace, batch).await?;
    let (mut over, mut tell) = (None, None);
    change(app, workspace, batch, |record| {
        (over, tell) = (None, None);
        if record.status.is_over() {
            over = Some(record.status);
            return Ok(None);
        }
        record.status = BatchStatus::Cancelled;
        let (message, writes) =
            close::close(workspace, record, app.now(), "batch.cancelled", "cancelled".to_owned())?;
        tell = Some(message);
        Ok(Some(writes))
    })
    .await?;
    if let Some(tell) = tell {
        send_telling(app, &tell).await;
    }
    match over {
        Some(BatchStatus::Succeeded) => {
            Err(Problem::new(Kind::WrongState, "the batch has ended as succeeded"))
        }
        Some(BatchStatus::Failed) => Err(Problem::new(Kind::WrongState, "the batch has ended as failed")),
        _ => show(app, workspace, batch).await,
    }
}

/// Deletes a batch that is over, with its results and the file that was uploaded for it.
pub async fn delete(app: &App, workspace: &str, batch: &str) -> Result<()> {
    let record = find(app, workspace, batch).await?;
    if !record.status.is_over() {
        return Err(Problem::new(Kind::WrongState, "the batch is not over")
            .remedy(format!("POST /v1/batches/{batch}/cancel first")));
    }
    // Files first: a kill in between leaves a batch that is listed, and can be deleted again.
    let storage = &*app.slots.storage;
    let prefix = object_prefix(workspace, batch);
    loop {
        let page = storage.list(&prefix, None, 1000).await?;
        for object in &page.objects {
            storage.delete(&object.key).await?;
        }
        if page.next.is_none() {
            break;
        }
    }
    if record.input.dataset.is_none() {
        let (Source::Parquet { key, .. } | Source::Separated { key, .. }) = &record.source;
        storage.delete(key).await?;
    }
    let database = &*app.slots.database;
    let chunks: Vec<Stored<ChunkRecord>> = all(database, &chunks_partition(workspace, batch)).await?;
    let mut writes = Vec::new();
    for Stored { value: chunk, .. } in chunks {
        writes.push(Write::remove(chunk_key(workspace, batch, chunk.number)));
        writes.extend(chunk.due.as_ref().map(crate::due::DueKey::remove));
    }
    for seq in 1..=record.last_event {
        writes.push(Write::remove(event_key(workspace, batch, seq)));
    }
    writes.push(Write::remove(batch_key(workspace, batch)));
    for some in writes.chunks(100) {
        database.write(some).await?;
    }
    Ok(())
}

/// What came of a batch that is over: its parts with their checksums.
pub async fn manifest(app: &App, workspace: &str, batch: &str) -> Result<Manifest> {
    let record = find(app, workspace, batch).await?;
    let missing = || {
        Problem::new(Kind::WrongState, "the batch has no manifest")
            .remedy("a batch has one once it has succeeded, or failed with some of its rows predicted")
    };
    if !matches!(record.status, BatchStatus::Succeeded | BatchStatus::Failed) {
        return Err(missing());
    }
    match app.slots.storage.get(&manifest_object(workspace, batch)).await {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(Problem::internal),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

/// Which of a batch's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// Rows with their predictions.
    Parts,
    /// Rows with what is wrong with them.
    Errors,
}

/// An address from which a part can be fetched, by its number in the manifest.
pub async fn part(app: &App, workspace: &str, batch: &str, of: Files, number: &str) -> Result<Presigned> {
    let manifest = manifest(app, workspace, batch).await?;
    let (what, ending, files) = match of {
        Files::Parts => ("part", manifest.format.ending(), &manifest.parts),
        Files::Errors => ("errors", "jsonl", &manifest.errors),
    };
    let wanted: Option<u32> = number.parse().ok();
    let found = files.iter().find(|file| Some(file.number) == wanted).ok_or_else(|| {
        Problem::not_found(&format!("file of {what}"), number)
            .remedy(format!("GET /v1/batches/{batch}/manifest lists them"))
    })?;
    let name = format!("{what}-{:05}.{ending}", found.number);
    Ok(app.slots.storage.presign_download(&found.file.key, &name, DOWNLOAD_VALID).await?)
}
