//! A graph that is being written.

use prost::Message;
use prost::bytes::Bytes;
use serde_json::json;

use crate::onnx::proto::{self, attribute, element};
use crate::table::{Field, Kind};

/// Versions of the format, of `ai.onnx` and of `ai.onnx.ml`: of 2021, so that any runtime in use reads them.
const IR: i64 = 8;
const OPSET: i64 = 17;
const ML_OPSET: i64 = 2;

/// Nodes and constants so far. Tensors go by names of their own that no column has.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    fields: &'a [Field],
    /// Which of them some node reads.
    used: Vec<bool>,
    prefix: String,
    next: usize,
    nodes: Vec<proto::Node>,
    constants: Vec<proto::Tensor>,
}

/// An attribute of a node.
#[derive(Debug)]
pub(crate) enum Setting {
    Int(&'static str, i64),
    Text(&'static str, &'static str),
    Float(&'static str, f32),
    Ints(&'static str, Vec<i64>),
    Floats(&'static str, Vec<f32>),
    Texts(&'static str, Vec<String>),
}

/// The type of values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values {
    Float,
    Double,
}

impl Values {
    fn element(self) -> i32 {
        match self {
            Values::Float => element::FLOAT,
            Values::Double => element::DOUBLE,
        }
    }
}

impl<'a> Writer<'a> {
    pub(crate) fn new(fields: &'a [Field]) -> Writer<'a> {
        let mut prefix = "_".to_owned();
        while fields.iter().any(|field| field.name.starts_with(&prefix)) {
            prefix.push('_');
        }
        Writer {
            fields,
            used: vec![false; fields.len()],
            prefix,
            next: 0,
            nodes: Vec::new(),
            constants: Vec::new(),
        }
    }

    fn name(&mut self) -> String {
        self.next += 1;
        format!("{}{}", self.prefix, self.next)
    }

    /// The tensor `[N, 1]` of a column of the table.
    pub(crate) fn column(&mut self, at: usize) -> String {
        self.used[at] = true;
        self.fields[at].name.clone()
    }

    /// The columns' names, for errors.
    pub(crate) fn fields(&self) -> &'a [Field] {
        self.fields
    }

    /// An operator of `ai.onnx` without attributes.
    pub(crate) fn op(&mut self, kind: &str, inputs: &[&str]) -> String {
        self.op_with(kind, inputs, Vec::new())
    }

    pub(crate) fn op_with(&mut self, kind: &str, inputs: &[&str], settings: Vec<Setting>) -> String {
        let output = self.name();
        self.node(kind, "", inputs, &output, settings);
        output
    }

    /// An operator of `ai.onnx.ml`.
    pub(crate) fn learned(&mut self, kind: &str, inputs: &[&str], settings: Vec<Setting>) -> String {
        let output = self.name();
        self.node(kind, "ai.onnx.ml", inputs, &output, settings);
        output
    }

    fn node(&mut self, kind: &str, domain: &str, inputs: &[&str], output: &str, settings: Vec<Setting>) {
        self.nodes.push(proto::Node {
            input: inputs.iter().map(ToString::to_string).collect(),
            output: vec![output.into()],
            name: format!("{kind}{output}"),
            op_type: kind.into(),
            attribute: settings.into_iter().map(Setting::attribute).collect(),
            domain: domain.into(),
        });
    }

    /// Gives a tensor the name of an output.
    pub(super) fn output(&mut self, tensor: &str, name: &str) {
        self.node("Identity", "", &[tensor], name, Vec::new());
    }

    pub(crate) fn cast(&mut self, tensor: &str, to: Values) -> String {
        self.op_with("Cast", &[tensor], vec![Setting::Int("to", i64::from(to.element()))])
    }

    pub(crate) fn double(&mut self, shape: &[usize], values: &[f64]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(element::DOUBLE, shape, raw)
    }

    pub(crate) fn float(&mut self, shape: &[usize], values: &[f32]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(element::FLOAT, shape, raw)
    }

    pub(crate) fn ints(&mut self, values: &[i64]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(element::INT64, &[values.len()], raw)
    }

    fn constant(&mut self, of: i32, shape: &[usize], raw: Vec<u8>) -> String {
        let name = self.name();
        self.constants.push(proto::Tensor {
            dims: shape.iter().map(|length| *length as i64).collect(),
            data_type: of,
            name: name.clone(),
            raw_data: Bytes::from(raw),
            ..proto::Tensor::default()
        });
        name
    }

    /// Columns side by side; of one there is nothing to do.
    pub(crate) fn side_by_side(&mut self, parts: &[String]) -> String {
        match parts {
            [one] => one.clone(),
            parts => {
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                self.op_with("Concat", &parts, vec![Setting::Int("axis", 1)])
            }
        }
    }

    /// Some columns of a matrix, in this order.
    pub(crate) fn select(&mut self, matrix: &str, columns: &[usize]) -> String {
        let columns: Vec<i64> = columns.iter().map(|at| *at as i64).collect();
        let columns = self.ints(&columns);
        self.op_with("Gather", &[matrix, &columns], vec![Setting::Int("axis", 1)])
    }

    /// The same row as often as there are rows.
    pub(crate) fn repeated(&mut self, row: &[f64]) -> String {
        let first = self.column(0);
        let shape = self.op("Shape", &[&first]);
        let zero = self.ints(&[0]);
        let rows = self.op_with("Gather", &[&shape, &zero], vec![Setting::Int("axis", 0)]);
        let one = self.ints(&[1]);
        let shape = self.op_with("Concat", &[&rows, &one], vec![Setting::Int("axis", 0)]);
        let row = self.double(&[1, row.len()], row);
        self.op("Expand", &[&row, &shape])
    }

    /// Whether a column goes by that name.
    pub(super) fn is_column(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// The whole model; `outputs` are names, types and columns, none of a list.
    pub(super) fn finish(
        self,
        outputs: &[(String, i32, Option<usize>)],
        metadata: &[(&str, String)],
    ) -> Vec<u8> {
        let read =
            self.fields.iter().zip(&self.used).filter(|(_, used)| **used).map(|(field, _)| &field.name);
        let names = ("fettle.columns", json!(read.collect::<Vec<_>>()).to_string());
        let columns = self.fields.iter().zip(&self.used).filter(|(_, used)| **used).map(|(field, _)| {
            let of = match field.kind {
                Kind::Category | Kind::Text | Kind::Identifier => element::STRING,
                _ => element::FLOAT,
            };
            value(&field.name, of, Some(1))
        });
        let graph = proto::Graph {
            input: columns.collect(),
            output: outputs.iter().map(|(name, of, width)| value(name, *of, *width)).collect(),
            node: self.nodes,
            initializer: self.constants,
            name: "fettle".into(),
            ..proto::Graph::default()
        };
        let opset = |domain: &str, version| proto::Opset { domain: domain.into(), version };
        let model = proto::Model {
            ir_version: IR,
            producer_name: "fettle".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(graph),
            opset_import: vec![opset("", OPSET), opset("ai.onnx.ml", ML_OPSET)],
            metadata_props: std::iter::once(&names)
                .chain(metadata)
                .map(|(key, value)| proto::Entry { key: (*key).into(), value: value.clone() })
                .collect(),
            functions: Vec::new(),
        };
        model.encode_to_vec()
    }
}

fn value(name: &str, of: i32, width: Option<usize>) -> proto::ValueInfo {
    let mut dim = vec![proto::Dimension { dim_value: None, dim_param: Some("N".into()) }];
    dim.extend(width.map(|width| proto::Dimension { dim_value: Some(width as i64), dim_param: None }));
    let tensor = proto::TensorType { elem_type: of, shape: Some(proto::Shape { dim }) };
    proto::ValueInfo { name: name.into(), kind: Some(proto::Type { tensor_type: Some(tensor) }) }
}

impl Setting {
    fn attribute(self) -> proto::Attribute {
        let empty =
            |name: &str, kind| proto::Attribute { name: name.into(), kind, ..proto::Attribute::default() };
        match self {
            Setting::Int(name, i) => proto::Attribute { i, ..empty(name, attribute::INT) },
            Setting::Float(name, f) => proto::Attribute { f, ..empty(name, attribute::FLOAT) },
            Setting::Text(name, text) => {
                proto::Attribute { s: Bytes::from_static(text.as_bytes()), ..empty(name, attribute::STRING) }
            }
            Setting::Ints(name, ints) => proto::Attribute { ints, ..empty(name, attribute::INTS) },
            Setting::Floats(name, floats) => proto::Attribute { floats, ..empty(name, attribute::FLOATS) },
            Setting::Texts(name, texts) => {
                let strings = texts.into_iter().map(Bytes::from).collect();
                proto::Attribute { strings, ..empty(name, attribute::STRINGS) }
            }
        }
    }
}
