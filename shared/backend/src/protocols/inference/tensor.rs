//! Tensors as they come: their datatype, shape and elements.

use crate::problem::{Problem, Result};
use fettle_engine::table::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

/// A tensor of a request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputTensor {
    /// The model's input that it holds, or any other name for a matrix of all of them.
    pub name: String,
    /// `[N]` or `[N, 1]`, or `[N, inputs]` for a matrix.
    pub shape: Vec<u64>,
    // A text, so that an unknown one is told with its tensor.
    /// What its elements are.
    #[schemars(with = "Datatype")]
    pub datatype: String,
    /// Not used.
    #[serde(default)]
    pub parameters: Option<Map<String, Value>>,
    /// The elements, row by row, flat or nested as the shape is; null for a missing one.
    #[schemars(with = "Vec<Value>")]
    pub data: Value,
}

/// What a tensor's elements are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the protocol's own names, and they say it")]
pub enum Datatype {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Fp32,
    Fp64,
    Bytes,
}

static MISSING: Value = Value::Null;
static FALSE: Value = Value::Bool(false);
static TRUE: Value = Value::Bool(true);

impl InputTensor {
    fn wrong(&self, at: usize, part: &str, detail: impl std::fmt::Display) -> Problem {
        Problem::invalid(&format!("inputs[{at}].{part}"), format!("the tensor {:?} {detail}", self.name))
    }

    /// The rows of a tensor that is one column.
    pub(super) fn rows(&self, at: usize) -> Result<usize> {
        match self.shape[..] {
            [_] | [_, 1] => self.size(at, 0),
            _ => Err(self
                .wrong(at, "shape", format_args!("has the shape {:?}, and a column is needed", self.shape))
                .remedy(
                    "send each input as a tensor of shape [N], or all of them as one matrix [N, inputs]",
                )),
        }
    }

    /// The size of a dimension.
    pub(super) fn size(&self, at: usize, dimension: usize) -> Result<usize> {
        usize::try_from(self.shape[dimension])
            .map_err(|_| self.wrong(at, "shape", "has a dimension that no data can have"))
    }

    fn datatype(&self, at: usize) -> Result<Datatype> {
        Datatype::deserialize(Value::from(self.datatype.as_str())).map_err(|_| {
            let shown: String = self.datatype.chars().take(32).collect();
            self.wrong(at, "datatype", format_args!("has the datatype {shown:?}, which is not known"))
                .remedy("use BOOL, INT8 to INT64, UINT8 to UINT64, FP32, FP64 or BYTES")
        })
    }
}

/// The elements of a tensor in a row, each of its datatype or missing.
pub(super) struct Elements<'a> {
    values: Vec<&'a Value>,
    are_numbers: bool,
}

impl<'a> Elements<'a> {
    /// Checks number, nesting and datatype. O(elements).
    pub(super) fn of(tensor: &'a InputTensor, at: usize) -> Result<Self> {
        let datatype = tensor.datatype(at)?;
        let Value::Array(data) = &tensor.data else {
            return Err(tensor.wrong(at, "data", "has data that is not a list"));
        };
        let mut values = Vec::new();
        if data.first().is_some_and(Value::is_array) {
            flatten(&tensor.data, &tensor.shape, &mut values).map_err(|detail| {
                tensor
                    .wrong(at, "data", format_args!("{detail}, and its shape is {:?}", tensor.shape))
                    .remedy("nest the lists as the shape says, or send all elements in one list")
            })?;
        } else {
            values.extend(data);
        }
        let expected = tensor.shape.iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
        if expected != Some(values.len() as u64) {
            let (len, shape) = (values.len(), &tensor.shape);
            return Err(tensor
                .wrong(at, "data", format_args!("has {len} elements, and its shape is {shape:?}"))
                .remedy("send as many elements as the shape says"));
        }
        for (place, value) in values.iter_mut().enumerate() {
            *value = datatype.element(value).ok_or_else(|| {
                let (shown, datatype) = (shown(value), &tensor.datatype);
                tensor.wrong(at, &format!("data[{place}]"), format_args!("is of {datatype}, and has {shown}"))
                    .remedy("send elements of the datatype and within its range, null for a missing one, or name another datatype")
            })?;
        }
        Ok(Self { values, are_numbers: !matches!(datatype, Datatype::Bool | Datatype::Bytes) })
    }

    /// An element for a column of that kind. Since all of a matrix is of one datatype, the numbers 0 and 1
    /// are a boolean column's false and true.
    pub(super) fn value(&self, at: usize, kind: Kind) -> &'a Value {
        let value = self.values[at];
        match (kind, self.are_numbers, value.as_f64()) {
            (Kind::Boolean, true, Some(0.0)) => &FALSE,
            (Kind::Boolean, true, Some(1.0)) => &TRUE,
            _ => value,
        }
    }
}

/// Puts nested lists in one row, if they are nested as the shape is.
fn flatten<'a>(
    value: &'a Value,
    shape: &[u64],
    into: &mut Vec<&'a Value>,
) -> std::result::Result<(), String> {
    match (value, shape) {
        (Value::Array(items), [size, rest @ ..]) => {
            if items.len() as u64 != *size {
                return Err(format!("has a list of {} where one of {size} is due", items.len()));
            }
            items.iter().try_for_each(|item| flatten(item, rest, into))
        }
        (Value::Array(_), []) => Err("has lists nested too deep".to_owned()),
        (_, [_, ..]) => Err("has an element where a list is due".to_owned()),
        (element, []) => {
            into.push(element);
            Ok(())
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string().chars().take(64).collect(),
    }
}

impl Datatype {
    /// The value if it is an element of this datatype. Null is a missing one in each, and so is `"NaN"`
    /// among numbers with a fraction, since JSON has no word for it. A number in FP32 is taken as it is
    /// written, and only has to be within the range.
    fn element(self, value: &Value) -> Option<&Value> {
        let fits = match (self, value) {
            (Datatype::Fp32 | Datatype::Fp64, Value::String(text)) => {
                return text.eq_ignore_ascii_case("nan").then_some(&MISSING);
            }
            (_, Value::Null) | (Datatype::Bool, Value::Bool(_)) | (Datatype::Bytes, Value::String(_)) => true,
            (_, Value::Number(number)) => self.holds(number),
            _ => false,
        };
        fits.then_some(value)
    }

    fn holds(self, number: &Number) -> bool {
        let signed = |low: i64, high: i64| number.as_i64().is_some_and(|value| (low..=high).contains(&value));
        let unsigned = |high: u64| number.as_u64().is_some_and(|value| value <= high);
        match self {
            Datatype::Int8 => signed(i8::MIN.into(), i8::MAX.into()),
            Datatype::Int16 => signed(i16::MIN.into(), i16::MAX.into()),
            Datatype::Int32 => signed(i32::MIN.into(), i32::MAX.into()),
            Datatype::Int64 => signed(i64::MIN, i64::MAX),
            Datatype::Uint8 => unsigned(u8::MAX.into()),
            Datatype::Uint16 => unsigned(u16::MAX.into()),
            Datatype::Uint32 => unsigned(u32::MAX.into()),
            Datatype::Uint64 => unsigned(u64::MAX),
            Datatype::Fp32 => number.as_f64().is_some_and(|value| value.abs() <= f64::from(f32::MAX)),
            Datatype::Fp64 => number.as_f64().is_some_and(f64::is_finite),
            Datatype::Bool | Datatype::Bytes => false,
        }
    }
}
