//! Fits estimators on one table of numbers and predicts another's rows, each timed by itself: the
//! estimators alone, without preprocessing and folds, for `scripts/bench/training/beside.py`.
//!
//!     beside TRAIN TEST classes|numbers FOLDER ESTIMATOR[=PARAMS] …
//!
//! Both tables are CSV with the target last; a class is its number. Predictions go to
//! `FOLDER/ESTIMATOR.f64`, row by row, little endian; the seconds that it took a processor are printed as JSON
//! lines, those of predicting as a mean of as many times as take long enough to be told.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for a benchmark")]

use std::fs;
use std::path::Path;

use fettle_engine::estimators::{Fit, Params, Target, find};
use fettle_engine::matrix::Matrix;
use fettle_engine::table::{ReadLimits, Values, read};
use serde_json::{Map, Value, json};

#[path = "shared/processor.rs"]
mod processor;

use processor::processor_s;

/// The clock of processor time ticks every hundredth of a second.
const LONG_ENOUGH_S: f64 = 1.0;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [training, test, task, folder, estimators @ ..] = arguments.as_slice() else {
        panic!("beside TRAIN TEST classes|numbers FOLDER ESTIMATOR[=PARAMS]…")
    };
    let (x, y) = numbers(training);
    let (query, _) = numbers(test);
    let y = if task == "classes" {
        let codes: Vec<u32> = y.iter().map(|code| *code as u32).collect();
        let count = codes.iter().max().map_or(0, |most| *most as usize + 1);
        Target::Classes { codes, count }
    } else {
        Target::Numbers(y)
    };
    for asked in estimators {
        let (name, params) = asked.split_once('=').unwrap_or((asked, "{}"));
        let given: Map<String, Value> = serde_json::from_str(params).unwrap();
        let estimator = find(name).unwrap();
        let params = Params::check(estimator.parameters(), &given).unwrap();
        // Bins are kept with the matrix: each fit has to make its own.
        let fresh = Matrix::new(x.rows(), x.cols(), x.data().to_vec());
        let began = processor_s();
        let fitted =
            estimator.fit(&Fit { x: &fresh, y: &y, weights: None, seed: 1, params: &params }).unwrap();
        let fit_s = processor_s() - began;
        let (began, mut times) = (processor_s(), 0);
        let (predictions, predict_s) = loop {
            let predictions = fitted.predict(&query);
            times += 1;
            let took_s = processor_s() - began;
            if took_s >= LONG_ENOUGH_S {
                break (predictions, took_s / f64::from(times));
            }
        };
        let bytes: Vec<u8> = predictions.iter().flat_map(|value| value.to_le_bytes()).collect();
        fs::write(Path::new(folder).join(format!("{name}.f64")), bytes).unwrap();
        let model_mb = fitted.size_bytes() as f64 / 1e6;
        println!(
            "{}",
            json!({"name": name, "params": given, "fit_s": fit_s, "predict_s": predict_s, "model_mb": model_mb})
        );
    }
}

/// The features, and the last column.
fn numbers(path: &str) -> (Matrix, Vec<f64>) {
    let limits = ReadLimits { max_columns: 100_000, ..ReadLimits::default() };
    let table = read(&fs::read(path).unwrap(), &limits).unwrap();
    let mut columns = table.columns.into_iter().map(|column| match column.values {
        Values::Number(values) => values,
        Values::Boolean(values) => {
            values.iter().map(|&value| if value > 1 { f64::NAN } else { f64::from(value) }).collect()
        }
        _ => panic!("'{}' does not hold numbers", column.name),
    });
    let (cols, rows) = (columns.len() - 1, table.rows);
    let data = columns.by_ref().take(cols).flatten().map(|value| value as f32).collect();
    (Matrix::new(rows, cols, data), columns.next().unwrap())
}
