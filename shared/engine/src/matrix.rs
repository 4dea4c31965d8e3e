//! The dense features that estimators are fitted on.

use std::sync::OnceLock;

use crate::trees::Bins;

/// Features after preprocessing: `rows` × `cols` of `f32`, stored column by column.
///
/// NaN is a missing value, present only for estimators whose [`Needs`](crate::estimators::Needs)
/// take it; infinities never occur.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    data: Vec<f32>,
    bins: OnceLock<Bins>,
}

impl Matrix {
    /// A matrix from its values, column by column.
    ///
    /// # Panics
    /// When `data` is not `rows * cols` long.
    pub fn new(rows: usize, cols: usize, data: Vec<f32>) -> Matrix {
        assert_eq!(data.len(), rows * cols, "a matrix has rows × cols values");
        Matrix { rows, cols, data, bins: OnceLock::new() }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The values of one column, one a row.
    pub fn col(&self, col: usize) -> &[f32] {
        &self.data[col * self.rows..(col + 1) * self.rows]
    }

    /// One value.
    pub fn get(&self, row: usize, col: usize) -> f32 {
        self.data[col * self.rows + row]
    }

    /// All values, column by column.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// Copies one row into `out`, which is `cols` long.
    pub fn copy_row(&self, row: usize, out: &mut [f32]) {
        for (col, value) in out.iter_mut().enumerate() {
            *value = self.get(row, col);
        }
    }

    /// The rows of these numbers, in this order; a row may be asked for more than once.
    ///
    /// # Panics
    /// When a row is out of bounds.
    #[must_use]
    pub fn take(&self, rows: &[u32]) -> Matrix {
        let columns = (0..self.cols).map(|col| self.col(col));
        let data = columns.flat_map(|values| rows.iter().map(|&row| values[row as usize])).collect();
        Matrix::new(rows.len(), self.cols, data)
    }

    /// The values as bins, which trees are grown on; made when first asked for, once.
    pub fn bins(&self) -> &Bins {
        self.bins.get_or_init(|| Bins::new(self.rows, &self.data))
    }
}
