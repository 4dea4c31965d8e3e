//! From an uploaded file to a ready version.

use super::record::{DatasetColumn, DatasetRecord, Status, VersionRecord, name_key, parse_upload_key, work};
use super::{profile_key, snapshot_key, version_key};
use crate::app::{App, Slots};
use crate::due::{self, Due};
use crate::idempotency::hex;
use crate::limits::check_bytes;
use crate::ports::{Error, ErrorKind, Outgoing, QueueName};
use crate::problem::{Kind, Problem, Result};
use crate::record::{ATTEMPTS, Stored, back_off, load, update};
use fettle_engine::table::{Profile, ReadLimits, TableError, profile, read};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

/// A file that takes down its worker so often is given up.
const TRIES: u32 = 5;

/// An ingestion that takes longer is begun again by somebody else; the first to end wins.
const LATE: SignedDuration = SignedDuration::from_mins(15);

/// The message that says that a file has been uploaded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Uploaded {
    /// The object's key.
    pub key: String,
}

impl Uploaded {
    /// As a message's body.
    pub fn message(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(Problem::internal)
    }
}

/// What reading a file gives.
struct Read {
    snapshot: Vec<u8>,
    profile: Profile,
}

/// Reads an uploaded file into a ready version, or says on the version why it can not be used. A
/// second message for the same file changes nothing, nor does one for a file that no version waits for.
pub async fn ingest(app: &App, uploaded: &Uploaded) -> Result<()> {
    let Some((workspace, id, number)) = parse_upload_key(&uploaded.key) else {
        return Err(Problem::new(
            Kind::Malformed,
            format!("`{}` is not where a file is uploaded to", uploaded.key),
        ));
    };
    let version = match begin(app, workspace, id, number, uploaded).await? {
        Begun::Here(version) => *version,
        // What was uploaded again, after it was read, is read by nobody.
        Begun::Ended => return Ok(app.slots.storage.delete(&uploaded.key).await?),
        Begun::NotWaiting => return Ok(()),
    };
    let outcome = match fetch(app, &uploaded.key).await? {
        Ok(bytes) => {
            let size = bytes.len() as u64;
            let limits = app.limits.read.clone();
            let read = tokio::task::spawn_blocking(move || read_file(&bytes, &limits))
                .await
                .map_err(Problem::internal)?;
            read.map_err(Problem::from).map(|read| (size, read))
        }
        Err(problem) => Err(problem),
    };
    let ended = match outcome {
        Ok((size, read)) => finish(app, workspace, id, version, size, read).await?,
        Err(problem) => fail(app, workspace, id, version, &problem).await?,
    };
    // Whoever else has begun still needs the file.
    if ended {
        app.slots.storage.delete(&uploaded.key).await?;
    }
    Ok(())
}

/// The uploaded file's bytes, or why it is refused. Its length is looked at first, for not every storage
/// holds an upload to its limit, and again while it is read, for it may be written again meanwhile.
async fn fetch(app: &App, key: &str) -> Result<std::result::Result<Vec<u8>, Problem>> {
    let limit = app.limits.upload_bytes;
    let too_large = |bytes: u64| {
        check_bytes("the file", bytes, limit)
            .map_err(|problem| problem.remedy("make it smaller, or save it as Parquet, and upload it again"))
    };
    let gone = || Problem::new(Kind::NotFound, "the uploaded file is gone").remedy("upload it again");
    let storage = &app.slots.storage;
    let length = match storage.head(key).await {
        Ok(object) => object.bytes,
        Err(error) if error.is_not_found() => return Ok(Err(gone())),
        Err(error) => return Err(error.into()),
    };
    if let Err(problem) = too_large(length) {
        return Ok(Err(problem));
    }
    let stream = match storage.get_stream(key, 0).await {
        Ok(stream) => stream,
        Err(error) if error.is_not_found() => return Ok(Err(gone())),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(Problem::internal)?);
    stream.take(limit.saturating_add(1)).read_to_end(&mut bytes).await.map_err(|error| {
        Problem::from(Error::new(ErrorKind::Unavailable, format!("reading {key}")).caused_by(error))
    })?;
    Ok(too_large(bytes.len() as u64).map(|()| bytes))
}

/// Sends the message for a file that was uploaded to this key, if a version waits for it. Whether it does.
pub(crate) async fn announce(slots: &Slots, key: &str) -> Result<bool> {
    let Some((workspace, id, number)) = parse_upload_key(key) else { return Ok(false) };
    let version = load::<VersionRecord>(&*slots.database, &version_key(workspace, id, number)).await?;
    let waits = version
        .is_some_and(|version| version.value.upload == key && version.value.status == Status::AwaitingUpload);
    if waits {
        let message = Uploaded { key: key.to_owned() }.message()?;
        slots.queue.send(QueueName::Ingest, &[Outgoing::now(message)]).await?;
    }
    Ok(waits)
}

