//! Which output is the answer, and what its classes are called.

use super::target;
use crate::matrix::Matrix;
use crate::onnx::OnnxError;
use crate::onnx::graph::{Answer, Graph};
use crate::onnx::operators::{self, Columns, Labels, Moving, Operator};
use crate::onnx::source::Source;
use crate::onnx::tensor::{Tensor, Type};
use crate::onnx::translate::Translator;
use crate::table::{Field, Kind};

/// The entry of the metadata that may name the classes, as a JSON list.
const CLASSES: &str = "classes";
/// Rows on which it is tried whether scores are probabilities.
const TRIED: usize = 32;
/// Rounding may leave so much of a sum of 1.
const NEAR: f64 = 1e-3;
/// So many classes at most.
const MOST_CLASSES: usize = 1 << 16;

/// The answer, and what it is called.
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) classes: Vec<String>,
    pub(super) target: Field,
}

/// An output of the graph.
struct Output<'a> {
    name: &'a str,
    slot: u32,
    /// Its values for the rows that were tried.
    tensor: Tensor,
    /// Labels that it had as a map.
    map: Option<&'a Labels>,
}

impl Output<'_> {
    /// Values a row.
    fn width(&self) -> Result<usize, OnnxError> {
        self.tensor.matrix_of(TRIED).map_err(|_| {
            OnnxError::Unsuitable(format!("its output '{}' is not of one row for each row", self.name))
        })
    }

    fn is_label(&self) -> bool {
        self.map.is_none() && matches!(self.tensor.kind, Type::Integer | Type::Word | Type::Boolean)
    }

    /// Whether its values are distributions, or of one column a probability.
    fn is_probable(&self, width: usize) -> bool {
        self.tensor.values.chunks_exact(width.max(1)).all(|row| {
            let sum: f64 = row.iter().sum();
            row.iter().all(|p| (-NEAR..=1.0 + NEAR).contains(p)) && (width == 1 || (sum - 1.0).abs() < NEAR)
        })
    }
}

/// Finds the answer among the outputs.
pub(super) fn find(
    graph: &Graph,
    translator: &Translator,
    source: &Source,
    words: &[String],
) -> Result<Answered, OnnxError> {
    let cols: usize = graph.inputs.iter().map(|input| input.columns as usize * input.halves()).sum();
    let tensors = graph
        .run(&tried(graph, cols), 0..TRIED)
        .map_err(|(_, fault)| OnnxError::Unsuitable(format!("it cannot be computed: {fault}")))?;
    let mut outputs = Vec::new();
    for name in &source.outputs {
        let place = translator.place(name);
        let place =
            place.ok_or_else(|| OnnxError::Unsuitable(format!("nothing makes its output '{name}'")))?;
        let slot = translator.slot(place);
        let tensor = tensors.get(slot as usize).map(|tensor| tensor.clone().into_owned());
        let tensor =
            tensor.ok_or_else(|| OnnxError::Unsuitable(format!("its output '{name}' is nothing")))?;
        outputs.push(Output { name, slot, tensor, map: translator.maps.get(name) });
    }
    let label = outputs.iter().find(|output| output.is_label());
    let scores: Vec<&Output> = outputs.iter().filter(|output| !output.is_label()).collect();
    let named: Option<Vec<String>> =
        source.metadata.get(CLASSES).and_then(|text| serde_json::from_str(text).ok());
    match (label, scores.as_slice()) {
        (Some(label), scores) => classes(graph, label, scores.first().copied(), words),
        (None, [scores]) => one(scores, named, words),
        (None, _) => Err(OnnxError::Unsuitable(format!(
            "it has {} outputs of numbers, and none is a label: keep the one that is the prediction",
            scores.len()
        ))),
    }
}

