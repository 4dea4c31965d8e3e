//! The end of a batch: its manifest, and the one write that closes it.

use super::change;
use super::record::{
    BatchRecord, BatchStatus, ChunkRecord, ChunkStatus, Input, Part, batch_key, chunks_partition, event_key,
    manifest_object, slot_key,
};
use crate::app::App;
use crate::due::{self, DueKey};
use crate::events::{Tell, telling};
use crate::ports::Write;
use crate::problem::{Kind, Problem, Result};
use crate::record::{Stored, all, create, load};
use crate::runs::{Event, send_telling};
use fettle_engine::batch::Format;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// The batch.
    pub batch: String,
    /// The deployment that was asked.
    pub deployment: String,
    /// The model that answered.
    pub model: String,
    /// Its version.
    pub version: u32,
    /// Of the model's artifact.
    pub model_sha256: String,
    /// What was read.
    pub input: Input,
    /// The form of the parts.
    pub format: Format,
    /// Rows with a prediction.
    pub rows: u64,
    /// Rows among the errors.
    pub faulty: u64,
    /// The results, in the order of the rows.
    pub parts: Vec<Numbered>,
    /// What is wrong with the rows that have no prediction: a line of JSON each, with `row`, `column` and
    /// `detail`, in the order of the rows.
    pub errors: Vec<Numbered>,
    /// Chunks whose rows are neither in the parts nor, all of them, among the errors.
    pub failed: Vec<Failure>,
    /// When the batch was asked for.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
}

/// A file of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Numbered {
    /// By which it is asked for: 1, 2, 3, …
    pub number: u32,
    /// The file.
    #[serde(flatten)]
    pub file: Part,
}

/// A chunk that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// Which, from 1.
    pub chunk: u32,
    /// Why.
    pub reason: String,
}

/// Closes a batch whose chunks have all ended. Of many that try at once one does; to try again changes
/// nothing, and the manifest is the same whoever writes it.
pub(super) async fn finish(app: &App, workspace: &str, batch: &str) -> Result<()> {
    let database = &*app.slots.database;
    let Some(record) = load::<BatchRecord>(database, &batch_key(workspace, batch)).await? else {
        return Ok(());
    };
    let record = record.value;
    if record.status != BatchStatus::Running || record.remaining > 0 {
        return Ok(());
    }
    let stored: Vec<Stored<ChunkRecord>> = all(database, &chunks_partition(workspace, batch)).await?;
    let chunks: Vec<ChunkRecord> = stored.into_iter().map(|chunk| chunk.value).collect();
    let manifest = manifest(&record, &chunks);
    let bytes = serde_json::to_vec_pretty(&manifest).map_err(Problem::internal)?;
    app.slots.storage.put(&manifest_object(workspace, batch), &bytes).await?;

    let mut tell = None;
    change(app, workspace, batch, |record| {
        tell = None;
        if record.status != BatchStatus::Running || record.remaining > 0 {
            return Ok(None);
        }
        let failure = failure(&manifest, record.chunks);
        let (kind, summary) = match &failure {
            Some(problem) => ("batch.failed", problem.detail().to_owned()),
            None => {
                ("batch.succeeded", format!("{} rows predicted, {} faulty", manifest.rows, manifest.faulty))
            }
        };
        record.status = if failure.is_some() { BatchStatus::Failed } else { BatchStatus::Succeeded };
        record.error = failure.as_ref().map(Problem::body);
        let (message, writes) = close(workspace, record, app.now(), kind, summary)?;
        tell = Some(message);
        Ok(Some(writes))
    })
    .await?;
    if let Some(tell) = tell {
        send_telling(app, &tell).await;
    }
    Ok(())
}

fn manifest(record: &BatchRecord, chunks: &[ChunkRecord]) -> Manifest {
    let numbered = |files: &dyn Fn(&ChunkRecord) -> &Vec<Part>| {
        let all = chunks.iter().flat_map(|chunk| files(chunk).clone());
        (1..).zip(all).map(|(number, file)| Numbered { number, file }).collect()
    };
    let failed = chunks.iter().filter(|chunk| chunk.status == ChunkStatus::Failed);
    Manifest {
        batch: record.id.clone(),
        deployment: record.deployment.clone(),
        model: record.model.clone(),
        version: record.version,
        model_sha256: record.artifact.clone(),
        input: record.input.clone(),
        format: record.format,
        rows: chunks.iter().map(|chunk| chunk.predicted).sum(),
        faulty: chunks.iter().map(|chunk| chunk.faulty).sum(),
        parts: numbered(&|chunk| &chunk.parts),
        errors: numbered(&|chunk| &chunk.errors),
        failed: failed
            .map(|chunk| Failure { chunk: chunk.number, reason: chunk.error.clone().unwrap_or_default() })
            .collect(),
        created_at: record.created_at,
    }
}

/// Why a batch that ends so has failed, if it has.
fn failure(manifest: &Manifest, chunks: u32) -> Option<Problem> {
    if let Some(Failure { chunk, reason }) = manifest.failed.first() {
        let count = manifest.failed.len();
        return Some(
            Problem::new(
                Kind::WrongState,
                format!("{count} of {chunks} chunks failed; chunk {chunk}: {reason}"),
            )
            .remedy("the manifest lists them, with the parts that there are"),
        );
    }
    (manifest.rows == 0).then(|| {
        Problem::new(Kind::Row, "no row could be predicted")
            .remedy("the errors say what is wrong with each row")
    })
}

/// The writes of a batch that ends now, in the state that it has, and the message that tells of it.
pub(super) fn close(
    workspace: &str,
    record: &mut BatchRecord,
    now: Timestamp,
    kind: &str,
    summary: String,
) -> Result<(Tell, Vec<Write>)> {
    record.finished_at = Some(now);
    record.last_event += 1;
    let event = Event {
        seq: record.last_event,
        at: now,
        kind: kind.to_owned(),
        summary,
        data: json!({ "batch": record.id, "deployment": record.deployment,
                      "predicted": record.predicted, "faulty": record.faulty }),
    };
    let mut writes = vec![
        create(event_key(workspace, &record.id, event.seq), &event)?,
        Write::remove(slot_key(workspace, record.slot)),
    ];
    writes.extend(record.due.take().as_ref().map(DueKey::remove));
    let (tell, write) = telling(workspace, &record.id, record.last_event, now)?;
    writes.push(write);
    Ok((tell, writes))
}

/// The writes by which a batch whose last chunk has ended is closed soon, whatever happens to whoever ended
/// it.
pub(super) fn finish_soon(workspace: &str, record: &mut BatchRecord, now: Timestamp) -> Result<Vec<Write>> {
    let entry = super::due_of(workspace, &record.id)?;
    let (key, writes) = due::renew(record.due.as_ref(), now + due::GRACE, workspace, &record.id, &entry)?;
    record.due = Some(key);
    Ok(writes)
}
