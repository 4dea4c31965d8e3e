//! Models that the tests of the protocols ask.

use crate::limits::Limits;
use fettle_engine::artifact::{Model, Predictions};
use fettle_engine::table::{ReadLimits, decode_rows, profile, read};
use fettle_engine::{Trainer, TrialSpec, plan};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// An artifact that tells species, from columns of every kind.
pub(crate) const SPECIES: &[u8] =
    include_bytes!("../../../engine/tests/golden/v2/decision_tree-multiclass.fettle");

/// An artifact that tells true from false.
const TAME: &[u8] = include_bytes!("../../../engine/tests/golden/v2/decision_tree-binary.fettle");

const ROWS: &str = include_str!("../../../engine/tests/golden/v1/rows.json");

/// A classification by columns of every kind.
pub(crate) fn species() -> Model {
    Model::load(SPECIES).unwrap()
}

/// A classification into booleans.
pub(crate) fn tame() -> Model {
    Model::load(TAME).unwrap()
}

/// A regression by a number `a`, an integer `b` and a boolean `c`.
pub(crate) fn numeric() -> Model {
    static ARTIFACT: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let rows = (0..60).map(|i| {
            let (a, b, c) = (f64::from(i) * 0.5, (i * 7) % 11, i % 3 == 0);
            let y = 2.0 * a - f64::from(b) + if c { 3.5 } else { 0.25 };
            format!("{a:.1},{b},{c},{y:.2}\n")
        });
        let csv = "a,b,c,y\n".to_owned() + &rows.collect::<String>();
        let table = read(csv.as_bytes(), &ReadLimits::default()).unwrap();
        let spec = serde_json::from_value(json!({"target": "y", "task": "regression"})).unwrap();
        let plan = plan(&profile(&table), &spec).unwrap();
        let trainer = Trainer::new(table, plan).unwrap();
        trainer.finish(&TrialSpec::new("linear", Map::new()), &[]).unwrap().artifact
    });
    let model = Model::load(&ARTIFACT).unwrap();
    assert_eq!(model.fields().iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    model
}

/// Rows that the golden models were asked, with the columns of this one.
pub(crate) fn rows(model: &Model) -> Vec<Map<String, Value>> {
    let rows: Vec<Map<String, Value>> = serde_json::from_str(ROWS).unwrap();
    let is_field = |name: &String| model.fields().iter().any(|field| field.name == *name);
    rows.into_iter().map(|row| row.into_iter().filter(|(name, _)| is_field(name)).collect()).collect()
}

/// What the model says of rows.
pub(crate) fn predicted(model: &Model, rows: &[Map<String, Value>]) -> Predictions {
    model.predict(&decode_rows(model.fields(), rows).unwrap()).unwrap()
}

/// Few rows, so that a test reaches the limit.
pub(crate) fn limits() -> Limits {
    Limits { predict_rows: 10, ..Limits::default() }
}
