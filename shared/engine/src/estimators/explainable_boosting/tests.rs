use serde_json::{Value, json};

use super::super::{Params, find};
use super::*;
use crate::matrix::Matrix;

fn additive(params: &Value, x: &Matrix, y: &Target) -> Additive {
    let estimator = find("explainable_boosting").unwrap();
    let params = Params::check(estimator.parameters(), params.as_object().unwrap()).unwrap();
    match estimator.fit(&Fit { x, y, weights: None, seed: 3, params: &params }).unwrap() {
        Fitted::Additive(model) => model,
        other => panic!("curves were to be grown: {other:?}"),
    }
}

fn spread(rows: usize, cols: usize) -> Matrix {
    let steps = [2.0f64, 3.0, 5.0, 7.0].map(f64::sqrt);
    let data =
        (0..cols).flat_map(|col| (0..rows).map(move |row| ((row + 1) as f64 * steps[col]).fract() as f32));
    Matrix::new(rows, cols, data.collect())
}

/// A sum of a wave, a line and nothing.
fn sum(x: &Matrix) -> Vec<f64> {
    let wave = |v: f32| (f64::from(v) * std::f64::consts::TAU).sin();
    (0..x.rows()).map(|row| 100.0 + 3.0 * wave(x.get(row, 0)) + 2.0 * f64::from(x.get(row, 1))).collect()
}

#[test]
fn a_sum_of_curves_is_found() {
    let x = spread(1500, 3);
    let y = sum(&x);
    let model = additive(&json!({}), &x, &Target::Numbers(y.clone()));
    let off: f64 = model.predict(&x).iter().zip(&y).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / 1500.0;
    assert!(off.sqrt() < 0.25, "{}", off.sqrt());
    let heights = model.shapes().iter().map(|shape| {
        let (low, high) = shape.values().iter().fold((0.0f32, 0.0f32), |(l, h), &v| (l.min(v), h.max(v)));
        high - low
    });
    let heights: Vec<f32> = heights.collect();
    assert!(heights[0] > 2.0 * heights[1] && heights[1] > 5.0 * heights[2], "{heights:?}");
}

/// A prediction is read off the curves, and their mean over the training rows is 0.
#[test]
fn a_prediction_is_the_sum_of_what_values_are_worth() {
    let x = spread(400, 3);
    let y = sum(&x);
    let model = additive(&json!({}), &x, &Target::Numbers(y.clone()));
    let mean = model.predict(&x).iter().sum::<f64>() / 400.0;
    assert!((mean - y.iter().sum::<f64>() / 400.0).abs() < 0.05, "{mean}");
    let worth = |row: usize, col: usize| {
        let shape = &model.shapes()[col];
        let piece = shape.edges().iter().filter(|edge| **edge < x.get(row, col)).count();
        f64::from(shape.values()[piece])
    };
    for col in 0..3 {
        let mean = (0..400).map(|row| worth(row, col)).sum::<f64>() / 400.0;
        assert!(mean.abs() < 1e-5, "{mean}");
    }
    let got = model.predict(&x);
    let by_hand = |row: usize| (0..3).map(|col| worth(row, col)).sum::<f64>();
    let unit = (got[1] - got[0]) / (by_hand(1) - by_hand(0));
    for row in 2..50 {
        assert!((got[row] - got[0] - unit * (by_hand(row) - by_hand(0))).abs() < 1e-6);
    }
}

#[test]
fn classes_are_told_apart() {
    let x = spread(900, 2);
    let code = |row: usize| u32::from(x.get(row, 0) > 0.33) + u32::from(x.get(row, 0) > 0.66);
    let codes: Vec<u32> = (0..900).map(code).collect();
    let y = Target::Classes { codes: codes.clone(), count: 3 };
    let right = additive(&json!({}), &x, &y).predict(&x);
    let right = right.chunks(3).zip(&codes).filter(|(row, code)| row[**code as usize] > 0.5).count();
    assert!(right > 880, "{right}");
}

/// The parts of a stored model.
type Stored = (Outcome, Vec<f64>, Vec<(Vec<f32>, Vec<f32>)>);

#[test]
fn an_artifact_is_small_and_checked() {
    let x = spread(3000, 4);
    let model = additive(&json!({"rounds": 50}), &x, &Target::Numbers(sum(&x)));
    let stored = postcard::to_stdvec(&model).unwrap();
    assert!(stored.len() < 9 * 1024, "{}", stored.len());
    assert_eq!(model.check(4, 1), Ok(()));
    assert!(model.check(3, 1).is_err());
    assert!(model.check(4, 2).is_err());
    let changed = |change: fn(&mut Stored)| {
        let mut parts: Stored = postcard::from_bytes(&stored).unwrap();
        change(&mut parts);
        postcard::from_bytes::<Additive>(&postcard::to_stdvec(&parts).unwrap()).unwrap().check(4, 1)
    };
    assert_eq!(changed(|_| ()), Ok(()));
    assert!(changed(|parts| parts.2[0].0.swap(0, 1)).is_err());
    assert!(changed(|parts| parts.2[1].1.truncate(3)).is_err());
    assert!(changed(|parts| parts.2[2].1[0] = f32::INFINITY).is_err());
    assert!(changed(|parts| parts.1[0] = f64::NAN).is_err());
    assert!(changed(|parts| parts.0 = Outcome::Number { offset: f64::MAX, scale: f64::MAX }).is_err());
    assert!(changed(|parts| parts.0 = Outcome::Classes(1)).is_err());
}
