//! Quadratic discriminant analysis: each class has a normal distribution with a covariance of its own.

use std::ops::Range;

use faer::Mat;
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{MatRef, Par};
use serde::{Deserialize, Serialize};

use super::deviations::{Deviations, cholesky};
use super::least_squares::weights;
use super::linear::{MOST_MULTIPLICATIONS, softmax};
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search, Target};
use crate::matrix::Matrix;
use crate::metrics::Task;

/// Rows that go through the factors together.
const ROWS: usize = 16;
/// Values that a model holds, at most: 200 MB.
const MOST_VALUES: usize = 25_000_000;

/// Quadratic discriminant analysis.
///
/// scikit-learn's `reg_param`, but never 0: a class with fewer rows than there are columns has a
/// covariance all the same.
pub(super) struct Qda;

impl Estimator for Qda {
    fn name(&self) -> &'static str {
        "qda"
    }

    fn label(&self) -> &'static str {
        "Quadratic discriminant analysis"
    }

    fn source(&self) -> &'static str {
        "Friedman, \"Regularized discriminant analysis\", 1989"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Binary, Task::Multiclass]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter {
            name: "regularisation",
            domain: Domain::Number { min: 1e-9, max: 1.0, default: 0.01 },
            search: Search::Log(1e-6, 1.0),
            doc: "Share of each class's covariance that is replaced by the identity.",
        }]
    }

    fn cost(&self) -> u8 {
        16
    }

    fn promise(&self) -> u8 {
        45
    }

    /// O(n² × m) for each class, n the smaller of its rows and the columns, m the larger.
    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let Target::Classes { codes, count } = fit.y else {
            return Err(FitError::Unsuitable("quadratic discriminant analysis predicts classes".into()));
        };
        let (weights, cols) = (weights(fit), fit.x.cols());
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            return Err(FitError::Unsuitable("no row has a weight".into()));
        }
        let mut members = vec![Vec::new(); *count];
        for (row, &code) in codes.iter().enumerate().filter(|(row, _)| weights[*row] > 0.0) {
            members[code as usize].push(row);
        }
        let small = members.iter().map(|rows| rows.len().min(cols));
        let values: usize = small.clone().map(|few| (few + 1) * cols).sum();
        let multiplications: f64 = small
            .zip(&members)
            .map(|(few, rows)| few as f64 * rows.len().max(few) as f64 * cols as f64)
            .sum();
        if values > MOST_VALUES || multiplications > MOST_MULTIPLICATIONS {
            return Err(FitError::Unsuitable(format!(
                "{cols} columns and {count} classes are too many for quadratic discriminant analysis: use lda"
            )));
        }
        let regularisation = fit.params.number("regularisation");
        let classes = members
            .iter()
            .map(|rows| {
                if rows.is_empty() {
                    return Ok(None);
                }
                let weights: Vec<f64> = rows.iter().map(|row| weights[*row]).collect();
                let values = (0..cols).flat_map(|col| rows.iter().map(move |row| fit.x.get(*row, col)));
                let x = Matrix::new(rows.len(), cols, values.collect());
                Gaussian::new(&x, &weights, total, regularisation).map(Some)
            })
            .collect::<Result<_, _>>()?;
        Ok(Fitted::Qda(FittedQda { cols, classes }))
    }
}

/// A normal distribution for each class that has rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedQda {
    pub(super) cols: usize,
    pub(super) classes: Vec<Option<Gaussian>>,
}

/// A normal distribution, by what its log density is computed from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Gaussian {
    /// The log of the class's share and of the density at the mean.
    pub(super) at_mean: f64,
    pub(super) mean: Vec<f64>,
    /// With F the factor and z a row's distance from the mean, the log density falls by half of |F z|²,
    /// or, where this is not 0, by half of this times (|z|² − |F z|²).
    pub(super) base: f64,
    /// Row by row, as wide as the mean.
    pub(super) factor: Vec<f64>,
}

