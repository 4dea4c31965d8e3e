//! Documents too long for an item: objects of the storage that items refer to.
//!
//! An object's key is used once. The object is written before the item that refers to it, and removed
//! after the item that did is replaced: what is lost in between is an object that nobody refers to,
//! never a reference to nothing.

use super::attributes::{Document, Nonce};
use fettle_backend::ports::{Error, ErrorKind, Result, Storage};
use futures_util::future::join_all;
use std::sync::Arc;

/// The longest text that an item carries itself. A hundred of them with their keys stay below the
/// 4 MB that a transaction may have; and above some 16 KiB an object costs less than the item.
pub(super) const INLINE_BYTES: usize = 32 << 10;

/// The folder of the objects.
const FOLDER: &str = "overflow";

pub(super) struct Overflow {
    storage: Arc<dyn Storage>,
}

impl Overflow {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage }
    }

    /// Texts as items carry them: too long ones are written as objects, named by the nonce. When one
    /// fails, none is left.
    pub(super) async fn write(&self, texts: Vec<String>, nonce: &Nonce) -> Result<Vec<Document>> {
        let name = u128::from_be_bytes(*nonce);
        let written = join_all(texts.into_iter().enumerate().map(async |(at, text)| {
            if text.len() <= INLINE_BYTES {
                return (Document::Text(text), Ok(()));
            }
            let key = format!("{FOLDER}/{name:032x}-{at}");
            let put = self.storage.put(&key, text.as_bytes()).await;
            (Document::Object { key, bytes: text.len() }, put)
        }))
        .await;
        let (documents, results): (Vec<_>, Vec<_>) = written.into_iter().unzip();
        if let Err(error) = results.into_iter().collect::<Result<()>>() {
            self.remove(documents.iter().filter_map(Document::object)).await;
            let context = "writing a document that is too long for an item";
            return Err(Error::new(ErrorKind::Unavailable, context).caused_by(error));
        }
        Ok(documents)
    }

    /// A document's text; none when the object is gone.
    pub(super) async fn read(&self, document: Document) -> Result<Option<String>> {
        let (key, bytes) = match document {
            Document::Text(text) => return Ok(Some(text)),
            Document::Object { key, bytes } => (key, bytes),
        };
        let read = match self.storage.get(&key).await {
            Ok(read) => read,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        match String::from_utf8(read) {
            Ok(text) if text.len() == bytes => Ok(Some(text)),
            _ => Err(Error::new(ErrorKind::Corrupt, format!("the object {key} is not as it was written"))),
        }
    }

    /// Removes objects that no item refers to any more. One that stays is only a waste, and logged.
    pub(super) async fn remove(&self, keys: impl Iterator<Item = &str>) {
        join_all(keys.map(async |key| {
            if let Err(error) = self.storage.delete(key).await {
                tracing::warn!(%key, %error, "an object that no item refers to any more is left");
            }
        }))
        .await;
    }
}