fn read_file(bytes: &[u8], limits: &ReadLimits) -> std::result::Result<Read, TableError> {
    let table = read(bytes, limits)?;
    Ok(Read { profile: profile(&table), snapshot: table.to_snapshot()? })
}

/// Whether an ingestion was begun.
enum Begun {
    /// By this call.
    Here(Box<Stored<VersionRecord>>),
    /// It has ended before: the file was read, or refused.
    Ended,
    /// There is no such version, or it waits for another file.
    NotWaiting,
}

/// Marks the version as being ingested.
async fn begin(app: &App, workspace: &str, id: &str, number: u32, uploaded: &Uploaded) -> Result<Begun> {
    let database = &*app.slots.database;
    let key = version_key(workspace, id, number);
    for attempt in 0..ATTEMPTS {
        let Some(Stored { value: mut version, revision }) = load::<VersionRecord>(database, &key).await?
        else {
            return Ok(Begun::NotWaiting);
        };
        if version.upload != uploaded.key {
            return Ok(Begun::NotWaiting);
        }
        if matches!(version.status, Status::Ready | Status::Failed) {
            return Ok(Begun::Ended);
        }
        if version.tries >= TRIES {
            let problem =
                Problem::new(Kind::Internal, format!("the file could not be read in {TRIES} tries"))
                    .remedy("make it smaller, or save it as Parquet, and upload it again");
            let ended = fail(app, workspace, id, Stored { value: version, revision }, &problem).await?;
            return Ok(if ended { Begun::Ended } else { Begun::NotWaiting });
        }
        version.status = Status::Ingesting;
        version.tries += 1;
        let entry = Due::new(QueueName::Ingest, uploaded)?;
        let (due_key, mut writes) =
            due::renew(version.due.as_ref(), app.now() + LATE, workspace, &work(id, number), &entry)?;
        version.due = Some(due_key);
        writes.push(update(key.clone(), &version, revision)?);
        match database.write(&writes).await {
            Ok(()) => return Ok(Begun::Here(Box::new(Stored { value: version, revision: revision + 1 }))),
            Err(error) if error.is_conflict() => back_off(attempt, app.ids.random::<1>()[0]).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::new(Kind::Unavailable, "the version keeps changing"))
}

async fn finish(
    app: &App,
    workspace: &str,
    id: &str,
    stored: Stored<VersionRecord>,
    size: u64,
    read: Read,
) -> Result<bool> {
    let Stored { value: mut version, revision } = stored;
    let storage = &*app.slots.storage;
    let profile = serde_json::to_vec(&read.profile).map_err(Problem::internal)?;
    storage.put(&snapshot_key(workspace, id, version.version), &read.snapshot).await?;
    storage.put(&profile_key(workspace, id, version.version), &profile).await?;
    version.status = Status::Ready;
    version.rows = Some(read.profile.rows);
    version.bytes = size;
    version.sha256 = Some(hex(&Sha256::digest(&read.snapshot)));
    version.columns = Some(
        read.profile
            .columns
            .into_iter()
            .map(|column| DatasetColumn {
                name: column.name,
                kind: column.kind,
                missing: column.missing,
                distinct: column.distinct,
                note: column.note,
            })
            .collect(),
    );
    end(app, workspace, id, version, revision).await
}

async fn fail(
    app: &App,
    workspace: &str,
    id: &str,
    stored: Stored<VersionRecord>,
    problem: &Problem,
) -> Result<bool> {
    let Stored { value: mut version, revision } = stored;
    version.status = Status::Failed;
    version.error = Some(problem.body());
    end(app, workspace, id, version, revision).await
}

/// Writes the version's last state, and on the data set that it is ready. `false` when the version has
/// changed since it was read: somebody else has begun or ended it, or it is deleted.
async fn end(
    app: &App,
    workspace: &str,
    id: &str,
    mut version: VersionRecord,
    revision: u64,
) -> Result<bool> {
    let database = &*app.slots.database;
    let due = version.due.take();
    for attempt in 0..ATTEMPTS {
        let mut writes = vec![update(version_key(workspace, id, version.version), &version, revision)?];
        writes.extend(due.as_ref().map(due::DueKey::remove));
        if version.status == Status::Ready {
            let Some(name) = load::<String>(database, &super::id_key(workspace, id)).await? else {
                return Ok(false);
            };
            let key = name_key(workspace, &name.value);
            let Some(record) = load::<DatasetRecord>(database, &key).await? else { return Ok(false) };
            if record.value.ready.is_none_or(|ready| ready < version.version) {
                let next = DatasetRecord { ready: Some(version.version), ..record.value };
                writes.push(update(key, &next, record.revision)?);
            }
        }
        match database.write(&writes).await {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == (ErrorKind::Conflict { at: 0 }) => return Ok(false),
            Err(error) if error.is_conflict() => back_off(attempt, app.ids.random::<1>()[0]).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::new(Kind::Unavailable, "the data set keeps changing"))
}
