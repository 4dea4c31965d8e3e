//! `fettle keys`, and what a key may do.

use crate::context::{Context, snapshot};

#[test]
fn a_key_is_shown_once_and_worthless_once_revoked() {
    let context = Context::deployed();
    let made = context.fettle(&["keys", "create", "scorer", "--role", "predictor"]).done();
    let key = made.stdout.trim().to_owned();
    assert!(made.stderr.contains("this once") && !key.contains(char::is_whitespace), "{made}");
    snapshot!("keys_list", context.fettle(&["keys", "list"]));
    assert!(!context.fettle(&["keys", "list"]).stdout.contains(&key));

    context.fettle(&["predict", "penguins", "penguins.csv", "--key", &key]).done();
    snapshot!("not_allowed", context.fettle(&["datasets", "list", "--key", &key]));

    let keys = context.fettle(&["keys", "list", "--json"]).json();
    let of_scorer =
        keys["items"].as_array().unwrap().iter().find(|key| key["name"] == "scorer").unwrap().clone();
    context.fettle(&["keys", "revoke", of_scorer["id"].as_str().unwrap()]).done();
    context.fettle(&["predict", "penguins", "penguins.csv", "--key", &key]).failed(4, &[]);
}

#[test]
fn a_viewer_looks_and_changes_nothing() {
    let context = Context::with_penguins();
    let key =
        context.fettle(&["keys", "create", "looker", "--role", "viewer"]).done().stdout.trim().to_owned();
    context.fettle(&["datasets", "show", "penguins", "--key", &key]).done();
    for arguments in [
        &["datasets", "delete", "penguins"][..],
        &["datasets", "push", "penguins.csv"],
        &["train", "penguins", "--target", "species"],
        &["keys", "list"],
    ] {
        context.fettle(&[arguments, &["--key", &key]].concat()).failed(4, &[]);
    }
}
