use std::fmt::Write;

use serde_json::json;

use super::*;
use crate::table::{ReadLimits, profile, read};

fn profiled(csv: &str) -> Profile {
    profile(&read(csv.as_bytes(), &ReadLimits::default()).unwrap())
}

/// A table of 60 rows with columns of every kind.
fn table() -> Profile {
    let mut csv = String::from("id,animal,alive,weight,legs,age,seen,constant,empty,five\n");
    for i in 0..60 {
        let animal = ["cat", "dog", "hen"][i % 3];
        writeln!(
            csv,
            "k-{i},{animal},{},{}.5,{},{},2024-01-{:02},7,,{}",
            i % 4 == 0,
            i * i % 17,
            [4, 4, 2][i % 3],
            i * 7 % 60,
            i % 28 + 1,
            i % 5
        )
        .unwrap();
    }
    profiled(&csv)
}

fn spec(json: &serde_json::Value) -> RunSpec {
    serde_json::from_value(json.clone()).unwrap()
}

fn planned(json: &serde_json::Value) -> Result<Plan, SpecError> {
    plan(&table(), &spec(json))
}

fn assert_refused(result: Result<Plan, SpecError>, kind: SpecErrorKind, field: &str, mentions: &str) {
    let error = result.expect_err("this cannot be planned");
    assert_eq!((error.kind, error.field.as_str()), (kind, field), "{error:?}");
    let all = format!("{} / {}", error.detail, error.remedy);
    assert!(all.contains(mentions), "'{mentions}' is not in: {all}");
    assert_eq!(serde_json::to_value(error.kind).unwrap(), error.kind.code());
}

