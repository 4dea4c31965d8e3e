use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::estimators::platt::Sigmoid;
use crate::estimators::tests::{assert_close, assert_tampering_is_survived, fit, noise, waves};
use crate::estimators::{FitError, Target};
use crate::matrix::Matrix;

const RBF: Kernel = Kernel::Rbf { gamma: 0.5 };

fn codes(x: &Matrix) -> Vec<u32> {
    let score = |i: usize| f64::from(x.get(i, 0)) - 0.5 * f64::from(x.get(i, 1)) + 0.8 * noise(i);
    (0..x.rows()).map(|i| u32::from(score(i) > 0.0)).collect()
}

fn numbers(x: &Matrix) -> Vec<f64> {
    (0..x.rows())
        .map(|i| 2.0 * f64::from(x.get(i, 0)) - 3.0 * f64::from(x.get(i, 2)) + noise(i) + 10.0)
        .collect()
}

fn weights(rows: usize) -> Vec<f32> {
    (0..rows).map(|i| 0.5 + (i % 3) as f32).collect()
}

fn signs(codes: &[u32]) -> Vec<f64> {
    codes.iter().map(|code| if *code == 1 { 1.0 } else { -1.0 }).collect()
}

fn classification(signs: &[f64], limits: Vec<f64>, tolerance: f64) -> Problem {
    Problem { signs: signs.to_vec(), targets: signs.to_vec(), limits, tolerance, work: u64::MAX }
}

fn scores(kernel: Kernel, x: &Matrix, machine: &Machine, query: &Matrix) -> Vec<f64> {
    let mut scores = Vec::new();
    decide(kernel, x.data(), query, &[machine], |_, _, score| scores.push(score));
    scores
}

fn margins(kernel: Kernel, x: &Matrix, limits: Vec<f64>, y: &[u32], query: &Matrix) -> Vec<f64> {
    let solution = solve(&classification(&signs(y), limits, 1e-6), &mut Cache::new(x, kernel));
    scores(kernel, x, &Machine::new(&solution.coefficients, solution.bias), query)
}

fn linear_margins(x: &Matrix, limits: &[f64], y: &[u32], query: &Matrix) -> Vec<f64> {
    let mut values = vec![0.0; x.rows() * x.cols()];
    for (row, values) in values.chunks_exact_mut(x.cols()).enumerate() {
        x.copy_row(row, values);
    }
    let signs = signs(y);
    let problem =
        Descent { values: &values, signs: &signs, limits, tolerance: 1e-7, work: u64::MAX, seed: 7 };
    let model = descend(&problem);
    let score = |row: usize| {
        (0..x.cols()).map(|col| model[col] * f64::from(query.get(row, col))).sum::<f64>() + model[x.cols()]
    };
    (0..query.rows()).map(score).collect()
}

// Figures of scikit-learn 1.9.1 (libsvm, liblinear), run to a tolerance of 1e-10.

#[test]
fn margins_are_those_of_scikit_learn() {
    let (x, query) = (waves(60, 4, 0.0), waves(5, 4, 0.1));
    let (y, weighted) = (codes(&x), weights(60).iter().map(|w| f64::from(*w)).collect::<Vec<_>>());
    let expected = [-0.906_870, 1.059_124, -0.813_395, -0.958_954, 1.162_236];
    assert_close(&margins(RBF, &x, vec![1.0; 60], &y, &query), &expected, 1e-5);
    let expected = [-0.809_503, 1.058_169, -0.787_996, -0.964_611, 1.236_356];
    assert_close(&margins(RBF, &x, weighted.clone(), &y, &query), &expected, 1e-5);
    let expected = [-0.654_752, 2.719_265, -0.694_857, 0.098_034, 0.707_192];
    assert_close(&linear_margins(&x, &[1.0; 60], &y, &query), &expected, 1e-5);
    let expected = [-0.621_550, 3.296_868, -0.725_373, 0.074_223, 0.946_106];
    assert_close(&linear_margins(&x, &weighted, &y, &query), &expected, 1e-5);
}

