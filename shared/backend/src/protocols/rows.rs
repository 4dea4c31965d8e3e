//! The platform's own: rows as JSON objects, or CSV with a header.

use crate::deployments::check_rows;
use crate::limits::Limits;
use crate::problem::Result;
use fettle_engine::artifact::Model;
use fettle_engine::table::{Table, decode_csv_rows, decode_rows};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Rows to predict.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictRequest {
    /// One object a row: each of the schema's inputs by name; null for a missing value.
    pub rows: Vec<Map<String, Value>>,
}

/// The table of rows of JSON.
pub fn read_json(model: &Model, limits: &Limits, request: &PredictRequest) -> Result<Table> {
    check_rows(limits, request.rows.len())?;
    Ok(decode_rows(model.fields(), &request.rows)?)
}

/// The table of rows of CSV, by a header that names the schema's inputs.
pub fn read_csv(model: &Model, limits: &Limits, body: &[u8]) -> Result<Table> {
    Ok(decode_csv_rows(model.fields(), body, &limits.read)?)
}
