//! Deployments of several variants: who answers whom, what is written down of it, and going back.

use crate::client::{Client, PATIENCE, Platform};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

fn row() -> Value {
    json!({"island": "Biscoe", "bill_length_mm": 47.5, "bill_depth_mm": 15.0, "flipper_length_mm": 217,
           "body_mass_g": 5200, "sex": "male", "year": 2009})
}

/// Versions 1 (logistic) and 2 (the baseline, which answers the same to everybody), deployed as `penguins`.
fn two_versions(client: &Client) {
    client.deployed();
    let runs = client.get("/v1/runs").json(200);
    let run = client.get(&format!("/v1/runs/{}", runs["items"][0]["id"].as_str().unwrap())).json(200);
    let last = &run["leaderboard"][1];
    assert_eq!(last["estimator"], "dummy");
    let second = json!({"name": "penguins", "run": run["id"], "trial": last["trial"]});
    assert_eq!(client.post("/v1/models", &second).json(201)["version"], 2);
}

fn ask(client: &Client, sticky: &str) -> Value {
    let headers = [("content-type", "application/json"), ("fettle-sticky", sticky)];
    let body = json!({"rows": [row()]}).to_string();
    client.send("POST", "/v1/deployments/penguins/predict", &headers, body.as_bytes()).json(200)
}

/// Figures of the deployment once they say what is waited for.
fn metrics(client: &Client, until: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let metrics = client.get("/v1/deployments/penguins/metrics").json(200);
        if until(&metrics) {
            return metrics;
        }
        assert!(begun.elapsed() < PATIENCE, "{metrics}");
        sleep(Duration::from_millis(100));
    }
}

