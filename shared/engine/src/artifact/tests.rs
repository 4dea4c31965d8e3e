use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::estimators::{ALL, Fit, Params, Target};
use crate::table::{MISSING_CODE, profile};

fn table() -> Table {
    let rows = 40;
    let column = |name: &str, kind, values| Column { name: name.into(), kind, values };
    let words = |n: usize| Values::Strings {
        codes: (0..rows as u32).map(|i| if i % 9 == 8 { MISSING_CODE } else { i % n as u32 }).collect(),
        levels: (0..n).map(|i| format!("word {i}")).collect(),
    };
    let numbers = (0..rows).map(|i| if i % 7 == 6 { f64::NAN } else { (i as f64 * 1.3).sin() }).collect();
    Table {
        rows,
        columns: vec![
            column("number", Kind::Number, Values::Number(numbers)),
            column("flag", Kind::Boolean, Values::Boolean((0..rows).map(|i| (i % 3 == 0).into()).collect())),
            column(
                "time",
                Kind::Datetime,
                Values::Time((0..rows as i64).map(|i| i * 40_000_000_000).collect()),
            ),
            column("few", Kind::Category, words(3)),
            column("many", Kind::Category, words(12)),
            column("text", Kind::Text, words(20)),
        ],
    }
}

/// A model of every estimator and task.
fn every_contents() -> Vec<Contents> {
    let table = table();
    let columns: Vec<&Column> = table.columns.iter().collect();
    let rows: Vec<u32> = (0..table.rows as u32).collect();
    let classes =
        |count: usize| Target::Classes { codes: rows.iter().map(|i| i % count as u32).collect(), count };
    let numbers = Target::Numbers(rows.iter().map(|i| f64::from(i * i % 23)).collect());
    let mut all = Vec::new();
    for estimator in ALL {
        for (task, y) in
            [(Task::Binary, classes(2)), (Task::Multiclass, classes(4)), (Task::Regression, numbers.clone())]
        {
            if !estimator.tasks().contains(&task) {
                continue;
            }
            let (preprocessor, x) = Preprocessor::fit(&columns, &rows, &y, estimator.needs(), 1);
            let params = Params::check(estimator.parameters(), &Map::new()).unwrap();
            let fitted =
                estimator.fit(&Fit { x: &x, y: &y, weights: None, seed: 1, params: &params }).unwrap();
            let mut scored = crate::conformal::Scored::default();
            scored.add(&y, &fitted.predict(&x));
            let count = if task.is_classification() { y.outputs() } else { 0 };
            all.push(Contents {
                engine: "0".into(),
                task,
                target: Field { name: "y".into(), kind: Kind::Integer },
                classes: (0..count).map(|class| (class * 10).to_string()).collect(),
                fields: columns.iter().map(|c| Field { name: c.name.clone(), kind: c.kind }).collect(),
                members: vec![Member { background: fitted.background(&x), preprocessor, fitted }],
                combination: None,
                rule: if count == 2 { Rule::Threshold(0.25) } else { Rule::MostProbable },
                conformal: scored.kept(40),
                estimator: estimator.name().into(),
                params: "{}".into(),
                profile: serde_json::to_string(&profile(&table)).unwrap(),
            });
        }
    }
    all
}

fn one() -> Contents {
    every_contents().into_iter().find(|contents| contents.estimator == "logistic").unwrap()
}

fn model(contents: &Contents) -> Model {
    Model::load(&contents.to_bytes().unwrap()).unwrap()
}

#[test]
fn every_model_predicts_the_same_one_row_at_a_time() {
    let table = table();
    for contents in every_contents() {
        let model = model(&contents);
        let at_once = model.predict(&table).unwrap();
        assert_eq!((at_once.len(), at_once.is_empty()), (table.rows, false));
        for row in [0, 6, 8, 39] {
            let alone = model.predict(&table.take(&[row])).unwrap();
            assert_eq!(alone.to_json(0), at_once.to_json(row as usize), "{}", model.estimator());
        }
        assert!(model.predict(&table.take(&[])).unwrap().is_empty());
        assert!(model.size_bytes() > contents.profile.len());
        assert_eq!(model.training_profile().unwrap(), profile(&table));
    }
}

#[test]
fn every_model_says_how_sure_it_is_and_those_that_can_say_why() {
    let table = table();
    let mut explained = 0;
    for contents in every_contents() {
        let model = model(&contents);
        let predictions = model.predict(&table).unwrap();
        assert!(model.intervals(&predictions, 0.9).is_ok(), "{}", model.estimator());
        match model.explain(&table) {
            Ok(contributions) => {
                assert_eq!((contributions.rows(), contributions.features()), (40, model.fields().len()));
                explained += 1;
            }
            Err(error) => assert_eq!(error, ExplainError::NoWay(model.estimator().into())),
        }
        if let Predictions::Classes { labels, probabilities, .. } = &predictions {
            let second = |row: usize| probabilities[row * 2 + 1] >= 0.25;
            let binary = model.task() == Task::Binary;
            assert!(!binary || labels.iter().enumerate().all(|(row, label)| (*label == 1) == second(row)));
        }
    }
    assert!(explained > 20, "{explained}");
}

