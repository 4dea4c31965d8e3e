//! A deployment as it is kept: its line-up of variants, those before, and every change of it.

use crate::backup::{Heads, Parts};
use crate::due::DueKey;
use crate::limits::check_name;
use crate::models::CHAMPION;
use crate::ports::{Item, Key};
use crate::problem::{Problem, Result};
use crate::record::read;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The most variants of a deployment, shadows among them.
pub(crate) const MOST_VARIANTS: usize = 5;

/// How many line-ups a rollback can go back.
const MOST_BEFORE: usize = 10;

/// The most columns that are marked as sensitive.
const MOST_SENSITIVE: usize = 200;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DeploymentRecord {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) model: String,
    pub(crate) variants: Vec<Variant>,
    /// Line-ups before this one, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) before: Vec<Vec<Variant>>,
    /// When the line-up was last changed.
    pub(crate) lined_up_at: Timestamp,
    #[serde(default)]
    pub(crate) paused: bool,
    #[serde(default)]
    pub(crate) settings: Settings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) canary: Option<Canary>,
    /// What is due for the canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) due: Option<DueKey>,
    /// How many changes its history has.
    pub(crate) changes: u64,
    pub(crate) created_at: Timestamp,
}

/// One of the versions that a deployment serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Variant {
    /// Its name within the deployment.
    pub name: String,
    /// What decides which version it is.
    #[serde(flatten)]
    pub follows: Follows,
    /// Its share of the requests, in percent; 0 for a shadow.
    pub weight: u32,
    /// Whether it is asked too but never answers.
    #[serde(default)]
    pub shadow: bool,
}

/// What decides which version answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Follows {
    /// The version that the alias names.
    Alias(String),
    /// This one.
    Version(u32),
}

/// A variant as it is asked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVariant {
    /// Its name within the deployment; the alias or `v<version>` when left out.
    #[serde(default)]
    pub name: Option<String>,
    /// The alias to follow.
    #[serde(default)]
    pub alias: Option<String>,
    /// The version to stay with.
    #[serde(default)]
    pub version: Option<u32>,
    /// Its share of the requests, in percent; all of them when it is alone.
    #[serde(default)]
    pub weight: Option<u32>,
    /// Whether it is asked too but never answers.
    #[serde(default)]
    pub shadow: bool,
}

/// What a deployment may be told beside its line-up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The most requests in a minute; no limit when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// The share of requests whose rows are kept in the prediction log: 0 to 1; 1 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_sample: Option<f64>,
    /// Columns whose values are never kept.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sensitive: BTreeSet<String>,
}

/// How a challenger takes over by itself, step by step, or goes when it does worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auto {
    /// The variant that takes over.
    pub variant: String,
    /// What its weight grows by at each step, in percent.
    #[serde(default = "Auto::step")]
    pub step: u32,
    /// How long a step lasts, in seconds: 60 to 86,400.
    #[serde(default = "Auto::every_s")]
    pub every_s: u32,
    /// So many requests must it have answered in a step before it goes on.
    #[serde(default = "Auto::min_requests")]
    pub min_requests: u64,
    /// It goes when its share of failed requests is larger than that of the others by more than this.
    #[serde(default = "Auto::error_margin")]
    pub error_margin: f64,
    /// It goes when its p99 is longer than that of the others by more than this factor.
    #[serde(default = "Auto::p99_factor")]
    pub p99_factor: f64,
}

impl Auto {
    fn step() -> u32 {
        10
    }
    fn every_s() -> u32 {
        300
    }
    fn min_requests() -> u64 {
        100
    }
    fn error_margin() -> f64 {
        0.01
    }
    fn p99_factor() -> f64 {
        1.5
    }

    /// Whether its numbers can be used, for a line-up.
    pub(crate) fn check(&self, variants: &[Variant]) -> Result<()> {
        let range = |field: &str, holds: bool, what: &str| {
            if holds { Ok(()) } else { Err(Problem::invalid(&format!("auto.{field}"), what)) }
        };
        let answers = variants.iter().filter(|variant| !variant.shadow).count();
        let is_one = variants.iter().any(|variant| variant.name == self.variant && !variant.shadow);
        range("variant", is_one, "no variant that answers has that name")?;
        range("variant", answers == 2, "a canary needs one other variant that answers")?;
        range("step", (1..=100).contains(&self.step), "a step is 1 to 100 percent")?;
        range("every_s", (60..=86_400).contains(&self.every_s), "a step lasts 60 to 86400 seconds")?;
        range("min_requests", self.min_requests >= 1, "at least one request must be looked at")?;
        range("error_margin", (0.0..=1.0).contains(&self.error_margin), "the margin is 0 to 1")?;
        range("p99_factor", (1.0..=100.0).contains(&self.p99_factor), "the factor is 1 to 100")
    }
}