impl Gaussian {
    /// Of the rows of one class.
    fn new(x: &Matrix, weights: &[f64], total: f64, regularisation: f64) -> Result<Gaussian, FitError> {
        let (rows, cols) = (x.rows(), x.cols());
        let deviations = Deviations::new(x, weights, None, 1);
        let weight: f64 = weights.iter().sum();
        let share = (1.0 - regularisation) / weight;
        let unstable =
            || FitError::NotFinite("a class's covariance cannot be inverted: raise regularisation".into());
        let (base, log_determinant, factor) = if cols <= rows {
            let mut covariance = deviations.gram();
            covariance *= faer::Scale(share);
            (0..cols).for_each(|col| covariance[(col, col)] += regularisation);
            let lower = cholesky(covariance).ok_or_else(unstable)?;
            let mut factor = Mat::<f64>::identity(cols, cols);
            solve_lower_triangular_in_place(lower.L(), factor.as_mut(), Par::Seq);
            (0.0, log_determinant(lower.L()), factor)
        } else {
            // With a the regularisation and b the share, by Woodbury:
            // (a I + b Z'Z)⁻¹ = (I − Z' (a/b I + Z Z')⁻¹ Z) / a.
            let share = share / regularisation;
            let mut products = deviations.kernel();
            products *= faer::Scale(share);
            (0..rows).for_each(|row| products[(row, row)] += 1.0);
            let lower = cholesky(products).ok_or_else(unstable)?;
            let mut buffer = Vec::new();
            let mut factor = deviations.rows(0..rows, &mut buffer).to_owned();
            factor *= faer::Scale(share.sqrt());
            solve_lower_triangular_in_place(lower.L(), factor.as_mut(), Par::Seq);
            let determinant = cols as f64 * regularisation.ln() + log_determinant(lower.L());
            (1.0 / regularisation, determinant, factor)
        };
        let at_mean = (weight / total).ln() - 0.5 * log_determinant;
        let factor: Vec<f64> = (0..factor.nrows())
            .flat_map(|row| (0..cols).map(move |col| (row, col)))
            .map(|at| factor[at])
            .collect();
        if !at_mean.is_finite() || factor.iter().any(|value| !value.is_finite()) {
            return Err(unstable());
        }
        Ok(Gaussian { at_mean, mean: deviations.means, base, factor })
    }

    /// The log densities at rows, with the class's share. `distances` is room for the rows.
    ///
    /// Rows go along a direction together: with many columns the factor is larger than any cache, and
    /// fetching it is what takes the time.
    fn log_densities<'a>(
        &'a self,
        x: &Matrix,
        rows: Range<usize>,
        distances: &'a mut Vec<f64>,
    ) -> impl Iterator<Item = f64> + 'a {
        let (width, count) = (self.mean.len(), rows.len());
        distances.resize(count * width, 0.0);
        for (col, mean) in self.mean.iter().enumerate() {
            for (distance, value) in distances.chunks_exact_mut(width).zip(&x.col(col)[rows.clone()]) {
                distance[col] = f64::from(*value) - mean;
            }
        }
        let mut along = vec![0.0; count];
        for direction in self.factor.chunks_exact(width.max(1)) {
            for (along, distance) in along.iter_mut().zip(distances.chunks_exact(width.max(1))) {
                let product = dot(direction, distance);
                *along += product * product;
            }
        }
        along.into_iter().enumerate().map(move |(row, along)| {
            let fall = if self.base > 0.0 {
                let length: f64 = distances[row * width..(row + 1) * width].iter().map(|d| d * d).sum();
                self.base * (length - along).max(0.0)
            } else {
                along
            };
            self.at_mean - 0.5 * fall
        })
    }
}

fn log_determinant(lower: MatRef<'_, f64>) -> f64 {
    2.0 * (0..lower.nrows()).map(|i| lower[(i, i)].ln()).sum::<f64>()
}

/// Eight sums at a time, in an order that is always the same.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

