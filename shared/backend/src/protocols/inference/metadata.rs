//! What servers and models say of themselves.

use super::answer::{PREDICTION, PROBABILITIES, classes_parameter};
use super::tensor::Datatype;
use crate::models::ModelSchema;
use fettle_engine::table::Kind;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServerMetadata {
    /// `fettle`.
    pub name: &'static str,
    /// The program's version.
    pub version: &'static str,
    /// None.
    pub extensions: Vec<String>,
}

impl ServerMetadata {
    /// Of a program of that version.
    pub fn new(version: &'static str) -> Self {
        Self { name: "fettle", version, extensions: Vec::new() }
    }
}

/// That the server is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServerLive {
    /// True.
    pub live: bool,
}

/// That the server can answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServerReady {
    /// True.
    pub ready: bool,
}

/// That a model can answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModelReady {
    /// Its name.
    pub name: String,
    /// True.
    pub ready: bool,
}

/// What a model takes and gives.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ModelMetadata {
    /// Its name.
    pub name: String,
    /// The version that answers.
    pub versions: Vec<String>,
    /// `fettle_table`.
    pub platform: &'static str,
    /// One a column.
    pub inputs: Vec<TensorMetadata>,
    /// `prediction`, and `probabilities` of a classification.
    pub outputs: Vec<TensorMetadata>,
}

/// A tensor that a model takes or gives.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TensorMetadata {
    /// Its name.
    pub name: String,
    /// What its elements are.
    pub datatype: Datatype,
    /// -1 for the rows.
    pub shape: Vec<i64>,
    /// Of probabilities `classes`: the classes in the order of the columns, as the text of a JSON list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Map<String, Value>>,
}

/// What a model of that schema takes and gives.
pub fn metadata(name: &str, version: Option<u32>, schema: &ModelSchema) -> ModelMetadata {
    let inputs = schema.inputs.iter().map(|field| TensorMetadata {
        name: field.name.clone(),
        datatype: taken_as(field.kind),
        shape: vec![-1],
        parameters: None,
    });
    ModelMetadata {
        name: name.to_owned(),
        versions: version.iter().map(u32::to_string).collect(),
        platform: "fettle_table",
        inputs: inputs.collect(),
        outputs: outputs(schema.target_type.unwrap_or(Kind::Text), &schema.classes),
    }
}

/// The tensors that a model gives; without classes it is a regression.
pub(super) fn outputs(target: Kind, classes: &[String]) -> Vec<TensorMetadata> {
    let name = PREDICTION.to_owned();
    if classes.is_empty() {
        return vec![TensorMetadata { name, datatype: Datatype::Fp64, shape: vec![-1], parameters: None }];
    }
    vec![
        TensorMetadata { name, datatype: given_as(target, classes), shape: vec![-1], parameters: None },
        TensorMetadata {
            name: PROBABILITIES.to_owned(),
            datatype: Datatype::Fp64,
            shape: vec![-1, classes.len() as i64],
            parameters: Some(classes_parameter(classes)),
        },
    ]
}

fn taken_as(kind: Kind) -> Datatype {
    match kind {
        Kind::Number => Datatype::Fp64,
        Kind::Integer => Datatype::Int64,
        Kind::Boolean => Datatype::Bool,
        Kind::Category | Kind::Datetime | Kind::Text | Kind::Identifier => Datatype::Bytes,
    }
}

/// The datatype of the classes of a target. A class that is too large for its type is a text.
fn given_as(kind: Kind, classes: &[String]) -> Datatype {
    let wanted = taken_as(kind);
    let all = |fits: fn(&String) -> bool| classes.iter().all(fits);
    let fits = match wanted {
        Datatype::Int64 => all(|class| class.parse::<i64>().is_ok()),
        Datatype::Fp64 => all(|class| class.parse::<f64>().is_ok_and(f64::is_finite)),
        Datatype::Bool => all(|class| class.parse::<bool>().is_ok()),
        _ => true,
    };
    if fits { wanted } else { Datatype::Bytes }
}
