//! `Idempotency-Key`: the second request with a key gives the first one's result.

use crate::client::{Client, Got, PENGUINS, Platform};
use serde_json::{Value, json};

fn keyed(client: &Client, key: &str, path: &str, body: &Value) -> Got {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    client.send("POST", path, &headers, body.to_string().as_bytes())
}

#[test]
fn every_creating_request_may_be_repeated() {
    let platform = Platform::new();
    let client = platform.client();
    let file = |key| {
        let headers = [("content-type", "text/csv"), ("idempotency-key", key)];
        client.send("POST", "/v1/datasets?name=penguins", &headers, PENGUINS.as_bytes()).json(202)
    };
    assert_eq!(file("one")["version"], 1);
    assert_eq!(file("one")["version"], 1);
    assert_eq!(file("two")["version"], 2);
    client.ingested("penguins");

    let request = json!({"dataset": "penguins", "target": "species", "estimators": ["dummy"]});
    let run = keyed(&client, "r", "/v1/runs", &request).json(202);
    assert_eq!(keyed(&client, "r", "/v1/runs", &request).json(202)["id"], run["id"]);
    let other = json!({"dataset": "penguins", "target": "sex"});
    keyed(&client, "r", "/v1/runs", &other).problem(422, "idempotency-key-reused", &["Idempotency-Key"]);
    assert_eq!(client.get("/v1/runs").json(200)["items"].as_array().unwrap().len(), 1);
    client.finished(run["id"].as_str().unwrap());

    let request = json!({"name": "m", "run": run["id"]});
    assert_eq!(keyed(&client, "m", "/v1/models", &request).json(201)["version"], 1);
    assert_eq!(keyed(&client, "m", "/v1/models", &request).json(201)["version"], 1);
    let request = json!({"name": "d", "model": "m"});
    assert_eq!(keyed(&client, "d", "/v1/deployments", &request).status, 201);
    assert_eq!(keyed(&client, "d", "/v1/deployments", &request).status, 201);
    let request = json!({"name": "k", "role": "viewer"});
    keyed(&client, "k", "/v1/keys", &request).json(201);
    keyed(&client, "k", "/v1/keys", &request).problem(409, "already-exists", &["shown"]);
    keyed(&client, "a b", "/v1/keys", &request).problem(422, "invalid-field", &["Idempotency-Key"]);
}

#[test]
fn twenty_at_once_make_one() {
    let platform = Platform::new();
    let client = platform.client();
    client.push("penguins", PENGUINS.as_bytes());
    let request = json!({"dataset": "penguins", "target": "species", "estimators": ["dummy"]});
    let ids: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| keyed(&client, "same", "/v1/runs", &request).json(202)["id"].to_string()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(client.get("/v1/runs").json(200)["items"].as_array().unwrap().len(), 1);
}

#[test]
fn twenty_uploads_at_once_are_twenty_versions() {
    let platform = Platform::new();
    let client = platform.client();
    let mut versions: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..20)
            .map(|n| {
                let client = &client;
                scope.spawn(move || client.push("t", format!("a,b\n1,2\n3,{n}\n").as_bytes()))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()["version"].as_u64().unwrap()).collect()
    });
    versions.sort_unstable();
    assert_eq!(versions, (1..=20).collect::<Vec<_>>());
}
