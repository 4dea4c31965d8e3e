//! The messages of the ONNX format, with the fields that are read or written here; others are skipped.
//! Numbers and types are those of `onnx.proto` (ONNX, *Open Neural Network Exchange Intermediate
//! Representation*, version 13).

use prost::bytes::{Buf, BufMut, Bytes};
use prost::encoding::{self, DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost::{DecodeError, Message};

use super::OnnxError;

/// A file may be so large. What is made of it in memory takes about ten times as much at most.
pub(super) const LARGEST: usize = 128 << 20;
/// So many messages may be in it: each takes memory, however short it is. A network of a thousand layers
/// has some ten thousand.
const MOST_MESSAGES: usize = 1 << 20;
/// And so deep within each other.
const MOST_DEPTH: usize = 64;

/// A message by its fields: number, encoding, how many there may be (`one`, of which what is 0 or empty is not
/// written; `maybe`; `many`; `packed`, which is read however it was written), name and type.
macro_rules! message {
    ($(#[$about:meta])* $name:ident { $($tag:literal $codec:ident $many:ident $field:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Default)]
        pub(super) struct $name {
            $(pub(super) $field: $kind,)*
        }

        impl Message for $name {
            fn encode_raw(&self, _buffer: &mut impl BufMut) {
                $(message!(encode $many $codec $tag self.$field, _buffer);)*
            }

            fn merge_field(
                &mut self,
                tag: u32,
                wire: WireType,
                buffer: &mut impl Buf,
                context: DecodeContext,
            ) -> Result<(), DecodeError> {
                match tag {
                    $($tag => message!(merge $many $codec wire self.$field, buffer, context),)*
                    _ => skip_field(wire, tag, buffer, context),
                }
            }

            fn encoded_len(&self) -> usize {
                0 $(+ message!(length $many $codec $tag self.$field))*
            }

            fn clear(&mut self) {
                *self = $name::default();
            }
        }
    };
    (encode one $codec:ident $tag:literal $field:expr, $buffer:ident) => {
        if !is_default(&$field) {
            encoding::$codec::encode($tag, &$field, $buffer);
        }
    };
    (encode maybe $codec:ident $tag:literal $field:expr, $buffer:ident) => {
        if let Some(value) = &$field {
            encoding::$codec::encode($tag, value, $buffer);
        }
    };
    (encode many $codec:ident $tag:literal $field:expr, $buffer:ident) => {
        encoding::$codec::encode_repeated($tag, &$field, $buffer)
    };
    (encode packed $codec:ident $tag:literal $field:expr, $buffer:ident) => {
        encoding::$codec::encode_packed($tag, &$field, $buffer)
    };
    (merge one $codec:ident $wire:ident $field:expr, $buffer:ident, $context:ident) => {
        encoding::$codec::merge($wire, &mut $field, $buffer, $context)
    };
    (merge maybe $codec:ident $wire:ident $field:expr, $buffer:ident, $context:ident) => {
        encoding::$codec::merge($wire, $field.get_or_insert_default(), $buffer, $context)
    };
    (merge $many:ident $codec:ident $wire:ident $field:expr, $buffer:ident, $context:ident) => {
        encoding::$codec::merge_repeated($wire, &mut $field, $buffer, $context)
    };
    (length one $codec:ident $tag:literal $field:expr) => {
        if is_default(&$field) { 0 } else { encoding::$codec::encoded_len($tag, &$field) }
    };
    (length maybe $codec:ident $tag:literal $field:expr) => {
        $field.as_ref().map_or(0, |value| encoding::$codec::encoded_len($tag, value))
    };
    (length many $codec:ident $tag:literal $field:expr) => {
        encoding::$codec::encoded_len_repeated($tag, &$field)
    };
    (length packed $codec:ident $tag:literal $field:expr) => {
        encoding::$codec::encoded_len_packed($tag, &$field)
    };
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

message!(Model {
    1 int64 one ir_version: i64,
    2 string one producer_name: String,
    3 string one producer_version: String,
    7 message maybe graph: Option<Graph>,
    8 message many opset_import: Vec<Opset>,
    14 message many metadata_props: Vec<Entry>,
    25 message many functions: Vec<Empty>,
});

message!(
    /// A message of which it only matters whether it is there.
    Empty {}
);

message!(Opset {
    1 string one domain: String,
    2 int64 one version: i64,
});

message!(Entry {
    1 string one key: String,
    2 string one value: String,
});

message!(Graph {
    1 message many node: Vec<Node>,
    2 string one name: String,
    5 message many initializer: Vec<Tensor>,
    11 message many input: Vec<ValueInfo>,
    12 message many output: Vec<ValueInfo>,
    15 message many sparse_initializer: Vec<Empty>,
});

message!(Node {
    1 string many input: Vec<String>,
    2 string many output: Vec<String>,
    3 string one name: String,
    4 string one op_type: String,
    5 message many attribute: Vec<Attribute>,
    7 string one domain: String,
});

message!(
    /// `graph` is one within, of a loop or a branch; `kind` is one of [`attribute`].
    Attribute {
        1 string one name: String,
        2 float one f: f32,
        3 int64 one i: i64,
        4 bytes one s: Bytes,
        5 message maybe t: Option<Tensor>,
        6 message maybe graph: Option<Box<Graph>>,
        7 float many floats: Vec<f32>,
        8 int64 many ints: Vec<i64>,
        9 bytes many strings: Vec<Bytes>,
        20 int32 one kind: i32,
    }
);

/// Values of [`Attribute::kind`].
pub(super) mod attribute {
    pub(in crate::onnx) const FLOAT: i32 = 1;
    pub(in crate::onnx) const INT: i32 = 2;
    pub(in crate::onnx) const STRING: i32 = 3;
    pub(in crate::onnx) const TENSOR: i32 = 4;
    pub(in crate::onnx) const FLOATS: i32 = 6;
    pub(in crate::onnx) const INTS: i32 = 7;
    pub(in crate::onnx) const STRINGS: i32 = 8;
}

message!(Tensor {
    1 int64 many dims: Vec<i64>,
    2 int32 one data_type: i32,
    4 float packed float_data: Vec<f32>,
    5 int32 packed int32_data: Vec<i32>,
    6 bytes many string_data: Vec<Bytes>,
    7 int64 packed int64_data: Vec<i64>,
    8 string one name: String,
    9 bytes one raw_data: Bytes,
    10 double packed double_data: Vec<f64>,
    13 message many external_data: Vec<Empty>,
    14 int32 one data_location: i32,
});

/// Values of [`Tensor::data_type`] and [`TensorType::elem_type`].
pub(super) mod element {
    pub(in crate::onnx) const FLOAT: i32 = 1;
    pub(in crate::onnx) const UINT8: i32 = 2;
    pub(in crate::onnx) const INT8: i32 = 3;
    pub(in crate::onnx) const UINT16: i32 = 4;
    pub(in crate::onnx) const INT16: i32 = 5;
    pub(in crate::onnx) const INT32: i32 = 6;
    pub(in crate::onnx) const INT64: i32 = 7;
    pub(in crate::onnx) const STRING: i32 = 8;
    pub(in crate::onnx) const BOOL: i32 = 9;
    pub(in crate::onnx) const DOUBLE: i32 = 11;
    pub(in crate::onnx) const UINT32: i32 = 12;
}

message!(ValueInfo {
    1 string one name: String,
    2 message maybe kind: Option<Type>,
});

message!(Type {
    1 message maybe tensor_type: Option<TensorType>,
});

message!(TensorType {
    1 int32 one elem_type: i32,
    2 message maybe shape: Option<Shape>,
});

message!(Shape {
    1 message many dim: Vec<Dimension>,
});

message!(
    /// A length, or a name for one that is not known.
    Dimension {
        1 int64 maybe dim_value: Option<i64>,
        2 string maybe dim_param: Option<String>,
    }
);

/// Reads a model. O(bytes).
///
/// # Errors
/// When the bytes are too many, or not ONNX.
pub(super) fn decode(bytes: &[u8]) -> Result<Model, OnnxError> {
    if bytes.len() > LARGEST {
        return Err(OnnxError::TooLarge { bytes: bytes.len(), most: LARGEST });
    }
    let mut left = MOST_MESSAGES;
    count(bytes, &MESSAGES_OF_MODEL, 0, &mut left)?;
    // Copied once: strings and raw data are then parts of it.
    let model = Model::decode(Bytes::copy_from_slice(bytes))
        .map_err(|error| OnnxError::NotOnnx(error.to_string()))?;
    if model.graph.is_none() || model.opset_import.is_empty() {
        return Err(OnnxError::NotOnnx("it has no graph, or does not say of which operators".into()));
    }
    Ok(model)
}

/// Which fields of a message are messages or lists of strings, and what is in them.
struct Messages(&'static [(u32, Option<&'static Messages>)]);

static MESSAGES_OF_MODEL: Messages =
    Messages(&[(7, Some(&MESSAGES_OF_GRAPH)), (8, None), (14, None), (25, None)]);
static MESSAGES_OF_GRAPH: Messages = Messages(&[
    (1, Some(&MESSAGES_OF_NODE)),
    (5, Some(&MESSAGES_OF_TENSOR)),
    (11, Some(&MESSAGES_OF_VALUE)),
    (12, Some(&MESSAGES_OF_VALUE)),
    (15, None),
]);
static MESSAGES_OF_NODE: Messages = Messages(&[(1, None), (2, None), (5, Some(&MESSAGES_OF_ATTRIBUTE))]);
/// Strings are not counted: trees have three a node.
static MESSAGES_OF_ATTRIBUTE: Messages =
    Messages(&[(5, Some(&MESSAGES_OF_TENSOR)), (6, Some(&MESSAGES_OF_GRAPH))]);
static MESSAGES_OF_TENSOR: Messages = Messages(&[(13, None)]);
static MESSAGES_OF_VALUE: Messages = Messages(&[(2, Some(&MESSAGES_OF_TYPE))]);
static MESSAGES_OF_TYPE: Messages = Messages(&[(1, Some(&MESSAGES_OF_TENSOR_TYPE))]);
static MESSAGES_OF_TENSOR_TYPE: Messages = Messages(&[(2, Some(&MESSAGES_OF_SHAPE))]);
static MESSAGES_OF_SHAPE: Messages = Messages(&[(1, None)]);

/// Counts the messages before any takes memory: one of two bytes becomes some hundred.
fn count(mut bytes: &[u8], of: &Messages, depth: usize, left: &mut usize) -> Result<(), OnnxError> {
    if depth > MOST_DEPTH {
        return Err(OnnxError::NotOnnx("it has messages within messages without end".into()));
    }
    let damaged = |error: DecodeError| OnnxError::NotOnnx(error.to_string());
    while bytes.has_remaining() {
        let (tag, wire) = decode_key(&mut bytes).map_err(damaged)?;
        let known = of.0.iter().find(|(field, _)| *field == tag);
        let (Some((_, inner)), WireType::LengthDelimited) = (known, wire) else {
            skip_field(wire, tag, &mut bytes, DecodeContext::default()).map_err(damaged)?;
            continue;
        };
        let length = usize::try_from(decode_varint(&mut bytes).map_err(damaged)?).unwrap_or(usize::MAX);
        let Some((inside, rest)) = bytes.split_at_checked(length) else {
            return Err(OnnxError::NotOnnx("it ends in the middle".into()));
        };
        *left = left
            .checked_sub(1)
            .ok_or_else(|| OnnxError::Unsuitable(format!("its graph has more than {MOST_MESSAGES} parts")))?;
        if let Some(inner) = inner {
            count(inside, inner, depth + 1, left)?;
        }
        bytes = rest;
    }
    Ok(())
}
