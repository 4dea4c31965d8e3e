//! Recording what a process served: each batch once, however often it comes.

use super::log::Logged;
use super::shadow;
use super::tally::Tally;
use crate::app::App;
use crate::ports::{Condition, Key, Write};
use crate::problem::{Kind, Problem, Result};
use crate::record::{ATTEMPTS, Stored, back_off, create_until, load};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How long minutes are kept.
pub(super) const MINUTES_KEPT: SignedDuration = SignedDuration::from_hours(3 * 24);

/// How long hours are kept.
pub(super) const HOURS_KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// How long it is known that a batch was recorded: longer than any queue keeps a message.
const MARK_KEPT: SignedDuration = SignedDuration::from_hours(15 * 24);

/// What a process served of one deployment in about a second.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Batch {
    /// By which a second delivery is known.
    pub(super) id: String,
    pub(super) workspace: String,
    /// The deployment's id.
    pub(super) deployment: String,
    pub(super) name: String,
    pub(super) parts: Vec<Part>,
    pub(super) requests: Vec<Logged>,
}

/// A variant in a minute.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) variant: String,
    /// Since 1970.
    pub(super) minute: i64,
    pub(super) tally: Tally,
}

/// Where sums lie, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Minute,
    Hour,
}

impl Step {
    pub(super) fn minutes(self) -> i64 {
        match self {
            Step::Minute => 1,
            Step::Hour => 60,
        }
    }

    /// The partition of a deployment's sums.
    pub(super) fn partition(self, workspace: &str, deployment: &str) -> String {
        let name = match self {
            Step::Minute => "minute",
            Step::Hour => "hour",
        };
        format!("{workspace}/deployment/{deployment}/{name}")
    }

    /// The sort key of a time; every variant's begins with it.
    pub(super) fn sort(self, minute: i64) -> String {
        format!("{:012}", minute.div_euclid(self.minutes()) * self.minutes())
    }

    fn expires(self, minute: i64) -> Option<Timestamp> {
        let kept = match self {
            Step::Minute => MINUTES_KEPT,
            Step::Hour => HOURS_KEPT,
        };
        Timestamp::from_second(minute * 60).ok()?.checked_add(kept).ok()
    }
}

/// The writes that add sums to their minute and hour, on what is there now.
pub(super) async fn added(
    app: &App,
    workspace: &str,
    deployment: &str,
    parts: &[Part],
) -> Result<Vec<Write>> {
    let mut sums: Vec<(Key, Option<Timestamp>, Tally)> = Vec::new();
    for part in parts {
        for step in [Step::Minute, Step::Hour] {
            let sort = format!("{}/{}", step.sort(part.minute), part.variant);
            let key = Key::new(step.partition(workspace, deployment), sort);
            match sums.iter_mut().find(|(of, ..)| *of == key) {
                Some((.., sum)) => sum.add(&part.tally),
                None => sums.push((key, step.expires(part.minute), part.tally.clone())),
            }
        }
    }
    let mut writes = Vec::with_capacity(sums.len());
    for (key, expires_at, mut sum) in sums {
        let condition = match load::<Tally>(&*app.slots.database, &key).await? {
            Some(Stored { value, revision }) => {
                sum.add(&value);
                Condition::Version(revision)
            }
            None => Condition::Absent,
        };
        let value = serde_json::to_value(&sum).map_err(Problem::internal)?;
        writes.push(Write::Put { key, value, expires_at, condition });
    }
    Ok(writes)
}

/// Records a batch, asking the shadows on the way. The mark of the batch is in the same transaction.
pub(super) async fn record(app: &App, mut batch: Batch) -> Result<()> {
    let database = &*app.slots.database;
    let mark = Key::new(format!("{}/served", batch.workspace), batch.id.as_str());
    if database.get(&mark).await?.is_some() {
        return Ok(());
    }
    let shadows =
        shadow::ask(app, &batch.workspace, &batch.deployment, &batch.name, &mut batch.requests).await?;
    batch.parts.extend(shadows.parts);
    let mut kept = Vec::with_capacity(batch.requests.len());
    for request in &mut batch.requests {
        request.without(&shadows.sensitive);
        kept.push(request.keep(&batch.workspace, &batch.deployment, Condition::Any)?);
    }
    for attempt in 0..ATTEMPTS {
        let mut writes = vec![create_until(mark.clone(), &json!({}), app.now() + MARK_KEPT)?];
        writes.extend(added(app, &batch.workspace, &batch.deployment, &batch.parts).await?);
        writes.extend(kept.iter().cloned());
        match database.write(&writes).await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_conflict() => {
                if database.get(&mark).await?.is_some() {
                    return Ok(());
                }
                back_off(attempt, app.ids.random::<1>()[0]).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::new(Kind::Unavailable, format!("the figures of {} keep changing", batch.name)))
}
