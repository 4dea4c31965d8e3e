//! Where an object lies under the root, and which objects lie there.
//!
//! `runs/r1/Model.bin` lies at `runs+/r1+/~model.bin`. A folder has a `+` after its name, so that the
//! objects `a` and `a/b` can both be there. A capital is written `~` and its small letter, because some
//! file systems take both for the same. A name too long for a file system is cut, and goes on in a
//! folder marked `=`. No key can have any of these marks in it, so that no two keys share a path.

use fettle_backend::ports::{Object, check_object_key};
use std::io;
use std::path::{Path, PathBuf};

/// File systems take names of 255 bytes, and one is for the mark.
const MAX_NAME_BYTES: usize = 200;
const FOLDER: char = '+';
const GOES_ON: char = '=';
const CAPITAL: char = '~';
/// Beside the objects for what is being written: a name that no key has.
pub(super) const UNFINISHED: &str = "@unfinished";

/// The file of a legal key.
pub(super) fn file(root: &Path, key: &str) -> PathBuf {
    match key.rsplit_once('/') {
        Some((folders, name)) => append(folder(root, folders), name, None),
        None => append(root.to_path_buf(), key, None),
    }
}

/// The directory of what has a key below `folders`.
fn folder(root: &Path, folders: &str) -> PathBuf {
    folders.split('/').fold(root.to_path_buf(), |path, part| append(path, part, Some(FOLDER)))
}

fn append(mut path: PathBuf, part: &str, mark: Option<char>) -> PathBuf {
    let mut name = String::new();
    for character in part.chars() {
        if name.len() >= MAX_NAME_BYTES {
            name.push(GOES_ON);
            path.push(&name);
            name.clear();
        }
        if character.is_ascii_uppercase() {
            name.push(CAPITAL);
        }
        name.push(character.to_ascii_lowercase());
    }
    name.extend(mark);
    path.push(name);
    path
}

/// The part of a key that a name on the disk stands for; none for what is not ours.
fn decode(name: &str) -> Option<String> {
    let mut part = String::new();
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        part.push(match character {
            CAPITAL => characters.next().filter(char::is_ascii_lowercase)?.to_ascii_uppercase(),
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => character,
            _ => return None,
        });
    }
    (!part.is_empty()).then_some(part)
}

/// What a listing asks for.
pub(crate) struct Listing<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) after: Option<&'a str>,
    /// The walk ends when it has found so many.
    pub(crate) enough: usize,
}

/// The objects asked for, in the order of their keys. Reads only folders that may hold one of them.
pub(crate) fn list(root: &Path, listing: &Listing<'_>) -> io::Result<Vec<Object>> {
    let mut found = Vec::new();
    let (start, base) = match listing.prefix.rsplit_once('/') {
        // Nothing has a key with such a prefix, and no path is made from it.
        Some((folders, _)) if check_object_key(folders).is_err() => return Ok(found),
        Some((folders, _)) => (folder(root, folders), format!("{folders}/")),
        None => (root.to_path_buf(), String::new()),
    };
    walk(&start, &base, listing, &mut found)?;
    Ok(found)
}

fn walk(directory: &Path, base: &str, listing: &Listing<'_>, found: &mut Vec<Object>) -> io::Result<()> {
    let mut entries = Vec::new();
    read(directory, "", &mut entries)?;
    let mut entries: Vec<(String, PathBuf)> = entries
        .into_iter()
        .filter_map(|(name, path)| {
            let (name, slash) = name.strip_suffix(FOLDER).map_or((name.as_str(), ""), |name| (name, "/"));
            Some((format!("{base}{}{slash}", decode(name)?), path))
        })
        .collect();
    entries.sort_unstable();
    for (key, path) in entries {
        if found.len() >= listing.enough {
            break;
        }
        let is_folder = key.ends_with('/');
        let passed = listing
            .after
            .is_some_and(|after| key.as_str() <= after && !(is_folder && after.starts_with(&key)));
        if passed || !(key.starts_with(listing.prefix) || is_folder && listing.prefix.starts_with(&key)) {
            continue;
        }
        if is_folder {
            walk(&path, &key, listing, found)?;
        } else if let Some(metadata) = if_there(path.symlink_metadata())?
            && metadata.is_file()
        {
            found.push(Object { key, bytes: metadata.len() });
        }
    }
    Ok(())
}

/// The names in a directory, those that were cut put together again.
fn read(directory: &Path, begun: &str, entries: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    let Some(directory) = if_there(std::fs::read_dir(directory))? else { return Ok(()) };
    for entry in directory {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        match name.strip_suffix(GOES_ON) {
            Some(name) => read(&entry.path(), &format!("{begun}{name}"), entries)?,
            None => entries.push((format!("{begun}{name}"), entry.path())),
        }
    }
    Ok(())
}

/// Nothing where somebody else has just removed it.
fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_share_a_path_and_none_leaves_the_root() {
        let root = Path::new("/root");
        let long = "Ab".repeat(250);
        let keys = ["a", "A", "a/b", "A/b", "a/B", "a.b", "...", "-", "~", &long, &long[..300], &long[..200]];
        let mut paths: Vec<PathBuf> = keys.iter().map(|key| file(root, key)).collect();
        for path in &paths {
            assert!(path.starts_with(root), "{path:?}");
            assert!(path.components().all(|part| part.as_os_str().len() <= MAX_NAME_BYTES + 2), "{path:?}");
        }
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), keys.len());
    }
}
