//! The platform's own: rows as JSON objects, or CSV with a header, and predictions as either.

use super::check_rows;
use crate::limits::Limits;
use crate::operation::Reply;
use crate::problem::{Problem, Result};
use fettle_engine::artifact::{Model, Predictions};
use fettle_engine::table::{Table, decode_csv_rows, decode_rows};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The media type of CSV.
pub const CSV: &str = "text/csv";

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
    let table = decode_csv_rows(model.fields(), body, &limits.read)?;
    check_rows(limits, table.rows)?;
    Ok(table)
}

/// Whether rows that came as CSV, or did not, are answered by CSV.
///
/// A caller who takes both, or says nothing, gets the form in which the rows came; one who takes
/// neither gets it too, which RFC 9110 allows (12.5.1): the answer says of which type it is.
pub fn answers_csv(came_as_csv: bool, accept: Option<&str>) -> bool {
    let Some(accept) = accept else { return came_as_csv };
    let csv = quality(accept, "text", "csv");
    let json = quality(accept, "application", "json");
    if csv > json { true } else { csv >= json && came_as_csv }
}

/// How much a caller wants a media type, from 0 for not at all: of the ranges that include it, the one
/// that says most. Thousandths, since that is all that a weight may tell.
fn quality(accept: &str, kind: &str, subtype: &str) -> u32 {
    let ranges = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let (of_kind, of_subtype) = parts.next()?.split_once('/')?;
        let is = |part: &str, name: &str| part.eq_ignore_ascii_case(name);
        let detail = match (is(of_kind, kind), is(of_subtype, subtype)) {
            (true, true) => 3,
            (true, false) if of_subtype == "*" => 2,
            _ if of_kind == "*" && of_subtype == "*" => 1,
            _ => return None,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let weight = weight.map_or(1.0, |text| text.trim().parse::<f32>().unwrap_or(0.0).clamp(0.0, 1.0));
        Some((detail, (weight * 1000.0) as u32))
    });
    ranges.max_by_key(|(detail, _)| *detail).map_or(0, |(_, weight)| weight)
}

/// Predictions as CSV: `prediction`, and of a classification one column a class, in the order of the
/// model's classes, with its probability. A missing prediction is an empty cell.
pub fn csv(model: &Model, predictions: &Predictions, with_header: bool) -> Result<Reply> {
    let classes = model.classes();
    let mut writer = csv::Writer::from_writer(Vec::new());
    if with_header {
        writer.write_field("prediction").map_err(Problem::internal)?;
        for class in classes {
            writer.write_field(format!("probability_{class}")).map_err(Problem::internal)?;
        }
        writer.write_record(None::<&[u8]>).map_err(Problem::internal)?;
    }
    for row in 0..predictions.len() {
        writer.write_field(plain(predictions.value(row))).map_err(Problem::internal)?;
        if let Predictions::Classes { probabilities, .. } = predictions {
            for probability in &probabilities[row * classes.len()..(row + 1) * classes.len()] {
                writer.write_field(plain(Value::from(*probability))).map_err(Problem::internal)?;
            }
        }
        writer.write_record(None::<&[u8]>).map_err(Problem::internal)?;
    }
    let body = writer.into_inner().map_err(|error| Problem::internal(error.into_error()))?;
    Ok(Reply { status: 200, content_type: CSV, headers: Vec::new(), body })
}

/// A value as a cell: a number as JSON writes it, so that both forms hold the same digits.
fn plain(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_nothing_gets_what_came() {
        for (accept, of_csv, of_json) in [
            (None, true, false),
            (Some("*/*"), true, false),
            (Some(""), true, false),
            (Some("text/html, */*;q=0.8"), true, false),
            (Some("image/png"), true, false),
            (Some("text/csv"), true, true),
            (Some("TEXT/CSV; charset=utf-8"), true, true),
            (Some("text/*"), true, true),
            (Some("application/json"), false, false),
            (Some("application/json, text/csv"), true, false),
            (Some("application/json, text/csv;q=0.5"), false, false),
            (Some("application/json;q=0.1, text/csv;q=0.5"), true, true),
            (Some("text/csv;q=0, */*"), false, false),
            (Some("application/json;q=x, text/csv;q=0.001"), true, true),
        ] {
            let got = (answers_csv(true, accept), answers_csv(false, accept));
            assert_eq!(got, (of_csv, of_json), "{accept:?}");
        }
    }
}
