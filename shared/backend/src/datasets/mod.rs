//! Data sets: named, in versions, each version an immutable columnar snapshot with its profile.

mod ingest;
mod record;

pub use fettle_engine::table::Profile;
pub(crate) use ingest::announce;
pub use ingest::{Uploaded, ingest};
pub use record::{Dataset, DatasetColumn, NewDataset, Status, UPLOADS};
pub(crate) use record::{
    DatasetRecord, VersionRecord, heads, object_prefix, parse_upload_key, profile_key, snapshot_key,
    version_key,
};

use crate::app::App;
use crate::due::{self, Due};
use crate::idempotency::{Idempotency, Seen};
use crate::ids::is_id;
use crate::limits::{check_bytes, check_name};
use crate::operation::Call;
use crate::ports::{Key, Outgoing, QueueName, UploadTerms, Write};
use crate::problem::{Kind, Problem, Result};
use crate::record::{
    ATTEMPTS, List, PageRequest, Stored, all, back_off, check_revision, create, list as page, load, update,
};
use fettle_engine::table::Table;
use jiff::SignedDuration;
use record::{id_key, name_key, versions_partition};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// How long an upload address is valid.
const UPLOAD_VALID: SignedDuration = SignedDuration::from_hours(1);

/// Makes the next version of a data set (the first, if the name is new), to be uploaded to the
/// address that the answer holds.
pub async fn create_dataset(app: &App, call: &Call, new: NewDataset) -> Result<Dataset> {
    let workspace = call.workspace()?;
    let terms = new.terms(app.limits.upload_bytes)?;
    let idempotency = Idempotency::of(app, "datasets.create", call)?;
    let (record, version) = match idempotency.look().await? {
        Seen::Again(made) => find(app, workspace, &made).await?,
        Seen::First => add_version(app, workspace, &new.name, None, &idempotency).await?,
    };
    with_upload(app, &record, version, &terms).await
}

/// Makes the next version of a data set from the bytes of a file: it is being ingested from then on.
pub async fn push(app: &App, call: &Call, name: &str) -> Result<Dataset> {
    let workspace = call.workspace()?;
    check_bytes("the file", call.body.len() as u64, app.limits.inline_upload_bytes).map_err(|problem| {
        problem.remedy("POST {\"name\"} as JSON and PUT the file to the address that it answers")
    })?;
    let idempotency = Idempotency::of(app, "datasets.push", call)?;
    let (record, version) = match idempotency.look().await? {
        Seen::Again(made) => find(app, workspace, &made).await?,
        Seen::First => add_version(app, workspace, name, Some(&call.body), &idempotency).await?,
    };
    if version.value.status == Status::Ingesting {
        let message = Uploaded { key: version.value.upload.clone() }.message()?;
        app.slots.queue.send(QueueName::Ingest, &[Outgoing::now(message)]).await?;
    }
    Ok(record::view(&record.value, &version))
}

async fn with_upload(
    app: &App,
    record: &Stored<DatasetRecord>,
    version: Stored<VersionRecord>,
    terms: &UploadTerms,
) -> Result<Dataset> {
    let mut view = record::view(&record.value, &version);
    if view.status == Status::AwaitingUpload {
        let storage = &app.slots.storage;
        view.upload = Some(storage.presign_upload(&version.value.upload, terms, UPLOAD_VALID).await?);
    }
    Ok(view)
}

