//! The Open Inference Protocol, version 2, over HTTP with JSON.
//!
//! Tensors come one a column, named as the model's inputs are, of shape `[N]` or `[N, 1]`; or as one
//! matrix `[N, inputs]` in the order of the inputs. Out go `prediction` and, of a classification,
//! `probabilities`.

mod answer;
mod metadata;
mod tensor;

pub use answer::{InferAnswer, OutputTensor, answer, check_outputs};
pub use metadata::{
    ModelMetadata, ModelReady, ServerLive, ServerMetadata, ServerReady, TensorMetadata, metadata,
};
pub use tensor::{Datatype, InputTensor};

use super::{check_rows, misplaced};
use crate::limits::Limits;
use crate::problem::{Problem, Result};
use fettle_engine::artifact::Model;
use fettle_engine::table::{Table, decode_cells, match_names};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use tensor::Elements;

/// What is to be inferred. The protocol defines no parameter, and none is used here.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InferRequest {
    /// Given back in the answer.
    #[serde(default)]
    pub id: Option<String>,
    /// Not used.
    #[serde(default)]
    pub parameters: Option<Map<String, Value>>,
    /// The tensors.
    pub inputs: Vec<InputTensor>,
    /// Which tensors to answer, in this order; all when left out or empty.
    #[serde(default)]
    pub outputs: Option<Vec<RequestedOutput>>,
}

/// A tensor that is wanted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestedOutput {
    /// `prediction` or `probabilities`.
    pub name: String,
    /// Not used.
    #[serde(default)]
    pub parameters: Option<Map<String, Value>>,
}

/// The table of a request. O(elements).
pub fn read(model: &Model, limits: &Limits, request: &InferRequest) -> Result<Table> {
    check_outputs(model, request)?;
    let (fields, inputs) = (model.fields(), &request.inputs);
    if let [matrix] = inputs.as_slice()
        && let [_, width] = matrix.shape[..]
        && width == fields.len() as u64
        && !fields.iter().any(|field| field.name == matrix.name)
    {
        return read_matrix(model, limits, matrix);
    }
    let names: Vec<&str> = inputs.iter().map(|tensor| tensor.name.as_str()).collect();
    let places = match_names(fields, &names).map_err(|error| misplaced(error, "inputs"))?;
    let mut columns: Vec<Elements<'_>> = Vec::with_capacity(inputs.len());
    let mut first: Option<usize> = None;
    for (at, tensor) in inputs.iter().enumerate() {
        let rows = tensor.rows(at)?;
        match first {
            None => check_rows(limits, rows)?,
            Some(first) if first != rows => {
                let (name, other) = (&tensor.name, &inputs[0].name);
                return Err(Problem::invalid(
                    &format!("inputs[{at}].shape"),
                    format!("the tensor {name:?} has {rows} rows, and {other:?} has {first}"),
                )
                .remedy("give every tensor one element a row, or null"));
            }
            Some(_) => {}
        }
        first.get_or_insert(rows);
        columns.push(Elements::of(tensor, at)?);
    }
    let rows = first.unwrap_or(0);
    check_rows(limits, rows)?;
    decode_cells(fields, rows, |row, field| columns[places[field]].value(row, fields[field].kind)).map_err(
        |error| {
            let column = error.column.as_deref().unwrap_or_default();
            let tensor = names.iter().position(|name| *name == column).unwrap_or(0);
            let place = format!("inputs[{tensor}].data[{}]", error.row);
            misplaced(error, place)
        },
    )
}

/// A matrix, whose columns are the model's inputs in their order.
fn read_matrix(model: &Model, limits: &Limits, tensor: &InputTensor) -> Result<Table> {
    let (fields, rows) = (model.fields(), tensor.size(0, 0)?);
    check_rows(limits, rows)?;
    let (width, elements) = (fields.len(), Elements::of(tensor, 0)?);
    decode_cells(fields, rows, |row, field| elements.value(row * width + field, fields[field].kind)).map_err(
        |error| {
            let column = fields.iter().position(|field| Some(&field.name) == error.column.as_ref());
            let place = format!("inputs[0].data[{}][{}]", error.row, column.unwrap_or(0));
            misplaced(error, place)
        },
    )
}

#[cfg(test)]
mod tests;
