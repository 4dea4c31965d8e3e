//! Models: named, in versions, each version an artifact with where it came from; aliases name
//! versions.

mod onnx;

pub use onnx::{export, upload};

use crate::app::App;
use crate::backup::{Heads, Parts};
use crate::idempotency::{Idempotency, Seen};
use crate::limits::check_name;
use crate::operation::Call;
use crate::ports::{Item, Key, Presigned};
use crate::problem::{Kind, Problem, Result};
use crate::record::{
    ATTEMPTS, List, PageRequest, Stored, all, back_off, check_revision, create, list as page, load, read,
    update,
};
use crate::runs::{
    self, ArtifactRef, DatasetRef, RunRecord, Score, TrialStatus, artifact_key, run_key, scores,
};
use fettle_engine::metrics::{Metric, Task};
use fettle_engine::table::{Field, Kind as FieldKind};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The alias that the first version of a model gets.
pub const CHAMPION: &str = "champion";

/// The most aliases of a model.
const MOST_ALIASES: usize = 32;

/// How long a download address is valid.
const DOWNLOAD_VALID: SignedDuration = SignedDuration::from_mins(15);

/// What is asked for when a version is registered.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVersion {
    /// The model's name; a name that exists gets its next version.
    pub name: String,
    /// The run that it comes from.
    #[serde(default)]
    pub run: Option<String>,
    /// Which of its trials; the best when left out.
    #[serde(default)]
    pub trial: Option<String>,
    /// In place of a run: the key of an uploaded ONNX file.
    #[serde(default)]
    pub onnx: Option<String>,
}

/// What an alias is to name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAlias {
    /// Which version.
    pub version: u32,
}

/// What a model takes and gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelSchema {
    /// The columns that a row must have.
    pub inputs: Vec<Field>,
    /// The column that is predicted.
    pub target: String,
    /// As what.
    pub task: Task,
    /// The type of its values; unknown of versions that were registered before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_type: Option<FieldKind>,
    /// The classes, for a classification.
    #[serde(default)]
    pub classes: Vec<String>,
}

/// Where a version comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lineage {
    /// The run.
    pub run: String,
    /// Its trial.
    pub trial: String,
    /// What was fitted.
    pub estimator: String,
    /// With what.
    pub params: Map<String, Value>,
    /// On what.
    pub dataset: DatasetRef,
    /// With which seed.
    pub seed: u64,
}

/// The file of another program that a version was made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Imported {
    /// `onnx`.
    pub format: String,
    /// Of the file.
    pub sha256: String,
    /// The file's size.
    pub bytes: u64,
}

/// A version of a model: never changed once written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ModelVersion {
    /// The model's name.
    pub name: String,
    /// 1, 2, 3, …
    pub version: u32,
    /// Over the folds, by name.
    pub metrics: BTreeMap<Metric, Score>,
    /// On the rows held out, by name.
    pub holdout: Option<BTreeMap<Metric, f64>>,
    /// What it takes and gives.
    pub schema: ModelSchema,
    /// Of the artifact.
    pub sha256: String,
    /// The artifact's size.
    pub bytes: u64,
    /// Where it comes from, of one that was trained here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Lineage>,
    /// Where it comes from, of one of another program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
    /// When it was registered.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
}

/// A model.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its newest version.
    pub latest: u32,
    /// Which version each alias names.
    pub aliases: BTreeMap<String, u32>,
    /// All versions, newest first; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<Vec<ModelVersion>>,
    /// When its first version was registered.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// Changes with every change; what `If-Match` takes.
    pub revision: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ModelRecord {
    id: String,
    pub(crate) name: String,
    latest: u32,
    pub(crate) aliases: BTreeMap<String, u32>,
    /// Where each alias was before its last move.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) moved: BTreeMap<String, Moved>,
    created_at: Timestamp,
}

/// The last move of an alias.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Moved {
    pub(crate) from: u32,
    pub(crate) at: Timestamp,
}

