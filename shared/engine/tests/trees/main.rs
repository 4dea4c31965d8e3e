//! Trees, forests and boosting: figures of other libraries, and what must hold for any data.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod damaged;
mod degenerate;
mod golden;
mod objectives;
mod properties;
mod robust;

use fettle_engine::estimators::{Fit, FitError, Fitted, Params, Target, find};
use fettle_engine::matrix::Matrix;
use serde_json::Value;

const ALL: [&str; 6] = [
    "decision_tree",
    "random_forest",
    "extra_trees",
    "gradient_boosting",
    "adaboost",
    "explainable_boosting",
];

fn fit_weighted(
    name: &str,
    params: &Value,
    x: &Matrix,
    y: &Target,
    weights: Option<&[f32]>,
) -> Result<Fitted, FitError> {
    let estimator = find(name).unwrap();
    let params = Params::check(estimator.parameters(), params.as_object().unwrap()).unwrap();
    estimator.fit(&Fit { x, y, weights, seed: 11, params: &params })
}

fn fit(name: &str, params: &Value, x: &Matrix, y: &Target) -> Fitted {
    fit_weighted(name, params, x, y, None).unwrap()
}

/// Rows `from..to` of Friedman's first function (*Multivariate adaptive regression splines*, 1991) of
/// ten features, five of them without meaning, with noise; all from multiples of roots of primes,
/// which are spread evenly.
fn friedman(from: usize, to: usize) -> (Matrix, Vec<f64>) {
    let spread = |row: usize, prime: u32| ((row as f64 + 1.0) * f64::from(prime).sqrt()).fract();
    let primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29];
    let data = primes.iter().flat_map(|&prime| (from..to).map(move |row| spread(row, prime) as f32));
    let x = Matrix::new(to - from, primes.len(), data.collect());
    let y = (from..to).map(|row| {
        let x = |col| f64::from(x.get(row - from, col));
        let noise: f64 = [31, 37, 41, 43].iter().map(|&prime| spread(row, prime) - 0.5).sum();
        10.0 * (std::f64::consts::PI * x(0) * x(1)).sin()
            + 20.0 * (x(2) - 0.5).powi(2)
            + 10.0 * x(3)
            + 5.0 * x(4)
            + noise
    });
    let y = y.collect();
    (x, y)
}

/// The same with every fifth value missing.
fn with_holes(x: &Matrix) -> Matrix {
    let hole = |row: usize, col: usize| (row * 7 + col).is_multiple_of(5);
    let value = |row, col| if hole(row, col) { f32::NAN } else { x.get(row, col) };
    let data = (0..x.cols()).flat_map(|col| (0..x.rows()).map(move |row| value(row, col)));
    Matrix::new(x.rows(), x.cols(), data.collect())
}

fn two_classes(y: &[f64]) -> Target {
    Target::Classes { codes: y.iter().map(|&y| u32::from(y >= 14.5)).collect(), count: 2 }
}

fn three_classes(y: &[f64]) -> Target {
    let codes = y.iter().map(|&y| u32::from(y >= 12.0) + u32::from(y >= 17.0));
    Target::Classes { codes: codes.collect(), count: 3 }
}

fn assert_close(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let close = got.iter().zip(expected).all(|(a, b)| (a - b).abs() <= tolerance);
    assert!(close, "{what}: {got:?}, expected {expected:?}");
}
