//! The database slot on SQLite.

use crate::sqlite::{Schema, Sqlite, failed};
use async_trait::async_trait;
use fettle_backend::clock::Clock;
use fettle_backend::ports::{Condition, Database, Error, ErrorKind, Item, Key, Page, Query, Result, Write};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const SCHEMA: Schema = Schema {
    application_id: 0x4645_5444, // "FETD"
    version: 1,
    create: &[ITEMS],
};

/// The table of items; the mirror has the same.
//
// Not WITHOUT ROWID: with documents of kilobytes that halves the writes per second.
pub(crate) const ITEMS: &str = "
    CREATE TABLE items (
        partition BLOB NOT NULL,
        sort BLOB NOT NULL,
        version INTEGER NOT NULL,
        expires INTEGER, -- microseconds since 1970
        value TEXT NOT NULL,
        PRIMARY KEY (partition, sort)
    ) STRICT;
    CREATE INDEX items_that_expire ON items (expires) WHERE expires IS NOT NULL;";

const MAX_KEY_BYTES: usize = 512;
const MAX_VALUE_BYTES: usize = 1 << 20;
const MAX_WRITES: usize = 100;
const MAX_LIMIT: usize = 1_000;
/// A page ends early when it holds so many bytes of JSON.
const PAGE_BYTES: usize = 4 << 20;
/// Expired items are removed at most so many at a time, and so often, in microseconds.
const SWEEP_ITEMS: usize = 100;
const SWEEP_EVERY: i64 = 60_000_000;

/// All state in one SQLite file (WAL, `synchronous = FULL`).
///
/// Times to live are kept to the microsecond.
pub struct SqliteDatabase {
    sqlite: Sqlite,
    clock: Arc<dyn Clock>,
    next_sweep: Arc<AtomicI64>,
}

/// A write whose value is JSON text already.
struct Prepared {
    key: Key,
    condition: Condition,
    change: Change,
}

enum Change {
    Put { value: String, expires: Option<i64> },
    Delete,
    None,
}

