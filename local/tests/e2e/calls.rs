//! What each Lambda function asks of AWS: no more than its role allows, nothing that its role allows
//! for nothing, and how many requests a prediction, a trial and a run take.

use crate::client::{Client, PATIENCE, PENGUINS};
use crate::lambda::spy::Seen;
use crate::lambda::{Described, Functions};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a word of `uses` allows, of a queue with its name; Terraform makes the roles from the same file.
fn allowed(word: &str) -> BTreeSet<String> {
    let words: BTreeMap<String, BTreeSet<String>> =
        serde_json::from_str(include_str!("../../../infra/terraform/uses.json")).unwrap();
    words.get(word).unwrap_or_else(|| panic!("uses.json does not know {word}")).clone()
}

/// What a tour does not make every function do, and why it is allowed all the same.
const SELDOM: &[(&str, &str, &str)] = &[
    ("datasets.create", "objects.delete", "takes back a file when somebody else was faster"),
    ("models.artifact", "objects.read", "gives an address that its holder reads from"),
    ("secrets.rotate", "state.write", "only when the key ring has a new key"),
    ("tick.run", "state.write", "notes that it sent something again, when a message was lost"),
    ("tick.run", "queue.send.ingest", "only when a message was lost"),
    ("tick.run", "queue.send.trial", "only when a message or a worker was lost"),
    ("tick.run", "queue.send.notify", "only when a message was lost"),
    ("tick.run", "queue.send.served", "only when a canary's step is over"),
    ("predict.record", "objects.read", "only to ask a shadow"),
    ("tick.run", "queue.send.batch", "only when a message or a worker was lost"),
    ("trial.run", "queue.send.trial", "gives back what it has no time for"),
    ("trial.run", "objects.delete", "only what folds of a second or longer have predicted"),
    ("batches.upload", "objects.write", "gives an address that its holder writes to"),
    ("models.upload", "objects.write", "gives an address that its holder writes to"),
    ("models.register", "objects.write", "only of a model of another program"),
];

