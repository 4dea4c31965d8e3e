//! What holds for every estimator, and figures of scikit-learn for those it has too.

use serde_json::json;

use super::*;

const ROWS: usize = 60;

/// `rows` × `cols` of sin(1.7 i (j + 1) + j): values without structure, the same everywhere.
pub(super) fn waves(rows: usize, cols: usize, shift: f64) -> Matrix {
    let value = |i: usize, j: usize| f64::from((1.7 * (i * (j + 1)) as f64 + j as f64).sin() as f32) + shift;
    let data = (0..cols).flat_map(|j| (0..rows).map(move |i| value(i, j) as f32)).collect();
    Matrix::new(rows, cols, data)
}

pub(super) fn noise(i: usize) -> f64 {
    (5.1 * i as f64).sin()
}

fn classes(x: &Matrix, count: usize) -> Target {
    let codes = (0..x.rows()).map(|i| {
        let score = f64::from(x.get(i, 0)) - 0.5 * f64::from(x.get(i, 1)) + 0.8 * noise(i);
        match count {
            2 => u32::from(score > 0.0),
            _ => u32::from(score >= -0.5) + u32::from(score >= 0.5),
        }
    });
    Target::Classes { codes: codes.collect(), count }
}

fn numbers(x: &Matrix) -> Target {
    let y = |i| 2.0 * f64::from(x.get(i, 0)) - 3.0 * f64::from(x.get(i, 2)) + noise(i) + 10.0;
    Target::Numbers((0..x.rows()).map(y).collect())
}

pub(super) fn fit(
    name: &str,
    params: &Value,
    x: &Matrix,
    y: &Target,
    weights: Option<&[f32]>,
) -> Result<Fitted, FitError> {
    let estimator = find(name).unwrap();
    let params = Params::check(estimator.parameters(), params.as_object().unwrap()).unwrap();
    estimator.fit(&Fit { x, y, weights, seed: 7, params: &params })
}

fn predict(name: &str, params: &Value, x: &Matrix, y: &Target, query: &Matrix) -> Vec<f64> {
    fit(name, params, x, y, None).unwrap().predict(query)
}

pub(super) fn assert_close(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    for (a, b) in got.iter().zip(expected) {
        assert!((a - b).abs() <= tolerance, "{got:?}\n{expected:?}");
    }
}

// Figures of scikit-learn 1.9.1 on the same numbers, its solvers run to a tolerance of 1e-10.

#[test]
fn logistic_regression_as_in_scikit_learn() {
    let (x, query) = (waves(ROWS, 4, 0.0), waves(3, 4, 0.1));
    let two = classes(&x, 2);
    let expected = [0.815_559, 0.184_441, 0.037_512, 0.962_488, 0.723_769, 0.276_231];
    assert_close(&predict("logistic", &json!({}), &x, &two, &query), &expected, 2e-5);
    let expected = [0.856_308, 0.143_692, 0.0, 1.0, 0.989_737, 0.010_263];
    assert_close(&predict("logistic", &json!({"l2": 1e-3}), &x, &two, &query), &expected, 2e-5);
    let three = classes(&x, 3);
    let expected =
        [0.717_507, 0.131_169, 0.151_325, 0.008_919, 0.014_067, 0.977_013, 0.640_189, 0.210_955, 0.148_856];
    assert_close(&predict("logistic", &json!({"l2": 1}), &x, &three, &query), &expected, 2e-5);
}

#[test]
fn ridge_regression_as_in_scikit_learn() {
    let (x, query) = (waves(ROWS, 4, 0.0), waves(3, 4, 0.1));
    let y = numbers(&x);
    let got = predict("ridge", &json!({}), &x, &y, &query);
    assert_close(&got, &[6.865_842_749, 9.392_380_342, 10.536_020_75], 1e-6);
    let got = predict("ridge", &json!({"l2": 100}), &x, &y, &query);
    assert_close(&got, &[9.161_388_466, 9.795_902_64, 10.069_954_012], 1e-6);
}

