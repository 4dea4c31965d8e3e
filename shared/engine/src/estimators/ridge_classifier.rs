//! Ridge regression on which class a row is of.

use faer::linalg::solvers::Solve;
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Mat, MatRef, Par};

use super::calibration::{Calibration, Scored};
use super::deviations::{Deviations, cholesky};
use super::least_squares::weights;
use super::linear::{FittedLinear, Link, MOST_MULTIPLICATIONS};
use super::ridge::iterative;
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search, Target};
use crate::metrics::Task;

/// Scores that the calibration is found on, at most: of more, every second, third, … row is taken.
const MOST_SCORES: usize = 20_000_000;
/// Values that all classes' iterations may go over each time.
const MOST_ITERATED: f64 = 2e9;
const UNSTABLE: &str = "the ridge classifier's equations have no stable solution: raise l2";

/// The ridge classifier: for each class a ridge regression on 1 for its rows and −1 for the others.
///
/// Its scores are no probabilities. A sigmoid makes them so (a softmax with one slope for more than two
/// classes), fitted on the score that each row would have had, had it been left out: for ridge regression
/// these follow from one fit.
pub(super) struct RidgeClassifier;

impl Estimator for RidgeClassifier {
    fn name(&self) -> &'static str {
        "ridge_classifier"
    }

    fn label(&self) -> &'static str {
        "Ridge classifier"
    }

    fn source(&self) -> &'static str {
        "Hoerl and Kennard, \"Ridge regression\", 1970; probabilities by Platt, \"Probabilistic outputs for support \
         vector machines\", 1999, on the residuals of Allen, \"The relationship between variable selection and \
         data augmentation and a method for prediction\", 1974"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Binary, Task::Multiclass]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter {
            name: "l2",
            domain: Domain::Number { min: 1e-3, max: 1e9, default: 1.0 },
            search: Search::Log(1e-3, 1e4),
            doc: "Weight of the penalty on the squared coefficients, beside the sum of the squared errors.",
        }]
    }

    fn cost(&self) -> u8 {
        15
    }

    fn promise(&self) -> u8 {
        60
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let Target::Classes { codes, count } = fit.y else {
            return Err(FitError::Unsuitable("the ridge classifier predicts classes".into()));
        };
        let weights = weights(fit);
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            return Err(FitError::Unsuitable("no row has a weight".into()));
        }
        let outputs = if *count == 2 { 1 } else { *count };
        let rows = Rows {
            deviations: Deviations::new(fit.x, &weights, None, 1),
            codes,
            weights: &weights,
            total,
            first: usize::from(*count == 2),
            outputs,
        };
        let (coefficients, leverages) = rows.solve(fit.params.number("l2"))?;
        let scores = rows.left_out(&coefficients, &leverages, *count);
        let calibration = scores.calibrated(*count);
        let model = rows.model(&coefficients, &calibration);
        if model.iter().any(|value| !value.is_finite()) {
            return Err(FitError::NotFinite("the ridge classifier found no finite coefficients".into()));
        }
        let link = if outputs == 1 { Link::Logit } else { Link::Softmax };
        Ok(Fitted::Linear(FittedLinear::new(link, model)))
    }
}

struct Rows<'a> {
    deviations: Deviations<'a>,
    codes: &'a [u32],
    weights: &'a [f64],
    total: f64,
    /// The class of the first output: of two classes only the second has one.
    first: usize,
    outputs: usize,
}

/// The scores of rows that had been left out.
struct LeftOut {
    scores: Vec<f64>,
    codes: Vec<u32>,
    weights: Vec<f64>,
}

impl LeftOut {
    fn calibrated(&self, count: usize) -> Calibration {
        Scored { scores: &self.scores, codes: &self.codes, weights: &self.weights, count }.calibrate()
    }
}

