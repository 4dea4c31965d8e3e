//! How an archive is read: from its first byte to its last, nothing taken on trust.

use super::archive::{
    BLOCK, CHECKSUMS, CHUNK, ITEMS, LIST_BEGIN, MANIFEST, MAX_BYTES, MAX_ENTRIES, MAX_ITEMS_BYTES,
    MAX_MANIFEST_BYTES, MAX_NAME_BYTES, MAX_OBJECT_BYTES, OBJECTS, items_name, list_end, list_line, padding,
};
use super::items::read_line;
use super::{FORMAT, Manifest, check_workspace, object_prefixes};
use crate::ports::{Item, check_object_key};
use crate::problem::{Kind, Problem, Result};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read};
use tar::{EntryType, Header};

/// What an archive holds, in its order.
pub(super) enum Event {
    /// Items of one file.
    Items(Vec<Item>),
    /// An object of so many bytes begins.
    Object(String, u64),
    /// Some of its bytes.
    Data(Vec<u8>),
}

/// How much is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// What comes before the objects.
    Items,
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) manifest: Manifest,
    pub(super) items: u64,
    pub(super) objects: u64,
    pub(super) object_bytes: u64,
    /// Of what comes before the objects.
    pub(super) items_sha256: [u8; 32],
    /// Of what comes before the checksums.
    pub(super) sha256: [u8; 32],
}

/// The window of what is decompressed: 32 MiB.
const WINDOW_LOG: u32 = 25;

/// Not an archive of ours, or not as it was written.
pub(super) fn refused(detail: impl Into<String>) -> Problem {
    Problem::new(Kind::Malformed, format!("this is no backup that can be restored: {}", detail.into()))
        .remedy("use another copy of the backup")
}

fn too_large(what: &str, limit: u64) -> Problem {
    refused(format!("{what} is over the limit of {limit}"))
}

fn reading(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => refused("it ends too early"),
        io::ErrorKind::Other | io::ErrorKind::InvalidData => refused(error.to_string()),
        _ => Problem::new(Kind::Unavailable, format!("the archive can not be read: {error}")),
    }
}

/// Reads an archive, plain or compressed, and passes on what is in it. Memory is bounded whatever is
/// read. What is passed on is well-formed and belongs to the manifest's workspace; whether it is as
/// it was written is known only at the end.
pub(super) fn read(
    input: impl Read,
    extent: Extent,
    each: &mut dyn FnMut(Event) -> Result<()>,
) -> Result<Seen> {
    const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let mut input = BufReader::with_capacity(CHUNK, input);
    let begin = input.fill_buf().map_err(|error| reading(&error))?;
    if !begin.starts_with(&ZSTD) {
        return Tar::new(&mut input, each).read(extent);
    }
    let mut decoder =
        zstd::stream::read::Decoder::with_buffer(input).map_err(|error| reading(&error))?.single_frame();
    decoder.window_log_max(WINDOW_LOG).map_err(|error| reading(&error))?;
    let seen = Tar::new(&mut decoder, each).read(extent)?;
    let mut after = decoder.finish();
    if extent == Extent::Whole && !after.fill_buf().map_err(|error| reading(&error))?.is_empty() {
        return Err(refused("something comes after its end"));
    }
    Ok(seen)
}

struct Tar<'a> {
    input: &'a mut dyn Read,
    each: &'a mut dyn FnMut(Event) -> Result<()>,
    stream: Sha256,
    /// Of the list of checksums as it has to be, and its length.
    list: Sha256,
    list_bytes: u64,
    seen: u64,
}

impl<'a> Tar<'a> {
    fn new(input: &'a mut dyn Read, each: &'a mut dyn FnMut(Event) -> Result<()>) -> Self {
        let list = Sha256::new_with_prefix(LIST_BEGIN);
        let list_bytes = LIST_BEGIN.len() as u64;
        Self { input, each, stream: Sha256::new(), list, list_bytes, seen: 0 }
    }

