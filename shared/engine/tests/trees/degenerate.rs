//! Data with nothing in it: a result or an error, never a panic.

use serde_json::json;

use super::*;

fn targets(rows: usize) -> Vec<Target> {
    let rows = rows as u32;
    let classes =
        |code: fn(u32) -> u32, count| Target::Classes { codes: (0..rows).map(code).collect(), count };
    vec![
        Target::Numbers((0..rows).map(f64::from).collect()),
        Target::Numbers(vec![7.5; rows as usize]),
        Target::Numbers((0..rows).map(|row| if row % 2 == 0 { 1e300 } else { -1e300 }).collect()),
        Target::Numbers((0..rows).map(|row| 1e-310 * f64::from(row)).collect()),
        classes(|row| row % 2, 2),
        classes(|_| 0, 2),
        classes(|_| 1, 2),
        classes(|row| row % 3, 3),
        classes(|_| 2, 3),
        classes(|row| row % 3, 200),
        classes(|_| 0, 1),
    ]
}

fn matrices() -> Vec<Matrix> {
    let of = |rows: usize, cols: usize, value: fn(usize) -> f32| {
        Matrix::new(rows, cols, (0..rows * cols).map(value).collect())
    };
    vec![
        of(1, 3, |at| at as f32),
        of(1, 1, |_| f32::NAN),
        of(2, 2, |at| at as f32),
        of(3, 1, |_| 5.0),
        of(70, 3, |_| 0.0),
        of(70, 3, |_| f32::NAN),
        of(70, 2, |at| if at == 3 { f32::NAN } else { 1.0 }),
        of(70, 2, |at| if at % 2 == 0 { f32::MAX } else { f32::MIN }),
        of(70, 2, |at| if at % 2 == 0 { f32::MIN_POSITIVE / 2.0 } else { -0.0 }),
        of(70, 0, |_| 0.0),
    ]
}

fn assert_sound(what: &str, y: &Target, fitted: &Fitted, x: &Matrix) {
    fitted.check(x.cols(), y.outputs()).unwrap_or_else(|error| panic!("{what}: {error}"));
    let answers = fitted.predict(x);
    assert_eq!(answers.len(), x.rows() * y.outputs(), "{what}");
    assert!(answers.iter().all(|answer| answer.is_finite()), "{what}: {answers:?}");
    if let Target::Classes { count, .. } = y {
        for row in answers.chunks(*count) {
            assert!(row.iter().all(|p| (0.0..=1.0).contains(p)), "{what}: {row:?}");
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{what}: {row:?}");
        }
    }
}

#[test]
fn every_estimator_on_every_kind_of_nothing() {
    for x in matrices() {
        for y in targets(x.rows()) {
            for name in ALL {
                let what = format!("{name} on {} × {}, {y:?}", x.rows(), x.cols());
                if let Ok(fitted) = fit_weighted(name, &json!({}), &x, &y, None) {
                    assert_sound(&what, &y, &fitted, &x);
                }
            }
        }
    }
}

#[test]
fn what_can_be_learned_is() {
    let x = Matrix::new(2, 1, vec![0.0, 1.0]);
    let y = Target::Numbers(vec![3.0, 5.0]);
    assert_eq!(fit("decision_tree", &json!({}), &x, &y).predict(&x), [3.0, 5.0]);
    assert_eq!(fit("extra_trees", &json!({"min_leaf": 1}), &x, &y).predict(&x), [3.0, 5.0]);
    // Where there is nothing to tell rows by, the mean is the answer.
    let x = Matrix::new(4, 1, vec![f32::NAN; 4]);
    let y = Target::Numbers(vec![1.0, 2.0, 3.0, 4.0]);
    for name in ["decision_tree", "extra_trees", "adaboost", "explainable_boosting"] {
        assert_close(name, &fit(name, &json!({}), &x, &y).predict(&x), &[2.5; 4], 1e-6);
    }
    // Where each tree sees a sample, near the mean.
    for name in ["random_forest", "gradient_boosting"] {
        assert_close(name, &fit(name, &json!({}), &x, &y).predict(&x), &[2.5; 4], 0.2);
    }
    let y = Target::Classes { codes: vec![1; 4], count: 2 };
    for name in ALL {
        let answers = fit(name, &json!({}), &x, &y).predict(&x);
        // Four rows do not make this one certain.
        let sure = if name == "explainable_boosting" { 0.9 } else { 0.99 };
        assert!(answers.chunks(2).all(|row| row[1] > sure), "{name}: {answers:?}");
    }
}

#[test]
fn rows_without_weight_do_not_count() {
    let x = Matrix::new(60, 1, (0..60u8).map(f32::from).collect());
    let y = Target::Numbers((0..60).map(|row| if row % 2 == 0 { 1.0 } else { 100.0 }).collect());
    let even: Vec<f32> = (0..60u8).map(|row| f32::from(1 - row % 2)).collect();
    for name in ALL {
        let nothing = fit_weighted(name, &json!({}), &x, &y, Some(&[0.0; 60]));
        assert!(matches!(nothing, Err(FitError::Unsuitable(_))), "{name}: {nothing:?}");
        let fitted = fit_weighted(name, &json!({}), &x, &y, Some(&even)).unwrap();
        assert_close(name, &fitted.predict(&x), &[1.0; 60], 1e-6);
    }
}

#[test]
fn infinite_features_are_an_error_or_an_order() {
    let x = Matrix::new(
        60,
        1,
        (0..60u8).map(|row| if row < 20 { f32::NEG_INFINITY } else { f32::from(row) }).collect(),
    );
    let y = Target::Numbers((0..60).map(|row| if row < 20 { 1.0 } else { 100.0 }).collect());
    for name in ["decision_tree", "random_forest", "extra_trees", "adaboost", "explainable_boosting"] {
        let answers = fit(name, &json!({}), &x, &y).predict(&x);
        assert!(answers[0] < 25.0 && answers[59] > 75.0, "{name}: {answers:?}");
    }
    assert!(fit_weighted("gradient_boosting", &json!({}), &x, &y, None).is_err());
}
