//! Canaries: a challenger that takes over step by step, or goes when it does worse than who answered
//! before. Nobody waits in between: the end of a step is due, and its message takes the next.

use super::change::{change, plan_advance};
use super::find;
use super::record::{Auto, DeploymentRecord, What, deployment_key};
use crate::app::App;
use crate::metering::{Tally, between};
use crate::problem::{Problem, Result};
use crate::record::{Stored, update};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The name under which the platform changes things by itself.
const PLATFORM: &str = "fettle";

/// Latencies are the same within this, whatever the factor between them.
const NO_DIFFERENCE: Duration = Duration::from_millis(2);

/// The message that a canary's step is over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Advance {
    pub(super) workspace: String,
    pub(super) deployment: String,
    /// Which step: when it began.
    pub(super) since: Timestamp,
}

/// What follows from a step.
#[derive(Debug, Clone, PartialEq)]
enum Verdict {
    /// Too few requests to tell.
    Wait,
    /// It does as well as the others.
    Go,
    /// It does worse: why.
    Back(String),
}

/// Takes a canary's next step. A step that was taken before, or is not wanted any more, changes nothing.
pub async fn advance(app: &App, message: &Advance) -> Result<()> {
    let Advance { workspace, deployment, since } = message;
    let found = match find(app, workspace, deployment).await {
        Ok(found) => found,
        Err(problem) if problem.status() == 404 => return Ok(()),
        Err(problem) => return Err(problem),
    };
    let is_it = |record: &DeploymentRecord| record.canary.as_ref().is_some_and(|now| now.since == *since);
    let Some(canary) = found.value.canary.clone().filter(|canary| canary.since == *since) else {
        return Ok(());
    };
    let now = app.now();
    let tallies = between(app, workspace, &found.value.id, *since, now).await?;
    match judge(&canary.auto, &found.value, tallies) {
        Verdict::Wait => wait(app, workspace, found, now).await,
        Verdict::Go => {
            let step = |record: &mut DeploymentRecord| {
                Ok(is_it(record)
                    .then(|| go(record, now))
                    .flatten()
                    .map(|reason| (What::Advanced, Some(reason))))
            };
            change(app, workspace, deployment, None, PLATFORM, step).await.map(drop)
        }
        Verdict::Back(reason) => {
            let back = |record: &mut DeploymentRecord| {
                if !is_it(record) {
                    return Ok(None);
                }
                let before = record.before.pop();
                record.variants =
                    before.ok_or_else(|| Problem::internal("a canary without a line-up before"))?;
                record.lined_up_at = now;
                record.canary = None;
                Ok(Some((What::RolledBack, Some(reason.clone()))))
            };
            change(app, workspace, deployment, None, PLATFORM, back).await.map(drop)
        }
    }
}

/// Whether a canary does as well as the others.
fn judge(auto: &Auto, record: &DeploymentRecord, mut tallies: BTreeMap<String, Tally>) -> Verdict {
    let canary = tallies.remove(&auto.variant).unwrap_or_default();
    let mut others = Tally::default();
    for (name, tally) in tallies {
        if record.variants.iter().any(|variant| variant.name == name && !variant.shadow) {
            others.add(&tally);
        }
    }
    if canary.requests < auto.min_requests {
        return Verdict::Wait;
    }
    let (its, theirs) = (canary.failed_share(), others.failed_share());
    if its > theirs + auto.error_margin {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        return Verdict::Back(format!(
            "{} of the requests to {} failed, and {} of the others",
            percent(its),
            auto.variant,
            percent(theirs)
        ));
    }
    if let (Some([its]), Some([theirs])) =
        (canary.latency.quantiles([0.99]), others.latency.quantiles([0.99]))
        && its > theirs.mul_f64(auto.p99_factor) + NO_DIFFERENCE
    {
        let millis = |took: Duration| format!("{:.1} ms", took.as_secs_f64() * 1e3);
        return Verdict::Back(format!(
            "the p99 of {} is {}, and that of the others {}",
            auto.variant,
            millis(its),
            millis(theirs)
        ));
    }
    Verdict::Go
}

