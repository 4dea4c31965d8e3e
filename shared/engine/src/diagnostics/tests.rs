use serde_json::json;

use super::report::{Ranked, Report, report};
use super::*;
use crate::estimators::{Fit, Params, find};
use crate::matrix::Matrix;
use crate::metrics::Task;
use crate::preprocess::Preprocessor;
use crate::table::{Column, Kind as ColumnKind, Values};

/// Columns of every sort, some of whose names and levels are not kind, and what they predict.
fn columns(rows: usize) -> Vec<Column> {
    let wave = |step: f64| (0..rows).map(move |i| (i as f64 * step).sin());
    let gap = |i: usize, value: f64| if i % 9 == 4 { f64::NAN } else { value };
    let column = |name: &str, kind, values| Column { name: name.into(), kind, values };
    let levels = ["red", "<script>alert(1)</script>", "\u{0}"].map(String::from).to_vec();
    vec![
        column("size & <b>", ColumnKind::Number, Values::Number(wave(1.3).collect())),
        column(
            "gaps",
            ColumnKind::Number,
            Values::Number(wave(0.7).enumerate().map(|(i, v)| gap(i, v)).collect()),
        ),
        column("empty", ColumnKind::Number, Values::Number(vec![f64::NAN; rows])),
        column(
            "colour",
            ColumnKind::Category,
            Values::Strings { codes: (0..rows).map(|i| (i % 3) as u32).collect(), levels },
        ),
        column("flag", ColumnKind::Boolean, Values::Boolean((0..rows).map(|i| (i % 2) as u8).collect())),
        column(
            "when",
            ColumnKind::Datetime,
            Values::Time((0..rows).map(|i| i as i64 * 86_400_000_000).collect()),
        ),
    ]
}

fn numbers(columns: &[Column], rows: usize) -> Vec<f64> {
    let Values::Number(size) = &columns[0].values else { return Vec::new() };
    let Values::Number(gaps) = &columns[1].values else { return Vec::new() };
    (0..rows)
        .map(|i| 100.0 * size[i] + 40.0 * size[i] * gaps[i].max(0.0) + f64::from(u8::from(i % 3 == 0)) * 30.0)
        .collect()
}

fn codes(y: &[f64], count: usize) -> Target {
    let code = |y: &f64| (((y + 80.0) / 200.0).clamp(0.0, 0.999) * count as f64) as u32;
    Target::Classes { codes: y.iter().map(code).collect(), count }
}

/// Fits on the first two thirds, and looks at the rest.
fn look(estimator: &str, columns: &[Column], y: &Target, names: &[String], metric: Metric) -> Diagnostics {
    let estimator = find(estimator).unwrap();
    let params = Params::check(estimator.parameters(), &serde_json::Map::new()).unwrap();
    let rows: Vec<u32> = (0..y.len() as u32).collect();
    let (training, held_out) = rows.split_at(rows.len() * 2 / 3);
    let columns: Vec<&Column> = columns.iter().collect();
    let training_y = y.take(training);
    let (preprocessor, x) = Preprocessor::fit(&columns, training, &training_y, estimator.needs(), 0);
    let refit =
        |x: &Matrix, y: &Target| estimator.fit(&Fit { x, y, weights: None, seed: 0, params: &params });
    let fitted = refit(&x, &training_y).unwrap();
    let held_out_x = preprocessor.transform(&columns, held_out);
    let predictions = fitted.predict(&held_out_x);
    let subject = Subject {
        fitted: &fitted,
        training_x: &x,
        training_y: &training_y,
        x: &held_out_x,
        y: &y.take(held_out),
        predictions: &predictions,
        origins: preprocessor.origins(),
        columns,
        rows: held_out,
        classes: names,
        metric,
        choice: &crate::decide::Choice::default(),
        seed: 0,
        refit: &refit,
    };
    let made = Diagnostics::new(&subject, Basis::TestRows);
    assert_eq!(Diagnostics::new(&subject, Basis::TestRows), made, "the same again");
    made
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|class| format!("<i>class</i> {class}")).collect()
}

