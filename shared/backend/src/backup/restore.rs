//! From an archive to a database and a storage.

use super::items::sealed;
use super::reader::{Event, Extent, Seen, read, refused};
use super::walk::{heads, walk};
use super::{AT_ONCE, Doing, Manifest, Progress, Report, SMALL, given_up, object_prefixes};
use crate::app::Slots;
use crate::idempotency::hex;
use crate::ports::{Condition, Item, Key, KeyRing, Object, Query, Storage, Write};
use crate::problem::{Kind, Problem, Result};
use crate::{datasets, due, idempotency, keys};
use futures_util::stream;
use serde::Serialize;
use serde_json::json;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::sync::{Arc, Weak};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::io::StreamReader;

/// A backup that was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// What it was a backup of.
    pub manifest: Manifest,
    /// Items written to the database.
    pub items: u64,
    /// Objects written to the storage.
    pub objects: u64,
    /// What the objects hold, in bytes.
    pub object_bytes: u64,
    /// Sealed values among the items.
    pub sealed: u64,
    /// Those of them that the present key ring does not open: the keys of the old place are missing.
    pub unreadable: u64,
    /// Uploaded files that wait to be read, whose messages were sent anew.
    pub announced: u64,
}

/// Says that a workspace is being restored, and from which archive.
pub(super) fn mark(workspace: &str) -> Key {
    Key::new("platform/restore", workspace)
}

/// Restores a backup, in the workspace that it was made of, while nobody else writes there.
///
/// The archive is read to its end before anything is written, and again for writing. Objects are
/// written before the items that name them. After a kill a second restore of the same archive begins
/// anew and finishes. Keys that let callers in are only added to.
///
/// `Malformed` for what is no backup, or not as it was written. `WrongState` when the workspace is not
/// empty but for keys, unless what is there is to be replaced, all of it.
pub async fn restore<R>(slots: &Slots, archive: R, replace: bool, report: &Report) -> Result<Restored>
where
    R: Read + Seek + Send + 'static,
{
    let counted = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = Arc::clone(&counted);
    let (archive, seen) = pass(archive, Extent::Whole, Doing::Checking, report, move |event| {
        if let Event::Items(items) = event {
            let some = items.iter().map(|item| sealed(&item.value).len() as u64).sum();
            count.fetch_add(some, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(())
    })
    .await?;
    let sealed = counted.load(std::sync::atomic::Ordering::Relaxed);
    let mut restore = Restore { slots, seen, report, ring: None, unreadable: 0 };
    restore.begin(replace).await?;
    if sealed > 0 {
        restore.ring = Some(slots.secrets.keys().await?);
    }
    let archive = restore.objects(archive).await?;
    restore.items(archive).await?;
    let announced = restore.announce().await?;
    slots.database.write(&[Write::remove(mark(restore.workspace()))]).await?;
    let Restore { seen: Seen { manifest, items, objects, object_bytes, .. }, unreadable, .. } = restore;
    Ok(Restored { manifest, items, objects, object_bytes, sealed, unreadable, announced })
}

/// Reads the archive once, on a thread of its own.
async fn pass<R>(
    archive: R,
    extent: Extent,
    doing: Doing,
    report: &Report,
    mut each: impl FnMut(Event) -> Result<()> + Send + 'static,
) -> Result<(R, Seen)>
where
    R: Read + Seek + Send + 'static,
{
    let report = Arc::clone(report);
    let wanted = Arc::new(());
    let still = Arc::downgrade(&wanted);
    let reading = tokio::task::spawn_blocking(move || {
        let mut archive = archive;
        let length = archive.seek(SeekFrom::End(0)).and_then(|length| archive.rewind().map(|()| length));
        let of = length.map_err(|error| {
            Problem::new(Kind::Unavailable, format!("the archive can not be read: {error}"))
        })?;
        let tell = |done| {
            // Items are counted where they are written.
            if extent == Extent::Whole {
                report(Progress { doing, done, of: Some(of) });
            }
        };
        let seen = read(Told { archive: &mut archive, tell, done: 0, wanted: still }, extent, &mut each)?;
        Ok((archive, seen))
    });
    let read = reading.await.map_err(Problem::internal)?;
    drop(wanted);
    read
}

/// Tells how much was read, and reads on only while somebody waits for it.
struct Told<'a, R, F> {
    archive: &'a mut R,
    tell: F,
    done: u64,
    wanted: Weak<()>,
}

impl<R: Read, F: FnMut(u64)> Read for Told<'_, R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.wanted.strong_count() == 0 {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        let read = self.archive.read(buffer)?;
        self.done += read as u64;
        (self.tell)(self.done);
        Ok(read)
    }
}

struct Restore<'a> {
    slots: &'a Slots,
    seen: Seen,
    report: &'a Report,
    /// If there is something to open with it.
    ring: Option<Arc<KeyRing>>,
    unreadable: u64,
}

