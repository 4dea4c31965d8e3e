//! What holds for linear models and discriminants alone: weights are rows, and no shape is too odd.

use proptest::prelude::*;
use serde_json::json;

use super::tests::fit;
use super::*;

const REGRESSIONS: [&str; 7] = ["linear", "ridge", "bayesian_ridge", "lasso", "elastic_net", "omp", "huber"];
const CLASSIFIERS: [&str; 5] = ["logistic", "ridge_classifier", "lda", "qda", "bernoulli_nb"];

/// Values without structure, the same everywhere.
fn value(i: usize) -> f32 {
    ((i * 7919 + i * i % 31) % 1013) as f32 / 506.0 - 1.0
}

fn matrix(rows: usize, cols: usize) -> Matrix {
    Matrix::new(rows, cols, (0..rows * cols).map(value).collect())
}

fn numbers(x: &Matrix) -> Target {
    let last = x.cols() - 1;
    let y =
        |i| 20.0 + 3.0 * f64::from(x.get(i, 0)) - 2.0 * f64::from(x.get(i, last)) + f64::from(value(31 * i));
    Target::Numbers((0..x.rows()).map(y).collect())
}

fn classes(x: &Matrix, count: usize) -> Target {
    let code = |i| {
        let score = f64::from(x.get(i, 0)) + 0.4 * f64::from(value(31 * i + 5));
        ((score + 1.4) / 2.8 * count as f64).clamp(0.0, count as f64 - 1.0) as u32
    };
    Target::Classes { codes: (0..x.rows()).map(code).collect(), count }
}

fn all(x: &Matrix, count: usize) -> Vec<(&'static str, Target)> {
    let regressions = REGRESSIONS.map(|name| (name, numbers(x)));
    regressions.into_iter().chain(CLASSIFIERS.map(|name| (name, classes(x, count)))).collect()
}

fn params(name: &str) -> Vec<Value> {
    match name {
        "logistic" => vec![
            json!({}),
            json!({"penalty": "l1"}),
            json!({"penalty": "elastic_net", "l1_ratio": 0.3, "l2": 3}),
        ],
        "lda" => vec![json!({}), json!({"covariance": "shrunk", "shrinkage": 0.5})],
        "omp" => vec![json!({}), json!({"columns": 2})],
        "huber" => vec![json!({"l2": 1})],
        _ => vec![json!({})],
    }
}

