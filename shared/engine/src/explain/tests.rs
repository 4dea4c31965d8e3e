use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::*;
use crate::estimators::{Fit, Fitted, Params, Target, find};
use crate::matrix::Matrix;

/// Random features, one in ten missing when they may be, and a target that needs two of them at once.
fn data(rows: usize, cols: usize, missing: bool, seed: u64) -> (Matrix, Vec<f64>) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let x: Vec<f32> = (0..rows * cols).map(|_| random.random_range(-2.0..2.0)).collect();
    let score = |row: usize| f64::from(x[row] + x[rows + row] * x[2 * rows + row]);
    let y = (0..rows).map(|row| 1000.0 + 300.0 * score(row)).collect();
    let holes = x.iter().map(|v| if missing && random.random_bool(0.1) { f32::NAN } else { *v }).collect();
    (Matrix::new(rows, cols, holes), y)
}

fn target(y: &[f64], classes: usize) -> Target {
    match classes {
        1 => Target::Numbers(y.to_vec()),
        count => Target::Classes {
            codes: y
                .iter()
                .map(|y| ((y - 400.0) / 1200.0 * count as f64).clamp(0.0, count as f64 - 1.0) as u32)
                .collect(),
            count,
        },
    }
}

fn fit(name: &str, x: &Matrix, y: &Target, params: &serde_json::Value) -> Fitted {
    let estimator = find(name).unwrap();
    let params = Params::check(estimator.parameters(), params.as_object().unwrap()).unwrap();
    estimator.fit(&Fit { x, y, weights: None, seed: 1, params: &params }).unwrap()
}

fn explain(fitted: &Fitted, x: &Matrix, background: &Matrix) -> Option<Contributions> {
    fitted.explain(x, &fitted.background(background)?)
}

/// The prediction that a row's contributions sum to.
fn predicted(contributions: &Contributions, row: usize) -> Vec<f64> {
    let raw: Vec<f64> = (0..contributions.outputs()).map(|output| contributions.raw(row, output)).collect();
    match contributions.scale() {
        Scale::Number => raw,
        Scale::Logarithm => vec![raw[0].exp()],
        Scale::Probability if raw.len() > 1 => raw,
        Scale::Probability => vec![1.0 - raw[0], raw[0]],
        Scale::LogOdds => {
            let p = 1.0 / (1.0 + (-raw[0]).exp());
            vec![1.0 - p, p]
        }
        Scale::Scores => {
            let total: f64 = raw.iter().map(|score| score.exp()).sum();
            raw.iter().map(|score| score.exp() / total).collect()
        }
    }
}

#[test]
fn contributions_sum_to_the_prediction() {
    for (name, classes, missing) in [
        ("ridge", 1, false),
        ("logistic", 2, false),
        ("logistic", 3, false),
        ("decision_tree", 1, true),
        ("random_forest", 1, true),
        ("random_forest", 2, true),
        ("extra_trees", 4, true),
        ("gradient_boosting", 1, true),
        ("gradient_boosting", 2, true),
        ("gradient_boosting", 3, true),
        ("explainable_boosting", 1, true),
        ("explainable_boosting", 2, true),
        ("explainable_boosting", 3, true),
    ] {
        let (x, y) = data(300, 5, missing, 3);
        let fitted = fit(name, &x, &target(&y, classes), &json!({}));
        let (seen, unseen) = (x.take(&(0..200).collect::<Vec<_>>()), data(40, 5, missing, 4).0);
        let contributions = explain(&fitted, &unseen, &seen).unwrap();
        assert_eq!((contributions.rows(), contributions.features()), (40, 5));
        let predictions = fitted.predict(&unseen);
        let largest = predictions.iter().fold(1.0f64, |largest, p| largest.max(p.abs()));
        for (row, expected) in predictions.chunks_exact(classes).enumerate() {
            for (got, expected) in predicted(&contributions, row).iter().zip(expected) {
                assert!((got - expected).abs() < 1e-6 * largest, "{name} {classes}: {got} {expected}");
            }
        }
        assert_eq!(explain(&fitted, &unseen, &seen).unwrap(), contributions);
    }
}

/// To the last digits: what is served must add up.
#[test]
fn numbers_and_shares_of_trees_add_up_exactly() {
    for (name, classes) in [
        ("ridge", 1),
        ("decision_tree", 3),
        ("random_forest", 1),
        ("random_forest", 2),
        ("extra_trees", 3),
        ("explainable_boosting", 1),
    ] {
        let (x, y) = data(300, 5, name != "ridge", 3);
        let fitted = fit(name, &x, &target(&y, classes), &json!({}));
        let contributions = explain(&fitted, &x, &x).unwrap();
        let predictions = fitted.predict(&x);
        let largest = predictions.iter().fold(1.0f64, |largest, p| largest.max(p.abs()));
        for (row, expected) in predictions.chunks_exact(classes).enumerate() {
            for (got, expected) in predicted(&contributions, row).iter().zip(expected) {
                assert!((got - expected).abs() < 1e-9 * largest, "{name} {classes}: {got} {expected}");
            }
        }
    }
}