    fn read(mut self, extent: Extent) -> Result<Seen> {
        let manifest = self.manifest()?;
        let prefixes = object_prefixes(&manifest.workspace);
        let mut seen =
            Seen { manifest, items: 0, objects: 0, object_bytes: 0, items_sha256: [0; 32], sha256: [0; 32] };
        let (mut files, mut last) = (0, None::<String>);
        let mut items_end = self.stream.clone();
        loop {
            let (name, bytes) = self.header()?;
            let of_objects = !name.starts_with(ITEMS);
            if extent == Extent::Items && of_objects {
                break;
            }
            if name == CHECKSUMS {
                seen.sha256 = self.checksums(bytes)?;
                break;
            } else if let Some(key) = name.strip_prefix(OBJECTS) {
                let own =
                    check_object_key(key).is_ok() && prefixes.iter().any(|prefix| key.starts_with(prefix));
                if !own {
                    return Err(refused(format!("`{name}` can be no object of its workspace")));
                }
                if last.as_deref().is_some_and(|last| last >= key) {
                    return Err(refused(format!("`{name}` comes twice, or out of order")));
                }
                seen.objects += 1;
                seen.object_bytes += bytes;
                if bytes > MAX_OBJECT_BYTES {
                    return Err(too_large(&format!("`{name}`"), MAX_OBJECT_BYTES));
                }
                if seen.object_bytes > MAX_BYTES {
                    return Err(too_large("all that is in it", MAX_BYTES));
                }
                (self.each)(Event::Object(key.to_owned(), bytes))?;
                self.data(&name, bytes, |tar, data| (tar.each)(Event::Data(data)))?;
                last = Some(key.to_owned());
            } else if name == items_name(files + 1) && last.is_none() {
                files += 1;
                let lines = self.whole(&name, bytes, MAX_ITEMS_BYTES)?;
                let items = items(&name, &lines, &seen.manifest.workspace)?;
                seen.items += items.len() as u64;
                (self.each)(Event::Items(items))?;
                items_end = self.stream.clone();
            } else {
                return Err(refused(format!("`{name}` has no place in it")));
            }
        }
        seen.items_sha256 = items_end.finalize().into();
        Ok(seen)
    }

    fn manifest(&mut self) -> Result<Manifest> {
        #[derive(serde::Deserialize)]
        struct AnyFormat {
            format: u32,
        }
        let (name, bytes) = self.header()?;
        if name != MANIFEST {
            return Err(refused(format!("it does not begin with `{MANIFEST}`")));
        }
        let text = self.whole(&name, bytes, MAX_MANIFEST_BYTES)?;
        let unreadable = |error: serde_json::Error| refused(format!("`{MANIFEST}`: {error}"));
        let AnyFormat { format } = serde_json::from_slice(&text).map_err(unreadable)?;
        if format != FORMAT {
            return Err(Problem::new(
                Kind::Malformed,
                format!("the backup has format {format}; this program reads format {FORMAT}"),
            )
            .remedy("use the program that wrote it, or a newer one"));
        }
        let manifest: Manifest = serde_json::from_slice(&text).map_err(unreadable)?;
        check_workspace(&manifest.workspace).map_err(|problem| refused(problem.detail()))?;
        Ok(manifest)
    }

    fn exact(&mut self, buffer: &mut [u8]) -> Result<()> {
        self.input.read_exact(buffer).map_err(|error| reading(&error))?;
        self.stream.update(buffer);
        Ok(())
    }