#[test]
fn naive_bayes_as_in_scikit_learn() {
    let (x, query) = (waves(ROWS, 4, 0.0), waves(3, 4, 0.1));
    let expected = [0.686_525, 0.313_475, 0.000_020, 0.999_980, 0.718_601, 0.281_399];
    assert_close(
        &predict("naive_bayes", &json!({"var_smoothing": 1e-9}), &x, &classes(&x, 2), &query),
        &expected,
        2e-6,
    );
    let expected =
        [0.742_450, 0.219_129, 0.038_421, 0.0, 0.003_564, 0.996_436, 0.735_863, 0.263_726, 0.000_411];
    assert_close(
        &predict("naive_bayes", &json!({"var_smoothing": 1e-9}), &x, &classes(&x, 3), &query),
        &expected,
        2e-6,
    );
}

#[test]
fn neighbours_as_in_scikit_learn() {
    let (x, query) = (waves(ROWS, 4, 0.0), waves(3, 4, 0.1));
    let (three, y) = (classes(&x, 3), numbers(&x));
    let five = |weights: &str| json!({"neighbours": 5, "weights": weights});
    let expected = [0.6, 0.4, 0.0, 0.0, 0.0, 1.0, 0.8, 0.0, 0.2];
    assert_close(&predict("knn", &five("uniform"), &x, &three, &query), &expected, 1e-6);
    let expected = [0.443_127, 0.556_873, 0.0, 0.0, 0.0, 1.0, 0.892_810, 0.0, 0.107_190];
    assert_close(&predict("knn", &five("distance"), &x, &three, &query), &expected, 2e-6);
    let expected = [6.823_264_941, 9.423_655_329, 10.574_593_759];
    assert_close(&predict("knn", &five("uniform"), &x, &y, &query), &expected, 1e-6);
    // Twenty dimensions: compared with all rows instead of by a tree.
    let (wide, query) = (waves(ROWS, 20, 0.0), waves(3, 20, 0.1));
    let expected = [7.004_573_021, 9.505_472_351, 10.741_112_944];
    assert_close(&predict("knn", &five("distance"), &wide, &y, &query), &expected, 1e-5);
}

#[test]
fn weights_as_in_scikit_learn() {
    let (x, query) = (waves(ROWS, 4, 0.0), waves(3, 4, 0.1));
    let weights: Vec<f32> = (0..ROWS).map(|i| 0.5 + (i % 3) as f32).collect();
    let weighted_with =
        |name, params, y: &Target| fit(name, &params, &x, y, Some(&weights)).unwrap().predict(&query);
    let weighted = |name, y: &Target| weighted_with(name, json!({}), y);
    let expected = [0.829_502, 0.170_498, 0.021_131, 0.978_869, 0.722_656, 0.277_344];
    assert_close(&weighted("logistic", &classes(&x, 2)), &expected, 2e-5);
    assert_close(&weighted("ridge", &numbers(&x)), &[6.835_435_033, 9.415_535_042, 10.518_889_783], 1e-6);
    let expected = [0.605_452, 0.394_548, 0.000_007, 0.999_993, 0.697_594, 0.302_406];
    assert_close(
        &weighted_with("naive_bayes", json!({"var_smoothing": 1e-9}), &classes(&x, 2)),
        &expected,
        2e-6,
    );
}

#[test]
fn a_tree_of_neighbours_finds_what_comparing_with_all_does() {
    let (x, query) = (waves(500, 5, 0.0), waves(200, 5, 0.05));
    let Fitted::Knn(fitted) = fit("knn", &json!({"neighbours": 7}), &x, &numbers(&x), None).unwrap() else {
        panic!("knn is fitted as neighbours")
    };
    assert_close(&fitted.predict(&query), &fitted.predict_by_comparing(&query), 1e-9);
}

