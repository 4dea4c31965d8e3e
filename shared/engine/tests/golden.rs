//! Artifacts written by earlier versions still load, and predict what they predicted.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use fettle_engine::table::{ReadLimits, decode_rows, profile, read};
use fettle_engine::{Combined, Model, RunSpec, Trainer, TrialSpec, plan};
use serde_json::{Map, Value, json};

/// Version 1 of the format: a model of every estimator and task, the rows that they were asked, and
/// what they answered.
const V1: &str = "tests/golden/v1";
/// Version 2: the same table and rows, with preprocessing that version 1 did not know.
const V2: &str = "tests/golden/v2";

fn folder(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(version)
}

fn json_of(version: &str, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder(version).join(name)).unwrap()).unwrap()
}

fn rows() -> Vec<Map<String, Value>> {
    serde_json::from_value(json_of(V1, "rows.json")).unwrap()
}

fn answers(model: &Model) -> Vec<Map<String, Value>> {
    let rows: Vec<Map<String, Value>> = rows()
        .into_iter()
        .map(|row| {
            row.into_iter().filter(|(name, _)| model.fields().iter().any(|f| f.name == *name)).collect()
        })
        .collect();
    let predictions = model.predict(&decode_rows(model.fields(), &rows).unwrap()).unwrap();
    (0..predictions.len()).map(|row| predictions.to_json(row)).collect()
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

fn assert_answers(version: &str, fewest: usize) {
    let expected = json_of(version, "answers.json");
    let expected = expected.as_object().unwrap();
    assert!(expected.len() >= fewest);
    for (name, expected) in expected {
        let file = folder(version).join(name).with_extension("fettle");
        let model = Model::load(&fs::read(file).unwrap()).unwrap();
        assert!(name.starts_with(model.estimator()), "{name}");
        let answers = Value::Array(answers(&model).into_iter().map(Value::Object).collect());
        for (row, (answer, expected)) in
            answers.as_array().unwrap().iter().zip(expected.as_array().unwrap()).enumerate()
        {
            assert_alike(answer, expected, &format!("{name}[{row}]"));
        }
        assert!(model.training_profile().unwrap().rows > 50);
        assert!(model.preprocessing().len() >= model.fields().len(), "{name}");
    }
}

#[test]
fn version_1_still_loads_and_predicts_the_same() {
    assert_answers(V1, 23);
}

#[test]
fn version_2_loads_and_predicts_the_same() {
    assert_answers(V2, 55);
}

/// A model of each way to combine trials.
fn combined(trainer: &Trainer) -> Vec<(&'static str, Vec<u8>)> {
    let members: Vec<Combined> = trainer.plan().trials[1..4]
        .iter()
        .map(|trial| {
            let folds = (0..trainer.plan().fits()).map(|fold| trainer.fold(trial, fold).unwrap().predictions);
            let finished = trainer.finish(trial).unwrap();
            Combined { folds: folds.collect(), holdout: finished.predictions, artifact: finished.artifact }
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
    fs::create_dir_all(folder(V2)).unwrap();
    let mut answered = Map::new();
    for (target, task) in [("tame", "binary"), ("species", "multiclass"), ("price", "regression")] {
        let steps = json!({"outliers": "clip", "interactions": true});
        let spec = json!({"target": target, "task": task, "preprocessing": steps});
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
            let artifact = trainer.finish(&trial).unwrap().artifact;
            let name = format!("{}-{task}", trial.estimator);
            fs::write(folder(V2).join(&name).with_extension("fettle"), &artifact).unwrap();
            let answers = answers(&Model::load(&artifact).unwrap());
            answered.insert(name, Value::Array(answers.into_iter().map(Value::Object).collect()));
        }
        for (name, artifact) in combined(&Trainer::new(table.clone(), plan.clone()).unwrap()) {
            let name = format!("{name}-{task}");
            fs::write(folder(V2).join(&name).with_extension("fettle"), &artifact).unwrap();
            let answers = answers(&Model::load(&artifact).unwrap());
            answered.insert(name, Value::Array(answers.into_iter().map(Value::Object).collect()));
        }
    }
    fs::write(folder(V2).join("answers.json"), serde_json::to_string_pretty(&answered).unwrap() + "\n")
        .unwrap();
}
