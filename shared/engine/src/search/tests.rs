use serde_json::json;

use super::*;
use crate::metrics::Task;

fn plan(mode: Mode) -> Plan {
    Plan {
        target: "y".into(),
        task: Task::Binary,
        metric: Metric::Auc,
        metrics: vec![Metric::Auc],
        folds: 5,
        test_fraction: 0.2,
        seed: 3,
        mode,
        tuned: None,
        classes: Vec::new(),
        features: Vec::new(),
        notes: Vec::new(),
        trials: Vec::new(),
        repeats: 1,
        group: None,
        time: None,
        weight: None,
        preprocessing: crate::preprocess::Preprocessing::default(),
        sample: None,
        costs: None,
        threshold: None,
    }
}

fn outcome(number: u32, estimator: &str, score: Option<f64>) -> Outcome {
    Outcome { number, spec: TrialSpec::new(estimator, Map::new()), score }
}

fn compared() -> Vec<Outcome> {
    vec![
        outcome(1, "dummy", Some(0.5)),
        outcome(2, "logistic", Some(0.8)),
        outcome(3, "knn", Some(0.7)),
        outcome(4, "random_forest", Some(0.85)),
        outcome(5, "gradient_boosting", Some(0.9)),
        outcome(6, "extra_trees", None),
    ]
}

const NO_LIMIT: Time = Time { elapsed_s: 10.0, budget_s: None };

/// Goes through a run whose trials score by a formula; returns what was tried, and what would be next.
fn run(plan: &Plan, seconds_a_round: f64, budget_s: Option<f64>) -> (Vec<Outcome>, Vec<String>) {
    let mut done = compared();
    let mut elapsed_s = seconds_a_round;
    for _ in 0..100 {
        match next(plan, &done, Time { elapsed_s, budget_s }) {
            Step::Done(more) => return (done, more),
            Step::Trials { trials, until_s } => {
                assert!(!trials.is_empty());
                for spec in trials {
                    let number = done.len() as u32 + 1;
                    let late = until_s.is_some_and(|until| elapsed_s >= until);
                    let rate = spec.params.get("learning_rate").and_then(serde_json::Value::as_f64);
                    let score = (!late).then(|| 0.9 - (rate.unwrap_or(0.3) - 0.05).abs());
                    done.push(Outcome { number, spec, score });
                }
                elapsed_s += seconds_a_round;
            }
        }
    }
    panic!("the run does not end");
}

fn of(done: &[Outcome], origin: Origin) -> Vec<&Outcome> {
    done.iter().filter(|outcome| outcome.spec.origin == origin).collect()
}

#[test]
fn a_comparison_is_over_after_its_trials() {
    let Step::Done(more) = next(&plan(Mode::Compare), &compared(), NO_LIMIT) else { panic!("not over") };
    assert_eq!(more, ["\"plan\": \"auto\" would tune the best estimators and combine them"]);
}

#[test]
fn tuning_goes_on_in_rounds_that_learn() {
    let (done, _) = run(&plan(Mode::Tune), 1.0, None);
    let tuned = of(&done, Origin::Tuned);
    assert_eq!(tuned.len(), TUNED as usize);
    assert!(of(&done, Origin::Combined).is_empty());
    let boosted: Vec<f64> = tuned
        .iter()
        .filter(|outcome| outcome.spec.estimator == "gradient_boosting")
        .map(|outcome| outcome.spec.params["learning_rate"].as_f64().unwrap())
        .collect();
    assert!(boosted.len() >= 12, "{boosted:?}");
    assert!(tuned.iter().all(|outcome| outcome.spec.estimator != "dummy"));
    let best = boosted.iter().fold(1.0f64, |best, rate| best.min((rate - 0.05).abs()));
    assert!(best < 0.03, "{boosted:?}");
    assert_eq!(run(&plan(Mode::Tune), 1.0, None).0.len(), done.len());
}

#[test]
fn what_was_asked_for_bounds_tuning() {
    let (done, _) = run(&Plan { tuned: Some(8), ..plan(Mode::Tune) }, 1.0, None);
    assert_eq!(of(&done, Origin::Tuned).len(), 8);
}

#[test]
fn the_best_are_combined_last() {
    let (done, more) = run(&plan(Mode::Auto), 1.0, None);
    assert_eq!(of(&done, Origin::Tuned).len(), TUNED as usize);
    let combined = of(&done, Origin::Combined);
    let names: Vec<&str> = combined.iter().map(|outcome| outcome.spec.estimator.as_str()).collect();
    assert_eq!(names, ["blend", "greedy_ensemble", "stack", "calibrated_sigmoid", "calibrated_isotonic"]);
    assert!(combined.iter().all(|outcome| !outcome.spec.members.contains(&1)), "a baseline is no member");
    assert!(combined.iter().all(|outcome| !outcome.spec.members.contains(&6)), "nor is what failed");
    assert!(more.is_empty(), "{more:?}");
}

#[test]
fn a_regression_is_not_calibrated() {
    let plan = Plan { task: Task::Regression, metric: Metric::Rmse, ..plan(Mode::Ensemble) };
    let Step::Trials { trials, .. } = next(&plan, &compared(), NO_LIMIT) else { panic!("over") };
    let names: Vec<&str> = trials.iter().map(|trial| trial.estimator.as_str()).collect();
    assert_eq!(names, ["blend", "greedy_ensemble", "stack"]);
    // Of errors the smallest is best: the baseline would lead, were it no baseline.
    assert_eq!(trials[0].members, [3, 2, 4]);
}

#[test]
fn a_time_budget_ends_tuning_and_leaves_time_to_combine() {
    let (done, more) = run(&plan(Mode::Auto), 4.0, Some(20.0));
    let tuned = of(&done, Origin::Tuned).len();
    assert!((6..30).contains(&tuned), "{tuned}");
    assert_eq!(of(&done, Origin::Combined).len(), 5);
    assert!(more.iter().any(|line| line.contains("extra_trees")), "{more:?}");
    assert!(more.iter().any(|line| line.contains("tune gradient_boosting further")), "{more:?}");
}

#[test]
fn a_budget_of_a_second_is_enough_to_end() {
    let (done, more) = run(&plan(Mode::Auto), 5.0, Some(1.0));
    assert!(of(&done, Origin::Tuned).is_empty());
    assert!(!more.is_empty());
}

#[test]
fn of_nothing_nothing_is_made() {
    let failed: Vec<Outcome> = (1..4).map(|number| outcome(number, "knn", None)).collect();
    assert!(matches!(next(&plan(Mode::Auto), &failed, NO_LIMIT), Step::Done(_)));
    assert!(matches!(next(&plan(Mode::Auto), &[], NO_LIMIT), Step::Done(_)));
}

#[test]
fn plans_of_before_still_read() {
    let mut old = serde_json::to_value(plan(Mode::Compare)).unwrap();
    old.as_object_mut().unwrap().remove("mode");
    assert_eq!(serde_json::from_value::<Plan>(old).unwrap().mode, Mode::Compare);
    let trial: TrialSpec = serde_json::from_value(json!({"estimator": "knn", "params": {}})).unwrap();
    assert_eq!(trial, TrialSpec::new("knn", Map::new()));
}
