//! Cross-validates every estimator on a CSV file and prints what came of it, as JSON lines: the engine
//! alone, for `scripts/bench/training`.
//!
//!     compare FILE TARGET FOLDS METRIC THREADS [ESTIMATOR,…]
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for a benchmark")]

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use fettle_engine::table::{ReadLimits, Table, Values, profile, read};
use fettle_engine::{Metric, RunSpec, Trainer, plan};
use serde_json::json;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, target, folds, metric, threads, rest @ ..] = arguments.as_slice() else {
        panic!("compare FILE TARGET FOLDS METRIC THREADS [ESTIMATOR,…]")
    };
    let metric: Metric = serde_json::from_value(json!(metric)).unwrap();
    let began = Instant::now();
    let table = read(&fs::read(file).unwrap(), &ReadLimits::default()).unwrap();
    let (read_s, table_mb) = (began.elapsed().as_secs_f64(), bytes(&table) as f64 / 1e6);
    let spec = RunSpec {
        target: target.clone(),
        metric: Some(metric),
        folds: Some(folds.parse().unwrap()),
        test_fraction: Some(0.0),
        estimators: rest.first().map(|names| names.split(',').map(Into::into).collect()),
        ..RunSpec::default()
    };
    let plan = plan(&profile(&table), &spec).unwrap();
    let trainer = Trainer::new(table, plan).unwrap();
    let (trials, folds) = (&trainer.plan().trials, trainer.plan().folds);
    let (next, scores) = (AtomicUsize::new(0), Mutex::new(BTreeMap::<usize, Vec<(f64, f64)>>::new()));
    let work = || loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let (trial, fold) = (at / folds as usize, (at % folds as usize) as u32);
        let Some(spec) = trials.get(trial) else { return };
        let began = Instant::now();
        let score = trainer.fold(spec, fold).map_or(f64::NAN, |fold| fold.metrics[&metric]);
        scores.lock().unwrap().entry(trial).or_default().push((score, began.elapsed().as_secs_f64()));
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.parse().unwrap() {
            scope.spawn(work);
        }
    });
    let wall_s = began.elapsed().as_secs_f64();
    for (trial, folds) in scores.into_inner().unwrap() {
        let mean = folds.iter().map(|(score, _)| score).sum::<f64>() / folds.len() as f64;
        let fit_s: f64 = folds.iter().map(|(_, seconds)| seconds).sum();
        let spec = &trials[trial];
        println!("{}", json!({"name": spec.estimator, "params": spec.params, "score": mean, "fit_s": fit_s}));
    }
    println!("{}", json!({"wall_s": wall_s, "read_s": read_s, "table_mb": table_mb, "peak_mb": peak_mb()}));
}

/// What a decoded table takes.
fn bytes(table: &Table) -> usize {
    let of = |values: &Values| match values {
        Values::Number(values) => size_of_val(&values[..]),
        Values::Boolean(values) => size_of_val(&values[..]),
        Values::Time(values) => size_of_val(&values[..]),
        Values::Strings { codes, levels } => {
            let text: usize = levels.iter().map(|level| size_of::<String>() + level.len()).sum();
            size_of_val(&codes[..]) + text
        }
    };
    table.columns.iter().map(|column| of(&column.values)).sum()
}

/// The most memory that this process has had, as Linux tells it; none elsewhere.
fn peak_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? * 1024.0 / 1e6)
}