fn models_partition(workspace: &str) -> String {
    format!("{workspace}/model")
}

/// Models as a backup finds them: each with the versions that it counts.
pub(crate) fn heads(workspace: &str) -> Heads {
    Heads { partition: models_partition(workspace), parts }
}

fn parts(workspace: &str, head: &Item) -> Result<Parts> {
    let record: ModelRecord = read(head)?;
    let next = version_key(workspace, &record.id, record.latest + 1);
    Ok(Parts { growing: Some(next), ..Parts::default() })
}

fn model_key(workspace: &str, name: &str) -> Key {
    Key::new(models_partition(workspace), name)
}

fn versions_partition(workspace: &str, id: &str) -> String {
    format!("{workspace}/model/{id}")
}

fn version_key(workspace: &str, id: &str, version: u32) -> Key {
    Key::new(versions_partition(workspace, id), format!("{version:08}"))
}

fn view(stored: Stored<ModelRecord>) -> Model {
    let ModelRecord { id, name, latest, aliases, created_at, .. } = stored.value;
    Model { name, id, latest, aliases, versions: None, created_at, revision: stored.revision }
}

/// Registers a trial's artifact as the next version of a model. The first version of a model becomes
/// its champion; a later one has to be promoted.
pub async fn register(app: &App, call: &Call, new: NewVersion) -> Result<ModelVersion> {
    let workspace = call.workspace()?;
    let idempotency = Idempotency::of(app, "models.register", call)?;
    if let Seen::Again(made) = idempotency.look().await? {
        return made_before(app, workspace, &made).await;
    }
    check_name("name", &new.name)?;
    let found = match (&new.run, &new.onnx) {
        (Some(run), None) => source(app, workspace, run, new.trial.as_deref()).await?,
        (None, Some(key)) if new.trial.is_none() => onnx::source(app, workspace, key).await?,
        _ => {
            return Err(Problem::invalid("run", "a version comes from a `run`, or from an `onnx` file")
                .remedy("give one of them; `trial` goes with a run"));
        }
    };
    let database = &*app.slots.database;
    let key = model_key(workspace, &new.name);
    for attempt in 0..ATTEMPTS {
        let now = app.now();
        let found_before = load::<ModelRecord>(database, &key).await?;
        let (id, number, write) = if let Some(Stored { value: mut model, revision }) = found_before {
            model.latest += 1;
            (model.id.clone(), model.latest, update(key.clone(), &model, revision)?)
        } else {
            let model = ModelRecord {
                id: app.ids.id("mdl"),
                name: new.name.clone(),
                latest: 1,
                aliases: BTreeMap::from([(CHAMPION.to_owned(), 1)]),
                moved: BTreeMap::new(),
                created_at: now,
            };
            (model.id.clone(), 1, create(key.clone(), &model)?)
        };
        let version =
            ModelVersion { name: new.name.clone(), version: number, created_at: now, ..found.clone() };
        let mut writes = vec![write, create(version_key(workspace, &id, number), &version)?];
        writes.extend(idempotency.made(&format!("{}@{number}", new.name))?);
        match database.write(&writes).await {
            Ok(()) => return Ok(version),
            Err(error) if error.is_conflict() => {
                if let Seen::Again(made) = idempotency.look().await? {
                    return made_before(app, workspace, &made).await;
                }
                back_off(attempt, app.ids.random::<1>()[0]).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::new(Kind::Unavailable, format!("too many versions of `{}` at once", new.name))
        .remedy("try again"))
}

async fn made_before(app: &App, workspace: &str, made: &str) -> Result<ModelVersion> {
    let (name, version) = made.split_once('@').unwrap_or((made, ""));
    show_version(app, workspace, name, version).await
}

/// The version that a trial's artifact would be, but for its number.
async fn source(app: &App, workspace: &str, run: &str, trial: Option<&str>) -> Result<ModelVersion> {
    let missing_run = || Problem::not_found("run", run).at_field("run").remedy("GET /v1/runs lists them");
    if !crate::ids::is_id(run, "run") {
        return Err(missing_run());
    }
    let run = load::<RunRecord>(&*app.slots.database, &run_key(workspace, run))
        .await?
        .ok_or_else(missing_run)?
        .value;
    let wanted = match (trial, &run.best) {
        (Some(trial), _) => trial.to_owned(),
        (None, Some(best)) if run.status.is_over() => best.trial.clone(),
        (None, _) => {
            return Err(Problem::new(Kind::WrongState, "the run has no best trial (yet)")
                .at_field("run")
                .remedy("wait until the run has succeeded, or name one of its trials"));
        }
    };
    let (plan, trials) = runs::parts(app, workspace, &run.id).await?;
    let trial = trials.into_iter().find(|trial| trial.id == wanted).ok_or_else(|| {
        Problem::not_found("trial", &wanted)
            .at_field("trial")
            .remedy("the run's leaderboard lists its trials")
    })?;
    let (TrialStatus::Succeeded, Some(ArtifactRef { sha256, bytes })) = (trial.status, trial.artifact) else {
        return Err(Problem::new(
            Kind::WrongState,
            format!("trial {} is {}", trial.id, trial.status.as_str()),
        )
        .at_field("trial")
        .remedy("choose one that has succeeded"));
    };
    let loaded = load_artifact(app, workspace, &sha256).await?;
    Ok(ModelVersion {
        name: String::new(),
        version: 0,
        metrics: scores(&trial.folds),
        holdout: trial.holdout,
        schema: schema_of(&loaded),
        sha256,
        bytes,
        lineage: Some(Lineage {
            run: run.id,
            trial: trial.id,
            estimator: trial.estimator,
            params: trial.params,
            dataset: run.dataset,
            seed: plan.seed,
        }),
        imported: None,
        created_at: app.now(),
    })
}

pub(crate) fn schema_of(model: &fettle_engine::artifact::Model) -> ModelSchema {
    ModelSchema {
        inputs: model.fields().to_vec(),
        target: model.target().to_owned(),
        task: model.task(),
        target_type: Some(model.target_kind()),
        classes: model.classes().to_vec(),
    }
}

/// An artifact's bytes, which are those that were stored.
async fn find_artifact(app: &App, workspace: &str, sha256: &str) -> Result<Vec<u8>> {
    Ok(app.slots.storage.get(&artifact_key(workspace, sha256)).await?)
}

/// Reads and checks an artifact.
pub(crate) async fn load_artifact(
    app: &App,
    workspace: &str,
    sha256: &str,
) -> Result<fettle_engine::artifact::Model> {
    let bytes = find_artifact(app, workspace, sha256).await?;
    tokio::task::spawn_blocking(move || fettle_engine::artifact::Model::load(&bytes))
        .await
        .map_err(Problem::internal)?
        .map_err(Problem::internal)
}

pub(crate) async fn find(app: &App, workspace: &str, name: &str) -> Result<Stored<ModelRecord>> {
    let missing = || Problem::not_found("model", name).remedy("GET /v1/models lists them");
    check_name("model", name).map_err(|_| missing())?;
    load(&*app.slots.database, &model_key(workspace, name)).await?.ok_or_else(missing)
}

/// The models of a workspace, by name.
pub async fn list(app: &App, workspace: &str, request: &PageRequest) -> Result<List<Model>> {
    Ok(page::<ModelRecord>(&*app.slots.database, models_partition(workspace), request, false)
        .await?
        .map(view))
}

/// A model with its versions.
pub async fn show(app: &App, workspace: &str, name: &str) -> Result<Model> {
    let model = find(app, workspace, name).await?;
    let stored: Vec<Stored<ModelVersion>> =
        all(&*app.slots.database, &versions_partition(workspace, &model.value.id)).await?;
    let versions = stored.into_iter().rev().map(|version| version.value).collect();
    Ok(Model { versions: Some(versions), ..view(model) })
}

/// One version, by its number or an alias.
pub async fn show_version(app: &App, workspace: &str, name: &str, version: &str) -> Result<ModelVersion> {
    let model = find(app, workspace, name).await?.value;
    let number = version.parse().ok().or_else(|| model.aliases.get(version).copied());
    let missing =
        || Problem::not_found("version", version).remedy(format!("GET /v1/models/{name} lists them"));
    find_version(app, workspace, &model, number.ok_or_else(missing)?).await
}

pub(crate) async fn find_version(
    app: &App,
    workspace: &str,
    model: &ModelRecord,
    number: u32,
) -> Result<ModelVersion> {
    let found = load(&*app.slots.database, &version_key(workspace, &model.id, number)).await?;
    found.map(|stored| stored.value).ok_or_else(|| {
        Problem::not_found("version", &number.to_string())
            .at_field("version")
            .remedy(format!("GET /v1/models/{} lists them", model.name))
    })
}

/// An address from which a version's artifact can be fetched.
pub async fn artifact(app: &App, workspace: &str, name: &str, version: &str) -> Result<Presigned> {
    let found = show_version(app, workspace, name, version).await?;
    let key = artifact_key(workspace, &found.sha256);
    let file = format!("{}-{}.fettle", found.name, found.version);
    Ok(app.slots.storage.presign_download(&key, &file, DOWNLOAD_VALID).await?)
}

/// Makes an alias name a version, in one conditional write.
pub async fn set_alias(
    app: &App,
    workspace: &str,
    name: &str,
    alias: &str,
    to: &NewAlias,
    if_match: Option<&str>,
) -> Result<Model> {
    check_name("alias", alias)?;
    if alias.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::invalid("alias", "an alias may not look like a version's number"));
    }
    let model = find(app, workspace, name).await?;
    find_version(app, workspace, &model.value, to.version).await?;
    let at = app.now();
    change_aliases(app, workspace, name, if_match, |model| {
        match model.aliases.insert(alias.to_owned(), to.version) {
            Some(from) if from != to.version => {
                model.moved.insert(alias.to_owned(), Moved { from, at });
            }
            _ => {}
        }
        if model.aliases.len() > MOST_ALIASES {
            return Err(Problem::invalid("alias", format!("a model has at most {MOST_ALIASES} aliases")));
        }
        Ok(())
    })
    .await
}

