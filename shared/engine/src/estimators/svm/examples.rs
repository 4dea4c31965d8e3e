//! The rows that a machine learns from.

use crate::estimators::{Fit, FitError};
use crate::matrix::Matrix;

/// Distinct rows and how much each counts: rows that are equal in all features and in the truth are
/// one, with the sum of their weights. That is the same problem with fewer variables, and no copy
/// of a row is on both sides of an inner split.
#[derive(Debug)]
pub(in crate::estimators) struct Examples<T> {
    pub(in crate::estimators) x: Matrix,
    /// The truth, one a row.
    pub(in crate::estimators) y: Vec<T>,
    /// All positive.
    pub(in crate::estimators) weights: Vec<f64>,
}

impl<T: Copy + PartialEq> Examples<T> {
    /// The distinct rows that have a weight, in the order of their first. O(rows × (cols + log rows)).
    ///
    /// # Errors
    /// [`FitError::Unsuitable`] without features or without rows that have a weight.
    pub(in crate::estimators) fn new(
        fit: &Fit,
        y: &[T],
        bits: impl Fn(T) -> u64,
    ) -> Result<Examples<T>, FitError> {
        let x = fit.x;
        if x.cols() == 0 {
            return Err(FitError::Unsuitable("there are no features".into()));
        }
        let mut keys: Vec<(u64, u32)> = (0..x.rows()).map(|row| (bits(y[row]), row as u32)).collect();
        for col in 0..x.cols() {
            for ((key, _), value) in keys.iter_mut().zip(x.col(col)) {
                *key = mix(*key, *value);
            }
        }
        let weight = |row: u32| fit.weights.map_or(1.0, |weights| f64::from(weights[row as usize]));
        keys.retain(|&(_, row)| weight(row) > 0.0);
        keys.sort_unstable();
        let equal = |a: usize, b: usize| {
            y[a] == y[b] && (0..x.cols()).all(|col| x.col(col)[a].total_cmp(&x.col(col)[b]).is_eq())
        };
        let mut distinct: Vec<(u32, f64)> = Vec::with_capacity(keys.len());
        for group in keys.chunk_by(|a, b| a.0 == b.0) {
            let first = distinct.len();
            for &(_, row) in group {
                let place =
                    distinct[first..].iter().position(|&(other, _)| equal(other as usize, row as usize));
                match place {
                    Some(place) => distinct[first + place].1 += weight(row),
                    None => distinct.push((row, weight(row))),
                }
            }
        }
        if distinct.is_empty() {
            return Err(FitError::Unsuitable("no row has a weight".into()));
        }
        distinct.sort_unstable_by_key(|&(row, _)| row);
        let rows: Vec<u32> = distinct.iter().map(|&(row, _)| row).collect();
        Ok(Examples {
            x: x.take(&rows),
            y: rows.iter().map(|&row| y[row as usize]).collect(),
            weights: distinct.iter().map(|&(_, weight)| weight).collect(),
        })
    }

    pub(in crate::estimators) fn len(&self) -> usize {
        self.weights.len()
    }

    /// These rows, in this order.
    pub(super) fn take(&self, rows: &[u32]) -> Examples<T> {
        Examples {
            x: self.x.take(rows),
            y: rows.iter().map(|&row| self.y[row as usize]).collect(),
            weights: rows.iter().map(|&row| self.weights[row as usize]).collect(),
        }
    }
}

/// One more value in a row's key: multiplication spreads low bits up, rotation brings high ones down.
fn mix(key: u64, value: f32) -> u64 {
    (key ^ u64::from(value.to_bits())).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}
