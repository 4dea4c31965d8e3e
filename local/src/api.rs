//! What the API answers, as far as the command line shows it. Unknown fields are ignored, so that an
//! older program works with a newer server.

#![allow(clippy::struct_field_names)] // The names are the API's.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// An RFC 9457 problem.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    pub(crate) title: String,
    pub(crate) status: u16,
    pub(crate) detail: Option<String>,
    #[serde(rename = "where")]
    pub(crate) place: Option<Place>,
    pub(crate) remedy: Option<String>,
    pub(crate) request_id: Option<String>,
}

/// Where in a request or a file the trouble is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    field: Option<String>,
    row: Option<u64>,
    column: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field.clone();
        let row = self.row.map(|row| format!("row {row}"));
        let column = self.column.as_ref().map(|column| format!("column `{column}`"));
        let parts: Vec<String> = [field, row, column].into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dataset {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) status: String,
    pub(crate) rows: Option<u64>,
    pub(crate) bytes: u64,
    pub(crate) sha256: Option<String>,
    #[serde(default)]
    pub(crate) columns: Option<Vec<DatasetColumn>>,
    #[serde(default)]
    pub(crate) error: Option<Problem>,
    #[serde(default)]
    pub(crate) upload: Option<Upload>,
    pub(crate) created_at: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DatasetColumn {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) missing: u64,
    pub(crate) distinct: u64,
    #[serde(default)]
    pub(crate) note: Option<String>,
}