#[test]
fn regression_is_that_of_scikit_learn() {
    let (x, query) = (waves(60, 4, 0.0), waves(5, 4, 0.1));
    let y = Target::Numbers(numbers(&x));
    let predict = |params: Value, weights| fit("svr", &params, &x, &y, weights).unwrap().predict(&query);
    let expected = [7.370_250, 9.133_122, 10.224_373, 11.059_966, 12.920_850];
    assert_close(&predict(json!({}), None), &expected, 1e-3);
    let expected = [6.698_245, 9.423_029, 10.322_620, 11.325_314, 11.944_514];
    assert_close(&predict(json!({"kernel": "linear"}), None), &expected, 1e-3);
    let expected = [7.373_762, 9.446_242, 10.364_629, 10.953_310, 12.580_629];
    let params = json!({"gamma": 0.5, "c": 10, "epsilon": 0.2});
    assert_close(&predict(params, Some(&weights(60))), &expected, 1e-3);
}

#[test]
fn the_sigmoid_is_the_most_likely_one() {
    let scores = [-2.0, -1.5, -0.5, -0.2, 0.1, 0.4, 0.9, 1.8];
    let truth = [false, false, true, false, false, true, true, true];
    let weights = [1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 2.0, 1.0];
    let scored: Vec<_> = (0..8).map(|i| (scores[i], truth[i], weights[i])).collect();
    let sigmoid = Sigmoid::fit(&scored);
    // Found by SciPy's BFGS.
    assert_close(&[sigmoid.slope, sigmoid.intercept], &[1.134_385, 0.164_936], 1e-5);
    let large: Vec<_> = scored.iter().map(|&(score, class, weight)| (score * 1e200, class, weight)).collect();
    let sigmoid = Sigmoid::fit(&large);
    assert_close(&[sigmoid.slope * 1e200, sigmoid.intercept], &[1.134_385, 0.164_936], 1e-5);
    // Scores that fall where the class is found, and scores that say nothing.
    let wrong: Vec<_> = scored.iter().map(|&(score, class, weight)| (-score, class, weight)).collect();
    for scored in [wrong, scored.iter().map(|&(_, class, weight)| (0.0, class, weight)).collect()] {
        assert_eq!(Sigmoid::fit(&scored), Sigmoid::constant(5.0, 5.0));
    }
}

#[test]
fn a_cache_of_two_rows_changes_nothing() {
    let x = waves(60, 4, 0.0);
    let problem = classification(&signs(&codes(&x)), vec![10.0; 60], 1e-5);
    let (large, small) =
        (solve(&problem, &mut Cache::new(&x, RBF)), solve(&problem, &mut Cache::within(&x, RBF, 1)));
    assert_eq!(large.coefficients, small.coefficients);
    assert_eq!(large.bias.to_bits(), small.bias.to_bits());
}

#[test]
fn work_is_bounded() {
    let x = waves(200, 3, 0.0);
    let mut problem = classification(&signs(&codes(&x)), vec![1e6; 200], 1e-12);
    problem.work = 100_000;
    let mut cache = Cache::new(&x, RBF);
    let solution = solve(&problem, &mut cache);
    assert!(solution.bias.is_finite());
    assert!(cache.work <= 100_000 + 2 * 200 * 20);
}

/// Rows, and truths of them.
fn tables() -> impl Strategy<Value = (Matrix, Vec<u32>, Vec<f32>)> {
    (6usize..40, 1usize..4).prop_flat_map(|(rows, cols)| {
        let values = prop::collection::vec(-3.0f32..3.0, rows * cols);
        let codes = prop::collection::vec(0u32..2, rows);
        let weights = prop::collection::vec(1u8..3, rows);
        (values, codes, weights).prop_map(move |(values, mut codes, weights)| {
            (codes[0], codes[1]) = (0, 1);
            let weights = weights.into_iter().map(f32::from).collect();
            (Matrix::new(rows, cols, values), codes, weights)
        })
    })
}

