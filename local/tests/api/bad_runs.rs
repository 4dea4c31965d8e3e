//! Runs that can not be planned: refused at once, with the field and the remedy, and nothing written.

use crate::client::{Client, Platform};
use serde_json::{Value, json};
use std::fmt::Write as _;

fn rows(header: &str, count: usize, row: impl Fn(usize) -> String) -> String {
    (0..count).fold(format!("{header}\n"), |mut text, n| {
        let _ = writeln!(text, "{}", row(n));
        text
    })
}

#[track_caller]
fn refused(client: &Client, request: &Value, code: &str, said: &[&str]) {
    let problem = client.post("/v1/runs", request).problem(422, code, said);
    assert!(problem["remedy"].is_string() && problem["where"]["field"].is_string(), "{problem}");
}

#[test]
fn a_target_that_can_not_be_learned_is_refused() {
    let platform = Platform::new();
    let client = platform.client();
    let table = rows("x,constant,empty,words,rare,cls,wild", 60, |n| {
        let words = format!("every row has a sentence of its own here number {n} of many");
        let rare = if n == 7 { "odd" } else { ["a", "b"][n % 2] };
        let wild = if n == 3 { "inf".to_owned() } else { format!("{}.5", n * n % 17) };
        format!("{}.25,same,,{words},{rare},{},{wild}", n * 7 % 13, ["u", "v", "w"][n % 3])
    });
    assert_eq!(client.push("t", table.as_bytes())["status"], "ready");
    let run = |more: Value| {
        let mut request = json!({"dataset": "t", "target": "cls"});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    refused(&client, &run(json!({"target": "clas"})), "target-missing", &["cls"]);
    refused(&client, &run(json!({"target": "constant"})), "target-constant", &["constant"]);
    refused(&client, &run(json!({"target": "empty"})), "target-empty", &["empty"]);
    refused(&client, &run(json!({"target": "cls", "task": "regression"})), "target-unsuitable", &["cls"]);
    refused(&client, &run(json!({"target": "rare"})), "class-too-small", &["odd"]);
    refused(&client, &run(json!({"target": "wild"})), "target-infinite", &["wild"]);
    refused(&client, &run(json!({"metric": "rmse"})), "metric-unsuitable", &["rmse"]);
    refused(
        &client,
        &run(json!({"estimators": ["magic"]})),
        "estimator-unknown",
        &["magic", "random_forest"],
    );
    refused(&client, &run(json!({"folds": 1})), "out-of-range", &["folds"]);
    refused(&client, &run(json!({"folds": 21})), "out-of-range", &["folds"]);
    refused(&client, &run(json!({"test_fraction": 0.9})), "out-of-range", &["test_fraction"]);
    refused(&client, &run(json!({"max_trials": 0})), "out-of-range", &["max_trials"]);
    let few = rows("x,cls", 30, |n| format!("{}.5,{}", n * n % 7, if n < 4 { "few" } else { "many" }));
    client.push("few", few.as_bytes());
    refused(
        &client,
        &json!({"dataset": "few", "target": "cls", "folds": 5}),
        "class-too-small",
        &["few", "5"],
    );

    client.post("/v1/runs", &run(json!({"fold": 5}))).problem(422, "invalid-field", &["fold"]);
    client.post("/v1/runs", &run(json!({"folds": "five"}))).problem(422, "invalid-field", &[]);
    client.post("/v1/runs", &run(json!({"time_budget_s": 0}))).problem(
        422,
        "invalid-field",
        &["time_budget_s"],
    );
    client.post("/v1/runs", &run(json!({"experiment": "a/b"}))).problem(
        422,
        "invalid-field",
        &["experiment"],
    );
    client.post("/v1/runs", &run(json!({"dataset": "nothing"}))).problem(404, "not-found", &["nothing"]);
    assert_eq!(client.get("/v1/runs").json(200)["items"], json!([]), "nothing was written");
}

#[test]
fn a_table_without_features_is_refused() {
    let platform = Platform::new();
    let client = platform.client();
    let table = rows("id,same,cls", 40, |n| format!("{n},1,{}", ["u", "v"][n % 2]));
    client.push("t", table.as_bytes());
    refused(&client, &json!({"dataset": "t", "target": "cls"}), "no-features", &[]);
}

#[test]
fn infinities_in_a_feature_and_few_rows_are_lived_with_and_said() {
    let platform = Platform::new();
    let client = platform.client();
    let table = rows("x,z,cls", 20, |n| {
        let x = if n == 3 { "inf".to_owned() } else { format!("{}.5", n * n % 11) };
        format!("{x},{},{}", n * 3 % 7, ["u", "v"][usize::from(n % 5 > 1)])
    });
    client.push("t", table.as_bytes());
    let run = client.post("/v1/runs", &json!({"dataset": "t", "target": "cls"})).json(202);
    let run = client.finished(run["id"].as_str().unwrap());
    assert_eq!(run["status"], "succeeded", "{run}");
    assert!(run["notes"].to_string().contains("infinite"), "{}", run["notes"]);
}

#[test]
fn a_budget_of_one_second_ends() {
    let platform = Platform::with(&[("FETTLE_WORKERS", "1")]);
    let client = platform.client();
    let table = rows("x,y,z,target", 30_000, |n| {
        format!("{},{},{},{}.5", n * 7 % 1013, n * 13 % 997, n % 31, n * n % 9973)
    });
    client.push("t", table.as_bytes());
    let run =
        client.post("/v1/runs", &json!({"dataset": "t", "target": "target", "time_budget_s": 1})).json(202);
    let run = client.finished(run["id"].as_str().unwrap());
    let statuses: Vec<&str> = run["leaderboard"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["status"].as_str().unwrap())
        .collect();
    assert!(statuses.contains(&"skipped"), "{statuses:?}");
    assert!(run["leaderboard"].to_string().contains("time budget of 1 s"), "{run}");
}
