//! A graph in our own form: typed, checked, and without anything of protocol buffers.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::fault::{Fault, Run};
use super::operators::Operator;
use super::tensor::{Tensor, Type};
use crate::matrix::Matrix;

/// Rows are computed in blocks of so many, or of fewer where they take much.
const BLOCK: usize = 256;
/// The values of all tensors of a block: 128 MB.
const MOST_VALUES: usize = 1 << 24;
/// So many steps at most.
const MOST_STEPS: usize = 100_000;
/// In place of an input that is left out.
pub(super) const NONE: u32 = u32::MAX;

/// A graph of operators. Its tensors are numbered: the inputs, the constants, then what each step gives.
/// Part of the artifact's format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    pub(super) inputs: Vec<Input>,
    pub(super) constants: Vec<Tensor>,
    pub(super) steps: Vec<Step>,
    pub(super) answer: Answer,
}

/// A tensor that is made of columns of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Input {
    pub(super) kind: Type,
    /// How many columns of the table.
    pub(super) columns: u32,
    /// Whether it is a list, of one column.
    pub(super) list: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) operator: Operator,
    /// Tensors before it, or [`NONE`].
    pub(super) inputs: Vec<u32>,
}

/// Which tensor is the answer, and how. The order of variants is part of the artifact's format: add at the
/// end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Answer {
    /// A number a row.
    Number(u32),
    /// A probability for each of so many classes, or of two classes that of the second.
    Probabilities(u32, u32),
    /// A label a row, one of these.
    Labels(u32, Vec<f64>),
}

impl Answer {
    /// The number of its tensor.
    pub(super) fn slot(&self) -> usize {
        let (Answer::Number(slot) | Answer::Probabilities(slot, _) | Answer::Labels(slot, _)) = self;
        *slot as usize
    }
}

impl Input {
    /// Columns of the matrix that one column of the table takes: what `f32` does not hold is in two.
    pub(super) fn halves(self) -> usize {
        match self.kind {
            Type::Double | Type::Integer => 2,
            Type::Float | Type::Boolean | Type::Word => 1,
        }
    }

    /// The tensor of some rows, from the matrix's column `first` on.
    fn tensor(self, x: &Matrix, first: usize, rows: std::ops::Range<usize>) -> Tensor {
        let (columns, halves) = (self.columns as usize, self.halves());
        let mut values = vec![0.0; rows.len() * columns];
        for column in 0..columns {
            for half in 0..halves {
                let col = &x.col(first + column * halves + half)[rows.clone()];
                for (at, value) in col.iter().enumerate() {
                    values[at * columns + column] += f64::from(*value);
                }
            }
        }
        let shape = if self.list { vec![rows.len()] } else { vec![rows.len(), columns] };
        Tensor { kind: self.kind, shape, values }
    }
}

impl Graph {
    /// Predicts: `rows × outputs`, row by row. Where the graph cannot be computed, which
    /// [`check`](Graph::check) saw that it can, the answer is NaN.
    pub(crate) fn predict(&self, x: &Matrix) -> Vec<f64> {
        let outputs = self.outputs();
        let mut answers = Vec::with_capacity(x.rows() * outputs);
        let mut block = BLOCK;
        let mut from = 0;
        while from < x.rows() {
            let to = x.rows().min(from + block);
            match self.answers(x, from..to, outputs) {
                Ok(of_block) => answers.extend(of_block),
                Err(Fault::TooLarge) if block > 1 => {
                    block /= 2;
                    continue;
                }
                Err(_) => answers.resize(answers.len() + (to - from) * outputs, f64::NAN),
            }
            from = to;
        }
        answers
    }

    /// The width of an answer.
    fn outputs(&self) -> usize {
        match &self.answer {
            Answer::Number(_) => 1,
            Answer::Labels(_, values) => values.len(),
            Answer::Probabilities(_, classes) => *classes as usize,
        }
    }