/// Of a label, and scores if there are any.
fn classes(
    graph: &Graph,
    label: &Output,
    scores: Option<&Output>,
    words: &[String],
) -> Result<Answered, OnnxError> {
    let unsuitable = |what: &str| OnnxError::Unsuitable(format!("its output '{}' {what}", label.name));
    let width = scores.map(Output::width).transpose()?;
    if label.width()? != 1 {
        return Err(unsuitable("has several labels for each row"));
    }
    let labels = match scores.and_then(|scores| scores.map) {
        Some(labels) => Some(labels.clone()),
        None => labels_of(graph, label.slot, width, 0),
    };
    let labels = labels.filter(|labels| labels.kind == label.tensor.kind);
    let labels = labels.ok_or_else(|| unsuitable("is a label, and it cannot be told which there are"))?;
    let count = labels.values.len();
    if !(2..=MOST_CLASSES).contains(&count) {
        return Err(unsuitable(&format!("has {count} classes")));
    }
    let probable = scores.zip(width).filter(|(scores, width)| {
        (*width == count || *width == 1 && count == 2) && scores.is_probable(*width)
    });
    let answer = match probable {
        Some((scores, _)) => Answer::Probabilities(scores.slot, count as u32),
        None => Answer::Labels(label.slot, labels.values.clone()),
    };
    let (classes, kind) = names(&labels, words);
    Ok(Answered { answer, classes, target: target(label.name, kind) })
}

/// Of one output of numbers: a number, or probabilities.
fn one(scores: &Output, named: Option<Vec<String>>, words: &[String]) -> Result<Answered, OnnxError> {
    let width = scores.width()?;
    let count = if width == 1 && (named.is_some() || scores.map.is_some()) { 2 } else { width };
    if count == 1 {
        let target = target(scores.name, Kind::Number);
        return Ok(Answered { answer: Answer::Number(scores.slot), classes: Vec::new(), target });
    }
    if !scores.is_probable(width) || count > MOST_CLASSES {
        return Err(OnnxError::Unsuitable(format!(
            "its output '{}' has {width} numbers for each row, and they are not probabilities: export one number, or \
             end it with Softmax or Sigmoid",
            scores.name
        )));
    }
    let numbered = Labels { kind: Type::Integer, values: (0..count).map(|class| class as f64).collect() };
    let (classes, kind) = match (named, scores.map) {
        (Some(classes), _) => (classes, Kind::Category),
        (None, map) => names(map.unwrap_or(&numbered), words),
    };
    if classes.len() != count {
        return Err(OnnxError::Unsuitable(format!(
            "its output '{}' has {count} probabilities, and {} classes are named",
            scores.name,
            classes.len()
        )));
    }
    let answer = Answer::Probabilities(scores.slot, count as u32);
    Ok(Answered { answer, classes, target: target(scores.name, kind) })
}

/// What labels look like, and which kind of target has such.
fn names(labels: &Labels, words: &[String]) -> (Vec<String>, Kind) {
    let name = |value: &f64| match labels.kind {
        Type::Word => words.get(*value as usize).cloned().unwrap_or_default(),
        Type::Boolean => {
            if *value == 0.0 {
                "false".into()
            } else {
                "true".into()
            }
        }
        _ => value.to_string(),
    };
    let kind = match labels.kind {
        Type::Word => Kind::Category,
        Type::Boolean => Kind::Boolean,
        Type::Integer => Kind::Integer,
        Type::Float | Type::Double => Kind::Number,
    };
    (labels.values.iter().map(name).collect(), kind)
}

