//! MLflow's scoring protocol, as its own server has it since MLflow 2.0.
//!
//! Of `params` MLflow's server says that those of a model without a schema of parameters are ignored;
//! no model here has one. Any other key that it would ignore is refused, since it may be a slip.

use super::{check_rows, misplaced};
use crate::limits::Limits;
use crate::problem::{Problem, Result};
use fettle_engine::artifact::{Model, Predictions};
use fettle_engine::table::{Table, decode_cells, decode_rows, match_names};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Rows to score: exactly one of the first four.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvocationsRequest {
    /// Names of the columns, and a list of values a row.
    #[serde(default)]
    pub dataframe_split: Option<Split>,
    /// One object a row.
    #[serde(default)]
    pub dataframe_records: Option<Vec<Map<String, Value>>>,
    /// Objects, or lists of values in the order of the model's inputs, one a row; bare values for a model
    /// of one input; or an object of columns.
    #[serde(default)]
    pub instances: Option<Value>,
    /// An object of columns, each a list; or what `instances` may be.
    #[serde(default)]
    pub inputs: Option<Value>,
    /// Not used by any model.
    #[serde(default)]
    pub params: Option<Map<String, Value>>,
}

/// A data frame in pandas' orientation `split`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The columns' names.
    pub columns: Vec<String>,
    /// One list a row, in the order of the columns.
    pub data: Vec<Vec<Value>>,
    /// The rows' labels; not used.
    #[serde(default)]
    pub index: Option<Vec<Value>>,
}

/// What is predicted.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct InvocationsAnswer {
    /// One a row: the most probable class, or the number.
    pub predictions: Vec<Value>,
}

/// That a model is loaded; MLflow's clients look at the status alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Healthy {
    /// `ok`.
    pub status: &'static str,
}

impl Healthy {
    /// It is.
    pub const OK: Self = Self { status: "ok" };
}

impl InvocationsAnswer {
    /// Predictions in MLflow's form.
    pub fn of(predictions: &Predictions) -> Self {
        Self { predictions: (0..predictions.len()).map(|row| predictions.value(row)).collect() }
    }
}

/// The table of a request.
pub fn read(model: &Model, limits: &Limits, request: &InvocationsRequest) -> Result<Table> {
    let InvocationsRequest { dataframe_split, dataframe_records, instances, inputs, params: _ } = request;
    match (dataframe_split, dataframe_records, instances, inputs) {
        (Some(split), None, None, None) => read_split(model, limits, split),
        (None, Some(records), None, None) => {
            check_rows(limits, records.len())?;
            let rows = decode_rows(model.fields(), records);
            rows.map_err(|error| {
                let place = of_row("dataframe_records", error.row, error.column.as_deref());
                misplaced(error, place)
            })
        }
        (None, None, Some(instances), None) => read_any(model, limits, "instances", instances),
        (None, None, None, Some(inputs)) => read_any(model, limits, "inputs", inputs),
        _ => Err(Problem::invalid(
            "body",
            "exactly one of `dataframe_split`, `dataframe_records`, `instances` and `inputs` is needed",
        )
        .remedy("send the rows in one of these forms")),
    }
}

fn of_row(name: &str, row: usize, column: Option<&str>) -> String {
    column.map_or_else(|| format!("{name}[{row}]"), |column| format!("{name}[{row}].{column}"))
}

fn read_split(model: &Model, limits: &Limits, split: &Split) -> Result<Table> {
    let Split { columns, data, index } = split;
    check_rows(limits, data.len())?;
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let places =
        match_names(model.fields(), &names).map_err(|error| misplaced(error, "dataframe_split.columns"))?;
    if let Some(row) = data.iter().position(|row| row.len() != columns.len()) {
        let (values, columns) = (data[row].len(), columns.len());
        let detail = format!("the row has {values} values, and there are {columns} columns");
        return Err(Problem::invalid(&format!("dataframe_split.data[{row}]"), detail)
            .remedy("give every row one value a column, or null"));
    }
    if index.as_ref().is_some_and(|index| index.len() != data.len()) {
        return Err(Problem::invalid("dataframe_split.index", "it is not as long as `data`")
            .remedy("leave it out: it is not used"));
    }
    decode_cells(model.fields(), data.len(), |row, field| &data[row][places[field]]).map_err(|error| {
        let place = of_row("dataframe_split.data", error.row, error.column.as_deref());
        misplaced(error, place)
    })
}