impl SqliteDatabase {
    /// Opens the file, or makes it.
    ///
    /// `Corrupt` when it is damaged or no database, `Invalid` when it is another program's or of a
    /// format that this program does not know.
    pub fn open(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self> {
        let sqlite = Sqlite::open(path.as_ref(), &SCHEMA)?;
        Ok(Self { sqlite, clock, next_sweep: Arc::default() })
    }

    /// Opens a file that is there to read from it, beside the process that writes to it. Writes are
    /// `Unavailable`; errors as for [`open`](SqliteDatabase::open).
    pub fn open_to_read(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self> {
        let sqlite = Sqlite::open_to_read(path.as_ref(), &SCHEMA)?;
        Ok(Self { sqlite, clock, next_sweep: Arc::default() })
    }

    fn now(&self) -> i64 {
        self.clock.now().as_microsecond()
    }
}

#[async_trait]
impl Database for SqliteDatabase {
    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        check_key(key)?;
        let (key, now) = (key.clone(), self.now());
        self.sqlite
            .read(move |connection| {
                let mut statement = connection
                    .prepare_cached(
                        "SELECT sort, version, expires, value FROM items
                         WHERE partition = ?1 AND sort = ?2 AND (expires IS NULL OR expires > ?3)",
                    )
                    .map_err(failed("reading an item"))?;
                let stored = statement
                    .query_row(params![key.partition.as_bytes(), key.sort.as_bytes(), now], Stored::read)
                    .optional()
                    .map_err(failed("reading an item"))?;
                stored.map(|stored| stored.into_item(&key.partition)).transpose()
            })
            .await
    }

    async fn write(&self, writes: &[Write]) -> Result<()> {
        if writes.is_empty() || writes.len() > MAX_WRITES {
            return Err(invalid(format!("a transaction of {} writes: 1 to {MAX_WRITES}", writes.len())));
        }
        let mut keys = HashSet::new();
        for write in writes {
            check_key(write.key())?;
            if !keys.insert(write.key()) {
                return Err(invalid(format!("two writes of one transaction on {:?}", write.key())));
            }
        }
        let writes = writes.iter().map(prepare).collect::<Result<Vec<_>>>()?;
        let now = self.now();
        let next_sweep = Arc::clone(&self.next_sweep);
        self.sqlite
            .write(move |connection| {
                for (at, write) in writes.iter().enumerate() {
                    apply(connection, at, write, now)?;
                }
                if now >= next_sweep.load(Ordering::Relaxed) {
                    let removed = sweep(connection, now)?;
                    let pause = if removed == SWEEP_ITEMS { 0 } else { SWEEP_EVERY };
                    next_sweep.store(now + pause, Ordering::Relaxed);
                }
                Ok(())
            })
            .await
    }

    async fn query(&self, query: &Query) -> Result<Page> {
        check_part("partition", &query.partition)?;
        if query.limit == 0 || query.limit > MAX_LIMIT {
            return Err(invalid(format!("a limit of {}: 1 to {MAX_LIMIT}", query.limit)));
        }
        let (query, now) = (query.clone(), self.now());
        self.sqlite.read(move |connection| walk(connection, &query, now)).await
    }

    async fn restore(&self, items: &[Item]) -> Result<()> {
        let mut rows = Vec::with_capacity(items.len());
        for item in items {
            check_key(&item.key)?;
            let value = text(&item.key, &item.value)?;
            rows.push((item.key.clone(), item.version, item.expires_at.map(micros), value));
        }
        self.sqlite
            .write(move |connection| {
                for (key, version, expires, value) in &rows {
                    put(connection, key, *version, *expires, value)?;
                }
                Ok(())
            })
            .await
    }
}

fn invalid(context: String) -> Error {
    Error::new(ErrorKind::Invalid, context)
}

fn check_key(key: &Key) -> Result<()> {
    check_part("partition", &key.partition)?;
    check_part("sort key", &key.sort)
}

fn check_part(what: &str, part: &str) -> Result<()> {
    match part.len() {
        1..=MAX_KEY_BYTES => Ok(()),
        bytes => Err(invalid(format!("a {what} of {bytes} bytes: 1 to {MAX_KEY_BYTES}"))),
    }
}

fn prepare(write: &Write) -> Result<Prepared> {
    let change = match write {
        Write::Put { key, value, expires_at, .. } => {
            Change::Put { value: text(key, value)?, expires: expires_at.map(micros) }
        }
        Write::Delete { .. } => Change::Delete,
        Write::Check { .. } => Change::None,
    };
    Ok(Prepared { key: write.key().clone(), condition: write.condition(), change })
}

/// A value as a column has it, if it is not too large.
pub(crate) fn text(key: &Key, value: &Value) -> Result<String> {
    let text = value.to_string();
    if text.len() > MAX_VALUE_BYTES {
        let context = format!("an item of {} bytes at {key:?}: at most {MAX_VALUE_BYTES}", text.len());
        return Err(Error::new(ErrorKind::TooLarge, context));
    }
    Ok(text)
}

/// Microseconds since 1970, as a column has them: the last second of all is read back only from its
/// beginning.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond().min(Timestamp::MAX.as_second() * 1_000_000)
}

/// Checks one write's condition and carries it out.
fn apply(connection: &Connection, at: usize, write: &Prepared, now: i64) -> Result<()> {
    let (partition, sort) = (write.key.partition.as_bytes(), write.key.sort.as_bytes());
    let version: Option<u64> = connection
        .prepare_cached(
            "SELECT version FROM items
             WHERE partition = ?1 AND sort = ?2 AND (expires IS NULL OR expires > ?3)",
        )
        .and_then(|mut statement| {
            statement.query_row(params![partition, sort, now], |row| row.get(0)).optional()
        })
        .map_err(failed("reading a version"))?;
    let holds = match write.condition {
        Condition::Any => true,
        Condition::Absent => version.is_none(),
        Condition::Version(expected) => version == Some(expected),
    };
    if !holds {
        let context = format!("{:?} of {:?}, which is in version {version:?}", write.condition, write.key);
        return Err(Error::new(ErrorKind::Conflict { at }, context));
    }
    match &write.change {
        Change::Put { value, expires } => {
            put(connection, &write.key, version.unwrap_or(0) + 1, *expires, value)
        }
        Change::Delete => remove(connection, &write.key),
        Change::None => Ok(()),
    }
}

