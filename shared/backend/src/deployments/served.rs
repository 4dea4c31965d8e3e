//! Models that are being served, kept in memory.
//!
//! Which version a deployment serves is looked up every few seconds; an artifact is fetched once for
//! all who ask at the same time, checked, and kept until others need the room.

use super::{DeploymentRecord, find, no_version, served_version};
use crate::app::App;
use crate::models;
use crate::problem::Result;
use fettle_engine::artifact::Model;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// How long a deployment's version is served before it is looked up again.
const FRESH: SignedDuration = SignedDuration::from_secs(2);

/// The most deployments whose version is remembered.
const MOST_NAMES: usize = 10_000;

/// What answers for a deployment.
#[derive(Clone)]
pub(crate) struct Served {
    /// The model's name.
    pub(crate) name: Arc<str>,
    /// Its version.
    pub(crate) version: u32,
    /// The artifact, loaded.
    pub(crate) model: Arc<Model>,
}

struct Looked {
    at: Timestamp,
    served: Served,
}

struct Kept {
    used: Timestamp,
    model: Arc<OnceCell<Arc<Model>>>,
}

/// The models in memory, up to a number of bytes.
pub struct ServedCache {
    limit: usize,
    names: Mutex<HashMap<(String, String), Looked>>,
    models: Mutex<HashMap<(String, String), Kept>>,
}

impl ServedCache {
    /// An empty cache for so many bytes of models; the one just asked for is kept in any case.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, names: Mutex::default(), models: Mutex::default() }
    }

    /// What answers for a deployment now.
    pub(crate) async fn get(&self, app: &App, workspace: &str, name: &str) -> Result<Served> {
        let now = app.now();
        let id = (workspace.to_owned(), name.to_owned());
        if let Some(looked) = self.names.lock().unwrap_or_else(PoisonError::into_inner).get(&id)
            && now.duration_since(looked.at) < FRESH
        {
            return Ok(looked.served.clone());
        }
        let record: DeploymentRecord = find(app, workspace, name).await?.value;
        let model = models::find(app, workspace, &record.model).await?.value;
        let number = served_version(&model, &record.follows).ok_or_else(|| no_version(&record))?;
        let version = models::find_version(app, workspace, &model, number).await?;
        let model = self.load(app, workspace, &version.sha256).await?;
        let served = Served { name: record.model.into(), version: number, model };
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MOST_NAMES {
            names.retain(|_, looked| now.duration_since(looked.at) < FRESH);
        }
        names.insert(id, Looked { at: now, served: served.clone() });
        Ok(served)
    }

    /// Looks a deployment up anew at its next call.
    pub(crate) fn forget(&self, workspace: &str, name: &str) {
        let id = (workspace.to_owned(), name.to_owned());
        self.names.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    async fn load(&self, app: &App, workspace: &str, sha256: &str) -> Result<Arc<Model>> {
        let id = (workspace.to_owned(), sha256.to_owned());
        let slot = {
            let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
            let kept =
                models.entry(id.clone()).or_insert_with(|| Kept { used: app.now(), model: Arc::default() });
            kept.used = app.now();
            Arc::clone(&kept.model)
        };
        let model = slot
            .get_or_try_init(|| async { models::load_artifact(app, workspace, sha256).await.map(Arc::new) })
            .await
            .map(Arc::clone)?;
        self.make_room(&id);
        Ok(model)
    }

    /// Drops the models used longest ago until the rest fit.
    fn make_room(&self, keep: &(String, String)) {
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let size = |kept: &Kept| kept.model.get().map_or(0, |model| model.size_bytes());
        let mut total: usize = models.values().map(size).sum();
        while total > self.limit {
            let oldest = models.iter().filter(|(id, _)| *id != keep).min_by_key(|(_, kept)| kept.used);
            let Some(id) = oldest.map(|(id, _)| id.clone()) else { return };
            total -= models.remove(&id).map_or(0, |kept| size(&kept));
        }
    }
}