/// Every way into the platform, once.
fn tour(client: &Client) {
    let run = client.trained();
    let id = run["id"].as_str().unwrap();
    let trial = run["leaderboard"][0]["trial"].as_str().unwrap();
    for path in [
        "/v1/estimators",
        &format!("/v1/runs/{id}/preprocessing"),
        &format!("/v1/runs/{id}/report"),
        &format!("/v1/runs/{id}/trials/{trial}/plots"),
        &format!("/v1/runs/{id}/trials/{trial}/plots/confusion_matrix?format=svg"),
        "/v1/datasets",
        "/v1/datasets/penguins/profile",
        "/v1/datasets/penguins/preview",
        "/v1/runs",
        &format!("/v1/runs/{id}/events"),
        "/v1/keys",
        "/v1/health",
        "/v1/version",
    ] {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    // A package answers for all of them.
    let described = client.get("/openapi.json").json(200);
    for path in ["/v1/runs", "/v1/models", "/v1/version"] {
        assert!(described["paths"][path].is_object(), "{path}");
    }
    client.post("/v1/models", &json!({"name": "m", "run": id})).json(201);
    client.post("/v1/deployments", &json!({"name": "d", "model": "m"})).json(201);
    for path in
        ["/v1/models", "/v1/models/m", "/v1/models/m/versions/1", "/v1/deployments", "/v1/deployments/d"]
    {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    assert_eq!(client.get("/v1/models/m/versions/1/artifact").status, 302);
    assert_eq!(client.get("/v1/models/m/versions/1/artifact?format=onnx").status, 302);
    client.post("/v1/models/uploads", &json!({})).json(201);
    client.get("/v1/deployments/d/schema").json(200);
    for path in [
        "/v1/deployments/d/ping",
        "/v1/deployments/d/health",
        "/v1/deployments/d/version",
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/d",
        "/v2/models/d/ready",
        "/v2/models/d/versions/1",
        "/v2/models/d/versions/1/ready",
    ] {
        assert_eq!(client.get(path).status, 200, "{path}");
    }
    client.post("/v1/deployments/d/invocations", &json!({"instances": [penguin()]})).json(200);
    let tensor = |(name, value): (&String, &Value)| {
        let datatype = if value.is_string() { "BYTES" } else { "FP64" };
        json!({"name": name, "shape": [1], "datatype": datatype, "data": [value]})
    };
    let inputs: Vec<Value> = penguin().as_object().unwrap().iter().map(tensor).collect();
    for path in ["/v2/models/d/infer", "/v2/models/d/versions/1/infer"] {
        client.post(path, &json!({"inputs": inputs})).json(200);
    }
    let answer = predict(client);
    let lineup = json!({"variants": [{"weight": 90}, {"version": 1, "weight": 10}]});
    client.post("/v1/deployments/d/traffic", &lineup).json(200);
    for what in ["rollback", "pause", "resume"] {
        client.post(&format!("/v1/deployments/d/{what}"), &json!({})).json(200);
    }
    client.put("/v1/deployments/d/settings", &json!({"log_sample": 0.5})).json(200);
    client.get("/v1/deployments/d/history").json(200);
    let begun = std::time::Instant::now();
    while client.get("/v1/deployments/d/metrics").json(200)["all"]["requests"] == 0 {
        assert!(begun.elapsed() < PATIENCE, "what was served is not recorded");
        std::thread::sleep(Duration::from_millis(100));
    }
    let truth = json!({"request_id": answer["request_id"], "actual": "Gentoo"});
    client.post("/v1/deployments/d/feedback", &truth).json(200);
    batches(client);
    client.put("/v1/models/m/aliases/other", &json!({"version": 1})).json(200);
    assert_eq!(client.delete("/v1/models/m/aliases/other").status, 200);
    assert_eq!(client.delete("/v1/deployments/d").status, 204);
    let body = json!({"name": "k", "role": "viewer"}).to_string();
    let key = client.send("POST", "/v1/keys", &[("idempotency-key", "tour")], body.as_bytes()).json(201);
    assert_eq!(client.delete(&format!("/v1/keys/{}", key["id"].as_str().unwrap())).status, 204);
    let request = json!({"dataset": "penguins", "target": "species", "folds": 20});
    let run = client.post("/v1/runs", &request).json(202);
    client.post(&format!("/v1/runs/{}/cancel", run["id"].as_str().unwrap()), &json!({})).json(200);
    client.finished(run["id"].as_str().unwrap());
    client.post("/v1/datasets", &json!({"name": "more"})).json(201);
    client.put("/v1/secrets/s", &json!({"value": "of the tour"})).json(200);
    client.get("/v1/secrets").json(200);
    assert_eq!(client.get("/v1/secrets/s").json(200)["readable"], true);
    client.post("/v1/secrets/rotate", &json!({})).json(200);
    assert_eq!(client.delete("/v1/secrets/s").status, 204);
    client.get("/v1/queues").json(200);
    client.get("/v1/queues/trial/dead-letters").json(200);
    client.post("/v1/queues/trial/redrive", &json!({})).json(200);
    client.push("gone", PENGUINS.as_bytes());
    assert_eq!(client.delete("/v1/datasets/gone").status, 204);
}

/// A batch over a data set, and one over a file with a row that has no prediction.
fn batches(client: &Client) {
    let done = |request: &Value| {
        let id = client.post("/v1/batches", request).json(202)["id"].as_str().unwrap().to_owned();
        for _ in 0..600 {
            let batch = client.get(&format!("/v1/batches/{id}")).json(200);
            if batch["finished_at"].is_string() {
                assert_eq!(batch["status"], "succeeded", "{batch}");
                return id;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("batch {id} does not end");
    };
    let id = done(&json!({"deployment": "d", "input": {"dataset": "penguins"}}));
    assert_eq!(client.get(&format!("/v1/batches/{id}/manifest")).json(200)["rows"], 344);
    assert_eq!(client.get(&format!("/v1/batches/{id}/parts/1")).status, 302);
    let upload = client.post("/v1/batches/uploads", &json!({})).json(201);
    let header = PENGUINS.lines().next().unwrap();
    let row = header.replace("body_mass_g", "heavy");
    let given = &upload["upload"];
    let headers: BTreeMap<String, String> = serde_json::from_value(given["headers"].clone()).unwrap();
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (method, url) = (given["method"].as_str().unwrap(), given["url"].as_str().unwrap());
    let file = format!("{PENGUINS}{row}\n");
    assert_eq!(client.with_key(None).send(method, url, &headers, file.as_bytes()).status, 200);
    let id = done(&json!({"deployment": "d", "input": {"key": upload["key"]}}));
    assert_eq!(client.get(&format!("/v1/batches/{id}/errors/1")).status, 302);
    client.get("/v1/batches").json(200);
    assert_eq!(client.delete(&format!("/v1/batches/{id}")).status, 204);
    let request = json!({"deployment": "d", "input": {"dataset": "penguins"}});
    let id = client.post("/v1/batches", &request).json(202)["id"].as_str().unwrap().to_owned();
    // It may be over before.
    let cancelled = client.post(&format!("/v1/batches/{id}/cancel"), &json!({})).status;
    assert!(matches!(cancelled, 200 | 409), "{cancelled}");
}

fn penguin() -> Value {
    json!({"island": "Biscoe", "bill_length_mm": 47.5, "bill_depth_mm": 15.0,
                     "flipper_length_mm": 217, "body_mass_g": 5200, "sex": "male", "year": 2009})
}

fn predict(client: &Client) -> Value {
    client.post("/v1/deployments/d/predict", &json!({"rows": [penguin()]})).json(200)
}

/// Whether the tour does not make a function do that.
fn is_seldom(operation: &Described, word: &str) -> bool {
    SELDOM.iter().any(|(name, use_, _)| *name == operation.name && *use_ == word)
}

/// Of what was seen, what the role does not allow; and what it allows that was not seen.
fn wrong(operation: &Described, seen: &Seen) -> Vec<String> {
    let own = match &operation.entry {
        // Of its own queue it may give messages back; taking them is the event source mapping's.
        crate::lambda::Entry::Queue(queue) => {
            BTreeSet::from([format!("sqs:ChangeMessageVisibility {queue}")])
        }
        _ => BTreeSet::new(),
    };
    let mut wrong = Vec::new();
    let all: BTreeSet<String> = operation.uses.iter().flat_map(|word| allowed(word)).chain(own).collect();
    for action in seen.actions.difference(&all) {
        wrong.push(format!("{} asks for {action}, which its role does not allow", operation.name));
    }
    for word in &operation.uses {
        if !is_seldom(operation, word) && allowed(word).is_disjoint(&seen.actions) {
            wrong.push(format!("the role of {} allows {word} for nothing", operation.name));
        }
    }
    wrong
}

#[test]
fn each_function_asks_for_what_its_role_allows_and_for_no_less() {
    let platform = Functions::new();
    tour(&platform.client());
    // For the last message to be told.
    std::thread::sleep(Duration::from_secs(5));
    let mut found = Vec::new();
    for function in platform.by_name.values() {
        let operation = &function.operation;
        if operation.entry == crate::lambda::Entry::Operator {
            continue;
        }
        let seen = function.spy.take();
        assert!(
            !seen.requests.is_empty() || operation.uses.iter().all(|word| is_seldom(operation, word)),
            "{} was never called: the tour has to",
            operation.name
        );
        found.extend(wrong(operation, &seen));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Requests to AWS are what a call costs and how long it takes: a change of these numbers is a decision.
/// `docs/benchmarks.md` has what they cost.
#[test]
fn requests_per_prediction_trial_and_run_are_these() {
    let platform = Functions::new();
    let client = platform.client();
    let seen = |name: &str| platform.by_name[name].spy.take().requests;
    let sum = |requests: &BTreeMap<String, usize>| requests.values().sum::<usize>();
    client.push("penguins", PENGUINS.as_bytes());
    let _ = (seen("trial.run"), seen("runs.create"));
    let request = json!({"dataset": "penguins", "target": "species", "folds": 3, "seed": 1,
                         "estimators": ["dummy", "logistic", "naive_bayes", "decision_tree"]});
    let run = client.post("/v1/runs", &request).json(202);
    let run = client.finished(run["id"].as_str().unwrap());
    assert_eq!(run["status"], "succeeded", "{run}");
    let (created, trials) = (seen("runs.create"), seen("trial.run"));
    client.post("/v1/models", &json!({"name": "m", "run": run["id"]})).json(201);
    client.post("/v1/deployments", &json!({"name": "d", "model": "m"})).json(201);
    predict(&client);
    let (cold, _) = (seen("predict.rows"), seen("authorize.request"));
    predict(&client);
    let warm = (seen("predict.rows"), seen("authorize.request"));
    std::thread::sleep(Duration::from_secs(3));
    predict(&client);
    let stale = seen("predict.rows");
    let shown: Value = json!({
        "run.create": created, "four trials, each message twice": trials, "prediction, cold": cold,
        "prediction, warm": warm.0, "its authorizer": warm.1, "prediction, after two seconds": stale,
    });
    println!("{shown:#}");
    // After the answer has gone: what was served is sent off to be recorded.
    // That of the prediction before may be among them.
    assert!(warm.0.keys().all(|request| request.starts_with("sqs:SendMessage")), "{shown:#}");
    assert!(sum(&warm.0) <= 2, "{shown:#}");
    assert_eq!(sum(&warm.1), 1, "{shown:#}");
    assert!(sum(&stale) <= 4, "{shown:#}");
    assert!(sum(&cold) <= 5, "{shown:#}");
    assert!(sum(&created) <= 12, "{shown:#}");
    assert!(sum(&trials) <= 4 * 16, "{shown:#}");
}
