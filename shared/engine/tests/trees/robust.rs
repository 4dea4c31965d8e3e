//! What must not make a difference, and what may make only a small one.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Columns of few distinct values, with holes, and numbers to predict without ties.
fn tables() -> impl Strategy<Value = (Matrix, Vec<f64>)> {
    (60usize..120, 1usize..5).prop_flat_map(|(rows, cols)| {
        let value = prop_oneof![8 => (-30i8..30).prop_map(f32::from), 1 => Just(f32::NAN)];
        (prop::collection::vec(value, rows * cols), prop::collection::vec(-1e3..1e3, rows))
            .prop_map(move |(data, y)| (Matrix::new(rows, cols, data), y))
    })
}

/// Few trees, and none of the chances that hang on how many rows and columns there are.
fn few(name: &str) -> Value {
    match name {
        "decision_tree" => json!({}),
        "gradient_boosting" => json!({"trees": 5, "subsample": 1, "colsample": 1, "early_stopping": 0}),
        "explainable_boosting" => json!({"rounds": 8, "early_stopping": 0}),
        "adaboost" => json!({"trees": 5, "max_depth": 2}),
        _ => json!({"trees": 5, "split_features": "all"}),
    }
}

fn columns(x: &Matrix, more: impl Iterator<Item = f32>, count: usize) -> Matrix {
    let data = x.data().iter().copied().chain(more).collect();
    Matrix::new(x.rows(), x.cols() + count, data)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Multiplying by a power of two is exact, so that not a bit may differ.
    #[test]
    fn the_unit_of_a_feature_does_not_matter((x, y) in tables(), power in -20i32..20) {
        let unit = |col: usize| if col.is_multiple_of(2) { 2f32.powi(power) } else { 0.5 };
        let data = (0..x.cols()).flat_map(|col| x.col(col).iter().map(move |value| value * unit(col)));
        let scaled = Matrix::new(x.rows(), x.cols(), data.collect());
        for y in [Target::Numbers(y.clone()), two_classes(&y), three_classes(&y)] {
            for name in ALL {
                let (a, b) = (fit(name, &few(name), &x, &y), fit(name, &few(name), &scaled, &y));
                prop_assert_eq!(a.predict(&x), b.predict(&scaled), "{}", name);
            }
        }
    }

    #[test]
    fn a_constant_column_changes_nothing((x, y) in tables(), constant in -5i8..5, times in 1usize..3) {
        let wider = columns(&x, (0..times * x.rows()).map(|_| f32::from(constant)), times);
        let y = Target::Numbers(y);
        // The forests draw rows and features from one stream of chance, which would be another.
        for name in ["decision_tree", "gradient_boosting", "adaboost", "explainable_boosting"] {
            let (a, b) = (fit(name, &few(name), &x, &y), fit(name, &few(name), &wider, &y));
            for (a, b) in a.predict(&x).iter().zip(b.predict(&wider)) {
                prop_assert!((a - b).abs() < 1e-3, "{} {} {}", name, a, b);
            }
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter_without_sampling((x, y) in tables(), by in 1usize..60) {
        let order: Vec<usize> = (0..x.rows()).map(|row| (row + by) % x.rows()).rev().collect();
        let data = (0..x.cols()).flat_map(|col| order.iter().map(move |&row| (row, col)));
        let moved = Matrix::new(x.rows(), x.cols(), data.map(|(row, col)| x.get(row, col)).collect());
        let moved_y = Target::Numbers(order.iter().map(|&row| y[row]).collect());
        let y = Target::Numbers(y);
        for name in ["decision_tree", "gradient_boosting", "explainable_boosting"] {
            let (a, b) = (fit(name, &few(name), &x, &y), fit(name, &few(name), &moved, &moved_y));
            for (a, b) in a.predict(&x).iter().zip(b.predict(&x)) {
                prop_assert!((a - b).abs() < 0.5, "{} {} {}", name, a, b);
            }
        }
    }
}

/// Weights and repetitions are the same also where the criterion is Gini's.
#[test]
fn a_tree_of_classes_takes_a_weight_of_two_for_a_row_twice() {
    let (x, y) = friedman(0, 150);
    let y = three_classes(&y);
    let weights: Vec<f32> = (0..150u8).map(|row| 1.0 + f32::from(row % 2)).collect();
    let rows: Vec<u32> = (0..150).flat_map(|row| vec![row; 1 + row as usize % 2]).collect();
    let data = (0..10).flat_map(|col| rows.iter().map(move |&row| (row as usize, col)));
    let twice = Matrix::new(rows.len(), 10, data.map(|(row, col)| x.get(row, col)).collect());
    let params = json!({"max_depth": 4, "min_leaf": 1});
    let weighted = fit_weighted("decision_tree", &params, &x, &y, Some(&weights)).unwrap();
    let repeated = fit("decision_tree", &params, &twice, &y.take(&rows));
    assert_close("repeated", &weighted.predict(&x), &repeated.predict(&x), 1e-6);
}

fn error(name: &str, x: &Matrix, y: &[f64], query: &Matrix, truth: &[f64]) -> f64 {
    let got = fit(name, &json!({}), x, &Target::Numbers(y.to_vec())).predict(query);
    (got.iter().zip(truth).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / truth.len() as f64).sqrt()
}

/// Thirty columns that mean nothing, beside the ten of which five do not.
#[test]
fn noise_costs_a_little_and_no_more() {
    let ((x, y), (query, truth)) = (friedman(0, 600), friedman(600, 1200));
    let noise = |from: usize| {
        move |at: usize| {
            ((from * 77 + at) as f64 * 0.569_840_290_998).sin().mul_add(4321.7, 0.0).fract() as f32
        }
    };
    let noisy = columns(&x, (0..30 * 600).map(noise(1)), 30);
    let noisy_query = columns(&query, (0..30 * 600).map(noise(400)), 30);
    for name in ALL {
        let (plain, with_noise) =
            (error(name, &x, &y, &query, &truth), error(name, &noisy, &y, &noisy_query, &truth));
        let mean = truth.iter().sum::<f64>() / 600.0;
        let nothing = (truth.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / 600.0).sqrt();
        assert!(
            with_noise < plain * 1.4 && with_noise < nothing * 0.75,
            "{name}: {plain}, {with_noise} of {nothing}"
        );
    }
}

/// Every fifth value missing costs, but all still learn most of what there is.
#[test]
fn missing_values_are_lived_with() {
    let ((x, y), (query, truth)) = (friedman(0, 800), friedman(800, 1600));
    let mean = truth.iter().sum::<f64>() / 800.0;
    let nothing = (truth.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / 800.0).sqrt();
    for name in ALL {
        let error = error(name, &with_holes(&x), &y, &with_holes(&query), &truth);
        assert!(error < nothing * 0.8, "{name}: {error} of {nothing}");
    }
}