impl Restore<'_> {
    fn workspace(&self) -> &str {
        &self.seen.manifest.workspace
    }

    /// Leaves the workspace empty, and marked as being restored from this archive.
    async fn begin(&self, replace: bool) -> Result<()> {
        let database = &*self.slots.database;
        let workspace = self.workspace();
        let ours = json!({ "archive": hex(&self.seen.sha256) });
        let marked = database.get(&mark(workspace)).await?;
        let again = marked.as_ref().is_some_and(|marked| marked.value == ours);
        if marked.is_some() && !again && !replace {
            return Err(Problem::new(
                Kind::WrongState,
                format!("workspace `{workspace}` is half restored from another backup"),
            )
            .remedy("restore that one again, or have what is there replaced"));
        }
        let empty = self.is_empty().await?;
        if !empty && !again && !replace {
            return Err(Problem::new(Kind::WrongState, format!("workspace `{workspace}` is not empty"))
                .remedy("restore where it is empty, or have what is there replaced"));
        }
        let write =
            Write::Put { key: mark(workspace), value: ours, expires_at: None, condition: Condition::Any };
        database.write(&[write]).await?;
        if empty { Ok(()) } else { self.clear().await }
    }

    /// Whether there is nothing but keys that let callers in.
    async fn is_empty(&self) -> Result<bool> {
        for heads in heads(self.workspace()) {
            if keys::lets_in(&Key::new(heads.partition.as_str(), ""), self.workspace()) {
                continue;
            }
            let mut query = Query::prefix(heads.partition, "", 1);
            loop {
                let page = self.slots.database.query(&query).await?;
                if !page.items.is_empty() {
                    return Ok(false);
                }
                match page.next {
                    Some(next) => query.after = Some(next),
                    None => break,
                }
            }
        }
        for prefix in object_prefixes(self.workspace()) {
            if !self.slots.storage.list(&prefix, None, 1).await?.objects.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes all but the keys that let callers in: items before the objects that they name, and heads
    /// after what lies below them, so that a kill leaves nothing that is not found again.
    async fn clear(&self) -> Result<()> {
        let (found, waiting) = mpsc::channel(64);
        let workspace = self.workspace();
        let ((), mut done) =
            tokio::try_join!(walk(&*self.slots.database, workspace, true, found), self.remove(waiting))?;
        for partition in [idempotency::partition(workspace), due::partition().to_owned()] {
            let mut query = Query::prefix(&partition, "", 100);
            loop {
                let page = self.slots.database.query(&query).await?;
                let own = page
                    .items
                    .iter()
                    .filter(|item| partition != due::partition() || due::belongs(item, workspace));
                let removals: Vec<Write> = own.map(|item| Write::remove(item.key.clone())).collect();
                self.write(&removals, &mut done).await?;
                match page.next {
                    Some(next) => query.after = Some(next),
                    None => break,
                }
            }
        }
        for prefix in object_prefixes(workspace) {
            loop {
                let page = self.slots.storage.list(&prefix, None, 1000).await?;
                if page.objects.is_empty() {
                    break;
                }
                for object in page.objects {
                    self.slots.storage.delete(&object.key).await?;
                    done += 1;
                    self.tell(Doing::Clearing, done, None);
                }
            }
        }
        Ok(())
    }

    async fn remove(&self, mut waiting: mpsc::Receiver<Item>) -> Result<u64> {
        let mut done = 0;
        let mut some = Vec::new();
        while let Some(item) = waiting.recv().await {
            if !keys::lets_in(&item.key, self.workspace()) {
                some.push(Write::remove(item.key));
            }
            if some.len() == 100 {
                self.write(&some, &mut done).await?;
                some.clear();
            }
        }
        self.write(&some, &mut done).await?;
        Ok(done)
    }

    async fn write(&self, writes: &[Write], done: &mut u64) -> Result<()> {
        if !writes.is_empty() {
            self.slots.database.write(writes).await?;
            *done += writes.len() as u64;
            self.tell(Doing::Clearing, *done, None);
        }
        Ok(())
    }

    /// Reads the archive a second time and writes its objects.
    async fn objects<R: Read + Seek + Send + 'static>(&self, archive: R) -> Result<R> {
        let (events, mut waiting) = mpsc::channel(AT_ONCE);
        let reading =
            pass(archive, Extent::Whole, Doing::RestoringObjects, self.report, move |event| match event {
                Event::Items(_) => Ok(()),
                event => events.blocking_send(event).map_err(|_| given_up()),
            });
        let writing = async {
            let written = self.write_objects(&mut waiting).await;
            drop(waiting);
            written
        };
        let (read, written) = tokio::join!(reading, writing);
        written?;
        let (archive, seen) = read?;
        if seen != self.seen {
            return Err(refused("it was changed while it was being restored"));
        }
        Ok(archive)
    }

    async fn write_objects(&self, events: &mut mpsc::Receiver<Event>) -> Result<()> {
        let mut putting = JoinSet::new();
        while let Some(event) = events.recv().await {
            let Event::Object(key, bytes) = event else { return Err(Problem::internal("no object begins")) };
            if bytes > SMALL {
                if !put_large(&self.slots.storage, &key, bytes, events).await? {
                    return Ok(());
                }
                continue;
            }
            let mut whole = Vec::with_capacity(bytes as usize);
            while (whole.len() as u64) < bytes {
                let Some(Event::Data(data)) = events.recv().await else { return Ok(()) };
                whole.extend(data);
            }
            let storage = Arc::clone(&self.slots.storage);
            putting.spawn(async move { storage.put(&key, &whole).await });
            if putting.len() == AT_ONCE {
                settled(putting.join_next().await)?;
            }
        }
        while !putting.is_empty() {
            settled(putting.join_next().await)?;
        }
        Ok(())
    }

    /// Reads the archive's items a last time and writes them.
    async fn items<R: Read + Seek + Send + 'static>(&mut self, archive: R) -> Result<()> {
        let (events, mut waiting) = mpsc::channel(2);
        let reading =
            pass(archive, Extent::Items, Doing::RestoringItems, self.report, move |event| match event {
                Event::Items(items) => events.blocking_send(items).map_err(|_| given_up()),
                Event::Object(..) | Event::Data(_) => Ok(()),
            });
        let mut unreadable = 0;
        let writing = async {
            let mut done = 0;
            while let Some(items) = waiting.recv().await {
                done += items.len() as u64;
                unreadable += self.write_items(items).await?;
                self.tell(Doing::RestoringItems, done, Some(self.seen.items));
            }
            drop(waiting);
            Ok::<(), Problem>(())
        };
        let (read, written) = tokio::join!(reading, writing);
        written?;
        let (_, seen) = read?;
        if seen.items_sha256 != self.seen.items_sha256 {
            return Err(refused("it was changed while it was being restored"));
        }
        self.unreadable = unreadable;
        Ok(())
    }

    /// Writes items; how many sealed values in them can not be opened.
    async fn write_items(&self, items: Vec<Item>) -> Result<u64> {
        // Keys are under their id alone as well: none of another workspace's may be taken over.
        for item in items.iter().filter(|item| keys::is_of_platform(&item.key)) {
            let there = self.slots.database.get(&item.key).await?;
            if there.is_some_and(|there| !keys::belongs(&there, self.workspace())) {
                return Err(refused("it has a key that is another workspace's here"));
            }
        }
        self.slots.database.restore(&items).await?;
        let Some(ring) = &self.ring else { return Ok(0) };
        let closed = |item: &Item| sealed(&item.value).iter().filter(|value| !ring.can_open(value)).count();
        Ok(items.iter().map(closed).sum::<usize>() as u64)
    }

    /// Sends the messages for uploaded files that nobody has read: those before are lost with their queue.
    async fn announce(&self) -> Result<u64> {
        let mut announced = 0;
        for prefix in object_prefixes(self.workspace()) {
            let mut after = None;
            loop {
                let page = self.slots.storage.list(&prefix, after.as_deref(), 1000).await?;
                for Object { key, .. } in &page.objects {
                    announced += u64::from(datasets::announce(self.slots, key).await?);
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(announced)
    }

    fn tell(&self, doing: Doing, done: u64, of: Option<u64>) {
        (self.report)(Progress { doing, done, of });
    }
}

fn settled(put: Option<std::result::Result<crate::ports::Result<()>, tokio::task::JoinError>>) -> Result<()> {
    match put {
        Some(put) => Ok(put.map_err(Problem::internal)??),
        None => Ok(()),
    }
}

/// Writes an object as its bytes come; `false` if they stop coming, and then there is none.
async fn put_large(
    storage: &Arc<dyn Storage>,
    key: &str,
    bytes: u64,
    events: &mut mpsc::Receiver<Event>,
) -> Result<bool> {
    let (parts, coming) = mpsc::channel::<std::io::Result<Cursor<Vec<u8>>>>(2);
    let coming = stream::unfold(coming, async |mut coming| Some((coming.recv().await?, coming)));
    let coming = Box::pin(StreamReader::new(Box::pin(coming)));
    let putting = storage.put_stream(key, coming, bytes);
    let feeding = async move {
        let mut left = bytes;
        while left > 0 {
            let Some(Event::Data(data)) = events.recv().await else {
                // A stream that fails leaves nothing behind.
                let _ = parts.send(Err(std::io::ErrorKind::UnexpectedEof.into())).await;
                return false;
            };
            left = left.saturating_sub(data.len() as u64);
            if parts.send(Ok(Cursor::new(data))).await.is_err() {
                return true;
            }
        }
        true
    };
    let (put, whole) = tokio::join!(putting, feeding);
    if !whole {
        return Ok(false);
    }
    if put?.bytes != bytes {
        return Err(Problem::internal(format!("`{key}` was stored with another length")));
    }
    Ok(true)
}