impl Rows<'_> {
    fn truth(&self, row: usize, output: usize) -> f64 {
        if self.codes[row] as usize == self.first + output { 1.0 } else { -1.0 }
    }

    /// The mean of each output's truth.
    fn means(&self) -> Vec<f64> {
        let mut means = vec![-1.0; self.outputs];
        for (weight, &code) in self.weights.iter().zip(self.codes) {
            if let Some(output) = (code as usize).checked_sub(self.first) {
                means[output] += 2.0 * weight / self.total;
            }
        }
        means
    }

    /// The coefficients, `cols × outputs`, and each row's leverage: how much of its own error one row's
    /// weight takes away. O(n² × m), n the smaller of rows and columns, m the larger.
    fn solve(&self, l2: f64) -> Result<(Mat<f64>, Vec<f64>), FitError> {
        let (rows, cols) = (self.deviations.x.rows(), self.deviations.x.cols());
        let (few, many) = (rows.min(cols) as f64, rows.max(cols) as f64);
        let in_rows = rows as f64 * cols as f64 * self.outputs as f64;
        if few * few * many <= MOST_MULTIPLICATIONS {
            if cols <= rows { self.by_columns(l2) } else { self.by_rows(l2) }
        } else if in_rows <= MOST_ITERATED {
            Ok(self.iterated(l2))
        } else {
            Err(FitError::Unsuitable(format!(
                "{rows} rows of {cols} columns and {} classes are too many for the ridge classifier: use logistic",
                self.outputs
            )))
        }
    }

    fn by_columns(&self, l2: f64) -> Result<(Mat<f64>, Vec<f64>), FitError> {
        let (rows, cols) = (self.deviations.x.rows(), self.deviations.x.cols());
        let mut left = self.deviations.gram();
        (0..cols).for_each(|col| left[(col, col)] += l2);
        let cholesky = cholesky(left).ok_or_else(|| FitError::NotFinite(UNSTABLE.into()))?;
        // Deviations sum to 0, so only the rows of a class itself count in its products, twice.
        let mut solution = Mat::zeros(cols, self.outputs);
        let mut column = vec![0.0; rows];
        for col in 0..cols {
            self.deviations.column(col, &mut column);
            for ((value, root), &code) in column.iter().zip(&self.deviations.roots).zip(self.codes) {
                if let Some(output) = (code as usize).checked_sub(self.first) {
                    solution[(col, output)] += 2.0 * value * root;
                }
            }
        }
        cholesky.solve_in_place(&mut solution);
        let mut leverages = Vec::with_capacity(rows);
        let (mut buffer, block) = (Vec::new(), (32 * 1024 / cols.max(1)).clamp(16, 4096));
        for first in (0..rows).step_by(block) {
            let values = self.deviations.rows(first..rows.min(first + block), &mut buffer);
            let mut solved = values.transpose().to_owned();
            solve_lower_triangular_in_place(cholesky.L(), solved.as_mut(), Par::Seq);
            for row in 0..solved.ncols() {
                leverages.push(solved.col_as_slice(row).iter().map(|v| v * v).sum());
            }
        }
        Ok((solution, self.of_one_weight(leverages)))
    }

    fn by_rows(&self, l2: f64) -> Result<(Mat<f64>, Vec<f64>), FitError> {
        let rows = self.deviations.x.rows();
        let mut left = self.deviations.kernel();
        (0..rows).for_each(|row| left[(row, row)] += l2);
        let cholesky = cholesky(left).ok_or_else(|| FitError::NotFinite(UNSTABLE.into()))?;
        let (means, roots) = (self.means(), &self.deviations.roots);
        let mut solution =
            Mat::from_fn(rows, self.outputs, |row, at| (self.truth(row, at) - means[at]) * roots[row]);
        cholesky.solve_in_place(&mut solution);
        let mut inverse = Mat::<f64>::identity(rows, rows);
        cholesky.solve_in_place(&mut inverse);
        let leverages = (0..rows).map(|row| 1.0 - l2 * inverse[(row, row)]).collect();
        Ok((self.deviations.transposed_times(solution.as_ref()), self.of_one_weight(leverages)))
    }

    /// For matrices too large to decompose, leverages are the mean they have without a penalty.
    fn iterated(&self, l2: f64) -> (Mat<f64>, Vec<f64>) {
        let (rows, cols) = (self.deviations.x.rows(), self.deviations.x.cols());
        let means = self.means();
        let mut solution = Mat::zeros(cols, self.outputs);
        for (output, mean) in means.iter().enumerate() {
            let y: Vec<f64> = (0..rows).map(|row| self.truth(row, output) - mean).collect();
            let model = iterative(self.deviations.x, &y, self.weights, self.total, l2);
            for (col, coefficient) in model[..cols].iter().enumerate() {
                solution[(col, output)] = *coefficient;
            }
        }
        let leverage = ((cols + 1) as f64 / self.total).min(0.5);
        (solution, vec![leverage; rows])
    }

    /// From the leverage of a row with its weight to that of a weight of 1, or of what it has if that is
    /// less; with the intercept's part.
    fn of_one_weight(&self, mut leverages: Vec<f64>) -> Vec<f64> {
        for (leverage, weight) in leverages.iter_mut().zip(self.weights) {
            let share = if *weight > 1.0 { 1.0 / weight } else { 1.0 };
            *leverage = (*leverage * share + weight.min(1.0) / self.total).clamp(0.0, 1.0 - 1e-6);
        }
        leverages
    }

    fn left_out(&self, coefficients: &Mat<f64>, leverages: &[f64], count: usize) -> LeftOut {
        let rows = self.deviations.x.rows();
        let stride = rows.div_ceil((MOST_SCORES / count).max(1)).max(1);
        let (means, mut buffer) = (self.means(), Vec::new());
        let mut out = LeftOut { scores: Vec::new(), codes: Vec::new(), weights: Vec::new() };
        let block = (32 * 1024 / self.deviations.x.cols().max(1)).clamp(16, 4096);
        for first in (0..rows).step_by(block) {
            let last = rows.min(first + block);
            let values: MatRef<'_, f64> = self.deviations.rows(first..last, &mut buffer);
            let scores = values * coefficients;
            for row in (first..last).filter(|row| row % stride == 0 && self.weights[*row] > 0.0) {
                if self.outputs == 1 {
                    out.scores.push(0.0);
                }
                for (output, mean) in means.iter().enumerate() {
                    let score = mean + scores[(row - first, output)] / self.deviations.roots[row];
                    let truth = self.truth(row, output);
                    out.scores.push(truth - (truth - score) / (1.0 - leverages[row]));
                }
                out.codes.push(self.codes[row]);
                out.weights.push(self.weights[row]);
            }
        }
        out
    }

    /// For each output its coefficients and intercept, calibrated.
    fn model(&self, coefficients: &Mat<f64>, calibration: &Calibration) -> Vec<f64> {
        let mut model = Vec::with_capacity(self.outputs * (coefficients.nrows() + 1));
        for (output, mean) in self.means().iter().enumerate() {
            let column = coefficients.col_as_slice(output);
            let centre: f64 = column.iter().zip(&self.deviations.means).map(|(c, mean)| c * mean).sum();
            let offset = calibration.offsets[self.first + output]
                - if self.first == 1 { calibration.offsets[0] } else { 0.0 };
            model.extend(column.iter().map(|coefficient| calibration.slope * coefficient));
            model.push(calibration.slope * (mean - centre) + offset);
        }
        model
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    fn matrix(rows: usize, cols: usize) -> (Matrix, Vec<u32>) {
        let data = (0..rows * cols).map(|i| ((i * 7919) % 1013) as f32 / 506.0 - 1.0).collect();
        let x = Matrix::new(rows, cols, data);
        let codes = (0..rows).map(|i| u32::from(x.get(i, 0) > 0.2) + u32::from(x.get(i, 1) > 0.4)).collect();
        (x, codes)
    }

    fn rows<'a>(x: &'a Matrix, codes: &'a [u32], weights: &'a [f64]) -> Rows<'a> {
        let (deviations, total) = (Deviations::new(x, weights, None, 1), weights.iter().sum());
        Rows { deviations, codes, weights, total, first: 0, outputs: 3 }
    }

    #[test]
    fn columns_rows_and_iterations_lead_to_the_same() {
        for (n, cols) in [(60, 5), (12, 30)] {
            let (x, codes) = matrix(n, cols);
            let weights: Vec<f64> = (0..n).map(|i| 0.5 + (i % 3) as f64).collect();
            let rows = rows(&x, &codes, &weights);
            let (by_columns, leverages) = rows.by_columns(0.7).unwrap();
            let (by_rows, same) = rows.by_rows(0.7).unwrap();
            let (iterated, _) = rows.iterated(0.7);
            assert!((&by_columns - &by_rows).norm_max() < 1e-9);
            assert!((&by_columns - &iterated).norm_max() < 1e-5);
            assert!(leverages.iter().zip(&same).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }

    #[test]
    fn left_out_scores_are_those_of_a_model_without_the_row() {
        let (x, codes) = matrix(20, 4);
        let mut weights = vec![1.0; 20];
        weights[3] = 2.0;
        let all = rows(&x, &codes, &weights);
        let (coefficients, leverages) = all.solve(0.5).unwrap();
        let scores = all.left_out(&coefficients, &leverages, 3).scores;
        for row in [3, 11] {
            let mut without = weights.clone();
            without[row] -= 1.0;
            let other = rows(&x, &codes, &without);
            let (coefficients, _) = other.solve(0.5).unwrap();
            for (output, mean) in other.means().iter().enumerate() {
                let score: f64 = (0..4)
                    .map(|col| {
                        let from_mean = f64::from(x.get(row, col)) - other.deviations.means[col];
                        coefficients[(col, output)] * from_mean
                    })
                    .sum();
                assert!((scores[row * 3 + output] - mean - score).abs() < 1e-9);
            }
        }
    }
}
