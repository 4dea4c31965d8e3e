//! Every estimator beside scikit-learn and its like on real data: the figures, and how they were made,
//! are of `scripts/reference/reference.py`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fettle_engine::estimators::{ALL, Fit, Params, Target, find};
use fettle_engine::matrix::Matrix;
use fettle_engine::metrics::{Metric, scores};
use serde_json::{Map, Value};

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    data: String,
    estimator: String,
    params: Map<String, Value>,
    weighted: bool,
    /// Of each prediction, or of the metric, as a share of theirs.
    tolerance: f64,
    /// Of the first test rows.
    #[serde(default)]
    predictions: Vec<f64>,
    /// On all test rows, with `value`.
    metric: Option<Metric>,
    value: Option<f64>,
    /// Whether ours may be better by any amount.
    #[serde(default)]
    one_sided: bool,
}

struct Data {
    x: Matrix,
    y: Target,
    query: Matrix,
    truth: Target,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference")
}

/// Of every three rows the third is a test row; the last column is the target.
fn data(name: &str) -> Data {
    let text = fs::read_to_string(folder().join(format!("{name}.csv"))).unwrap();
    let rows: Vec<Vec<f64>> =
        text.lines().map(|line| line.split(',').map(|value| value.parse().unwrap()).collect()).collect();
    let part = |test: bool| -> (Matrix, Vec<f64>) {
        let rows: Vec<&Vec<f64>> =
            rows.iter().enumerate().filter(|(at, _)| (at % 3 == 2) == test).map(|(_, row)| row).collect();
        let cols = rows[0].len() - 1;
        let values = (0..cols).flat_map(|col| rows.iter().map(move |row| row[col] as f32)).collect();
        (Matrix::new(rows.len(), cols, values), rows.iter().map(|row| row[cols]).collect())
    };
    let ((x, y), (query, truth)) = (part(false), part(true));
    let classes = matches!(name, "breast_cancer" | "wine" | "iris");
    let count = y.iter().fold(0.0f64, |most, code| most.max(*code)) as usize + 1;
    let target = |values: Vec<f64>| {
        if classes {
            Target::Classes { codes: values.iter().map(|code| *code as u32).collect(), count }
        } else {
            Target::Numbers(values)
        }
    };
    Data { x, y: target(y), query, truth: target(truth) }
}

/// What is wrong with one figure, if anything.
fn compare(figure: &Figure) -> Result<(), String> {
    let data = data(&figure.data);
    let estimator = find(&figure.estimator).ok_or("there is no such estimator")?;
    let params = Params::check(estimator.parameters(), &figure.params).map_err(|error| error.to_string())?;
    let weights: Option<Vec<f32>> =
        figure.weighted.then(|| (0..data.x.rows()).map(|row| 1.0 + (row % 2) as f32).collect());
    let fit = Fit { x: &data.x, y: &data.y, weights: weights.as_deref(), seed: 7, params: &params };
    let fitted = estimator.fit(&fit).map_err(|error| error.to_string())?;
    let got = fitted.predict(&data.query);
    if let (Some(metric), Some(expected)) = (figure.metric, figure.value) {
        let got = scores(&data.truth, &got)[&metric];
        let worse = if metric.greater_is_better() { expected - got } else { got - expected };
        let off = if figure.one_sided { worse } else { worse.abs() };
        return if off <= figure.tolerance * expected.abs() {
            Ok(())
        } else {
            Err(format!("{} is {got}, not {expected}", metric.name()))
        };
    }
    assert!(!figure.predictions.is_empty(), "a figure has predictions or a metric");
    let farthest = got.iter().zip(&figure.predictions).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    if farthest <= figure.tolerance { Ok(()) } else { Err(format!("off by {farthest}")) }
}

#[test]
fn every_estimator_is_as_good_as_its_reference() {
    let mut wrong = Vec::new();
    let mut compared: BTreeMap<String, usize> = BTreeMap::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let figures: Vec<Figure> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for figure in figures {
            if let Err(what) = compare(&figure) {
                wrong.push(format!(
                    "{} {} on {}{}: {what}",
                    figure.estimator,
                    Value::Object(figure.params.clone()),
                    figure.data,
                    if figure.weighted { ", weighted" } else { "" },
                ));
            }
            *compared.entry(figure.estimator).or_default() += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for estimator in ALL {
        let figures = compared.get(estimator.name()).copied().unwrap_or(0);
        assert!(figures >= 3, "{} has {figures} figures", estimator.name());
    }
}
