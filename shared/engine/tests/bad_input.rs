//! Tables that nobody would want to learn from: each ends in sound results or in a refusal in words, never in
//! a panic. What a request can have wrong, and warnings, are tested beside `plan` and `trial`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;

use fettle_engine::search::{Outcome, Step, Time, next};
use fettle_engine::table::{ReadLimits, Table, profile, read};
use fettle_engine::{
    FitError, Metric, Model, Plan, Predictions, RunSpec, SpecError, SpecErrorKind, Trainer, TrialSpec,
    WarningKind, plan,
};
use serde_json::{Value, json};

fn table(csv: &str) -> Table {
    read(csv.as_bytes(), &ReadLimits::default()).unwrap()
}

fn planned(table: &Table, spec: Value) -> Result<Plan, SpecError> {
    plan(&profile(table), &serde_json::from_value::<RunSpec>(spec).unwrap())
}

fn trainer(table: &Table, spec: Value) -> Trainer {
    Trainer::new(table.clone(), planned(table, spec).unwrap()).unwrap()
}

/// The trial's scores on each fold in the run's metric, where it is defined; all that are must be finite.
fn folds(trainer: &Trainer, trial: &TrialSpec) -> Vec<Result<Option<f64>, FitError>> {
    let fold = |fold| {
        trainer.fold(trial, fold).map(|fold| {
            assert!(fold.metrics.values().all(|score| score.is_finite()), "{trial:?}: {:?}", fold.metrics);
            fold.metrics.get(&trainer.plan().metric).copied()
        })
    };
    (0..trainer.plan().fits()).map(fold).collect()
}

/// Every trial has a score on every fold.
fn assert_scored(trainer: &Trainer) {
    for trial in &trainer.plan().trials {
        for score in folds(trainer, trial) {
            assert!(score.as_ref().is_ok_and(Option::is_some), "{}: {score:?}", trial.estimator);
        }
    }
}

/// The model of the plan's last trial gives a sound prediction for every row that it was made from.
fn assert_predicts(trainer: &Trainer, table: &Table) {
    let artifact = trainer.finish(trainer.plan().trials.last().unwrap(), &[]).unwrap().artifact;
    match Model::load(&artifact).unwrap().predict(table).unwrap() {
        Predictions::Numbers(numbers) => {
            assert!(numbers.len() == table.rows && numbers.iter().all(|number| number.is_finite()));
        }
        Predictions::Classes { classes, probabilities, .. } => {
            let rows = probabilities.chunks_exact(classes.names().len());
            assert_eq!(rows.len(), table.rows);
            for row in rows {
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{row:?}");
            }
        }
    }
}

/// Numbers that look like chance.
fn noise(i: usize) -> f64 {
    (i as f64 * 12.9898).sin() * 43_758.545_3 % 1.0
}

#[test]
fn twenty_thousand_sparse_columns() {
    let mut csv = String::from("y");
    (0..20_000).for_each(|col| write!(csv, ",x{col}").unwrap());
    for row in 0..40 {
        write!(csv, "\n{}", if row % 2 == 0 { "a" } else { "b" }).unwrap();
        (0..20_000)
            .for_each(|col| csv.push_str(if (row * 7 + col) % 50 < 1 + row % 2 { ",1.5" } else { ",0" }));
    }
    let refused = read(csv.as_bytes(), &ReadLimits::default()).unwrap_err().to_string();
    assert!(refused.contains("2000 are allowed"), "{refused}");

    let wide = read(csv.as_bytes(), &ReadLimits { max_columns: 30_000, ..ReadLimits::default() }).unwrap();
    let few = ["dummy", "naive_bayes", "ridge_classifier", "decision_tree"];
    assert_scored(&trainer(&wide, json!({"target": "y", "folds": 2, "estimators": few})));
}

#[test]
fn classes_of_one_row() {
    let mut csv = String::from("x,y\n");
    for i in 0..60 {
        writeln!(csv, "{},{}", noise(i), if i < 40 { "many".into() } else { format!("only{i}") }).unwrap();
    }
    let refused = planned(&table(&csv), json!({"target": "y"})).unwrap_err();
    assert_eq!((refused.kind, refused.field.as_str()), (SpecErrorKind::ClassTooSmall, "target"));
    assert!(refused.detail.contains("the class 'only") && !refused.remedy.is_empty(), "{refused:?}");
}

#[test]
fn a_thousand_classes() {
    let mut csv = String::from("a,b,y\n");
    for i in 0..3000 {
        let class = i % 1000;
        writeln!(csv, "{},{},c{class}", class as f64 + noise(i), (class % 31) as f64 + noise(i + 7)).unwrap();
    }
    let many = table(&csv);
    let few = ["dummy", "naive_bayes", "ridge_classifier", "decision_tree"];
    let spec = json!({"target": "y", "folds": 3, "test_fraction": 0, "estimators": few});
    let trainer = trainer(&many, spec);
    assert_scored(&trainer);
    let losses: Vec<f64> = trainer
        .plan()
        .trials
        .iter()
        .map(|trial| trainer.fold(trial, 0).unwrap().metrics[&Metric::LogLoss])
        .collect();
    // The baseline's is the logarithm of a thousand; who learns is below it.
    assert!((losses[0] - 1000f64.ln()).abs() < 0.1, "{losses:?}");
    assert!(losses.iter().any(|loss| *loss < 0.7 * losses[0]), "{losses:?}");
}

