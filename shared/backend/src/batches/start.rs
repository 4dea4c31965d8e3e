//! From a request to an open batch.

use super::input::{Rows, look_at_snapshot, look_at_upload};
use super::record::{
    Batch, BatchRecord, BatchStatus, Input, NewBatch, NewInput, Source, batch_key, inputs_prefix, slot_key,
    slots_partition, view,
};
use super::{due_of, go_on};
use crate::app::App;
use crate::datasets;
use crate::deployments;
use crate::due;
use crate::idempotency::{Idempotency, Seen};
use crate::ids::is_id;
use crate::models;
use crate::operation::Call;
use crate::ports::Query;
use crate::problem::{Kind, Problem, Result};
use crate::record::{ATTEMPTS, create};
use crate::runs::DatasetRef;
use crate::uploads::{self, NewUpload, Upload};
use fettle_engine::table::Field;
use serde_json::json;
use std::collections::BTreeSet;

/// The most columns that are named to be carried along.
const MOST_INCLUDED: usize = 200;

/// More chunks are handed over by a worker: a request has no time for it.
const MOST_AT_ONCE: u32 = 500;

/// An address for a file that a batch is to read.
pub async fn upload(app: &App, call: &Call, new: NewUpload) -> Result<Upload> {
    uploads::address(app, &inputs_prefix(call.workspace()?), new, app.limits.upload_bytes).await
}

