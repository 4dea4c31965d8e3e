//! Named secrets: values that are written and never shown again, sealed by the key ring.
//!
//! A value is sealed for its record's id, so that it opens nowhere else. What a caller sees of it is at
//! most its last four characters, and whether it still opens.

use crate::app::App;
use crate::limits::check_name;
use crate::operation::Call;
use crate::ports::{Condition, ErrorKind, Key, KeyRing, Write};
use crate::problem::{Kind, Problem, Result};
use crate::record::{
    ATTEMPTS, List, PageRequest, Stored, back_off, check_revision, create, list as page, load, update,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The longest value, in bytes.
pub const VALUE_BYTES: usize = 64 << 10;

/// The shortest value of which the last four characters are shown: two thirds stay hidden.
const SHOWN_FROM_CHARS: usize = 12;

/// No secret's name: `/v1/secrets/rotate` is an operation.
const RESERVED: &str = "rotate";

/// What is asked for when a secret is written. Not `Debug`: it holds the value.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// The value: 1 byte to 64 KiB of text. It is never shown again.
    value: String,
    /// What it is for, as a name: `webhook`, `postgres`, …
    #[serde(default)]
    kind: Option<String>,
}

/// A secret, without its value.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Secret {
    /// Its name.
    pub name: String,
    /// Its id: the same as long as it is replaced and not deleted.
    pub id: String,
    /// What it is for.
    pub kind: Option<String>,
    /// The value's last four characters, if it has at least 12.
    pub last_four: Option<String>,
    /// Whether the value opens with the key ring as it is.
    pub readable: bool,
    /// What to do about a value that does not open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<&'static str>,
    /// When it was first written.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// When its value was last written.
    #[schemars(with = "String")]
    pub updated_at: Timestamp,
    /// Changes with every change; what `If-Match` takes.
    pub revision: u64,
}

/// What a part of a rotation did.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Rotation {
    /// How many values were sealed again, by the ring's first key.
    pub rotated: u64,
    /// How many were sealed by it before.
    pub already: u64,
    /// The names of those that do not open: they stay as they are.
    pub unreadable: Vec<String>,
    /// `cursor` for the next part; none at the end.
    pub next_cursor: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct SecretRecord {
    id: String,
    name: String,
    kind: Option<String>,
    /// `ENC:v1:…`
    sealed: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

const RESTORE: &str = "put the key that sealed it back into the key ring, below the first, or write the \
                       value again";

fn partition(workspace: &str) -> String {
    format!("{workspace}/secret")
}

fn secret_key(workspace: &str, name: &str) -> Key {
    Key::new(partition(workspace), name)
}

/// Where a value belongs; sealed with it.
fn place(workspace: &str, id: &str) -> String {
    format!("{workspace}/secret/{id}")
}

/// The key ring; with `reload` as it is now.
async fn ring(app: &App, reload: bool) -> Result<Arc<KeyRing>> {
    let secrets = &app.slots.secrets;
    let ring = if reload { secrets.reload().await } else { secrets.keys().await };
    ring.map_err(|error| {
        tracing::error!(%error, "the key ring can not be used");
        let remedy = match error.kind() {
            ErrorKind::Corrupt => "restore the key ring from your backup: a new one opens no value",
            _ => "try again; if it stays so, the log says what keeps the key ring away",
        };
        Problem::new(Kind::Unavailable, "the key ring can not be used").remedy(remedy)
    })
}

/// Opens values by the kept key ring, and by the ring as it is now once one does not open.
struct Opener<'a> {
    app: &'a App,
    ring: Arc<KeyRing>,
    is_fresh: bool,
}

impl<'a> Opener<'a> {
    async fn new(app: &'a App) -> Result<Self> {
        Ok(Self { app, ring: ring(app, false).await?, is_fresh: false })
    }

