//! What a user does, over HTTP, whatever the platform runs on.

use crate::client::{Client, PATIENCE, PENGUINS};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Asks until the answer is as wanted.
#[track_caller]
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not become so");
        sleep(Duration::from_millis(100));
    }
}

/// Uploads the penguins to the address of a new version, as anybody may who has it.
fn upload(client: &Client, name: &str) -> Value {
    let made = client.post("/v1/datasets", &json!({ "name": name })).json(201);
    assert_eq!(made["status"], "awaiting_upload");
    let upload = &made["upload"];
    let headers: BTreeMap<String, String> = serde_json::from_value(upload["headers"].clone()).unwrap();
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (method, url) = (upload["method"].as_str().unwrap(), upload["url"].as_str().unwrap());
    let sent = client.with_key(None).send(method, url, &headers, PENGUINS.as_bytes());
    assert_eq!(sent.status, 200, "{}", sent.text());
    client.ingested(&format!("{name}@{}", made["version"]))
}

fn train(client: &Client, dataset: &str, estimators: &[&str]) -> Value {
    let request =
        json!({"dataset": dataset, "target": "species", "estimators": estimators, "folds": 3, "seed": 1});
    let run = client.post("/v1/runs", &request).json(202);
    client.finished(run["id"].as_str().unwrap())
}

fn gentoo() -> Value {
    json!({"island": "Biscoe", "bill_length_mm": 47.5, "bill_depth_mm": 15.0, "flipper_length_mm": 217,
           "body_mass_g": 5200, "sex": "male", "year": 2009})
}

fn predict(client: &Client, deployment: &str) -> Value {
    client.post(&format!("/v1/deployments/{deployment}/predict"), &json!({"rows": [gentoo()]})).json(200)
}

