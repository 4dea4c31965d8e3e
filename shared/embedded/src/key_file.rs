//! Small secret files: made once, by one of however many try, and shown to their owner alone.

use fettle_backend::ports::{Error, ErrorKind, Result};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The text of a secret file; makes it with what `make` gives when there is none.
///
/// The file is there whole or not at all, and of however many processes make it at once all get the
/// same text. `Unavailable` when it can not be read, or others than its owner may read or write it.
pub fn read_or_create(path: &Path, make: impl FnOnce() -> String) -> Result<String> {
    let failed =
        |what: &str| Error::new(ErrorKind::Unavailable, format!("{what} the key file {}", path.display()));
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(path, &make()).map_err(|error| failed("making").caused_by(error))?;
            read(path)
        }
        read => read,
    }
    .map_err(|error| failed("reading").caused_by(error))?
    .map_err(|mode| {
        let path = path.display();
        let context =
            format!("others may read or write the key file {path} (mode {mode:03o}): chmod 600 {path}");
        Error::new(ErrorKind::Unavailable, context)
    })
}

/// The text, or the mode that is too open.
fn read(path: &Path) -> io::Result<std::result::Result<String, u32>> {
    let file = std::fs::File::open(path)?;
    let mode = file.metadata()?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Ok(Err(mode));
    }
    io::read_to_string(file).map(Ok)
}

/// Writes beside the place and moves there unless another was first.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    // A temporary file is readable by its owner alone.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => {}
        moved => drop(moved?),
    }
    std::fs::File::open(directory)?.sync_all()
}
