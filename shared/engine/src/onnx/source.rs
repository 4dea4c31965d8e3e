//! What a file says, before it is translated: its inputs, constants and nodes.

use std::collections::{HashMap, HashSet};

use super::OnnxError;
use super::proto::{self, element};
use super::tensor::{Tensor, Type};

/// So many columns at most.
const MOST_COLUMNS: usize = 100_000;

/// A model as its file has it.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) inputs: Vec<Taken>,
    pub(super) initializers: Vec<proto::Tensor>,
    /// Those that the outputs need, in the file's order.
    pub(super) nodes: Vec<proto::Node>,
    pub(super) outputs: Vec<String>,
    /// The version of each domain's operators; the main domain is `ai.onnx`.
    pub(super) opsets: HashMap<String, i64>,
    pub(super) metadata: HashMap<String, String>,
    pub(super) producer: String,
}

/// An input of the graph.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) name: String,
    pub(super) kind: Type,
    pub(super) columns: usize,
    /// Whether it has one dimension.
    pub(super) list: bool,
}

/// The main domain goes by two names.
pub(super) fn domain(name: &str) -> &str {
    if name.is_empty() { "ai.onnx" } else { name }
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is not ONNX, or its inputs are none that rows of a table could be.
    pub(super) fn read(bytes: &[u8]) -> Result<Source, OnnxError> {
        let model = proto::decode(bytes)?;
        let graph = model.graph.unwrap_or_default();
        let unsuitable = |what: &str| Err(OnnxError::Unsuitable(what.into()));
        if !model.functions.is_empty() {
            return unsuitable("it defines functions of its own; export it with its functions inlined");
        }
        if !graph.sparse_initializer.is_empty() {
            return unsuitable("it has sparse constants");
        }
        let constants: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        let inputs: Vec<Taken> = graph
            .input
            .iter()
            .filter(|input| !constants.contains(input.name.as_str()))
            .map(taken)
            .collect::<Result<_, _>>()?;
        if inputs
            .iter()
            .try_fold(0usize, |sum, input| sum.checked_add(input.columns))
            .is_none_or(|sum| sum > MOST_COLUMNS)
        {
            return Err(OnnxError::Unsuitable(format!("its inputs have more than {MOST_COLUMNS} columns")));
        }
        let outputs: Vec<String> = graph.output.into_iter().map(|output| output.name).collect();
        if inputs.is_empty() || outputs.is_empty() {
            return unsuitable("it has no inputs or no outputs");
        }
        let producer = format!("{} {}", model.producer_name, model.producer_version);
        Ok(Source {
            inputs,
            initializers: graph.initializer,
            nodes: needed(graph.node, &outputs),
            outputs,
            opsets: model
                .opset_import
                .into_iter()
                .map(|set| (domain(&set.domain).into(), set.version))
                .collect(),
            metadata: model.metadata_props.into_iter().map(|entry| (entry.key, entry.value)).collect(),
            producer: producer.trim().into(),
        })
    }
}

