//! Products of matrices.

use serde::{Deserialize, Serialize};

use super::shapes::input;
use crate::onnx::fault::{Fault, Run};
use crate::onnx::tensor::{Tensor, Type, stretched, volume};

/// So many multiplications for a block of rows: some seconds.
const MOST_MULTIPLICATIONS: u64 = 1 << 33;

/// `alpha · A · B + beta · C`. Part of the artifact's format.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(in crate::onnx) struct Gemm {
    pub(in crate::onnx) alpha: f32,
    pub(in crate::onnx) beta: f32,
    pub(in crate::onnx) transposed: [bool; 2],
}

impl Gemm {
    pub(super) fn run(self, inputs: &[Option<&Tensor>]) -> Run<Tensor> {
        let (a, b) = (input(inputs, 0)?, input(inputs, 1)?);
        let (&[a_rows, a_cols], &[b_rows, b_cols]) = (&a.shape[..], &b.shape[..]) else {
            return Err(Fault::Shape);
        };
        let a_turned = self.transposed[0].then(|| turned(&a.values, a_rows, a_cols));
        let b_turned = self.transposed[1].then(|| turned(&b.values, b_rows, b_cols));
        let (rows, inner) = if self.transposed[0] { (a_cols, a_rows) } else { (a_rows, a_cols) };
        let (b_inner, cols) = if self.transposed[1] { (b_cols, b_rows) } else { (b_rows, b_cols) };
        if inner != b_inner {
            return Err(Fault::Shape);
        }
        let shape = vec![rows, cols];
        let mut values = vec![0.0; volume(&shape)?];
        let (a_values, b_values) =
            (a_turned.as_ref().unwrap_or(&a.values), b_turned.as_ref().unwrap_or(&b.values));
        multiply(a_values, b_values, [rows, inner, cols], &mut values)?;
        for value in &mut values {
            *value *= f64::from(self.alpha);
        }
        if let Some(c) = inputs.get(2).copied().flatten() {
            if stretched(&c.shape, &shape)? != shape {
                return Err(Fault::Shape);
            }
            let mut at = 0;
            crate::onnx::tensor::walk(&shape, [&c.shape], |[from]| {
                values[at] += f64::from(self.beta) * c.values[from];
                at += 1;
            });
        }
        Tensor::new(a.kind, shape, values)
    }
}

/// The product of matrices, or of stacks of them, stretched to each other.
pub(super) fn matmul(a: &Tensor, b: &Tensor) -> Run<Tensor> {
    if a.kind != b.kind || matches!(a.kind, Type::Word | Type::Boolean) {
        return Err(Fault::Type);
    }
    let (list_a, list_b) = (a.shape.len() == 1, b.shape.len() == 1);
    let a_shape = if list_a { vec![1, a.shape[0]] } else { a.shape.clone() };
    let b_shape = if list_b { vec![b.shape[0], 1] } else { b.shape.clone() };
    let ([a_stack @ .., rows, inner], [b_stack @ .., b_inner, cols]) = (&a_shape[..], &b_shape[..]) else {
        return Err(Fault::Shape);
    };
    if inner != b_inner {
        return Err(Fault::Shape);
    }
    let mut shape = stretched(a_stack, b_stack)?;
    let stack = shape.clone();
    shape.extend([*rows, *cols]);
    let mut values = vec![0.0; volume(&shape)?];
    let mut places = Vec::new();
    crate::onnx::tensor::walk(&stack, [a_stack, b_stack], |at| places.push(at));
    let size = [*rows, *inner, *cols];
    let work = (places.len() * rows * cols) as u64;
    if work.saturating_mul(*inner as u64) > MOST_MULTIPLICATIONS {
        return Err(Fault::TooLarge);
    }
    for (at, [a_at, b_at]) in places.into_iter().enumerate() {
        let a = &a.values[a_at * rows * inner..(a_at + 1) * rows * inner];
        let b = &b.values[b_at * inner * cols..(b_at + 1) * inner * cols];
        multiply(a, b, size, &mut values[at * rows * cols..(at + 1) * rows * cols])?;
    }
    // A list was lent a dimension.
    let end = shape.len();
    if list_b {
        shape.remove(end - 1);
    }
    if list_a {
        shape.remove(end - 2);
    }
    Tensor::new(a.kind, shape, values)
}

/// Adds the product of two matrices to `out`, all row by row. The innermost loop is along rows of `b`.
pub(super) fn multiply(a: &[f64], b: &[f64], [rows, inner, cols]: [usize; 3], out: &mut [f64]) -> Run<()> {
    if ((rows * cols) as u64).saturating_mul(inner as u64) > MOST_MULTIPLICATIONS {
        return Err(Fault::TooLarge);
    }
    if cols == 0 || inner == 0 {
        return Ok(());
    }
    for (a, out) in a.chunks_exact(inner).zip(out.chunks_exact_mut(cols)) {
        for (a, b) in a.iter().zip(b.chunks_exact(cols)) {
            for (out, b) in out.iter_mut().zip(b) {
                *out += a * b;
            }
        }
    }
    Ok(())
}

fn turned(values: &[f64], rows: usize, cols: usize) -> Vec<f64> {
    (0..cols).flat_map(|col| (0..rows).map(move |row| values[row * cols + col])).collect()
}

/// The distance of every row of one matrix to every row of another, or its square.
pub(super) fn distances(a: &Tensor, b: &Tensor, square: bool) -> Run<Tensor> {
    let (&[rows, inner], &[points, b_inner]) = (&a.shape[..], &b.shape[..]) else {
        return Err(Fault::Shape);
    };
    if inner != b_inner || a.kind != b.kind {
        return Err(Fault::Shape);
    }
    let shape = vec![rows, points];
    let mut values = Vec::with_capacity(volume(&shape)?);
    if ((rows * points) as u64).saturating_mul(inner as u64) > MOST_MULTIPLICATIONS {
        return Err(Fault::TooLarge);
    }
    for row in 0..rows {
        for point in 0..points {
            let pairs = a.values[row * inner..(row + 1) * inner].iter().zip(&b.values[point * inner..]);
            let sum: f64 = pairs.map(|(a, b)| (a - b) * (a - b)).sum();
            values.push(if square { sum } else { sum.sqrt() });
        }
    }
    Tensor::new(a.kind, shape, values)
}
