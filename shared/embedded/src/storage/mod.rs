//! The storage slot on files.

mod announced;
pub(crate) mod layout;
mod presign;
pub(crate) mod root;

pub use presign::Grant;

use announced::Announced;
use async_trait::async_trait;
use fettle_backend::clock::Clock;
use fettle_backend::ports::{
    ByteStream, Error, ErrorKind, Object, ObjectPage, Presigned, Result, Storage, UploadTerms,
    check_object_key,
};
use jiff::{SignedDuration, Timestamp};
use layout::Listing;
use presign::Signer;
use root::{Existing, Root};
use std::collections::BTreeMap;
use std::io::{self, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

const MAX_LIMIT: usize = 1_000;

/// Objects as files under one root, written beside their place and moved there whole.
///
/// The root has to lie on one local file system, and belongs to one process at a time.
pub struct FileStorage {
    root: Arc<Root>,
    signer: Signer,
    clock: Arc<dyn Clock>,
}

impl FileStorage {
    /// Opens the root, or makes it, and removes what was left unfinished there.
    ///
    /// Presigned requests go to `{public_url}/v1/storage/…`, signed with `signing_key`.
    pub fn open(
        root: impl Into<PathBuf>,
        public_url: &str,
        signing_key: [u8; 32],
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let root: PathBuf = root.into();
        let opening = format!("opening the storage {}", root.display());
        let root = Root::open(root).map_err(|error| unavailable(opening, error))?;
        Ok(Self { root: Arc::new(root), signer: Signer::new(public_url, signing_key), clock })
    }

    /// Opens a root that is there to read from it, beside the process that uses it. Writes are
    /// `Unavailable`; what is presigned holds where the same key is.
    pub fn open_to_read(
        root: impl Into<PathBuf>,
        public_url: &str,
        signing_key: [u8; 32],
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let root: PathBuf = root.into();
        let opening = format!("opening the storage {}", root.display());
        let root = Root::open_to_read(root).map_err(|error| unavailable(opening, error))?;
        Ok(Self { root: Arc::new(root), signer: Signer::new(public_url, signing_key), clock })
    }

    /// What a presigned request may do, given its query as percent-decoded pairs; none unless it was
    /// signed here for this method and key, has not been changed and has not expired.
    pub fn verify(
        &self,
        method: &str,
        key: &str,
        query: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Option<Grant> {
        self.signer.verify(method, key, query, now)
    }

    /// Writes what a request brings that was presigned with this grant. Over the grant's limit is
    /// `TooLarge`, other bytes than it announces are `Corrupt`; either leaves nothing behind.
    pub async fn accept(&self, key: &str, stream: ByteStream, grant: &Grant) -> Result<Object> {
        let limit = grant.bytes.or(grant.max_bytes).unwrap_or(u64::MAX);
        self.put_stream(key, Box::pin(Announced::new(stream, grant)), limit).await
    }

    async fn write(&self, key: &str, bytes: &[u8], existing: Existing) -> Result<()> {
        check_object_key(key)?;
        let (root, owned, bytes) = (Arc::clone(&self.root), key.to_owned(), bytes.to_vec());
        let moved = blocking(format!("writing {key}"), unavailable, move || {
            let mut file = root.begin()?;
            file.write_all(&bytes)?;
            root.finish(file, &owned, existing)
        });
        if moved.await? {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::Conflict { at: 0 }, format!("{key} is there already")))
        }
    }

    async fn open_file(&self, key: &str) -> Result<tokio::fs::File> {
        check_object_key(key)?;
        let path = self.root.file(key);
        tokio::fs::File::open(path)
            .await
            .map_err(|error| missing_or_unavailable(format!("opening {key}"), error))
    }
}

