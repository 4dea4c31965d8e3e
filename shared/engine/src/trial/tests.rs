use std::fmt::Write;

use serde_json::json;

use super::*;
use crate::artifact::Model;
use crate::classes::present;
use crate::metrics::{Metric, Task};
use crate::plan::{RunSpec, plan};
use crate::table::{ReadLimits, read};

/// A table like the penguins: numbers, categories, gaps, a boolean, a date, and a target of each kind.
pub(super) fn animals(rows: usize) -> Table {
    let mut csv = String::from("tag,species,island,bill,mass,tame,seen,spots,price\n");
    for i in 0..rows {
        let kind = (i * 7 + i / 11) % 3;
        let wobble = (i as f64 * 1.7).sin();
        let bill = 36.0 + 5.0 * kind as f64 + 2.0 * wobble;
        let mass = 3500.0 + 700.0 * (i as f64 * 2.3).cos() + 500.0 * kind as f64;
        let gap = |every: usize, text: String| if i % every == 3 { String::new() } else { text };
        writeln!(
            csv,
            "t{i:05},{},{},{},{},{},2024-{:02}-{:02},{},{:.2}",
            ["Adelie", "Chinstrap", "Gentoo"][kind],
            gap(13, ["Biscoe", "Dream", "Torgersen"][(i / 2) % 3].into()),
            gap(17, format!("{bill:.1}")),
            gap(23, format!("{mass:.0}")),
            gap(19, (wobble > 0.0).to_string()),
            i % 12 + 1,
            i % 28 + 1,
            kind + 1,
            mass / 100.0 + bill
        )
        .unwrap();
    }
    read(csv.as_bytes(), &ReadLimits::default()).unwrap()
}

pub(super) fn trainer(table: &Table, spec: serde_json::Value) -> Trainer {
    let spec: RunSpec = serde_json::from_value(spec).unwrap();
    Trainer::new(table.clone(), plan(&profile(table), &spec).unwrap()).unwrap()
}

fn mean(trainer: &Trainer, trial: &TrialSpec, metric: Metric) -> f64 {
    let folds = trainer.plan().folds;
    (0..folds).map(|k| trainer.fold(trial, k).unwrap().metrics[&metric]).sum::<f64>() / f64::from(folds)
}

#[test]
fn every_trial_of_every_task_is_fitted_measured_and_predicts() {
    let table = animals(150);
    for (target, task, better) in [
        ("species", Task::Multiclass, Metric::Accuracy),
        ("tame", Task::Binary, Metric::Auc),
        ("price", Task::Regression, Metric::R2),
    ] {
        let trainer = trainer(&table, json!({"target": target, "folds": 3}));
        assert_eq!(trainer.plan().task, task);
        let baseline = mean(&trainer, &trainer.plan().trials[0], better);
        let mut beaten = 0;
        for trial in &trainer.plan().trials {
            for k in 0..3 {
                let scores = trainer.fold(trial, k).unwrap().metrics;
                assert!(scores.keys().all(|metric| trainer.plan().metrics.contains(metric)));
                assert!(scores.contains_key(&trainer.plan().metric), "{trial:?}");
            }
            beaten += usize::from(mean(&trainer, trial, better) > baseline + 0.1);
            let finished = trainer.finish(trial, &[]).unwrap();
            assert!(finished.holdout.unwrap().contains_key(&better));
            let model = Model::load(&finished.artifact).unwrap();
            assert_eq!(
                (model.task(), model.target(), model.estimator()),
                (task, target, trial.estimator.as_str())
            );
            assert_eq!(model.params(), &trial.params);
            assert!(model.fields().iter().all(|field| field.name != target && field.name != "tag"));
            assert_eq!(model.predict(&table).unwrap().len(), 150);
            assert_eq!(model.training_profile().unwrap().columns.len(), model.fields().len() + 1);
        }
        assert!(
            beaten + 2 >= trainer.plan().trials.len(),
            "{target}: {beaten} of {}",
            trainer.plan().trials.len()
        );
    }
}

#[test]
fn the_same_to_the_byte_again_and_on_two_threads() {
    let table = animals(120);
    for target in ["species", "price"] {
        let spec = json!({"target": target, "folds": 3, "seed": 5});
        let (one, two) = (trainer(&table, spec.clone()), trainer(&table, spec.clone()));
        let trials = one.plan().trials.clone();
        let alone: Vec<_> = trials.iter().map(|trial| (one.fold(trial, 1), one.finish(trial, &[]))).collect();
        let results = |numbers: Vec<usize>| {
            numbers
                .into_iter()
                .map(|n| (n, (two.fold(&trials[n], 1), two.finish(&trials[n], &[]))))
                .collect::<Vec<_>>()
        };
        let together = std::thread::scope(|scope| {
            let even = scope.spawn(|| results((0..trials.len()).step_by(2).collect()));
            let odd = scope.spawn(|| results((1..trials.len()).step_by(2).rev().collect()));
            [even.join().unwrap(), odd.join().unwrap()].concat()
        });
        for (n, result) in together {
            assert_eq!(result, alone[n], "{:?}", trials[n]);
        }
        let other = trainer(&table, json!({"target": target, "folds": 3, "seed": 6}));
        let forest = TrialSpec::new("knn", serde_json::Map::new());
        assert_ne!(other.fold(&forest, 1), one.fold(&forest, 1));
    }
}

