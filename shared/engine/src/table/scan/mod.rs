//! Rows of files that are larger than memory, a slice at a time: what a batch predicts from.
//!
//! Nothing here reads a file. A [`Footer`] says which bytes of a Parquet file hold the rows of a group,
//! and a [`Group`] turns them to slices; [`Pieces`] cuts separated values where a record ends, and
//! [`Records`] turns a piece to slices. A row whose values do not fit is a [`Fault`] and no more.

mod footer;
mod group;
mod separated;

pub use footer::Footer;
pub use group::Group;
pub use separated::{Header, Piece, PieceLimits, Pieces, Records};

use super::{Column, Kind, Table, Values};
use serde::{Deserialize, Serialize};

/// The most rows of a slice: enough for columns to pay, few enough to stop between two.
pub const SLICE_ROWS: usize = 4096;

/// Why a row can not be predicted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The row of the file, counted from 1; a header is not counted.
    pub row: u64,
    /// The column at fault, if it is one.
    pub column: Option<String>,
    /// What is wrong, in a sentence.
    pub detail: String,
}

/// Rows that follow each other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Slice {
    /// The rows that can be predicted.
    pub table: Table,
    /// Each one's number in the file, counted from 1.
    pub rows: Vec<u64>,
    /// Those that can not be, in their order; one fault a row.
    pub faults: Vec<Fault>,
}

impl Slice {
    /// The rows from `first` on, without those at fault.
    fn new(columns: Vec<Column>, first: u64, count: usize, mut faults: Vec<Fault>) -> Self {
        if faults.is_empty() {
            let rows = (first..first + count as u64).collect();
            return Self { table: Table { columns, rows: count }, rows, faults };
        }
        faults.sort_by_key(|fault| fault.row);
        faults.dedup_by_key(|fault| fault.row);
        let mut bad = faults.iter().map(|fault| (fault.row - first) as u32).peekable();
        let good: Vec<u32> = (0..count as u32).filter(|row| bad.next_if_eq(row).is_none()).collect();
        let columns = columns
            .into_iter()
            .map(|column| Column { values: column.values.take(&good), ..column })
            .collect();
        let rows = good.iter().map(|row| first + u64::from(*row)).collect();
        Self { table: Table { columns, rows: good.len() }, rows, faults }
    }

    /// The number of rows that were read.
    pub fn len(&self) -> usize {
        self.rows.len() + self.faults.len()
    }

    /// Whether no row was read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Numbers that a model does not take: no request may hold them either.
fn unfit_numbers(column: &Column, first: u64, faults: &mut Vec<Fault>) {
    let Values::Number(values) = &column.values else { return };
    for (row, value) in values.iter().enumerate() {
        let what = if value.is_infinite() {
            "a number"
        } else if column.kind == Kind::Integer && value.fract() != 0.0 && !value.is_nan() {
            "a whole number"
        } else {
            continue;
        };
        faults.push(Fault {
            row: first + row as u64,
            column: Some(column.name.clone()),
            detail: format!("column {:?} takes {what}, and the row has {value}", column.name),
        });
    }
}

#[cfg(test)]
mod tests;
