//! Deployments: a name under which versions of a model answer.
//!
//! A deployment serves a *line-up* of variants: one version, or several that share the requests, and
//! shadows that are asked too but never answer. `change` shifts it, `canary` shifts it by itself,
//! `served` is what a process knows of it while it answers, `predict` answers.

mod canary;
mod change;
mod choose;
mod predict;
mod record;
mod said;
mod served;

pub use canary::{Advance, advance};
pub use change::{NewTraffic, configure, history, pause, resume, roll_back, shift};
pub use predict::{Answer, Prediction, Scored, ask, ask_for};
pub(crate) use record::heads;
pub use record::{Auto, Change, Follows, NewVariant, Settings, Variant, What};
pub use said::{Asked, ColumnContribution, Explanation};
pub use served::ServedCache;
pub(crate) use served::Serving;

use crate::app::App;
use crate::idempotency::{Idempotency, Seen};
use crate::limits::check_name;
use crate::models::{self, ModelSchema};
use crate::operation::Call;
use crate::ports::{Condition, Write};
use crate::problem::{Kind, Problem, Result};
use crate::record::{List, PageRequest, Stored, check_revision, create, list as page, load};
use jiff::Timestamp;
use record::{DeploymentRecord, change_key, deployment_key, deployments_partition, lined_up};
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
    /// The alias to follow; `champion` when nothing else is given.
    #[serde(default)]
    pub alias: Option<String>,
    /// The version to stay with.
    #[serde(default)]
    pub version: Option<u32>,
    /// Several that answer, in place of `alias` and `version`.
    #[serde(default)]
    pub variants: Option<Vec<NewVariant>>,
    /// Limits and the prediction log.
    #[serde(default)]
    pub settings: Settings,
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
    /// The alias that its main variant follows; none if that stays with a version.
    pub alias: Option<String>,
    /// The version that answers most now; none while the alias names none.
    pub version: Option<u32>,
    /// All that is served.
    pub variants: Vec<ServedVariant>,
    /// How a challenger takes over by itself, while it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto: Option<Auto>,
    /// Whether it answers nobody for now.
    pub paused: bool,
    /// Limits and the prediction log.
    pub settings: Settings,
    /// When it was made.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// Changes with every change; what `If-Match` takes.
    pub revision: u64,
}

/// A variant, with the version that it is now.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ServedVariant {
    /// Its name within the deployment.
    pub name: String,
    /// The alias that it follows; none if it stays with a version.
    pub alias: Option<String>,
    /// The version that answers; none while the alias names none.
    pub version: Option<u32>,
    /// Its share of the requests, in percent.
    pub weight: u32,
    /// Whether it is asked too but never answers.
    pub shadow: bool,
}