    async fn open(&mut self, workspace: &str, record: &SecretRecord) -> Result<Option<String>> {
        let place = place(workspace, &record.id);
        if let Ok(value) = self.ring.open(&place, &record.sealed) {
            return Ok(Some(value));
        }
        if !self.is_fresh {
            (self.ring, self.is_fresh) = (ring(self.app, true).await?, true);
        }
        Ok(self.ring.open(&place, &record.sealed).ok())
    }

    async fn view(&mut self, workspace: &str, stored: Stored<SecretRecord>) -> Result<Secret> {
        let value = self.open(workspace, &stored.value).await?;
        Ok(view(stored.value, value.as_deref(), stored.revision))
    }
}

fn view(record: SecretRecord, value: Option<&str>, revision: u64) -> Secret {
    let SecretRecord { id, name, kind, created_at, updated_at, .. } = record;
    Secret {
        id,
        name,
        kind,
        last_four: value.and_then(last_four),
        readable: value.is_some(),
        remedy: value.is_none().then_some(RESTORE),
        created_at,
        updated_at,
        revision,
    }
}

fn last_four(value: &str) -> Option<String> {
    let count = value.chars().count();
    (count >= SHOWN_FROM_CHARS).then(|| value.chars().skip(count - 4).collect())
}

/// The body of a call that writes a secret. Unlike [`Call::json`] it repeats nothing of the body: what
/// is in the wrong place there may be the value.
fn parse(call: &Call) -> Result<NewSecret> {
    let new: NewSecret = serde_json::from_slice(&call.body).map_err(|error| {
        let detail = match error.classify() {
            serde_json::error::Category::Data => "the body has not the fields of a secret",
            _ => "the body is not JSON",
        };
        let kind = if error.is_data() { Kind::InvalidField } else { Kind::Malformed };
        Problem::new(kind, detail)
            .at_field("body")
            .remedy("send {\"value\": \"…\"} and, if you like, \"kind\": a name")
    })?;
    if !(1..=VALUE_BYTES).contains(&new.value.len()) {
        let detail = format!("a value has 1 to {VALUE_BYTES} bytes, not {}", new.value.len());
        return Err(Problem::invalid("value", detail));
    }
    if let Some(kind) = &new.kind {
        check_name("kind", kind)?;
    }
    Ok(new)
}