/// Removes an alias. Deployments that follow it have nothing to serve any more, so one that is
/// followed is looked for by its user, not here.
pub async fn remove_alias(
    app: &App,
    workspace: &str,
    name: &str,
    alias: &str,
    if_match: Option<&str>,
) -> Result<Model> {
    change_aliases(app, workspace, name, if_match, |model| {
        model.moved.remove(alias);
        model.aliases.remove(alias).map(|_| ()).ok_or_else(|| Problem::not_found("alias", alias))
    })
    .await
}

async fn change_aliases(
    app: &App,
    workspace: &str,
    name: &str,
    if_match: Option<&str>,
    make: impl Fn(&mut ModelRecord) -> Result<()>,
) -> Result<Model> {
    let database = &*app.slots.database;
    for attempt in 0..ATTEMPTS {
        let Stored { value: mut model, revision } = find(app, workspace, name).await?;
        check_revision(if_match, revision)?;
        make(&mut model)?;
        match database.write(&[update(model_key(workspace, name), &model, revision)?]).await {
            Ok(()) => return Ok(view(Stored { value: model, revision: revision + 1 })),
            Err(error) if error.is_conflict() => back_off(attempt, app.ids.random::<1>()[0]).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::new(Kind::Unavailable, format!("model `{name}` keeps changing")).remedy("try again"))
}
