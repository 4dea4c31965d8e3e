//! Figures of `scikit-learn` 1.9.1 and `xgboost` 3.2.0 (Python packages) on the same numbers.

use serde_json::json;

use super::*;

/// Both sides cut where variance or impurity falls most, so a tree without chance parts the training
/// rows alike.
#[test]
fn a_tree_as_in_scikit_learn() {
    let (x, y) = friedman(0, 200);
    let shallow = |depth| json!({"min_leaf": 10, "max_depth": depth});

    let got = fit("decision_tree", &shallow(4), &x, &Target::Numbers(y.clone())).predict(&x);
    let expected = [19.076_512, 15.659_230, 15.543_511, 19.076_512, 9.020_409, 19.076_512];
    assert_close("numbers", &got[..6], &expected, 1e-5);

    let got = fit("decision_tree", &shallow(3), &x, &two_classes(&y)).predict(&x);
    let second: Vec<f64> = got.chunks(2).take(6).map(|row| row[1]).collect();
    let expected = [0.953_125, 0.516_129, 0.75, 0.953_125, 0.042_553, 0.953_125];
    assert_close("two classes", &second, &expected, 1e-6);

    let got = fit("decision_tree", &shallow(3), &x, &three_classes(&y)).predict(&x);
    let expected = [
        0.0, 0.113_636, 0.886_364, 0.142_857, 0.595_238, 0.261_905, 0.28, 0.56, 0.16, 0.0, 0.113_636,
        0.886_364,
    ];
    assert_close("three classes", &got[..12], &expected, 1e-6);
}

#[test]
fn a_weighted_tree_as_in_scikit_learn() {
    let (x, y) = friedman(0, 200);
    let weights: Vec<f32> = (0..200u8).map(|row| 0.5 + f32::from(row % 3)).collect();
    let params = json!({"min_leaf": 10, "max_depth": 4});
    let tree = fit_weighted("decision_tree", &params, &x, &Target::Numbers(y), Some(&weights)).unwrap();
    let expected = [17.139_240, 16.957_259, 15.834_017, 19.441_471, 7.137_486, 15.834_017];
    assert_close("weighted", &tree.predict(&x)[..6], &expected, 1e-5);
}

/// scikit-learn too sends missing values to the better side.
#[test]
fn a_tree_with_missing_values_as_in_scikit_learn() {
    let (x, y) = friedman(0, 200);
    let x = with_holes(&x);
    let params = json!({"min_leaf": 10, "max_depth": 4});
    let got = fit("decision_tree", &params, &x, &Target::Numbers(y)).predict(&x);
    let expected = [20.799_354, 17.806_298, 13.750_745, 20.799_354, 9.137_579, 16.819_732];
    assert_close("missing", &got[..6], &expected, 1e-5);
}

/// Root of the mean squared error, or mean log loss, on 800 rows that were not learned from.
fn loss(name: &str, y: impl Fn(&[f64]) -> Target, holes: bool) -> f64 {
    let prepare = |x: Matrix| if holes { with_holes(&x) } else { x };
    let ((x, learned), (query, unseen)) = (friedman(0, 800), friedman(800, 1600));
    let got = fit(name, &json!({}), &prepare(x), &y(&learned)).predict(&prepare(query));
    match y(&unseen) {
        Target::Numbers(truth) => {
            let squares: f64 = got.iter().zip(&truth).map(|(a, b)| (a - b).powi(2)).sum();
            (squares / truth.len() as f64).sqrt()
        }
        Target::Classes { codes, count } => {
            let of_truth = got.chunks(count).zip(&codes).map(|(row, &code)| row[code as usize]);
            -of_truth.map(|p| p.max(1e-15).ln()).sum::<f64>() / codes.len() as f64
        }
    }
}