#[test]
fn rows_without_a_target_are_not_learned_from() {
    let table = animals(120);
    let trainer = trainer(&table, json!({"target": "tame"}));
    let without = table.column("tame").map(present).unwrap();
    assert!(without.len() < 120);
    assert_eq!(trainer.truth.len(), without.len());
    let finished = trainer.finish(&trainer.plan().trials[0], &[]).unwrap();
    assert_eq!(
        Model::load(&finished.artifact).unwrap().training_profile().unwrap().rows,
        without.len() as u64
    );
}

#[test]
fn nothing_held_out_is_no_holdout() {
    let table = animals(60);
    let trainer = trainer(&table, json!({"target": "species", "test_fraction": 0.0}));
    assert_eq!(trainer.finish(&trainer.plan().trials[0], &[]).unwrap().holdout, None);
}

#[test]
fn what_cannot_be_fitted_is_an_error_and_no_panic() {
    let table = animals(60);
    let trainer = trainer(&table, json!({"target": "species", "folds": 5}));
    let trial = |estimator: &str, params: serde_json::Value| {
        TrialSpec::new(estimator, params.as_object().unwrap().clone())
    };
    for (trial, mentions) in [
        (trial("oracle", json!({})), "no estimator 'oracle'"),
        (trial("ridge", json!({})), "predicts a number"),
        (trial("knn", json!({"neighbours": 0})), "from 1 to 500"),
        (trial("knn", json!({"k": 3})), "no parameter 'k'"),
    ] {
        let error = trainer.fold(&trial, 0).unwrap_err();
        assert!(error.to_string().contains(mentions), "{error}");
        assert_eq!(trainer.finish(&trial, &[]).unwrap_err(), error);
    }
    assert!(trainer.fold(&trainer.plan().trials[0], 5).unwrap_err().to_string().contains("no fold 5"));
}

#[test]
fn a_plan_of_another_table_is_refused() {
    let table = animals(60);
    let planned =
        plan(&profile(&table), &RunSpec { target: "species".into(), ..RunSpec::default() }).unwrap();
    let refused = |change: &dyn Fn(&mut Table)| {
        let mut other = table.clone();
        change(&mut other);
        Trainer::new(other, planned.clone()).unwrap_err().to_string()
    };
    assert!(refused(&|table| table.columns[1].name = "genus".into()).contains("no column 'species'"));
    assert!(
        refused(&|table| table.columns[3].kind = crate::table::Kind::Integer)
            .contains("'bill' is planned as number")
    );
    assert!(refused(&|table| *table = table.take(&[0, 3, 6])).contains("not made from this table"));
}

#[test]
fn trials_are_combined_without_fitting_them_again() {
    let table = animals(150);
    for (target, task, methods) in [
        ("tame", Task::Binary, &["blend", "greedy_ensemble", "stack"][..]),
        ("species", Task::Multiclass, &["blend", "greedy_ensemble", "stack"]),
        ("price", Task::Regression, &["blend", "greedy_ensemble", "stack"]),
    ] {
        let trainer = trainer(&table, json!({"target": target, "folds": 3}));
        let trials: Vec<&TrialSpec> = trainer.plan().trials.iter().take(4).collect();
        let members: Vec<Combined> = trials
            .iter()
            .map(|trial| {
                let folds = (0..3).map(|k| trainer.fold(trial, k).unwrap().predictions);
                let finished = trainer.finish(trial, &[]).unwrap();
                let predicted = Predicted::from_bytes(&finished.predictions.to_bytes());
                assert_eq!(predicted, finished.predictions);
                Combined { folds: folds.collect(), holdout: predicted, artifact: finished.artifact }
            })
            .collect();
        let metric = if task == Task::Regression { Metric::Rmse } else { Metric::LogLoss };
        let mean = |folds: &[FoldScores]| folds.iter().map(|fold| fold.metrics[&metric]).sum::<f64>() / 3.0;
        let worst = trials.iter().map(|trial| self::mean(&trainer, trial, metric)).fold(0.0, f64::max);
        for method in methods {
            let spec = TrialSpec::new(method, serde_json::Map::new());
            let (folds, finished) = trainer.combine(&spec, &members).unwrap();
            assert!(mean(&folds) < worst, "{target} {method}: {} {worst}", mean(&folds));
            assert!(finished.holdout.unwrap().contains_key(&metric));
            let model = Model::load(&finished.artifact).unwrap();
            assert_eq!((model.task(), model.estimator()), (task, *method));
            assert_eq!(model.predict(&table).unwrap().len(), 150);
            assert_eq!(trainer.combine(&spec, &members).unwrap().1.artifact, finished.artifact);
        }
        for method in ["calibrated_sigmoid", "calibrated_isotonic"] {
            let combined = trainer.combine(&TrialSpec::new(method, serde_json::Map::new()), &members[1..2]);
            assert_eq!(combined.is_ok(), task.is_classification(), "{target} {method}");
        }
        let mut short = members.clone();
        short[0].folds.pop();
        assert!(trainer.combine(&TrialSpec::new("blend", serde_json::Map::new()), &short).is_err());
        short[0].folds.push(Predicted::default());
        assert!(trainer.combine(&TrialSpec::new("blend", serde_json::Map::new()), &short).is_err());
    }
}

