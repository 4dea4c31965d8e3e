//! Deployments: a name under which a model's version answers.

mod predict;
mod said;
mod served;

pub use predict::{Answer, Prediction, Scored, ask, ask_for, check_rows};
pub use said::{Asked, ColumnContribution, Explanation};
pub use served::ServedCache;

use crate::app::App;
use crate::backup::Heads;
use crate::idempotency::{Idempotency, Seen};
use crate::limits::check_name;
use crate::models::{self, CHAMPION, ModelSchema};
use crate::operation::Call;
use crate::ports::{Condition, Key, Write};
use crate::problem::{Kind, Problem, Result};
use crate::record::{List, PageRequest, Stored, check_revision, create, list as page, load};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is asked for when a deployment is made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeployment {
    /// Its name.
    pub name: String,
    /// The model that answers.
    pub model: String,
    /// The alias to follow; `champion` when neither is given.
    #[serde(default)]
    pub alias: Option<String>,
    /// The version to stay with.
    #[serde(default)]
    pub version: Option<u32>,
}

/// A deployment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Deployment {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// The model that answers.
    pub model: String,
    /// The alias that it follows; none if it stays with a version.
    pub alias: Option<String>,
    /// The version that answers now; none while the alias names none.
    pub version: Option<u32>,
    /// When it was made.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// Changes with every change; what `If-Match` takes.
    pub revision: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeploymentRecord {
    id: String,
    name: String,
    model: String,
    follows: Follows,
    created_at: Timestamp,
}

/// What decides which version answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Follows {
    Alias(String),
    Version(u32),
}

fn deployments_partition(workspace: &str) -> String {
    format!("{workspace}/deployment")
}

/// Deployments as a backup finds them.
pub(crate) fn heads(workspace: &str) -> Heads {
    Heads::alone(deployments_partition(workspace))
}

fn deployment_key(workspace: &str, name: &str) -> Key {
    Key::new(deployments_partition(workspace), name)
}

/// Makes a deployment. The version that it would serve must be there.
pub async fn deploy(app: &App, call: &Call, new: NewDeployment) -> Result<Deployment> {
    let workspace = call.workspace()?;
    let idempotency = Idempotency::of(app, "deployments.create", call)?;
    if let Seen::Again(name) = idempotency.look().await? {
        return show(app, workspace, &name).await;
    }
    check_name("name", &new.name)?;
    let follows = match (new.alias, new.version) {
        (Some(_), Some(_)) => {
            return Err(Problem::invalid(
                "alias",
                "a deployment follows an alias or stays with a version, not both",
            ));
        }
        (None, Some(version)) => Follows::Version(version),
        (alias, None) => Follows::Alias(alias.unwrap_or_else(|| CHAMPION.to_owned())),
    };
    let record = DeploymentRecord {
        id: app.ids.id("dep"),
        name: new.name.clone(),
        model: new.model.clone(),
        follows,
        created_at: app.now(),
    };
    let model =
        models::find(app, workspace, &new.model).await.map_err(|problem| problem.at_field("model"))?;
    let version = served_version(&model.value, &record.follows).ok_or_else(|| no_version(&record))?;
    models::find_version(app, workspace, &model.value, version).await?;
    let mut writes = vec![create(deployment_key(workspace, &new.name), &record)?];
    writes.extend(idempotency.made(&new.name)?);
    match app.slots.database.write(&writes).await {
        Ok(()) => Ok(view(Stored { value: record, revision: 1 }, Some(version))),
        Err(error) if error.is_conflict() => match idempotency.look().await? {
            Seen::Again(name) => show(app, workspace, &name).await,
            Seen::First => {
                Err(Problem::new(Kind::AlreadyExists, format!("there is a deployment `{}`", new.name))
                    .at_field("name")
                    .remedy("choose another name, move the alias that it follows, or delete it first"))
            }
        },
        Err(error) => Err(error.into()),
    }
}

fn served_version(model: &models::ModelRecord, follows: &Follows) -> Option<u32> {
    match follows {
        Follows::Version(version) => Some(*version),
        Follows::Alias(alias) => model.aliases.get(alias).copied(),
    }
}

fn no_version(record: &DeploymentRecord) -> Problem {
    let Follows::Alias(alias) = &record.follows else { return Problem::not_found("version", "") };
    Problem::new(Kind::WrongState, format!("model `{}` has no alias `{alias}`", record.model))
        .at_field("alias")
        .remedy(format!("PUT /v1/models/{}/aliases/{alias} names a version", record.model))
}

fn view(stored: Stored<DeploymentRecord>, version: Option<u32>) -> Deployment {
    let DeploymentRecord { id, name, model, follows, created_at } = stored.value;
    let alias = match follows {
        Follows::Alias(alias) => Some(alias),
        Follows::Version(_) => None,
    };
    Deployment { name, id, model, alias, version, created_at, revision: stored.revision }
}

async fn find(app: &App, workspace: &str, name: &str) -> Result<Stored<DeploymentRecord>> {
    let missing = || Problem::not_found("deployment", name).remedy("GET /v1/deployments lists them");
    check_name("deployment", name).map_err(|_| missing())?;
    load(&*app.slots.database, &deployment_key(workspace, name)).await?.ok_or_else(missing)
}

async fn with_version(app: &App, workspace: &str, stored: Stored<DeploymentRecord>) -> Result<Deployment> {
    let model = models::find(app, workspace, &stored.value.model).await?;
    let version = served_version(&model.value, &stored.value.follows);
    Ok(view(stored, version))
}

/// A deployment, with the version that answers now.
pub async fn show(app: &App, workspace: &str, name: &str) -> Result<Deployment> {
    let stored = find(app, workspace, name).await?;
    with_version(app, workspace, stored).await
}

/// The deployments of a workspace, by name.
pub async fn list(app: &App, workspace: &str, request: &PageRequest) -> Result<List<Deployment>> {
    let found =
        page::<DeploymentRecord>(&*app.slots.database, deployments_partition(workspace), request, false)
            .await?;
    let mut items = Vec::with_capacity(found.items.len());
    for stored in found.items {
        items.push(with_version(app, workspace, stored).await?);
    }
    Ok(List { items, next_cursor: found.next_cursor })
}

/// Deletes a deployment; its model stays.
pub async fn delete(app: &App, workspace: &str, name: &str, if_match: Option<&str>) -> Result<()> {
    let stored = find(app, workspace, name).await?;
    check_revision(if_match, stored.revision)?;
    let condition = Condition::Version(stored.revision);
    app.slots.database.write(&[Write::Delete { key: deployment_key(workspace, name), condition }]).await?;
    app.served.forget(workspace, name);
    Ok(())
}

/// What a deployment takes and gives.
pub async fn schema(app: &App, workspace: &str, name: &str) -> Result<ModelSchema> {
    Ok(models::schema_of(&app.served.get(app, workspace, name).await?.model))
}
