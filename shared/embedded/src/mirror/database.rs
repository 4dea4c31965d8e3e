//! The database slot before another, with a mirror.

use super::follow::Behind;
use super::{Mirror, Place};
use async_trait::async_trait;
use fettle_backend::ports::{Database, Item, Key, Page, Query, Result, Write};
use std::sync::Arc;

/// Restored items that are mirrored in one.
const TOGETHER: usize = 100;

/// A database whose every answered write is in the mirror too.
///
/// Reads and writes answer `Unavailable` while the mirror's gate is closed. A write whose mirroring
/// fails answers so as well, though it has happened.
pub struct MirroredDatabase {
    inner: Arc<dyn Database>,
    mirror: Mirror,
}

impl MirroredDatabase {
    /// The mirror before that database.
    pub fn new(inner: Arc<dyn Database>, mirror: Mirror) -> Self {
        Self { inner, mirror }
    }
}

#[async_trait]
impl Database for MirroredDatabase {
    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        self.mirror.through_gate(self.inner.get(key)).await
    }

    async fn write(&self, writes: &[Write]) -> Result<()> {
        let touched: Vec<Place> = writes
            .iter()
            .filter(|write| !matches!(write, Write::Check { .. }))
            .map(|write| Place::Item(write.key().clone()))
            .collect();
        let behind = Behind::Database(Arc::clone(&self.inner));
        self.mirror.through(touched, &behind, self.inner.write(writes)).await
    }

    async fn query(&self, query: &Query) -> Result<Page> {
        self.mirror.through_gate(self.inner.query(query)).await
    }

    async fn restore(&self, items: &[Item]) -> Result<()> {
        let behind = Behind::Database(Arc::clone(&self.inner));
        for items in items.chunks(TOGETHER) {
            let touched = items.iter().map(|item| Place::Item(item.key.clone())).collect();
            self.mirror.through(touched, &behind, self.inner.restore(items)).await?;
        }
        Ok(())
    }
}
