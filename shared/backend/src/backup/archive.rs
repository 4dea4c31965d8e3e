//! How an archive is written: tar's headers, its list of checksums, and what comes out of it.

use super::given_up;
use crate::idempotency::hex;
use crate::problem::{Kind, Problem, Result};
use sha2::{Digest, Sha256};
use std::io::{self, BufWriter, Write};
use tar::{EntryType, Header};
use tokio::sync::mpsc::{Receiver, Sender};

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const ITEMS: &str = "items/";
pub(super) const OBJECTS: &str = "objects/";
pub(super) const CHECKSUMS: &str = "checksums.json";

/// An items' file is closed once it has so many bytes.
pub(super) const ITEMS_BYTES: usize = 4 << 20;
/// With the one item that went over it, and its key, escaped.
pub(super) const MAX_ITEMS_BYTES: u64 = 8 << 20;
pub(super) const MAX_MANIFEST_BYTES: u64 = 64 << 10;
pub(super) const MAX_OBJECT_BYTES: u64 = 16 << 30;
/// Objects of an archive, decompressed and all together.
pub(super) const MAX_BYTES: u64 = 4 << 40;
pub(super) const MAX_ENTRIES: u64 = 1_000_000;
/// `objects/` and the longest key, with some air.
pub(super) const MAX_NAME_BYTES: u64 = 1024;

pub(super) const BLOCK: usize = 512;
/// What is read and passed on in one go.
pub(super) const CHUNK: usize = 256 << 10;
/// The name by which GNU tar announces a name that is too long for a header.
const LONG_NAME: &[u8] = b"././@LongLink";
/// How hard to compress: most of an archive is compressed already.
const LEVEL: i32 = 3;

/// The name of the `number`th items' file, counted from 1.
pub(super) fn items_name(number: u64) -> String {
    format!("{ITEMS}{number:06}.jsonl")
}

/// An entry's header, with one before it if its name is long.
pub(super) fn header(name: &str, bytes: u64) -> Vec<u8> {
    let mut blocks = Vec::with_capacity(BLOCK);
    let mut shown = name.as_bytes();
    if shown.len() > Header::new_gnu().as_old().name.len() {
        let mut long = shown.to_vec();
        long.push(0);
        blocks.extend(one_header(LONG_NAME, EntryType::GNULongName, long.len() as u64).as_bytes());
        long.resize(long.len().next_multiple_of(BLOCK), 0);
        blocks.extend(long);
        shown = &shown[..Header::new_gnu().as_old().name.len()];
    }
    blocks.extend(one_header(shown, EntryType::Regular, bytes).as_bytes());
    blocks
}

fn one_header(name: &[u8], kind: EntryType, bytes: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    header
}

/// How many bytes fill the last block.
pub(super) fn padding(bytes: u64) -> usize {
    (bytes.next_multiple_of(BLOCK as u64) - bytes) as usize
}

/// The beginning of `checksums.json`.
pub(super) const LIST_BEGIN: &str = "{\"entries\":[";

/// A line of `checksums.json`.
pub(super) fn list_line(first: bool, name: &str, bytes: u64, sha256: &[u8]) -> String {
    let comma = if first { "" } else { "," };
    // The names are of letters that JSON takes as they are.
    format!("{comma}\n{{\"name\":\"{name}\",\"bytes\":{bytes},\"sha256\":\"{}\"}}", hex(sha256))
}

/// The end of `checksums.json`: of all bytes of the tar before it, its own header included.
pub(super) fn list_end(sha256: &[u8]) -> String {
    format!("\n],\"sha256\":\"{}\"}}\n", hex(sha256))
}

/// What an archive is made of, as it is passed to the thread that writes it.
pub(super) enum Piece {
    /// An entry of so many bytes begins.
    Begin(String, u64),
    /// Some of its bytes.
    Data(Vec<u8>),
    /// There are no more entries: it is whole.
    End,
}

/// Where the pieces go.
pub(super) struct Pieces(pub(super) Sender<Piece>);