/// Writes a secret: a new one, or in place of the one of that name.
pub async fn put(app: &App, call: &Call) -> Result<Secret> {
    let (workspace, name, if_match) = (call.workspace()?, call.path("secret"), call.if_match.as_deref());
    check_name("secret", name)?;
    if name == RESERVED {
        return Err(Problem::invalid("secret", "`rotate` is an operation, not a secret's name")
            .remedy("choose another name"));
    }
    let NewSecret { value, kind } = parse(call)?;
    // The key that seals now: what an older one sealed would be missed by a rotation that is over.
    let ring = ring(app, true).await?;
    let (database, key) = (&*app.slots.database, secret_key(workspace, name));
    for attempt in 0..ATTEMPTS {
        let now = app.now();
        let before = load::<SecretRecord>(database, &key).await?;
        let (id, created_at, revision) = match &before {
            Some(found) => {
                check_revision(if_match, found.revision)?;
                (found.value.id.clone(), found.value.created_at, found.revision)
            }
            None if if_match.is_some() => {
                return Err(Problem::new(Kind::Stale, format!("there is no secret `{name}` (any more)"))
                    .at_field("If-Match")
                    .remedy("leave If-Match out to make it"));
            }
            None => (app.ids.id("sec"), now, 0),
        };
        let record = SecretRecord {
            sealed: ring.seal(&place(workspace, &id), &value),
            id,
            name: name.to_owned(),
            kind: kind.clone(),
            created_at,
            updated_at: now,
        };
        let write = match revision {
            0 => create(key.clone(), &record)?,
            revision => update(key.clone(), &record, revision)?,
        };
        match database.write(&[write]).await {
            Ok(()) => return Ok(view(record, Some(&value), revision + 1)),
            Err(error) if error.is_conflict() => back_off(attempt, app.ids.random::<1>()[0]).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::new(Kind::Unavailable, format!("too many changes of `{name}` at once")).remedy("try again"))
}

/// The secrets of a workspace by name, without their values.
pub async fn list(app: &App, workspace: &str, request: &PageRequest) -> Result<List<Secret>> {
    let found = page::<SecretRecord>(&*app.slots.database, partition(workspace), request, false).await?;
    let mut items = Vec::with_capacity(found.items.len());
    if !found.items.is_empty() {
        let mut opener = Opener::new(app).await?;
        for stored in found.items {
            items.push(opener.view(workspace, stored).await?);
        }
    }
    Ok(List { items, next_cursor: found.next_cursor })
}

async fn find(app: &App, workspace: &str, name: &str) -> Result<Stored<SecretRecord>> {
    let missing = || Problem::not_found("secret", name).remedy("GET /v1/secrets lists them");
    check_name("secret", name).map_err(|_| missing())?;
    load(&*app.slots.database, &secret_key(workspace, name)).await?.ok_or_else(missing)
}

/// A secret, without its value.
pub async fn show(app: &App, workspace: &str, name: &str) -> Result<Secret> {
    let stored = find(app, workspace, name).await?;
    Opener::new(app).await?.view(workspace, stored).await
}

/// Deletes a secret, readable or not.
pub async fn delete(app: &App, workspace: &str, name: &str, if_match: Option<&str>) -> Result<()> {
    let stored = find(app, workspace, name).await?;
    check_revision(if_match, stored.revision)?;
    let condition = Condition::Version(stored.revision);
    let key = secret_key(workspace, name);
    app.slots.database.write(&[Write::Delete { key, condition }]).await?;
    Ok(())
}

/// What became of one value in a rotation.
enum Resealed {
    Rotated,
    Already,
    Unreadable,
    /// It was deleted in between.
    Gone,
}

/// Seals the values of one page of secrets again by the ring's first key, where another sealed them.
///
/// Each is written on the condition that it is as it was read, so a value that is replaced at the same
/// time wins. A rotation that was cut short is begun anew, or gone on with from the last cursor: what
/// was done stays done.
pub async fn rotate(app: &App, workspace: &str, request: &PageRequest) -> Result<Rotation> {
    let ring = ring(app, true).await?;
    let found = page::<SecretRecord>(&*app.slots.database, partition(workspace), request, false).await?;
    let mut rotation = Rotation { next_cursor: found.next_cursor, ..Rotation::default() };
    for stored in found.items {
        let name = stored.value.name.clone();
        match reseal(app, &ring, workspace, stored).await? {
            Resealed::Rotated => rotation.rotated += 1,
            Resealed::Already => rotation.already += 1,
            Resealed::Unreadable => rotation.unreadable.push(name),
            Resealed::Gone => {}
        }
    }
    Ok(rotation)
}

async fn reseal(
    app: &App,
    ring: &KeyRing,
    workspace: &str,
    mut stored: Stored<SecretRecord>,
) -> Result<Resealed> {
    let key = secret_key(workspace, &stored.value.name);
    for attempt in 0..ATTEMPTS {
        let Stored { value: record, revision } = stored;
        let place = place(workspace, &record.id);
        if ring.sealed_by_first(&place, &record.sealed) {
            return Ok(Resealed::Already);
        }
        let Ok(value) = ring.open(&place, &record.sealed) else { return Ok(Resealed::Unreadable) };
        let record = SecretRecord { sealed: ring.seal(&place, &value), ..record };
        match app.slots.database.write(&[update(key.clone(), &record, revision)?]).await {
            Ok(()) => return Ok(Resealed::Rotated),
            Err(error) if error.is_conflict() => back_off(attempt, app.ids.random::<1>()[0]).await,
            Err(error) => return Err(error.into()),
        }
        match load(&*app.slots.database, &key).await? {
            Some(now) => stored = now,
            None => return Ok(Resealed::Gone),
        }
    }
    Err(Problem::new(Kind::Unavailable, "too many changes of one secret at once").remedy("try again"))
}