/// What holds for all diagnostics.
fn sound(made: &Diagnostics) {
    let text = serde_json::to_string(made).unwrap();
    assert!(text.len() < MOST_BYTES, "{} bytes", text.len());
    assert_eq!(&serde_json::from_str::<Diagnostics>(&text).unwrap(), made);
    for kind in made.kinds() {
        assert!(!made.data(kind).is_null());
        let svg = made.svg(kind).unwrap_or_else(|| panic!("{kind:?} is not drawn"));
        for evil in ["<script", "<i>", "<b>", "\u{0}", "NaN"] {
            assert!(!svg.contains(evil), "{kind:?} has {evil:?}");
        }
        assert!(svg.contains("viewBox=") && svg.ends_with("</svg>\n"), "{kind:?}");
        assert!(svg.len() < 400_000, "{kind:?} has {} bytes", svg.len());
    }
    for kind in Kind::ALL {
        assert_eq!(made.svg(kind).is_some(), made.kinds().contains(&kind));
        let both = made.skipped.iter().any(|skipped| skipped.kind == kind) && made.kinds().contains(&kind);
        assert!(!both, "{kind:?} is there and is not");
    }
}

#[test]
fn numbers_have_everything_that_numbers_have() {
    let columns = columns(600);
    let y = numbers(&columns, 600);
    for estimator in ["random_forest", "gradient_boosting", "ridge", "knn", "dummy"] {
        let made = look(estimator, &columns, &Target::Numbers(y.clone()), &[], Metric::Rmse);
        sound(&made);
        let mut expected = vec![Kind::PredictedVsActual, Kind::Residuals, Kind::PermutationImportance];
        if !["knn", "dummy"].contains(&estimator) {
            expected.push(Kind::ShapSummary);
        }
        expected.extend([Kind::PartialDependence, Kind::Interactions, Kind::Slices, Kind::LearningCurve]);
        assert_eq!(made.kinds(), expected, "{estimator}: {:?}", made.skipped);
        if estimator == "random_forest" {
            let importance = made.permutation_importance.unwrap();
            assert_eq!(importance.features[0].feature, "size & <b>");
            assert!(importance.features[0].mean > 5.0 * importance.features[0].std);
            let empty = importance.features.iter().find(|feature| feature.feature == "empty").unwrap();
            assert_eq!((empty.mean, empty.std), (0.0, 0.0));
            assert_eq!(made.shap_summary.unwrap().features[0].feature, "size & <b>");
            assert_eq!(made.interactions[0].features, ["size & <b>", "gaps"]);
            let curve = made.learning_curve.unwrap();
            assert_eq!(curve.rows, [40, 100, 200, 400]);
            assert!(curve.held_out[3] < curve.held_out[0]);
        }
    }
}

#[test]
fn classes_have_everything_that_classes_have() {
    let columns = columns(600);
    let y = numbers(&columns, 600);
    for (estimator, count, metric) in [
        ("logistic", 2, Metric::Auc),
        ("random_forest", 2, Metric::Auc),
        ("gradient_boosting", 4, Metric::LogLoss),
        ("extra_trees", 12, Metric::LogLoss),
    ] {
        let made = look(estimator, &columns, &codes(&y, count), &names(count), metric);
        sound(&made);
        let expected: Vec<Kind> = Kind::ALL
            .into_iter()
            .filter(|kind| !matches!(kind, Kind::Residuals | Kind::PredictedVsActual))
            .collect();
        assert_eq!(made.kinds(), expected, "{estimator}: {:?}", made.skipped);
        assert!(made.roc.len() <= 10 && made.partial_dependence.len() <= 6);
    }
}