/// Writes a row in place of whatever is there.
pub(crate) fn put(
    connection: &Connection,
    key: &Key,
    version: u64,
    expires: Option<i64>,
    value: &str,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO items (partition, sort, version, expires, value) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET
                 version = excluded.version, expires = excluded.expires, value = excluded.value",
        )
        .and_then(|mut statement| {
            let (partition, sort) = (key.partition.as_bytes(), key.sort.as_bytes());
            statement.execute(params![partition, sort, version, expires, value])
        })
        .map(drop)
        .map_err(failed("writing an item"))
}

/// Removes a row, if it is there.
pub(crate) fn remove(connection: &Connection, key: &Key) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM items WHERE partition = ?1 AND sort = ?2")
        .and_then(|mut statement| statement.execute(params![key.partition.as_bytes(), key.sort.as_bytes()]))
        .map(drop)
        .map_err(failed("removing an item"))
}

/// Removes some of the items that have expired; how many.
pub(crate) fn sweep(connection: &Connection, now: i64) -> Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM items WHERE rowid IN (SELECT rowid FROM items WHERE expires <= ?1 LIMIT ?2)",
        )
        .and_then(|mut statement| statement.execute(params![now, SWEEP_ITEMS]))
        .map_err(failed("removing expired items"))
}

fn walk(connection: &Connection, query: &Query, now: i64) -> Result<Page> {
    let (from, to) = bounds(query);
    let order = if query.descending { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT sort, version, expires, value FROM items
         WHERE partition = ?1 AND sort >= ?2 AND sort < ?3 AND (expires IS NULL OR expires > ?4)
         ORDER BY sort {order} LIMIT ?5"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed("walking through a partition"))?;
    let mut rows = statement
        .query(params![query.partition.as_bytes(), from, to, now, query.limit + 1])
        .map_err(failed("walking through a partition"))?;
    let mut page = Page::default();
    let mut bytes = 0;
    while let Some(row) = rows.next().map_err(failed("walking through a partition"))? {
        let stored = Stored::read(row).map_err(failed("walking through a partition"))?;
        bytes += stored.value.len();
        if page.items.len() == query.limit || (bytes > PAGE_BYTES && !page.items.is_empty()) {
            page.next = page.items.last().map(|item: &Item| item.key.sort.clone());
            break;
        }
        page.items.push(stored.into_item(&query.partition)?);
    }
    Ok(page)
}

/// The query as a range of sort keys: from the first bytes on, up to and without the second.
///
/// The byte 0xff is in no UTF-8 text, so that every key with a prefix is below the prefix and 0xff;
/// the key next after another is that one and a zero byte.
fn bounds(query: &Query) -> (Vec<u8>, Vec<u8>) {
    let mut from = query.prefix.clone().into_bytes();
    let mut to = [query.prefix.as_bytes(), &[0xff]].concat();
    if let Some(below) = &query.below {
        to = to.min(below.clone().into_bytes());
    }
    match &query.after {
        Some(after) if query.descending => to = to.min(after.clone().into_bytes()),
        Some(after) => from = from.max([after.as_bytes(), &[0]].concat()),
        None => {}
    }
    (from, to)
}

/// A row as it was read: sort key, version, expiry and value, in that order.
pub(crate) struct Stored {
    sort: Vec<u8>,
    version: u64,
    expires: Option<i64>,
    value: String,
}

impl Stored {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { sort: row.get(0)?, version: row.get(1)?, expires: row.get(2)?, value: row.get(3)? })
    }

    pub(crate) fn into_item(self, partition: &str) -> Result<Item> {
        let corrupt = |what: &str| Error::new(ErrorKind::Corrupt, format!("{what} in partition {partition}"));
        let sort = String::from_utf8(self.sort)
            .map_err(|error| corrupt("a sort key that is not UTF-8").caused_by(error))?;
        let value: Value = serde_json::from_str(&self.value)
            .map_err(|error| corrupt("an item that is not JSON").caused_by(error))?;
        let expires_at = self
            .expires
            .map(Timestamp::from_microsecond)
            .transpose()
            .map_err(|error| corrupt("an impossible time").caused_by(error))?;
        Ok(Item { key: Key::new(partition, sort), value, version: self.version, expires_at })
    }
}