/// The labels that a tensor may have, from how it is made.
fn labels_of(graph: &Graph, slot: u32, classes: Option<usize>, depth: usize) -> Option<Labels> {
    let first = graph.inputs.len() + graph.constants.len();
    let constant = |slot: u32| {
        let tensor = graph.constants.get((slot as usize).checked_sub(graph.inputs.len())?)?;
        Some(Labels { kind: tensor.kind, values: tensor.values.clone() })
    };
    let mut end = first;
    let step = graph.steps.iter().find(|step| {
        end += step.operator.outputs();
        (slot as usize) < end && slot as usize >= first
    })?;
    let input = |at: usize| step.inputs.get(at).copied();
    // As deep as the graph has steps at most, and much less in any that was exported.
    let before = |at: usize| if depth < 64 { labels_of(graph, input(at)?, classes, depth + 1) } else { None };
    match &step.operator {
        Operator::Linear(linear) => linear.labels.clone(),
        Operator::Trees(trees) => trees.labels.clone(),
        Operator::Machine(machine) => match &machine.answer {
            operators::Answer::Pairs { labels, .. } | operators::Answer::Each { labels } => {
                Some(labels.clone())
            }
            operators::Answer::OneClass { .. } => Some(Labels { kind: Type::Float, values: vec![-1.0, 1.0] }),
            operators::Answer::Number { .. } => None,
        },
        Operator::Moving(Moving::Columns | Moving::Gather { .. }) => {
            input(0).and_then(constant).or_else(|| before(0))
        }
        Operator::Moving(
            Moving::Identity
            | Moving::Reshape { .. }
            | Moving::Flatten { .. }
            | Moving::Squeeze { .. }
            | Moving::Unsqueeze { .. },
        ) => before(0),
        Operator::Cast(kind) => before(0).map(|labels| Labels { kind: *kind, ..labels }),
        Operator::Columns(Columns::Lookup { table, kind, values, .. }) => {
            let values = match before(0) {
                Some(labels) => labels
                    .values
                    .iter()
                    .filter_map(|label| values.get(table.find(*label)?).copied())
                    .collect(),
                None => values.clone(),
            };
            Some(Labels { kind: *kind, values })
        }
        Operator::Arg(_) => {
            let values = (0..classes?.max(2)).map(|class| class as f64).collect();
            Some(Labels { kind: Type::Integer, values })
        }
        Operator::Where => {
            let (yes, no) = (input(1).and_then(constant)?, input(2).and_then(constant)?);
            let mut values = [no.values, yes.values].concat();
            values.sort_by(f64::total_cmp);
            values.dedup();
            Some(Labels { kind: yes.kind, values })
        }
        // Arithmetic with one number, as of 1 − 2 · (score < 0).
        Operator::Binary(binary) if binary.is_arithmetic() => {
            let (a, b) = (input(0)?, input(1)?);
            let single = |slot: u32| constant(slot).filter(|labels| labels.values.len() == 1);
            let (labels, constant, first) = match (single(a), single(b)) {
                (Some(constant), None) => (before(1)?, constant, true),
                (None, Some(constant)) => (before(0)?, constant, false),
                _ => return None,
            };
            let one = constant.values[0];
            let value =
                |label: &f64| if first { binary.apply(one, *label) } else { binary.apply(*label, one) };
            Some(Labels { kind: labels.kind, values: labels.values.iter().map(value).collect() })
        }
        Operator::Binary(_) | Operator::Unary(_) => {
            Some(Labels { kind: Type::Boolean, values: vec![0.0, 1.0] })
        }
        _ => None,
    }
}

/// Rows of numbers of many sizes, whole ones for integers and words.
fn tried(graph: &Graph, cols: usize) -> Matrix {
    let mut state = 1u32;
    let mut next = || {
        // As many linear congruential generators: only that they differ matters.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24)
    };
    let mut data = Vec::with_capacity(TRIED * cols);
    for input in &graph.inputs {
        for _ in 0..input.columns {
            data.extend((0..TRIED).map(|row| {
                let size = 10f64.powi(row as i32 % 5 - 1);
                match input.kind {
                    Type::Float | Type::Double => ((next() - 0.5) * size) as f32,
                    _ => (next() * 2.0).floor() as f32,
                }
            }));
            if input.halves() == 2 {
                data.resize(data.len() + TRIED, 0.0);
            }
        }
    }
    Matrix::new(TRIED, cols, data)
}
