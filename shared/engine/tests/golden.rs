//! Artifacts written by earlier versions still load, and predict what they predicted.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use fettle_engine::artifact::Intervals;
use fettle_engine::table::{ReadLimits, Table, decode_rows, profile, read};
use fettle_engine::{Combined, Model, Predicted, RunSpec, Trainer, TrialSpec, plan};
use serde_json::{Map, Value, json};

/// Version 1 of the format: a model of every estimator and task, the rows that they were asked, and
/// what they answered.
const V1: &str = "tests/golden/v1";
/// Version 2: the same table and rows, with preprocessing that version 1 did not know.
const V2: &str = "tests/golden/v2";
/// Version 3: the same again, with costs of mistakes, intervals and explanations.
const V3: &str = "tests/golden/v3";

fn folder(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(version)
}

fn json_of(version: &str, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder(version).join(name)).unwrap()).unwrap()
}

fn rows() -> Vec<Map<String, Value>> {
    serde_json::from_value(json_of(V1, "rows.json")).unwrap()
}

/// The rows as a model takes them.
fn asked(model: &Model) -> Table {
    let rows: Vec<Map<String, Value>> = rows()
        .into_iter()
        .map(|row| {
            row.into_iter().filter(|(name, _)| model.fields().iter().any(|f| f.name == *name)).collect()
        })
        .collect();
    decode_rows(model.fields(), &rows).unwrap()
}

fn answers(model: &Model) -> Vec<Map<String, Value>> {
    let predictions = model.predict(&asked(model)).unwrap();
    (0..predictions.len()).map(|row| predictions.to_json(row)).collect()
}

/// Answers with all that version 3 says beside them.
fn answers_with_more(model: &Model) -> Vec<Map<String, Value>> {
    let table = asked(model);
    let predictions = model.predict(&table).unwrap();
    let contributions = model.explain(&table).ok();
    let intervals = model.intervals(&predictions, 0.8).unwrap();
    let mut answers = answers(model);
    for (row, answer) in answers.iter_mut().enumerate() {
        let interval = match &intervals {
            Intervals::Numbers(intervals) => json!(intervals[row]),
            Intervals::Sets(sets) => json!(sets[row]),
        };
        answer.insert("interval".into(), interval);
        if let Some(contributions) = &contributions {
            let of =
                |output| json!({"base": contributions.base(output), "of": contributions.of(row, output)});
            answer.insert("contributions".into(), (0..contributions.outputs()).map(of).collect());
        }
    }
    answers
}