/// The rows whose weight is 2 once more, behind the others.
fn repeated(x: &Matrix, weights: &[f32]) -> (Matrix, Vec<usize>) {
    let twice = (0..x.rows()).filter(|&row| weights[row] > 1.5);
    let rows: Vec<usize> = (0..x.rows()).chain(twice).collect();
    let data = (0..x.cols()).flat_map(|col| rows.iter().map(move |&row| x.get(row, col))).collect();
    (Matrix::new(rows.len(), x.cols(), data), rows)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn weight_two_is_the_row_twice_for_the_solvers((x, y, weights) in tables()) {
        let (longer, rows) = repeated(&x, &weights);
        let repeated_y: Vec<u32> = rows.iter().map(|&row| y[row]).collect();
        let limits: Vec<f64> = weights.iter().map(|weight| f64::from(*weight)).collect();
        let ones = vec![1.0; rows.len()];
        let (a, b) = (margins(RBF, &x, limits.clone(), &y, &x), margins(RBF, &longer, ones.clone(), &repeated_y, &x));
        // The bias may lie anywhere between two ends when no row is on the margin.
        let shift = a[0] - b[0];
        for (a, b) in a.iter().zip(&b) {
            prop_assert!((a - b - shift).abs() < 1e-3, "{a} {b} {shift}");
        }
        assert_close(&linear_margins(&x, &limits, &y, &x), &linear_margins(&longer, &ones, &repeated_y, &x), 1e-3);
    }

    #[test]
    fn weight_two_is_the_row_twice((x, y, weights) in tables()) {
        let (longer, rows) = repeated(&x, &weights);
        let numbers: Vec<f64> = (0..x.rows()).map(|row| f64::from(x.get(row, 0)) + noise(row)).collect();
        let classes = Target::Classes { codes: y, count: 2 };
        for (name, y) in [("linear_svm", &classes), ("rbf_svm", &classes), ("svr", &Target::Numbers(numbers))] {
            let places: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
            let weighted = fit(name, &json!({}), &x, y, Some(&weights)).unwrap().predict(&x);
            let repeated = fit(name, &json!({}), &longer, &y.take(&places), None).unwrap().predict(&x);
            assert_close(&weighted, &repeated, 1e-3);
        }
    }

    /// Every row is outside its margin, on it, or at its limit: what an optimum is.
    #[test]
    fn the_optimum_is_one((x, y, weights) in tables(), c in 0.01..50.0f64) {
        let signs = signs(&y);
        let limits: Vec<f64> = weights.iter().map(|weight| c * f64::from(*weight)).collect();
        let solution = solve(&classification(&signs, limits.clone(), 1e-5), &mut Cache::new(&x, RBF));
        prop_assert!(solution.coefficients.iter().sum::<f64>().abs() < 1e-6 * (1.0 + c));
        let scores = scores(RBF, &x, &Machine::new(&solution.coefficients, solution.bias), &x);
        for row in 0..x.rows() {
            let (alpha, margin) = (solution.coefficients[row] * signs[row], signs[row] * scores[row]);
            prop_assert!((0.0..=limits[row]).contains(&alpha));
            if alpha <= 0.0 {
                prop_assert!(margin > 1.0 - 1e-3, "{margin}");
            } else if alpha >= limits[row] {
                prop_assert!(margin < 1.0 + 1e-3, "{margin}");
            } else {
                prop_assert!((margin - 1.0).abs() < 1e-3, "{margin}");
            }
        }
    }
}

#[test]
fn a_thousand_classes_with_a_row_or_two_each() {
    let x = waves(1500, 3, 0.0);
    let y = Target::Classes { codes: (0..1500).map(|row| row % 1000).collect(), count: 1000 };
    for name in ["linear_svm", "rbf_svm"] {
        let fitted = fit(name, &json!({}), &x, &y, None).unwrap();
        let predictions = fitted.predict(&waves(20, 3, 0.05));
        for row in predictions.chunks_exact(1000) {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9 && row.iter().all(|p| *p >= 0.0), "{name}");
        }
    }
}

