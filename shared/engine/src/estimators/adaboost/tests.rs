use serde_json::{Value, json};

use super::super::{Params, find};
use super::*;
use crate::matrix::Matrix;

fn fitted(params: &Value, x: &Matrix, y: &Target, weights: Option<&[f32]>) -> Fitted {
    let estimator = find("adaboost").unwrap();
    let params = Params::check(estimator.parameters(), params.as_object().unwrap()).unwrap();
    estimator.fit(&Fit { x, y, weights, seed: 3, params: &params }).unwrap()
}

fn committee(params: &Value, x: &Matrix, y: &Target) -> Committee {
    match fitted(params, x, y, None) {
        Fitted::AdaBoost(committee) => committee,
        other => panic!("a series was to be grown: {other:?}"),
    }
}

/// 0, 1, … with the middle third of another class than the rest: more than one stump can tell.
fn sandwich(rows: usize) -> (Matrix, Target) {
    let x = Matrix::new(rows, 1, (0..rows).map(|row| row as f32).collect());
    let codes = (0..rows).map(|row| u32::from(row * 3 / rows == 1)).collect();
    (x, Target::Classes { codes, count: 2 })
}

#[test]
fn stumps_together_tell_what_none_can_alone() {
    let (x, y) = sandwich(90);
    let Target::Classes { codes, .. } = &y else { unreachable!() };
    let committee = committee(&json!({"max_depth": 1, "trees": 30}), &x, &y);
    assert!(committee.trees() > 2);
    for (row, &code) in committee.predict(&x).chunks(2).zip(codes) {
        assert!(row[code as usize] > 0.5, "{row:?} {code}");
    }
}

/// The first three votes of SAMME on ten rows, by hand: the first stump is wrong on three rows of ten.
#[test]
fn votes_are_the_logarithms_of_odds() {
    let x = Matrix::new(10, 1, (0..10u8).map(f32::from).collect());
    let y = Target::Classes { codes: vec![1, 1, 1, 0, 0, 0, 0, 1, 1, 1], count: 2 };
    let params = json!({"max_depth": 1, "trees": 2, "calibrated": false});
    let estimator = find("adaboost").unwrap();
    let params = Params::check(estimator.parameters(), params.as_object().unwrap()).unwrap();
    let fit = Fit { x: &x, y: &y, weights: None, seed: 3, params: &params };
    let series = boost_classes(&fit, vec![1.0; 10], &[1, 1, 1, 0, 0, 0, 0, 1, 1, 1]).unwrap();
    // Wrong on three of ten: ln(0.7 / 0.3). Then those three weigh half of all.
    assert!((series.votes[0] - (0.7f64 / 0.3).ln()).abs() < 1e-6, "{:?}", series.votes);
    assert_eq!(series.votes.len(), 2);
    let total: f64 = series.votes.iter().sum();
    // scikit-learn's probabilities: the logit is twice the difference of shares.
    let shares = series.votes[0] / total;
    let got = committee_of(series).predict(&Matrix::new(1, 1, vec![9.0]));
    let agreed = 1.0 / (1.0 + (-2.0f64).exp());
    let apart = 1.0 / (1.0 + (-2.0 * (2.0 * shares - 1.0)).exp());
    assert!([agreed, apart, 1.0 - apart].iter().any(|p| (got[1] - p).abs() < 1e-6), "{got:?}");
}

fn committee_of(series: Series) -> Committee {
    Committee::new(series.forest, &series.votes, 2.0)
}

#[test]
fn one_tree_without_mistakes_answers_with_its_leaves() {
    let x = Matrix::new(60, 1, (0..60u8).map(f32::from).collect());
    let y = Target::Classes { codes: (0..60).map(|row| u32::from(row >= 30)).collect(), count: 2 };
    let alone = fitted(&json!({}), &x, &y, None);
    assert!(matches!(alone, Fitted::Tree(_)));
    assert_eq!(alone.predict(&Matrix::new(1, 1, vec![3.0])), [1.0, 0.0]);
    // With nothing to tell rows by, their shares.
    let nothing = Matrix::new(60, 1, vec![1.0; 60]);
    let y = Target::Classes { codes: (0..60).map(|row| u32::from(row >= 45)).collect(), count: 2 };
    assert_eq!(fitted(&json!({}), &nothing, &y, None).predict(&x)[..2], [0.75, 0.25]);
}

/// Labels of which a fifth are wrong by chance: nobody can be surer than four in five.
#[test]
fn probabilities_are_as_sure_as_they_may_be() {
    let rows = 2000;
    let x = Matrix::new(rows, 2, (0..2 * rows).map(|at| ((at as f64 * 0.618_034).fract()) as f32).collect());
    let codes = (0..rows).map(|row| {
        let truth = u32::from(x.get(row, 0) > 0.5);
        if (row as f64 * 0.754_877).fract() < 0.2 { 1 - truth } else { truth }
    });
    let y = Target::Classes { codes: codes.collect(), count: 2 };
    let committee = committee(&json!({}), &x, &y);
    let sure: f64 = committee.predict(&x).chunks(2).map(|row| row[0].max(row[1])).sum::<f64>() / rows as f64;
    assert!((0.72..0.88).contains(&sure), "{sure}");
}

#[test]
fn numbers_are_the_median_of_votes() {
    let x = Matrix::new(120, 1, (0..120u8).map(f32::from).collect());
    let y = Target::Numbers((0..120).map(|row| f64::from(row).powi(2) + 1e6).collect());
    for loss in ["linear", "square", "exponential"] {
        let committee = committee(&json!({"loss": loss, "max_depth": 3}), &x, &y);
        assert!(committee.trees() > 5);
        let got = committee.predict(&x);
        let Target::Numbers(truth) = &y else { unreachable!() };
        let off = got.iter().zip(truth).map(|(a, b)| (a - b).abs()).sum::<f64>() / 120.0;
        assert!(off < 500.0, "{loss}: {off}");
    }
}

#[test]
fn what_is_wrong_with_stored_ones_is_said() {
    let (x, y) = sandwich(90);
    let good = committee(&json!({"max_depth": 1}), &x, &y);
    assert_eq!(good.check(1, 2), Ok(()));
    assert!(good.check(2, 2).is_err());
    assert!(good.check(1, 3).is_err());
    let changed = |change: fn(&mut Vec<f64>)| {
        let stored = postcard::to_stdvec(&good).unwrap();
        let (forest, mut votes, sharpness): (Forest, Vec<f64>, f64) = postcard::from_bytes(&stored).unwrap();
        change(&mut votes);
        let stored = postcard::to_stdvec(&(forest, votes, sharpness)).unwrap();
        postcard::from_bytes::<Committee>(&stored).unwrap().check(1, 2)
    };
    assert_eq!(changed(|_| ()), Ok(()));
    assert!(changed(|votes| votes.push(0.0)).is_err());
    assert!(changed(|votes| votes[0] += 0.1).is_err());
    assert!(changed(|votes| votes[0] = f64::NAN).is_err());
}