/// A canary under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Canary {
    pub(crate) auto: Auto,
    /// When its present step began.
    pub(crate) since: Timestamp,
}

/// A change of a deployment.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// 1, 2, 3, …
    pub seq: u64,
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Whose key or name; `fettle` for what it did by itself.
    pub by: String,
    /// What was done.
    pub what: What,
    /// Why, where it did so by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The line-up since.
    pub variants: Vec<Variant>,
}

/// What was done to a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It was made.
    Created,
    /// Its traffic was shifted.
    Traffic,
    /// A canary went on by a step, or took over.
    Advanced,
    /// What served before serves again.
    RolledBack,
    /// It answers no more for a while.
    Paused,
    /// It answers again.
    Resumed,
    /// Its settings were changed.
    Configured,
}

impl DeploymentRecord {
    /// Puts another line-up in place of the present one, which a rollback can go back to.
    pub(crate) fn line_up(&mut self, variants: Vec<Variant>, at: Timestamp) {
        self.before.push(std::mem::replace(&mut self.variants, variants));
        if self.before.len() > MOST_BEFORE {
            self.before.remove(0);
        }
        self.lined_up_at = at;
    }

    /// The variant that answers most.
    pub(crate) fn main(&self) -> Option<&Variant> {
        self.variants
            .iter()
            .rev()
            .filter(|variant| !variant.shadow)
            .max_by_key(|variant| variant.weight)
            .or(self.variants.first())
    }
}

impl Settings {
    /// Whether they can be used.
    pub(crate) fn check(&self) -> Result<()> {
        if self.requests_per_minute == Some(0) {
            return Err(Problem::invalid("requests_per_minute", "a limit is at least 1")
                .remedy("POST …/pause lets nobody in"));
        }
        if self.log_sample.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Err(Problem::invalid("log_sample", "a share is 0 to 1"));
        }
        if self.sensitive.len() > MOST_SENSITIVE {
            let detail = format!("at most {MOST_SENSITIVE} columns can be marked");
            return Err(Problem::invalid("sensitive", detail));
        }
        Ok(())
    }
}

/// A line-up of what is asked for; `field` names it in a problem.
pub(crate) fn lined_up(field: &str, wanted: Vec<NewVariant>) -> Result<Vec<Variant>> {
    if wanted.is_empty() || wanted.len() > MOST_VARIANTS {
        return Err(Problem::invalid(field, format!("a deployment has 1 to {MOST_VARIANTS} variants")));
    }
    let answering = wanted.iter().filter(|variant| !variant.shadow).count();
    let mut names = BTreeSet::new();
    let mut variants = Vec::with_capacity(wanted.len());
    for (place, new) in wanted.into_iter().enumerate() {
        let at = |what: &str| format!("{field}[{place}].{what}");
        let follows = follows(new.alias, new.version).map_err(|problem| problem.at_field(at("alias")))?;
        let name = new.name.unwrap_or_else(|| match &follows {
            Follows::Alias(alias) => alias.clone(),
            Follows::Version(version) => format!("v{version}"),
        });
        check_name(&at("name"), &name)?;
        if !names.insert(name.clone()) {
            return Err(Problem::invalid(&at("name"), format!("two variants have the name `{name}`"))
                .remedy("give them names of their own"));
        }
        let weight = match (new.shadow, new.weight) {
            (true, None | Some(0)) => 0,
            (true, Some(_)) => {
                return Err(Problem::invalid(&at("weight"), "a shadow answers nothing and has no weight"));
            }
            (false, None) if answering == 1 => 100,
            (false, None) => {
                return Err(Problem::invalid(&at("weight"), "of several variants each needs a weight")
                    .remedy("weights are percents and add up to 100"));
            }
            (false, Some(weight)) => weight,
        };
        variants.push(Variant { name, follows, weight, shadow: new.shadow });
    }
    let sum: u64 = variants.iter().map(|variant| u64::from(variant.weight)).sum();
    if sum != 100 {
        return Err(Problem::invalid(field, format!("the weights add up to {sum}"))
            .remedy("weights are percents and add up to 100"));
    }
    Ok(variants)
}