impl FittedQda {
    pub(super) fn predict(&self, x: &Matrix) -> Vec<f64> {
        let outputs = self.classes.len();
        let mut distances = Vec::new();
        let mut out = vec![f64::NEG_INFINITY; x.rows() * outputs];
        for (block, out) in out.chunks_mut(ROWS * outputs.max(1)).enumerate() {
            let rows = block * ROWS..block * ROWS + out.len() / outputs;
            for (place, class) in self.classes.iter().enumerate() {
                let Some(class) = class else { continue };
                let densities = class.log_densities(x, rows.clone(), &mut distances);
                for (out, density) in out.chunks_exact_mut(outputs).zip(densities) {
                    // Farther away than a number tells: equally far from all.
                    out[place] = density.max(f64::MIN);
                }
            }
            out.chunks_exact_mut(outputs).for_each(softmax);
        }
        out
    }

    pub(super) fn check(&self, cols: usize, outputs: usize) -> Result<(), String> {
        let sound = |class: &Gaussian| {
            class.mean.len() == cols && class.factor.len().is_multiple_of(cols.max(1)) && class.base >= 0.0
        };
        let right = self.cols == cols
            && self.classes.len() == outputs
            && self.classes.iter().any(Option::is_some)
            && self.classes.iter().flatten().all(sound);
        if right { Ok(()) } else { Err("a quadratic discriminant has another width or no class".into()) }
    }

    pub(super) fn size_bytes(&self) -> usize {
        let values = self.classes.iter().flatten().map(|class| class.mean.len() + class.factor.len() + 2);
        values.sum::<usize>() * size_of::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_and_many_lead_to_the_same_distribution() {
        // Twelve rows of four columns, and the same with each column twice more, of which two are 0.
        let narrow: Vec<f32> = (0..48).map(|i| ((i * 7919) % 1013) as f32 / 506.0 - 1.0).collect();
        let wide: Vec<f32> = narrow.iter().copied().chain([0.0; 120]).collect();
        let (narrow, wide) = (Matrix::new(12, 4, narrow), Matrix::new(12, 14, wide));
        let weights: Vec<f64> = (0..12).map(|i| f64::from(1 + i % 2)).collect();
        let regularisation = 0.05;
        let full = Gaussian::new(&narrow, &weights, 40.0, regularisation).unwrap();
        let low_rank = Gaussian::new(&wide, &weights, 40.0, regularisation).unwrap();
        assert!(full.base == 0.0 && low_rank.base > 0.0);
        // Ten columns of variance 0.05 say nothing but their density at 0.
        let constant = -0.5 * 10.0 * regularisation.ln();
        let mut room = Vec::new();
        let a: Vec<f64> = full.log_densities(&narrow, 0..12, &mut room).collect();
        let b: Vec<f64> = low_rank.log_densities(&wide, 0..12, &mut room).collect();
        for row in 0..12 {
            assert!((a[row] + constant - b[row]).abs() < 1e-9, "{a:?} {b:?}");
            // Alone as among others, to the bit.
            let alone: Vec<f64> = full.log_densities(&narrow, row..row + 1, &mut room).collect();
            assert_eq!(alone, a[row..=row]);
        }
    }

    #[test]
    fn damaged_models_are_refused() {
        let gaussian = Gaussian { at_mean: 0.0, mean: vec![0.0; 2], base: 0.0, factor: vec![1.0; 4] };
        let of = |gaussian: Gaussian| FittedQda { cols: 2, classes: vec![None, Some(gaussian)] };
        assert_eq!(of(gaussian.clone()).check(2, 2), Ok(()));
        assert!(of(Gaussian { mean: vec![0.0], ..gaussian.clone() }).check(2, 2).is_err());
        assert!(of(Gaussian { factor: vec![1.0; 3], ..gaussian.clone() }).check(2, 2).is_err());
        assert!(of(Gaussian { base: f64::NAN, ..gaussian }).check(2, 2).is_err());
        assert!(FittedQda { cols: 2, classes: vec![None, None] }.check(2, 2).is_err());
    }
}
