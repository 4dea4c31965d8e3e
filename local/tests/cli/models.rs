//! `fettle models`, `fettle deploy` and `fettle deployments`.

use crate::context::{Context, snapshot};
use std::fs;

#[test]
fn a_run_becomes_a_model_that_is_served() {
    let context = Context::with_penguins();
    let run = context.train();
    snapshot!("models_register", context.fettle(&["models", "register", "penguins", "--run", &run]));
    context.fettle(&["models", "register", "penguins", "--run", &run]).done();
    snapshot!("models_alias", context.fettle(&["models", "alias", "penguins", "champion", "1"]));
    snapshot!("models_list", context.fettle(&["models", "list"]));
    snapshot!("models_show", context.fettle(&["models", "show", "penguins"]));
    let second = context.fettle(&["models", "show", "penguins", "--version", "2"]).done();
    assert!(second.stdout.starts_with("penguins version 2: logistic"), "{second}");

    snapshot!("deploy", context.fettle(&["deploy", "served", "--model", "penguins"]));
    context.fettle(&["deploy", "pinned", "--model", "penguins", "--version", "2"]).done();
    snapshot!("deployments_list", context.fettle(&["deployments", "list"]));
    snapshot!("deployments_schema", context.fettle(&["deployments", "schema", "served"]));
    let shown = context.fettle(&["deployments", "show", "pinned"]).done();
    assert!(shown.stdout.starts_with("pinned serves penguins version 2\n"), "{shown}");
    context.fettle(&["deployments", "delete", "pinned"]).done();
    context.fettle(&["deployments", "show", "pinned"]).failed(1, &["pinned"]);
}

#[test]
fn an_artifact_is_downloaded_whole() {
    let context = Context::deployed();
    context.fettle(&["models", "download", "penguins", "1", "-o", "penguins.fettle"]).done();
    let bytes = fs::metadata(context.path().join("penguins.fettle")).unwrap().len();
    let version = context.fettle(&["models", "show", "penguins", "--version", "1", "--json"]).json();
    assert_eq!(version["bytes"].as_u64(), Some(bytes));

    let missing = context.fettle(&["models", "download", "penguins", "9", "-o", "nine.fettle"]);
    missing.failed(1, &[]);
    assert!(!context.path().join("nine.fettle").exists());
}

#[test]
fn an_alias_goes_and_what_follows_it_is_told() {
    let context = Context::deployed();
    context.fettle(&["models", "alias", "penguins", "canary", "1"]).done();
    context.fettle(&["models", "unalias", "penguins", "canary"]).done();
    let shown = context.fettle(&["models", "show", "penguins"]).done();
    assert!(!shown.stdout.contains("canary"), "{shown}");
    context.fettle(&["models", "alias", "penguins", "champion", "7"]).failed(1, &[]);
}

#[test]
fn traffic_is_shifted_and_goes_back() {
    let context = Context::deployed();
    let run = context.train();
    context.fettle(&["models", "register", "penguins", "--run", &run]).done();
    let shift = ["deployments", "shift", "penguins", "--to", "champion=90", "--to", "2=10", "--shadow", "1"];
    snapshot!("deployments_shift", context.fettle(&[&shift[..], &["--auto", "2", "--step", "20"]].concat()));
    snapshot!("deployments_show", context.fettle(&["deployments", "show", "penguins"]));
    context.fettle(&["deployments", "shift", "penguins", "--to", "1=50%"]).failed(1, &["50", "100"]);
    context.fettle(&["deployments", "shift", "penguins", "--to", "1=half"]).failed(2, &["half"]);
    snapshot!("deployments_rollback", context.fettle(&["deployments", "rollback", "penguins"]));
    snapshot!("deployments_pause", context.fettle(&["deployments", "pause", "penguins"]));
    context.fettle(&["deployments", "resume", "penguins"]).done();
    let set = ["deployments", "set", "penguins", "--limit", "600", "--sensitive", "sex"];
    snapshot!("deployments_set", context.fettle(&set));
    let history = context.fettle(&["deployments", "history", "penguins"]).done();
    for what in ["created", "traffic", "rolled back", "paused", "resumed", "configured", "v2 10 %"] {
        assert!(history.stdout.contains(what), "{history}");
    }
    let metrics = context.fettle(&["deployments", "metrics", "penguins"]).done();
    assert!(metrics.stdout.contains("requests"), "{metrics}");
    let request = format!("req_{}", "0".repeat(32));
    context.fettle(&["deployments", "feedback", "penguins", &request, "Adelie"]).failed(1, &[&request]);
}

#[test]
fn what_is_unknown_or_taken_is_refused() {
    let context = Context::deployed();
    context.fettle(&["models", "show", "walrus"]).failed(1, &["walrus"]);
    context.fettle(&["models", "register", "walrus", "--run", "run_nothing"]).failed(1, &["run_nothing"]);
    context.fettle(&["deploy", "penguins", "--model", "penguins"]).failed(1, &["penguins"]);
    context.fettle(&["deploy", "other", "--model", "walrus"]).failed(1, &["walrus"]);
    context.fettle(&["deployments", "schema", "walrus"]).failed(1, &["walrus"]);
}