/// Looks again after as long as a step lasts: figures go on being added to the same step.
async fn wait(app: &App, workspace: &str, found: Stored<DeploymentRecord>, now: Timestamp) -> Result<()> {
    let Stored { value: mut record, revision } = found;
    let mut writes = plan_advance(workspace, &mut record, now)?;
    writes.push(update(deployment_key(workspace, &record.name), &record, revision)?);
    match app.slots.database.write(&writes).await {
        // Somebody has changed it meanwhile, and has written what is due then.
        Err(error) if error.is_conflict() => Ok(()),
        other => Ok(other?),
    }
}

/// The next step of a canary, in words.
fn go(record: &mut DeploymentRecord, now: Timestamp) -> Option<String> {
    let canary = record.canary.as_mut()?;
    let place = record.variants.iter().position(|variant| variant.name == canary.auto.variant)?;
    let weight = (record.variants[place].weight + canary.auto.step).min(100);
    let name = record.variants[place].name.clone();
    for variant in &mut record.variants {
        if variant.name == name {
            variant.weight = weight;
        } else if !variant.shadow {
            variant.weight = 100 - weight;
        }
    }
    canary.since = now;
    if weight < 100 {
        return Some(format!("{name} answers {weight} % now"));
    }
    record.canary = None;
    record.variants.retain(|variant| variant.name == name || variant.shadow);
    Some(format!("{name} has taken over"))
}

#[cfg(test)]
mod tests {
    use super::super::record::{Canary, lined_up};
    use super::*;
    use serde_json::json;

    fn record(weight: u32) -> DeploymentRecord {
        let variants = json!([{ "weight": 100 - weight }, { "version": 2, "weight": weight }]);
        let variants = lined_up("variants", serde_json::from_value(variants).unwrap()).unwrap();
        let auto: Auto = serde_json::from_value(json!({ "variant": "v2", "step": 40 })).unwrap();
        auto.check(&variants).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        DeploymentRecord {
            id: "dep_1".into(),
            name: "shop".into(),
            model: "toys".into(),
            before: vec![variants.clone()],
            variants,
            lined_up_at: now,
            paused: false,
            settings: serde_json::from_value(json!({})).unwrap(),
            canary: Some(Canary { auto, since: now }),
            due: None,
            changes: 1,
            created_at: now,
        }
    }

    fn tally(requests: u64, errors: u64, millis: u64) -> Tally {
        let mut tally = Tally { requests, errors, ..Tally::default() };
        for _ in 0..requests {
            tally.latency.note(Duration::from_millis(millis));
        }
        tally
    }

    fn verdict(canary: Tally, champion: Tally) -> Verdict {
        let record = record(10);
        let auto = record.canary.clone().unwrap().auto;
        judge(&auto, &record, BTreeMap::from([("v2".to_owned(), canary), ("champion".to_owned(), champion)]))
    }

    #[test]
    fn a_canary_is_judged_by_failures_and_latency() {
        assert_eq!(verdict(tally(99, 99, 900), tally(900, 0, 5)), Verdict::Wait);
        assert_eq!(verdict(tally(100, 1, 8), tally(900, 0, 5)), Verdict::Go);
        assert_eq!(verdict(tally(100, 0, 3), tally(0, 0, 0)), Verdict::Go);
        assert!(
            matches!(verdict(tally(100, 2, 5), tally(900, 0, 5)), Verdict::Back(why) if why.contains("2.0 %"))
        );
        assert!(
            matches!(verdict(tally(100, 0, 20), tally(900, 0, 5)), Verdict::Back(why) if why.contains("p99"))
        );
        // As bad as the others is not worse.
        assert_eq!(verdict(tally(100, 50, 5), tally(900, 450, 5)), Verdict::Go);
    }

    #[test]
    fn steps_end_with_the_canary_alone() {
        let mut record = record(10);
        let mut steps = Vec::new();
        while record.canary.is_some() {
            steps.push(go(&mut record, Timestamp::UNIX_EPOCH).unwrap());
        }
        assert_eq!(steps, ["v2 answers 50 % now", "v2 answers 90 % now", "v2 has taken over"]);
        assert_eq!(
            json!(record.variants),
            json!([{ "name": "v2", "version": 2, "weight": 100, "shadow": false }])
        );
    }
}
