//! Trains with `"plan": "auto"` and a time budget as a run does, on one thread, and lets the best model
//! predict another table's rows: the engine alone, for `scripts/bench/training/auto.py`.
//!
//!     auto TRAIN TEST TARGET METRIC BUDGET
//!
//! The budget is of processor time, so that what else the machine does plays no part. The first line printed says what won, the others what it predicts, as JSON.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for a benchmark")]

use std::collections::BTreeMap;
use std::fs;

use fettle_engine::search::{Mode, Outcome, Step, Time, compare_until, next};
use fettle_engine::table::{ReadLimits, decode_csv_rows, profile, read};
use fettle_engine::{Combined, Metric, Model, RunSpec, Trainer, TrialSpec, plan};
use serde_json::json;

#[path = "shared/processor.rs"]
mod processor;

use processor::processor_s;

/// A run under way.
struct Run {
    trainer: Trainer,
    metric: Metric,
    /// What came of each trial, and the models of those that ended well.
    done: Vec<Outcome>,
    kept: BTreeMap<u32, Combined>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [training, test, target, metric, budget] = arguments.as_slice() else {
        panic!("auto TRAIN TEST TARGET METRIC BUDGET")
    };
    let budget_s = Some(budget.parse().unwrap());
    let metric: Metric = serde_json::from_value(json!(metric)).unwrap();
    let table = read(&fs::read(training).unwrap(), &ReadLimits::default()).unwrap();
    let spec = RunSpec {
        target: target.clone(),
        metric: Some(metric),
        plan: Some(Mode::Auto),
        ..RunSpec::default()
    };
    let trainer = Trainer::new(table.clone(), plan(&profile(&table), &spec).unwrap()).unwrap();
    let mut run = Run { trainer, metric, done: Vec::new(), kept: BTreeMap::new() };

    let mut until_s = compare_until(run.trainer.plan(), budget_s);
    let mut trials = run.trainer.plan().trials.clone();
    loop {
        for trial in trials {
            run.trial(trial, until_s);
        }
        let time = Time { elapsed_s: processor_s(), budget_s };
        match next(run.trainer.plan(), &run.done, time) {
            Step::Trials { trials: more, until_s: until } => (trials, until_s) = (more, until),
            Step::Done(_) => break,
        }
    }
    let took_s = processor_s();

    let sign = if metric.greater_is_better() { 1.0 } else { -1.0 };
    let scored = run.done.iter().filter(|outcome| outcome.score.is_some());
    let best = scored
        .clone()
        .max_by(|a, b| (sign * a.score.unwrap()).total_cmp(&(sign * b.score.unwrap())))
        .expect("a trial that succeeded");
    let model = Model::load(&run.kept[&best.number].artifact).unwrap();
    let rows = decode_csv_rows(model.fields(), &fs::read(test).unwrap(), &ReadLimits::default()).unwrap();
    let predictions = model.predict(&rows).unwrap();
    println!(
        "{}",
        json!({
            "best": best.spec.estimator,
            "params": best.spec.params,
            "score": best.score,
            "trials": run.done.len(),
            "scored": scored.count(),
            "took_s": took_s,
        })
    );
    for row in 0..predictions.len() {
        println!("{}", serde_json::Value::Object(predictions.to_json(row)));
    }
}

impl Run {
    /// Goes through a trial, as long as there is time to begin a fold.
    fn trial(&mut self, spec: TrialSpec, until_s: Option<f64>) {
        let number = self.done.len() as u32 + 1;
        let score = match self.fitted(&spec, until_s) {
            Some((score, combined)) => {
                self.kept.insert(number, combined);
                Some(score)
            }
            None => None,
        };
        self.done.push(Outcome { number, spec, score });
    }

    /// The score and what is kept; none when the trial failed or was late.
    fn fitted(&self, spec: &TrialSpec, until_s: Option<f64>) -> Option<(f64, Combined)> {
        let late = || until_s.is_some_and(|until| processor_s() >= until);
        let (folds, finished) = if spec.members.is_empty() {
            let mut folds = Vec::new();
            for fold in 0..self.trainer.plan().fits() {
                if late() {
                    return None;
                }
                folds.push(self.trainer.fold(spec, fold).ok()?);
            }
            (folds, self.trainer.finish(spec, &[]).ok()?)
        } else {
            let members: Option<Vec<Combined>> =
                spec.members.iter().map(|number| self.kept.get(number).cloned()).collect();
            self.trainer.combine(spec, &members?).ok()?
        };
        let score = folds.iter().map(|fold| fold.metrics[&self.metric]).sum::<f64>() / folds.len() as f64;
        let folds = folds.into_iter().map(|fold| fold.predictions).collect();
        Some((score, Combined { folds, holdout: finished.predictions, artifact: finished.artifact }))
    }
}
