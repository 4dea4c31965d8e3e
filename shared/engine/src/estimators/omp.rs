//! Linear regression on a few columns, chosen one after the other.

use faer::Mat;

use super::deviations::as_column;
use super::least_squares::Regression;
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search};
use crate::metrics::Task;

/// A column of which less than this share is left beside the chosen ones repeats them.
const REPEATED: f64 = 1e-10;

/// Orthogonal matching pursuit: time and again the column that says most about what is left of the target,
/// and then least squares on all that were chosen.
pub(super) struct Omp;

impl Estimator for Omp {
    fn name(&self) -> &'static str {
        "omp"
    }

    fn label(&self) -> &'static str {
        "Orthogonal matching pursuit"
    }

    fn source(&self) -> &'static str {
        "Pati, Rezaiifar and Krishnaprasad, \"Orthogonal matching pursuit\", 1993; on products, as in Rubinstein, \
         Zibulevsky and Elad, \"Efficient implementation of the K-SVD algorithm\", 2008"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Regression]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter {
            name: "columns",
            domain: Domain::AutoInteger { min: 1, max: 1000 },
            search: Search::Log(1.0, 100.0),
            doc: "How many columns the model uses; when left out a tenth of them, from five to a hundred.",
        }]
    }

    fn cost(&self) -> u8 {
        12
    }

    fn promise(&self) -> u8 {
        45
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let regression = Regression::new(fit, "orthogonal matching pursuit")?;
        let cols = fit.x.cols();
        let asked = fit.params.auto_integer("columns");
        let most = asked.map_or((cols / 10).clamp(5, 100), |columns| columns as usize);
        let coefficients = pursue(&regression, most.min(cols).min(fit.x.rows()));
        regression.fitted(&coefficients, "orthogonal matching pursuit")
    }
}

/// The coefficients, one a column, at most `most` of them not 0. O(rows × cols) for each that is chosen.
fn pursue(regression: &Regression, most: usize) -> Vec<f64> {
    let target = regression.covariances();
    let squares = regression.x.squares();
    // Constant columns cannot be chosen.
    let mut open: Vec<bool> = squares.iter().map(|square| *square > 0.0).collect();
    let mut slopes = target.clone();
    // Of the chosen ones: which, their products with all columns, the lower Cholesky factor of those with
    // each other row by row, and what forward substitution makes of the target's products.
    let mut chosen: Vec<usize> = Vec::new();
    let mut products: Vec<Vec<f64>> = Vec::new();
    let mut lower: Vec<Vec<f64>> = Vec::new();
    let mut forward: Vec<f64> = Vec::new();
    let mut solution: Vec<f64> = Vec::new();
    let mut column = vec![0.0; regression.y.len()];
    let squared_target: f64 = regression.y.iter().zip(&regression.weights).map(|(y, w)| w * y * y).sum();
    while chosen.len() < most {
        let best = (0..slopes.len()).filter(|col| open[*col]).max_by(|a, b| {
            // Of equals the first.
            slopes[*a].abs().total_cmp(&slopes[*b].abs()).then(b.cmp(a))
        });
        let Some(best) = best else { break };
        if slopes[best].abs() <= 1e-10 * (squared_target * squares[best]).sqrt() {
            break;
        }
        open[best] = false;
        let mut row: Vec<f64> = Vec::with_capacity(chosen.len() + 1);
        for (place, products) in products.iter().enumerate() {
            let known: f64 = row.iter().zip(&lower[place]).map(|(a, b)| a * b).sum();
            row.push((products[best] - known) / lower[place][place]);
        }
        let left = squares[best] - row.iter().map(|v| v * v).sum::<f64>();
        if left <= REPEATED * squares[best] {
            continue;
        }
        regression.x.column(best, &mut column);
        let with_all: Mat<f64> = regression.x.transposed_times(as_column(&column));
        products.push((0..slopes.len()).map(|col| with_all[(col, 0)]).collect());
        let known: f64 = row.iter().zip(&forward).map(|(a, b)| a * b).sum();
        forward.push((target[best] - known) / left.sqrt());
        row.push(left.sqrt());
        lower.push(row);
        chosen.push(best);
        solution.clone_from(&forward);
        for place in (0..chosen.len()).rev() {
            let known: f64 =
                (place + 1..chosen.len()).map(|later| lower[later][place] * solution[later]).sum();
            solution[place] = (solution[place] - known) / lower[place][place];
        }
        slopes.clone_from(&target);
        for (products, coefficient) in products.iter().zip(&solution) {
            for (slope, product) in slopes.iter_mut().zip(products) {
                *slope -= coefficient * product;
            }
        }
    }
    let mut coefficients = vec![0.0; target.len()];
    for (&col, coefficient) in chosen.iter().zip(&solution) {
        coefficients[col] = *coefficient;
    }
    coefficients
}
