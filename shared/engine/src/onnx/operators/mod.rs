//! What the steps of a graph do: the operators of ONNX that models of tables are made of, brought to few
//! forms and to one opset.

mod along;
mod columns;
mod elementwise;
mod linear;
mod products;
mod shapes;
mod svm;
mod transform;
mod trees;

use serde::{Deserialize, Serialize};

pub(super) use self::along::{Arg, Reduce, Reduction, Share, Top};
pub(super) use self::columns::{Columns, Norm, Table};
pub(super) use self::elementwise::{Binary, Unary};
pub(super) use self::linear::{Labels, Linear};
pub(super) use self::products::Gemm;
pub(super) use self::shapes::Moving;
use self::shapes::input;
pub(super) use self::svm::{Answer, Kernel, Machine};
pub(super) use self::transform::Transform;
pub(super) use self::trees::{Gather, Node, Trees};
use super::fault::{Fault, Run};
use super::tensor::{Tensor, Type};

/// An operator with what it was given when the model was exported. The order of variants is part of the
/// artifact's format: add at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Operator {
    Unary(Unary),
    /// Of two inputs, or of any number from the left.
    Binary(Binary),
    /// The second input where the first is true, else the third.
    Where,
    /// Between the second input and the third.
    Clip,
    Cast(Type),
    Moving(Moving),
    MatMul,
    Gemm(Gemm),
    Distances {
        square: bool,
    },
    Reduce(Reduce),
    Arg(Arg),
    Top(Top),
    Share {
        of: Share,
        axis: i64,
        flattened: bool,
    },
    BatchNormalization {
        epsilon: f32,
    },
    Columns(Columns),
    Linear(Linear),
    Machine(Machine),
    Trees(Trees),
}

impl Operator {
    /// The outputs, of which there are [`outputs`](Operator::outputs).
    ///
    /// # Errors
    /// When the inputs do not suit it or each other.
    pub(super) fn run(&self, inputs: &[Option<&Tensor>]) -> Run<Vec<Tensor>> {
        let first = || input(inputs, 0);
        let optional = |at: usize| inputs.get(at).copied().flatten();
        let one = match self {
            Operator::Unary(unary) => unary.run(first()?),
            Operator::Binary(binary) => match inputs {
                [Some(one)] => Ok((*one).clone()),
                [Some(first), Some(second), rest @ ..] => {
                    rest.iter().try_fold(binary.run(first, second)?, |all, next| {
                        binary.run(&all, next.ok_or(Fault::Input)?)
                    })
                }
                _ => Err(Fault::Input),
            },
            Operator::Where => elementwise::select(first()?, input(inputs, 1)?, input(inputs, 2)?),
            Operator::Clip => elementwise::clip(first()?, optional(1), optional(2)),
            Operator::Cast(kind) => elementwise::cast(first()?, *kind),
            Operator::Moving(moving) => return moving.run(inputs),
            Operator::MatMul => products::matmul(first()?, input(inputs, 1)?),
            Operator::Gemm(gemm) => gemm.run(inputs),
            Operator::Distances { square } => products::distances(first()?, input(inputs, 1)?, *square),
            Operator::Reduce(reduce) => reduce.run(first()?),
            Operator::Arg(arg) => arg.run(first()?),
            Operator::Top(top) => return top.run(first()?, optional(1)),
            Operator::Share { of, axis, flattened } => of.run(first()?, *axis, *flattened),
            Operator::BatchNormalization { epsilon } => {
                let all =
                    [first()?, input(inputs, 1)?, input(inputs, 2)?, input(inputs, 3)?, input(inputs, 4)?];
                along::batch_normalised(all, *epsilon)
            }
            Operator::Columns(columns) => columns.run(first()?),
            Operator::Linear(linear) => return linear.run(first()?),
            Operator::Machine(machine) => return machine.run(first()?),
            Operator::Trees(trees) => return trees.run(first()?),
        };
        one.map(|one| vec![one])
    }

    /// What it is called, for errors.
    pub(super) fn name(&self) -> String {
        let form = format!("{self:?}");
        form.chars().take_while(|c| c.is_alphanumeric() || *c == '(').collect::<String>().replace('(', " ")
    }

    /// How many outputs it has.
    pub(super) fn outputs(&self) -> usize {
        match self {
            Operator::Top(_) => 2,
            Operator::Moving(Moving::Split { pieces, .. }) => *pieces as usize,
            Operator::Linear(linear) => 1 + usize::from(linear.labels.is_some()),
            Operator::Machine(machine) => match machine.answer {
                Answer::Number { .. } | Answer::OneClass { .. } => 1,
                Answer::Pairs { .. } | Answer::Each { .. } => 2,
            },
            Operator::Trees(trees) => 1 + usize::from(trees.labels.is_some()),
            _ => 1,
        }
    }

    /// Whether running it ends and cannot go out of bounds, when it was read from bytes.
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Operator::Moving(Moving::Split { pieces, .. }) => (1..=1 << 16).contains(pieces),
            Operator::Columns(columns) => columns.is_sound(),
            Operator::Trees(trees) => trees.is_sound(),
            _ => true,
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        size_of::<Operator>()
            + match self {
                Operator::Columns(columns) => columns.size_bytes(),
                Operator::Linear(linear) => linear.size_bytes(),
                Operator::Machine(machine) => machine.size_bytes(),
                Operator::Trees(trees) => trees.size_bytes(),
                _ => 0,
            }
    }
}
