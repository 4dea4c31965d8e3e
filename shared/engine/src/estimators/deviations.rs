//! Products of features around their means: by columns where those are few, by rows where they are not.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::linalg::solvers::Llt;
use faer::{Accum, Mat, MatRef, Par, Side};

use crate::matrix::Matrix;

/// A block in `f64` should stay in the second-level cache.
const BLOCK_VALUES: usize = 32 * 1024;

/// The features as they deviate from their means (those of all rows, or of each row's class), each column
/// divided by its scale and each row multiplied by the square root of its weight: the plain products of
/// these are what weighted least squares and discriminants are made of.
#[derive(Debug)]
pub(super) struct Deviations<'a> {
    pub(super) x: &'a Matrix,
    /// The square root of each row's weight.
    pub(super) roots: Vec<f64>,
    /// The group of each row, when there is more than one.
    pub(super) groups: Option<&'a [u32]>,
    /// Group by group, a mean a column.
    pub(super) means: Vec<f64>,
    /// One a column, positive.
    pub(super) scales: Vec<f64>,
}

impl<'a> Deviations<'a> {
    /// Deviations from the weighted means of `count` groups of rows. O(rows × cols).
    pub(super) fn new(
        x: &'a Matrix,
        weights: &[f64],
        groups: Option<&'a [u32]>,
        count: usize,
    ) -> Deviations<'a> {
        let cols = x.cols();
        let group = |row: usize| groups.map_or(0, |groups| groups[row] as usize);
        let mut totals = vec![0.0; count];
        for (row, weight) in weights.iter().enumerate() {
            totals[group(row)] += weight;
        }
        let mut means = vec![0.0; count * cols];
        for col in 0..cols {
            for (row, (value, weight)) in x.col(col).iter().zip(weights).enumerate() {
                means[group(row) * cols + col] += f64::from(*value) * weight;
            }
        }
        for (means, total) in means.chunks_exact_mut(cols.max(1)).zip(&totals) {
            if *total > 0.0 {
                for mean in means {
                    *mean /= total;
                }
            }
        }
        let roots = weights.iter().map(|weight| weight.sqrt()).collect();
        Deviations { x, roots, groups, means, scales: vec![1.0; cols] }
    }

    /// The sum of squares of each column, before its scale. O(rows × cols).
    pub(super) fn squares(&self) -> Vec<f64> {
        let cols = self.x.cols();
        let mut values = vec![0.0; self.x.rows()];
        (0..cols)
            .map(|col| {
                self.fill(col, 0..self.x.rows(), &mut values);
                values.iter().map(|v| v * v).sum::<f64>() * self.scales[col] * self.scales[col]
            })
            .collect()
    }

    /// The values of some rows of one column.
    fn fill(&self, col: usize, rows: Range<usize>, out: &mut [f64]) {
        let (cols, scale) = (self.x.cols(), 1.0 / self.scales[col]);
        let values = self.x.col(col)[rows.clone()].iter().zip(&self.roots[rows.clone()]);
        match self.groups {
            None => {
                let mean = self.means[col];
                for (out, (value, root)) in out.iter_mut().zip(values) {
                    *out = (f64::from(*value) - mean) * root * scale;
                }
            }
            Some(groups) => {
                for ((out, (value, root)), group) in out.iter_mut().zip(values).zip(&groups[rows]) {
                    let mean = self.means[*group as usize * cols + col];
                    *out = (f64::from(*value) - mean) * root * scale;
                }
            }
        }
    }

    /// The product of every two columns. O(rows × cols²).
    pub(super) fn gram(&self) -> Mat<f64> {
        let (rows, cols) = (self.x.rows(), self.x.cols());
        let mut gram = Mat::zeros(cols, cols);
        let most = (BLOCK_VALUES / cols.max(1)).clamp(16, 4096).min(rows.max(1));
        let mut buffer = vec![0.0; most * cols];
        for first in (0..rows).step_by(most) {
            let block = most.min(rows - first);
            let buffer = &mut buffer[..block * cols];
            for (col, values) in buffer.chunks_exact_mut(block).enumerate() {
                self.fill(col, first..first + block, values);
            }
            let block = MatRef::from_column_major_slice(buffer, block, cols);
            matmul(&mut gram, Accum::Add, block.transpose(), block, 1.0, Par::Seq);
        }
        gram
    }

    /// The product of every two rows. O(rows² × cols).
    pub(super) fn kernel(&self) -> Mat<f64> {
        let (rows, cols) = (self.x.rows(), self.x.cols());
        let mut kernel = Mat::zeros(rows, rows);
        let most = (BLOCK_VALUES / rows.max(1)).clamp(16, 4096).min(cols.max(1));
        let mut buffer = vec![0.0; rows * most];
        for first in (0..cols).step_by(most) {
            let block = most.min(cols - first);
            let buffer = &mut buffer[..rows * block];
            for (place, values) in buffer.chunks_exact_mut(rows).enumerate() {
                self.fill(first + place, 0..rows, values);
            }
            let block = MatRef::from_column_major_slice(buffer, rows, block);
            matmul(&mut kernel, Accum::Add, block, block.transpose(), 1.0, Par::Seq);
        }
        kernel
    }

    /// Each column's product with each column of `right`, which is `rows × n`: `cols × n`.
    pub(super) fn transposed_times(&self, right: MatRef<'_, f64>) -> Mat<f64> {
        let (rows, cols) = (self.x.rows(), self.x.cols());
        let mut out = Mat::zeros(cols, right.ncols());
        let most = (BLOCK_VALUES / rows.max(1)).clamp(1, 4096).min(cols.max(1));
        let mut buffer = vec![0.0; rows * most];
        for first in (0..cols).step_by(most) {
            let block = most.min(cols - first);
            let buffer = &mut buffer[..rows * block];
            for (place, values) in buffer.chunks_exact_mut(rows.max(1)).enumerate() {
                self.fill(first + place, 0..rows, values);
            }
            let block_of = MatRef::from_column_major_slice(buffer, rows, block);
            let part = out.submatrix_mut(first, 0, block, right.ncols());
            matmul(part, Accum::Replace, block_of.transpose(), right, 1.0, Par::Seq);
        }
        out
    }

    /// Each row's product with each column of `right`, which is `cols × n`: `rows × n`.
    pub(super) fn times(&self, right: MatRef<'_, f64>) -> Mat<f64> {
        let (rows, cols) = (self.x.rows(), self.x.cols());
        let mut out = Mat::zeros(rows, right.ncols());
        let most = (BLOCK_VALUES / cols.max(1)).clamp(1, 4096).min(rows.max(1));
        let mut buffer = Vec::new();
        for first in (0..rows).step_by(most) {
            let block = most.min(rows - first);
            let part = out.submatrix_mut(first, 0, block, right.ncols());
            matmul(part, Accum::Replace, self.rows(first..first + block, &mut buffer), right, 1.0, Par::Seq);
        }
        out
    }

    /// Some rows with all their columns, column by column, in `buffer`.
    pub(super) fn rows<'b>(&self, rows: Range<usize>, buffer: &'b mut Vec<f64>) -> MatRef<'b, f64> {
        let (count, cols) = (rows.len(), self.x.cols());
        buffer.resize(count * cols, 0.0);
        for (col, values) in buffer.chunks_exact_mut(count.max(1)).enumerate() {
            self.fill(col, rows.clone(), values);
        }
        MatRef::from_column_major_slice(buffer, count, cols)
    }

    /// One column.
    pub(super) fn column(&self, col: usize, out: &mut [f64]) {
        self.fill(col, 0..self.x.rows(), out);
    }
}

