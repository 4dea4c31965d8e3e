//! A batch's records, where they lie, and how they look from outside.

use crate::backup::{Heads, Parts};
use crate::due::DueKey;
use crate::ports::{Item, Key};
use crate::problem::{ProblemBody, Result};
use crate::record::read;
use crate::runs::{DatasetRef, Lease};
use fettle_engine::batch::Format;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is asked for when a batch is started.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBatch {
    /// The deployment whose model predicts: the version that it serves now, for all rows.
    pub deployment: String,
    /// The rows: of a data set, or of a file that was uploaded for it.
    pub input: NewInput,
    /// The form of the results; Parquet when left out.
    #[serde(default)]
    pub output: Output,
    /// Columns of the input to be carried along into the results; `["*"]` for all.
    #[serde(default)]
    pub include: Vec<String>,
}

/// Where the rows come from: `dataset` or `key`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInput {
    /// The data set, by name or id.
    #[serde(default)]
    pub dataset: Option<String>,
    /// Its version; the newest ready one when left out.
    #[serde(default)]
    pub version: Option<u32>,
    /// The key of a file of CSV or Parquet, as `POST /v1/batches/uploads` gave it.
    #[serde(default)]
    pub key: Option<String>,
}

/// The form of the results.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Of each part.
    pub format: Format,
}

impl Default for Output {
    fn default() -> Self {
        Self { format: Format::Parquet }
    }
}

/// How far a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchStatus {
    /// Its file is being cut into chunks.
    Queued,
    /// Its chunks are being predicted.
    Running,
    /// Each row has its prediction, or its reason among the errors.
    Succeeded,
    /// Some rows have neither; `error` says why.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl BatchStatus {
    /// Whether nothing more will happen to it.
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// Where a batch's rows come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// The data set, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<DatasetRef>,
    /// The uploaded file's key, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Of the data set's snapshot or of the file; none until the file has been read once.
    pub sha256: Option<String>,
    /// None until the file has been read once.
    pub rows: Option<u64>,
}

/// How the object is written that the chunks read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// A chunk is a row group.
    Parquet {
        key: String,
        bytes: u64,
        /// The footer's length and SHA-256, by which another file under the same key is known.
        footer: u64,
        footer_sha256: String,
    },
    /// A chunk is a piece of the batch's plan.
    Separated { key: String, bytes: u64 },
}

/// The batch's record: small, since every chunk that ends writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BatchRecord {
    pub(crate) id: String,
    pub(crate) deployment: String,
    pub(crate) model: String,
    pub(crate) version: u32,
    /// Of the model's artifact, by which all chunks have the same.
    pub(crate) artifact: String,
    pub(crate) input: Input,
    pub(crate) source: Source,
    pub(crate) format: Format,
    pub(crate) include: Vec<String>,
    pub(crate) status: BatchStatus,
    pub(crate) chunks: u32,
    pub(crate) remaining: u32,
    /// Rows with a prediction, of chunks that have ended.
    pub(crate) predicted: u64,
    /// Rows among the errors, of chunks that have ended.
    pub(crate) faulty: u64,
    /// Its place among the open ones.
    pub(crate) slot: u32,
    /// How often its plan was begun.
    pub(crate) tries: u32,
    pub(crate) last_event: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) error: Option<ProblemBody>,
    pub(crate) due: Option<DueKey>,
}

/// How far a chunk is. A chunk without a record has not been begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChunkStatus {
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl ChunkStatus {
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// A stored file of results or errors. Its key has its checksum, so that what a record names is never
/// written over by a worker that lost its lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Where it lies in storage.
    pub key: String,
    /// Its rows.
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// Of its bytes.
    pub sha256: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ChunkRecord {
    pub(crate) number: u32,
    pub(crate) status: ChunkStatus,
    /// Rows read, predicted or faulty, that the parts hold: where the next worker goes on.
    pub(crate) read: u64,
    pub(crate) predicted: u64,
    pub(crate) faulty: u64,
    pub(crate) parts: Vec<Part>,
    pub(crate) errors: Vec<Part>,
    /// Tries that ended in an error since the last part.
    pub(crate) failures: u32,
    /// Workers lost since the last part.
    pub(crate) losses: u32,
    pub(crate) error: Option<String>,
    pub(crate) lease: Option<Lease>,
    pub(crate) due: Option<DueKey>,
}

impl ChunkRecord {
    pub(crate) fn new(number: u32) -> Self {
        Self {
            number,
            status: ChunkStatus::Queued,
            read: 0,
            predicted: 0,
            faulty: 0,
            parts: Vec::new(),
            errors: Vec::new(),
            failures: 0,
            losses: 0,
            error: None,
            lease: None,
            due: None,
        }
    }
}

/// How much of a batch is done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BatchProgress {
    /// Chunks that have ended.
    pub done: u32,
    /// Of how many; 0 until the file has been read once.
    pub of: u32,
    /// Rows of those chunks.
    pub rows: u64,
    /// Of how many, once that is known.
    pub of_rows: Option<u64>,
    /// What is going on.
    pub now: String,
}

