//! `fettle datasets`.

use crate::context::{Context, snapshot};
use std::fmt::Write;

#[test]
fn a_file_becomes_a_data_set_and_its_next_version() {
    let context = Context::new();
    snapshot!("push", context.fettle(&["datasets", "push", "penguins.csv"]));
    let again = context.fettle(&["datasets", "push", "penguins.csv", "--name", "penguins"]).done();
    assert!(again.stdout.starts_with("penguins version 2: ready, 344 rows, 8 columns"), "{again}");
    snapshot!("datasets_list", context.fettle(&["datasets", "list"]));
    let first = context.fettle(&["datasets", "show", "penguins@1"]).done();
    assert!(first.stdout.starts_with("penguins version 1: ready"), "{first}");
}

#[test]
fn a_data_set_can_be_looked_at() {
    let context = Context::with_penguins();
    snapshot!("preview", context.fettle(&["datasets", "preview", "penguins", "--rows", "4"]));
    snapshot!("profile", context.fettle(&["datasets", "profile", "penguins"]));
    context.fettle(&["datasets", "delete", "penguins"]).done();
    snapshot!("dataset_gone", context.fettle(&["datasets", "show", "penguins"]));
}

#[test]
fn a_large_file_goes_to_its_own_address() {
    let context = Context::new();
    let mut text = "number,word\n".to_owned();
    for row in 0..400_000 {
        writeln!(text, "{row}.5,word {}", row % 7).unwrap();
    }
    assert!(text.len() > 5 * 1024 * 1024);
    context.write("large.csv", &text);
    let pushed = context.fettle(&["datasets", "push", "large.csv"]).done();
    assert!(pushed.stdout.starts_with("large version 1: ready, 400,000 rows, 2 columns"), "{pushed}");
}

#[test]
fn without_waiting_the_state_is_told() {
    let context = Context::new();
    let pushed = context.fettle(&["datasets", "push", "penguins.csv", "--no-wait"]).done();
    assert!(pushed.stdout.starts_with("penguins version 1: "), "{pushed}");
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_place() {
    let context = Context::new();
    context.write("ragged.csv", "a,b\n1,2\n3,4\n5,6,7\n8,9\n");
    snapshot!("push_ragged", context.fettle(&["datasets", "push", "ragged.csv"]));
    let shown = context.fettle(&["datasets", "show", "ragged"]).done();
    assert!(
        shown.stdout.starts_with("ragged version 1: failed") && shown.stdout.contains("error: "),
        "{shown}"
    );

    context.write("empty.csv", "");
    context.fettle(&["datasets", "push", "empty.csv"]).failed(1, &["help: "]);
    context.fettle(&["datasets", "push", "missing.csv"]).failed(1, &["missing.csv: No such file"]);
    context.fettle(&["datasets", "push", "."]).failed(2, &["--name"]);
    context.fettle(&["datasets", "push", ".", "--name", "x"]).failed(1, &["not a file"]);
    context
        .fettle(&["datasets", "push", "penguins.csv", "--name", "a/b"])
        .failed(1, &["where: name", "help: "]);
}

#[test]
fn names_with_slashes_are_names() {
    let context = Context::new();
    context.fettle(&["datasets", "show", "../keys"]).failed(1, &["no data set `../keys`"]);
}
