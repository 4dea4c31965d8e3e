//! The prediction log: requests with what was answered, kept for a month.

use crate::ports::{Condition, Key, Write};
use crate::problem::{Problem, Result};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// How long a request is kept.
pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The most rows of a request that are kept.
pub(crate) const MOST_ROWS: usize = 20;

/// A request, with what was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Logged {
    pub(crate) request_id: String,
    pub(crate) at: Timestamp,
    /// Who answered.
    pub(crate) variant: String,
    pub(crate) version: u32,
    /// How many rows it had; the first of them are kept.
    pub(crate) total: u64,
    pub(crate) rows: Vec<LoggedRow>,
}

/// A row, with what was answered and what came true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoggedRow {
    pub(crate) inputs: Map<String, Value>,
    pub(crate) prediction: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) probabilities: Option<BTreeMap<String, f64>>,
    /// What shadows would have answered, by variant.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) shadows: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) actual: Option<Value>,
}

impl Logged {
    /// Leaves out the values of these columns.
    pub(crate) fn without(&mut self, sensitive: &BTreeSet<String>) {
        for row in &mut self.rows {
            row.inputs.retain(|column, _| !sensitive.contains(column));
        }
    }

    /// The write that keeps it.
    pub(super) fn keep(&self, workspace: &str, deployment: &str, condition: Condition) -> Result<Write> {
        Ok(Write::Put {
            key: key(workspace, deployment, &self.request_id),
            value: serde_json::to_value(self).map_err(Problem::internal)?,
            expires_at: Some(self.at + KEPT),
            condition,
        })
    }
}

/// Where a request is kept: ids are ordered by time.
pub(super) fn key(workspace: &str, deployment: &str, request_id: &str) -> Key {
    Key::new(format!("{workspace}/deployment/{deployment}/log"), request_id)
}