/// Where a file is to be sent.
#[derive(Debug, Deserialize)]
pub(crate) struct Upload {
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Profile {
    pub(crate) columns: Vec<ColumnProfile>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ColumnProfile {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) missing: u64,
    pub(crate) distinct: u64,
    #[serde(default)]
    pub(crate) min: Option<f64>,
    #[serde(default)]
    pub(crate) mean: Option<f64>,
    #[serde(default)]
    pub(crate) max: Option<f64>,
    #[serde(default)]
    pub(crate) std: Option<f64>,
    #[serde(default)]
    pub(crate) earliest: Option<String>,
    #[serde(default)]
    pub(crate) latest: Option<String>,
    #[serde(default)]
    pub(crate) top: Vec<TopValue>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TopValue {
    pub(crate) value: String,
    pub(crate) count: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Preview {
    pub(crate) rows: Vec<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DatasetRef {
    pub(crate) name: String,
    pub(crate) version: u32,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) dataset: DatasetRef,
    pub(crate) target: String,
    pub(crate) task: String,
    pub(crate) metric: String,
    #[serde(default)]
    pub(crate) experiment: Option<String>,
    #[serde(default)]
    pub(crate) folds: Option<u32>,
    #[serde(default)]
    pub(crate) progress: Option<Progress>,
    #[serde(default)]
    pub(crate) leaderboard: Vec<Trial>,
    #[serde(default)]
    pub(crate) features: Vec<Feature>,
    #[serde(default)]
    pub(crate) notes: Vec<String>,
    #[serde(default)]
    pub(crate) warnings: Vec<Warning>,
    #[serde(default)]
    pub(crate) more: Vec<String>,
    pub(crate) created_at: String,
    #[serde(default)]
    pub(crate) error: Option<Problem>,
}

impl Run {
    /// Whether nothing more will happen to it.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "succeeded" | "failed" | "cancelled")
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Progress {
    pub(crate) done: u64,
    pub(crate) of: u64,
    pub(crate) now: String,
}

/// A line of the leaderboard.
#[derive(Debug, Deserialize)]
pub(crate) struct Trial {
    pub(crate) rank: Option<u32>,
    pub(crate) trial: String,
    pub(crate) estimator: String,
    #[serde(default)]
    pub(crate) params: Map<String, Value>,
    pub(crate) metrics: BTreeMap<String, Score>,
    #[serde(default)]
    pub(crate) holdout: Option<BTreeMap<String, f64>>,
    pub(crate) fit_s: Option<f64>,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) error: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Score {
    pub(crate) mean: f64,
    pub(crate) std: Option<f64>,
}

/// What became of a column.
#[derive(Debug, Deserialize)]
pub(crate) struct Feature {
    pub(crate) name: String,
    pub(crate) used: bool,
    #[serde(default)]
    pub(crate) why: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Events {
    pub(crate) items: Vec<Event>,
    pub(crate) last: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) summary: String,
}

/// A column that a model takes.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Schema {
    pub(crate) inputs: Vec<Field>,
    pub(crate) target: String,
    pub(crate) task: String,
    #[serde(default)]
    pub(crate) classes: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) latest: u32,
    #[serde(default)]
    pub(crate) aliases: BTreeMap<String, u32>,
    #[serde(default)]
    pub(crate) versions: Vec<ModelVersion>,
    pub(crate) created_at: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ModelVersion {
    pub(crate) name: String,
    pub(crate) version: u32,
    #[serde(default)]
    pub(crate) metrics: BTreeMap<String, Score>,
    #[serde(default)]
    pub(crate) holdout: Option<BTreeMap<String, f64>>,
    pub(crate) schema: Schema,
    pub(crate) sha256: String,
    pub(crate) bytes: Option<u64>,
    #[serde(default)]
    pub(crate) lineage: Option<Lineage>,
    #[serde(default)]
    pub(crate) imported: Option<Imported>,
    pub(crate) created_at: String,
}

impl ModelVersion {
    /// What was fitted, or what kind of file it comes from.
    pub(crate) fn estimator(&self) -> &str {
        match (&self.lineage, &self.imported) {
            (Some(lineage), _) => &lineage.estimator,
            (None, Some(imported)) => &imported.format,
            (None, None) => "",
        }
    }
}

/// The file of another program that a version was made of.
#[derive(Debug, Deserialize)]
pub(crate) struct Imported {
    pub(crate) format: String,
    pub(crate) sha256: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Lineage {
    pub(crate) run: String,
    pub(crate) trial: String,
    pub(crate) estimator: String,
    pub(crate) dataset: DatasetRef,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) name: String,
    pub(crate) model: String,
    #[serde(default)]
    pub(crate) alias: Option<String>,
    pub(crate) version: Option<u32>,
    #[serde(default)]
    pub(crate) variants: Vec<Variant>,
    #[serde(default)]
    pub(crate) paused: bool,
    pub(crate) created_at: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Variant {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) alias: Option<String>,
    #[serde(default)]
    pub(crate) version: Option<u32>,
    pub(crate) weight: u32,
    #[serde(default)]
    pub(crate) shadow: bool,
}

/// A change of a deployment.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    pub(crate) at: String,
    pub(crate) by: String,
    pub(crate) what: String,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    pub(crate) variants: Vec<Variant>,
}

/// What a deployment did.
#[derive(Debug, Deserialize)]
pub(crate) struct Metrics {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) all: Figures,
    pub(crate) variants: BTreeMap<String, Figures>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Figures {
    pub(crate) requests: u64,
    pub(crate) rows: u64,
    pub(crate) refused: u64,
    pub(crate) errors: u64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p95_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    #[serde(default)]
    pub(crate) quality: Option<BTreeMap<String, f64>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Predictions {
    pub(crate) predictions: Vec<Prediction>,
    pub(crate) model: String,
    pub(crate) version: u32,
    pub(crate) request_id: Option<String>,
}

#[derive(Debug, Deserialize, serde::Serialize)]
pub(crate) struct Prediction {
    pub(crate) prediction: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) probabilities: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Batch {
    pub(crate) id: String,
    pub(crate) deployment: String,
    pub(crate) model: String,
    pub(crate) version: u32,
    pub(crate) input: BatchInput,
    pub(crate) status: String,
    pub(crate) progress: BatchProgress,
    pub(crate) predicted: u64,
    pub(crate) faulty: u64,
    #[serde(default)]
    pub(crate) error: Option<Problem>,
    pub(crate) created_at: String,
}

impl Batch {
    /// Whether nothing more will happen to it.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "succeeded" | "failed" | "cancelled")
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct BatchInput {
    #[serde(default)]
    dataset: Option<DatasetRef>,
    #[serde(default)]
    key: Option<String>,
    pub(crate) rows: Option<u64>,
}

impl BatchInput {
    /// Where the rows come from, in short.
    pub(crate) fn name(&self) -> String {
        match (&self.dataset, &self.key) {
            (Some(dataset), _) => format!("{}@{}", dataset.name, dataset.version),
            (None, Some(key)) => key.rsplit('/').next().unwrap_or(key).to_owned(),
            (None, None) => String::new(),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct BatchProgress {
    pub(crate) done: u64,
    pub(crate) of: u64,
    pub(crate) rows: u64,
    pub(crate) of_rows: Option<u64>,
    pub(crate) now: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FileUpload {
    pub(crate) key: String,
    pub(crate) upload: Upload,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) format: String,
    pub(crate) rows: u64,
    pub(crate) faulty: u64,
    pub(crate) parts: Vec<ManifestFile>,
    pub(crate) errors: Vec<ManifestFile>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ManifestFile {
    pub(crate) number: u32,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Secret {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) last_four: Option<String>,
    pub(crate) readable: bool,
    #[serde(default)]
    pub(crate) remedy: Option<String>,
    pub(crate) updated_at: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Rotation {
    pub(crate) rotated: u64,
    pub(crate) already: u64,
    pub(crate) unreadable: Vec<String>,
    pub(crate) next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Warning {
    pub(crate) detail: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Plots {
    pub(crate) kinds: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Preprocessed {
    pub(crate) trial: String,
    pub(crate) estimator: String,
    pub(crate) decisions: Vec<Decision>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Decision {
    pub(crate) column: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) became: Vec<String>,
    pub(crate) why: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Estimator {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) tasks: Vec<String>,
    pub(crate) cost: String,
    pub(crate) source: String,
    pub(crate) parameters: Vec<Parameter>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) doc: String,
    #[serde(default)]
    pub(crate) default: Value,
    #[serde(default)]
    pub(crate) range: Option<[Value; 2]>,
    #[serde(default)]
    pub(crate) choices: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) depth: u64,
    pub(crate) dead_letters: u64,
    #[serde(default)]
    pub(crate) more_dead_letters: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DeadLetter {
    pub(crate) id: String,
    pub(crate) attempts: u32,
    pub(crate) body: Value,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Redriven {
    pub(crate) redriven: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) role: String,
    /// Told once, when it is made.
    #[serde(default)]
    pub(crate) key: Option<String>,
    pub(crate) created_at: String,
}
