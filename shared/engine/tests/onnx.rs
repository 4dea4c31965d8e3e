//! Models of other programs beside onnxruntime: the files, and what it answered, are of
//! `scripts/reference/onnx_models.py`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fettle_engine::onnx::{OnnxError, export, import};
use fettle_engine::table::{Field, Kind, ReadLimits, Table, decode_rows, profile, read};
use fettle_engine::{Combined, Model, Predictions, RunSpec, Trainer, TrialSpec, plan};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// What onnxruntime and we may differ by: it rounds each step to `f32`.
const NEAR: f64 = 1e-5;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    rows: Vec<Map<String, Value>>,
    answers: Vec<Answer>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    number: Option<f64>,
    label: Option<Value>,
    probabilities: Option<Vec<f64>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx")
}

fn cases() -> BTreeMap<String, Case> {
    serde_json::from_slice(&fs::read(folder().join("answers.json")).unwrap()).unwrap()
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(folder().join(name).with_extension("onnx")).unwrap()
}

fn model(name: &str) -> Model {
    Model::load(&import(&bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))).unwrap()
}

/// What is wrong with the answers to one case, if anything.
fn compare(name: &str, case: &Case) -> Result<(), String> {
    let artifact = import(&bytes(name)).map_err(|error| error.to_string())?;
    let model = Model::load(&artifact).map_err(|error| error.to_string())?;
    let table = decode_rows(model.fields(), &case.rows).map_err(|error| error.to_string())?;
    let got = model.predict(&table).map_err(|error| error.to_string())?;
    for (row, expected) in case.answers.iter().enumerate() {
        let near = |got: f64, expected: f64| (got - expected).abs() <= NEAR * expected.abs().max(1.0);
        let wrong = |what: String| Err(format!("row {row}: {what}, not {expected:?}"));
        match &got {
            Predictions::Numbers(numbers) => {
                if !near(numbers[row], expected.number.ok_or("it answers a number")?) {
                    return wrong(format!("{}", numbers[row]));
                }
            }
            Predictions::Classes { probabilities, .. } => {
                let label = got.value(row);
                if expected.label.as_ref().is_some_and(|expected| *expected != label) {
                    return wrong(format!("{label}"));
                }
                let classes = model.classes().len();
                let own = &probabilities[row * classes..(row + 1) * classes];
                let expected = expected.probabilities.as_deref();
                if expected.is_some_and(|expected| {
                    expected.len() != classes || own.iter().zip(expected).any(|(a, b)| !near(*a, *b))
                }) {
                    return wrong(format!("{own:?}"));
                }
                // What has no probabilities is as sure as can be.
                if expected.is_none() && own.iter().any(|p| *p > 0.0 && *p < 1.0) {
                    return wrong(format!("{own:?}"));
                }
            }
        }
    }
    Ok(())
}

