use serde_json::json;

use super::*;
use crate::plan::{RunSpec, plan};
use crate::table::{ReadLimits, Table, profile, read};

fn trainer(table: &Table, spec: serde_json::Value) -> Trainer {
    let spec: RunSpec = serde_json::from_value(spec).unwrap();
    Trainer::new(table.clone(), plan(&profile(table), &spec).unwrap()).unwrap()
}

fn table(header: &str, rows: usize, row: impl Fn(usize) -> String) -> Table {
    let csv = (0..rows).fold(format!("{header}\n"), |csv, i| csv + &row(i) + "\n");
    read(csv.as_bytes(), &ReadLimits::default()).unwrap()
}

fn noise(i: usize) -> f64 {
    ((i as f64 * 12.9898).sin() * 43_758.547).fract().abs()
}

fn found(trainer: &Trainer) -> Vec<(Option<&str>, WarningKind)> {
    trainer.warnings().iter().map(|warning| (warning.column.as_deref(), warning.kind)).collect()
}

#[test]
fn features_that_know_the_target_are_found() {
    use WarningKind::{Leakage, TargetCopy};
    let table = table("honest,copy,near,code,price,paid,ill", 300, |i| {
        let (x, ill) = (noise(i), noise(i + 999) > 0.6);
        let score = if ill { 5.0 + x } else { 4.9 * x };
        let code = ["a", "b", "c", "d"][usize::from(ill) * 2 + i % 2];
        let flag = if ill { "y" } else { "n" };
        format!("{x:.6},{flag},{score:.4},{code},{:.4},{:.4},{ill}", 100.0 * x, (30.0 * x).exp())
    });
    let classes = trainer(&table, json!({"target": "ill"}));
    assert_eq!(
        found(&classes),
        [(Some("copy"), TargetCopy), (Some("near"), Leakage), (Some("code"), Leakage)]
    );
    assert!(classes.warnings()[1].detail.contains("an AUC of 1.0000"), "{:?}", classes.warnings());
    let numbers = trainer(&table, json!({"target": "price"}));
    assert_eq!(found(&numbers), [(Some("honest"), Leakage), (Some("paid"), Leakage)]);
    assert!(numbers.warnings()[1].detail.contains("R²"));
}

#[test]
fn keys_and_duplicate_rows_are_found() {
    let doubled = table("count,x,y", 200, |i| {
        let of = i % 60;
        format!("{},{:.5},{}", 10 + i * 3, noise(of), if noise(of + 77) > 0.5 { "a" } else { "b" })
    });
    let with = trainer(&doubled, json!({"target": "y"}));
    assert_eq!(found(&with), [(Some("count"), WarningKind::Identifier)]);
    let without = doubled.columns.iter().filter(|column| column.name != "count").cloned().collect();
    let doubled = Table { columns: without, rows: doubled.rows };
    let warnings = trainer(&doubled, json!({"target": "y"}));
    assert_eq!(found(&warnings), [(None, WarningKind::DuplicateRows)]);
    let detail = &warnings.warnings()[0].detail;
    assert!(detail.contains("of the 40 test rows") && detail.contains("'group'"), "{detail}");
    let honest = table("x,z,y", 200, |i| {
        format!("{:.5},{:.5},{}", noise(i), noise(i + 500), if noise(i + 77) > 0.5 { "a" } else { "b" })
    });
    assert_eq!(found(&trainer(&honest, json!({"target": "y"}))), []);
}