/// Starts a batch: sees that the model can read the input, writes the batch, and hands over its chunks.
pub async fn start(app: &App, call: &Call, new: NewBatch) -> Result<Batch> {
    let workspace = call.workspace()?;
    let idempotency = Idempotency::of(app, "batches.create", call)?;
    if let Seen::Again(batch) = idempotency.look().await? {
        return super::show(app, workspace, &batch).await;
    }
    if new.include.len() > MOST_INCLUDED {
        return Err(Problem::invalid("include", format!("at most {MOST_INCLUDED} columns can be named"))
            .remedy("ask for [\"*\"] to carry all along"));
    }
    let deployment = deployments::show(app, workspace, &new.deployment)
        .await
        .map_err(|problem| problem.at_field("deployment"))?;
    let version = deployment.version.ok_or_else(|| {
        Problem::new(Kind::WrongState, format!("deployment `{}` serves no version", deployment.name))
            .at_field("deployment")
            .remedy("let the alias that it follows name one")
    })?;
    let model = models::find(app, workspace, &deployment.model).await?.value;
    let version = models::find_version(app, workspace, &model, version).await?;
    let (input, source, chunks) = prepare(app, workspace, &new, &version.schema.inputs).await?;

    let now = app.now();
    let id = app.ids.id("bat");
    let (due_key, due_write) = due::set(now + due::GRACE, workspace, &id, &due_of(workspace, &id)?)?;
    let mut record = BatchRecord {
        id: id.clone(),
        deployment: deployment.name,
        model: version.name,
        version: version.version,
        artifact: version.sha256,
        input,
        source,
        format: new.output.format,
        include: new.include,
        status: if chunks.is_some() { BatchStatus::Running } else { BatchStatus::Queued },
        chunks: chunks.unwrap_or(0),
        remaining: chunks.unwrap_or(0),
        predicted: 0,
        faulty: 0,
        slot: 0,
        tries: 0,
        last_event: 0,
        created_at: now,
        finished_at: None,
        error: None,
        due: Some(due_key),
    };
    for _ in 0..ATTEMPTS {
        record.slot = free_slot(app, workspace).await?;
        let mut writes = vec![
            create(batch_key(workspace, &id), &record)?,
            create(slot_key(workspace, record.slot), &json!({ "batch": id }))?,
            due_write.clone(),
        ];
        writes.extend(idempotency.made(&id)?);
        match app.slots.database.write(&writes).await {
            Ok(()) => {
                // Whatever happens from here on, what is due starts the chunks.
                if record.status == BatchStatus::Queued || record.chunks > MOST_AT_ONCE {
                    super::send_on(app, workspace, &id).await;
                } else if let Err(error) = go_on(app, workspace, &id).await {
                    tracing::warn!(batch = id, %error, "the chunks will be handed over later");
                }
                return Ok(view(record));
            }
            Err(error) if error.is_conflict() => {
                if let Seen::Again(batch) = idempotency.look().await? {
                    return super::show(app, workspace, &batch).await;
                }
                // Somebody else was faster to take the place.
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::new(Kind::Unavailable, "too many batches are started at once").remedy("try again"))
}

/// A place that no open batch has.
async fn free_slot(app: &App, workspace: &str) -> Result<u32> {
    let most = app.limits.open_batches;
    let mut taken = BTreeSet::new();
    let mut query = Query::prefix(slots_partition(workspace), "", 1000);
    loop {
        let page = app.slots.database.query(&query).await?;
        taken.extend(page.items.into_iter().map(|item| item.key.sort));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    (0..most).find(|slot| !taken.contains(&slot_key(workspace, *slot).sort)).ok_or_else(|| {
        Problem::new(Kind::WrongState, format!("{most} batches are open, and no more may be"))
            .remedy("wait until one is over, or cancel one")
    })
}

/// Where the rows are, seen to be such that the model can read them; and the number of chunks, if it is
/// known before the file is read.
async fn prepare(
    app: &App,
    workspace: &str,
    new: &NewBatch,
    inputs: &[Field],
) -> Result<(Input, Source, Option<u32>)> {
    let (field, key, dataset) = match &new.input {
        NewInput { dataset: Some(name), version, key: None } => {
            let reference = version.map_or_else(|| name.clone(), |version| format!("{name}@{version}"));
            let (record, version) = datasets::find_ready(app, workspace, &reference)
                .await
                .map_err(|problem| problem.at_field("input.dataset"))?;
            let key = datasets::snapshot_key(workspace, &record.id, version.version);
            let dataset = DatasetRef {
                id: record.id,
                name: record.name,
                version: version.version,
                sha256: version.sha256.unwrap_or_default(),
            };
            ("input.dataset", key, Some(dataset))
        }
        NewInput { dataset: None, version: None, key: Some(key) } => {
            let id = key.strip_prefix(&inputs_prefix(workspace));
            if !id.is_some_and(|id| is_id(id, "upl")) {
                return Err(Problem::not_found("uploaded file", key)
                    .at_field("input.key")
                    .remedy("POST /v1/batches/uploads gives a key, and an address to send the file to"));
            }
            ("input.key", key.clone(), None)
        }
        _ => {
            return Err(Problem::invalid("input", "the rows come from a `dataset` or from a `key`")
                .remedy("give one of them; a `version` is a data set's"));
        }
    };
    let rows = match &dataset {
        Some(_) => look_at_snapshot(app, &key).await,
        None => look_at_upload(app, &key).await,
    };
    let rows = rows.map_err(|problem| problem.at_field(field))?;
    rows.check(inputs, &new.include).map_err(|problem| match problem.kind {
        Kind::InvalidField => problem,
        _ => problem.at_field(field),
    })?;
    let (chunks, count) = match &rows {
        Rows::Parquet { footer, .. } => {
            super::plan::check_size(app, footer.rows(), footer.groups() as u64)
                .map_err(|problem| problem.at_field(field))?;
            (Some(footer.groups() as u32), Some(footer.rows()))
        }
        Rows::Separated { .. } => (None, None),
    };
    // A file that was uploaded is read once for its checksum.
    let chunks = chunks.filter(|_| dataset.is_some());
    let input = Input {
        sha256: dataset.as_ref().map(|dataset| dataset.sha256.clone()),
        key: dataset.is_none().then_some(key),
        rows: count,
        dataset,
    };
    Ok((input, rows.source(), chunks))
}