#[async_trait]
impl Storage for FileStorage {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.write(key, bytes, Existing::Replace).await
    }

    async fn create(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.write(key, bytes, Existing::Keep).await
    }

    async fn put_stream(&self, key: &str, stream: ByteStream, max_bytes: u64) -> Result<Object> {
        check_object_key(key)?;
        let writing = || format!("writing {key}");
        let root = Arc::clone(&self.root);
        let unfinished = blocking(writing(), unavailable, move || root.begin()).await?;
        let (file, path) = unfinished.into_parts();
        let mut file = tokio::fs::File::from_std(file);
        let mut stream = stream.take(max_bytes.saturating_add(1));
        let bytes = tokio::io::copy(&mut stream, &mut file)
            .await
            .map_err(|error| corrupt_or_unavailable(writing(), error))?;
        if bytes > max_bytes {
            return Err(Error::new(ErrorKind::TooLarge, format!("{key} has more than {max_bytes} bytes")));
        }
        file.flush().await.map_err(|error| unavailable(writing(), error))?;
        let unfinished = NamedTempFile::from_parts(file.into_std().await, path);
        let (root, owned) = (Arc::clone(&self.root), key.to_owned());
        blocking(writing(), unavailable, move || root.finish(unfinished, &owned, Existing::Replace)).await?;
        Ok(Object { key: key.to_owned(), bytes })
    }

    async fn get(&self, key: &str) -> Result<Vec<u8>> {
        check_object_key(key)?;
        let path = self.root.file(key);
        blocking(format!("reading {key}"), missing_or_unavailable, move || std::fs::read(path)).await
    }

    async fn get_stream(&self, key: &str, from: u64) -> Result<ByteStream> {
        let mut file = self.open_file(key).await?;
        let reading = || format!("reading {key}");
        let length = file.metadata().await.map_err(|error| unavailable(reading(), error))?.len();
        file.seek(SeekFrom::Start(from.min(length))).await.map_err(|error| unavailable(reading(), error))?;
        Ok(Box::pin(file))
    }

    async fn head(&self, key: &str) -> Result<Object> {
        let file = self.open_file(key).await?;
        let metadata =
            file.metadata().await.map_err(|error| unavailable(format!("looking at {key}"), error))?;
        Ok(Object { key: key.to_owned(), bytes: metadata.len() })
    }

    async fn delete(&self, key: &str) -> Result<()> {
        check_object_key(key)?;
        let (root, owned) = (Arc::clone(&self.root), key.to_owned());
        blocking(format!("deleting {key}"), unavailable, move || root.remove(&owned)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<ObjectPage> {
        if limit == 0 || limit > MAX_LIMIT {
            return Err(Error::new(ErrorKind::Invalid, format!("a limit of {limit}: 1 to {MAX_LIMIT}")));
        }
        let (root, prefix, after) = (Arc::clone(&self.root), prefix.to_owned(), after.map(str::to_owned));
        let mut objects = blocking(format!("listing {prefix}"), unavailable, move || {
            layout::list(
                root.path(),
                &Listing { prefix: &prefix, after: after.as_deref(), enough: limit + 1 },
            )
        })
        .await?;
        let more = objects.len() > limit;
        objects.truncate(limit);
        let next = objects.last().filter(|_| more).map(|object| object.key.clone());
        Ok(ObjectPage { objects, next })
    }

    async fn presign_upload(
        &self,
        key: &str,
        terms: &UploadTerms,
        valid: SignedDuration,
    ) -> Result<Presigned> {
        terms.check()?;
        let UploadTerms { max_bytes, bytes, sha256 } = terms.clone();
        let grant = Grant { max_bytes: Some(max_bytes), bytes, sha256, file_name: None };
        self.signer.presign("PUT", key, &grant, valid, self.clock.now())
    }

    async fn presign_download(&self, key: &str, file_name: &str, valid: SignedDuration) -> Result<Presigned> {
        let grant = Grant { file_name: Some(file_name.to_owned()), ..Grant::default() };
        self.signer.presign("GET", key, &grant, valid, self.clock.now())
    }
}

/// Runs what may wait for the disk off the async threads.
async fn blocking<T: Send + 'static>(
    tried: String,
    failed: fn(String, io::Error) -> Error,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| failed(tried, error)),
        Err(error) => Err(Error::new(ErrorKind::Unavailable, tried).caused_by(error)),
    }
}

fn unavailable(tried: String, error: io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, tried).caused_by(error)
}

/// A stream knows of its own bytes when they are not what they should be.
fn corrupt_or_unavailable(tried: String, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData => Error::new(ErrorKind::Corrupt, tried).caused_by(error),
        _ => unavailable(tried, error),
    }
}

fn missing_or_unavailable(tried: String, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, tried),
        _ => unavailable(tried, error),
    }
}