#[test]
fn the_task_comes_from_the_target() {
    for (target, task, metric, classes) in [
        ("animal", Task::Multiclass, Metric::LogLoss, vec!["cat", "dog", "hen"]),
        ("alive", Task::Binary, Metric::Auc, vec!["false", "true"]),
        ("legs", Task::Binary, Metric::Auc, vec!["2", "4"]),
        ("five", Task::Multiclass, Metric::LogLoss, vec!["0", "1", "2", "3", "4"]),
        ("weight", Task::Regression, Metric::Rmse, vec![]),
        ("age", Task::Regression, Metric::Rmse, vec![]),
    ] {
        let plan = planned(&json!({"target": target})).unwrap();
        assert_eq!(
            (plan.task, plan.metric, plan.classes),
            (task, metric, classes.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "{target}"
        );
        assert_eq!((plan.folds, plan.seed), (5, 0));
        assert!(plan.metrics.contains(&metric));
    }
}

#[test]
fn the_task_that_is_asked_for_wins_where_it_makes_sense() {
    assert_eq!(planned(&json!({"target": "five", "task": "regression"})).unwrap().task, Task::Regression);
    assert_eq!(planned(&json!({"target": "legs", "task": "multiclass"})).unwrap().task, Task::Multiclass);
    let refused = [
        ("animal", "regression", "\"multiclass\""),
        ("alive", "regression", "\"binary\""),
        ("animal", "binary", "3 classes"),
    ];
    for (target, task, mentions) in refused {
        let result = planned(&json!({"target": target, "task": task}));
        assert_refused(result, SpecErrorKind::TargetUnsuitable, "task", mentions);
    }
    let numbers = (0..60).fold(String::from("x,y\n"), |csv, i| csv + &format!("{i},{i}.25\n"));
    let result = plan(&profiled(&numbers), &spec(&json!({"target": "y", "task": "multiclass"})));
    assert_refused(result, SpecErrorKind::TargetUnsuitable, "task", "60 values");
}

#[test]
fn columns_that_tell_nothing_are_dropped_with_the_reason() {
    let plan = planned(&json!({"target": "weight"})).unwrap();
    let dropped: Vec<(&str, &str)> =
        plan.features.iter().filter(|f| !f.used).map(|f| (f.name.as_str(), f.why.as_str())).collect();
    assert_eq!(
        dropped,
        [
            ("id", "an identifier: 60 distinct strings on 60 rows"),
            ("constant", "it has the same value on every row"),
            ("empty", "it has no values"),
        ]
    );
    assert!(
        plan.notes.iter().any(|note| note == "not learned from: id, constant, empty"),
        "{:?}",
        plan.notes
    );
    assert!(plan.features.iter().all(|feature| feature.name != "weight"));
}

#[test]
fn requests_that_break_a_rule_are_refused() {
    use SpecErrorKind as Kind;
    for (request, kind, field, mentions) in [
        (json!({"target": "animl"}), Kind::TargetMissing, "target", "did you mean 'animal'?"),
        (json!({"target": "zzz"}), Kind::TargetMissing, "target", "'id', 'animal'"),
        (json!({"target": "empty"}), Kind::TargetEmpty, "target", "no values"),
        (json!({"target": "constant"}), Kind::TargetConstant, "target", "same value"),
        (json!({"target": "seen"}), Kind::TargetUnsuitable, "target", "a point in time"),
        (json!({"target": "id"}), Kind::TargetUnsuitable, "target", "60 distinct strings"),
        (
            json!({"target": "weight", "metric": "auc"}),
            Kind::MetricUnsuitable,
            "metric",
            "rmse, mae, r2, mape",
        ),
        (json!({"target": "animal", "metric": "rmse"}), Kind::MetricUnsuitable, "metric", "accuracy"),
        (json!({"target": "weight", "folds": 1}), Kind::OutOfRange, "folds", "2 to 20"),
        (json!({"target": "weight", "folds": 21}), Kind::OutOfRange, "folds", "2 to 20"),
        (
            json!({"target": "animal", "folds": 20, "test_fraction": 0.6}),
            Kind::OutOfRange,
            "test_fraction",
            "0.5",
        ),
        (json!({"target": "weight", "test_fraction": -0.1}), Kind::OutOfRange, "test_fraction", "0.5"),
        (json!({"target": "weight", "max_trials": 0}), Kind::OutOfRange, "max_trials", "1 or more"),
        (json!({"target": "weight", "estimators": []}), Kind::OutOfRange, "estimators", "ridge"),
        (
            json!({"target": "weight", "estimators": ["ridge", "rigde"]}),
            Kind::EstimatorUnknown,
            "estimators[1]",
            "did you mean 'ridge'",
        ),
        (
            json!({"target": "weight", "estimators": ["logistic"]}),
            Kind::EstimatorUnknown,
            "estimators[0]",
            "a regression",
        ),
        (
            json!({"target": "five", "folds": 13}),
            Kind::ClassTooSmall,
            "folds",
            "has 12 rows, which is too few for 13 folds",
        ),
    ] {
        assert_refused(planned(&request), kind, field, mentions);
    }
    assert!(serde_json::from_value::<RunSpec>(json!({"target": "x", "fold": 3})).is_err());
}

fn two_classes(rows: usize, rare: usize) -> Profile {
    let csv = (0..rows).fold(String::from("x,y\n"), |csv, i| {
        csv + &format!("{}.5,{}\n", i * 7 % 41, if i < rare { "a" } else { "b" })
    });
    profiled(&csv)
}

#[test]
fn folds_are_lowered_to_the_rarest_class_unless_they_were_asked_for() {
    let plan_of = |rare, request| plan(&two_classes(40, rare), &spec(&request));
    let lowered = plan_of(3, json!({"target": "y"})).unwrap();
    assert_eq!(lowered.folds, 3);
    assert!(
        lowered.notes.contains(&"3 folds instead of 5: the class 'a' has 3 rows".to_string()),
        "{:?}",
        lowered.notes
    );
    let refused = plan_of(3, json!({"target": "y", "folds": 4}));
    assert_refused(refused, SpecErrorKind::ClassTooSmall, "folds", "the class 'a' has 3 rows");
    assert_refused(
        plan_of(1, json!({"target": "y"})),
        SpecErrorKind::ClassTooSmall,
        "target",
        "the class 'a'",
    );
    assert_eq!(plan_of(5, json!({"target": "y", "folds": 5})).unwrap().folds, 5);
}

#[test]
fn small_tables_are_learned_from_and_tiny_ones_refused() {
    assert!(plan(&two_classes(10, 5), &spec(&json!({"target": "y"}))).is_ok());
    let tiny = plan(&two_classes(9, 4), &spec(&json!({"target": "y"})));
    assert_refused(tiny, SpecErrorKind::TooFewRows, "target", "only 9 rows");
    let numbers = (0..10).fold(String::from("x,y\n"), |csv, i| csv + &format!("{},{i}.5\n", i * i));
    let plan_of = |request| plan(&profiled(&numbers), &spec(&request));
    assert_eq!(plan_of(json!({"target": "y"})).unwrap().folds, 4);
    assert_refused(
        plan_of(json!({"target": "y", "folds": 10})),
        SpecErrorKind::TooFewRows,
        "folds",
        "8 rows outside",
    );
}

#[test]
fn rows_without_a_target_and_infinities_are_noted() {
    let mut csv = String::from("x,y,z\n");
    for i in 0..30 {
        let x = if i < 3 { "inf".to_string() } else { format!("{i}.5") };
        let y = if i == 4 || i == 5 { String::new() } else { format!("{}.25", i * 3) };
        writeln!(csv, "{x},{y},{}", if i == 9 { "-inf".to_string() } else { format!("{i}.125") }).unwrap();
    }
    let profile = profiled(&csv);
    let plan_of = |target| plan(&profile, &spec(&json!({"target": target})));
    let notes = plan_of("y").unwrap().notes;
    assert!(notes.contains(&"2 rows without a value of 'y': left out".to_string()), "{notes:?}");
    assert!(notes.contains(&"'x' has 3 infinite values: treated as missing".to_string()), "{notes:?}");
    assert_refused(plan_of("x"), SpecErrorKind::TargetInfinite, "target", "3 rows");
}

#[test]
fn whole_numbers_with_a_lonely_value_stay_numbers() {
    let csv = (0..100)
        .fold(String::from("x,y\n"), |csv, i| csv + &format!("{i}.5,{}\n", if i == 0 { 9 } else { i % 4 }));
    let profile = profiled(&csv);
    let plan_of = |request| plan(&profile, &spec(&request));
    let numeric = plan_of(json!({"target": "y"})).unwrap();
    assert_eq!(numeric.task, Task::Regression);
    assert!(numeric.notes.iter().any(|note| note.contains("single row")), "{:?}", numeric.notes);
    let asked = plan_of(json!({"target": "y", "task": "multiclass"}));
    assert_refused(asked, SpecErrorKind::ClassTooSmall, "target", "the class '9'");
}

#[test]
fn too_many_classes_and_no_features() {
    let csv = (0..3006).fold(String::from("x,y\n"), |csv, i| csv + &format!("{i}.5,{}\n", i % 1002));
    let classes = plan(&profiled(&csv), &spec(&json!({"target": "y", "task": "multiclass"})));
    assert_refused(classes, SpecErrorKind::TooManyClasses, "target", "1002 classes");
    let csv = (0..20).fold(String::from("x,y\n"), |csv, i| csv + &format!("7,{}.5\n", i * 2));
    let nothing = plan(&profiled(&csv), &spec(&json!({"target": "y"})));
    assert_refused(nothing, SpecErrorKind::NoFeatures, "dataset", "'x' (it has the same value on every row)");
    let csv = (0..20).fold(String::from("y\n"), |csv, i| csv + &format!("{}.5\n", i * 2));
    let alone = plan(&profiled(&csv), &spec(&json!({"target": "y"})));
    assert_refused(alone, SpecErrorKind::NoFeatures, "dataset", "no column beside 'y'");
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.trials.iter().map(|trial| trial.estimator.as_str()).collect()
}

#[test]
fn trials_are_cheap_first_and_cut_to_the_most_promising() {
    let all = planned(&json!({"target": "animal"})).unwrap();
    assert_eq!(names(&all)[0], "dummy");
    assert!(
        names(&all).contains(&"logistic") && names(&all).contains(&"knn") && !names(&all).contains(&"ridge")
    );
    let two = planned(&json!({"target": "animal", "max_trials": 2})).unwrap();
    assert_eq!((names(&two).len(), names(&two)[0]), (2, "dummy"));
    assert_ne!(names(&two)[1], "naive_bayes");
    let one = planned(&json!({"target": "animal", "max_trials": 1})).unwrap();
    assert_eq!(names(&one).len(), 1);
    assert_ne!(names(&one), ["dummy"]);
    let asked = planned(&json!({"target": "animal", "estimators": ["knn", "dummy", "knn"]})).unwrap();
    assert_eq!(names(&asked), ["dummy", "knn"]);
}

#[test]
fn every_default_trial_has_sound_parameters() {
    for target in ["animal", "alive", "weight"] {
        for rows in [100, 50_000, 400_000] {
            let profile = Profile { rows, ..table() };
            let plan = plan(&profile, &spec(&json!({"target": target}))).unwrap();
            assert_eq!(names(&plan).contains(&"knn"), rows <= 50_000);
            assert_eq!(plan.notes.iter().any(|note| note.starts_with("knn is left out")), rows > 50_000);
            for trial in plan.trials {
                let estimator = crate::estimators::find(&trial.estimator).unwrap();
                crate::estimators::Params::check(estimator.parameters(), &trial.params).unwrap();
            }
        }
    }
}

#[test]
fn it_goes_through_json() {
    let plan = planned(&json!({"target": "animal"})).unwrap();
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}

#[test]
fn a_plan_from_before_there_were_repeats_still_parses() {
    let plan = planned(&json!({"target": "animal", "folds": 5})).unwrap();
    let mut json = serde_json::to_value(&plan).unwrap();
    let fields = json.as_object_mut().unwrap();
    assert!(fields.remove("repeats").is_some());
    for absent in ["group", "time", "weight", "preprocessing", "sample"] {
        assert!(!fields.contains_key(absent), "{absent}");
    }
    assert_eq!(serde_json::from_value::<Plan>(json).unwrap(), plan);
    assert_eq!(plan.fits(), 5);
}

#[test]
fn few_rows_are_dealt_thrice_unless_folds_are_asked_for() {
    let plan = planned(&json!({"target": "animal"})).unwrap();
    assert_eq!((plan.folds, plan.repeats, plan.fits()), (5, 3, 15));
    assert!(
        plan.notes.iter().any(|note| note.starts_with("the folds are dealt 3 times")),
        "{:?}",
        plan.notes
    );
    assert_eq!(planned(&json!({"target": "animal", "folds": 5})).unwrap().repeats, 1);
    assert_eq!(planned(&json!({"target": "animal", "repeats": 1})).unwrap().repeats, 1);
    let large = Profile { rows: 5000, ..table() };
    assert_eq!(super::plan(&large, &spec(&json!({"target": "animal"}))).unwrap().repeats, 1);
    let timed = planned(&json!({"target": "weight", "time": "seen"})).unwrap();
    assert_eq!(timed.repeats, 1);
}

#[test]
fn columns_with_a_part_are_no_features() {
    let plan = planned(&json!({"target": "weight", "group": "id", "weight": "age"})).unwrap();
    let why = |name: &str| {
        let feature = plan.features.iter().find(|feature| feature.name == name).unwrap();
        (feature.used, feature.why.as_str())
    };
    assert_eq!(why("id"), (false, "it says which rows belong together"));
    assert_eq!(why("age"), (false, "it says how much each row counts"));
    assert_eq!((plan.group.as_deref(), plan.weight.as_deref()), (Some("id"), Some("age")));
}

#[test]
fn parts_that_cannot_be_played_are_refused() {
    use SpecErrorKind as Kind;
    for (request, kind, field, mentions) in [
        (
            json!({"target": "weight", "group": "anmal"}),
            Kind::ColumnMissing,
            "group",
            "did you mean 'animal'",
        ),
        (json!({"target": "weight", "time": "saen"}), Kind::ColumnMissing, "time", "did you mean 'seen'"),
        (
            json!({"target": "age", "group": "weight"}),
            Kind::GroupUnsuitable,
            "group",
            "'id', 'animal', 'alive'",
        ),
        (
            json!({"target": "weight", "time": "animal"}),
            Kind::TimeUnsuitable,
            "time",
            "'legs', 'age', 'seen'",
        ),
        (json!({"target": "weight", "weight": "animal"}), Kind::WeightUnsuitable, "weight", "'legs', 'age'"),
        (json!({"target": "weight", "weight": "empty"}), Kind::WeightUnsuitable, "weight", ""),
        (json!({"target": "weight", "time": "weight"}), Kind::TimeUnsuitable, "time", "is the target"),
        (
            json!({"target": "weight", "time": "age", "weight": "age"}),
            Kind::Contradiction,
            "weight",
            "already 'time'",
        ),
        (
            json!({"target": "weight", "time": "seen", "group": "animal"}),
            Kind::Contradiction,
            "group",
            "by time",
        ),
        (
            json!({"target": "weight", "time": "seen", "repeats": 2}),
            Kind::Contradiction,
            "repeats",
            "one order",
        ),
        (json!({"target": "weight", "repeats": 11}), Kind::OutOfRange, "repeats", "1 to 10"),
        (
            json!({"target": "weight", "group": "alive"}),
            Kind::TooFewRows,
            "group",
            "2 groups, and at least 3",
        ),
        (json!({"target": "weight", "group": "five", "folds": 5}), Kind::TooFewRows, "folds", "5 groups"),
        (
            json!({"target": "weight", "preprocessing": {"select": 0}}),
            Kind::OutOfRange,
            "preprocessing.select",
            "1 or more",
        ),
        (
            json!({"target": "weight", "preprocessing": {"balance": "weights"}}),
            Kind::Contradiction,
            "preprocessing.balance",
            "no classes",
        ),
    ] {
        assert_refused(planned(&request), kind, field, mentions);
    }
    let lowered = planned(&json!({"target": "weight", "group": "five"})).unwrap();
    assert_eq!(lowered.folds, 4);
    assert!(lowered.notes.contains(&"4 folds instead of 5: 'five' has 5 groups".to_string()));
}

#[test]
fn of_a_long_table_a_sample_is_learned_from() {
    let long = Profile { rows: 3_000_000, ..table() };
    let plan = plan(&long, &spec(&json!({"target": "weight"}))).unwrap();
    assert_eq!(plan.sample, Some(MOST_ROWS));
    let said = "1000000 of 3000000 rows, drawn at random";
    assert!(plan.notes.iter().any(|note| note.starts_with(said)), "{:?}", plan.notes);
}

#[test]
fn the_paired_test_knows_how_many_rows_folds_share() {
    let plan = planned(&json!({"target": "weight", "folds": 5})).unwrap();
    assert!((plan.test_to_training() - 0.25).abs() < 1e-12);
    let timed = Plan { time: Some("seen".into()), folds: 2, ..plan };
    assert!((timed.test_to_training() - 0.75).abs() < 1e-12);
}

#[test]
fn costs_are_given_by_mistake_or_by_class() {
    let costs = |asked: serde_json::Value| {
        let plan = planned(&asked).unwrap();
        (serde_json::to_value(plan.costs.unwrap()).unwrap(), plan.metrics, plan.notes.join("\n"))
    };
    let (matrix, metrics, notes) = costs(json!({"target": "alive", "costs": {"false_negative": 4}}));
    assert_eq!(matrix, json!([[0.0, 1.0], [4.0, 0.0]]));
    assert!(metrics.contains(&Metric::Cost));
    assert!(notes.contains("'true' is answered from a probability of 0.200 on"), "{notes}");
    assert!(notes.contains("ranked by auc"), "{notes}");
    let (matrix, _, notes) =
        costs(json!({"target": "alive", "metric": "cost", "costs": {"true": {"false": 2.5, "true": 0.5}}}));
    assert_eq!(matrix, json!([[0.0, 1.0], [2.5, 0.5]]));
    assert!(!notes.contains("ranked by"), "{notes}");
    let (matrix, _, notes) =
        costs(json!({"target": "animal", "costs": {"hen": {"cat": 9}}, "threshold": "argmax"}));
    assert_eq!(matrix, json!([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [9.0, 1.0, 0.0]]));
    assert!(!notes.contains("least"), "{notes}");
    let plan =
        planned(&json!({"target": "alive", "costs": {"false_positive": 3}, "metric": "cost"})).unwrap();
    let stored: Plan = serde_json::from_value(serde_json::to_value(&plan).unwrap()).unwrap();
    assert_eq!(stored, plan);
}

#[test]
fn costs_that_make_no_sense_are_refused() {
    use SpecErrorKind::{Contradiction, MetricUnsuitable, OutOfRange};
    let alive = |costs: serde_json::Value| planned(&json!({"target": "alive", "costs": costs}));
    let animal = |costs: serde_json::Value| planned(&json!({"target": "animal", "costs": costs}));
    let weight = |more: serde_json::Value| {
        let mut asked = json!({"target": "weight"});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        planned(&asked)
    };
    assert_refused(weight(json!({"costs": {"false_positive": 2}})), Contradiction, "costs", "regression");
    assert_refused(weight(json!({"metric": "cost"})), MetricUnsuitable, "metric", "a regression");
    assert_refused(planned(&json!({"target": "alive", "metric": "cost"})), Contradiction, "metric", "costs");
    assert_refused(alive(json!({})), OutOfRange, "costs", "no costs");
    assert_refused(alive(json!({"false_positiv": 1})), OutOfRange, "costs.false_positiv", "false_positive");
    assert_refused(alive(json!({"false_positive": -1})), OutOfRange, "costs.false_positive", "-1");
    assert_refused(alive(json!({"false_positive": 2e9})), OutOfRange, "costs.false_positive", "1000000000");
    assert_refused(alive(json!({"false_positive": 0})), Contradiction, "costs", "'false'");
    assert_refused(alive(json!({"true": {"true": 3}})), Contradiction, "costs.true.false", "less than");
    let both = json!({"false_positive": 1, "true": {"false": 2}});
    assert_refused(alive(both), Contradiction, "costs", "one of the two ways");
    assert_refused(animal(json!({"false_negative": 2})), Contradiction, "costs.false_negative", "has 3");
    assert_refused(animal(json!({"hen": {"cta": 2}})), OutOfRange, "costs.hen.cta", "'cat'");
    assert_refused(animal(json!({"zebu": {"cat": 2}})), OutOfRange, "costs.zebu", "'hen'");
    let free = json!({"hen": {"cat": 0, "dog": 0}});
    assert_refused(animal(free), Contradiction, "costs", "'hen'");
    let wrong = serde_json::from_value::<RunSpec>(json!({"target": "alive", "costs": {"true": "dear"}}));
    assert!(wrong.unwrap_err().to_string().contains("a cost is a number"));
}

#[test]
fn a_threshold_is_tuned_only_where_it_matters() {
    use SpecErrorKind::Contradiction;
    let tuned = |target: &str, metric: &str| {
        planned(&json!({"target": target, "metric": metric, "threshold": "tuned"}))
    };
    assert_eq!(tuned("alive", "f1").unwrap().threshold, Some(Threshold::Tuned));
    assert_refused(tuned("alive", "auc"), Contradiction, "threshold", "balanced_accuracy");
    assert_refused(tuned("alive", "recall"), Contradiction, "threshold", "'recall'");
    assert_refused(tuned("animal", "f1"), Contradiction, "threshold", "more");
    assert_refused(tuned("weight", "mae"), Contradiction, "threshold", "a regression");
    let argmax = planned(&json!({"target": "weight", "threshold": "argmax"}));
    assert_refused(argmax, Contradiction, "threshold", "a regression");
    let costs =
        json!({"target": "alive", "metric": "cost", "threshold": "tuned", "costs": {"false_negative": 9}});
    assert!(planned(&costs).is_ok());
}