/// A batch of predictions.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Batch {
    /// Its id.
    pub id: String,
    /// The deployment that was asked.
    pub deployment: String,
    /// The model that answers.
    pub model: String,
    /// Its version: the same for all rows.
    pub version: u32,
    /// Where the rows come from.
    pub input: Input,
    /// The form of the results.
    pub output: Output,
    /// Columns that are carried along.
    pub include: Vec<String>,
    /// How far it is.
    pub status: BatchStatus,
    /// How much of it is done.
    pub progress: BatchProgress,
    /// Rows with a prediction so far.
    pub predicted: u64,
    /// Rows among the errors so far.
    pub faulty: u64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ProblemBody>,
    /// When it was asked for.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// When it ended.
    #[schemars(with = "Option<String>")]
    pub finished_at: Option<Timestamp>,
}

pub(crate) fn view(record: BatchRecord) -> Batch {
    let done = record.chunks - record.remaining;
    let now = match record.status {
        BatchStatus::Queued => "reading the file".to_owned(),
        BatchStatus::Running if record.remaining == 0 => "writing the manifest".to_owned(),
        BatchStatus::Running => "predicting".to_owned(),
        BatchStatus::Succeeded => "done".to_owned(),
        BatchStatus::Failed => "failed".to_owned(),
        BatchStatus::Cancelled => "cancelled".to_owned(),
    };
    let rows = record.predicted + record.faulty;
    Batch {
        id: record.id,
        deployment: record.deployment,
        model: record.model,
        version: record.version,
        output: Output { format: record.format },
        include: record.include,
        status: record.status,
        progress: BatchProgress { done, of: record.chunks, rows, of_rows: record.input.rows, now },
        predicted: record.predicted,
        faulty: record.faulty,
        input: record.input,
        error: record.error,
        created_at: record.created_at,
        finished_at: record.finished_at,
    }
}

pub(crate) fn batches_partition(workspace: &str) -> String {
    format!("{workspace}/batch")
}

/// Batches as a backup finds them: each with its chunks, its events, and its place among the open ones.
pub(crate) fn heads(workspace: &str) -> Heads {
    Heads { partition: batches_partition(workspace), parts }
}

fn parts(workspace: &str, head: &Item) -> Result<Parts> {
    let record: BatchRecord = read(head)?;
    let open = !record.status.is_over();
    Ok(Parts {
        keys: open.then(|| slot_key(workspace, record.slot)).into_iter().collect(),
        changing: vec![chunks_partition(workspace, &record.id)],
        growing: Some(event_key(workspace, &record.id, record.last_event + 1)),
    })
}

pub(crate) fn batch_key(workspace: &str, batch: &str) -> Key {
    Key::new(batches_partition(workspace), batch)
}

pub(crate) fn chunks_partition(workspace: &str, batch: &str) -> String {
    format!("{workspace}/batch/{batch}/chunk")
}

pub(crate) fn chunk_key(workspace: &str, batch: &str, chunk: u32) -> Key {
    Key::new(chunks_partition(workspace, batch), format!("{chunk:08}"))
}

pub(crate) fn events_partition(workspace: &str, batch: &str) -> String {
    format!("{workspace}/batch/{batch}/event")
}

pub(crate) fn event_key(workspace: &str, batch: &str, seq: u64) -> Key {
    Key::new(events_partition(workspace, batch), format!("{seq:010}"))
}

/// The places of open batches: as many as may be open.
pub(crate) fn slots_partition(workspace: &str) -> String {
    format!("{workspace}/batch-slot")
}

pub(crate) fn slot_key(workspace: &str, slot: u32) -> Key {
    Key::new(slots_partition(workspace), format!("{slot:08}"))
}

/// Where all that a batch makes lies in storage.
pub(crate) fn object_prefix(workspace: &str, batch: &str) -> String {
    format!("{workspace}/batches/{batch}/")
}

pub(crate) fn plan_object(workspace: &str, batch: &str) -> String {
    format!("{}plan.json", object_prefix(workspace, batch))
}

pub(crate) fn manifest_object(workspace: &str, batch: &str) -> String {
    format!("{}manifest.json", object_prefix(workspace, batch))
}

/// Where files lie that are uploaded for batches.
pub(crate) fn inputs_prefix(workspace: &str) -> String {
    format!("{workspace}/batch-inputs/")
}