/// Columns of each kind in which every other value is missing; `b` has none where `group` is k0 or k1, and
/// `c` none but there.
fn gaps() -> Table {
    let mut csv = String::from("group,a,b,c,kind,yes,seen,y,label\n");
    for i in 0..160 {
        let group = i % 4;
        let gap = |shift: usize, text: String| if noise(i + shift) > 0.0 { String::new() } else { text };
        let only =
            |groups: [usize; 2], text: String| if groups.contains(&group) { text } else { String::new() };
        let a = noise(i + 1000);
        writeln!(
            csv,
            "k{group},{},{},{},{},{},{},{:.3},{}",
            gap(1, format!("{a:.3}")),
            only([2, 3], format!("{:.3}", noise(i + 2000))),
            only([0, 0], format!("{:.3}", noise(i + 3000))),
            gap(2, ["red", "green", "blue"][i % 3].into()),
            gap(3, (a > 0.2).to_string()),
            gap(4, format!("2024-{:02}-{:02}", i % 12 + 1, i % 28 + 1)),
            a * 3.0 + noise(i) / 9.0,
            ["low", "high"][usize::from(a > 0.0)]
        )
        .unwrap();
    }
    table(&csv)
}

#[test]
fn half_of_the_values_are_missing_and_all_of_a_fold() {
    let gaps = gaps();
    // One that imputes and scales, one by distances, one of each kind of tree, one of many steps.
    let numbers = ["linear", "knn", "random_forest", "gradient_boosting", "explainable_boosting", "mlp"];
    let classes = ["logistic", "naive_bayes", "qda", "extra_trees", "gradient_boosting", "rbf_svm"];
    for (target, estimators) in [("y", numbers), ("label", classes)] {
        // Learning from k1, k2 and k3 alone there is no value of `c`; from two of them neither of `b`.
        let spec = json!({"target": target, "group": "group", "test_fraction": 0, "folds": 4,
                          "estimators": estimators});
        let trainer = trainer(&gaps, spec);
        assert_scored(&trainer);
        assert_predicts(&trainer, &gaps);
    }
}

#[test]
fn infinite_features_count_as_missing() {
    let mut csv = String::from("a,b,y\n");
    for i in 0..90 {
        let b = if i % 9 == 0 { ["inf", "-inf"][i % 2].to_string() } else { format!("{:.3}", noise(i)) };
        writeln!(csv, "{:.3},{b},{:.3}", noise(i + 500), noise(i + 500) * 4.0).unwrap();
    }
    let infinite = table(&csv);
    let estimators = ["linear", "svr", "knn", "random_forest", "gradient_boosting", "mlp"];
    let trainer = trainer(&infinite, json!({"target": "y", "folds": 3, "estimators": estimators}));
    assert!(trainer.plan().notes.iter().any(|note| note.contains("'b' has 10 infinite values")));
    assert_scored(&trainer);
    assert_predicts(&trainer, &infinite);
}

/// Whatever estimator learns from the rows outside k0 sees one value of the target only.
#[test]
fn a_target_that_is_constant_outside_of_one_fold() {
    let mut csv = String::from("group,a,b,y,label\n");
    for i in 0..90 {
        let odd = i % 3 == 0 && i % 2 == 0;
        let (y, label) = if odd { (noise(i), "rare") } else { (5.0, "common") };
        writeln!(csv, "k{},{:.3},{:.3},{y:.3},{label}", i % 3, noise(i + 99), noise(i + 999)).unwrap();
    }
    let constant = table(&csv);
    for target in ["y", "label"] {
        let spec = json!({"target": target, "group": "group", "test_fraction": 0, "folds": 3});
        let trainer = trainer(&constant, spec);
        for trial in &trainer.plan().trials {
            for score in folds(&trainer, trial) {
                // A refusal says so in words; a result has no score where the metric has no meaning.
                if let Err(error) = score {
                    assert!(error.to_string().contains(' '), "{}: {error}", trial.estimator);
                }
            }
        }
    }
}

#[test]
fn the_same_two_rows_again_and_again() {
    let mut csv = String::from("a,b,kind,y\n");
    (0..120).for_each(|i| csv.push_str(["1.5,2,red,no\n", "2.5,7,blue,yes\n"][i % 2]));
    let doubled = table(&csv);
    let trainer = trainer(&doubled, json!({"target": "y", "folds": 3}));
    assert!(trainer.warnings().iter().any(|warning| warning.kind == WarningKind::DuplicateRows));
    for trial in &trainer.plan().trials {
        for score in folds(&trainer, trial) {
            // Two rows are told apart by anything that is not the baseline.
            let least = if trial.estimator == "dummy" { 0.5 } else { 1.0 };
            assert!(score.clone().unwrap().unwrap() >= least, "{}: {score:?}", trial.estimator);
        }
    }
    assert_predicts(&trainer, &doubled);
}

#[test]
fn a_hundred_thousand_levels() {
    let mut csv = String::from("who,a,y\n");
    for i in 0..200_000 {
        writeln!(csv, "p{},{:.2},{:.2}", i * 7919 % 100_000, noise(i), noise(i) * 2.0 + noise(i / 3))
            .unwrap();
    }
    let levels = table(&csv);
    let trainer =
        trainer(&levels, json!({"target": "y", "folds": 2, "estimators": ["ridge", "decision_tree"]}));
    assert_scored(&trainer);
}

#[test]
fn a_budget_that_is_over_before_anything_was_begun() {
    let plan = planned(&gaps(), json!({"target": "label", "plan": "auto"})).unwrap();
    let done: Vec<Outcome> = plan
        .trials
        .iter()
        .zip(1..)
        .map(|(spec, number)| Outcome { number, spec: spec.clone(), score: None })
        .collect();
    let Step::Done(more) = next(&plan, &done, Time { elapsed_s: 1.3, budget_s: Some(1.0) }) else {
        panic!("the run goes on");
    };
    assert!(more.iter().any(|more| more.contains("logistic")), "{more:?}");
}