/// Rows of customers over time: 12 customers, 10 days each.
fn visits() -> Table {
    let mut csv = String::from("customer,day,minutes,counts,spent,back\n");
    for i in 0..120 {
        let (customer, day) = (i % 12, i / 12);
        let wave = (f64::from(i) * 1.7).sin();
        writeln!(
            csv,
            "c{customer},2024-03-{:02},{:.3},{}.5,{:.3},{}",
            day + 1,
            30.0 + 10.0 * wave,
            i % 4,
            20.0 + 3.0 * wave + f64::from(customer),
            if wave > -0.2 { "yes" } else { "no" }
        )
        .unwrap();
    }
    read(csv.as_bytes(), &ReadLimits::default()).unwrap()
}

#[test]
fn groups_times_and_weights_split_and_weigh_and_are_no_features() {
    let table = visits();
    let ridge = TrialSpec::new("ridge", serde_json::Map::new());
    let features = |trainer: &Trainer| {
        let finished = trainer.finish(&ridge, &[]).unwrap();
        let model = Model::load(&finished.artifact).unwrap();
        model.fields().iter().map(|field| field.name.clone()).collect::<Vec<_>>()
    };
    let grouped = trainer(&table, json!({"target": "spent", "group": "customer", "repeats": 2}));
    assert_eq!((grouped.plan().folds, grouped.plan().fits()), (5, 10));
    assert!(grouped.fold(&ridge, 9).is_ok() && grouped.fold(&ridge, 10).is_err());
    for k in 0..10 {
        let customers =
            |rows: &[u32]| rows.iter().map(|row| row % 12).collect::<std::collections::BTreeSet<_>>();
        let training = customers(&grouped.split.training(k));
        assert!(customers(&grouped.split.folds[k]).is_disjoint(&training));
        assert!(customers(&grouped.split.test).is_disjoint(&training));
    }
    assert!(!features(&grouped).contains(&"customer".to_string()));

    let timed = trainer(&table, json!({"target": "spent", "time": "day", "folds": 3}));
    assert_eq!(timed.split.test, (96..120).collect::<Vec<_>>());
    assert!(timed.split.training(1).iter().max() < timed.split.folds[1].iter().min());
    assert!(timed.fold(&ridge, 2).is_ok());
    assert!(!features(&timed).contains(&"day".to_string()));

    let weighed = trainer(&table, json!({"target": "spent", "weight": "counts"}));
    let plain = trainer(&table, json!({"target": "spent"}));
    assert_ne!(weighed.fold(&ridge, 0), plain.fold(&ridge, 0));
    assert!(!features(&weighed).contains(&"counts".to_string()));
    let balanced = trainer(&table, json!({"target": "back", "preprocessing": {"balance": "weights"}}));
    let logistic = TrialSpec { estimator: "logistic".into(), ..ridge.clone() };
    let plain = trainer(&table, json!({"target": "back"}));
    assert_ne!(balanced.fold(&logistic, 0), plain.fold(&logistic, 0));
    let dropped = trainer(&table, json!({"target": "spent", "preprocessing": {"outliers": "drop"}}));
    assert!(dropped.fold(&ridge, 0).is_ok());
}

#[test]
fn a_wrong_weight_is_named_by_its_row() {
    let table = visits();
    let spec: RunSpec = serde_json::from_value(json!({"target": "spent", "weight": "counts"})).unwrap();
    let planned = plan(&profile(&table), &spec).unwrap();
    for (weight, what) in [(-1.0, "row 18 is -1"), (f64::NAN, "row 18 is missing")] {
        let mut wrong = table.clone();
        let crate::table::Values::Number(values) = &mut wrong.columns[3].values else { unreachable!() };
        values[17] = weight;
        let error = Trainer::new(wrong.clone(), planned.clone()).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let mut nothing = table.clone();
    nothing.columns[3].values = crate::table::Values::Number(vec![0.0; 120]);
    let trainer = Trainer::new(nothing, planned).unwrap();
    let error = trainer.fold(&trainer.plan().trials[0], 0).unwrap_err().to_string();
    assert!(error.contains("has weight 0"), "{error}");
}

#[test]
fn a_sample_stands_for_a_long_table() {
    let table = animals(150);
    let spec: RunSpec = serde_json::from_value(json!({"target": "price"})).unwrap();
    let planned = Plan { sample: Some(60), ..plan(&profile(&table), &spec).unwrap() };
    let trainer = Trainer::new(table.clone(), planned).unwrap();
    assert_eq!((trainer.rows.len(), trainer.truth.len(), trainer.split.test.len()), (60, 60, 12));
    let finished = trainer.finish(&trainer.plan().trials[0], &[]).unwrap();
    assert_eq!(Model::load(&finished.artifact).unwrap().training_profile().unwrap().rows, 60);
}