    /// Makes sure that predicting from `cols` columns stays in bounds, ends, and gives `outputs` values a
    /// row, for a graph that was read from bytes. Its shapes are tried on rows made up for it.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn check(&self, cols: usize, outputs: usize) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("the graph has {what}"));
        let columns = |input: &Input| (input.columns as usize).checked_mul(input.halves());
        let read = self.inputs.iter().try_fold(0usize, |sum, input| sum.checked_add(columns(input)?));
        if read != Some(cols) || self.inputs.iter().any(|input| input.list && input.columns != 1) {
            return wrong("another number of columns");
        }
        if self.steps.len() > MOST_STEPS || !self.constants.iter().all(Tensor::is_sound) {
            return wrong("constants or steps that cannot be");
        }
        let mut known = self.inputs.len() + self.constants.len();
        for step in &self.steps {
            let before = |slot: &u32| *slot == NONE || (*slot as usize) < known;
            if !step.operator.is_sound() || !step.inputs.iter().all(before) {
                return wrong("a step that points outside");
            }
            known += step.operator.outputs();
        }
        if self.answer.slot() >= known || self.outputs() != outputs {
            return wrong("another answer");
        }
        // One row and several: a graph for one number of rows only is found out.
        for rows in [1, 3] {
            let answers = self.answers(&probe(rows, cols), 0..rows, outputs);
            if let Err((step, fault)) =
                answers.map_err(|fault| (self.failing(&probe(rows, cols), rows), fault))
            {
                let place = step.map_or_else(|| "its answer".into(), |step| format!("step {step}"));
                return Err(format!("the graph cannot be computed for {rows} rows: at {place}, {fault}"));
            }
        }
        Ok(())
    }

    /// The first step that cannot be computed for made-up rows.
    pub(super) fn failing(&self, x: &Matrix, rows: usize) -> Option<usize> {
        self.run(x, 0..rows).err().map(|(step, _)| step)
    }

    /// The answers of some rows, `outputs` a row.
    fn answers(&self, x: &Matrix, rows: std::ops::Range<usize>, outputs: usize) -> Run<Vec<f64>> {
        let count = rows.len();
        let tensor = self.tensor(x, rows)?;
        let width = tensor.matrix_of(count)?;
        match &self.answer {
            Answer::Number(_) if outputs == 1 && width == 1 => Ok(tensor.values),
            Answer::Labels(_, labels) if labels.len() == outputs && width == 1 => {
                let mut answers = vec![0.0; count * outputs];
                for (row, label) in answers.chunks_exact_mut(outputs.max(1)).zip(&tensor.values) {
                    #[allow(
                        clippy::float_cmp,
                        reason = "labels are whole numbers, or numbers as they were written"
                    )]
                    let class = labels.iter().position(|known| known == label);
                    // A label that is none of them, as of a missing value: no class is more likely.
                    match class {
                        Some(class) => row[class] = 1.0,
                        None => row.fill(1.0 / outputs as f64),
                    }
                }
                Ok(answers)
            }
            Answer::Probabilities(..) if outputs == 2 && width == 1 => {
                Ok(tensor.values.iter().flat_map(|p| distribution(vec![1.0 - p, *p])).collect())
            }
            Answer::Probabilities(..) if outputs >= 2 && width == outputs => {
                Ok(tensor.values.chunks_exact(width).flat_map(|row| distribution(row.to_vec())).collect())
            }
            _ => Err(Fault::Shape),
        }
    }

    /// The tensor that is the answer.
    fn tensor(&self, x: &Matrix, rows: std::ops::Range<usize>) -> Run<Tensor> {
        let mut tensors = self.run(x, rows).map_err(|(_, fault)| fault)?;
        let at = self.answer.slot();
        if at >= tensors.len() {
            return Err(Fault::Index);
        }
        Ok(tensors.swap_remove(at).into_owned())
    }

    /// Every tensor for some rows, or the step that failed.
    pub(super) fn run(
        &self,
        x: &Matrix,
        rows: std::ops::Range<usize>,
    ) -> Result<Vec<Cow<'_, Tensor>>, (usize, Fault)> {
        let mut tensors: Vec<Cow<Tensor>> =
            Vec::with_capacity(self.inputs.len() + self.constants.len() + self.steps.len());
        let mut first = 0;
        for input in &self.inputs {
            tensors.push(Cow::Owned(input.tensor(x, first, rows.clone())));
            first += input.columns as usize * input.halves();
        }
        tensors.extend(self.constants.iter().map(Cow::Borrowed));
        let mut left = MOST_VALUES;
        for (at, step) in self.steps.iter().enumerate() {
            let inputs: Vec<Option<&Tensor>> =
                step.inputs.iter().map(|slot| tensors.get(*slot as usize).map(Cow::as_ref)).collect();
            let outputs = step.operator.run(&inputs).map_err(|fault| (at, fault))?;
            for output in &outputs {
                left = left.checked_sub(output.values.len()).ok_or((at, Fault::TooLarge))?;
            }
            if outputs.len() != step.operator.outputs() {
                return Err((at, Fault::Shape));
            }
            tensors.extend(outputs.into_iter().map(Cow::Owned));
        }
        Ok(tensors)
    }

    /// About how many bytes it takes in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        let step = |step: &Step| step.operator.size_bytes() + step.inputs.len() * size_of::<u32>();
        size_of::<Graph>()
            + self.constants.iter().map(Tensor::size_bytes).sum::<usize>()
            + self.steps.iter().map(step).sum::<usize>()
    }
}

