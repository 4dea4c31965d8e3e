//! The estimators as people and programs read about them.

use serde::Serialize;
use serde_json::{Value, json};

use super::{ALL, Domain, Estimator, Parameter, Search};
use crate::metrics::Task;

/// An estimator, described.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Described {
    /// The name in requests and leaderboards.
    pub name: &'static str,
    /// The name for people.
    pub label: &'static str,
    /// What it learns.
    pub tasks: Vec<Task>,
    /// How dear a fit is, beside the others.
    pub cost: Cost,
    /// With more rows than this it takes no part unless it is asked for by name.
    pub most_rows: Option<u64>,
    /// The paper or book that describes it.
    pub source: &'static str,
    /// What it can be told.
    pub parameters: Vec<DescribedParameter>,
}

/// How dear a fit is, beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// A pass or a few over the table.
    Low,
    /// Many passes.
    Medium,
    /// A trial of minutes where the others take seconds.
    High,
}

/// A parameter, described.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct DescribedParameter {
    /// The name in a trial's `params`.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// `integer`, `number`, `choice` or `boolean`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// When left out; null is "chosen from the data".
    pub default: Value,
    /// The smallest and the largest value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<[Value; 2]>,
    /// The words that it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<&'static str>>,
    /// Where tuning looks: two ends, or everything; absent when it is left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tuned: Option<Value>,
}

/// Every estimator, in the order in which trials are run.
pub fn catalogue() -> Vec<Described> {
    let mut all: Vec<&dyn Estimator> = ALL.to_vec();
    all.sort_by_key(|estimator| estimator.cost());
    all.into_iter().map(describe).collect()
}

fn describe(estimator: &dyn Estimator) -> Described {
    Described {
        name: estimator.name(),
        label: estimator.label(),
        tasks: estimator.tasks().to_vec(),
        cost: match estimator.cost() {
            0..=29 => Cost::Low,
            30..=59 => Cost::Medium,
            60.. => Cost::High,
        },
        most_rows: estimator.row_limit(),
        source: estimator.source(),
        parameters: estimator.parameters().iter().map(parameter).collect(),
    }
}

fn parameter(parameter: &Parameter) -> DescribedParameter {
    let (kind, default, range, choices) = match parameter.domain {
        Domain::Integer { min, max, default } => {
            ("integer", json!(default), Some([json!(min), json!(max)]), None)
        }
        Domain::AutoInteger { min, max } => ("integer", Value::Null, Some([json!(min), json!(max)]), None),
        Domain::Number { min, max, default } => {
            ("number", json!(default), Some([json!(min), json!(max)]), None)
        }
        Domain::AutoNumber { min, max } => ("number", Value::Null, Some([json!(min), json!(max)]), None),
        Domain::Choice { of, default } => ("choice", json!(default), None, Some(of.to_vec())),
        Domain::Flag { default } => ("boolean", json!(default), None, None),
    };
    let tuned = match parameter.search {
        Search::Fixed => None,
        Search::Between(low, high) => Some(json!({ "from": low, "to": high, "scale": "linear" })),
        Search::Log(low, high) => Some(json!({ "from": low, "to": high, "scale": "log" })),
        Search::Every => Some(json!("every choice")),
    };
    DescribedParameter { name: parameter.name, doc: parameter.doc, kind, default, range, choices, tuned }
}