/// The nodes on which the outputs depend.
fn needed(nodes: Vec<proto::Node>, outputs: &[String]) -> Vec<proto::Node> {
    let mut wanted: HashSet<String> = outputs.iter().cloned().collect();
    let mut kept = Vec::new();
    for node in nodes.into_iter().rev() {
        if node.output.iter().any(|output| wanted.contains(output)) {
            wanted.extend(node.input.iter().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    kept
}

fn taken(input: &proto::ValueInfo) -> Result<Taken, OnnxError> {
    let unsuitable = |what: &str| OnnxError::Unsuitable(format!("its input '{}' {what}", input.name));
    let of = input.kind.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let of = of.ok_or_else(|| unsuitable("is not a tensor"))?;
    let kind = kind(of.elem_type).ok_or_else(|| {
        unsuitable(&format!(
            "has values of type {}: it has to be of floats, integers, booleans or strings",
            of.elem_type
        ))
    })?;
    let shape = of.shape.as_ref().ok_or_else(|| unsuitable("has no shape: it has to be [N, columns]"))?;
    let columns = match shape.dim.as_slice() {
        [_] => 1,
        [_, columns] => match columns.dim_value {
            Some(columns) if columns > 0 => usize::try_from(columns).unwrap_or(usize::MAX),
            _ => return Err(unsuitable("does not say how many columns it has")),
        },
        dimensions => {
            return Err(unsuitable(&format!(
                "has {} dimensions, and rows of a table make [N] or [N, columns]",
                dimensions.len()
            )));
        }
    };
    Ok(Taken { name: input.name.clone(), kind, columns, list: shape.dim.len() == 1 })
}

/// What values of a type become.
pub(super) fn kind(element: i32) -> Option<Type> {
    Some(match element {
        element::FLOAT => Type::Float,
        element::DOUBLE => Type::Double,
        element::STRING => Type::Word,
        element::BOOL => Type::Boolean,
        element::UINT8
        | element::INT8
        | element::UINT16
        | element::INT16
        | element::INT32
        | element::INT64
        | element::UINT32 => Type::Integer,
        _ => return None,
    })
}

/// A constant; its strings become numbers by `word`.
pub(super) fn constant(
    tensor: &proto::Tensor,
    word: &mut impl FnMut(&[u8]) -> Result<f64, OnnxError>,
) -> Result<Tensor, OnnxError> {
    let unsuitable = |what: &str| OnnxError::Unsuitable(format!("its constant '{}' {what}", tensor.name));
    if tensor.data_location != 0 || !tensor.external_data.is_empty() {
        return Err(unsuitable("lies in another file: save the model with its data inside"));
    }
    let kind =
        kind(tensor.data_type).ok_or_else(|| unsuitable(&format!("is of type {}", tensor.data_type)))?;
    let lengths = tensor.dims.iter().map(|length| usize::try_from(*length));
    let shape: Vec<usize> =
        lengths.collect::<Result<_, _>>().map_err(|_| unsuitable("has a negative length"))?;
    let values: Vec<f64> = if kind == Type::Word {
        tensor.string_data.iter().map(|text| word(text)).collect::<Result<_, _>>()?
    } else if !tensor.raw_data.is_empty() {
        raw(&tensor.raw_data, tensor.data_type)
    } else {
        match tensor.data_type {
            element::FLOAT => tensor.float_data.iter().map(|value| f64::from(*value)).collect(),
            element::DOUBLE => tensor.double_data.clone(),
            element::INT64 => tensor.int64_data.iter().map(|value| *value as f64).collect(),
            _ => tensor.int32_data.iter().map(|value| f64::from(*value)).collect(),
        }
    };
    let constant = Tensor { kind, shape, values };
    if constant.is_sound() {
        Ok(constant)
    } else {
        Err(unsuitable("has another number of values than its shape says"))
    }
}

/// Values as bytes, in little endian.
fn raw(bytes: &[u8], of: i32) -> Vec<f64> {
    fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        bytes.as_chunks::<N>().0.iter().map(|chunk| value(*chunk)).collect()
    }
    match of {
        element::FLOAT => each(bytes, |b| f64::from(f32::from_le_bytes(b))),
        element::DOUBLE => each(bytes, f64::from_le_bytes),
        element::INT64 => each(bytes, |b| i64::from_le_bytes(b) as f64),
        element::INT32 => each(bytes, |b| f64::from(i32::from_le_bytes(b))),
        element::UINT32 => each(bytes, |b| f64::from(u32::from_le_bytes(b))),
        element::INT16 => each(bytes, |b| f64::from(i16::from_le_bytes(b))),
        element::UINT16 => each(bytes, |b| f64::from(u16::from_le_bytes(b))),
        element::INT8 => each(bytes, |[b]| f64::from(i8::from_le_bytes([b]))),
        _ => each(bytes, |[b]| f64::from(b)),
    }
}
