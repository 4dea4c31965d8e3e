//! `fettle predict --batch` and `fettle batches`.

use crate::context::{Context, PENGUINS};
use serde_json::Value;
use std::fs;

/// The penguins, and one more with a word where a number belongs.
fn with_a_bad_row() -> String {
    let header = PENGUINS.lines().next().unwrap();
    format!("{PENGUINS}{}\n", header.replace("island", "Dream").replace("sex", "male"))
}

#[test]
fn a_data_set_is_predicted_and_downloaded() {
    let context = Context::deployed();
    let args = ["predict", "penguins", "--batch", "--dataset", "penguins", "--out", "out"];
    let ran = context.fettle(&args).done();
    assert!(ran.stdout.contains("344 rows predicted, 0 faulty"), "{ran}");
    assert!(ran.stderr.contains("wrote 1 parts with 344 rows in out"), "{ran}");
    let part = fs::read(context.path().join("out/part-00001.parquet")).unwrap();
    assert!(part.starts_with(b"PAR1") && part.ends_with(b"PAR1"));

    let list = context.fettle(&["batches", "list", "--json"]).json();
    let id = list["items"][0]["id"].as_str().unwrap();
    assert!(context.fettle(&["batches", "list"]).done().stdout.contains("penguins@1"));
    // What is damaged is fetched again.
    fs::write(context.path().join("out/part-00001.parquet"), b"PAR1").unwrap();
    context.fettle(&["batches", "download", id, "--out", "out"]).done();
    assert_eq!(fs::read(context.path().join("out/part-00001.parquet")).unwrap(), part);
    context.fettle(&["batches", "cancel", id]).failed(1, &["ended as succeeded"]);
    context.fettle(&["batches", "delete", id]).done();
    context.fettle(&["batches", "show", id]).failed(1, &[id]);
}

#[test]
fn a_file_is_uploaded_and_its_bad_rows_are_told() {
    let context = Context::deployed();
    context.write("new.csv", &with_a_bad_row());
    let args = ["predict", "penguins", "--batch", "new.csv", "--format", "csv", "--include", "island"];
    let ran = context.fettle(&[&args[..], &["--out", "out"]].concat()).done();
    assert!(ran.stdout.contains("344 rows predicted, 1 faulty"), "{ran}");
    assert!(ran.stderr.contains("1 rows have no prediction"), "{ran}");
    let text = fs::read_to_string(context.path().join("out/part-00001.csv")).unwrap();
    let header = "row,island,prediction,probability_Adelie,probability_Chinstrap,probability_Gentoo";
    assert_eq!((text.lines().next(), text.lines().count()), (Some(header), 345));
    let errors = fs::read_to_string(context.path().join("out/errors-00001.jsonl")).unwrap();
    let error: Value = serde_json::from_str(errors.trim()).unwrap();
    assert_eq!(error["row"], 345);
    let manifest = fs::read_to_string(context.path().join("out/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["parts"][0]["rows"], 344);

    // Without waiting, and watched.
    let batch = context.fettle(&[&args[..], &["--json"]].concat()).json();
    let id = batch["id"].as_str().unwrap();
    let watched = context.fettle(&["batches", "watch", id, "--json"]).json();
    assert_eq!((&watched["status"], &watched["faulty"]), (&"succeeded".into(), &1.into()));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let context = Context::without_server();
    for args in [
        &["predict", "penguins"][..],
        &["predict", "penguins", "--batch"],
        &["predict", "penguins", "--dataset", "penguins"],
        &["predict", "penguins", "--batch", "penguins.csv", "--dataset", "penguins"],
        &["predict", "penguins", "penguins.csv", "--out", "out"],
    ] {
        let ran = context.fettle(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {ran}");
    }
}