#[test]
fn columns_are_found_by_name_and_checked() {
    let (model, table) = (model(&one()), table());
    let mut turned = table.clone();
    turned.columns.reverse();
    turned.columns.push(Column {
        name: "else".into(),
        kind: Kind::Boolean,
        values: Values::Boolean(vec![0; 40]),
    });
    assert_eq!(model.predict(&turned), model.predict(&table));
    // What ingestion took for another kind of the same type of value is no trouble.
    let mut renamed = table.clone();
    renamed.columns[0].kind = Kind::Integer;
    renamed.columns[3].kind = Kind::Text;
    assert!(model.predict(&renamed).is_ok());

    let mut missing = table.clone();
    missing.columns.remove(1);
    let error = model.predict(&missing).unwrap_err();
    assert_eq!((error.column.as_str(), error.detail.as_str()), ("flag", "the column 'flag' is missing"));
    let mut mistyped = table;
    mistyped.columns[4].values = Values::Boolean(vec![0; 40]);
    mistyped.columns[4].kind = Kind::Boolean;
    let error = model.predict(&mistyped).unwrap_err();
    assert_eq!(error.column, "many");
    assert!(
        error.detail.contains("is of kind boolean, and the model learned from category"),
        "{}",
        error.detail
    );
}

#[test]
fn answers_have_the_type_of_the_target() {
    let mut contents = one();
    let json = model(&contents).predict(&table()).unwrap().to_json(1);
    assert_eq!(json["prediction"], json!(10));
    assert_eq!(json["probabilities"].as_object().unwrap().keys().collect::<Vec<_>>(), ["0", "10"]);
    contents.target.kind = Kind::Boolean;
    contents.classes = vec!["false".into(), "true".into()];
    assert_eq!(model(&contents).predict(&table()).unwrap().value(1), json!(true));
    contents.target.kind = Kind::Category;
    assert_eq!(model(&contents).predict(&table()).unwrap().value(1), json!("true"));
    let number = every_contents().into_iter().find(|contents| contents.task == Task::Regression).unwrap();
    let predictions = model(&number).predict(&table()).unwrap();
    assert!(predictions.value(0).is_f64() && predictions.probabilities(0).is_none());
    assert_eq!(predictions.to_json(0).len(), 1);
}

#[test]
fn contents_that_do_not_fit_together_are_refused() {
    let refused = |change: &dyn Fn(&mut Contents)| {
        let mut contents = one();
        change(&mut contents);
        let error = Model::load(&contents.to_bytes().unwrap()).unwrap_err();
        assert!(matches!(error, ArtifactError::Invalid(_)), "{error}");
    };
    refused(&|contents| contents.task = Task::Regression);
    refused(&|contents| contents.classes.push("20".into()));
    refused(&|contents| drop(contents.fields.pop()));
    refused(&|contents| contents.fields[0].kind = Kind::Text);
    refused(&|contents| contents.params = "{".into());
    refused(&|contents| contents.members.clear());
    refused(&|contents| contents.members.push(contents.members[0].clone()));
    refused(&|contents| contents.combination = Some(Combination::Mean(vec![0.5, 0.5])));
    refused(&|contents| contents.rule = Rule::Threshold(1.5));
    refused(&|contents| contents.rule = Rule::Costs(crate::decide::Costs::new(vec![vec![0.0; 3]; 3])));
    refused(&|contents| contents.members[0].background = Some(Background::Means(vec![0.0])));
    refused(&|contents| contents.members[0].background = Some(Background::Covers(vec![1])));
    let other = every_contents().into_iter().find(|contents| contents.estimator == "knn").unwrap();
    refused(&|contents| {
        contents.members[0].preprocessor =
            Preprocessor::fit(&[], &[], &Target::Numbers(vec![]), ALL[0].needs(), 0).0;
    });
    refused(&|contents| {
        contents.task = Task::Multiclass;
        contents.classes = vec!["a".into(), "b".into(), "c".into()];
        contents.members[0].fitted = other.members[0].fitted.clone();
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes_are_no_model(bytes: Vec<u8>) {
        prop_assert!(Model::load(&bytes).is_err());
    }

    /// Damage that a sound checksum hides: what loads must predict without a panic.
    #[test]
    fn damaged_contents_are_refused_or_predict(which: prop::sample::Index, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        thread_local! {
            static PAYLOADS: Vec<Vec<u8>> = every_contents().iter().map(|c| postcard::to_stdvec(c).unwrap()).collect();
        }
        let mut payload = PAYLOADS.with(|payloads| payloads[which.index(payloads.len())].clone());
        for (at, byte) in damage {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        if let Ok(model) = Model::load(&container::wrap(&payload).unwrap()) {
            if let Ok(predictions) = model.predict(&table()) {
                for row in 0..predictions.len() {
                    predictions.to_json(row);
                }
                let _ = (model.intervals(&predictions, 0.9), model.explain(&table()));
            }
            let _ = (model.training_profile(), model.preprocessing());
        }
    }
}
