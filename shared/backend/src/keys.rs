//! API keys: `ftl_`, an id, and a secret that is shown once and stored as a hash.

use crate::app::App;
use crate::backup::{Heads, Parts};
use crate::clock::Clock;
use crate::idempotency::{Idempotency, Seen, hex};
use crate::ids::Ids;
use crate::limits::NAME_CHARS;
use crate::operation::Call;
use crate::permission::Role;
use crate::ports::{self, Auth, Caller, Condition, Database, Item, Key, Write};
use crate::problem::{Kind, Problem, Result};
use crate::record::{List, PageRequest, create, list as page, load, read};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// The workspace that a new platform has.
pub const DEFAULT_WORKSPACE: &str = "default";

/// Lower-case base32 (RFC 4648): the alphabet of a key's id.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What is asked for when a key is made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What it is for, in a few words.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
}

/// A key.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ApiKey {
    /// Its id: the part after `ftl_`.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// The key itself: only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When it was made.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeyRecord {
    id: String,
    workspace: String,
    name: String,
    role: Role,
    /// SHA-256 of the secret: 256 random bits need no slow hash.
    hash: String,
    created_at: Timestamp,
}

fn view(record: KeyRecord, key: Option<String>) -> ApiKey {
    ApiKey { id: record.id, name: record.name, role: record.role, key, created_at: record.created_at }
}

/// By the id alone, since a caller's workspace is not known before its key.
fn id_key(id: &str) -> Key {
    Key::new("platform/key", id)
}

fn keys_partition(workspace: &str) -> String {
    format!("{workspace}/key")
}

fn key_key(workspace: &str, id: &str) -> Key {
    Key::new(keys_partition(workspace), id)
}

/// Keys as a backup finds them: each with its entry by the id alone.
pub(crate) fn heads(workspace: &str) -> Heads {
    Heads { partition: keys_partition(workspace), parts }
}

fn parts(_workspace: &str, head: &Item) -> Result<Parts> {
    let record: KeyRecord = read(head)?;
    Ok(Parts { keys: vec![id_key(&record.id)], ..Parts::default() })
}

/// The mark that the platform has its first admin key, if that is a key of the workspace.
pub(crate) async fn first_admin(database: &dyn Database, workspace: &str) -> Result<Option<Item>> {
    let Some(item) = database.get(&first_admin_key()).await? else { return Ok(None) };
    let id: String = read(&item)?;
    let known = database.get(&key_key(workspace, &id)).await?.is_some();
    Ok(known.then_some(item))
}

/// Whether the item is one of those by which callers are let in.
pub(crate) fn lets_in(key: &Key, workspace: &str) -> bool {
    key.partition == keys_partition(workspace) || is_of_platform(key)
}

/// Whether it is one of those that lie outside of the workspace's partitions.
pub(crate) fn is_of_platform(key: &Key) -> bool {
    key.partition == first_admin_key().partition || key.partition == id_key("").partition
}

/// Whether an item outside of the workspace's partitions is a key of the workspace, or the mark of
/// the first one.
pub(crate) fn belongs(item: &Item, workspace: &str) -> bool {
    if item.key == first_admin_key() {
        return item.value.is_string();
    }
    read::<KeyRecord>(item)
        .is_ok_and(|record| record.workspace == workspace && item.key == id_key(&record.id))
}

fn first_admin_key() -> Key {
    Key::new("platform/admin", "first")
}

/// A new key's text.
pub fn generate(ids: &Ids) -> String {
    let id: String = ids.random::<16>().iter().map(|byte| BASE32[usize::from(byte % 32)] as char).collect();
    format!("ftl_{id}_{}", URL_SAFE_NO_PAD.encode(ids.random::<32>()))
}

/// The id and secret of a key's text; none if it has not the form of one.
fn parse(token: &str) -> Option<(&str, &str)> {
    let rest = token.strip_prefix("ftl_")?;
    let (id, secret) = (rest.get(..16)?, rest.get(16..)?.strip_prefix('_')?);
    let id_fits = id.bytes().all(|byte| BASE32.contains(&byte));
    (id_fits && secret.len() == 43).then_some((id, secret))
}

fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

fn record_of(token: &str, workspace: &str, name: &str, role: Role, now: Timestamp) -> Result<KeyRecord> {
    let (id, secret) = parse(token).ok_or_else(|| Problem::internal("that is not a key"))?;
    Ok(KeyRecord {
        id: id.to_owned(),
        workspace: workspace.to_owned(),
        name: name.to_owned(),
        role,
        hash: hash(secret),
        created_at: now,
    })
}

fn writes_of(record: &KeyRecord) -> Result<Vec<Write>> {
    Ok(vec![create(id_key(&record.id), record)?, create(key_key(&record.workspace, &record.id), record)?])
}

