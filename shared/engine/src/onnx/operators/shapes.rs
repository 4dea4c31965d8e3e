//! Operators that move values, or make some of a shape.

use serde::{Deserialize, Serialize};

use crate::onnx::fault::{Fault, Run};
use crate::onnx::tensor::{MOST_DIMENSIONS, Tensor, Type, integer, place, stretched, volume, walk};

/// Part of the artifact's format: add at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::onnx) enum Moving {
    Identity,
    /// To the shape of the second input; 0 is a length as it was, unless it is meant.
    Reshape {
        zero_is_zero: bool,
    },
    /// To two dimensions, those before `axis` and the others.
    Flatten {
        axis: i64,
    },
    /// Without dimensions of length 1: these, or all.
    Squeeze {
        axes: Option<Vec<i64>>,
    },
    Unsqueeze {
        axes: Vec<i64>,
    },
    /// Dimensions in this order, or reversed.
    Transpose {
        order: Option<Vec<i64>>,
    },
    /// From the second input's places up to the third's, of the fourth's axes, in the fifth's steps.
    Slice,
    /// The second input's places along an axis.
    Gather {
        axis: i64,
    },
    Shape,
    /// Stretched to the second input's shape.
    Expand,
    /// One value in the shape of the input.
    Fill {
        kind: Type,
        value: f64,
    },
    /// One after the other along an axis.
    Concat {
        axis: i64,
    },
    /// The second input's places along the last axis, whatever its shape.
    Columns,
    /// Pieces of these lengths along an axis, or equal ones.
    Split {
        axis: i64,
        lengths: Option<Vec<i64>>,
        pieces: u32,
    },
    /// The inputs' columns side by side, as floats.
    SideBySide,
}

impl Moving {
    pub(super) fn run(&self, inputs: &[Option<&Tensor>]) -> Run<Vec<Tensor>> {
        let x = input(inputs, 0)?;
        let one = match self {
            Moving::Identity => Ok(x.clone()),
            Moving::Reshape { zero_is_zero } => reshape(x, &input(inputs, 1)?.integers()?, *zero_is_zero),
            Moving::Flatten { axis } => {
                let axis = axis_between(*axis, x.shape.len())?;
                let (rows, cols) = x.shape.split_at(axis);
                x.reshaped(vec![rows.iter().product(), cols.iter().product()])
            }
            Moving::Squeeze { axes } => squeeze(x, axes.as_deref()),
            Moving::Unsqueeze { axes } => unsqueeze(x, axes),
            Moving::Transpose { order } => transpose(x, order.as_deref()),
            Moving::Slice => slice(x, inputs),
            Moving::Gather { axis } => gather(x, input(inputs, 1)?, place(*axis, x.shape.len())?),
            Moving::Shape => {
                let lengths = x.shape.iter().map(|length| *length as f64).collect();
                Ok(Tensor::list(Type::Integer, lengths))
            }
            Moving::Expand => {
                let shape = stretched(&x.shape, &lengths(&input(inputs, 1)?.integers()?)?)?;
                let mut values = Vec::with_capacity(volume(&shape)?);
                walk(&shape, [&x.shape], |[at]| values.push(x.values[at]));
                Tensor::new(x.kind, shape, values)
            }
            Moving::Fill { kind, value } => {
                let shape = lengths(&x.integers()?)?;
                Tensor::new(*kind, shape.clone(), vec![*value; volume(&shape)?])
            }
            Moving::Concat { axis } => concat(inputs, *axis),
            Moving::Columns => {
                let places = input(inputs, 1)?;
                let places = Tensor::list(Type::Integer, places.values.clone());
                let (rows, cols) = x.matrix();
                gather(&x.reshaped(vec![rows, cols])?, &places, 1)
            }
            Moving::Split { axis, lengths, pieces } => {
                return split(x, place(*axis, x.shape.len())?, lengths.as_deref(), *pieces as usize);
            }
            Moving::SideBySide => side_by_side(inputs),
        };
        one.map(|one| vec![one])
    }
}

/// An input that has to be there.
pub(super) fn input<'a>(inputs: &[Option<&'a Tensor>], at: usize) -> Run<&'a Tensor> {
    inputs.get(at).copied().flatten().ok_or(Fault::Input)
}

/// An axis, or the end.
fn axis_between(axis: i64, rank: usize) -> Run<usize> {
    if axis == rank as i64 { Ok(rank) } else { place(axis, rank) }
}

