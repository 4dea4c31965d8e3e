//! Trains every estimator on a small table and writes each model as ONNX, with rows and what we predict for
//! them, for `scripts/reference/onnx_export.py`.
//!
//!     onnx_export FOLDER
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for a test")]

use std::fmt::Write;
use std::fs;
use std::path::Path;

use fettle_engine::table::{ReadLimits, decode_rows, profile, read};
use fettle_engine::{Combined, Model, RunSpec, Trainer, TrialSpec, onnx, plan};
use serde_json::{Map, Value, json};

/// A table with what preprocessing has to do with: missing values, a skewed number, outliers, few and many
/// levels, two columns that are alike. All numbers are `f32`.
fn table() -> String {
    let mut text = String::from("size,weight,pay,tame,colour,street,same,price,kind,code\n");
    let mut state = 7u64;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for row in 0..400u64 {
        let (size, weight) = (next(2000) as f64 / 16.0 - 40.0, next(512) as f64 / 32.0);
        let pay = f64::from(2.0f32.powi((next(60) as i32) / 4)) + next(8) as f64;
        let colour = ["red", "green", "blue", "", "grey"][next(5) as usize];
        let street = next(90);
        let price = size * 3.0 - weight * weight + (street % 7) as f64 * 20.0 + pay.ln() * 8.0;
        let kind = if price > 60.0 {
            "dear"
        } else if colour == "red" {
            "plain"
        } else {
            "cheap"
        };
        let missing = |cell: f64, odds: u64, drawn: u64| {
            if drawn.is_multiple_of(odds) { String::new() } else { cell.to_string() }
        };
        let (size_cell, pay_cell) = (missing(size, 9, next(1000)), missing(pay, 13, next(1000)));
        let weight_cell = if row % 97 == 5 { 4096.0 } else { weight };
        let tame = next(10) < 4;
        let code = u64::from(price > 30.0) + u64::from(weight > 8.0) * 2;
        writeln!(text, "{size_cell},{weight_cell},{pay_cell},{tame},{colour},street {street},{weight_cell},{price},{kind},{code}").unwrap();
    }
    text
}

fn main() {
    let folder = std::env::args().nth(1).expect("onnx_export FOLDER");
    let table = read(table().as_bytes(), &ReadLimits::default()).unwrap();
    let rows: Vec<Map<String, Value>> = rows();
    for (target, task, leave) in [
        ("kind", "multiclass", vec!["price", "code"]),
        ("code", "multiclass", vec!["price", "kind"]),
        ("tame", "binary", vec![]),
        ("price", "regression", vec!["kind", "code"]),
    ] {
        for (steps, name) in
            [(json!({}), "plain"), (json!({"outliers": "clip", "interactions": true}), "steps")]
        {
            let mut table = table.clone();
            table.columns.retain(|column| !leave.contains(&column.name.as_str()));
            let spec = json!({"target": target, "task": task, "preprocessing": steps, "test_fraction": 0.2});
            let spec: RunSpec = serde_json::from_value(spec).unwrap();
            let plan = plan(&profile(&table), &spec).unwrap();
            let trainer = Trainer::new(table, plan.clone()).unwrap();
            let mut seen = Vec::new();
            for trial in &plan.trials {
                if seen.contains(&trial.estimator) || (name == "steps" && seen.len() > 12) {
                    continue;
                }
                seen.push(trial.estimator.clone());
                let small = match trial.estimator.as_str() {
                    "gradient_boosting" | "random_forest" | "extra_trees" | "adaboost" => {
                        json!({"trees": 20})
                    }
                    "explainable_boosting" => json!({"rounds": 20}),
                    _ => json!({}),
                };
                let trial = TrialSpec::new(&trial.estimator, small.as_object().unwrap().clone());
                match trainer.finish(&trial, &[]) {
                    Ok(finished) => write(
                        &folder,
                        &format!("{}-{target}-{name}", trial.estimator),
                        &finished.artifact,
                        &rows,
                    ),
                    Err(error) => println!("{}-{target}-{name} not fitted: {error}", trial.estimator),
                }
            }
            if name == "plain" {
                for (name, artifact) in combined(&trainer) {
                    write(&folder, &format!("{name}-{target}"), &artifact, &rows);
                }
            }
        }
    }
}

/// Rows as they are asked for: some of the table's, and one of unknown levels.
fn rows() -> Vec<Map<String, Value>> {
    let text = table();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut rows: Vec<Map<String, Value>> = lines
        .step_by(5)
        .map(|line| {
            let cells = names.iter().zip(line.split(',')).map(|(name, cell)| {
                let value = match *name {
                    _ if cell.is_empty() => Value::Null,
                    "tame" => json!(cell == "true"),
                    "colour" | "street" | "kind" => json!(cell),
                    _ => json!(cell.parse::<f64>().unwrap()),
                };
                ((*name).to_owned(), value)
            });
            cells.collect()
        })
        .collect();
    rows[3].insert("colour".into(), json!("violet"));
    rows[4].insert("street".into(), json!("nowhere"));
    rows[5].insert("street".into(), Value::Null);
    rows[6].insert("tame".into(), Value::Null);
    rows
}

fn combined(trainer: &Trainer) -> Vec<(&'static str, Vec<u8>)> {
    let members: Vec<Combined> = ["logistic", "ridge", "decision_tree", "naive_bayes", "linear"]
        .iter()
        .filter_map(|name| {
            let trial = TrialSpec::new(name, Map::new());
            let folds: Option<Vec<_>> = (0..trainer.plan().fits())
                .map(|fold| Some(trainer.fold(&trial, fold).ok()?.predictions))
                .collect();
            let finished = trainer.finish(&trial, &[]).ok()?;
            Some(Combined { folds: folds?, holdout: finished.predictions, artifact: finished.artifact })
        })
        .collect();
    let ways = [
        ("blend", members.len()),
        ("stack", members.len()),
        ("calibrated_sigmoid", 1),
        ("calibrated_isotonic", 1),
    ];
    let combine = |(name, count): (&'static str, usize)| {
        let (_, finished) = trainer.combine(&TrialSpec::new(name, Map::new()), &members[..count]).ok()?;
        Some((name, finished.artifact))
    };
    ways.into_iter().filter_map(combine).collect()
}

/// Writes the model, rows and predictions; or says why there is no model.
fn write(folder: &str, name: &str, artifact: &[u8], rows: &[Map<String, Value>]) {
    let model = Model::load(artifact).unwrap();
    let bytes = match onnx::export(&model) {
        Ok(bytes) => bytes,
        Err(error) => return println!("{name} refused: {error}"),
    };
    let asked: Vec<Map<String, Value>> = rows
        .iter()
        .map(|row| {
            row.iter()
                .filter(|(column, _)| model.fields().iter().any(|f| f.name == **column))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        })
        .collect();
    let predictions = model.predict(&decode_rows(model.fields(), &asked).unwrap()).unwrap();
    let answers: Vec<Value> =
        (0..predictions.len()).map(|row| Value::Object(predictions.to_json(row))).collect();
    let path = Path::new(folder).join(name);
    fs::write(path.with_extension("onnx"), bytes).unwrap();
    let case = json!({"rows": asked, "answers": answers, "classes": model.classes()});
    fs::write(path.with_extension("json"), serde_json::to_string(&case).unwrap()).unwrap();
}
