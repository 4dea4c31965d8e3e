//! Rows that do not fit, and requests that can not be read.

use crate::client::Platform;
use serde_json::{Value, json};

#[test]
fn a_row_that_does_not_fit_names_the_column() {
    let platform = Platform::new();
    let client = platform.client();
    client.deployed();
    let schema = client.get("/v1/deployments/penguins/schema").json(200);
    let good: Value = schema["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|input| {
            let value = match input["type"].as_str().unwrap() {
                "category" => json!("Biscoe"),
                _ => json!(40),
            };
            (input["name"].as_str().unwrap().to_owned(), value)
        })
        .collect();
    let predict = |row: Value| client.post("/v1/deployments/penguins/predict", &json!({"rows": [good, row]}));
    let changed = |column: &str, value: Value| {
        let mut row = good.clone();
        row[column] = value;
        row
    };
    predict(good.clone()).json(200);
    predict(changed("island", json!("Atlantis"))).json(200);
    predict(changed("bill_length_mm", json!(null))).json(200);
    let mut missing = good.clone();
    missing.as_object_mut().unwrap().remove("bill_depth_mm");
    predict(missing).problem(422, "row-does-not-fit", &["rows[1].bill_depth_mm"]);
    predict(changed("colour", json!("blue"))).problem(422, "row-does-not-fit", &["rows[1].colour"]);
    predict(changed("bill_length_mm", json!("long"))).problem(
        422,
        "row-does-not-fit",
        &["rows[1].bill_length_mm"],
    );
    predict(changed("bill_length_mm", json!([1]))).problem(
        422,
        "row-does-not-fit",
        &["rows[1].bill_length_mm"],
    );
    predict(changed("island", json!(3))).problem(422, "row-does-not-fit", &["rows[1].island"]);

    let path = "/v1/deployments/penguins/predict";
    client.post(path, &json!({"rows": []})).problem(422, "invalid-field", &["rows"]);
    client.post(path, &json!({"rows": vec![&good; 10_001]})).problem(413, "too-large", &["10000"]);
    client.post(path, &json!({"row": [good]})).problem(422, "invalid-field", &["row"]);
    client.post(path, &json!([1, 2])).problem(422, "invalid-field", &[]);
    client.send("POST", path, &[], b"{\"rows\": [").problem(400, "malformed", &[]);
    client.send("POST", path, &[], b"{\"rows\":[{\"bill_length_mm\":NaN}]}").problem(400, "malformed", &[]);
    client.send("POST", path, &[], b"").problem(400, "malformed", &[]);
    let deep = format!("{{\"rows\":[{}1{}]}}", "[".repeat(100_000), "]".repeat(100_000));
    let status = client.send("POST", path, &[], deep.as_bytes()).status;
    assert!((400..500).contains(&status), "{status}");
}

#[test]
fn csv_in_gives_predictions_too() {
    let platform = Platform::new();
    let client = platform.client();
    client.deployed();
    let schema = client.get("/v1/deployments/penguins/schema").json(200);
    let names: Vec<&str> =
        schema["inputs"].as_array().unwrap().iter().map(|i| i["name"].as_str().unwrap()).collect();
    let kinds = schema["inputs"].as_array().unwrap().iter();
    let values: Vec<&str> = kinds.map(|i| if i["type"] == "category" { "Biscoe" } else { "40" }).collect();
    let csv = format!("{}\n{}\n", names.join(","), values.join(","));
    let headers = [("content-type", "text/csv; charset=utf-8"), ("accept", "application/json")];
    let answer = client.send("POST", "/v1/deployments/penguins/predict", &headers, csv.as_bytes()).json(200);
    assert_eq!(answer["predictions"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_not_there_is_not_found() {
    let platform = Platform::new();
    let client = platform.client();
    let long = "x".repeat(1000);
    for path in [
        "/v1/datasets/nothing",
        "/v1/datasets/ds_00000000000000000000000000000000",
        "/v1/datasets/a%2Fb",
        "/v1/datasets/nothing@7",
        "/v1/datasets/..%2F..%2Fetc%2Fpasswd",
        &format!("/v1/datasets/{long}"),
        "/v1/runs/nothing",
        "/v1/runs/run_00000000000000000000000000000000",
        "/v1/runs/x%2Fy/events",
        "/v1/models/nothing",
        "/v1/models/nothing/versions/1",
        "/v1/models/nothing/versions/1/artifact",
        "/v1/deployments/nothing",
        "/v1/deployments/nothing/schema",
        "/v1/nothing",
        "/",
    ] {
        client.get(path).problem(404, "not-found", &[]);
    }
    client.delete("/v1/deployments/nothing").problem(404, "not-found", &[]);
    client.delete("/v1/keys/nothing").problem(404, "not-found", &[]);
    client.post("/v1/models", &json!({"name": "m", "run": "run_1"})).problem(404, "not-found", &["run"]);
    client.post("/v1/deployments", &json!({"name": "d", "model": "m"})).problem(404, "not-found", &["model"]);
}

#[test]
fn names_methods_and_states_are_checked() {
    let platform = Platform::new();
    let client = platform.client();
    for name in
        ["", "a/b", "../x", "a b", "-x", "naïve", &"x".repeat(1000), "ds_00000000000000000000000000000000"]
    {
        client.post("/v1/datasets", &json!({"name": name})).problem(422, "invalid-field", &["name"]);
    }
    for (method, path) in
        [("PUT", "/v1/datasets"), ("DELETE", "/v1/runs"), ("PATCH", "/v1/models/x"), ("POST", "/v1/health")]
    {
        client.send(method, path, &[], b"").problem(405, "method-not-allowed", &[method]);
    }
    let run = client.trained();
    let id = &run["id"];
    client.post("/v1/models", &json!({"name": "a/b", "run": id})).problem(422, "invalid-field", &["name"]);
    client.post("/v1/models", &json!({"name": "m", "run": id, "trial": "trl_1"})).problem(
        404,
        "not-found",
        &["trial"],
    );
    client.post("/v1/models", &json!({"name": "m", "run": id})).json(201);
    client.put("/v1/models/m/aliases/x", &json!({"version": 9})).problem(404, "not-found", &["version"]);
    client.put("/v1/models/m/aliases/1", &json!({"version": 1})).problem(422, "invalid-field", &["alias"]);
    client.delete("/v1/models/m/aliases/none").problem(404, "not-found", &["none"]);
    let both = json!({"name": "d", "model": "m", "alias": "champion", "version": 1});
    client.post("/v1/deployments", &both).problem(422, "invalid-field", &["alias"]);
    client.post("/v1/deployments", &json!({"name": "d", "model": "m", "alias": "none"})).problem(
        409,
        "wrong-state",
        &["none"],
    );
    client.post("/v1/deployments", &json!({"name": "d", "model": "m", "version": 9})).problem(
        404,
        "not-found",
        &["version"],
    );
    client.post("/v1/deployments", &json!({"name": "d", "model": "m"})).json(201);
    client.post("/v1/deployments", &json!({"name": "d", "model": "m"})).problem(
        409,
        "already-exists",
        &["d"],
    );
    client.get(&format!("/v1/runs/{}/events?wait_s=60", id.as_str().unwrap())).problem(
        422,
        "invalid-field",
        &["wait_s"],
    );
}
