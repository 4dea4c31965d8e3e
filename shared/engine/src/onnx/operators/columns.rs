//! Operators of `ai.onnx.ml` on the columns of a matrix.

use serde::{Deserialize, Serialize};

use crate::onnx::fault::{Fault, Run};
use crate::onnx::tensor::{Tensor, Type, volume};

/// Part of the artifact's format: add at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::onnx) enum Columns {
    /// `(x − offset) · scale`, with one of each a column, or one for all.
    Scaler {
        offsets: Vec<f32>,
        scales: Vec<f32>,
    },
    /// Instead of a value, or of one that is missing when that is NaN: one a column, or one for all.
    Imputer {
        replaced: f64,
        fills: Vec<f64>,
    },
    Normalizer(Norm),
    /// A column of 0 and 1 for each category.
    OneHot(Table),
    /// Other values for values.
    Lookup {
        table: Table,
        kind: Type,
        values: Vec<f64>,
        otherwise: f64,
    },
}

/// By what a row is divided. Part of the artifact's format: add at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::onnx) enum Norm {
    Max,
    L1,
    L2,
}

impl Columns {
    pub(super) fn run(&self, x: &Tensor) -> Run<Tensor> {
        let numeric = !matches!(self, Columns::OneHot(_) | Columns::Lookup { .. });
        if numeric && x.kind == Type::Word {
            return Err(Fault::Type);
        }
        let (_, cols) = x.matrix();
        let one_a_column =
            |values: usize| if values == cols || values == 1 { Ok(()) } else { Err(Fault::Shape) };
        let by_column = |of: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
            x.values.iter().enumerate().map(|(at, value)| of(at % cols.max(1), *value)).collect()
        };
        match self {
            Columns::Scaler { offsets, scales } => {
                one_a_column(offsets.len())?;
                one_a_column(scales.len())?;
                let of =
                    |values: &[f32], col: usize| f64::from(values[if values.len() == 1 { 0 } else { col }]);
                // Rounded between the two, as others do it.
                let values = by_column(&|col, value| {
                    f64::from((value as f32) - of(offsets, col) as f32) * of(scales, col)
                });
                Tensor::new(Type::Float, x.shape.clone(), values)
            }
            Columns::Imputer { replaced, fills } => {
                one_a_column(fills.len())?;
                #[allow(clippy::float_cmp, reason = "a stand-in for a missing value is written exactly so")]
                let missing =
                    |value: f64| if replaced.is_nan() { value.is_nan() } else { value == *replaced };
                let values = by_column(&|col, value| {
                    if missing(value) { fills[if fills.len() == 1 { 0 } else { col }] } else { value }
                });
                Tensor::new(x.kind, x.shape.clone(), values)
            }
            Columns::Normalizer(norm) => {
                let mut values = x.values.clone();
                values.chunks_mut(cols.max(1)).for_each(|row| norm.divide(row));
                Tensor::new(Type::Float, x.shape.clone(), values)
            }
            Columns::OneHot(table) => {
                let width = table.keys.len();
                let mut shape = x.shape.clone();
                shape.push(width);
                let mut flags = vec![0.0; volume(&shape)?];
                for (value, flags) in x.values.iter().zip(flags.chunks_exact_mut(width.max(1))) {
                    if let Some(at) = table.find(*value) {
                        flags[at] = 1.0;
                    }
                }
                Tensor::new(Type::Float, shape, flags)
            }
            Columns::Lookup { table, kind, values, otherwise } => {
                let of = |value: &f64| table.find(*value).map_or(*otherwise, |at| values[at]);
                Tensor::new(*kind, x.shape.clone(), x.values.iter().map(of).collect())
            }
        }
    }

    /// Whether running it cannot go out of bounds.
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Columns::Scaler { .. } | Columns::Imputer { .. } | Columns::Normalizer(_) => true,
            Columns::OneHot(table) => table.is_sound(),
            Columns::Lookup { table, values, .. } => table.is_sound() && values.len() == table.keys.len(),
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        match self {
            Columns::Scaler { offsets, .. } => offsets.len() * 8,
            Columns::Imputer { fills, .. } => fills.len() * 8,
            Columns::Normalizer(_) => 0,
            Columns::OneHot(table) => table.keys.len() * 12,
            Columns::Lookup { table, .. } => table.keys.len() * 20,
        }
    }
}

impl Norm {
    fn divide(self, row: &mut [f64]) {
        let by = match self {
            Norm::Max => row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Norm::L1 => row.iter().map(|value| value.abs()).sum(),
            Norm::L2 => row.iter().map(|value| value * value).sum::<f64>().sqrt(),
        };
        if by != 0.0 {
            for value in row {
                *value /= by;
            }
        }
    }
}

/// Values, and which of them is which: sorted to be found. NaN is a value too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::onnx) struct Table {
    /// Ascending.
    keys: Vec<f64>,
    /// The place that each key had.
    places: Vec<u32>,
}

impl Table {
    /// Of equal keys the last counts.
    pub(in crate::onnx) fn new(keys: &[f64]) -> Table {
        let mut order: Vec<u32> = (0..keys.len() as u32).collect();
        let key = |at: &u32| plain(keys[*at as usize]);
        order.sort_by(|a, b| key(a).total_cmp(&key(b)).then(a.cmp(b)));
        Table { keys: order.iter().map(key).collect(), places: order }
    }

    /// The place of a key among those it was made of.
    pub(in crate::onnx) fn find(&self, value: f64) -> Option<usize> {
        let value = plain(value);
        let after = self.keys.partition_point(|key| key.total_cmp(&value).is_le());
        let at = after.checked_sub(1)?;
        self.keys[at].total_cmp(&value).is_eq().then(|| self.places[at] as usize)
    }

    fn is_sound(&self) -> bool {
        self.places.len() == self.keys.len()
            && self.places.iter().all(|place| (*place as usize) < self.keys.len())
    }
}

/// One zero, and one NaN.
fn plain(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value + 0.0 }
}
