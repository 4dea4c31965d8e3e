//! The root folder and what is moved into it and out of it.

use super::layout::{self, UNFINISHED};
use jiff::Timestamp;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::NamedTempFile;

/// What to do when the object is there already.
#[derive(Clone, Copy)]
pub(crate) enum Existing {
    Replace,
    Keep,
}

/// The folder that holds all objects.
pub(crate) struct Root {
    path: PathBuf,
    /// Held while folders come and go, so that none goes before what is moved there has arrived.
    folders: Mutex<()>,
    read_only: bool,
}

impl Root {
    /// Opens the root for one process, or makes it, and removes what was left unfinished there.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let unfinished = path.join(UNFINISHED);
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished)?;
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&unfinished)?;
        Ok(Self { path, folders: Mutex::new(()), read_only: false })
    }

    /// Opens a root that another process may be using, and changes nothing there.
    pub(crate) fn open_to_read(path: PathBuf) -> io::Result<Self> {
        std::fs::read_dir(&path)?;
        Ok(Self { path, folders: Mutex::new(()), read_only: true })
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.read_only { Err(io::ErrorKind::ReadOnlyFilesystem.into()) } else { Ok(()) }
    }

    /// Opens a root that several processes use, or makes it. Of what is unfinished there only what was
    /// begun before `old` is removed. The processes take turns in `finish` and `remove`: see to it.
    pub(crate) fn open_shared(path: PathBuf, old: Timestamp) -> io::Result<Self> {
        let unfinished = path.join(UNFINISHED);
        DirBuilder::new().recursive(true).mode(0o700).create(&unfinished)?;
        for entry in std::fs::read_dir(&unfinished)? {
            let entry = entry?;
            // Another process may have moved it to its place, or removed it.
            let Ok(begun) = entry.metadata().and_then(|metadata| metadata.modified()) else { continue };
            if Timestamp::try_from(begun).is_ok_and(|begun| begun < old) {
                drop(std::fs::remove_file(entry.path()));
            }
        }
        Ok(Self { path, folders: Mutex::new(()), read_only: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file of a legal key.
    pub(crate) fn file(&self, key: &str) -> PathBuf {
        layout::file(&self.path, key)
    }

    /// A file beside the objects, removed again unless it is moved to its place.
    pub(crate) fn begin(&self) -> io::Result<NamedTempFile> {
        self.check_writable()?;
        NamedTempFile::new_in(self.path.join(UNFINISHED))
    }

    /// Moves a file to its place once its bytes are durable, and makes the move durable; `false` when
    /// there is one that is to be kept.
    pub(crate) fn finish(&self, file: NamedTempFile, key: &str, existing: Existing) -> io::Result<bool> {
        file.as_file().sync_all()?;
        let path = self.file(key);
        let folder = path.parent().unwrap_or(&self.path);
        let moved = {
            let _changing = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
            self.make_folder(folder)?;
            match existing {
                Existing::Replace => file.persist(&path),
                Existing::Keep => file.persist_noclobber(&path),
            }
        };
        match moved {
            Ok(_) => sync(folder).map(|()| true),
            Err(refused) => match (existing, refused.error.kind()) {
                (Existing::Keep, io::ErrorKind::AlreadyExists) => Ok(false),
                _ => Err(refused.error),
            },
        }
    }

    /// Removes an object, if it is there, and the folders that it leaves empty; durably.
    pub(crate) fn remove(&self, key: &str) -> io::Result<()> {
        self.check_writable()?;
        let path = self.file(key);
        let kept = {
            let _changing = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                removed => removed?,
            }
            let mut folders = path.ancestors().skip(1).take_while(|folder| *folder != self.path);
            folders.find(|folder| std::fs::remove_dir(folder).is_err())
        };
        sync(kept.unwrap_or(&self.path))
    }

    /// Makes a folder below the root that is durable when others see it.
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        match folder.parent() {
            Some(parent) if folder != self.path && !folder.is_dir() => {
                self.make_folder(parent)?;
                DirBuilder::new().mode(0o700).create(folder)?;
                sync(parent)
            }
            _ => Ok(()),
        }
    }
}

/// Makes the names in a folder durable; one that a removal has taken by now needs it no more.
fn sync(folder: &Path) -> io::Result<()> {
    match File::open(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened?.sync_all(),
    }
}