#[test]
fn a_class_that_no_row_held_out_has_is_no_trouble() {
    let columns = columns(90);
    // Class 1 ends where the rows held out begin.
    let codes: Vec<u32> = (0..90).map(|i| u32::from(i < 60 && i % 2 == 0)).collect();
    let made = look("naive_bayes", &columns, &Target::Classes { codes, count: 2 }, &names(2), Metric::Auc);
    sound(&made);
    assert!(made.roc.is_empty() && made.confusion_matrix.is_some());
    let reason = |kind| made.skipped.iter().find(|skipped| skipped.kind == kind).map(|s| s.reason.as_str());
    assert_eq!(reason(Kind::Roc), Some("the rows held out are all of one class"));
    assert_eq!(reason(Kind::PermutationImportance), Some("auc is not defined on the rows held out"));
}

#[test]
fn a_thousand_classes_stay_small() {
    let columns = columns(3000);
    let codes: Vec<u32> = (0..3000).map(|i| i * 7 % 1000).collect();
    let long: Vec<String> =
        (0..1000).map(|class| format!("{} {class}", "<b>long</b> ".repeat(300))).collect();
    let made = look("naive_bayes", &columns, &Target::Classes { codes, count: 1000 }, &long, Metric::LogLoss);
    sound(&made);
    assert_eq!(made.confusion_matrix.unwrap().classes.len(), 21);
    assert!(made.roc.len() <= 10);
}

#[test]
fn numbers_at_the_end_of_what_a_float_holds_are_left_out() {
    let columns = columns(90);
    let y = Target::Numbers((0..90).map(|i| if i % 2 == 0 { 1e300 } else { -1e300 }).collect());
    let made = look("dummy", &columns, &y, &[], Metric::Mae);
    let text = serde_json::to_string(&made).unwrap();
    assert!(!text.contains("null"));
    assert_eq!(serde_json::from_str::<Diagnostics>(&text).unwrap(), made);
    for kind in Kind::ALL {
        made.svg(kind);
    }
    assert!(made.skipped.iter().any(|skipped| skipped.reason.contains("too large")));
}

#[test]
fn kinds_are_named_as_in_json() {
    for kind in Kind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        assert_eq!(Kind::named(kind.name()), Some(kind));
    }
    assert_eq!(Kind::named("pie"), None);
}

#[test]
fn a_drawing_is_what_it_was() {
    let mut made = Diagnostics::empty(Basis::TestRows, 4, Metric::Auc);
    made.roc = vec![RocCurve {
        class: "yes".into(),
        auc: 0.75,
        false_positive_rate: vec![0.0, 0.0, 0.5, 0.5, 1.0],
        true_positive_rate: vec![0.0, 0.5, 0.5, 1.0, 1.0],
        threshold: vec![1.0, 0.8, 0.4, 0.35, 0.1],
    }];
    insta::assert_snapshot!(made.svg(Kind::Roc).unwrap());
}

#[test]
fn a_report_is_one_page_that_runs_nothing() {
    let columns = columns(400);
    let y = numbers(&columns, 400);
    let made = look("gradient_boosting", &columns, &codes(&y, 2), &names(2), Metric::Auc);
    let evil = "<script>alert('x')</script>";
    let trial = |score, failure| Ranked {
        name: "Gradient boosting",
        params: "{\"trees\": 400}",
        score,
        holdout: Some(0.913),
        failure,
    };
    let trials =
        [trial(Some((0.9213, 0.0123)), None), trial(Some((0.87, 0.02)), None), trial(None, Some(evil))];
    let page = report(&Report {
        title: &format!("Who stays? {evil}"),
        target: evil,
        task: Task::Binary,
        metric: Metric::Auc,
        leaderboard: &trials,
        winner: Some(&made),
        decisions: &["'tag' is left out: a value of its own on every row".into(), evil.into()],
        notes: &["'yes' is the positive class".into()],
    });
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
    // Nothing from elsewhere: the only address is the name of SVG's own language.
    assert_eq!(page.matches("http").count(), page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    assert!(page.contains("0.921 ± 0.012") && page.contains("failed"));
    assert_eq!(page.matches("<svg ").count(), made.kinds().len());
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    assert_eq!(json!(made.kinds()).as_array().map(Vec::len), Some(made.kinds().len()));
}