/// The alias or version of a request: one of them, or the champion.
pub(crate) fn follows(alias: Option<String>, version: Option<u32>) -> Result<Follows> {
    match (alias, version) {
        (Some(_), Some(_)) => {
            Err(Problem::invalid("alias", "a variant follows an alias or stays with a version, not both"))
        }
        (None, Some(version)) => Ok(Follows::Version(version)),
        (alias, None) => Ok(Follows::Alias(alias.unwrap_or_else(|| CHAMPION.to_owned()))),
    }
}

pub(crate) fn deployments_partition(workspace: &str) -> String {
    format!("{workspace}/deployment")
}

pub(crate) fn deployment_key(workspace: &str, name: &str) -> Key {
    Key::new(deployments_partition(workspace), name)
}

pub(crate) fn history_partition(workspace: &str, id: &str) -> String {
    format!("{workspace}/deployment/{id}/history")
}

pub(crate) fn change_key(workspace: &str, id: &str, seq: u64) -> Key {
    Key::new(history_partition(workspace, id), format!("{seq:012}"))
}

/// Deployments as a backup finds them, each with its history. Figures and the prediction log, which
/// vanish by themselves, stay behind.
pub(crate) fn heads(workspace: &str) -> Heads {
    Heads { partition: deployments_partition(workspace), parts }
}

fn parts(workspace: &str, head: &Item) -> Result<Parts> {
    let record: DeploymentRecord = read(head)?;
    let next = change_key(workspace, &record.id, record.changes + 1);
    Ok(Parts { growing: Some(next), ..Parts::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn line_up(wanted: Value) -> std::result::Result<Value, String> {
        let wanted = serde_json::from_value(wanted).map_err(|error| error.to_string())?;
        let variants = lined_up("variants", wanted).map_err(|problem| {
            let body = problem.body();
            format!("{}: {}", body.place.and_then(|place| place.field).unwrap_or_default(), body.detail)
        })?;
        Ok(json!(variants))
    }

    #[test]
    fn a_line_up_has_names_and_weights() {
        assert_eq!(
            line_up(json!([{}])).unwrap(),
            json!([{ "name": "champion", "alias": "champion", "weight": 100, "shadow": false }])
        );
        let several = json!([
            { "alias": "champion", "weight": 90 },
            { "version": 3, "weight": 10 },
            { "name": "dark", "version": 3, "shadow": true }
        ]);
        let names: Vec<String> = line_up(several)
            .unwrap()
            .as_array()
            .unwrap()
            .iter()
            .map(|variant| variant["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["champion", "v3", "dark"]);
    }

    #[test]
    fn a_line_up_that_makes_no_sense_is_refused_where_it_does_not() {
        let shadow = json!({ "version": 1, "shadow": true });
        for (wanted, field) in [
            (json!([]), "variants: "),
            (json!([{}, {}, {}, {}, {}, {}]), "variants: "),
            (json!([shadow]), "variants: the weights add up to 0"),
            (json!([{ "weight": 50 }]), "variants: the weights add up to 50"),
            (
                json!([{ "weight": 4_294_967_295_u32 }, { "version": 2, "weight": 101 }]),
                "variants: the weights",
            ),
            (json!([{ "weight": 50 }, { "version": 2 }]), "variants[1].weight: "),
            (json!([{ "weight": 50 }, { "weight": 50 }]), "variants[1].name: two variants"),
            (json!([{ "alias": "a", "version": 1 }]), "variants[0].alias: "),
            (json!([{}, { "version": 2, "shadow": true, "weight": 5 }]), "variants[1].weight: a shadow"),
            (json!([{ "name": "a b" }]), "variants[0].name: "),
        ] {
            let refused = line_up(wanted.clone()).unwrap_err();
            assert!(refused.starts_with(field), "{wanted}: {refused}");
        }
    }
}