/// Makes a key. Its text is in this answer and nowhere else.
pub async fn create_key(app: &App, call: &Call, new: NewKey) -> Result<ApiKey> {
    let workspace = call.workspace()?;
    let idempotency = Idempotency::of(app, "keys.create", call)?;
    if let Seen::Again(id) = idempotency.look().await? {
        return Err(Problem::new(
            Kind::AlreadyExists,
            format!("the key {id} was made by this request before; it was shown then"),
        )
        .remedy("revoke it and make another if it was lost"));
    }
    if new.name.trim().is_empty()
        || new.name.chars().count() > NAME_CHARS
        || new.name.chars().any(char::is_control)
    {
        return Err(Problem::invalid(
            "name",
            format!("a key's name is 1 to {NAME_CHARS} printable characters"),
        ));
    }
    let token = generate(&app.ids);
    let record = record_of(&token, workspace, &new.name, new.role, app.now())?;
    let mut writes = writes_of(&record)?;
    writes.extend(idempotency.made(&record.id)?);
    app.slots.database.write(&writes).await?;
    Ok(view(record, Some(token)))
}

/// The keys of a workspace, without their secrets.
pub async fn list(app: &App, workspace: &str, request: &PageRequest) -> Result<List<ApiKey>> {
    let found = page::<KeyRecord>(&*app.slots.database, keys_partition(workspace), request, false).await?;
    Ok(found.map(|stored| view(stored.value, None)))
}

/// Revokes a key at once.
pub async fn revoke(app: &App, caller: &Caller, id: &str) -> Result<()> {
    let missing = || Problem::not_found("key", id).remedy("GET /v1/keys lists them");
    if id.len() != 16 || !id.bytes().all(|byte| BASE32.contains(&byte)) {
        return Err(missing());
    }
    if caller.subject == id {
        return Err(
            Problem::new(Kind::WrongState, "a key can not revoke itself").remedy("use another admin key")
        );
    }
    let key = key_key(&caller.workspace, id);
    let found = load::<KeyRecord>(&*app.slots.database, &key).await?.ok_or_else(missing)?;
    let condition = Condition::Version(found.revision);
    app.slots.database.write(&[Write::remove(id_key(id)), Write::Delete { key, condition }]).await?;
    Ok(())
}

/// Whether the first admin key has been made.
pub async fn has_admin(database: &dyn Database) -> Result<bool> {
    Ok(database.get(&first_admin_key()).await?.is_some())
}

/// Makes `token` the platform's first admin key, in one conditional write: a second caller is refused.
pub async fn install_first_admin(database: &dyn Database, clock: &dyn Clock, token: &str) -> Result<()> {
    install(database, &first_admin_record(token, clock.now())?).await
}

fn first_admin_record(token: &str, now: Timestamp) -> Result<KeyRecord> {
    record_of(token, DEFAULT_WORKSPACE, "first admin", Role::Admin, now)
}

async fn install(database: &dyn Database, record: &KeyRecord) -> Result<()> {
    let mut writes = writes_of(record)?;
    writes.push(create(first_admin_key(), &record.id)?);
    database.write(&writes).await.map_err(|error| match error {
        error if error.is_conflict() => {
            Problem::new(Kind::AlreadyExists, "the platform has its first admin key already")
                .remedy("an admin makes further keys with POST /v1/keys")
        }
        error => error.into(),
    })
}

/// Makes the platform's first admin key, in one conditional write: a second caller is refused. The
/// key's text is in this answer and nowhere else.
pub async fn create_first_admin(app: &App) -> Result<ApiKey> {
    let token = generate(&app.ids);
    let record = first_admin_record(&token, app.now())?;
    install(&*app.slots.database, &record).await?;
    Ok(view(record, Some(token)))
}

/// Tells callers by their API key.
pub struct KeyAuth {
    database: Arc<dyn Database>,
}

impl KeyAuth {
    /// With the keys of this database.
    pub fn new(database: Arc<dyn Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Auth for KeyAuth {
    async fn authenticate(&self, token: &str, _now: Timestamp) -> ports::Result<Option<Caller>> {
        // A token that is no key is looked up and compared all the same, so that an answer takes as
        // long whatever is wrong.
        let (id, secret) = parse(token).unwrap_or(("aaaaaaaaaaaaaaaa", token));
        let item = self.database.get(&id_key(id)).await?;
        let record = item.and_then(|item| serde_json::from_value::<KeyRecord>(item.value).ok());
        let expected = record.as_ref().map_or_else(|| "0".repeat(64), |record| record.hash.clone());
        let matches: bool = expected.as_bytes().ct_eq(hash(secret).as_bytes()).into();
        Ok(record.filter(|_| matches).map(|record| Caller {
            workspace: record.workspace,
            subject: record.id,
            role: record.role,
        }))
    }
}