#[test]
fn traffic_is_shared_and_everybody_keeps_the_same_variant() {
    let platform = Platform::new();
    let client = platform.client();
    two_versions(&client);
    let shift = |variants: Value| {
        client.post("/v1/deployments/penguins/traffic", &json!({ "variants": variants })).json(200)
    };
    let shifted = shift(json!([{ "alias": "champion", "weight": 80 }, { "version": 2, "weight": 20 }]));
    assert_eq!(
        shifted["variants"][1],
        json!({"name": "v2", "alias": null, "version": 2, "weight": 20,
                                              "shadow": false})
    );
    assert_eq!((&shifted["alias"], &shifted["version"]), (&json!("champion"), &json!(1)));
    let who = || -> BTreeMap<usize, String> {
        let answered =
            |n: usize| ask(&client, &format!("customer {n}"))["variant"].as_str().unwrap().to_owned();
        (0..100).map(|n| (n, answered(n))).collect()
    };
    let first = who();
    let canary = first.values().filter(|variant| *variant == "v2").count();
    assert!((5..40).contains(&canary), "{canary} of 100");
    assert_eq!(who(), first, "who answered somebody answers again");
    shift(json!([{ "alias": "champion", "weight": 50 }, { "version": 2, "weight": 50 }]));
    for (n, variant) in who() {
        assert!(first[&n] == "champion" || variant == "v2", "{n} was taken the canary from");
    }

    // Back, step by step, to what served before.
    let back = || client.post("/v1/deployments/penguins/rollback", &json!({}));
    assert_eq!(back().json(200)["variants"][1]["weight"], 20);
    assert_eq!(back().json(200)["variants"].as_array().unwrap().len(), 1);
    back().problem(409, "wrong-state", &["nothing served before"]);
    let history = client.get("/v1/deployments/penguins/history").json(200);
    let what: Vec<&str> =
        history["items"].as_array().unwrap().iter().map(|change| change["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["rolled_back", "rolled_back", "traffic", "traffic", "created"]);
    assert_eq!(history["items"][0]["by"], history["items"][4]["by"]);
}

#[test]
fn an_alias_that_moved_is_rolled_back_to_the_version_before() {
    let platform = Platform::new();
    let client = platform.client();
    two_versions(&client);
    client.put("/v1/models/penguins/aliases/champion", &json!({"version": 2})).json(200);
    assert_eq!(client.get("/v1/deployments/penguins").json(200)["version"], 2);
    let back = client.post("/v1/deployments/penguins/rollback", &json!({})).json(200);
    assert_eq!((&back["version"], &back["alias"]), (&json!(1), &Value::Null));
    assert_eq!(ask(&client, "")["version"], 1);
    // The alias is others' too, and stays.
    assert_eq!(client.get("/v1/models/penguins").json(200)["aliases"]["champion"], 2);
    client.post("/v1/deployments/penguins/rollback", &json!({})).problem(409, "wrong-state", &[]);
}

#[test]
fn what_was_served_is_counted_logged_and_compared_with_what_happened() {
    let platform = Platform::new();
    let client = platform.client();
    two_versions(&client);
    let lineup = json!({"variants": [{}, {"name": "dark", "version": 2, "shadow": true}]});
    client.post("/v1/deployments/penguins/traffic", &lineup).json(200);
    client.put("/v1/deployments/penguins/settings", &json!({"sensitive": ["sex"]})).json(200);
    let answers: Vec<Value> = (0..30).map(|n| ask(&client, &n.to_string())).collect();
    assert!(answers.iter().all(|answer| answer["variant"] == "champion"), "a shadow has answered");
    let refused = client.post("/v1/deployments/penguins/predict", &json!({"rows": [{}]}));
    refused.problem(422, "row-does-not-fit", &[]);
    let figures = metrics(&client, |metrics| metrics["variants"]["dark"]["requests"] == 30);
    let all = &figures["all"];
    assert_eq!(
        (&all["requests"], &all["rows"], &all["refused"], &all["errors"]),
        (&json!(31), &json!(30), &json!(1), &json!(0))
    );
    let millis = |of: &str| all[of].as_f64().unwrap();
    assert!(millis("p50_ms") > 0.0 && millis("p50_ms") <= millis("p95_ms"), "{all}");
    assert!(millis("p95_ms") <= millis("p99_ms"), "{all}");
    assert_eq!(figures["step_s"], 60);
    let in_series: u64 =
        figures["series"].as_array().unwrap().iter().map(|point| point["requests"].as_u64().unwrap()).sum();
    assert_eq!(in_series, 31);

    // The truth is told, once or twice, and joined with both who answered and who did not.
    let tell = |answer: &Value, actual: &str| {
        let body = json!({"request_id": answer["request_id"], "actual": actual});
        client.post("/v1/deployments/penguins/feedback", &body)
    };
    for answer in &answers {
        let told = tell(answer, "Gentoo").json(200);
        assert_eq!((&told["prediction"], &told["version"]), (&json!("Gentoo"), &json!(1)));
        tell(answer, "Gentoo").json(200);
    }
    tell(&answers[0], "Adelie").problem(409, "wrong-state", &["Gentoo"]);
    let other = ask(&client, "later");
    metrics(&client, |metrics| metrics["variants"]["dark"]["requests"] == 31);
    let body = json!({"request_id": other["request_id"], "actual": 3});
    client.post("/v1/deployments/penguins/feedback", &body).problem(422, "invalid-field", &["actual", "3"]);
    let body = json!({"request_id": answers[0]["request_id"], "index": 7, "actual": "Adelie"});
    client.post("/v1/deployments/penguins/feedback", &body).problem(422, "invalid-field", &["index"]);
    let body = json!({"request_id": "req_1", "actual": "Adelie"});
    client.post("/v1/deployments/penguins/feedback", &body).problem(404, "not-found", &["request_id"]);
    let figures = metrics(&client, |metrics| metrics["all"]["quality"]["rows"] == 30);
    assert_eq!(figures["all"]["quality"]["accuracy"], 1.0);
    assert!(figures["all"]["quality"]["log_loss"].as_f64().unwrap() < 0.1, "{figures}");
    assert_eq!(figures["variants"]["dark"]["quality"]["accuracy"], 0.0);
}

#[test]
fn a_paused_or_limited_deployment_says_so() {
    let platform = Platform::new();
    let client = platform.client();
    client.deployed();
    let predict = || client.post("/v1/deployments/penguins/predict", &json!({"rows": [row()]}));
    let change = |what: &str| client.post(&format!("/v1/deployments/penguins/{what}"), &json!({})).json(200);
    assert_eq!(change("pause")["paused"], true);
    let revision = change("pause")["revision"].clone();
    predict().problem(503, "paused", &["penguins", "resume"]);
    assert_ne!(change("resume")["revision"], revision);
    predict().json(200);

    client.put("/v1/deployments/penguins/settings", &json!({"requests_per_minute": 3})).json(200);
    // Never more than three in a minute, whichever minute it is.
    let statuses: Vec<u16> = (0..8).map(|_| predict().status).collect();
    assert!(statuses.iter().filter(|status| **status == 200).count() <= 6, "{statuses:?}");
    let refused = (0..8).map(|_| predict()).find(|got| got.status == 429).unwrap();
    refused.problem(429, "too-many-requests", &["3 requests"]);
    assert_eq!(refused.header("retry-after"), "60");
    for (settings, field) in [
        (json!({"requests_per_minute": 0}), "requests_per_minute"),
        (json!({"log_sample": 1.5}), "log_sample"),
        (json!({"sample": 1}), "unknown field"),
    ] {
        client.put("/v1/deployments/penguins/settings", &settings).problem(422, "invalid-field", &[field]);
    }
}

#[test]
fn a_line_up_that_can_not_be_served_is_refused() {
    let platform = Platform::new();
    let client = platform.client();
    client.deployed();
    let shift = |body: Value| client.post("/v1/deployments/penguins/traffic", &body);
    for (body, status, code, said) in [
        (json!({"variants": []}), 422, "invalid-field", "1 to 5"),
        (
            json!({"variants": [{"weight": 30}, {"version": 1, "weight": 30}]}),
            422,
            "invalid-field",
            "add up to 60",
        ),
        (json!({"variants": [{"version": 9}]}), 404, "not-found", "9"),
        (json!({"variants": [{"alias": "nobody"}]}), 409, "wrong-state", "nobody"),
        (json!({"variants": [{}], "auto": {"variant": "champion"}}), 422, "invalid-field", "auto.variant"),
        (
            json!({"variants": [{"weight": 90}, {"version": 1, "weight": 10}],
                "auto": {"variant": "v1", "every_s": 1}}),
            422,
            "invalid-field",
            "auto.every_s",
        ),
    ] {
        shift(body).problem(status, code, &[said]);
    }
    shift(json!({"variants": [{"version": 1}]})).json(200);
    client.get("/v1/deployments/penguins/metrics?from=yesterday").problem(422, "invalid-field", &["from"]);
    client.get("/v1/deployments/penguins/metrics?from=2026-01-01T00:00:00Z&to=2025-01-01T00:00:00Z").problem(
        422,
        "invalid-field",
        &["from"],
    );
}