/// Rows in a list, or columns in an object.
fn read_any(model: &Model, limits: &Limits, name: &str, value: &Value) -> Result<Table> {
    match value {
        Value::Object(columns) => read_columns(model, limits, name, columns),
        Value::Array(rows) => read_list(model, limits, name, rows),
        _ => Err(Problem::invalid(name, "it is neither a list of rows nor an object of columns")
            .remedy("send a list with one object a row")),
    }
}

fn read_columns(model: &Model, limits: &Limits, name: &str, columns: &Map<String, Value>) -> Result<Table> {
    let fields = model.fields();
    let names: Vec<&str> = columns.keys().map(String::as_str).collect();
    let places = match_names(fields, &names).map_err(|error| misplaced(error, name))?;
    // A value that is no list is a column of one row.
    let columns: Vec<&[Value]> = columns
        .values()
        .map(|value| value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice))
        .collect();
    let rows = columns.first().map_or(0, |column| column.len());
    check_rows(limits, rows)?;
    if let Some(other) = columns.iter().position(|column| column.len() != rows) {
        let (first, len) = (names[0], columns[other].len());
        return Err(Problem::invalid(
            &format!("{name}.{}", names[other]),
            format!("the column has {len} values, and {first:?} has {rows}"),
        )
        .remedy("give every column one value a row, or null"));
    }
    decode_cells(fields, rows, |row, field| &columns[places[field]][row]).map_err(|error| {
        let column = error.column.clone().unwrap_or_default();
        let place = format!("{name}.{column}[{}]", error.row);
        misplaced(error, place)
    })
}

fn read_list(model: &Model, limits: &Limits, name: &str, rows: &[Value]) -> Result<Table> {
    check_rows(limits, rows.len())?;
    let fields = model.fields();
    let mixed = |row: usize, first: &str| {
        Problem::invalid(&format!("{name}[{row}]"), format!("it is not {first}, as the row before it is"))
            .remedy("write every row in the same way")
    };
    let place = |error: fettle_engine::table::RowError| {
        let place = of_row(name, error.row, error.column.as_deref());
        misplaced(error, place)
    };
    match &rows[0] {
        Value::Object(_) => {
            let objects = rows
                .iter()
                .enumerate()
                .map(|(row, value)| value.as_object().cloned().ok_or_else(|| mixed(row, "an object")));
            let objects = objects.collect::<Result<Vec<_>>>()?;
            decode_rows(fields, &objects).map_err(place)
        }
        Value::Array(_) => {
            let lists = rows.iter().enumerate().map(|(row, value)| {
                let list = value.as_array().ok_or_else(|| mixed(row, "a list"))?;
                if list.len() != fields.len() {
                    let (values, takes) = (list.len(), fields.len());
                    let detail = format!("the row has {values} values, and the model takes {takes}");
                    return Err(Problem::invalid(&format!("{name}[{row}]"), detail).remedy(
                        "send the values in the order of the model's inputs, null for a missing one",
                    ));
                }
                Ok(list)
            });
            let lists = lists.collect::<Result<Vec<_>>>()?;
            decode_cells(fields, lists.len(), |row, field| &lists[row][field]).map_err(place)
        }
        _ if fields.len() == 1 => decode_cells(fields, rows.len(), |row, _| &rows[row]).map_err(place),
        _ => {
            let takes = fields.len();
            Err(Problem::invalid(&format!("{name}[0]"), format!("one value, and the model takes {takes}"))
                .remedy("send an object or a list a row"))
        }
    }
}

#[cfg(test)]
mod tests;