    /// The next entry's name and size.
    fn header(&mut self) -> Result<(String, u64)> {
        self.seen += 1;
        if self.seen > MAX_ENTRIES {
            return Err(too_large("the number of its entries", MAX_ENTRIES));
        }
        let mut header = self.one_header()?;
        let name = if header.entry_type() == EntryType::GNULongName {
            let bytes = size(&header)?;
            if bytes > MAX_NAME_BYTES {
                return Err(too_large("a name in it", MAX_NAME_BYTES));
            }
            let mut name = vec![0; bytes as usize];
            self.exact(&mut name)?;
            self.padding(bytes)?;
            header = self.one_header()?;
            name.strip_suffix(b"\0").unwrap_or(&name).to_vec()
        } else {
            header.path_bytes().into_owned()
        };
        let name = String::from_utf8(name).map_err(|_| refused("a name in it is not UTF-8"))?;
        if header.entry_type() != EntryType::Regular {
            return Err(refused(format!("`{}` is not a file", name.escape_debug())));
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/'))
        {
            return Err(refused(format!("`{}` has no place in it", name.escape_debug())));
        }
        Ok((name, size(&header)?))
    }

    fn one_header(&mut self) -> Result<Header> {
        let mut block = [0; BLOCK];
        self.exact(&mut block)?;
        if block == [0; BLOCK] {
            return Err(refused(format!("it ends without `{CHECKSUMS}`")));
        }
        let header = Header::from_byte_slice(&block).clone();
        let wrong = || refused("a header in it is damaged, or it is no tar");
        let sum = block[..148].iter().chain(&block[156..]).map(|&byte| u32::from(byte)).sum::<u32>();
        if header.cksum().map_err(|_| wrong())? != sum + 8 * u32::from(b' ') {
            return Err(wrong());
        }
        Ok(header)
    }

    /// An entry's bytes as they come, and its line in the list.
    fn data(
        &mut self,
        name: &str,
        bytes: u64,
        mut take: impl FnMut(&mut Self, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let mut sha256 = Sha256::new();
        let mut left = bytes;
        while left > 0 {
            let mut data = vec![0; left.min(CHUNK as u64) as usize];
            self.exact(&mut data)?;
            sha256.update(&data);
            left -= data.len() as u64;
            take(self, data)?;
        }
        self.padding(bytes)?;
        let first = self.list_bytes == LIST_BEGIN.len() as u64;
        let line = list_line(first, name, bytes, &sha256.finalize());
        self.list.update(&line);
        self.list_bytes += line.len() as u64;
        Ok(())
    }

    fn whole(&mut self, name: &str, bytes: u64, limit: u64) -> Result<Vec<u8>> {
        if bytes > limit {
            return Err(too_large(&format!("`{name}`"), limit));
        }
        let mut whole = Vec::with_capacity(bytes as usize);
        self.data(name, bytes, |_, data| {
            whole.extend(data);
            Ok(())
        })?;
        Ok(whole)
    }

    fn padding(&mut self, bytes: u64) -> Result<()> {
        let mut block = [0; BLOCK];
        let padding = &mut block[..padding(bytes)];
        self.exact(padding)?;
        if padding.iter().any(|&byte| byte != 0) {
            return Err(refused("something lies between its entries"));
        }
        Ok(())
    }

    /// Compares the list with what was read, byte by byte, and sees that nothing follows it.
    fn checksums(&mut self, bytes: u64) -> Result<[u8; 32]> {
        let stream: [u8; 32] = self.stream.clone().finalize().into();
        let end = list_end(&stream);
        let changed = || refused("it is not as it was written: what is in it does not fit its checksums");
        if bytes != self.list_bytes + end.len() as u64 {
            return Err(changed());
        }
        let mut list = Sha256::new();
        let mut left = bytes;
        while left > 0 {
            let mut data = vec![0; left.min(CHUNK as u64) as usize];
            self.exact(&mut data)?;
            list.update(&data);
            left -= data.len() as u64;
        }
        self.list.update(&end);
        if list.finalize() != self.list.clone().finalize() {
            return Err(changed());
        }
        self.padding(bytes)?;
        let mut last = [0; 2 * BLOCK];
        self.exact(&mut last)?;
        let mut more = [0];
        let more = self.input.read(&mut more).map_err(|error| reading(&error))?;
        if last != [0; 2 * BLOCK] || more > 0 {
            return Err(refused("something comes after its end"));
        }
        Ok(stream)
    }
}

fn size(header: &Header) -> Result<u64> {
    header.entry_size().map_err(|_| refused("a header in it is damaged"))
}

/// The items of a file; no two under one key, since they are restored together.
fn items(name: &str, lines: &[u8], workspace: &str) -> Result<Vec<Item>> {
    let at = |line: usize, why: &str| refused(format!("line {line} of `{name}`: {why}"));
    if !lines.ends_with(b"\n") {
        return Err(refused(format!("`{name}` does not end with a whole line")));
    }
    let mut items = Vec::new();
    for (line, number) in lines[..lines.len() - 1].split(|&byte| byte == b'\n').zip(1..) {
        items.push(read_line(line, workspace).map_err(|why| at(number, &why))?);
    }
    let mut keys = HashSet::new();
    match items.iter().zip(1..).find(|(item, _)| !keys.insert(&item.key)) {
        Some((_, number)) => Err(at(number, "the item comes twice")),
        None => Ok(items),
    }
}