#[test]
fn equal_rows_are_asked_together() {
    // Two different points, four rows each, one of each class first: the order must not decide.
    let x = Matrix::new(8, 1, vec![0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
    let y = Target::Classes { codes: vec![1, 0, 0, 0, 0, 1, 1, 1], count: 2 };
    let near = Matrix::new(2, 1, vec![0.0, 0.9]);
    let got = predict("knn", &json!({"neighbours": 1}), &x, &y, &near);
    assert_close(&got, &[0.75, 0.25, 0.25, 0.75], 1e-12);
    let got = predict("knn", &json!({"neighbours": 5}), &x, &y, &near);
    assert_close(&got, &[0.5; 4], 1e-12);
    let y = Target::Numbers((0..8).map(f64::from).collect());
    assert_close(&predict("knn", &json!({"neighbours": 3}), &x, &y, &near), &[1.5, 5.5], 1e-12);
}

/// A fitted estimator whose stored bytes were changed, each in three ways: what still reads and checks must
/// predict without a panic.
pub(super) fn assert_tampering_is_survived(fitted: &Fitted, outputs: usize, query: &Matrix) {
    let bytes = postcard::to_stdvec(fitted).unwrap();
    let mut read = 0;
    for place in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[place] ^= flip;
            let Ok(fitted) = postcard::from_bytes::<Fitted>(&bytes) else { continue };
            if fitted.check(query.cols(), outputs).is_ok() {
                read += 1;
                fitted.predict(query);
            }
        }
    }
    assert!(read > 100);
}

fn targets(x: &Matrix) -> [(Task, Target); 3] {
    [(Task::Binary, classes(x, 2)), (Task::Multiclass, classes(x, 3)), (Task::Regression, numbers(x))]
}

/// Every estimator with the targets of the tasks that it learns.
fn every_fit(x: &Matrix, mut check: impl FnMut(&dyn Estimator, &Target, Fitted)) {
    for estimator in ALL {
        for (_, y) in targets(x).iter().filter(|(task, _)| estimator.tasks().contains(task)) {
            for params in estimator.trials(x.rows() as u64) {
                let fitted = fit(estimator.name(), &Value::Object(params), x, y, None);
                check(*estimator, y, fitted.unwrap_or_else(|error| panic!("{}: {error}", estimator.name())));
            }
        }
    }
}

fn assert_sound(name: &str, y: &Target, predictions: &[f64], rows: usize) {
    assert_eq!(predictions.len(), rows * y.outputs(), "{name}");
    assert!(predictions.iter().all(|value| value.is_finite()), "{name}: {predictions:?}");
    if let Target::Classes { count, .. } = y {
        for row in predictions.chunks(*count) {
            assert!(row.iter().all(|p| (0.0..=1.0 + 1e-9).contains(p)), "{name}: {row:?}");
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{name}: {row:?}");
        }
    }
}

