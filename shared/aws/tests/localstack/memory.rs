//! Objects in memory, for what the database puts into a storage. The storage port has adapters, and a
//! suite, of its own; here a test can also see and take away what lies there.

use async_trait::async_trait;
use fettle_backend::ports::{
    ByteStream, Error, ErrorKind, Object, ObjectPage, Presigned, Result, Storage, UploadTerms,
};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::io::AsyncReadExt;

/// Objects in memory.
#[derive(Default)]
pub struct MemoryStorage(Mutex<BTreeMap<String, Vec<u8>>>);

impl MemoryStorage {
    /// What lies there.
    pub fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_found(key: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("no object {key}"))
}

#[async_trait]
impl Storage for MemoryStorage {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
        assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte)), "{key}");
        self.objects().insert(key.to_owned(), bytes.to_vec());
        Ok(())
    }

    async fn create(&self, key: &str, bytes: &[u8]) -> Result<()> {
        if self.objects().contains_key(key) {
            return Err(Error::new(ErrorKind::Conflict { at: 0 }, format!("an object {key}")));
        }
        self.put(key, bytes).await
    }

    async fn put_stream(&self, key: &str, stream: ByteStream, max_bytes: u64) -> Result<Object> {
        let mut bytes = Vec::new();
        let read = stream.take(max_bytes + 1).read_to_end(&mut bytes).await;
        let length =
            read.map_err(|error| Error::new(ErrorKind::Unavailable, "a stream").caused_by(error))? as u64;
        if length > max_bytes {
            return Err(Error::new(ErrorKind::TooLarge, format!("over {max_bytes} bytes")));
        }
        self.put(key, &bytes).await?;
        Ok(Object { key: key.to_owned(), bytes: length })
    }

    async fn get(&self, key: &str) -> Result<Vec<u8>> {
        self.objects().get(key).cloned().ok_or_else(|| not_found(key))
    }

    async fn get_stream(&self, key: &str, from: u64) -> Result<ByteStream> {
        let bytes = self.get(key).await?;
        let rest = bytes.get(from as usize..).unwrap_or_default().to_vec();
        Ok(Box::pin(std::io::Cursor::new(rest)))
    }

    async fn head(&self, key: &str) -> Result<Object> {
        let bytes = self.get(key).await?.len() as u64;
        Ok(Object { key: key.to_owned(), bytes })
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.objects().remove(key);
        Ok(())
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<ObjectPage> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let objects = self.objects();
        let mut found: Vec<Object> = objects
            .range::<str, _>((start, Bound::Unbounded))
            .filter(|(key, _)| key.starts_with(prefix))
            .map(|(key, bytes)| Object { key: key.clone(), bytes: bytes.len() as u64 })
            .take(limit + 1)
            .collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|object| object.key.clone());
        Ok(ObjectPage { objects: found, next })
    }

    async fn presign_upload(&self, _: &str, _: &UploadTerms, _: SignedDuration) -> Result<Presigned> {
        Err(Error::new(ErrorKind::Invalid, "memory has no address"))
    }

    async fn presign_download(&self, _: &str, _: &str, _: SignedDuration) -> Result<Presigned> {
        Err(Error::new(ErrorKind::Invalid, "memory has no address"))
    }
}