/// Makes a deployment. The versions that it would serve must be there.
pub async fn deploy(app: &App, call: &Call, new: NewDeployment) -> Result<Deployment> {
    let workspace = call.workspace()?;
    let idempotency = Idempotency::of(app, "deployments.create", call)?;
    if let Seen::Again(name) = idempotency.look().await? {
        return show(app, workspace, &name).await;
    }
    check_name("name", &new.name)?;
    new.settings.check().map_err(|problem| problem.below("settings"))?;
    let variants = match (new.variants, &new.alias, new.version) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            return Err(Problem::invalid("variants", "`variants` stands in place of `alias` and `version`"));
        }
        (Some(variants), None, None) => lined_up("variants", variants)?,
        (None, ..) => {
            let follows = record::follows(new.alias, new.version)?;
            let name = match &follows {
                Follows::Alias(alias) => alias.clone(),
                Follows::Version(version) => format!("v{version}"),
            };
            vec![Variant { name, follows, weight: 100, shadow: false }]
        }
    };
    let model =
        models::find(app, workspace, &new.model).await.map_err(|problem| problem.at_field("model"))?;
    check_served(app, workspace, &model.value, &variants).await?;
    let now = app.now();
    let record = DeploymentRecord {
        id: app.ids.id("dep"),
        name: new.name.clone(),
        model: new.model,
        variants,
        before: Vec::new(),
        lined_up_at: now,
        paused: false,
        settings: new.settings,
        canary: None,
        due: None,
        changes: 1,
        created_at: now,
    };
    let first = Change {
        seq: 1,
        at: now,
        by: call.caller()?.subject.clone(),
        what: What::Created,
        reason: None,
        variants: record.variants.clone(),
    };
    let mut writes = vec![
        create(deployment_key(workspace, &new.name), &record)?,
        create(change_key(workspace, &record.id, 1), &first)?,
    ];
    writes.extend(idempotency.made(&new.name)?);
    match app.slots.database.write(&writes).await {
        Ok(()) => Ok(view(Stored { value: record, revision: 1 }, &model.value)),
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

/// Makes sure that every variant names a version that is there.
async fn check_served(
    app: &App,
    workspace: &str,
    model: &models::ModelRecord,
    variants: &[Variant],
) -> Result<()> {
    for variant in variants {
        let version = served_version(model, &variant.follows).ok_or_else(|| no_version(model, variant))?;
        models::find_version(app, workspace, model, version).await?;
    }
    Ok(())
}

fn served_version(model: &models::ModelRecord, follows: &Follows) -> Option<u32> {
    match follows {
        Follows::Version(version) => Some(*version),
        Follows::Alias(alias) => model.aliases.get(alias).copied(),
    }
}

fn no_version(model: &models::ModelRecord, variant: &Variant) -> Problem {
    let Follows::Alias(alias) = &variant.follows else { return Problem::not_found("version", "") };
    Problem::new(Kind::WrongState, format!("model `{}` has no alias `{alias}`", model.name))
        .at_field("alias")
        .remedy(format!("PUT /v1/models/{}/aliases/{alias} names a version", model.name))
}

fn view(stored: Stored<DeploymentRecord>, model: &models::ModelRecord) -> Deployment {
    let record = stored.value;
    let variants = record.variants.iter().map(|variant| ServedVariant {
        name: variant.name.clone(),
        alias: match &variant.follows {
            Follows::Alias(alias) => Some(alias.clone()),
            Follows::Version(_) => None,
        },
        version: served_version(model, &variant.follows),
        weight: variant.weight,
        shadow: variant.shadow,
    });
    let variants: Vec<ServedVariant> = variants.collect();
    let main = record.main().and_then(|main| variants.iter().find(|variant| variant.name == main.name));
    Deployment {
        alias: main.and_then(|main| main.alias.clone()),
        version: main.and_then(|main| main.version),
        name: record.name,
        id: record.id,
        model: record.model,
        variants,
        auto: record.canary.map(|canary| canary.auto),
        paused: record.paused,
        settings: record.settings,
        created_at: record.created_at,
        revision: stored.revision,
    }
}

pub(crate) async fn find(app: &App, workspace: &str, name: &str) -> Result<Stored<DeploymentRecord>> {
    let missing = || Problem::not_found("deployment", name).remedy("GET /v1/deployments lists them");
    check_name("deployment", name).map_err(|_| missing())?;
    load(&*app.slots.database, &deployment_key(workspace, name)).await?.ok_or_else(missing)
}

async fn with_versions(app: &App, workspace: &str, stored: Stored<DeploymentRecord>) -> Result<Deployment> {
    let model = models::find(app, workspace, &stored.value.model).await?;
    Ok(view(stored, &model.value))
}

/// A deployment, with the versions that answer now.
pub async fn show(app: &App, workspace: &str, name: &str) -> Result<Deployment> {
    let stored = find(app, workspace, name).await?;
    with_versions(app, workspace, stored).await
}

/// The deployments of a workspace, by name.
pub async fn list(app: &App, workspace: &str, request: &PageRequest) -> Result<List<Deployment>> {
    let found =
        page::<DeploymentRecord>(&*app.slots.database, deployments_partition(workspace), request, false)
            .await?;
    let mut items = Vec::with_capacity(found.items.len());
    for stored in found.items {
        items.push(with_versions(app, workspace, stored).await?);
    }
    Ok(List { items, next_cursor: found.next_cursor })
}

/// Deletes a deployment; its model stays.
pub async fn delete(app: &App, workspace: &str, name: &str, if_match: Option<&str>) -> Result<()> {
    let stored = find(app, workspace, name).await?;
    check_revision(if_match, stored.revision)?;
    let condition = Condition::Version(stored.revision);
    let mut writes = vec![Write::Delete { key: deployment_key(workspace, name), condition }];
    writes.extend(stored.value.due.map(|due| due.remove()));
    app.slots.database.write(&writes).await?;
    app.served.forget(workspace, name);
    Ok(())
}

/// What a deployment takes and gives, by the version that answers most or by another of those that do.
pub async fn schema(
    app: &App,
    workspace: &str,
    name: &str,
    version: Option<u32>,
) -> Result<(u32, ModelSchema)> {
    let serving = app.served.get(app, workspace, name).await?;
    let variant = match version {
        Some(version) => serving.of_version(version)?,
        None => serving.main(),
    };
    let model = app.served.model(app, workspace, variant).await?;
    Ok((variant.version, models::schema_of(&model)))
}
