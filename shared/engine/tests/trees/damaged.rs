//! Bytes that nobody vouches for: refused, or safe to predict with.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn stored() -> Vec<(usize, Vec<u8>)> {
    let (x, y) = friedman(0, 60);
    let x = with_holes(&x);
    let mut all = Vec::new();
    for y in [Target::Numbers(y.clone()), two_classes(&y), three_classes(&y)] {
        for name in ALL {
            let params = match name {
                "decision_tree" => json!({}),
                "adaboost" => json!({"trees": 4, "max_depth": 2}),
                "explainable_boosting" => json!({"rounds": 2}),
                _ => json!({"trees": 4}),
            };
            let bytes = postcard::to_stdvec(&fit(name, &params, &x, &y)).unwrap();
            all.push((y.outputs(), bytes));
        }
    }
    all
}

/// Predicting with whatever passes ends, stays in bounds and gives numbers.
fn survive(outputs: usize, bytes: &[u8]) {
    let Ok(fitted) = postcard::from_bytes::<Fitted>(bytes) else { return };
    if fitted.check(10, outputs).is_err() {
        return;
    }
    let (query, _) = friedman(60, 140);
    for query in [with_holes(&query), query] {
        let answers = fitted.predict(&query);
        assert_eq!(answers.len(), query.rows() * outputs);
        assert!(answers.iter().all(|answer| answer.is_finite()));
    }
}

#[test]
fn every_byte_damaged_in_turn() {
    for (outputs, bytes) in stored() {
        survive(outputs, &bytes);
        for at in 0..bytes.len() {
            for change in [1, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= change;
                survive(outputs, &damaged);
            }
        }
    }
}

#[test]
fn cut_short() {
    for (_, bytes) in stored() {
        for end in (0..bytes.len()).step_by(7) {
            assert!(postcard::from_bytes::<Fitted>(&bytes[..end]).is_err());
        }
    }
}

#[test]
fn another_width_is_refused() {
    for (outputs, bytes) in stored() {
        let fitted: Fitted = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(fitted.check(10, outputs), Ok(()));
        assert!(fitted.check(9, outputs).is_err());
        assert!(fitted.check(10, outputs + 1).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn rubbish(bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 4u8..9, outcome in 0u8..3) {
        let mut bytes = [vec![kind, outcome], bytes].concat();
        for outputs in 1..4 {
            survive(outputs, &bytes);
        }
        // A huge length must not be believed.
        bytes.splice(2..2, [0xff, 0xff, 0xff, 0xff, 0x0f]);
        survive(2, &bytes);
    }
}