fn assert_same(what: &str, a: &Fitted, b: &Fitted, query: &Matrix) {
    for (a, b) in a.predict(query).iter().zip(b.predict(query)) {
        assert!((a - b).abs() < 2e-4 * (1.0 + a.abs()), "{what}: {a} {b}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_row_of_weight_two_is_two_rows_and_one_of_weight_nothing_none(
        rows in 20usize..60, cols in 2usize..30, count in 2usize..4, seed in 0u64..1000
    ) {
        let x = matrix(rows, cols);
        let weights: Vec<f32> = (0..rows).map(|i| ((i as u64 * 37 + seed) % 11 % 3) as f32).collect();
        let repeated: Vec<u32> =
            (0..rows as u32).flat_map(|row| vec![row; weights[row as usize] as usize]).collect();
        let column = |col| repeated.iter().map(move |row| (*row, col));
        let more = (0..cols).flat_map(column).map(|(row, col)| x.get(row as usize, col)).collect();
        let more = Matrix::new(repeated.len(), cols, more);
        let query = Matrix::new(5, cols, (0..5 * cols).map(|i| value(3 * i + 1)).collect());
        for (name, y) in all(&x, count) {
            for params in params(name) {
                let weighted = fit(name, &params, &x, &y, Some(&weights)).unwrap();
                let repeated = fit(name, &params, &more, &y.take(&repeated), None).unwrap();
                assert_same(&format!("{name} {params} {rows} × {cols}"), &weighted, &repeated, &query);
            }
        }
    }
}

#[test]
fn no_weight_at_all_is_said() {
    let x = matrix(10, 3);
    for (name, y) in all(&x, 2) {
        let error = fit(name, &json!({}), &x, &y, Some(&[0.0; 10])).unwrap_err();
        assert_eq!(error.to_string(), "no row has a weight", "{name}");
    }
}

fn assert_sound(what: &str, y: &Target, fitted: Result<Fitted, FitError>, x: &Matrix) {
    match fitted {
        Ok(fitted) => {
            assert_eq!(fitted.check(x.cols(), y.outputs()), Ok(()), "{what}");
            let predictions = fitted.predict(x);
            assert!(predictions.iter().all(|value| value.is_finite()), "{what}");
            if let Target::Classes { count, .. } = y {
                for row in predictions.chunks(*count) {
                    assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{what}: {row:?}");
                }
            }
        }
        Err(error) => assert!(error.to_string().contains("use "), "{what}: {error}"),
    }
}

#[test]
fn wide_and_degenerate_matrices_are_learned() {
    let waves: Vec<f32> = (0..40).map(value).collect();
    let copies = [waves.clone(), waves.clone(), vec![3.0; 40], vec![0.0; 40], waves].concat();
    let shapes = [
        ("more columns than rows", matrix(30, 400)),
        ("copies and constants", Matrix::new(40, 5, copies)),
        ("constants alone", Matrix::new(20, 3, vec![2.0; 60])),
        ("one column", matrix(25, 1)),
        ("three rows", matrix(3, 2)),
        ("tiny", Matrix::new(20, 2, (0..40).map(|i| 1e-30 * value(i)).collect())),
        ("huge", Matrix::new(20, 2, (0..40).map(|i| 1e30 * value(i)).collect())),
    ];
    for (shape, x) in &shapes {
        for count in [2, 3] {
            for (name, y) in all(x, count) {
                for params in params(name) {
                    let fitted = fit(name, &params, x, &y, None);
                    if *shape != "huge" {
                        assert!(fitted.is_ok(), "{name} {params} on {shape}: {fitted:?}");
                    }
                    if fitted.is_ok() {
                        assert_sound(&format!("{name} {params} on {shape}"), &y, fitted, x);
                    }
                }
            }
        }
    }
}

#[test]
fn a_thousand_classes_are_an_answer() {
    let x = matrix(3000, 4);
    // Every second class has no rows.
    let codes = (0..3000).map(|i| (i * 7 % 500) * 2).collect();
    let y = Target::Classes { codes, count: 1000 };
    for name in ["ridge_classifier", "lda", "qda", "bernoulli_nb"] {
        assert_sound(name, &y, fit(name, &json!({}), &x, &y, None), &x);
    }
}

#[test]
fn the_lasso_and_an_l1_penalty_leave_columns_out() {
    let x = matrix(60, 20);
    // What a column says is seen by what changing it changes.
    let used = |fitted: &Fitted| {
        let base = fitted.predict(&Matrix::new(1, 20, vec![0.0; 20]));
        let changes = |col: usize| {
            let mut one = vec![0.0; 20];
            one[col] = 1.0;
            fitted.predict(&Matrix::new(1, 20, one)) != base
        };
        (0..20).filter(|col| changes(*col)).count()
    };
    let lasso = fit("lasso", &json!({"alpha": 0.2}), &x, &numbers(&x), None).unwrap();
    assert!((1..10).contains(&used(&lasso)));
    let l1 = json!({"penalty": "l1", "l2": 5});
    let logistic = fit("logistic", &l1, &x, &classes(&x, 2), None).unwrap();
    assert!((1..10).contains(&used(&logistic)));
    let omp = fit("omp", &json!({"columns": 3}), &x, &numbers(&x), None).unwrap();
    assert_eq!(used(&omp), 3);
}

#[test]
fn linear_regression_is_exact_where_the_target_is() {
    let x = matrix(30, 4);
    let y = Target::Numbers(
        (0..30).map(|i| 5.0 - 2.0 * f64::from(x.get(i, 1)) + f64::from(x.get(i, 3))).collect(),
    );
    let query = Matrix::new(1, 4, vec![0.3, 0.5, -0.2, 0.25]);
    for name in ["linear", "bayesian_ridge", "huber"] {
        let got = fit(name, &json!({}), &x, &y, None).unwrap().predict(&query)[0];
        assert!((got - 4.25).abs() < 1e-3, "{name}: {got}");
    }
}