#[test]
fn every_model_answers_as_onnxruntime_does() {
    let cases = cases();
    assert!(cases.len() >= 30, "{}", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(name, case)| Some(format!("{name}: {}", compare(name, case).err()?)))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn a_model_says_what_it_asks_for() {
    let columns = model("columns");
    let fields: Vec<(&str, Kind)> = columns.fields().iter().map(|f| (f.name.as_str(), f.kind)).collect();
    let expected = [
        ("age", Kind::Number),
        ("pay", Kind::Number),
        ("town", Kind::Category),
        ("sex", Kind::Category),
        ("children", Kind::Integer),
    ];
    assert_eq!(fields, expected);
    assert_eq!(
        (columns.classes(), columns.target_kind()),
        (&["no".into(), "yes".into()][..], Kind::Category)
    );
    let forest = model("forest");
    assert_eq!(forest.fields()[3].name, "f3");
    assert_eq!(forest.classes(), ["setosa", "versicolor", "virginica"]);
    assert_eq!(
        (forest.estimator(), forest.params()["producer"].as_str().unwrap().split(' ').next()),
        ("onnx", Some("skl2onnx"))
    );
    assert!(forest.training_profile().unwrap().columns.is_empty());
    assert!(forest.preprocessing().iter().all(|decision| decision.became == [decision.column.clone()]));
    let named = model("torch");
    assert_eq!((named.fields()[0].name.as_str(), named.classes().len()), ("sepal length (cm)", 3));
    assert_eq!(model("boosting").target_kind(), Kind::Integer);
}

#[test]
fn rows_are_answered_alike_alone_and_among_many() {
    let cases = cases();
    for name in ["forest", "svc", "columns", "odd", "lightgbm"] {
        let (model, case) = (model(name), &cases[name]);
        let many: Vec<Map<String, Value>> = case.rows.iter().cycle().take(600).cloned().collect();
        let of =
            |rows: &[Map<String, Value>]| model.predict(&decode_rows(model.fields(), rows).unwrap()).unwrap();
        let all = of(&many);
        for (row, one) in case.rows.iter().enumerate() {
            let alone = of(std::slice::from_ref(one)).to_json(0);
            assert_eq!(alone, all.to_json(row), "{name}");
            assert_eq!(alone, all.to_json(588 / case.rows.len() * case.rows.len() + row), "{name}");
        }
        assert_eq!(of(&[]).len(), 0, "{name}");
    }
}

/// Models of ours, of every estimator and way to combine them, out and in again.
#[test]
fn what_goes_out_comes_back_the_same() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1");
    let rows: Vec<Map<String, Value>> =
        serde_json::from_slice(&fs::read(golden.join("rows.json")).unwrap()).unwrap();
    let mut table = read(&fs::read(golden.join("training.csv")).unwrap(), &ReadLimits::default()).unwrap();
    // Neither dates nor words are in ONNX.
    table.columns.retain(|column| !["seen", "note"].contains(&column.name.as_str()));
    let (mut wrong, mut same, mut refused) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (target, task) in [("tame", "binary"), ("species", "multiclass"), ("price", "regression")] {
        for (name, artifact) in trained(&table, target, task) {
            let ours = Model::load(&artifact).unwrap();
            let bytes = match export(&ours) {
                Ok(bytes) => bytes,
                Err(OnnxError::Part { part, .. }) => {
                    refused.insert(part);
                    continue;
                }
                Err(error) => panic!("{name}: {error}"),
            };
            let artifact = import(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            let back = Model::load(&artifact).unwrap();
            assert_eq!((back.task(), back.classes()), (ours.task(), ours.classes()), "{name}");
            let (expected, got) = (answers(&ours, &rows), answers(&back, &rows));
            let far = |(a, b): (&f64, &f64)| (a - b).abs() > NEAR * a.abs().max(1.0);
            if let Some(at) = expected.iter().zip(&got).position(far) {
                wrong.push(format!("{name}, number {at}: {}, not {}", got[at], expected[at]));
            }
            same.insert(name);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(same.len() >= 24, "{same:?}");
    assert_eq!(refused.into_iter().collect::<Vec<_>>(), ["adaboost", "calibrated_isotonic", "knn"]);
}

/// A small model of each estimator that learns the target, and of each way to combine some.
fn trained(table: &Table, target: &str, task: &str) -> Vec<(String, Vec<u8>)> {
    let steps = json!({"outliers": "clip", "interactions": true});
    let spec = json!({"target": target, "task": task, "preprocessing": steps});
    let spec: RunSpec = serde_json::from_value(spec).unwrap();
    let plan = plan(&profile(table), &spec).unwrap();
    let trainer = Trainer::new(table.clone(), plan.clone()).unwrap();
    let mut made: Vec<(String, Vec<u8>)> = Vec::new();
    for trial in &plan.trials {
        if made.iter().any(|(name, _)| *name == trial.estimator) {
            continue;
        }
        let small = match trial.estimator.as_str() {
            "gradient_boosting" | "random_forest" | "extra_trees" | "adaboost" => json!({"trees": 5}),
            "explainable_boosting" => json!({"rounds": 5}),
            "mlp" => json!({"width": 4}),
            _ => json!({}),
        };
        let trial = TrialSpec::new(&trial.estimator, small.as_object().unwrap().clone());
        made.push((trial.estimator.clone(), trainer.finish(&trial, &[]).unwrap().artifact));
    }
    let members: Vec<Combined> = ["decision_tree", "dummy"]
        .iter()
        .map(|name| {
            let trial = TrialSpec::new(name, Map::new());
            let folds = (0..plan.fits()).map(|fold| trainer.fold(&trial, fold).unwrap().predictions);
            let finished = trainer.finish(&trial, &[]).unwrap();
            Combined { folds: folds.collect(), holdout: finished.predictions, artifact: finished.artifact }
        })
        .collect();
    for (name, count) in [("blend", 2), ("stack", 2), ("calibrated_sigmoid", 1), ("calibrated_isotonic", 1)] {
        if let Ok((_, finished)) = trainer.combine(&TrialSpec::new(name, Map::new()), &members[..count]) {
            made.push((name.into(), finished.artifact));
        }
    }
    made
}

/// All numbers that a model answers.
fn answers(model: &Model, rows: &[Map<String, Value>]) -> Vec<f64> {
    let asked: Vec<Map<String, Value>> = rows.iter().map(|row| asked(model, row)).collect();
    match model.predict(&decode_rows(model.fields(), &asked).unwrap()).unwrap() {
        Predictions::Numbers(numbers) => numbers,
        Predictions::Classes { probabilities, .. } => probabilities,
    }
}

/// What of a row a model asks for, and as it does: a boolean may have become a number.
fn asked(model: &Model, row: &Map<String, Value>) -> Map<String, Value> {
    let value = |field: &Field| match &row[&field.name] {
        Value::Bool(flag) if field.kind == Kind::Number => Value::from(u8::from(*flag)),
        value => value.clone(),
    };
    model.fields().iter().map(|field| (field.name.clone(), value(field))).collect()
}

#[test]
fn what_is_no_model_is_told_so() {
    for bytes in [&b""[..], b"not a model", b"\x08\x09", &[0xff; 100]] {
        assert!(matches!(import(bytes), Err(OnnxError::NotOnnx(_))), "{bytes:?}");
    }
    let whole = bytes("forest");
    for length in [1, 10, 100, whole.len() / 2, whole.len() - 1] {
        assert!(import(&whole[..length]).is_err(), "{length}");
    }
    assert!(matches!(import(&vec![0; (128 << 20) + 1]), Err(OnnxError::TooLarge { .. })));
    // A million parts of two bytes each.
    let parts = [0x0a, 0x00].repeat(1 << 21);
    let mut many = vec![0x3a];
    let mut length = parts.len();
    while length >= 0x80 {
        many.push(length as u8 | 0x80);
        length >>= 7;
    }
    many.push(length as u8);
    many.extend(parts);
    assert!(matches!(import(&many), Err(OnnxError::Unsuitable(_))));
}

#[test]
fn an_operator_that_is_not_known_is_named() {
    let mut other = bytes("ridge");
    let at = other.windows(15).rposition(|part| part == b"LinearRegressor").unwrap();
    other[at..at + 15].copy_from_slice(b"LinearRegrettor");
    let error = import(&other).unwrap_err();
    let OnnxError::Operator { name, domain, version, .. } = &error else { panic!("{error}") };
    assert_eq!((name.as_str(), domain.as_str(), *version), ("LinearRegrettor", "ai.onnx.ml", 1));
    assert!(error.to_string().contains("LinearRegrettor (ai.onnx.ml"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Bytes changed, left out or doubled, somewhere in a file: an error, or a model that predicts.
    #[test]
    fn no_file_makes_it_panic(
        which in 0usize..8,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..6),
    ) {
        let names = ["forest", "columns", "svc", "odd", "torch", "knn_cdist", "naive_bayes", "lightgbm"];
        let mut bytes = bytes(names[which]);
        for (at, byte, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                2 => { bytes.remove(at); }
                _ => bytes.insert(at, byte),
            }
        }
        if let Ok(artifact) = import(&bytes) {
            let model = Model::load(&artifact).unwrap();
            let rows: Vec<Map<String, Value>> = [Value::Null, Value::from(1), Value::from(-70_000)]
                .iter()
                .map(|number| {
                    let value = |kind| match kind {
                        Kind::Category => Value::from("m"),
                        Kind::Boolean => Value::from(true),
                        _ => number.clone(),
                    };
                    model.fields().iter().map(|field| (field.name.clone(), value(field.kind))).collect()
                })
                .collect();
            prop_assert_eq!(model.predict(&decode_rows(model.fields(), &rows).unwrap()).unwrap().len(), 3);
        }
    }
}
