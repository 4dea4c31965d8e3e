//! `fettle train` and `fettle runs`.

use crate::context::{Context, snapshot};

const FAST: [&str; 6] = ["--estimators", "dummy,logistic", "--folds", "3", "--seed", "1"];

#[test]
fn with_wait_it_ends_in_a_leaderboard() {
    let context = Context::with_penguins();
    let trained =
        context.fettle(&[&["train", "penguins", "--target", "species", "--wait"], &FAST[..]].concat()).done();
    assert!(trained.stderr.contains("run_"), "{trained}");
    snapshot!("train_wait", trained.stdout);
    snapshot!("runs_list", context.fettle(&["runs", "list"]));
}

#[test]
fn without_wait_it_gives_the_id_and_says_how_to_watch() {
    let context = Context::with_penguins();
    let begun = context.fettle(&[&["train", "penguins", "--target", "species"], &FAST[..]].concat()).done();
    let run = begun.stdout.trim();
    assert!(run.starts_with("run_") && begun.stderr.contains(&format!("fettle runs watch {run}")), "{begun}");
    let watched = context.fettle(&["runs", "watch", run]).done();
    let shown = context.fettle(&["runs", "show", run]).done();
    assert_eq!(watched.stdout, shown.stdout);
}

#[test]
fn a_file_is_pushed_first() {
    let context = Context::new();
    let arguments =
        ["train", "./penguins.csv", "--target", "body_mass_g", "--task", "regression", "--metric", "mae"];
    let trained =
        context.fettle(&[&arguments, &["--wait", "--estimators", "dummy,ridge"][..]].concat()).done();
    assert!(trained.stderr.contains("data set penguins version 1"), "{trained}");
    assert!(trained.stdout.contains("regression `body_mass_g` of penguins@1"), "{trained}");
    assert!(trained.stdout.contains("mae"), "{trained}");
    context.fettle(&["train", "none.csv", "--target", "x"]).failed(1, &["none.csv: no such file"]);
}

#[test]
fn what_can_not_be_trained_is_said_with_its_field() {
    let context = Context::with_penguins();
    snapshot!("train_unknown_target", context.fettle(&["train", "penguins", "--target", "specie"]));
    context.fettle(&["train", "walrus", "--target", "x"]).failed(1, &["no data set `walrus`"]);
    let folds = ["train", "penguins", "--target", "species", "--folds", "1000"];
    context.fettle(&folds).failed(1, &["where: folds", "help: "]);
    let estimators = ["train", "penguins", "--target", "species", "--estimators", "oracle"];
    context.fettle(&estimators).failed(1, &["oracle"]);
}

#[test]
fn a_cancelled_run_is_a_failure_to_who_waits() {
    let context = Context::with_penguins();
    // All estimators on many folds: long enough to be cancelled in between.
    let arguments = ["train", "penguins", "--target", "species", "--folds", "20"];
    let run = context.fettle(&arguments).done().stdout.trim().to_owned();
    let cancelled = context.fettle(&["runs", "cancel", &run]).done();
    assert_eq!(cancelled.stdout, format!("run {run} is cancelled\n"));
    context.fettle(&["runs", "watch", &run]).failed(1, &["was cancelled"]);
    context.fettle(&["runs", "show", &run]).done();
}

#[test]
fn an_unknown_run_is_said_to_be_unknown() {
    let context = Context::new();
    for verb in ["show", "watch", "cancel"] {
        context.fettle(&["runs", verb, "run_nothing"]).failed(1, &["no run `run_nothing`"]);
    }
}

#[test]
fn what_mistakes_cost_is_given_by_mistake_or_by_class() {
    let context = Context::with_penguins();
    let train = ["train", "penguins", "--target", "species", "--metric", "cost", "--wait", "--cost"];
    let trained = context.fettle(&[&train[..], &["Gentoo:Adelie=7"], &FAST[..]].concat()).done();
    assert!(trained.stdout.contains("cost"), "{trained}");
    context.fettle(&[&train[..], &["dear"]].concat()).failed(2, &["`dear` is no cost", "false_negative=5"]);
    context
        .fettle(&[&train[..], &["false_negative=5"]].concat())
        .failed(1, &["where: costs.false_negative", "two classes"]);
}