/// With the same settings (100 trees, leaves of 2 rows, half or the root of the features), and a
/// tolerance of four standard deviations over scikit-learn's seeds: chance differs, quality must not.
#[test]
fn forests_are_as_good_as_scikit_learns() {
    let numbers = |y: &[f64]| Target::Numbers(y.to_vec());
    for (what, got, expected, tolerance) in [
        ("random forest", loss("random_forest", numbers, false), 1.7590, 0.061),
        ("extra trees", loss("extra_trees", numbers, false), 1.7554, 0.061),
        ("random forest, missing", loss("random_forest", numbers, true), 2.8248, 0.051),
        ("random forest, two classes", loss("random_forest", two_classes, false), 0.3194, 0.016),
        ("extra trees, two classes", loss("extra_trees", two_classes, false), 0.3483, 0.012),
        ("random forest, three classes", loss("random_forest", three_classes, false), 0.5673, 0.016),
        ("extra trees, three classes", loss("extra_trees", three_classes, false), 0.6217, 0.015),
    ] {
        assert!((got - expected).abs() < tolerance, "{what}: {got}, scikit-learn has {expected}");
    }
}

/// Without sampling nothing is left to chance. Features are rounded to few distinct values, so that
/// where to cut does not hang on how each side sketches quantiles.
#[test]
fn boosting_as_in_xgboost() {
    let rounded = |(x, y): (Matrix, Vec<f64>)| {
        let data = x.data().iter().map(|value| (value * 64.0).floor() / 64.0).collect();
        (Matrix::new(x.rows(), x.cols(), data), y)
    };
    let ((x, y), (query, _)) = (rounded(friedman(0, 800)), rounded(friedman(800, 1600)));
    let params = |growth: &str, depth: Option<u32>| {
        json!({
            "trees": 50, "learning_rate": 0.1, "early_stopping": 0, "subsample": 1, "colsample": 1, "lambda": 1,
            "min_child_weight": 1, "growth": growth, "max_depth": depth, "max_leaves": 16,
        })
    };
    let boost =
        |growth, depth, y: &Target| fit("gradient_boosting", &params(growth, depth), &x, y).predict(&query);
    let second = |rows: &[f64]| rows.chunks(2).take(6).map(|row| row[1]).collect::<Vec<_>>();
    let (numbers, two, three) = (Target::Numbers(y.clone()), two_classes(&y), three_classes(&y));

    let expected = [17.053_495, 14.928_362, 16.119_532, 7.730_869, 19.260_885, 9.863_873];
    assert_close("numbers", &boost("depth", Some(4), &numbers)[..6], &expected, 1e-3);
    let expected = [17.234_194, 15.658_161, 16.046_329, 7.313_656, 19.505_928, 10.677_364];
    assert_close("numbers by leaf", &boost("leaf", None, &numbers)[..6], &expected, 1e-3);

    let expected = [0.763_922, 0.641_016, 0.822_976, 0.028_293, 0.963_294, 0.044_959];
    assert_close("two classes", &second(&boost("depth", Some(4), &two)), &expected, 1e-3);
    let expected = [0.729_344, 0.637_237, 0.903_501, 0.014_472, 0.972_299, 0.036_818];
    assert_close("two classes by leaf", &second(&boost("leaf", None, &two)), &expected, 1e-3);

    let expected =
        [0.123_668, 0.603_768, 0.272_564, 0.304_159, 0.537_327, 0.158_514, 0.113_412, 0.335_159, 0.551_429];
    assert_close("three classes", &boost("depth", Some(4), &three)[..9], &expected, 1e-3);

    let (x, query) = (with_holes(&x), with_holes(&query));
    let got = fit("gradient_boosting", &params("depth", Some(4)), &x, &numbers).predict(&query);
    let expected = [12.681_701, 11.733_716, 14.361_833, 7.981_224, 18.045_351, 8.296_849];
    assert_close("missing", &got[..6], &expected, 1e-3);
}

/// Early stopping must find about as many trees as are good: the 50 of the test above have an error of
/// 1.39 and a loss of 0.258 on these rows, scikit-learn's forests 1.76 and 0.319.
#[test]
fn boosting_by_default_beats_forests_on_smooth_data() {
    let error = loss("gradient_boosting", |y| Target::Numbers(y.to_vec()), false);
    assert!(error < 1.1, "{error}");
    let loss = loss("gradient_boosting", two_classes, false);
    assert!(loss < 0.22, "{loss}");
}
