use serde_json::{Map, json};

use super::super::tests::{animals, trainer};
use super::super::{Combined, FoldScores};
use super::*;
use crate::artifact::{IntervalError, Model, Predictions};
use crate::metrics::Metric;
use crate::plan::TrialSpec;

fn folds(trainer: &Trainer, trial: &TrialSpec) -> Vec<FoldScores> {
    (0..trainer.plan().fits()).map(|k| trainer.fold(trial, k).unwrap()).collect()
}

fn predicted(folds: &[FoldScores]) -> Vec<Predicted> {
    folds.iter().map(|fold| fold.predictions.clone()).collect()
}

fn named(estimator: &str) -> TrialSpec {
    TrialSpec::new(estimator, Map::new())
}

fn labels(model: &Model, table: &crate::table::Table) -> (Vec<u32>, Vec<f64>) {
    match model.predict(table).unwrap() {
        Predictions::Classes { labels, probabilities, .. } => (labels, probabilities),
        Predictions::Numbers(_) => panic!("classes"),
    }
}

#[test]
fn a_model_answers_what_costs_least_and_is_measured_by_it() {
    let table = animals(150);
    let plain = trainer(&table, json!({"target": "tame", "folds": 3}));
    let costs = json!({"false_negative": 8});
    let dear = trainer(&table, json!({"target": "tame", "folds": 3, "metric": "cost", "costs": costs}));
    let argmax = trainer(
        &table,
        json!({"target": "tame", "folds": 3, "metric": "cost", "costs": costs, "threshold": "argmax"}),
    );
    let trial = named("knn");
    let mean = |trainer: &Trainer, metric: Metric| {
        folds(trainer, &trial).iter().map(|fold| fold.metrics[&metric]).sum::<f64>() / 3.0
    };
    assert!(!folds(&plain, &trial)[0].metrics.contains_key(&Metric::Cost));
    assert!(mean(&dear, Metric::Cost) < mean(&argmax, Metric::Cost));
    assert!(mean(&dear, Metric::Recall) > mean(&argmax, Metric::Recall));
    assert!((mean(&dear, Metric::Auc) - mean(&argmax, Metric::Auc)).abs() < 1e-12);

    let finished = dear.finish(&trial, &predicted(&folds(&dear, &trial))).unwrap();
    assert!(finished.folds.is_empty(), "nothing was learned from the other folds");
    assert!(finished.holdout.unwrap().contains_key(&Metric::Cost));
    let (labels, probabilities) = labels(&Model::load(&finished.artifact).unwrap(), &table);
    for (label, row) in labels.iter().zip(probabilities.chunks(2)) {
        assert_eq!(*label == 1, row[1] > 1.0 / 9.0, "{row:?}");
    }
    assert!(labels.iter().zip(probabilities.chunks(2)).any(|(label, row)| *label == 1 && row[1] < 0.5));
}

#[test]
fn a_tuned_threshold_is_learned_from_other_rows() {
    let table = animals(150);
    let trainer = trainer(
        &table,
        json!({"target": "species", "task": "multiclass", "folds": 3, "costs": {"Gentoo": {"Adelie": 20}}}),
    );
    assert!(matches!(trainer.planned().rule, Rule::Costs(_)));

    let trainer = super::super::tests::trainer(
        &table,
        json!({"target": "tame", "folds": 3, "metric": "f1", "threshold": "tuned"}),
    );
    let trial = named("naive_bayes");
    let folds = folds(&trainer, &trial);
    let honest = predicted(&folds);
    let decided = trainer.decided(&honest.iter().collect::<Vec<_>>()).unwrap();
    let Rule::Threshold(from) = decided.choice.rule else { panic!("{:?}", decided.choice) };
    let Rule::Threshold(on_last) = decided.on_last_fold.rule else { panic!() };

    // What the last fold says counts for the model, and not for that fold's own score.
    let mut turned = honest.clone();
    turned[2] = Predicted::new(&honest[2].values().chunks(2).flat_map(|p| [p[1], p[0]]).collect::<Vec<_>>());
    let other = trainer.decided(&turned.iter().collect::<Vec<_>>()).unwrap();
    assert_eq!(other.on_last_fold.rule, Rule::Threshold(on_last));
    assert_ne!(other.choice.rule, Rule::Threshold(from));
    assert_ne!(other.folds[0], decided.folds[0]);

    let finished = trainer.finish(&trial, &honest).unwrap();
    assert_eq!(finished.folds, decided.folds);
    let model = Model::load(&finished.artifact).unwrap();
    assert_eq!(model.rule(), &Rule::Threshold(from));
    let (labels, probabilities) = labels(&model, &table);
    assert!(labels.iter().zip(probabilities.chunks(2)).all(|(label, row)| (*label == 1) == (row[1] >= from)));
    let error = trainer.finish(&trial, &[]).unwrap_err().to_string();
    assert!(error.contains("what all folds predicted"), "{error}");
}

#[test]
fn combined_trials_are_decided_by_too() {
    let table = animals(150);
    let trainer =
        trainer(&table, json!({"target": "tame", "folds": 3, "metric": "mcc", "threshold": "tuned"}));
    let members: Vec<Combined> = ["naive_bayes", "knn"]
        .into_iter()
        .map(|name| {
            let folds = predicted(&folds(&trainer, &named(name)));
            let finished = trainer.finish(&named(name), &folds).unwrap();
            Combined { folds, holdout: finished.predictions, artifact: finished.artifact }
        })
        .collect();
    let (folds, finished) = trainer.combine(&named("blend"), &members).unwrap();
    assert_eq!(folds.iter().map(|fold| fold.metrics.clone()).collect::<Vec<_>>(), finished.folds);
    let model = Model::load(&finished.artifact).unwrap();
    assert!(matches!(model.rule(), Rule::Threshold(_)));
    assert!(model.intervals(&model.predict(&table).unwrap(), 0.9).is_ok());
}

#[test]
fn predictions_of_other_rows_teach_nothing() {
    let table = animals(120);
    let trainer = trainer(&table, json!({"target": "price", "folds": 3}));
    let trial = named("ridge");
    let honest = predicted(&folds(&trainer, &trial));
    for wrong in [&honest[..2], &[honest[0].clone(), honest[1].clone(), Predicted::default()][..]] {
        let error = trainer.finish(&trial, wrong).unwrap_err().to_string();
        assert!(error.contains("of other rows"), "{error}");
    }
    let without = Model::load(&trainer.finish(&trial, &[]).unwrap().artifact).unwrap();
    let predictions = without.predict(&table).unwrap();
    assert_eq!(without.intervals(&predictions, 0.9), Err(IntervalError::NotKept));
    let with = Model::load(&trainer.finish(&trial, &honest).unwrap().artifact).unwrap();
    assert_eq!(with.predict(&table).unwrap(), predictions);
    assert!(with.intervals(&predictions, 0.9).is_ok());
    let error = with.intervals(&predictions, 0.995).unwrap_err().to_string();
    assert!(error.contains("the 96 rows") && error.contains("at most 0.989"), "{error}");
    assert_eq!(with.intervals(&predictions, 0.2), Err(IntervalError::OutOfRange(0.2)));
}
