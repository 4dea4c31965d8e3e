//! `--json`: the API's own JSON, for programs.

use crate::context::Context;

#[test]
fn every_answer_is_json() {
    let context = Context::deployed();
    let run =
        context.fettle(&["runs", "list", "--json"]).json()["items"][0]["id"].as_str().unwrap().to_owned();
    for (arguments, part) in [
        (&["datasets", "list"][..], "items"),
        (&["datasets", "show", "penguins"], "columns"),
        (&["datasets", "preview", "penguins"], "rows"),
        (&["datasets", "profile", "penguins"], "columns"),
        (&["datasets", "push", "penguins.csv"], "sha256"),
        (&["datasets", "push", "penguins.csv", "--no-wait"], "version"),
        (&["train", "penguins@1", "--target", "sex", "--estimators", "dummy"], "id"),
        (&["train", "penguins@1", "--target", "sex", "--estimators", "dummy", "--wait"], "leaderboard"),
        (&["runs", "list"], "items"),
        (&["runs", "show", &run], "leaderboard"),
        (&["runs", "watch", &run], "leaderboard"),
        (&["models", "register", "other", "--run", &run], "lineage"),
        (&["models", "list"], "items"),
        (&["models", "show", "penguins"], "aliases"),
        (&["models", "show", "penguins", "--version", "1"], "schema"),
        (&["models", "alias", "other", "canary", "1"], "aliases"),
        (&["deploy", "other", "--model", "other", "--version", "1"], "model"),
        (&["deployments", "list"], "items"),
        (&["deployments", "show", "penguins"], "version"),
        (&["deployments", "schema", "penguins"], "inputs"),
        (&["predict", "penguins", "penguins.csv"], "predictions"),
        (&["keys", "create", "one", "--role", "viewer"], "key"),
        (&["keys", "list"], "items"),
        (&["secrets", "list"], "items"),
        (&["secrets", "rotate"], "rotated"),
        (&["queues", "list"], "items"),
        (&["queues", "dead", "trial"], "items"),
        (&["queues", "redrive", "trial"], "redriven"),
        (&["openapi"], "paths"),
    ] {
        let json = context.fettle(&[arguments, &["--json"]].concat()).json();
        assert!(
            json.get(part).is_some_and(|part| !part.is_null()),
            "{part} in the answer to {arguments:?}: {json}"
        );
    }
}

#[test]
fn a_list_of_many_pages_is_one() {
    let context = Context::new();
    for number in 0..205 {
        context.fettle(&["keys", "create", &format!("key-{number}"), "--role", "viewer"]).done();
    }
    let keys = context.fettle(&["keys", "list", "--json"]).json();
    assert!(keys["items"].as_array().unwrap().len() >= 205);
    assert!(keys["next_cursor"].is_null());
}