/// Writes the next version of `name`, and the data set itself if it is new; with the file's bytes, if
/// they are here already.
async fn add_version(
    app: &App,
    workspace: &str,
    name: &str,
    file: Option<&[u8]>,
    idempotency: &Idempotency<'_>,
) -> Result<(Stored<DatasetRecord>, Stored<VersionRecord>)> {
    check_name("name", name)?;
    if is_id(name, "ds") {
        return Err(Problem::invalid("name", "a name may not look like a data set's id"));
    }
    let database = &*app.slots.database;
    for attempt in 0..ATTEMPTS {
        let now = app.now();
        let key = name_key(workspace, name);
        let found: Option<Stored<DatasetRecord>> = load(database, &key).await?;
        let (record, mut writes) = if let Some(Stored { value: before, revision }) = found {
            let record = DatasetRecord { newest: before.newest + 1, ..before };
            let write = update(key, &record, revision)?;
            (Stored { value: record, revision: revision + 1 }, vec![write])
        } else {
            let (id, name) = (app.ids.id("ds"), name.to_owned());
            let record = DatasetRecord { id, name, newest: 1, ready: None, created_at: now };
            let writes = vec![create(key, &record)?, create(id_key(workspace, &record.id), &record.name)?];
            (Stored { value: record, revision: 1 }, writes)
        };
        let DatasetRecord { id, newest, .. } = &record.value;
        let upload = record::upload_key(workspace, id, *newest, &app.ids.uuid().simple().to_string());
        let status = if file.is_some() { Status::Ingesting } else { Status::AwaitingUpload };
        let bytes = file.map_or(0, |file| file.len() as u64);
        let mut version = VersionRecord::new(*newest, status, bytes, upload, now);
        if let Some(file) = file {
            // Before the transaction: whatever the version says of its file is true at any kill.
            app.slots.storage.put(&version.upload, file).await?;
            let entry = Due::new(QueueName::Ingest, &Uploaded { key: version.upload.clone() })?;
            let (due_key, write) = due::set(now + due::GRACE, workspace, &record::work(id, *newest), &entry)?;
            version.due = Some(due_key);
            writes.push(write);
        }
        writes.push(create(version_key(workspace, id, *newest), &version)?);
        writes.extend(idempotency.made(&format!("{name}@{newest}"))?);
        match database.write(&writes).await {
            Ok(()) => return Ok((record, Stored { value: version, revision: 1 })),
            Err(error) if error.is_conflict() => {
                if file.is_some() {
                    app.slots.storage.delete(&version.upload).await?;
                }
                if let Seen::Again(made) = idempotency.look().await? {
                    return find(app, workspace, &made).await;
                }
                back_off(attempt, app.ids.random::<1>()[0]).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::new(Kind::Unavailable, format!("too many uploads of `{name}` at once")).remedy("try again"))
}

/// The data set and the version that a reference means: `name`, `id`, `name@2` or `id@2`; without a
/// version the newest.
pub(crate) async fn find(
    app: &App,
    workspace: &str,
    reference: &str,
) -> Result<(Stored<DatasetRecord>, Stored<VersionRecord>)> {
    let missing = || Problem::not_found("data set", reference).remedy("GET /v1/datasets lists them");
    let (name, version) = match reference.split_once('@') {
        Some((name, version)) => (name, Some(version.parse::<u32>().map_err(|_| missing())?)),
        None => (reference, None),
    };
    let record = find_record(app, workspace, name).await?.ok_or_else(missing)?;
    let number = version.unwrap_or(record.value.newest);
    let key = version_key(workspace, &record.value.id, number);
    let version = load(&*app.slots.database, &key).await?.ok_or_else(missing)?;
    Ok((record, version))
}

async fn find_record(app: &App, workspace: &str, name: &str) -> Result<Option<Stored<DatasetRecord>>> {
    let database = &*app.slots.database;
    if is_id(name, "ds") {
        let Some(found) = load::<String>(database, &id_key(workspace, name)).await? else { return Ok(None) };
        return load(database, &name_key(workspace, &found.value)).await;
    }
    if check_name("dataset", name).is_err() {
        return Ok(None);
    }
    load(database, &name_key(workspace, name)).await
}

/// The ready version that a reference means: without a version the newest that is ready.
pub(crate) async fn find_ready(
    app: &App,
    workspace: &str,
    reference: &str,
) -> Result<(DatasetRecord, VersionRecord)> {
    let (record, mut version) = find(app, workspace, reference).await?;
    if let Some(ready) =
        record.value.ready.filter(|_| version.value.status != Status::Ready && !reference.contains('@'))
    {
        let key = version_key(workspace, &record.value.id, ready);
        version = load(&*app.slots.database, &key).await?.unwrap_or(version);
    }
    let VersionRecord { version: number, status, .. } = version.value;
    if status != Status::Ready {
        let name = &record.value.name;
        let problem = Problem::new(
            Kind::WrongState,
            format!("version {number} of data set `{name}` is {}", status.as_str()),
        );
        return Err(match status {
            Status::Failed => {
                problem.remedy(format!("GET /v1/datasets/{name} says what was wrong with the file"))
            }
            Status::AwaitingUpload => {
                problem.remedy("PUT the file to the address that its creation answered")
            }
            Status::Ingesting | Status::Ready => {
                problem.remedy(format!("wait until GET /v1/datasets/{name} says `ready`"))
            }
        });
    }
    Ok((record.value, version.value))
}

/// A data set's version, with its columns, or with what was wrong if it failed; and the data set's
/// revision.
pub async fn show(app: &App, workspace: &str, reference: &str) -> Result<(Dataset, u64)> {
    let (record, version) = find(app, workspace, reference).await?;
    Ok((record::view(&record.value, &version), record.revision))
}

/// The data sets of a workspace by name, each as its newest version.
pub async fn list(app: &App, workspace: &str, request: &PageRequest) -> Result<List<Dataset>> {
    let database = &*app.slots.database;
    let found = page::<DatasetRecord>(database, record::names_partition(workspace), request, false).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for record in found.items {
        let key = version_key(workspace, &record.value.id, record.value.newest);
        if let Some(version) = load(database, &key).await? {
            items.push(Dataset { columns: None, ..record::view(&record.value, &version) });
        }
    }
    Ok(List { items, next_cursor: found.next_cursor })
}

/// What is known of each column of a ready version.
pub async fn profile(app: &App, workspace: &str, reference: &str) -> Result<Profile> {
    let (record, version) = find_ready(app, workspace, reference).await?;
    profile_of(app, workspace, &record.id, version.version).await
}

pub(crate) async fn profile_of(app: &App, workspace: &str, id: &str, version: u32) -> Result<Profile> {
    let bytes = app.slots.storage.get(&profile_key(workspace, id, version)).await?;
    serde_json::from_slice(&bytes).map_err(Problem::internal)
}

/// The first rows of a ready version.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Preview {
    /// The columns' names, in the file's order.
    pub columns: Vec<String>,
    /// One object a row.
    pub rows: Vec<Map<String, Value>>,
}

/// The first rows of a ready version.
pub async fn preview(app: &App, workspace: &str, reference: &str, rows: usize) -> Result<Preview> {
    if !(1..=1000).contains(&rows) {
        return Err(Problem::invalid("rows", "`rows` is 1 to 1000"));
    }
    let (record, version) = find_ready(app, workspace, reference).await?;
    let table = snapshot(app, workspace, &record.id, version.version).await?;
    Ok(Preview {
        columns: table.columns.iter().map(|column| column.name.clone()).collect(),
        rows: table.head(rows),
    })
}

/// The table of a ready version.
pub(crate) async fn snapshot(app: &App, workspace: &str, id: &str, version: u32) -> Result<Table> {
    let bytes = app.slots.storage.get(&snapshot_key(workspace, id, version)).await?;
    tokio::task::spawn_blocking(move || Table::from_snapshot(&bytes))
        .await
        .map_err(Problem::internal)?
        .map_err(Problem::internal)
}

/// Deletes a data set with all its versions. What was trained on it stays.
pub async fn delete(app: &App, workspace: &str, name: &str, if_match: Option<&str>) -> Result<()> {
    let database = &*app.slots.database;
    let record =
        find_record(app, workspace, name).await?.ok_or_else(|| Problem::not_found("data set", name))?;
    check_revision(if_match, record.revision)?;
    let id = record.value.id;
    // Files first: a kill in between leaves a data set that is listed, and can be deleted again.
    for prefix in [object_prefix(workspace, &id), record::upload_prefix(workspace, &id)] {
        let mut after = None;
        loop {
            let page = app.slots.storage.list(&prefix, after.as_deref(), 1000).await?;
            for object in &page.objects {
                app.slots.storage.delete(&object.key).await?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    let versions: Vec<Stored<VersionRecord>> = all(database, &versions_partition(workspace, &id)).await?;
    let mut writes: Vec<Write> = Vec::new();
    for version in versions {
        writes.push(Write::remove(version_key(workspace, &id, version.value.version)));
        writes.extend(version.value.due.as_ref().map(due::DueKey::remove));
    }
    for some in writes.chunks(100) {
        database.write(some).await?;
    }
    let gone: [Key; 2] = [name_key(workspace, &record.value.name), id_key(workspace, &id)];
    database.write(&gone.map(Write::remove)).await?;
    Ok(())
}
