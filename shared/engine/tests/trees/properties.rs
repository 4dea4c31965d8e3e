//! What must hold for any data.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Columns of few distinct values, with ties and holes, and numbers to predict without ties.
fn tables() -> impl Strategy<Value = (Matrix, Vec<f64>)> {
    (2usize..60, 1usize..6).prop_flat_map(|(rows, cols)| {
        let value = prop_oneof![8 => (-9i8..10).prop_map(f32::from), 1 => Just(f32::NAN)];
        (prop::collection::vec(value, rows * cols), prop::collection::vec(-1e3..1e3, rows))
            .prop_map(move |(data, y)| (Matrix::new(rows, cols, data), y))
    })
}

fn map(x: &Matrix, change: impl Fn(usize, f32) -> f32) -> Matrix {
    let change = &change;
    let data = (0..x.cols()).flat_map(|col| x.col(col).iter().map(move |&value| change(col, value)));
    Matrix::new(x.rows(), x.cols(), data.collect())
}

fn full(name: &str) -> Value {
    match name {
        "decision_tree" => json!({"min_leaf": 1}),
        _ => json!({"trees": 5, "min_leaf": 1}),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Trees see the order of values alone.
    #[test]
    fn increasing_changes_of_features_change_nothing((x, y) in tables()) {
        let changed = map(&x, |col, value| if col % 2 == 0 { value * 1024.0 - 3.0 } else { value.powi(3) });
        for y in [Target::Numbers(y.clone()), two_classes(&y), three_classes(&y)] {
            for name in ["decision_tree", "random_forest", "extra_trees"] {
                let (a, b) = (fit(name, &full(name), &x, &y), fit(name, &full(name), &changed, &y));
                prop_assert_eq!(a.predict(&x), b.predict(&changed), "{}", name);
            }
        }
    }

    #[test]
    fn a_weight_of_two_is_a_row_twice((x, y) in tables(), twice in prop::collection::vec(any::<bool>(), 60)) {
        let weights: Vec<f32> = (0..x.rows()).map(|row| if twice[row] { 2.0 } else { 1.0 }).collect();
        let rows: Vec<usize> = (0..x.rows()).flat_map(|row| vec![row; weights[row] as usize]).collect();
        let data = (0..x.cols()).flat_map(|col| rows.iter().map(move |&row| (row, col)));
        let repeated = Matrix::new(rows.len(), x.cols(), data.map(|(row, col)| x.get(row, col)).collect());
        let repeated_y = Target::Numbers(rows.iter().map(|&row| y[row]).collect());
        let weighted = fit_weighted("decision_tree", &full("decision_tree"), &x, &Target::Numbers(y), Some(&weights));
        let repeated = fit("decision_tree", &full("decision_tree"), &repeated, &repeated_y);
        for (a, b) in weighted.unwrap().predict(&x).iter().zip(repeated.predict(&x)) {
            prop_assert!((a - b).abs() < 1e-3, "{} {}", a, b);
        }
    }

    #[test]
    fn the_order_of_columns_does_not_matter_when_all_are_looked_at((x, y) in tables(), by in 0usize..6) {
        let mut order: Vec<usize> = (0..x.cols()).collect();
        order.rotate_left(by % x.cols());
        let data = order.iter().flat_map(|&col| x.col(col).to_vec());
        let moved = Matrix::new(x.rows(), x.cols(), data.collect());
        let y = Target::Numbers(y);
        let params = json!({"min_leaf": 3});
        let (a, b) = (fit("decision_tree", &params, &x, &y), fit("decision_tree", &params, &moved, &y));
        for (a, b) in a.predict(&x).iter().zip(b.predict(&moved)) {
            prop_assert!((a - b).abs() < 1e-3, "{} {}", a, b);
        }
    }

    /// Shifting or stretching the target does the same to predictions, however far.
    #[test]
    fn predictions_follow_the_target((x, y) in tables(), shift in -1e12..1e12f64) {
        let shifted = Target::Numbers(y.iter().map(|y| y + shift).collect());
        // AdaBoost weighs rows by their largest error, in which the last digits of such targets show.
        for name in ALL.into_iter().filter(|name| *name != "adaboost") {
            let (a, b) = (
                fit(name, &json!({}), &x, &Target::Numbers(y.clone())).predict(&x),
                fit(name, &json!({}), &x, &shifted).predict(&x),
            );
            for (a, b) in a.iter().zip(b) {
                prop_assert!((a + shift - b).abs() < 0.1, "{name}: {} {}", a + shift, b);
            }
        }
    }

    #[test]
    fn leaves_are_as_large_and_trees_as_shallow_as_asked((x, y) in tables(), min_leaf in 1usize..20, depth in 1u32..4) {
        let params = json!({"min_leaf": min_leaf, "max_depth": depth});
        let answers = fit("decision_tree", &params, &x, &Target::Numbers(y)).predict(&x);
        let mut sizes = std::collections::BTreeMap::new();
        for answer in &answers {
            *sizes.entry(answer.to_bits()).or_insert(0) += 1;
        }
        prop_assert!(sizes.len() <= 1 << depth);
        prop_assert!(sizes.len() == 1 || sizes.values().all(|&size| size >= min_leaf), "{:?}", sizes);
    }

    /// All rows, no limits: every row that differs from the others ends in a leaf of its own.
    #[test]
    fn a_full_tree_knows_every_row_that_can_be_told_apart((x, y) in tables()) {
        let key = |row: usize| (0..x.cols()).map(|col| x.get(row, col)).map(|v| if v.is_nan() { u32::MAX } else { (v + 0.0).to_bits() }).collect::<Vec<_>>();
        for name in ["decision_tree", "extra_trees"] {
            let answers = fit(name, &full(name), &x, &Target::Numbers(y.clone())).predict(&x);
            for (row, &answer) in answers.iter().enumerate() {
                let alike: Vec<f64> = (0..x.rows()).filter(|&other| key(other) == key(row)).map(|row| y[row]).collect();
                let mean = alike.iter().sum::<f64>() / alike.len() as f64;
                prop_assert!((answer - mean).abs() < 1e-2, "{name} {row}: {answer} {mean}");
            }
        }
    }
}

#[test]
fn missing_values_can_be_the_answer() {
    let holes = |row: usize| if row.is_multiple_of(3) { f32::NAN } else { (row % 7) as f32 };
    let x = Matrix::new(90, 1, (0..90).map(holes).collect());
    let codes: Vec<u32> = (0..90u32).map(|row| u32::from(row.is_multiple_of(3))).collect();
    let y = Target::Classes { codes: codes.clone(), count: 2 };
    for name in ALL {
        let params = if name == "gradient_boosting" { json!({"colsample": 1}) } else { json!({}) };
        let answers = fit(name, &params, &x, &y).predict(&x);
        for (row, code) in answers.chunks(2).zip(&codes) {
            assert!(row[*code as usize] > 0.9, "{name}: {row:?} {code}");
        }
    }
}

#[test]
fn values_missing_for_the_first_time_go_where_most_rows_went() {
    let x = Matrix::new(100, 1, (0..100u8).map(f32::from).collect());
    let y = Target::Numbers((0..100).map(|row| if row < 30 { 1.0 } else { 9.0 }).collect());
    for name in ["decision_tree", "random_forest"] {
        let answer = fit(name, &json!({"max_depth": 1}), &x, &y).predict(&Matrix::new(1, 1, vec![f32::NAN]));
        assert!(answer[0] > 8.0, "{name}: {answer:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_whatever_else_runs() {
    let (x, y) = friedman(0, 300);
    let x = with_holes(&x);
    for y in [Target::Numbers(y.clone()), two_classes(&y), three_classes(&y)] {
        for name in ALL {
            let store = || postcard::to_stdvec(&fit(name, &json!({}), &x, &y)).unwrap();
            let first = store();
            std::thread::scope(|scope| {
                let others: Vec<_> = (0..3).map(|_| scope.spawn(store)).collect();
                for other in others {
                    assert!(first == other.join().unwrap(), "{name}");
                }
            });
        }
    }
}

#[test]
fn another_seed_gives_another_forest() {
    let (x, y) = friedman(0, 100);
    let y = Target::Numbers(y);
    for name in ["random_forest", "extra_trees", "gradient_boosting"] {
        let estimator = find(name).unwrap();
        let params = Params::check(estimator.parameters(), &serde_json::Map::new()).unwrap();
        let grow = |seed| estimator.fit(&Fit { x: &x, y: &y, weights: None, seed, params: &params }).unwrap();
        assert_ne!(grow(1).predict(&x), grow(2).predict(&x), "{name}");
    }
}

/// Batches are predicted by other code than rows.
#[test]
fn a_row_alone_is_predicted_as_among_many() {
    let ((x, y), (query, _)) = (friedman(0, 300), friedman(300, 500));
    for y in [Target::Numbers(y.clone()), two_classes(&y), three_classes(&y)] {
        for name in ALL {
            let fitted = fit(name, &json!({}), &x, &y);
            let at_once = fitted.predict(&query);
            for (row, expected) in at_once.chunks(y.outputs()).enumerate() {
                let alone = Matrix::new(1, 10, (0..10).map(|col| query.get(row, col)).collect());
                assert_eq!(fitted.predict(&alone), expected, "{name} row {row}");
            }
        }
    }
}

/// A forest keeps to tens of megabytes, because its leaves grow with the data.
#[test]
fn a_forest_on_many_rows_stays_small() {
    let (x, y) = friedman(0, 80_000);
    let y = Target::Numbers(y);
    let forest = fit("random_forest", &json!({"trees": 2}), &x, &y);
    let of_a_hundred = forest.size_bytes() * 50;
    assert!(of_a_hundred < 40_000_000, "{of_a_hundred} bytes");
}
