//! Everything back into a store that has lost it, and uploads that passed the mirror by.

use super::follow::Behind;
use super::gate::{MARKER, marker_key};
use super::{Mirror, Place, unavailable};
use crate::storage::layout::{self, Listing};
use fettle_backend::ports::{Condition, Database, Object, Result, Storage, Write};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Objects of a listing at a time.
const PAGE: usize = 500;

/// How much was written back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restored {
    /// Items that had not expired.
    pub items: u64,
    /// Objects.
    pub objects: u64,
    /// The objects' bytes.
    pub bytes: u64,
}

impl Mirror {
    /// Writes everything that is kept into these two, versions and all, and then the marker by which
    /// they are known to belong to this mirror. The gate is closed meanwhile, and stays so when it fails:
    /// to try again is safe.
    ///
    /// For a store that is empty or was half restored: what it holds beside is not removed.
    pub async fn restore_into(
        &self,
        database: &Arc<dyn Database>,
        storage: &Arc<dyn Storage>,
    ) -> Result<Restored> {
        self.set_gate(true, false).await?;
        let alone = self.alone().await?;
        let gate = self.set_gate(true, true).await?;
        let mut restored = Restored::default();

        let mut after: Option<String> = None;
        loop {
            let page = self.kept_objects("", after.take()).await?;
            for Object { key, bytes } in &page {
                let reading = |error| unavailable(format!("reading {key} from the mirror")).caused_by(error);
                let file = tokio::fs::File::open(self.0.root.file(key)).await.map_err(reading)?;
                storage.put_stream(key, Box::pin(file), *bytes).await?;
                restored.objects += 1;
                restored.bytes += bytes;
            }
            match page.into_iter().last() {
                Some(last) => after = Some(last.key),
                None => break,
            }
        }

        let mut row = 0;
        while let Some((items, last)) = self.items_after(row).await? {
            database.restore(&items).await?;
            restored.items += items.len() as u64;
            row = last;
        }

        let marker = gate.marker();
        storage.put(MARKER, marker.to_string().as_bytes()).await?;
        let (key, condition) = (marker_key(), Condition::Any);
        database.write(&[Write::Put { key, value: marker, expires_at: None, condition }]).await?;
        self.set_gate(false, false).await?;
        drop(alone);
        Ok(restored)
    }

    /// Makes the mirror's objects under a prefix those of the storage: for what was written past it.
    /// How many were copied or removed.
    pub async fn copy_objects(&self, storage: &Arc<dyn Storage>, prefix: &str) -> Result<usize> {
        let mut differ: BTreeMap<String, u64> = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.kept_objects(prefix, after.take()).await?;
            differ.extend(page.iter().map(|object| (object.key.clone(), object.bytes)));
            match page.into_iter().last() {
                Some(last) => after = Some(last.key),
                None => break,
            }
        }
        let mut after = None;
        loop {
            let page = storage.list(prefix, after.as_deref(), PAGE).await?;
            for Object { key, bytes } in page.objects {
                if differ.get(&key) == Some(&bytes) {
                    differ.remove(&key);
                } else {
                    differ.insert(key, bytes);
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let behind = Behind::Storage(Arc::clone(storage));
        for key in differ.keys() {
            let intent = self.begin(vec![Place::Object(key.clone())]).await?;
            self.follow(intent, &behind).await?;
        }
        Ok(differ.len())
    }

    async fn kept_objects(&self, prefix: &str, after: Option<String>) -> Result<Vec<Object>> {
        let (root, prefix) = (Arc::clone(&self.0.root), prefix.to_owned());
        let listed = tokio::task::spawn_blocking(move || {
            let listing = Listing { prefix: &prefix, after: after.as_deref(), enough: PAGE };
            layout::list(root.path(), &listing)
        });
        let listing = |error: std::io::Error| unavailable("listing the mirror's objects").caused_by(error);
        listed.await.map_err(|error| listing(error.into()))?.map_err(listing)
    }
}
