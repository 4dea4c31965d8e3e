//! The one loop that is known: that in which exporters write the distances of all rows to all neighbours.

use super::Translator;
use super::attributes::Attributes;
use crate::onnx::OnnxError;
use crate::onnx::operators::Operator;
use crate::onnx::proto::Node;

/// Whether a `Scan` gives, for each row of its second input, the squared distances of the first's rows.
pub(super) fn is_distances(node: &Node) -> bool {
    let plain = node.input.len() == 2
        && node.output.len() == 2
        && node.attribute.iter().all(|attribute| match attribute.name.as_str() {
            "num_scan_inputs" => attribute.i == 1,
            "body" => true,
            _ => false,
        });
    let body = node.attribute.iter().find_map(|attribute| attribute.graph.as_deref());
    let Some(body) = body.filter(|_| plain) else { return false };
    let steps: Vec<&Node> = body.node.iter().filter(|step| step.op_type != "Identity").collect();
    let ([difference, square], [rows, point], [_, distances]) =
        (&steps[..], &body.input[..], &body.output[..])
    else {
        return false;
    };
    let keeps = square.attribute.iter().any(|attribute| attribute.name == "keepdims" && attribute.i == 0);
    let axes =
        square.attribute.iter().find(|attribute| attribute.name == "axes").map(|axes| axes.ints.as_slice());
    let axes_input = body.initializer.iter().find(|tensor| square.input.get(1) == Some(&tensor.name));
    let along_columns = axes == Some(&[1])
        || axes_input.is_some_and(|axes| axes.raw_data[..] == 1i64.to_le_bytes() || axes.int64_data == [1]);
    // What an output is a copy of.
    let source = |name: &str| {
        let copy =
            body.node.iter().find(|step| step.op_type == "Identity" && step.output.iter().any(|o| o == name));
        copy.and_then(|copy| copy.input.first()).map_or(name, String::as_str).to_owned()
    };
    difference.op_type == "Sub"
        && difference.input == [rows.name.as_str(), point.name.as_str()]
        && square.op_type == "ReduceSumSquare"
        && square.input.first() == difference.output.first()
        && square.output.first() == Some(&source(&distances.name))
        && keeps
        && along_columns
}

impl Translator {
    pub(super) fn scan(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        let (rows, points) = (self.input(node, 0)?, self.input(node, 1)?);
        // What is handed on from one round to the next never changes.
        self.alias(node, rows);
        let place = self.push(Operator::Distances { square: true }, &[points, rows]);
        if let Some(name) = node.node.output.get(1) {
            self.places.insert(name.clone(), place);
        }
        Ok(())
    }
}
