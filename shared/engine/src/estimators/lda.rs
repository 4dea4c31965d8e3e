//! Linear discriminant analysis: each class has a normal distribution, all with the same covariance.

use faer::Mat;
use faer::linalg::solvers::Solve;

use super::deviations::{Deviations, cholesky};
use super::least_squares::weights;
use super::linear::{ABSENT, FittedLinear, Link, MOST_MULTIPLICATIONS};
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search, Target};
use crate::metrics::Task;

/// A column counts as varying within classes at least by this share of how it varies over all rows.
const LEAST_SPREAD: f64 = 1e-3;
/// The least shrinkage, by columns and by rows: what keeps the equations solvable.
const LEAST_SHRINKAGE: [f64; 2] = [1e-10, 1e-6];

/// Linear discriminant analysis with a shrunk covariance.
///
/// The covariance within classes is shrunk, in units of each column's spread within classes, towards
/// columns that know nothing of each other; how far, Ledoit and Wolf's formula says for all classes
/// together. (scikit-learn's automatic shrinkage does so for each class alone, which needs many rows in
/// every class.)
pub(super) struct Lda;

impl Estimator for Lda {
    fn name(&self) -> &'static str {
        "lda"
    }

    fn label(&self) -> &'static str {
        "Linear discriminant analysis"
    }

    fn source(&self) -> &'static str {
        "Fisher, \"The use of multiple measurements in taxonomic problems\", 1936; Ledoit and Wolf, \"A \
         well-conditioned estimator for large-dimensional covariance matrices\", 2004"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Binary, Task::Multiclass]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "covariance",
                domain: Domain::Choice { of: &["ledoit_wolf", "shrunk"], default: "ledoit_wolf" },
                search: Search::Every,
                doc: "How far the covariance is shrunk: as Ledoit and Wolf found best, or by `shrinkage`.",
            },
            Parameter {
                name: "shrinkage",
                domain: Domain::Number { min: 0.0, max: 1.0, default: 0.1 },
                search: Search::Between(0.0, 1.0),
                doc: "With `covariance` shrunk: 0 is the covariance as it is, 1 that of independent columns.",
            },
        ]
    }

    fn cost(&self) -> u8 {
        14
    }

    fn promise(&self) -> u8 {
        65
    }

    /// O(n² × m), n the smaller of rows and columns, m the larger.
    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let Target::Classes { codes, count } = fit.y else {
            return Err(FitError::Unsuitable("linear discriminant analysis predicts classes".into()));
        };
        let weights = weights(fit);
        let mut shares = vec![0.0; *count];
        for (weight, &code) in weights.iter().zip(codes) {
            shares[code as usize] += weight;
        }
        let total: f64 = shares.iter().sum();
        if total <= 0.0 {
            return Err(FitError::Unsuitable("no row has a weight".into()));
        }
        for share in &mut shares {
            *share /= total;
        }
        let (rows, cols) = (fit.x.rows(), fit.x.cols());
        let (few, many) = (rows.min(cols) as f64, rows.max(cols) as f64);
        if few * few * many > MOST_MULTIPLICATIONS {
            return Err(FitError::Unsuitable(format!(
                "{rows} rows of {cols} columns are too many for linear discriminant analysis: use logistic"
            )));
        }
        let overall = Deviations::new(fit.x, &weights, None, 1);
        let mut within = Deviations::new(fit.x, &weights, Some(codes), *count);
        within.scales = scales(&within, &overall);
        let shrinkage = match fit.params.choice("covariance") {
            "shrunk" => Shrinkage::Fixed(fit.params.number("shrinkage")),
            _ => Shrinkage::LedoitWolf(quartic(&within, &weights)),
        };
        // The classes' means from the overall one, in units of the scales.
        let mut from_mean = within.means.clone();
        for means in from_mean.chunks_exact_mut(cols.max(1)) {
            for ((value, mean), scale) in means.iter_mut().zip(&overall.means).zip(&within.scales) {
                *value = (*value - mean) / scale;
            }
        }
        let present: Vec<usize> = (0..*count).filter(|class| shares[*class] > 0.0).collect();
        let directions = Mat::from_fn(cols, present.len(), |col, at| from_mean[present[at] * cols + col]);
        let solved = solve(&within, total, shrinkage, &directions).ok_or_else(|| {
            FitError::NotFinite("the covariance within classes cannot be inverted: raise shrinkage".into())
        })?;
        let mut model = vec![0.0; count * (cols + 1)];
        for model in model.chunks_exact_mut(cols + 1) {
            model[cols] = ABSENT;
        }
        for (at, &class) in present.iter().enumerate() {
            let (model, solved) = (&mut model[class * (cols + 1)..], solved.col_as_slice(at));
            let mut intercept = shares[class].ln();
            for (col, value) in solved.iter().enumerate() {
                model[col] = value / within.scales[col];
                intercept -= 0.5 * value * directions[(col, at)] + model[col] * overall.means[col];
            }
            model[cols] = intercept;
        }
        if model.iter().any(|value| !value.is_finite()) {
            return Err(FitError::NotFinite("linear discriminant analysis found no finite model".into()));
        }
        Ok(Fitted::Linear(FittedLinear::new(Link::Softmax, model)))
    }
}

