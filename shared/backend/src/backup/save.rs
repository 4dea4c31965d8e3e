//! From a database and a storage to an archive.

use super::archive::{self, ITEMS_BYTES, MANIFEST, MAX_ENTRIES, OBJECTS, Piece, Pieces, Written, items_name};
use super::items::write_line;
use super::walk::walk;
use super::{
    AT_ONCE, Doing, FORMAT, Manifest, Progress, Report, SMALL, check_workspace, object_prefixes, restore,
};
use crate::ports::{ByteStream, Database, Item, Object, Storage};
use crate::problem::{Kind, Problem, Result};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::Serialize;
use std::io::Write;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// Of which workspace, by which program and when.
    pub manifest: Manifest,
    /// Items of the database.
    pub items: u64,
    /// Objects of the storage.
    pub objects: u64,
    /// What the objects hold, in bytes.
    pub object_bytes: u64,
    /// The archive's size.
    pub bytes: u64,
    /// The archive's SHA-256.
    pub sha256: String,
}

/// Writes a workspace to `out`, which is given back once all is written to it, but not flushed to a disk.
///
/// Others may go on writing to the workspace: what is saved is whole in itself, though not of one moment.
/// `NotFound` when there is nothing of such a workspace, `WrongState` when it is half restored.
pub async fn backup<W: Write + Send + 'static>(
    database: &dyn Database,
    storage: &dyn Storage,
    workspace: &str,
    out: W,
    compress: bool,
    now: Timestamp,
    report: &Report,
) -> Result<(W, Saved)> {
    check_workspace(workspace)?;
    if database.get(&restore::mark(workspace)).await?.is_some() {
        return Err(Problem::new(Kind::WrongState, format!("workspace `{workspace}` is half restored"))
            .remedy("finish its restore first"));
    }
    let manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        workspace: workspace.to_owned(),
        created_at: now,
    };
    let (pieces, waiting) = mpsc::channel(AT_ONCE);
    let writing = tokio::task::spawn_blocking(move || archive::write(out, compress, waiting));
    let save = Save { database, storage, workspace, pieces: Pieces(pieces), report };
    let made = save.all(&manifest).await;
    drop(save);
    // When both have failed, the writer has failed first.
    let written = writing.await.map_err(Problem::internal)??;
    let Made { items, objects, object_bytes } = made?;
    let (out, Written { bytes, sha256 }) = written.ok_or_else(super::given_up)?;
    Ok((out, Saved { manifest, items, objects, object_bytes, bytes, sha256 }))
}

struct Save<'a> {
    database: &'a dyn Database,
    storage: &'a dyn Storage,
    workspace: &'a str,
    pieces: Pieces,
    report: &'a Report,
}

#[derive(Default)]
struct Made {
    items: u64,
    objects: u64,
    object_bytes: u64,
}

/// An object that is about to be written.
enum Body {
    Whole(Vec<u8>),
    Stream(ByteStream, u64),
    /// It was deleted since it was listed.
    Gone,
}

impl Save<'_> {
    async fn all(&self, manifest: &Manifest) -> Result<Made> {
        let text = serde_json::to_vec(manifest).map_err(Problem::internal)?;
        self.pieces.whole(MANIFEST.to_owned(), text).await?;
        // Items first: what they refer to was there before them.
        let (found, waiting) = mpsc::channel(64);
        let ((), items) =
            tokio::try_join!(walk(self.database, self.workspace, false, found), self.items(waiting))?;
        let mut made = Made { items, ..Made::default() };
        self.objects(&mut made).await?;
        if made.items == 0 && made.objects == 0 {
            return Err(Problem::not_found("workspace", self.workspace));
        }
        self.pieces.send(Piece::End).await?;
        Ok(made)
    }

    async fn items(&self, mut waiting: mpsc::Receiver<Item>) -> Result<u64> {
        let (mut items, mut files, mut lines) = (0, 0, Vec::new());
        while let Some(item) = waiting.recv().await {
            write_line(item, self.workspace, &mut lines)?;
            items += 1;
            if lines.len() >= ITEMS_BYTES {
                files += 1;
                self.pieces.whole(items_name(files), std::mem::take(&mut lines)).await?;
            }
            (self.report)(Progress { doing: Doing::SavingItems, done: items, of: None });
        }
        if !lines.is_empty() {
            self.pieces.whole(items_name(files + 1), lines).await?;
        }
        Ok(items)
    }

    async fn objects(&self, made: &mut Made) -> Result<()> {
        let mut of = 0;
        let mut number = 0;
        for prefix in object_prefixes(self.workspace) {
            let mut after = None;
            loop {
                let page = self.storage.list(&prefix, after.as_deref(), 1000).await?;
                of += page.objects.iter().map(|object| object.bytes).sum::<u64>();
                number += page.objects.len() as u64;
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        if number > MAX_ENTRIES / 2 {
            let detail = format!("{number} objects: a backup has at most {}", MAX_ENTRIES / 2);
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        for prefix in object_prefixes(self.workspace) {
            let mut after = None;
            loop {
                let page = self.storage.list(&prefix, after.as_deref(), 1000).await?;
                let mut bodies = stream::iter(page.objects).map(|object| self.open(object)).buffered(AT_ONCE);
                while let Some(opened) = bodies.next().await {
                    let (key, body) = opened?;
                    self.object(key, body, made, of).await?;
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(())
    }

    async fn open(&self, object: Object) -> Result<(String, Body)> {
        let Object { key, bytes } = object;
        let body = if bytes <= SMALL {
            self.storage.get(&key).await.map(Body::Whole)
        } else {
            self.storage.get_stream(&key, 0).await.map(|stream| Body::Stream(stream, bytes))
        };
        match body {
            Err(error) if error.is_not_found() => Ok((key, Body::Gone)),
            other => Ok((key, other?)),
        }
    }

    async fn object(&self, key: String, body: Body, made: &mut Made, of: u64) -> Result<()> {
        let name = format!("{OBJECTS}{key}");
        let before = made.object_bytes;
        match body {
            Body::Gone => return Ok(()),
            Body::Whole(bytes) => {
                made.object_bytes += bytes.len() as u64;
                self.pieces.whole(name, bytes).await?;
            }
            Body::Stream(mut stream, bytes) => {
                let failed = |error| {
                    Problem::new(Kind::Unavailable, format!("`{key}` can not be read: {error}"))
                        .remedy("try again")
                };
                self.pieces.send(Piece::Begin(name, bytes)).await?;
                let mut left = bytes;
                loop {
                    let mut data = Vec::with_capacity(archive::CHUNK);
                    let mut part = (&mut stream).take(archive::CHUNK as u64);
                    let read = part.read_to_end(&mut data).await.map_err(failed)? as u64;
                    if read > left || (read == 0 && left > 0) {
                        return Err(Problem::new(
                            Kind::Unavailable,
                            format!("`{key}` was replaced while it was being read"),
                        )
                        .remedy("try again"));
                    }
                    if read == 0 {
                        break;
                    }
                    left -= read;
                    made.object_bytes += read;
                    self.pieces.send(Piece::Data(data)).await?;
                    self.tell(made.object_bytes, of);
                }
            }
        }
        made.objects += 1;
        if made.object_bytes > before {
            self.tell(made.object_bytes, of);
        }
        Ok(())
    }

    fn tell(&self, done: u64, of: u64) {
        (self.report)(Progress { doing: Doing::SavingObjects, done, of: Some(of.max(done)) });
    }
}
