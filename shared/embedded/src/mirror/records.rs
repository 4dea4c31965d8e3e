//! What the mirror writes down: items, places that are being written, and the gate.
//!
//! A **note** says that a place is being written. Its process reads the place again after the write,
//! and then stores what it found, unless the note is *stale*: somebody else has stored the same place
//! since the note was made. Then it makes a new note and reads once more. Whoever stores the place last
//! has therefore read it after all that was stored before.

use super::gate::Gate;
use super::{Mirror, Place, unavailable};
use crate::database::{self, ITEMS};
use crate::sqlite::{Schema, failed};
use crate::storage::root::{Existing, Root};
use fettle_backend::ports::{Error, ErrorKind, Item, Key, Result};
use rusqlite::{Connection, Row, params};
use tempfile::NamedTempFile;

pub(super) const SCHEMA: Schema = Schema {
    application_id: 0x4645_544d, // "FETM"
    version: 1,
    create: &[
        ITEMS,
        "CREATE TABLE notes (
            id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice
            kind INTEGER NOT NULL, -- 0 an item, 1 an object
            partition BLOB NOT NULL, -- or an object's key
            sort BLOB NOT NULL,
            at INTEGER NOT NULL, -- microseconds since 1970
            stale INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX notes_of_a_place ON notes (kind, partition, sort);
        CREATE TABLE gate (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            instance TEXT NOT NULL, -- the mirror's name
            epoch INTEGER NOT NULL, -- how often the store behind was restored
            closed INTEGER NOT NULL
        ) STRICT;
        INSERT INTO gate VALUES (1, lower(hex(randomblob(16))), 0, 1);",
    ],
};

/// Of the places a keeper looks at, so many at a time.
const LEFT: usize = 1_000;

/// Notes that a process has made, of the places that it is about to write.
pub(super) struct Intent {
    pub(super) places: Vec<Place>,
    ids: Vec<i64>,
    pub(super) gate: Gate,
}

/// What was read at a place.
pub(super) enum Found {
    Nothing,
    Item(Item),
    /// Its bytes are on the disk, beside where they belong.
    Object(NamedTempFile),
}

/// A note whose process does not go on with it.
pub(super) struct Left {
    pub(super) id: i64,
    pub(super) at: i64,
    pub(super) place: Place,
}

impl Mirror {
    /// Notes that these places are about to be written; `Unavailable` while the gate is closed.
    pub(super) async fn begin(&self, places: Vec<Place>) -> Result<Intent> {
        let now = self.now();
        self.0
            .sqlite
            .write(move |connection| {
                let gate = Gate::read(connection)?.open()?;
                let ids = note(connection, &places, now)?;
                Ok(Intent { places, ids, gate })
            })
            .await
    }

    /// Says that the writer is alive.
    pub(super) async fn touch(&self, intent: &Intent) -> Result<()> {
        let (ids, now) = (intent.ids.clone(), self.now());
        self.0
            .sqlite
            .write(move |connection| {
                for id in ids {
                    execute(connection, "UPDATE notes SET at = ?2 WHERE id = ?1", params![id, now])?;
                }
                Ok(())
            })
            .await
    }

    /// Takes back the notes of what was not written.
    pub(super) async fn withdraw(&self, ids: Vec<i64>) -> Result<()> {
        self.0.sqlite.write(move |connection| forget(connection, &ids)).await
    }

    /// Stores what was found at the places and removes their notes; notes to read by once more, when
    /// the reading has become stale. `Unavailable` when the gate has been closed since they were made.
    pub(super) async fn store(&self, intent: Intent, found: Vec<Found>) -> Result<Option<Intent>> {
        let now = self.now();
        let root = std::sync::Arc::clone(&self.0.root);
        self.0
            .sqlite
            .write(move |connection| {
                intent.gate.still_open(&Gate::read(connection)?)?;
                let fresh = all_fresh(connection, &intent.ids)?;
                forget(connection, &intent.ids)?;
                if !fresh {
                    let ids = note(connection, &intent.places, now)?;
                    return Ok(Some(Intent { ids, ..intent }));
                }
                for (place, found) in intent.places.iter().zip(found) {
                    keep(connection, &root, place, found)?;
                    let (kind, partition, sort) = columns(place);
                    execute(
                        connection,
                        "UPDATE notes SET stale = 1 WHERE kind = ?1 AND partition = ?2 AND sort = ?3",
                        params![kind, partition, sort],
                    )?;
                }
                Ok(None)
            })
            .await
    }

    /// Some of the notes that were last touched before: of items, and of objects.
    pub(super) async fn left(&self, items_before: i64, objects_before: i64) -> Result<Vec<Left>> {
        let tried = "reading what is left";
        self.0
            .sqlite
            .read(move |connection| {
                let mut statement = connection
                    .prepare_cached(
                        "SELECT id, at, kind, partition, sort FROM notes
                         WHERE at <= CASE kind WHEN 0 THEN ?1 ELSE ?2 END ORDER BY id LIMIT ?3",
                    )
                    .map_err(failed(tried))?;
                let rows = statement
                    .query_map(params![items_before, objects_before, LEFT], |row| Ok(left(row)))
                    .map_err(failed(tried))?;
                rows.map(|row| row.and_then(|left| left).map_err(failed(tried))).collect()
            })
            .await
    }