/// Each column's spread within classes.
fn scales(within: &Deviations, overall: &Deviations) -> Vec<f64> {
    let total: f64 = within.roots.iter().map(|root| root * root).sum();
    let spread = |squares: f64| (squares / total).sqrt();
    let of_column = |(within, overall): (f64, f64)| {
        let scale = spread(within).max(LEAST_SPREAD * spread(overall));
        if scale > 0.0 { scale } else { 1.0 }
    };
    within.squares().into_iter().zip(overall.squares()).map(of_column).collect()
}

/// The sum of the fourth powers of the rows' lengths.
fn quartic(within: &Deviations, weights: &[f64]) -> f64 {
    let mut lengths = vec![0.0; weights.len()];
    let mut column = vec![0.0; weights.len()];
    for col in 0..within.x.cols() {
        within.column(col, &mut column);
        lengths.iter_mut().zip(&column).for_each(|(length, value)| *length += value * value);
    }
    let rows = lengths.iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
    rows.map(|(length, weight)| length * length / weight).sum()
}

#[derive(Debug, Clone, Copy)]
enum Shrinkage {
    Fixed(f64),
    /// With the sum of the fourth powers of the rows' lengths.
    LedoitWolf(f64),
}

impl Shrinkage {
    /// From the products of deviations by columns or by rows (which have the same trace and norm).
    fn amount(self, products: &Mat<f64>, total: f64, cols: f64) -> f64 {
        let quartic = match self {
            Shrinkage::Fixed(amount) => return amount,
            Shrinkage::LedoitWolf(quartic) => quartic,
        };
        let mean = trace(products) / total / cols;
        let norm = products.squared_norm_l2() / (total * total);
        let distance = (norm - cols * mean * mean) / cols;
        let error = (quartic / total - norm) / (total * cols);
        // One column, or rows that say nothing: there is nothing to shrink.
        if distance <= 1e-14 * norm { 0.0 } else { (error / distance).clamp(0.0, 1.0) }
    }
}

fn trace(matrix: &Mat<f64>) -> f64 {
    (0..matrix.nrows()).map(|i| matrix[(i, i)]).sum()
}

/// The shrunk covariance's inverse times `directions`, `cols ×` any number.
fn solve(within: &Deviations, total: f64, shrinkage: Shrinkage, directions: &Mat<f64>) -> Option<Mat<f64>> {
    let (rows, cols) = (within.x.rows(), within.x.cols());
    let by_columns = cols <= rows;
    let mut products = if by_columns { within.gram() } else { within.kernel() };
    let least = LEAST_SHRINKAGE[usize::from(!by_columns)];
    let amount = shrinkage.amount(&products, total, cols as f64).max(least);
    let mean = trace(&products) / total / cols as f64;
    // No row is away from its class's mean: as if each column were as spread as its scale.
    let identity = amount * if mean > 0.0 { mean } else { 1.0 };
    let share = (1.0 - amount) / total;
    if by_columns {
        products *= faer::Scale(share);
        (0..cols).for_each(|col| products[(col, col)] += identity);
        let mut solution = directions.clone();
        cholesky(products)?.solve_in_place(&mut solution);
        return Some(solution);
    }
    // Woodbury: (a I + b Z'Z)⁻¹ = (I − Z' (a/b I + Z Z')⁻¹ Z) / a.
    let mut solution = directions.clone();
    if share > 0.0 {
        (0..rows).for_each(|row| products[(row, row)] += identity / share);
        let mut along = within.times(directions.as_ref());
        cholesky(products)?.solve_in_place(&mut along);
        solution -= within.transposed_times(along.as_ref());
    }
    solution *= faer::Scale(1.0 / identity);
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    #[test]
    fn by_rows_and_by_columns_lead_to_the_same() {
        let (rows, cols) = (12, 30);
        let data: Vec<f32> = (0..rows * cols).map(|i| ((i * 7919) % 1013) as f32 / 506.0 - 1.0).collect();
        let (x, codes) = (Matrix::new(rows, cols, data), [0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1]);
        let weights: Vec<f64> = (0..rows).map(|i| 1.0 + (i % 2) as f64).collect();
        let within = Deviations::new(&x, &weights, Some(&codes), 2);
        let total = weights.iter().sum::<f64>();
        let directions = Mat::from_fn(cols, 2, |col, at| ((col + 5 * at) as f64).sin());
        for shrinkage in [Shrinkage::Fixed(0.3), Shrinkage::LedoitWolf(quartic(&within, &weights))] {
            let solved = solve(&within, total, shrinkage, &directions).unwrap();
            let amount = shrinkage.amount(&within.gram(), total, cols as f64);
            assert!((amount - shrinkage.amount(&within.kernel(), total, cols as f64)).abs() < 1e-12);
            let mut covariance = within.gram() * faer::Scale((1.0 - amount) / total);
            let identity = amount * trace(&within.gram()) / total / cols as f64;
            (0..cols).for_each(|col| covariance[(col, col)] += identity);
            assert!((covariance * solved - &directions).norm_max() < 1e-9);
        }
    }
}
