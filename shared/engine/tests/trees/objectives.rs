//! What gradient boosting can be asked to minimise.

use serde_json::json;

use super::*;

fn numbers(objective: &Value, x: &Matrix, y: &[f64]) -> Fitted {
    fit("gradient_boosting", objective, x, &Target::Numbers(y.to_vec()))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// Counts whose mean is between 0 and 8, by inverting Poisson's distribution at points spread evenly.
fn counts(from: usize, to: usize) -> (Matrix, Vec<f64>, Vec<f64>) {
    let (x, y) = friedman(from, to);
    let means: Vec<f64> = y.iter().map(|y| (y / 12.0).exp()).collect();
    let count = |row: usize, mean: f64| {
        let point = ((from + row + 1) as f64 * 47f64.sqrt()).fract();
        let (mut count, mut share, mut below) = (0u32, (-mean).exp(), (-mean).exp());
        while below < point && count < 100 {
            count += 1;
            share *= mean / f64::from(count);
            below += share;
        }
        f64::from(count)
    };
    let counts = means.iter().enumerate().map(|(row, &mean)| count(row, mean)).collect();
    (x, means, counts)
}

#[test]
fn a_quantile_has_its_share_of_rows_below() {
    let ((x, y), (query, truth)) = (friedman(0, 2000), friedman(2000, 4000));
    for quantile in [0.1, 0.5, 0.9] {
        let got = numbers(&json!({"objective": "quantile", "quantile": quantile}), &x, &y).predict(&query);
        let below = truth.iter().zip(&got).filter(|(truth, got)| truth <= got).count() as f64 / 2000.0;
        assert!((below - quantile).abs() < 0.15, "{quantile}: {below}");
    }
}

#[test]
fn absolute_errors_forgive_outliers() {
    let ((x, y), (query, truth)) = (friedman(0, 1000), friedman(1000, 2000));
    let spoilt: Vec<f64> =
        y.iter().enumerate().map(|(row, y)| if row * row * 7919 % 101 < 5 { y + 1e3 } else { *y }).collect();
    let error = |objective| {
        let got = numbers(&json!({"objective": objective}), &x, &spoilt).predict(&query);
        mean(got.iter().zip(&truth).map(|(a, b)| (a - b).abs()))
    };
    let (absolute, squared) = (error("absolute"), error("squared"));
    assert!(absolute < 5.0 && squared > 4.0 * absolute, "{absolute} {squared}");
}

#[test]
fn counts_and_amounts_are_positive_and_right_on_average() {
    let ((x, _, y), (query, means, truth)) = (counts(0, 2000), counts(2000, 4000));
    let deviance = |got: &[f64]| {
        mean(truth.iter().zip(got).map(|(&y, &mu)| if y > 0.0 { y * (y / mu).ln() - (y - mu) } else { mu }))
    };
    let nothing = deviance(&vec![mean(y.iter().copied()); 2000]);
    for objective in ["poisson", "tweedie"] {
        let got = numbers(&json!({"objective": objective}), &x, &y).predict(&query);
        assert!(got.iter().all(|mu| *mu > 0.0));
        let (total, of_truth) = (mean(got.iter().copied()), mean(means.iter().copied()));
        assert!((total / of_truth - 1.0).abs() < 0.05, "{objective}: {total} {of_truth}");
        let (got, best) = (deviance(&got), deviance(&means));
        assert!(
            got < best + 0.4 * (nothing - best),
            "{objective}: {got}, at best {best}, at worst {nothing}"
        );
    }
}

#[test]
fn negative_counts_are_refused_in_words() {
    let (x, mut y) = friedman(0, 100);
    y[3] = -0.5;
    for objective in ["poisson", "tweedie"] {
        let refused = fit_weighted(
            "gradient_boosting",
            &json!({"objective": objective}),
            &x,
            &Target::Numbers(y.clone()),
            None,
        );
        let Err(FitError::Unsuitable(words)) = refused else { panic!("{objective}: {refused:?}") };
        assert!(
            words.contains(objective) && words.contains("-0.5") && words.contains("'squared'"),
            "{words}"
        );
    }
}

#[test]
fn an_objective_for_numbers_is_refused_for_classes() {
    let (x, y) = friedman(0, 100);
    for y in [two_classes(&y), three_classes(&y)] {
        let refused = fit_weighted("gradient_boosting", &json!({"objective": "absolute"}), &x, &y, None);
        assert!(matches!(refused, Err(FitError::Unsuitable(_))), "{refused:?}");
    }
}

const EACH: [&str; 5] = ["squared", "absolute", "quantile", "poisson", "tweedie"];

#[test]
fn every_objective_follows_the_unit_of_the_target() {
    let (x, _, y) = counts(0, 300);
    let larger: Vec<f64> = y.iter().map(|y| y * 1024.0).collect();
    for objective in EACH {
        let of = |y: &[f64]| numbers(&json!({"objective": objective, "trees": 20}), &x, y).predict(&x);
        for (a, b) in of(&y).iter().zip(of(&larger)) {
            assert!((a * 1024.0 - b).abs() <= 1e-3 * b.abs().max(1.0), "{objective}: {a} {b}");
        }
    }
}

#[test]
fn every_objective_honours_weights_and_survives_storage() {
    let (x, _, y) = counts(0, 300);
    let doubled: Vec<f64> =
        y.iter().enumerate().map(|(row, y)| if row % 2 == 0 { *y } else { y + 50.0 }).collect();
    let even: Vec<f32> = (0..300u16).map(|row| f32::from(1 - row % 2)).collect();
    for objective in EACH {
        let y = Target::Numbers(doubled.clone());
        let fitted =
            fit_weighted("gradient_boosting", &json!({"objective": objective}), &x, &y, Some(&even)).unwrap();
        let got = fitted.predict(&x);
        assert!(got.iter().all(|got| *got < 25.0), "{objective}: {got:?}");
        let stored = postcard::to_stdvec(&fitted).unwrap();
        assert_eq!(
            stored,
            postcard::to_stdvec(
                &fit_weighted("gradient_boosting", &json!({"objective": objective}), &x, &y, Some(&even))
                    .unwrap()
            )
            .unwrap()
        );
        let read: Fitted = postcard::from_bytes(&stored).unwrap();
        assert_eq!(read.check(10, 1), Ok(()));
        assert!(read.check(10, 2).is_err() && read.check(9, 1).is_err());
        assert_eq!(read.predict(&x), got);
    }
}

#[test]
fn nothing_but_zeros_is_learned_by_all() {
    let (x, _) = friedman(0, 80);
    for objective in EACH {
        let got = numbers(&json!({"objective": objective}), &x, &[0.0; 80]).predict(&x);
        assert_close(objective, &got, &[0.0; 80], 1e-9);
    }
}

/// Breast-cancer-sized data: growing by leaf used to learn it by heart, and no longer may by default.
#[test]
fn growing_by_leaf_holds_back_on_few_rows() {
    let ((x, y), (query, unseen)) = (friedman(0, 150), friedman(150, 1150));
    let loss = |params: &Value| {
        let got = fit("gradient_boosting", params, &x, &two_classes(&y)).predict(&query);
        let Target::Classes { codes, .. } = two_classes(&unseen) else { unreachable!() };
        mean(got.chunks(2).zip(&codes).map(|(row, &code)| -row[code as usize].max(1e-15).ln()))
    };
    let trials = find("gradient_boosting").unwrap().trials(150);
    let by_leaf = trials.iter().find(|params| params.get("growth").is_some()).unwrap();
    let (by_level, by_leaf) = (loss(&json!({})), loss(&Value::Object(by_leaf.clone())));
    assert!(by_leaf < by_level * 1.25, "{by_leaf} {by_level}");
}