/// Equal but for the last digits, which differ between processors.
fn assert_alike(got: &Value, expected: &Value, place: &str) {
    match (got, expected) {
        (Value::Object(got), Value::Object(expected)) => {
            assert_eq!(got.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{place}");
            for (key, expected) in expected {
                assert_alike(&got[key], expected, &format!("{place}.{key}"));
            }
        }
        (Value::Array(got), Value::Array(expected)) => {
            assert_eq!(got.len(), expected.len(), "{place}");
            for (at, (got, expected)) in got.iter().zip(expected).enumerate() {
                assert_alike(got, expected, &format!("{place}[{at}]"));
            }
        }
        (Value::Number(got), Value::Number(expected)) => {
            let (got, expected) = (got.as_f64().unwrap(), expected.as_f64().unwrap());
            assert!(
                (got - expected).abs() <= 1e-6 * expected.abs().max(1.0),
                "{place}: {got}, not {expected}"
            );
        }
        _ => assert_eq!(got, expected, "{place}"),
    }
}

fn assert_answers(version: &str, fewest: usize, answers: fn(&Model) -> Vec<Map<String, Value>>) {
    let expected = json_of(version, "answers.json");
    let expected = expected.as_object().unwrap();
    assert!(expected.len() >= fewest);
    for (name, expected) in expected {
        let file = folder(version).join(name).with_extension("fettle");
        let model = Model::load(&fs::read(file).unwrap()).unwrap();
        assert!(name.starts_with(model.estimator()), "{name}");
        let answers = Value::Array(answers(&model).into_iter().map(Value::Object).collect());
        assert_alike(&answers, expected, name);
        assert!(model.training_profile().unwrap().rows > 50);
        assert!(model.preprocessing().len() >= model.fields().len(), "{name}");
    }
}

#[test]
fn version_1_still_loads_and_predicts_the_same() {
    assert_answers(V1, 23, answers);
}

#[test]
fn version_2_still_loads_and_predicts_the_same() {
    assert_answers(V2, 55, answers);
}

#[test]
fn version_3_loads_predicts_and_explains_the_same() {
    assert_answers(V3, 55, answers_with_more);
}

fn folds(trainer: &Trainer, trial: &TrialSpec) -> Vec<Predicted> {
    (0..trainer.plan().fits()).map(|fold| trainer.fold(trial, fold).unwrap().predictions).collect()
}

/// A model of each way to combine trials.
fn combined(trainer: &Trainer) -> Vec<(&'static str, Vec<u8>)> {
    let members: Vec<Combined> = trainer.plan().trials[1..4]
        .iter()
        .map(|trial| {
            let folds = folds(trainer, trial);
            let finished = trainer.finish(trial, &folds).unwrap();
            Combined { folds, holdout: finished.predictions, artifact: finished.artifact }
        })
        .collect();
    let mut made = Vec::new();
    for (name, members) in [
        ("blend", &members[..]),
        ("stack", &members[..]),
        ("calibrated_sigmoid", &members[..1]),
        ("calibrated_isotonic", &members[..1]),
    ] {
        if let Ok((_, finished)) = trainer.combine(&TrialSpec::new(name, Map::new()), members) {
            made.push((name, finished.artifact));
        }
    }
    made
}

/// How the files were made. Once a version is released it is not to be run again for that version: old
/// files are what is tested.
#[test]
#[ignore = "writes the golden files"]
fn write() {
    let table = read(&fs::read(folder(V1).join("training.csv")).unwrap(), &ReadLimits::default()).unwrap();
    fs::create_dir_all(folder(V3)).unwrap();
    let mut answered = Map::new();
    for (target, task) in [("tame", "binary"), ("species", "multiclass"), ("price", "regression")] {
        let steps = json!({"outliers": "clip", "interactions": true});
        let mut spec = json!({"target": target, "task": task, "preprocessing": steps});
        if task == "binary" {
            spec["costs"] = json!({"false_negative": 3});
        }
        let spec: RunSpec = serde_json::from_value(spec).unwrap();
        let plan = plan(&profile(&table), &spec).unwrap();
        let mut seen = Vec::new();
        for trial in plan.trials.clone() {
            if seen.contains(&trial.estimator) {
                continue;
            }
            seen.push(trial.estimator.clone());
            let small = match trial.estimator.as_str() {
                "gradient_boosting" | "random_forest" | "extra_trees" | "adaboost" => {
                    json!({"trees": 3, "max_depth": 3})
                }
                "decision_tree" => json!({"max_depth": 3}),
                "explainable_boosting" => json!({"rounds": 5}),
                "mlp" => json!({"width": 4}),
                _ => json!({}),
            };
            let params = small.as_object().unwrap().clone();
            let trial = TrialSpec::new(&trial.estimator, params);
            let trainer = Trainer::new(table.clone(), plan.clone()).unwrap();
            let artifact = trainer.finish(&trial, &folds(&trainer, &trial)).unwrap().artifact;
            let name = format!("{}-{task}", trial.estimator);
            fs::write(folder(V3).join(&name).with_extension("fettle"), &artifact).unwrap();
            let answers = answers_with_more(&Model::load(&artifact).unwrap());
            answered.insert(name, Value::Array(answers.into_iter().map(Value::Object).collect()));
        }
        for (name, artifact) in combined(&Trainer::new(table.clone(), plan.clone()).unwrap()) {
            let name = format!("{name}-{task}");
            fs::write(folder(V3).join(&name).with_extension("fettle"), &artifact).unwrap();
            let answers = answers_with_more(&Model::load(&artifact).unwrap());
            answered.insert(name, Value::Array(answers.into_iter().map(Value::Object).collect()));
        }
    }
    fs::write(folder(V3).join("answers.json"), serde_json::to_string_pretty(&answered).unwrap() + "\n")
        .unwrap();
}