#[test]
fn names_are_unique_and_tasks_covered() {
    let mut names: Vec<_> = ALL.iter().map(|estimator| estimator.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
    for (task, _) in targets(&waves(9, 4, 0.0)) {
        assert!(ALL.iter().filter(|estimator| estimator.tasks().contains(&task)).count() > 2);
    }
}

#[test]
fn all_predict_soundly_and_row_by_row_as_at_once() {
    let (x, query) = (waves(ROWS, 4, 0.0), waves(10, 4, 0.1));
    every_fit(&x, |estimator, y, fitted| {
        let at_once = fitted.predict(&query);
        assert_sound(estimator.name(), y, &at_once, 10);
        for row in 0..10 {
            let one = Matrix::new(1, 4, (0..4).map(|col| query.get(row, col)).collect());
            let one = fitted.predict(&one);
            assert_eq!(one, at_once[row * y.outputs()..(row + 1) * y.outputs()], "{}", estimator.name());
        }
        assert!(fitted.predict(&Matrix::new(0, 4, Vec::new())).is_empty());
    });
}

#[test]
fn all_survive_storage_to_the_byte() {
    let x = waves(ROWS, 4, 0.0);
    let mut bytes = Vec::new();
    every_fit(&x, |estimator, y, fitted| {
        assert_eq!(fitted.check(4, y.outputs()), Ok(()), "{}", estimator.name());
        assert!(fitted.check(5, y.outputs()).is_err() || estimator.name() == "dummy", "{}", estimator.name());
        assert!(fitted.check(4, y.outputs() + 1).is_err(), "{}", estimator.name());
        assert!(fitted.size_bytes() > 0);
        let stored = postcard::to_stdvec(&fitted).unwrap();
        let read: Fitted = postcard::from_bytes(&stored).unwrap();
        assert_eq!(read.check(4, y.outputs()), Ok(()));
        assert_eq!(read.predict(&x), fitted.predict(&x));
        bytes.push(stored);
    });
    let mut again = bytes.into_iter();
    every_fit(&x, |estimator, _, fitted| {
        assert_eq!(Some(postcard::to_stdvec(&fitted).unwrap()), again.next(), "{}", estimator.name());
    });
}

#[test]
fn separable_collinear_constant_and_extreme_features_are_learned() {
    let x = waves(ROWS, 1, 0.0);
    let column = x.col(0).to_vec();
    let negative: Vec<f32> = column.iter().map(|v| -v).collect();
    let halves: Vec<f32> = (0..ROWS).map(|i| if i < ROWS / 2 { -1.0 } else { 1.0 }).collect();
    let constant = vec![0.0; ROWS];
    let extreme: Vec<f32> = (0..ROWS).map(|i| if i == 3 { 1e9 } else { -1e-9 }).collect();
    let x = Matrix::new(ROWS, 6, [column.clone(), column, negative, halves, constant, extreme].concat());
    let halved =
        |count| Target::Classes { codes: (0..ROWS).map(|i| u32::from(i >= ROWS / 2)).collect(), count };
    let step = Target::Numbers((0..ROWS).map(|i| if i < ROWS / 2 { -5.0 } else { 5.0 }).collect());
    for estimator in ALL {
        // The third class has no rows at all.
        for (task, y) in
            [(Task::Binary, halved(2)), (Task::Multiclass, halved(3)), (Task::Regression, step.clone())]
        {
            if estimator.tasks().contains(&task) {
                let fitted = fit(estimator.name(), &json!({}), &x, &y, None).unwrap();
                assert_sound(estimator.name(), &y, &fitted.predict(&x), ROWS);
            }
        }
    }
    for params in [json!({"l2": 1e-6}), json!({"l2": 1e6})] {
        let fitted = fit("logistic", &params, &x, &halved(2), None).unwrap();
        assert_sound("logistic", &halved(2), &fitted.predict(&x), ROWS);
    }
}

#[test]
fn two_rows_are_enough() {
    let x = waves(2, 4, 0.0);
    let classes = Target::Classes { codes: vec![0, 1], count: 2 };
    let numbers = Target::Numbers(vec![1.0, 2.0]);
    for estimator in ALL {
        for (task, y) in [(Task::Binary, &classes), (Task::Regression, &numbers)] {
            if estimator.tasks().contains(&task) {
                let fitted = fit(estimator.name(), &json!({}), &x, y, None).unwrap();
                assert_sound(estimator.name(), y, &fitted.predict(&x), 2);
            }
        }
    }
}

#[test]
fn a_target_of_another_task_is_refused() {
    let x = waves(ROWS, 4, 0.0);
    for estimator in ALL {
        for (task, y) in &targets(&x) {
            let fitted = fit(estimator.name(), &json!({}), &x, y, None);
            let learns = estimator.tasks().contains(task);
            assert_eq!(fitted.is_ok(), learns, "{} {task:?}", estimator.name());
        }
    }
}

#[test]
fn numbers_near_the_end_of_what_a_float_holds() {
    let x = waves(ROWS, 4, 0.0);
    let y = Target::Numbers((0..ROWS).map(|i| if i % 2 == 0 { 1e300 } else { -1e300 }).collect());
    for estimator in ALL.iter().filter(|estimator| estimator.tasks().contains(&Task::Regression)) {
        // An error is an answer; a panic or a prediction that is no number is not.
        if let Ok(fitted) = fit(estimator.name(), &json!({}), &x, &y, None) {
            assert_sound(estimator.name(), &y, &fitted.predict(&x), ROWS);
        }
    }
}