fn lengths(values: &[i64]) -> Run<Vec<usize>> {
    values.iter().map(|length| usize::try_from(*length).map_err(|_| Fault::Shape)).collect()
}

fn reshape(x: &Tensor, to: &[i64], zero_is_zero: bool) -> Run<Tensor> {
    let mut shape = Vec::with_capacity(to.len());
    let mut open = None;
    for (at, length) in to.iter().enumerate() {
        shape.push(match length {
            0 if !zero_is_zero => *x.shape.get(at).ok_or(Fault::Shape)?,
            -1 if open.is_none() => {
                open = Some(at);
                1
            }
            length => usize::try_from(*length).map_err(|_| Fault::Shape)?,
        });
    }
    if let Some(at) = open {
        shape[at] = x.values.len().checked_div(volume(&shape)?).ok_or(Fault::Shape)?;
    }
    x.reshaped(shape)
}

fn squeeze(x: &Tensor, axes: Option<&[i64]>) -> Run<Tensor> {
    let rank = x.shape.len();
    let gone: Vec<usize> = match axes {
        None => (0..rank).filter(|at| x.shape[*at] == 1).collect(),
        Some(axes) => axes.iter().map(|axis| place(*axis, rank)).collect::<Run<_>>()?,
    };
    if gone.iter().any(|at| x.shape[*at] != 1) {
        return Err(Fault::Shape);
    }
    x.reshaped((0..rank).filter(|at| !gone.contains(at)).map(|at| x.shape[at]).collect())
}

fn unsqueeze(x: &Tensor, axes: &[i64]) -> Run<Tensor> {
    let rank = x.shape.len() + axes.len();
    if rank > MOST_DIMENSIONS {
        return Err(Fault::TooLarge);
    }
    let new: Vec<usize> = axes.iter().map(|axis| place(*axis, rank)).collect::<Run<_>>()?;
    let mut old = x.shape.iter();
    let shape: Option<Vec<usize>> =
        (0..rank).map(|at| if new.contains(&at) { Some(1) } else { old.next().copied() }).collect();
    x.reshaped(shape.ok_or(Fault::Shape)?)
}

fn transpose(x: &Tensor, order: Option<&[i64]>) -> Run<Tensor> {
    let rank = x.shape.len();
    let order: Vec<usize> = match order {
        None => (0..rank).rev().collect(),
        Some(order) => order.iter().map(|axis| place(*axis, rank)).collect::<Run<_>>()?,
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..rank) {
        return Err(Fault::Shape);
    }
    let mut strides = vec![1; rank];
    for at in (1..rank).rev() {
        strides[at - 1] = strides[at] * x.shape[at];
    }
    let shape: Vec<usize> = order.iter().map(|at| x.shape[*at]).collect();
    let strides: Vec<usize> = order.iter().map(|at| strides[*at]).collect();
    let mut counter = vec![0; rank];
    let mut values = Vec::with_capacity(x.values.len());
    for _ in 0..x.values.len() {
        values.push(
            x.values[counter.iter().zip(&strides).map(|(count, stride)| count * stride).sum::<usize>()],
        );
        for at in (0..rank).rev() {
            counter[at] += 1;
            if counter[at] < shape[at] {
                break;
            }
            counter[at] = 0;
        }
    }
    Tensor::new(x.kind, shape, values)
}