#[test]
fn one_class_alone_and_rows_that_contradict_each_other() {
    let x = waves(30, 3, 0.0);
    let alone = Target::Classes { codes: vec![1; 30], count: 2 };
    let equal = Matrix::new(30, 3, vec![0.5; 90]);
    let both = Target::Classes { codes: (0..30).map(|row| u32::from(row % 3 == 0)).collect(), count: 2 };
    for name in ["linear_svm", "rbf_svm"] {
        let predictions = fit(name, &json!({}), &x, &alone, None).unwrap().predict(&x);
        assert!(predictions.chunks_exact(2).all(|row| row[1] > 0.9), "{name}");
        let predictions = fit(name, &json!({}), &equal, &both, None).unwrap().predict(&equal);
        assert!(predictions.iter().all(|p| p.is_finite()), "{name}");
    }
    let y = Target::Numbers((0..30).map(noise).collect());
    assert!(fit("svr", &json!({}), &equal, &y, None).unwrap().predict(&equal).iter().all(|p| p.is_finite()));
    let constant = Target::Numbers(vec![4.0; 30]);
    assert_close(&fit("svr", &json!({}), &x, &constant, None).unwrap().predict(&x), &[4.0; 30], 1e-9);
}

#[test]
fn values_at_the_end_of_what_a_float_holds() {
    let mut data = waves(60, 3, 0.0).data().to_vec();
    (data[3], data[70], data[130]) = (f32::MAX, f32::MIN, 1e30);
    let x = Matrix::new(60, 3, data);
    let (classes, y) =
        (Target::Classes { codes: codes(&waves(60, 3, 0.0)), count: 2 }, numbers(&waves(60, 3, 0.0)));
    let y = Target::Numbers(y);
    for (name, params, y) in [
        ("linear_svm", json!({}), &classes),
        ("linear_svm", json!({"c": 1e6}), &classes),
        ("rbf_svm", json!({}), &classes),
        ("rbf_svm", json!({"gamma": 1e6, "c": 1e6}), &classes),
        ("svr", json!({}), &y),
        ("svr", json!({"c": 1e6, "epsilon": 0}), &y),
    ] {
        // An error is an answer; a panic or a prediction that is no number is not.
        if let Ok(fitted) = fit(name, &params, &x, y, None) {
            assert!(fitted.predict(&x).iter().all(|p| p.is_finite()), "{name} {params}");
        }
    }
    let x = Matrix::new(60, 3, waves(60, 3, 0.0).data().iter().map(|value| value * 1e15).collect());
    if let Ok(fitted) = fit("svr", &json!({"kernel": "linear"}), &x, &y, None) {
        assert!(fitted.predict(&x).iter().all(|p| p.is_finite()));
    }
}

#[test]
fn without_rows_or_features_it_says_so() {
    let x = waves(10, 2, 0.0);
    let (classes, y) = (Target::Classes { codes: codes(&x), count: 2 }, Target::Numbers(vec![1.0; 10]));
    for (name, y) in [("linear_svm", &classes), ("rbf_svm", &classes), ("svr", &y)] {
        let error = fit(name, &json!({}), &x, y, Some(&[0.0; 10])).unwrap_err();
        assert_eq!(error, FitError::Unsuitable("no row has a weight".into()));
        let error = fit(name, &json!({}), &Matrix::new(10, 0, Vec::new()), y, None).unwrap_err();
        assert_eq!(error, FitError::Unsuitable("there are no features".into()));
    }
}

#[test]
fn a_machine_that_was_tampered_with_is_refused() {
    let x = waves(60, 4, 0.0);
    let y = Target::Classes { codes: codes(&x), count: 2 };
    let fitted = fit("rbf_svm", &json!({}), &x, &y, None).unwrap();
    assert_tampering_is_survived(&fitted, 2, &waves(3, 4, 0.1));
}