    /// The items after a row, at least one, in bounded memory, and the row that they end with.
    pub(super) async fn items_after(&self, row: i64) -> Result<Option<(Vec<Item>, i64)>> {
        const BYTES: usize = 4 << 20;
        const ITEMS: usize = 200;
        let (now, tried) = (self.now(), "reading the mirror's items");
        self.0
            .sqlite
            .read(move |connection| {
                let mut statement = connection
                    .prepare_cached(
                        "SELECT sort, version, expires, value, partition, rowid FROM items
                         WHERE rowid > ?1 AND (expires IS NULL OR expires > ?2) ORDER BY rowid LIMIT ?3",
                    )
                    .map_err(failed(tried))?;
                let mut rows = statement.query(params![row, now, ITEMS]).map_err(failed(tried))?;
                let (mut items, mut last, mut bytes) = (Vec::new(), row, 0);
                while bytes < BYTES
                    && let Some(row) = rows.next().map_err(failed(tried))?
                {
                    let partition: Vec<u8> = row.get(4).map_err(failed(tried))?;
                    let stored = database::Stored::read(row).map_err(failed(tried))?;
                    last = row.get(5).map_err(failed(tried))?;
                    let item = stored.into_item(&String::from_utf8_lossy(&partition))?;
                    bytes += database::text(&item.key, &item.value)?.len();
                    items.push(item);
                }
                Ok((!items.is_empty()).then_some((items, last)))
            })
            .await
    }

    /// Removes some of the items that have expired.
    pub(super) async fn sweep(&self) -> Result<()> {
        let now = self.now();
        self.0.sqlite.write(move |connection| database::sweep(connection, now).map(drop)).await
    }
}

impl Intent {
    pub(super) fn into_ids(self) -> Vec<i64> {
        self.ids
    }
}

fn columns(place: &Place) -> (i64, &[u8], &[u8]) {
    match place {
        Place::Item(key) => (0, key.partition.as_bytes(), key.sort.as_bytes()),
        Place::Object(key) => (1, key.as_bytes(), &[]),
    }
}

fn left(row: &Row<'_>) -> rusqlite::Result<Left> {
    let text = |index| row.get(index).map(|bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned());
    let place = match row.get(2)? {
        0 => Place::Item(Key::new(text(3)?, text(4)?)),
        _ => Place::Object(text(3)?),
    };
    Ok(Left { id: row.get(0)?, at: row.get(1)?, place })
}

fn note(connection: &Connection, places: &[Place], now: i64) -> Result<Vec<i64>> {
    let mut ids = Vec::with_capacity(places.len());
    for place in places {
        let (kind, partition, sort) = columns(place);
        execute(
            connection,
            "INSERT INTO notes (kind, partition, sort, at, stale) VALUES (?1, ?2, ?3, ?4, 0)",
            params![kind, partition, sort, now],
        )?;
        ids.push(connection.last_insert_rowid());
    }
    Ok(ids)
}

/// Whether the notes are all there, and none is stale.
fn all_fresh(connection: &Connection, ids: &[i64]) -> Result<bool> {
    let mut statement = connection
        .prepare_cached("SELECT count(*) FROM notes WHERE id = ?1 AND stale = 0")
        .map_err(failed("reading notes"))?;
    for id in ids {
        let fresh: i64 = statement.query_row([id], |row| row.get(0)).map_err(failed("reading notes"))?;
        if fresh == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn forget(connection: &Connection, ids: &[i64]) -> Result<()> {
    ids.iter().try_for_each(|id| execute(connection, "DELETE FROM notes WHERE id = ?1", [id]))
}

/// Makes the mirror's place what was found. Processes take turns: this is inside a transaction that
/// writes. An object that is moved though the transaction then fails still has its note.
fn keep(connection: &Connection, root: &Root, place: &Place, found: Found) -> Result<()> {
    let moving = |error| unavailable("keeping an object in the mirror").caused_by(error);
    match (place, found) {
        (Place::Item(key), Found::Item(item)) => {
            let value = database::text(key, &item.value)?;
            database::put(connection, key, item.version, item.expires_at.map(database::micros), &value)
        }
        (Place::Item(key), Found::Nothing) => database::remove(connection, key),
        (Place::Object(key), Found::Object(file)) => {
            root.finish(file, key, Existing::Replace).map(drop).map_err(moving)
        }
        (Place::Object(key), Found::Nothing) => root.remove(key).map_err(moving),
        (Place::Item(_), Found::Object(_)) | (Place::Object(_), Found::Item(_)) => {
            Err(Error::new(ErrorKind::Invalid, "an object was read for an item"))
        }
    }
}

pub(super) fn execute(connection: &Connection, sql: &str, parameters: impl rusqlite::Params) -> Result<()> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(parameters))
        .map(drop)
        .map_err(failed("writing to the mirror"))
}