impl Pieces {
    pub(super) async fn send(&self, piece: Piece) -> Result<()> {
        self.0.send(piece).await.map_err(|_| given_up())
    }

    /// A small entry.
    pub(super) async fn whole(&self, name: String, bytes: Vec<u8>) -> Result<()> {
        self.send(Piece::Begin(name, bytes.len() as u64)).await?;
        self.send(Piece::Data(bytes)).await
    }
}

/// What was written.
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// Writes pieces as they come. None if they stop coming before the end.
pub(super) fn write<W: Write>(
    out: W,
    compress: bool,
    pieces: Receiver<Piece>,
) -> Result<Option<(W, Written)>> {
    let failed = |error: io::Error| {
        Problem::new(Kind::Unavailable, format!("the archive can not be written: {error}"))
    };
    let out = BufWriter::with_capacity(CHUNK, Hashed { out, sha256: Sha256::new(), bytes: 0 });
    let written = if compress {
        zstd::stream::write::Encoder::new(out, LEVEL).and_then(|mut encoder| {
            encoder.include_checksum(true)?;
            let whole = write_tar(&mut encoder, pieces)?;
            Ok((encoder.finish()?, whole))
        })
    } else {
        let mut out = out;
        write_tar(&mut out, pieces).map(|whole| (out, whole))
    };
    let (out, whole) = written.map_err(failed)?;
    let Hashed { out, sha256, bytes } = out.into_inner().map_err(|error| failed(error.into_error()))?;
    Ok(whole.then(|| (out, Written { bytes, sha256: hex(&sha256.finalize()) })))
}

fn write_tar(out: &mut impl Write, mut pieces: Receiver<Piece>) -> io::Result<bool> {
    let mut tar = Tar { out, stream: Sha256::new(), list: LIST_BEGIN.as_bytes().to_vec(), entry: None };
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Piece::Begin(name, bytes) => tar.begin(name, bytes)?,
            Piece::Data(data) => tar.data(&data)?,
            Piece::End => return tar.end().map(|()| true),
        }
    }
    Ok(false)
}

struct Tar<'a, W> {
    out: &'a mut W,
    stream: Sha256,
    list: Vec<u8>,
    entry: Option<Entry>,
}

struct Entry {
    name: String,
    bytes: u64,
    left: u64,
    sha256: Sha256,
}

impl<W: Write> Tar<'_, W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.update(bytes);
        self.out.write_all(bytes)
    }

    fn begin(&mut self, name: String, bytes: u64) -> io::Result<()> {
        self.close()?;
        self.put(&header(&name, bytes))?;
        self.entry = Some(Entry { name, bytes, left: bytes, sha256: Sha256::new() });
        Ok(())
    }

    fn data(&mut self, data: &[u8]) -> io::Result<()> {
        let wrong = || io::Error::other("an entry has another length than its header");
        let entry = self.entry.as_mut().ok_or_else(wrong)?;
        entry.left = entry.left.checked_sub(data.len() as u64).ok_or_else(wrong)?;
        entry.sha256.update(data);
        self.put(data)
    }

    fn close(&mut self) -> io::Result<()> {
        let Some(Entry { name, bytes, left, sha256 }) = self.entry.take() else { return Ok(()) };
        if left > 0 {
            return Err(io::Error::other("an entry has another length than its header"));
        }
        self.put(&[0; BLOCK][..padding(bytes)])?;
        let first = self.list.len() == LIST_BEGIN.len();
        self.list.extend(list_line(first, &name, bytes, &sha256.finalize()).into_bytes());
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        self.close()?;
        let bytes = self.list.len() + list_end(&[0; 32]).len();
        self.put(&header(CHECKSUMS, bytes as u64))?;
        let end = list_end(&self.stream.finalize());
        self.out.write_all(&self.list)?;
        self.out.write_all(end.as_bytes())?;
        self.out.write_all(&[0; BLOCK][..padding(bytes as u64)])?;
        self.out.write_all(&[0; 2 * BLOCK])
    }
}

/// Counts and hashes what goes through.
struct Hashed<W> {
    out: W,
    sha256: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.out.write(buffer)?;
        self.sha256.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
