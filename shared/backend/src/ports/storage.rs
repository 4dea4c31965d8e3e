//! The storage slot: data sets, artifacts, plots.

use super::Result;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::pin::Pin;
use tokio::io::AsyncRead;

/// Bytes that come one after the other.
pub type ByteStream = Pin<Box<dyn AsyncRead + Send>>;

/// What is known of a stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its length.
    pub bytes: u64,
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectPage {
    /// In the order of the keys' bytes.
    pub objects: Vec<Object>,
    /// The key to go on after; none at the end.
    pub next: Option<String>,
}

/// A request that its holder may make without any other credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Presigned {
    /// `PUT` or `GET`.
    pub method: String,
    /// The whole address.
    pub url: String,
    /// Headers that the request must carry.
    pub headers: BTreeMap<String, String>,
    /// Refused from then on.
    #[schemars(with = "String")]
    pub expires_at: Timestamp,
}

/// Objects by key.
///
/// - **Keys** are 1 to 512 bytes of `A-Z a-z 0-9 . _ - /`, with no empty, `.` or `..` part between
///   slashes: anything else is `Invalid`, so a key can never leave its place.
/// - **Atomic**: an object is there whole or not at all; a reader during a write, or after a kill in
///   the middle of one, sees the object as it was before.
/// - **Durable** once `put` or `put_stream` has answered.
/// - **Consistent**: a read after a write's answer sees it.
/// - A missing object is `NotFound`, except for [`delete`](Storage::delete), which may be repeated.
#[async_trait]
pub trait Storage: Send + Sync {
    /// Writes an object, in place of any before.
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<()>;

    /// Writes an object unless there is one: then `Conflict { at: 0 }`. Of many at once one wins.
    async fn create(&self, key: &str, bytes: &[u8]) -> Result<()>;

    /// Writes an object from a stream of unknown length in bounded memory. A stream that fails, or
    /// goes over `max_bytes` (then `TooLarge`), leaves nothing behind.
    async fn put_stream(&self, key: &str, stream: ByteStream, max_bytes: u64) -> Result<Object>;

    /// The whole object.
    async fn get(&self, key: &str) -> Result<Vec<u8>>;

    /// The object from byte `from` on, as a stream; an offset past the end gives an empty one.
    async fn get_stream(&self, key: &str, from: u64) -> Result<ByteStream>;

    /// The object's length.
    async fn head(&self, key: &str) -> Result<Object>;

    /// Removes the object, if it is there.
    async fn delete(&self, key: &str) -> Result<()>;

    /// Objects whose key begins with `prefix`, after the key `after`, at most `limit` (1 to 1,000).
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<ObjectPage>;

    /// A request by which anybody may write this object (and no other) until it expires, of at most
    /// `max_bytes`.
    async fn presign_upload(&self, key: &str, max_bytes: u64, valid: SignedDuration) -> Result<Presigned>;

    /// A request by which anybody may read this object until it expires; it is offered for download
    /// as `file_name`.
    async fn presign_download(&self, key: &str, file_name: &str, valid: SignedDuration) -> Result<Presigned>;
}
