use serde_json::{Value, json};

use crate::estimators::tests::{assert_tampering_is_survived, fit as fit_any};
use crate::estimators::{FitError, Fitted, Target};
use crate::matrix::Matrix;

fn wave(i: usize, by: f64) -> f32 {
    (i as f64 * by).sin() as f32
}

fn matrix(rows: usize) -> Matrix {
    let data = [1.3, 2.9, 0.7].iter().flat_map(|by| (0..rows).map(move |i| 1.4 * wave(i, *by))).collect();
    Matrix::new(rows, 3, data)
}

/// Whether the first two features have the same sign, which no linear model can tell.
fn exclusive(x: &Matrix) -> Target {
    let codes = (0..x.rows()).map(|i| u32::from((x.get(i, 0) > 0.0) == (x.get(i, 1) > 0.0))).collect();
    Target::Classes { codes, count: 2 }
}

fn fit(params: &Value, x: &Matrix, y: &Target, weights: Option<&[f32]>) -> Result<Fitted, FitError> {
    fit_any("mlp", params, x, y, weights)
}

#[test]
fn it_learns_what_no_linear_model_can() {
    let x = matrix(600);
    let y = exclusive(&x);
    let Target::Classes { codes, .. } = &y else { unreachable!() };
    for layers in 1..=3 {
        let predictions = fit(&json!({"layers": layers}), &x, &y, None).unwrap().predict(&x);
        let right =
            predictions.chunks_exact(2).zip(codes).filter(|(p, code)| u32::from(p[1] > 0.5) == **code);
        assert!(right.count() > 560, "{layers} layers");
    }
    let product = |i: usize| 1e6 + 500.0 * f64::from(x.get(i, 0) * x.get(i, 1));
    let numbers = Target::Numbers((0..600).map(product).collect());
    let predictions = fit(&json!({}), &x, &numbers, None).unwrap().predict(&x);
    let errors: f64 = predictions.iter().enumerate().map(|(i, p)| (p - product(i)).powi(2)).sum();
    assert!((errors / 600.0).sqrt() < 100.0, "{}", (errors / 600.0).sqrt());
}

#[test]
fn rows_without_weight_are_not_learned_from() {
    let x = matrix(400);
    let Target::Classes { codes, count } = exclusive(&x) else { unreachable!() };
    let weights: Vec<f32> = (0..400).map(|row| (row % 2) as f32).collect();
    let contradicted = |row: usize, code: u32| if row.is_multiple_of(2) { 1 - code } else { code };
    let other = codes.iter().enumerate().map(|(row, &code)| contradicted(row, code)).collect();
    let one = fit(&json!({}), &x, &Target::Classes { codes, count }, Some(&weights)).unwrap();
    let two = fit(&json!({}), &x, &Target::Classes { codes: other, count }, Some(&weights)).unwrap();
    assert_eq!(one, two);
    let none = fit(&json!({}), &x, &exclusive(&x), Some(&[0.0; 400])).unwrap_err();
    assert_eq!(none, FitError::Unsuitable("no row has a weight".into()));
}

#[test]
fn what_weighs_more_is_more_likely() {
    // The same features throughout: only the weights tell the classes apart.
    let x = Matrix::new(400, 1, vec![0.3; 400]);
    let y = Target::Classes { codes: (0..400).map(|row| row % 2).collect(), count: 2 };
    let weights: Vec<f32> = (0..400).map(|row| if row % 2 == 0 { 3.0 } else { 1.0 }).collect();
    let predictions = fit(&json!({}), &x, &y, Some(&weights)).unwrap().predict(&x);
    assert!((predictions[0] - 0.75).abs() < 0.05, "{predictions:?}");
}

#[test]
fn steps_that_are_too_long_and_values_at_the_end_of_a_float() {
    let mut data = matrix(400).data().to_vec();
    (data[3], data[500]) = (f32::MAX, f32::MIN);
    let x = Matrix::new(400, 3, data);
    let numbers = Target::Numbers((0..400).map(|i| f64::from(wave(i, 0.3))).collect());
    for params in [json!({}), json!({"learning_rate": 0.1, "layers": 3, "l2": 10})] {
        for y in [&exclusive(&matrix(400)), &numbers] {
            // An error is an answer; a panic or a prediction that is no number is not.
            if let Ok(fitted) = fit(&params, &x, y, None) {
                assert!(fitted.predict(&x).iter().all(|p| p.is_finite()));
            }
        }
    }
}

#[test]
fn a_thousand_classes_and_one_alone() {
    let x = matrix(1500);
    let y = Target::Classes { codes: (0..1500).map(|row| row % 1000).collect(), count: 1000 };
    let predictions = fit(&json!({"epochs": 10}), &x, &y, None).unwrap().predict(&matrix(5));
    for row in predictions.chunks_exact(1000) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
    let alone = Target::Classes { codes: vec![0; 1500], count: 2 };
    let predictions = fit(&json!({"epochs": 10}), &x, &alone, None).unwrap().predict(&x);
    assert!(predictions.chunks_exact(2).all(|row| row[0] > 0.99));
}

#[test]
fn a_network_that_was_tampered_with_is_refused() {
    let x = matrix(100);
    let fitted = fit(&json!({"width": 4}), &x, &exclusive(&x), None).unwrap();
    assert_tampering_is_survived(&fitted, 2, &x);
}

/// Measured, not asserted: `cargo test --release -p fettle-engine --lib how_long -- --ignored --nocapture`.
#[test]
#[ignore = "takes seconds"]
fn how_long_it_takes() {
    let (rows, cols) = (50_000, 25);
    let data = (0..rows * cols).map(|i| wave(i, 0.137 + (i % 89) as f64)).collect();
    let x = Matrix::new(rows, cols, data);
    let codes = (0..rows).map(|i| u32::from(x.get(i, 0) * x.get(i, 1) + 0.5 * wave(i, 7.7) > 0.0)).collect();
    let start = std::time::Instant::now();
    let fitted = fit(&json!({}), &x, &Target::Classes { codes, count: 2 }, None).unwrap();
    println!("fitted in {:?}", start.elapsed());
    assert_eq!(fitted.predict(&x).len(), 2 * rows);
    println!("with predictions of all rows in {:?}", start.elapsed());
}
