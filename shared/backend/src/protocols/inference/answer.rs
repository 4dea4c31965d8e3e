//! Predictions as tensors.

use super::InferRequest;
use super::metadata::outputs;
use super::tensor::Datatype;
use crate::problem::{Problem, Result};
use fettle_engine::artifact::{Model, Predictions};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// The tensor of the classes or numbers.
pub(super) const PREDICTION: &str = "prediction";

/// The tensor of the classes' probabilities.
pub(super) const PROBABILITIES: &str = "probabilities";

/// What was inferred.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct InferAnswer {
    /// The model that was asked.
    pub model_name: String,
    /// The version that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_version: Option<String>,
    /// The request's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The tensors.
    pub outputs: Vec<OutputTensor>,
}

/// A tensor of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OutputTensor {
    /// `prediction` or `probabilities`.
    pub name: &'static str,
    /// `[N]`, or `[N, classes]`.
    pub shape: Vec<usize>,
    /// What its elements are.
    pub datatype: Datatype,
    /// Of probabilities `classes`: the classes in the order of the columns, as the text of a JSON list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Map<String, Value>>,
    /// The elements, row by row.
    pub data: Vec<Value>,
}

/// Refuses a request for a tensor that the model does not give.
pub fn check_outputs(model: &Model, request: &InferRequest) -> Result<()> {
    let given = outputs(model.target_kind(), model.classes());
    for (at, wanted) in request.outputs.iter().flatten().enumerate() {
        if !given.iter().any(|output| output.name == wanted.name) {
            let shown: String = wanted.name.chars().take(64).collect();
            let names: Vec<&str> = given.iter().map(|output| output.name.as_str()).collect();
            return Err(Problem::invalid(
                &format!("outputs[{at}].name"),
                format!("the model gives no tensor {shown:?}"),
            )
            .remedy(format!("ask for {}", names.join(" or "))));
        }
    }
    Ok(())
}

/// Predictions as the tensors that the request asked for.
pub fn answer(
    name: &str,
    version: Option<u32>,
    model: &Model,
    predictions: &Predictions,
    request: &InferRequest,
) -> InferAnswer {
    let wanted = request.outputs.as_deref().unwrap_or_default();
    let given = outputs(model.target_kind(), model.classes());
    let names = given.iter().map(|output| (output.name.as_str(), output.datatype));
    let tensors: Vec<OutputTensor> = if wanted.is_empty() {
        names.filter_map(|(name, datatype)| tensor(name, datatype, model, predictions)).collect()
    } else {
        let datatype =
            |name: &str| given.iter().find(|output| output.name == name).map(|output| output.datatype);
        wanted
            .iter()
            .filter_map(|output| tensor(&output.name, datatype(&output.name)?, model, predictions))
            .collect()
    };
    InferAnswer {
        model_name: name.to_owned(),
        model_version: version.map(|version| version.to_string()),
        id: request.id.clone(),
        outputs: tensors,
    }
}

fn tensor(name: &str, datatype: Datatype, model: &Model, predictions: &Predictions) -> Option<OutputTensor> {
    let rows = predictions.len();
    match (name, predictions) {
        (PREDICTION, _) => Some(OutputTensor {
            name: PREDICTION,
            shape: vec![rows],
            datatype,
            parameters: None,
            data: (0..rows).map(|row| element(predictions.value(row), datatype)).collect(),
        }),
        (PROBABILITIES, Predictions::Classes { probabilities, .. }) => Some(OutputTensor {
            name: PROBABILITIES,
            shape: vec![rows, model.classes().len()],
            datatype,
            parameters: Some(classes_parameter(model.classes())),
            data: probabilities.iter().map(|probability| Value::from(*probability)).collect(),
        }),
        _ => None,
    }
}

/// Where one class is too large for the type of its target, all of them are texts.
fn element(value: Value, datatype: Datatype) -> Value {
    match (datatype, value) {
        (Datatype::Bytes, value @ (Value::Bool(_) | Value::Number(_))) => value.to_string().into(),
        (_, value) => value,
    }
}

/// A parameter can be no list.
pub(super) fn classes_parameter(classes: &[String]) -> Map<String, Value> {
    Map::from_iter([("classes".to_owned(), Value::from(Value::from(classes).to_string()))])
}
