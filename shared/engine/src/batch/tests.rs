use super::*;
use crate::table::{Kind, ReadLimits, Table, read};

const ROWS: &[u8] = include_bytes!("../../tests/golden/v1/training.csv");

fn model(bytes: &[u8]) -> Model {
    Model::load(bytes).unwrap()
}

fn slice(first: u64) -> Slice {
    let table = read(ROWS, &ReadLimits::default()).unwrap();
    let rows = (first..first + table.rows as u64).collect();
    Slice { table, rows, faults: Vec::new() }
}

fn written(format: Format, model: &Model, carried: &[Field]) -> Table {
    let mut part = Part::new(format, carried, model).unwrap();
    for first in [1, 101] {
        let slice = slice(first);
        part.write(&slice, &model.predict(&slice.table).unwrap()).unwrap();
    }
    let (rows, about) = (part.rows(), part.bytes());
    let bytes = part.finish().unwrap();
    assert!(about > 0 && bytes.len() > 100);
    let table = read(&bytes, &ReadLimits::default()).unwrap();
    assert_eq!(table.rows as u64, rows);
    table
}

#[test]
fn both_forms_hold_the_same_results() {
    let table = slice(1).table;
    let carried: Vec<Field> = table.fields();
    for bytes in [
        &include_bytes!("../../tests/golden/v2/logistic-binary.fettle")[..],
        include_bytes!("../../tests/golden/v2/logistic-multiclass.fettle"),
        include_bytes!("../../tests/golden/v2/ridge-regression.fettle"),
    ] {
        let model = model(bytes);
        let predictions = model.predict(&table).unwrap();
        for carried in [&[][..], &carried] {
            let (parquet, csv) =
                (written(Format::Parquet, &model, carried), written(Format::Csv, &model, carried));
            let names =
                |table: &Table| table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
            assert_eq!(names(&parquet), names(&csv));
            assert_eq!(parquet.columns.len(), 2 + carried.len() + model.classes().len());
            for (one, other) in [&parquet, &csv].map(|table| table.head(usize::MAX)).into_iter().map(|head| {
                let at = predictions.len() + 3;
                (head[at].clone(), predictions.to_json(3))
            }) {
                assert_eq!(one["row"], 104);
                let number = |value: &Value| value.as_f64();
                assert!(
                    one["prediction"] == other["prediction"]
                        || number(&one["prediction"])
                            .is_some_and(|p| number(&other["prediction"]) == Some(p)),
                    "{one:?} {other:?}"
                );
                for class in model.classes() {
                    assert_eq!(one[&format!("probability_{class}")], other["probabilities"][class]);
                }
            }
        }
    }
}

#[test]
fn a_column_that_is_carried_along_keeps_its_name() {
    let field = |name: &str| Field { name: name.into(), kind: Kind::Text };
    let names = Names::new(&[field("row"), field("prediction"), field("prediction_")], &["a".to_owned()]);
    assert_eq!((names.row.as_str(), names.prediction.as_str()), ("row_", "prediction__"));
    assert_eq!(names.probabilities, ["probability_a"]);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let model = model(include_bytes!("../../tests/golden/v2/dummy-binary.fettle"));
    let slice = slice(1);
    let predictions = model.predict(&slice.table).unwrap();
    for format in [Format::Parquet, Format::Csv] {
        let absent = [Field { name: "absent".into(), kind: Kind::Text }];
        assert!(Part::new(format, &absent, &model).unwrap().write(&slice, &predictions).is_err());
        let mut fewer = slice.clone();
        fewer.rows.pop();
        assert!(Part::new(format, &[], &model).unwrap().write(&fewer, &predictions).is_err());
    }
}
