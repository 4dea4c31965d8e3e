//! Typed records over the database's documents.

use crate::app::App;
use crate::ports::{Condition, Database, ErrorKind, Item, Key, Query, Write};
use crate::problem::{Kind, Problem, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// A record and the revision in which it was read.
#[derive(Debug, Clone)]
pub(crate) struct Stored<T> {
    pub(crate) value: T,
    pub(crate) revision: u64,
}

/// The record under a key.
pub(crate) async fn load<T: DeserializeOwned>(
    database: &dyn Database,
    key: &Key,
) -> Result<Option<Stored<T>>> {
    database.get(key).await?.map(decode).transpose()
}

/// The record in an item.
pub(crate) fn read<T: DeserializeOwned>(item: &Item) -> Result<T> {
    T::deserialize(&item.value).map_err(Problem::internal)
}

fn decode<T: DeserializeOwned>(item: Item) -> Result<Stored<T>> {
    let value = serde_json::from_value(item.value).map_err(Problem::internal)?;
    Ok(Stored { value, revision: item.version })
}

/// A write of a new record.
pub(crate) fn create<T: Serialize>(key: Key, value: &T) -> Result<Write> {
    Ok(Write::create(key, serde_json::to_value(value).map_err(Problem::internal)?))
}

/// A write of a new record that vanishes by itself.
pub(crate) fn create_until<T: Serialize>(key: Key, value: &T, expires_at: Timestamp) -> Result<Write> {
    let value = serde_json::to_value(value).map_err(Problem::internal)?;
    Ok(Write::Put { key, value, expires_at: Some(expires_at), condition: Condition::Absent })
}

/// A write of the next revision of a record.
pub(crate) fn update<T: Serialize>(key: Key, value: &T, revision: u64) -> Result<Write> {
    Ok(Write::update(key, serde_json::to_value(value).map_err(Problem::internal)?, revision))
}

/// A page of a list, as every list answers it.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct List<T> {
    /// The page's items.
    pub items: Vec<T>,
    /// `cursor` for the next page; none at the end.
    pub next_cursor: Option<String>,
}

/// Which page of a list is asked for.
#[derive(Debug, Clone)]
pub struct PageRequest {
    limit: usize,
    cursor: Option<String>,
}

impl PageRequest {
    /// The most items in a page.
    pub const MAX: usize = 200;

    /// From a call's `limit` (1 to 200, default 50) and `cursor`.
    pub fn from_call(call: &crate::operation::Call) -> Result<Self> {
        let limit = call.query::<usize>("limit")?.unwrap_or(50);
        if !(1..=Self::MAX).contains(&limit) {
            return Err(Problem::invalid("limit", format!("`limit` is 1 to {}", Self::MAX)));
        }
        Ok(Self { limit, cursor: call.query.get("cursor").cloned() })
    }

    /// The sort key to go on after.
    fn after(&self, partition: &str) -> Result<Option<String>> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        read_cursor(partition, cursor).map(Some).ok_or_else(|| {
            Problem::invalid("cursor", "`cursor` is not one that this list gave")
                .remedy("pass `next_cursor` of the page before")
        })
    }
}

/// How many bytes of a cursor say that it is one.
const CHECK: usize = 8;

/// What tells the cursor after a sort key from others, and from what somebody made up.
///
/// This needs no secret: the partition begins with the caller's own workspace, so that whoever works the
/// check out can only ask for what a query of theirs gives anyway.
fn cursor_check(partition: &str, sort: &str) -> [u8; CHECK] {
    let text = format!("fettle cursor 1\n{partition}\n{sort}");
    let mut check = [0; CHECK];
    check.copy_from_slice(&Sha256::digest(text)[..CHECK]);
    check
}

fn write_cursor(partition: &str, sort: &str) -> String {
    URL_SAFE_NO_PAD.encode([&cursor_check(partition, sort), sort.as_bytes()].concat())
}

/// The sort key of a cursor that a list of the partition gave.
fn read_cursor(partition: &str, cursor: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (check, sort) = bytes.split_at_checked(CHECK)?;
    let sort = std::str::from_utf8(sort).ok()?;
    let fits = (1..=512).contains(&sort.len()) && check == cursor_check(partition, sort);
    fits.then(|| sort.to_owned())
}