#[test]
fn counts_are_explained_by_their_logarithm() {
    let (x, y) = data(300, 5, true, 3);
    let y = Target::Numbers(y.iter().map(|y| (y / 200.0).max(0.0).floor()).collect());
    for objective in ["poisson", "tweedie"] {
        let fitted = fit("gradient_boosting", &x, &y, &json!({"objective": objective, "trees": 30}));
        let contributions = explain(&fitted, &x, &x).unwrap();
        assert_eq!(contributions.scale(), Scale::Logarithm);
        for (row, expected) in fitted.predict(&x).iter().enumerate() {
            let got = predicted(&contributions, row)[0];
            assert!((got - expected).abs() < 1e-5 * expected.abs().max(1.0), "{objective}: {got} {expected}");
        }
    }
}

#[test]
fn means_of_what_adds_up_add_up() {
    let part = |scale, base, value| Contributions::new(scale, 1, vec![base], vec![value, 2.0 * value]);
    let mean =
        Contributions::mean(&[(0.25, part(Scale::Number, 8.0, 4.0)), (0.75, part(Scale::Number, 4.0, 0.0))]);
    let mean = mean.unwrap();
    assert_eq!((mean.base(0), mean.of(0, 0), mean.of(1, 0)), (5.0, &[1.0][..], &[2.0][..]));
    let mixed = [(0.5, part(Scale::Number, 1.0, 1.0)), (0.5, part(Scale::Probability, 1.0, 1.0))];
    assert_eq!(Contributions::mean(&mixed), None);
    assert_eq!(Contributions::mean(&[(1.0, part(Scale::LogOdds, 1.0, 1.0))]), None);
    assert_eq!(Contributions::mean(&[]), None);
}

#[test]
fn a_background_of_something_else_is_refused() {
    let (x, y) = data(60, 3, false, 3);
    for name in ["ridge", "decision_tree", "gradient_boosting", "explainable_boosting"] {
        let fitted = fit(name, &x, &target(&y, 1), &json!({}));
        let background = fitted.background(&x).unwrap();
        assert_eq!(fitted.check_background(&background, 3), Ok(()), "{name}");
        let others = [
            Background::Within,
            Background::Means(vec![0.0; 3]),
            Background::Means(vec![0.0; 2]),
            Background::Means(vec![f64::NAN; 3]),
            Background::Covers(vec![1]),
        ];
        let fits = others.iter().filter(|other| fitted.check_background(other, 3).is_ok()).count();
        assert_eq!(fits, usize::from(name != "decision_tree"), "{name}");
    }
}

#[test]
fn the_base_of_a_forest_is_the_mean_of_its_background() {
    let (x, y) = data(300, 5, true, 3);
    let fitted = fit("random_forest", &x, &target(&y, 1), &json!({"trees": 10}));
    let background = data(50, 5, true, 8).0;
    let predictions = fitted.predict(&background);
    let base = explain(&fitted, &x, &background).unwrap().base(0);
    assert!((base - predictions.iter().sum::<f64>() / 50.0).abs() < 1e-6);
}

#[test]
fn one_split_is_shared_out_by_hand() {
    // One question: x0 ≤ 0, answered 0 for three rows of the four, and 1 for the other.
    let x = Matrix::new(4, 2, vec![-3.0, -2.0, -1.0, 1.0, 5.0, 5.0, 5.0, 5.0]);
    let y = Target::Numbers(vec![0.0, 0.0, 0.0, 1.0]);
    let fitted = fit("decision_tree", &x, &y, &json!({"min_leaf": 1}));
    let contributions = explain(&fitted, &x, &x).unwrap();
    assert!((contributions.base(0) - 0.25).abs() < 1e-6);
    assert!((contributions.of(0, 0)[0] + 0.25).abs() < 1e-6);
    assert!((contributions.of(3, 0)[0] - 0.75).abs() < 1e-6);
    assert!(contributions.of(3, 0)[1].abs() < 1e-12);
}

#[test]
fn columns_of_one_feature_are_summed() {
    let contributions =
        Contributions::new(Scale::Number, 3, vec![1.0, 2.0], vec![1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
    let gathered = contributions.gathered(&[1, 1, 0], 2);
    assert_eq!((gathered.of(0, 0), gathered.of(0, 1)), (&[4.0, 3.0][..], &[32.0, 24.0][..]));
    assert!((gathered.raw(0, 1) - contributions.raw(0, 1)).abs() < 1e-12);
}

#[test]
fn an_estimator_without_a_way_says_so_and_no_background_is_no_panic() {
    let (x, y) = data(60, 3, false, 3);
    let none = Matrix::new(0, 3, Vec::new());
    assert_eq!(fit("knn", &x, &target(&y, 1), &json!({})).background(&x), None);
    for (name, classes) in [("random_forest", 3), ("ridge", 1), ("gradient_boosting", 2)] {
        let contributions = explain(&fit(name, &x, &target(&y, classes), &json!({})), &x, &none).unwrap();
        assert!((0..60).all(|row| contributions.raw(row, 0).is_finite()));
    }
}
