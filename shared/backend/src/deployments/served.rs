//! What a process knows of the deployments that it answers for, and the models that it keeps in memory.
//!
//! Which versions a deployment serves is looked up every few seconds; an artifact is fetched once for
//! all who ask at the same time, checked, and kept until others need the room.

use super::record::{DeploymentRecord, Settings};
use super::{choose::choose, find, no_version, served_version};
use crate::app::App;
use crate::metering::{between, minute};
use crate::models;
use crate::problem::{Kind, Problem, Result};
use fettle_engine::artifact::Model;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// How long a deployment's versions are served before they are looked up again.
const FRESH: SignedDuration = SignedDuration::from_secs(2);

/// The most deployments whose versions are remembered.
const MOST_NAMES: usize = 10_000;

/// A deployment as it answers.
pub(crate) struct Serving {
    pub(crate) workspace: Arc<str>,
    pub(crate) id: Arc<str>,
    pub(crate) name: Arc<str>,
    /// The model's name.
    pub(crate) model: Arc<str>,
    pub(crate) settings: Settings,
    pub(crate) variants: Vec<Variant>,
    paused: bool,
    /// How many requests all processes together had recorded in the minute of the look.
    recorded: (i64, u64),
    main: usize,
}

/// A variant as it answers.
pub(crate) struct Variant {
    pub(crate) name: Arc<str>,
    pub(crate) version: u32,
    pub(crate) shadow: bool,
    weight: u32,
    sha256: String,
}

struct Looked {
    at: Timestamp,
    serving: Arc<Serving>,
}

struct Kept {
    used: Timestamp,
    model: Arc<OnceCell<Arc<Model>>>,
}

/// The deployments looked up, and the models in memory, up to a number of bytes.
pub struct ServedCache {
    limit: usize,
    names: Mutex<HashMap<(String, String), Looked>>,
    models: Mutex<HashMap<(String, String), Kept>>,
}

impl Serving {
    /// The variant that answers most.
    pub(crate) fn main(&self) -> &Variant {
        &self.variants[self.main]
    }

    /// The variant that answers whoever has the key.
    pub(crate) fn choose(&self, key: &str) -> &Variant {
        if self.main().weight == 100 {
            return self.main();
        }
        &self.variants[choose(&self.id, key, self.variants.iter().map(|variant| variant.weight))]
    }

    /// The variant that answers by this version.
    pub(crate) fn of_version(&self, version: u32) -> Result<&Variant> {
        let answers = |variant: &&Variant| variant.version == version && !variant.shadow;
        self.variants.iter().find(answers).ok_or_else(|| {
            Problem::not_found("version", &version.to_string())
                .remedy(format!("version {} answers now", self.main().version))
        })
    }

    /// Refuses a request while it is paused, or once it has had as many as it may in this minute.
    pub(crate) fn admit(&self, app: &App, at: Timestamp) -> Result<()> {
        if self.paused {
            return Err(Problem::new(Kind::Paused, format!("deployment `{}` is paused", self.name))
                .remedy(format!("POST /v1/deployments/{}/resume lets it answer again", self.name)));
        }
        let Some(limit) = self.settings.requests_per_minute else { return Ok(()) };
        let (of, recorded) = self.recorded;
        let recorded = if of == minute(at) { recorded } else { 0 };
        if app.books.admit(&self.id, at, recorded, u64::from(limit)) {
            return Ok(());
        }
        let detail = format!("deployment `{}` has had its {limit} requests of this minute", self.name);
        Err(Problem::new(Kind::TooMany, detail)
            .remedy("try again in the next minute, send several rows a request, or raise the limit"))
    }
}

impl ServedCache {
    /// An empty cache for so many bytes of models; the one just asked for is kept in any case.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, names: Mutex::default(), models: Mutex::default() }
    }

    /// What answers for a deployment now.
    pub(crate) async fn get(&self, app: &App, workspace: &str, name: &str) -> Result<Arc<Serving>> {
        let now = app.now();
        let id = (workspace.to_owned(), name.to_owned());
        if let Some(looked) = self.names.lock().unwrap_or_else(PoisonError::into_inner).get(&id)
            && now.duration_since(looked.at) < FRESH
        {
            return Ok(Arc::clone(&looked.serving));
        }
        let record = find(app, workspace, name).await?.value;
        let serving = Arc::new(look(app, workspace, record, now).await?);
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MOST_NAMES {
            names.retain(|_, looked| now.duration_since(looked.at) < FRESH);
        }
        names.insert(id, Looked { at: now, serving: Arc::clone(&serving) });
        Ok(serving)
    }

    /// Looks a deployment up anew at its next call.
    pub(crate) fn forget(&self, workspace: &str, name: &str) {
        let id = (workspace.to_owned(), name.to_owned());
        self.names.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// A variant's model.
    pub(crate) async fn model(&self, app: &App, workspace: &str, variant: &Variant) -> Result<Arc<Model>> {
        let id = (workspace.to_owned(), variant.sha256.clone());
        let slot = {
            let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
            let kept =
                models.entry(id.clone()).or_insert_with(|| Kept { used: app.now(), model: Arc::default() });
            kept.used = app.now();
            Arc::clone(&kept.model)
        };
        if let Some(model) = slot.get() {
            return Ok(Arc::clone(model));
        }
        let load = || async { models::load_artifact(app, workspace, &variant.sha256).await.map(Arc::new) };
        let model = slot.get_or_try_init(load).await.map(Arc::clone)?;
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

async fn look(app: &App, workspace: &str, record: DeploymentRecord, now: Timestamp) -> Result<Serving> {
    let model = models::find(app, workspace, &record.model).await?.value;
    let main = record.main().map(|main| main.name.clone());
    let mut variants = Vec::with_capacity(record.variants.len());
    for variant in &record.variants {
        let number = served_version(&model, &variant.follows).ok_or_else(|| no_version(&model, variant))?;
        let version = models::find_version(app, workspace, &model, number).await?;
        variants.push(Variant {
            name: variant.name.as_str().into(),
            version: number,
            shadow: variant.shadow,
            weight: variant.weight,
            sha256: version.sha256,
        });
    }
    let main = variants
        .iter()
        .position(|variant| Some(&*variant.name) == main.as_deref())
        .ok_or_else(|| Problem::internal(format!("deployment {} has no variants", record.id)))?;
    let mut recorded = 0;
    if record.settings.requests_per_minute.is_some() {
        let answering = |name: &str| variants.iter().all(|variant| *variant.name != *name || !variant.shadow);
        let tallies = between(app, workspace, &record.id, now, now).await?;
        recorded = tallies.iter().filter(|(name, _)| answering(name)).map(|(_, tally)| tally.requests).sum();
    }
    Ok(Serving {
        workspace: workspace.into(),
        id: record.id.into(),
        name: record.name.into(),
        model: record.model.into(),
        settings: record.settings,
        variants,
        paused: record.paused,
        recorded: (minute(now), recorded),
        main,
    })
}