pub(crate) fn from_an_upload_to_a_prediction(client: &Client) {
    let dataset = upload(client, "birds");
    assert_eq!((&dataset["status"], &dataset["rows"]), (&json!("ready"), &json!(344)), "{dataset}");
    let preview = client.get("/v1/datasets/birds/preview?rows=2").json(200);
    assert_eq!(preview["rows"].as_array().unwrap().len(), 2);
    assert_eq!(client.get("/v1/datasets/birds/profile").json(200)["rows"], 344);

    let run = train(client, "birds", &["dummy", "logistic", "decision_tree", "naive_bayes"]);
    assert_eq!(run["status"], "succeeded", "{run}");
    let board = run["leaderboard"].as_array().unwrap();
    assert_eq!(board.len(), 4, "{run}");
    for (place, entry) in board.iter().enumerate() {
        assert_eq!((&entry["rank"], &entry["status"]), (&json!(place + 1), &json!("succeeded")), "{entry}");
    }
    let id = run["id"].as_str().unwrap();
    let events = client.get(&format!("/v1/runs/{id}/events")).json(200);
    let kinds: Vec<&str> =
        events["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    for (kind, times) in [("run.queued", 1), ("run.started", 1), ("trial.succeeded", 4), ("run.succeeded", 1)]
    {
        assert_eq!(kinds.iter().filter(|found| **found == kind).count(), times, "{kind} in {kinds:?}");
    }

    let version = client.post("/v1/models", &json!({"name": "birds", "run": id})).json(201);
    assert_eq!(version["lineage"]["trial"], board[0]["trial"]);
    client.post("/v1/deployments", &json!({"name": "live", "model": "birds"})).json(201);
    let answer = predict(client, "live");
    assert_eq!((&answer["model"], &answer["version"]), (&json!("birds"), &json!(1)));
    assert_eq!(answer["predictions"][0]["prediction"], "Gentoo", "{answer}");
    let csv = "island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year\n\
               Biscoe,47.5,15.0,217,5200,male,2009\n";
    let headers = [("content-type", "text/csv"), ("accept", "application/json")];
    let of_csv = client.send("POST", "/v1/deployments/live/predict", &headers, csv.as_bytes());
    assert_eq!(of_csv.json(200)["predictions"], answer["predictions"]);
    let in_csv = client.send("POST", "/v1/deployments/live/predict", &headers[..1], csv.as_bytes());
    assert_eq!(in_csv.text().lines().nth(1).unwrap().split(',').next(), Some("Gentoo"), "{}", in_csv.text());
    let of_mlflow = client.send("POST", "/v1/deployments/live/invocations", &headers[..1], csv.as_bytes());
    assert_eq!(of_mlflow.json(200), json!({"predictions": ["Gentoo"]}));

    let redirect = client.get("/v1/models/birds/versions/champion/artifact");
    assert_eq!(redirect.status, 302, "{}", redirect.text());
    let artifact = client.with_key(None).get(redirect.header("location"));
    assert_eq!((artifact.status, &json!(artifact.bytes.len())), (200, &version["bytes"]));
}

pub(crate) fn what_is_wrong_is_told(client: &Client) {
    let anybody = client.with_key(None);
    assert_eq!(anybody.get("/v1/health").json(200)["status"], "ok");
    assert!(matches!(anybody.get("/v1/datasets").status, 401 | 403));
    assert!(matches!(client.with_key(Some("ftl_no_key")).get("/v1/datasets").status, 401 | 403));
    client.get("/v1/datasets/none").problem(404, "not-found", &["none"]);
    client.post("/v1/datasets", &json!({"name": "../x"})).problem(422, "invalid-field", &["name"]);
    client.post("/v1/runs", &json!({"dataset": "none", "target": "x"})).problem(404, "not-found", &[]);
    let malformed =
        client.send("POST", "/v1/datasets", &[("content-type", "application/json")], b"{\"name\":");
    malformed.problem(400, "malformed", &[]);
    let failed = client.push("bad", b"a,b\n1\n2,3,4\n\"");
    assert_eq!(failed["status"], "failed", "{failed}");
    assert!(failed["error"]["detail"].is_string(), "{failed}");
    let large = "x".repeat(6 * 1024 * 1024 + 1);
    let refused =
        client.send("POST", "/v1/datasets?name=large", &[("content-type", "text/csv")], large.as_bytes());
    assert_eq!(refused.status, 413, "{}", refused.text());
}

pub(crate) fn roles_hold(client: &Client) {
    let made = |role: &str| {
        let made = client.post("/v1/keys", &json!({"name": role, "role": role})).json(201);
        (client.with_key(made["key"].as_str()), made["id"].as_str().unwrap().to_owned())
    };
    let (viewer, _) = made("viewer");
    let (predictor, id) = made("predictor");
    viewer.get("/v1/datasets").json(200);
    viewer.post("/v1/datasets", &json!({"name": "mine"})).problem(403, "forbidden", &["viewer"]);
    predictor.get("/v1/datasets").problem(403, "forbidden", &["predictor"]);
    predictor.post("/v1/deployments/none/predict", &json!({"rows": [{}]})).problem(404, "not-found", &[]);
    assert_eq!(client.delete(&format!("/v1/keys/{id}")).status, 204);
    until(|| {
        let status = predictor.post("/v1/deployments/none/predict", &json!({"rows": [{}]})).status;
        matches!(status, 401 | 403).then_some(())
    });
}

pub(crate) fn a_run_is_followed_and_cancelled(client: &Client) {
    assert_eq!(client.push("birds", PENGUINS.as_bytes())["status"], "ready");
    let request = json!({"dataset": "birds", "target": "species", "folds": 20});
    let run = client.post("/v1/runs", &request).json(202);
    let id = run["id"].as_str().unwrap();
    let first = client.get(&format!("/v1/runs/{id}/events?after=1&wait_s=20")).json(200);
    assert_eq!(first["items"][0]["seq"], 2, "{first}");
    let cancelled = client.post(&format!("/v1/runs/{id}/cancel"), &json!({}));
    if cancelled.status == 200 {
        assert_eq!(cancelled.json(200)["status"], "cancelled");
        until(|| {
            let run = client.get(&format!("/v1/runs/{id}")).json(200);
            let board = run["leaderboard"].as_array().unwrap().clone();
            board
                .iter()
                .all(|entry| !matches!(entry["status"].as_str(), Some("queued" | "running")))
                .then_some(())
        });
    } else {
        // It was faster than the cancel.
        cancelled.problem(409, "wrong-state", &[]);
    }
}

pub(crate) fn what_is_deleted_is_gone(client: &Client) {
    assert_eq!(client.push("birds", PENGUINS.as_bytes())["status"], "ready");
    assert_eq!(upload(client, "birds")["version"], 2);
    assert_eq!(client.get("/v1/datasets").json(200)["items"].as_array().unwrap().len(), 1);
    assert_eq!(client.delete("/v1/datasets/birds").status, 204);
    client.get("/v1/datasets/birds").problem(404, "not-found", &[]);
    assert_eq!(client.get("/v1/datasets").json(200)["items"], json!([]));
    assert_eq!(client.push("birds", PENGUINS.as_bytes())["version"], 1);
}

pub(crate) fn a_moved_alias_is_served(client: &Client) {
    client.deployed();
    let run = client.get("/v1/runs").json(200)["items"][0].clone();
    client.post("/v1/models", &json!({"name": "penguins", "run": run["id"]})).json(201);
    let served = |wanted: u64| until(|| (predict(client, "penguins")["version"] == wanted).then_some(()));
    served(1);
    client.put("/v1/models/penguins/aliases/champion", &json!({"version": 2})).json(200);
    served(2);
    client.put("/v1/models/penguins/aliases/champion", &json!({"version": 1})).json(200);
    served(1);
    let shown = client.get("/v1/deployments/penguins");
    assert_eq!(shown.header("etag"), "\"1\"");
    let stale = client.send("DELETE", "/v1/deployments/penguins", &[("if-match", "\"7\"")], b"");
    stale.problem(412, "stale-revision", &[]);
    assert_eq!(client.send("DELETE", "/v1/deployments/penguins", &[("if-match", "\"1\"")], b"").status, 204);
}

pub(crate) fn the_same_request_makes_one_thing(client: &Client) {
    let headers = [("content-type", "application/json"), ("idempotency-key", "once")];
    let body = json!({"name": "birds"}).to_string();
    let one = client.send("POST", "/v1/datasets", &headers, body.as_bytes()).json(201);
    let two = client.send("POST", "/v1/datasets", &headers, body.as_bytes()).json(201);
    assert_eq!((&one["id"], &one["version"]), (&two["id"], &two["version"]));
    let other = json!({"name": "other"}).to_string();
    client.send("POST", "/v1/datasets", &headers, other.as_bytes()).problem(
        422,
        "idempotency-key-reused",
        &[],
    );
}

pub(crate) fn a_run_tunes_and_combines(client: &Client) {
    upload(client, "flock");
    let request = json!({"dataset": "flock", "target": "species", "folds": 3, "seed": 1, "plan": "auto",
                         "tuned": 4, "estimators": ["dummy", "logistic", "decision_tree"]});
    let run = client.post("/v1/runs", &request).json(202);
    assert_eq!((&run["plan"], &run["trials"]), (&json!("auto"), &json!(3)), "{run}");
    let run = client.finished(run["id"].as_str().unwrap());
    assert_eq!((&run["status"], &run["trials"]), (&json!("succeeded"), &json!(3 + 4 + 5)), "{run}");
    let board = run["leaderboard"].as_array().unwrap();
    let of = |origin: &str| board.iter().filter(|entry| entry["origin"] == origin).count();
    assert_eq!((of("compared"), of("tuned"), of("combined")), (3, 4, 5), "{run}");
    assert!(board.iter().all(|entry| entry["status"] == "succeeded"), "{run}");

    let blend = board.iter().find(|entry| entry["estimator"] == "blend").unwrap();
    assert_eq!(blend["members"].as_array().unwrap().len(), 3, "{blend}");
    let version = json!({"name": "flock", "run": run["id"], "trial": blend["trial"]});
    client.post("/v1/models", &version).json(201);
    client.post("/v1/deployments", &json!({"name": "flock", "model": "flock"})).json(201);
    let answer = predict(client, "flock");
    assert_eq!(answer["predictions"][0]["prediction"], "Gentoo", "{answer}");
}