impl Tensor {
    /// Values a row, when there are so many rows.
    pub(super) fn matrix_of(&self, rows: usize) -> Run<usize> {
        let per_row = self.values.len().checked_div(rows).ok_or(Fault::Shape)?;
        // One row may also be a list of its values.
        let fits = self.shape.first() == Some(&rows) || rows == 1;
        if fits && per_row * rows == self.values.len() { Ok(per_row) } else { Err(Fault::Shape) }
    }
}

/// Rows that are as good as any to see whether shapes fit: small numbers, and a missing one.
pub(super) fn probe(rows: usize, cols: usize) -> Matrix {
    let value = |at: usize| if at % 7 == 5 { f32::NAN } else { (at % 5) as f32 * 0.5 - 0.5 };
    Matrix::new(rows, cols, (0..rows * cols).map(value).collect())
}

/// What rounding left of probabilities brought to a sum of 1, and none below 0.
fn distribution(mut row: Vec<f64>) -> Vec<f64> {
    for p in &mut row {
        // Not max(): NaN stays NaN.
        if *p < 0.0 {
            *p = 0.0;
        }
    }
    let total: f64 = row.iter().sum();
    if total > 0.0 {
        for p in &mut row {
            *p /= total;
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::artifact::Contents;
    use crate::estimators::Fitted;
    use crate::onnx::import;

    const MODELS: [&[u8]; 5] = [
        include_bytes!("../../tests/onnx/columns.onnx"),
        include_bytes!("../../tests/onnx/forest.onnx"),
        include_bytes!("../../tests/onnx/odd.onnx"),
        include_bytes!("../../tests/onnx/knn.onnx"),
        include_bytes!("../../tests/onnx/svc.onnx"),
    ];

    /// An imported graph, and how many columns and outputs it has.
    fn imported(bytes: &[u8]) -> (Graph, usize, usize) {
        let contents = Contents::from_bytes(&import(bytes).unwrap()).unwrap();
        let outputs = contents.classes.len().max(1);
        let member = contents.members.into_iter().next().unwrap();
        let Fitted::Onnx(graph) = member.fitted else { panic!("it is of ONNX") };
        (graph, member.preprocessor.width(), outputs)
    }

    #[test]
    fn a_graph_is_stored_and_checked() {
        for bytes in MODELS {
            let (graph, cols, outputs) = imported(bytes);
            assert_eq!(graph.check(cols, outputs), Ok(()));
            assert!(graph.check(cols + 1, outputs).is_err() && graph.check(cols, outputs + 1).is_err());
            let stored = postcard::to_stdvec(&graph).unwrap();
            let read: Graph = postcard::from_bytes(&stored).unwrap();
            let rows = probe(700, cols);
            let (expected, got) = (graph.predict(&rows), read.predict(&rows));
            assert_eq!(got.len(), 700 * outputs);
            assert!(expected.iter().zip(&got).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }

    #[test]
    fn a_step_that_points_ahead_is_refused() {
        let (mut graph, cols, outputs) = imported(MODELS[1]);
        graph.steps[0].inputs[0] = (graph.inputs.len() + graph.constants.len()) as u32;
        assert!(graph.check(cols, outputs).unwrap_err().contains("points outside"));
    }

    proptest! {
        /// Stored bytes that someone changed: refused, or a graph that predicts.
        #[test]
        fn no_stored_graph_makes_it_panic(
            which in 0..MODELS.len(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        ) {
            let (graph, cols, outputs) = imported(MODELS[which]);
            let mut stored = postcard::to_stdvec(&graph).unwrap();
            for (at, byte) in changes {
                let at = at.index(stored.len());
                stored[at] = byte;
            }
            if let Ok(graph) = postcard::from_bytes::<Graph>(&stored)
                && graph.check(cols, outputs).is_ok()
            {
                prop_assert_eq!(graph.predict(&probe(5, cols)).len(), 5 * outputs);
            }
        }
    }
}