/// Decomposes a symmetric matrix that is positive definite but for rounding, as products of columns that
/// repeat each other are: its diagonal is raised, in steps, by as little as does. `None` when nothing does.
pub(super) fn cholesky(mut matrix: Mat<f64>) -> Option<Llt<f64>> {
    let diagonal: Vec<f64> = (0..matrix.nrows()).map(|i| matrix[(i, i)]).collect();
    for raise in [0.0, 1e-13, 1e-11, 1e-9] {
        for (i, value) in diagonal.iter().enumerate() {
            matrix[(i, i)] = value + raise * value;
        }
        if let Ok(llt) = matrix.llt(Side::Lower) {
            return Some(llt);
        }
    }
    None
}

/// A column of numbers as a matrix.
pub(super) fn as_column(values: &[f64]) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(values, values.len(), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, cols: usize) -> Matrix {
        let data = (0..rows * cols).map(|i| ((i * 7919) % 1013) as f32 / 506.0 - 1.0).collect();
        Matrix::new(rows, cols, data)
    }

    /// The products computed as they are written down.
    fn assert_products(deviations: &Deviations) {
        let (rows, cols) = (deviations.x.rows(), deviations.x.cols());
        let group = |row: usize| deviations.groups.map_or(0, |groups| groups[row] as usize);
        let value = |row: usize, col: usize| {
            let mean = deviations.means[group(row) * cols + col];
            (f64::from(deviations.x.get(row, col)) - mean) * deviations.roots[row] / deviations.scales[col]
        };
        let (gram, kernel) = (deviations.gram(), deviations.kernel());
        for a in 0..cols {
            for b in 0..cols {
                let expected: f64 = (0..rows).map(|row| value(row, a) * value(row, b)).sum();
                assert!((gram[(a, b)] - expected).abs() < 1e-9);
            }
        }
        for a in 0..rows {
            for b in 0..rows {
                let expected: f64 = (0..cols).map(|col| value(a, col) * value(b, col)).sum();
                assert!((kernel[(a, b)] - expected).abs() < 1e-9);
            }
        }
        let right = Mat::from_fn(rows, 2, |row, at| (row + 3 * at) as f64);
        let product = deviations.transposed_times(right.as_ref());
        let left = Mat::from_fn(cols, 2, |col, at| (col + 2 * at) as f64);
        let times = deviations.times(left.as_ref());
        for (row, at) in [(0, 0), (rows - 1, 1)] {
            let expected: f64 = (0..cols).map(|col| value(row, col) * left[(col, at)]).sum();
            assert!((times[(row, at)] - expected).abs() < 1e-9);
        }
        for (col, at) in [(0, 0), (cols - 1, 1)] {
            let expected: f64 = (0..rows).map(|row| value(row, col) * right[(row, at)]).sum();
            assert!((product[(col, at)] - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn products_are_those_of_the_definition_in_blocks_too() {
        for (rows, cols) in [(40, 3), (3, 40), (17, 2100), (2100, 2)] {
            let x = matrix(rows, cols);
            let weights: Vec<f64> = (0..rows).map(|row| (row % 3) as f64).collect();
            let groups: Vec<u32> = (0..rows as u32).map(|row| row % 2).collect();
            for groups in [None, Some(groups.as_slice())] {
                let mut deviations = Deviations::new(&x, &weights, groups, 2);
                deviations.scales[cols - 1] = 2.0;
                if rows * cols < 1000 {
                    assert_products(&deviations);
                } else {
                    // Gram and kernel have the same trace.
                    let (gram, kernel) = (deviations.gram(), deviations.kernel());
                    let trace = |m: &Mat<f64>| (0..m.nrows()).map(|i| m[(i, i)]).sum::<f64>();
                    assert!((trace(&gram) - trace(&kernel)).abs() < 1e-6);
                }
            }
        }
    }
}
