//! Changes of a deployment: each is one conditional write, with a line in its history that says who
//! changed what.

use super::canary::Advance;
use super::record::{
    Auto, Canary, Change, DeploymentRecord, Follows, NewVariant, Settings, Variant, What, change_key,
    deployment_key, history_partition, lined_up,
};
use super::{Deployment, check_served, find, view};
use crate::app::App;
use crate::due::{self, Due};
use crate::metering::Message;
use crate::models;
use crate::operation::Call;
use crate::ports::{QueueName, Write};
use crate::problem::{Kind, Problem, Result};
use crate::record::{
    ATTEMPTS, List, PageRequest, Stored, back_off, check_revision, create, list as page, update,
};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

/// The line-up that a deployment is to have.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTraffic {
    /// All that is to be served: weights are percents and add up to 100.
    pub variants: Vec<NewVariant>,
    /// Has one of two variants take over by itself.
    #[serde(default)]
    pub auto: Option<Auto>,
}

/// Shifts the traffic to another line-up.
pub async fn shift(app: &App, call: &Call, name: &str, traffic: NewTraffic) -> Result<Deployment> {
    let workspace = call.workspace()?;
    let variants = lined_up("variants", traffic.variants)?;
    if let Some(auto) = &traffic.auto {
        auto.check(&variants)?;
    }
    let found = find(app, workspace, name).await?;
    let model = models::find(app, workspace, &found.value.model).await?;
    check_served(app, workspace, &model.value, &variants).await?;
    let now = app.now();
    by_caller(app, call, name, |record| {
        record.line_up(variants.clone(), now);
        record.canary = traffic.auto.clone().map(|auto| Canary { auto, since: now });
        Ok(Some(What::Traffic))
    })
    .await
}

/// Goes back to what served before: to the version that an alias named before its last move, if that is
/// what changed last, else to the line-up before. Nothing goes forward again by itself: a variant that
/// followed the alias stays with its version from then on.
pub async fn roll_back(app: &App, call: &Call, name: &str) -> Result<Deployment> {
    let workspace = call.workspace()?;
    let found = find(app, workspace, name).await?;
    let model = models::find(app, workspace, &found.value.model).await?.value;
    let now = app.now();
    by_caller(app, call, name, |record| {
        let moved = |variant: &Variant| match &variant.follows {
            Follows::Alias(alias) => model.moved.get(alias).filter(|moved| moved.at > record.lined_up_at),
            Follows::Version(_) => None,
        };
        if record.variants.iter().any(|variant| moved(variant).is_some()) {
            let back = record.variants.iter().map(|variant| match moved(variant) {
                Some(moved) => Variant { follows: Follows::Version(moved.from), ..variant.clone() },
                None => variant.clone(),
            });
            record.variants = back.collect();
        } else {
            record.variants = record.before.pop().ok_or_else(nothing_before)?;
        }
        record.lined_up_at = now;
        record.canary = None;
        Ok(Some(What::RolledBack))
    })
    .await
}

fn nothing_before() -> Problem {
    Problem::new(Kind::WrongState, "nothing served before this")
        .remedy("POST …/traffic serves any version there is")
}

/// Answers nobody until it is resumed. A second time changes nothing.
pub async fn pause(app: &App, call: &Call, name: &str) -> Result<Deployment> {
    let set = |record: &mut DeploymentRecord| {
        Ok((!std::mem::replace(&mut record.paused, true)).then_some(What::Paused))
    };
    by_caller(app, call, name, set).await
}

/// Answers again.
pub async fn resume(app: &App, call: &Call, name: &str) -> Result<Deployment> {
    let set = |record: &mut DeploymentRecord| {
        Ok(std::mem::replace(&mut record.paused, false).then_some(What::Resumed))
    };
    by_caller(app, call, name, set).await
}

/// Puts other settings in place of the present ones.
pub async fn configure(app: &App, call: &Call, name: &str, settings: Settings) -> Result<Deployment> {
    settings.check()?;
    by_caller(app, call, name, |record| {
        let before = std::mem::replace(&mut record.settings, settings.clone());
        Ok((before != record.settings).then_some(What::Configured))
    })
    .await
}

/// Every change of a deployment, the latest first.
pub async fn history(app: &App, workspace: &str, name: &str, request: &PageRequest) -> Result<List<Change>> {
    let record = find(app, workspace, name).await?.value;
    let partition = history_partition(workspace, &record.id);
    Ok(page::<Change>(&*app.slots.database, partition, request, true).await?.map(|stored| stored.value))
}

async fn by_caller(
    app: &App,
    call: &Call,
    name: &str,
    mut make: impl FnMut(&mut DeploymentRecord) -> Result<Option<What>>,
) -> Result<Deployment> {
    let workspace = call.workspace()?;
    let by = &call.caller()?.subject;
    let make = |record: &mut DeploymentRecord| Ok(make(record)?.map(|what| (what, None)));
    let stored = change(app, workspace, name, call.if_match.as_deref(), by, make).await?;
    let model = models::find(app, workspace, &stored.value.model).await?;
    Ok(view(stored, &model.value))
}

/// Changes a deployment as `make` says, which is asked again when somebody else was quicker; what it makes
/// no change of is left as it is.
pub(super) async fn change(
    app: &App,
    workspace: &str,
    name: &str,
    if_match: Option<&str>,
    by: &str,
    mut make: impl FnMut(&mut DeploymentRecord) -> Result<Option<(What, Option<String>)>>,
) -> Result<Stored<DeploymentRecord>> {
    for attempt in 0..ATTEMPTS {
        let Stored { value: mut record, revision } = find(app, workspace, name).await?;
        check_revision(if_match, revision)?;
        let Some((what, reason)) = make(&mut record)? else {
            return Ok(Stored { value: record, revision });
        };
        record.changes += 1;
        let change = Change {
            seq: record.changes,
            at: app.now(),
            by: by.to_owned(),
            what,
            reason,
            variants: record.variants.clone(),
        };
        let from = record.canary.as_ref().map_or_else(|| app.now(), |canary| canary.since);
        let mut writes = plan_advance(workspace, &mut record, from)?;
        writes.push(create(change_key(workspace, &record.id, record.changes), &change)?);
        writes.push(update(deployment_key(workspace, name), &record, revision)?);
        match app.slots.database.write(&writes).await {
            Ok(()) => {
                app.served.forget(workspace, name);
                return Ok(Stored { value: record, revision: revision + 1 });
            }
            Err(error) if error.is_conflict() => back_off(attempt, app.ids.random::<1>()[0]).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::new(Kind::Unavailable, format!("deployment `{name}` keeps changing")).remedy("try again"))
}

/// Puts the end of the canary's step, which lasts from `from`, among what is due; or takes it away where
/// there is no canary.
pub(super) fn plan_advance(
    workspace: &str,
    record: &mut DeploymentRecord,
    from: Timestamp,
) -> Result<Vec<Write>> {
    let before = record.due.take();
    let Some(canary) = &record.canary else {
        return Ok(before.iter().map(due::DueKey::remove).collect());
    };
    let at = from + SignedDuration::from_secs(i64::from(canary.auto.every_s));
    let message =
        Advance { workspace: workspace.to_owned(), deployment: record.name.clone(), since: canary.since };
    let entry = Due::new(QueueName::Served, &Message::Advance(message))?;
    let (key, writes) = due::renew(before.as_ref(), at, workspace, &record.id, &entry)?;
    record.due = Some(key);
    Ok(writes)
}