/// A page of a partition's records, in the order of the walk.
pub(crate) async fn list<T: DeserializeOwned>(
    database: &dyn Database,
    partition: String,
    page: &PageRequest,
    descending: bool,
) -> Result<List<Stored<T>>> {
    let after = page.after(&partition)?;
    let query = Query { after, descending, ..Query::prefix(partition.as_str(), "", page.limit) };
    let found = database.query(&query).await?;
    Ok(List {
        items: found.items.into_iter().map(decode).collect::<Result<_>>()?,
        next_cursor: found.next.map(|sort| write_cursor(&partition, &sort)),
    })
}

/// All records of a partition that is small by nature, such as the trials of a run.
pub(crate) async fn all<T: DeserializeOwned>(
    database: &dyn Database,
    partition: &str,
) -> Result<Vec<Stored<T>>> {
    let mut records = Vec::new();
    let mut query = Query::prefix(partition, "", 1000);
    loop {
        let page = database.query(&query).await?;
        for item in page.items {
            records.push(decode(item)?);
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(records),
        }
    }
}

/// Refuses a change of a revision that the caller has not seen; no `If-Match` means any.
pub(crate) fn check_revision(if_match: Option<&str>, revision: u64) -> Result<()> {
    let Some(expected) = if_match else { return Ok(()) };
    if expected == "*" || expected.trim_matches('"').parse() == Ok(revision) {
        return Ok(());
    }
    Err(Problem::new(
        Kind::Stale,
        format!("it is in revision {revision} now, not {}", expected.trim_matches('"')),
    )
    .at_field("If-Match")
    .remedy("read it again and decide anew"))
}

impl<T> List<T> {
    /// The same page with each item turned into another form.
    pub(crate) fn map<U>(self, turn: impl FnMut(T) -> U) -> List<U> {
        List { items: self.items.into_iter().map(turn).collect(), next_cursor: self.next_cursor }
    }
}

/// Reads a record, changes it, and writes it with what belongs to the change; begins anew when somebody
/// else was faster. `Ok(None)` from the change leaves everything as it is. A conflict of what belongs
/// to the change is an error; its index counts the record's own write as the first.
pub(crate) async fn change<T, F>(app: &App, key: &Key, what: &str, mut make: F) -> Result<Option<T>>
where
    T: Serialize + DeserializeOwned,
    F: FnMut(&mut T) -> Result<Option<Vec<Write>>>,
{
    let database = &*app.slots.database;
    for attempt in 0..ATTEMPTS {
        let Some(Stored { value: mut record, revision }) = load::<T>(database, key).await? else {
            return Ok(None);
        };
        let Some(with) = make(&mut record)? else { return Ok(Some(record)) };
        // The record comes first: when it has changed, so has the rest, and that is what is to be told.
        let mut writes = vec![update(key.clone(), &record, revision)?];
        writes.extend(with);
        match database.write(&writes).await {
            Ok(()) => return Ok(Some(record)),
            Err(error) if error.kind() == (ErrorKind::Conflict { at: 0 }) => {
                back_off(attempt, app.ids.random::<1>()[0]).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::new(Kind::Unavailable, format!("{what} keeps changing")).remedy("try again"))
}

/// How often a read-change-write is begun anew after a conflict.
pub(crate) const ATTEMPTS: u32 = 50;

/// Waits a little before a read-change-write is begun anew: longer each time, never in step with
/// others.
pub(crate) async fn back_off(attempt: u32, spread: u8) {
    let millis = u64::from(attempt.min(10)) * (1 + u64::from(spread) % 8);
    tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_by_the_list_that_gave_it() {
        for sort in ["a", "penguins", "run_0192f0c1", "é\n"] {
            let cursor = write_cursor("w/dataset", sort);
            assert_eq!(read_cursor("w/dataset", &cursor).as_deref(), Some(sort));
            for other in ["w/model", "w/datase", "v/dataset", "w/dataset\n"] {
                assert_eq!(read_cursor(other, &cursor), None, "{other}");
            }
        }
    }

    #[test]
    fn a_changed_cursor_is_none() {
        let cursor = write_cursor("w/dataset", "penguins");
        for at in 0..cursor.len() {
            for with in ["A", "z", "_", "=", " ", "%", ""] {
                let mut changed = cursor.clone();
                changed.replace_range(at..=at, with);
                assert!(changed == cursor || read_cursor("w/dataset", &changed).is_none(), "{changed}");
            }
        }
        for made_up in [
            "",
            &write_cursor("w/dataset", ""),
            "A",
            "AAAAAAAAAAA",
            "cGVuZ3VpbnM",
            &cursor[..11],
            &format!("{cursor}AA"),
        ] {
            assert_eq!(read_cursor("w/dataset", made_up), None, "{made_up}");
        }
    }
}