fn slice(x: &Tensor, inputs: &[Option<&Tensor>]) -> Run<Tensor> {
    let starts = input(inputs, 1)?.integers()?;
    let ends = input(inputs, 2)?.integers_clamped();
    let optional = |at: usize| inputs.get(at).copied().flatten().map(Tensor::integers).transpose();
    let axes = optional(3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = optional(4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()].iter().any(|length| *length != starts.len()) {
        return Err(Fault::Shape);
    }
    let mut sliced = x.clone();
    for (((start, end), axis), step) in starts.iter().zip(ends).zip(axes).zip(steps) {
        let axis = place(axis, x.shape.len())?;
        let length = x.shape[axis] as i64;
        let from_end = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
        let places: Vec<f64> = match step {
            1.. => {
                let (start, end) = (from_end(*start).clamp(0, length), from_end(end).clamp(0, length));
                (start..end).step_by(step as usize).map(|at| at as f64).collect()
            }
            0 => return Err(Fault::Value),
            _ => {
                let start = from_end(*start).clamp(-1, length - 1);
                let end = if end < -length { -1 } else { from_end(end).clamp(-1, length - 1) };
                let back = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
                (end + 1..=start).rev().step_by(back).map(|at| at as f64).collect()
            }
        };
        sliced = gather(&sliced, &Tensor::list(Type::Integer, places), axis)?;
    }
    Ok(sliced)
}

impl Tensor {
    /// Whole numbers, the largest for those beyond: an end may be as far as it likes.
    fn integers_clamped(&self) -> Vec<i64> {
        self.values.iter().map(|value| *value as i64).collect()
    }
}

/// Of a place that is none, as of a missing value, NaN: a row says nothing about the others.
fn gather(x: &Tensor, places: &Tensor, axis: usize) -> Run<Tensor> {
    let length = *x.shape.get(axis).ok_or(Fault::Shape)?;
    let outer: usize = x.shape[..axis].iter().product();
    let inner: usize = x.shape[axis + 1..].iter().product();
    let shape = [&x.shape[..axis], &places.shape[..], &x.shape[axis + 1..]].concat();
    let found = |at: &f64| integer(*at).and_then(|at| place(at, length)).ok();
    let places: Vec<Option<usize>> = places.values.iter().map(found).collect();
    let mut values = Vec::with_capacity(volume(&shape)?);
    for outer in 0..outer {
        for place in &places {
            match place {
                Some(place) => {
                    let from = (outer * length + place) * inner;
                    values.extend_from_slice(&x.values[from..from + inner]);
                }
                None => values.resize(values.len() + inner, f64::NAN),
            }
        }
    }
    Tensor::new(x.kind, shape, values)
}

fn concat(inputs: &[Option<&Tensor>], axis: i64) -> Run<Tensor> {
    let parts: Vec<&Tensor> = inputs.iter().map(|part| part.ok_or(Fault::Input)).collect::<Run<_>>()?;
    let first = parts.first().ok_or(Fault::Input)?;
    let axis = place(axis, first.shape.len())?;
    let mut shape = first.shape.clone();
    shape[axis] = 0;
    for part in &parts {
        let fits = part.shape.len() == shape.len()
            && (0..shape.len()).all(|at| at == axis || part.shape[at] == shape[at]);
        if !fits {
            return Err(Fault::Shape);
        }
        if part.kind != first.kind {
            return Err(Fault::Type);
        }
        shape[axis] = shape[axis].checked_add(part.shape[axis]).ok_or(Fault::TooLarge)?;
    }
    let mut values = Vec::with_capacity(volume(&shape)?);
    for outer in 0..shape[..axis].iter().product::<usize>() {
        for part in &parts {
            let width: usize = part.shape[axis..].iter().product();
            values.extend_from_slice(&part.values[outer * width..(outer + 1) * width]);
        }
    }
    Tensor::new(first.kind, shape, values)
}

fn split(x: &Tensor, axis: usize, lengths: Option<&[i64]>, pieces: usize) -> Run<Vec<Tensor>> {
    let length = x.shape[axis];
    let equal = || {
        let each = length.div_ceil(pieces.max(1));
        (0..pieces).map(|piece| each.min(length.saturating_sub(piece * each))).collect()
    };
    let lengths: Vec<usize> = lengths.map_or_else(|| Ok(equal()), self::lengths)?;
    let total = lengths.iter().try_fold(0usize, |sum, length| sum.checked_add(*length));
    if lengths.len() != pieces || total != Some(length) {
        return Err(Fault::Shape);
    }
    let mut from = 0;
    lengths
        .into_iter()
        .map(|length| {
            let places = (from..from + length).map(|at| at as f64).collect();
            from += length;
            gather(x, &Tensor::list(Type::Integer, places), axis)
        })
        .collect()
}

fn side_by_side(inputs: &[Option<&Tensor>]) -> Run<Tensor> {
    let parts: Vec<Tensor> = inputs
        .iter()
        .map(|part| {
            let part = part.ok_or(Fault::Input)?;
            let (rows, cols) = part.matrix();
            if part.kind == Type::Word {
                return Err(Fault::Type);
            }
            Tensor::new(Type::Float, vec![rows, cols], part.values.clone())
        })
        .collect::<Run<_>>()?;
    concat(&parts.iter().map(Some).collect::<Vec<_>>(), 1)
}
