//! The storage slot before another, with a mirror.

use super::follow::Behind;
use super::{Mirror, Place};
use async_trait::async_trait;
use fettle_backend::ports::{ByteStream, Object, ObjectPage, Presigned, Result, Storage, UploadTerms};
use jiff::SignedDuration;
use std::sync::Arc;

/// A storage whose every answered write is in the mirror too.
///
/// Reads and writes answer `Unavailable` while the mirror's gate is closed. A write whose mirroring
/// fails answers so as well, though it has happened. What is uploaded by a presigned request does not
/// pass here: the keeper copies it ([`Keeping::uploads`](super::Keeping::uploads)).
pub struct MirroredStorage {
    inner: Arc<dyn Storage>,
    mirror: Mirror,
}

impl MirroredStorage {
    /// The mirror before that storage.
    pub fn new(inner: Arc<dyn Storage>, mirror: Mirror) -> Self {
        Self { inner, mirror }
    }

    async fn through<T>(&self, key: &str, write: impl Future<Output = Result<T>>) -> Result<T> {
        let behind = Behind::Storage(Arc::clone(&self.inner));
        self.mirror.through(vec![Place::Object(key.to_owned())], &behind, write).await
    }
}

#[async_trait]
impl Storage for MirroredStorage {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.through(key, self.inner.put(key, bytes)).await
    }

    async fn create(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.through(key, self.inner.create(key, bytes)).await
    }

    async fn put_stream(&self, key: &str, stream: ByteStream, max_bytes: u64) -> Result<Object> {
        self.through(key, self.inner.put_stream(key, stream, max_bytes)).await
    }

    async fn get(&self, key: &str) -> Result<Vec<u8>> {
        self.mirror.through_gate(self.inner.get(key)).await
    }

    async fn get_stream(&self, key: &str, from: u64) -> Result<ByteStream> {
        self.mirror.through_gate(self.inner.get_stream(key, from)).await
    }

    async fn head(&self, key: &str) -> Result<Object> {
        self.mirror.through_gate(self.inner.head(key)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.through(key, self.inner.delete(key)).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<ObjectPage> {
        self.mirror.through_gate(self.inner.list(prefix, after, limit)).await
    }

    async fn presign_upload(
        &self,
        key: &str,
        terms: &UploadTerms,
        valid: SignedDuration,
    ) -> Result<Presigned> {
        self.inner.presign_upload(key, terms, valid).await
    }

    async fn presign_download(&self, key: &str, file_name: &str, valid: SignedDuration) -> Result<Presigned> {
        self.inner.presign_download(key, file_name, valid).await
    }
}
