//! After a write: what is behind is read, and kept.

use super::gate::{Gate, MARKER, marker_key};
use super::records::{Found, Intent, Left};
use super::{Mirror, Place, unavailable};
use fettle_backend::ports::{Database, Error, ErrorKind, Key, Result, Storage};
use serde_json::Value;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

/// Items that are read at once.
const AT_ONCE: usize = 16;
/// Readings of places that others write, before it is left to the keeper.
const READINGS: usize = 200;
/// How often a writer says that it is alive.
const BEAT: Duration = Duration::from_secs(30);
/// A note that nobody has touched for so long, in microseconds, is of a writer that is no more.
const LOST: i64 = 4 * 30 * 1_000_000;
/// An item's note is looked at so soon, in microseconds: its writer may have been killed.
const SOON: i64 = 1_000_000;

/// The store behind that places of one kind are read from.
#[derive(Clone)]
pub(super) enum Behind {
    Database(Arc<dyn Database>),
    Storage(Arc<dyn Storage>),
}

impl Mirror {
    /// Carries a write out behind, and brings what it touched into the mirror before it answers.
    pub(super) async fn through<T>(
        &self,
        places: Vec<Place>,
        behind: &Behind,
        write: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        // Objects are whole whatever comes between; transactions must not be under way in a restore.
        let writing = match behind {
            Behind::Database(_) => Some(self.writing()?),
            Behind::Storage(_) => None,
        };
        let intent = self.begin(places).await?;
        let mut write = pin!(write);
        let written = loop {
            tokio::select! {
                biased;
                written = &mut write => break written,
                () = tokio::time::sleep(BEAT) => self.touch(&intent).await?,
            }
        };
        drop(writing);
        match written {
            Ok(answer) => self.follow(intent, behind).await.map(|()| answer),
            Err(error) => {
                if nothing_was_written(&error) {
                    // A note too many is looked at once more, and harms nobody.
                    drop(self.withdraw(intent.into_ids()).await);
                }
                Err(error)
            }
        }
    }

    /// Makes the mirror what is behind at these places.
    pub(super) async fn follow(&self, mut intent: Intent, behind: &Behind) -> Result<()> {
        for _ in 0..READINGS {
            let found = self.read(&intent, behind).await?;
            match self.store(intent, found).await? {
                None => return Ok(()),
                Some(again) => intent = again,
            }
        }
        Err(unavailable("it is written, but others keep writing there: the mirror follows later"))
    }

    /// Reads again what was left behind by writers that were killed, or never learnt their write's
    /// outcome; how many places were read. The keeper calls it regularly.
    ///
    /// Cheap when nothing is left. A place goes on being read for two minutes, since a write that nobody
    /// waits for any more may still happen.
    pub async fn settle(&self, database: &Arc<dyn Database>, storage: &Arc<dyn Storage>) -> Result<usize> {
        let now = self.now();
        let left = self.left(now - SOON, now - LOST).await?;
        let read = left.len();
        let (items, objects): (Vec<Left>, Vec<Left>) =
            left.into_iter().partition(|left| matches!(left.place, Place::Item(_)));
        for (left, behind) in
            [(items, Behind::Database(Arc::clone(database))), (objects, Behind::Storage(Arc::clone(storage)))]
        {
            for part in left.chunks(AT_ONCE) {
                let mut places: Vec<Place> = Vec::new();
                for left in part {
                    if !places.contains(&left.place) {
                        places.push(left.place.clone());
                    }
                }
                self.follow(self.begin(places).await?, &behind).await?;
                let over = part.iter().filter(|left| left.at <= now - LOST).map(|left| left.id).collect();
                self.withdraw(over).await?;
            }
        }
        self.sweep().await?;
        Ok(read)
    }

    async fn read(&self, intent: &Intent, behind: &Behind) -> Result<Vec<Found>> {
        let mut all = Vec::with_capacity(intent.places.len());
        for places in intent.places.chunks(AT_ONCE) {
            let mut readings = JoinSet::new();
            for (at, place) in places.iter().enumerate() {
                let (mirror, behind, place) = (self.clone(), behind.clone(), place.clone());
                readings.spawn(async move { (at, mirror.read_place(&place, &behind).await) });
            }
            let mut found = Vec::with_capacity(places.len());
            for (at, reading) in readings.join_all().await {
                found.push((at, reading?));
            }
            found.sort_unstable_by_key(|(at, _)| *at);
            all.extend(found.into_iter().map(|(_, found)| found));
        }
        if all.iter().any(|found| matches!(found, Found::Nothing)) {
            expect_marker(&intent.gate, behind).await?;
        }
        Ok(all)
    }

    async fn read_place(&self, place: &Place, behind: &Behind) -> Result<Found> {
        match (place, behind) {
            (Place::Item(key), Behind::Database(database)) => {
                Ok(database.get(key).await?.map_or(Found::Nothing, Found::Item))
            }
            (Place::Object(key), Behind::Storage(storage)) => self.read_object(key, storage).await,
            _ => Err(Error::new(ErrorKind::Invalid, "an item is in no storage, an object in no database")),
        }
    }

    async fn read_object(&self, key: &str, storage: &Arc<dyn Storage>) -> Result<Found> {
        let mut stream = match storage.get_stream(key, 0).await {
            Err(error) if error.is_not_found() => return Ok(Found::Nothing),
            opened => opened?,
        };
        let copying = |error| unavailable(format!("copying {key} into the mirror")).caused_by(error);
        let (file, path) = self.0.root.begin().map_err(copying)?.into_parts();
        let mut file = tokio::fs::File::from_std(file);
        tokio::io::copy(&mut stream, &mut file).await.map_err(copying)?;
        file.flush().await.map_err(copying)?;
        // Here and not under the mirror's lock, for which all wait.
        file.sync_all().await.map_err(copying)?;
        Ok(Found::Object(NamedTempFile::from_parts(file.into_std().await, path)))
    }
}

/// An absence counts only where this mirror's marker is: a store that was emptied says nothing.
async fn expect_marker(gate: &Gate, behind: &Behind) -> Result<()> {
    let marker = match behind {
        Behind::Database(database) => item_marker(database).await?,
        Behind::Storage(storage) => object_marker(storage).await?,
    };
    if marker == Some(gate.marker()) {
        Ok(())
    } else {
        Err(unavailable("the store behind is not as the mirror knows it: it has to be restored first"))
    }
}

pub(super) async fn item_marker(database: &Arc<dyn Database>) -> Result<Option<Value>> {
    let key: Key = marker_key();
    Ok(database.get(&key).await?.map(|item| item.value))
}

pub(super) async fn object_marker(storage: &Arc<dyn Storage>) -> Result<Option<Value>> {
    match storage.get(MARKER).await {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the error says so. The others leave it open.
fn nothing_was_written(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Conflict { .. } | ErrorKind::Invalid | ErrorKind::TooLarge | ErrorKind::NotFound
    )
}
