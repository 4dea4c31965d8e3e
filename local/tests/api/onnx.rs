//! Models of other programs: registered from an ONNX file, and fetched as one.

use crate::client::{Client, Platform};
use serde_json::{Value, json};

/// A random forest of scikit-learn's, with onnxruntime's answers.
const FOREST: &[u8] = include_bytes!("../../../shared/engine/tests/onnx/forest.onnx");
const ANSWERS: &str = include_str!("../../../shared/engine/tests/onnx/answers.json");

fn upload(client: &Client, file: &[u8]) -> Value {
    let given = client.post("/v1/models/uploads", &json!({ "bytes": file.len() })).json(201);
    let (method, url) =
        (given["upload"]["method"].as_str().unwrap(), given["upload"]["url"].as_str().unwrap());
    assert_eq!(client.with_key(None).send(method, url, &[], file).status, 200);
    given["key"].clone()
}

#[test]
fn a_model_of_another_program_is_registered_deployed_and_asked_as_any_other() {
    let platform = Platform::new();
    let client = platform.client();
    let key = upload(&client, FOREST);
    let version = client.post("/v1/models", &json!({ "name": "iris", "onnx": key })).json(201);
    assert_eq!((&version["version"], &version["imported"]["format"]), (&json!(1), &json!("onnx")));
    assert_eq!(version["imported"]["bytes"], FOREST.len());
    assert_eq!(version["schema"]["classes"], json!(["setosa", "versicolor", "virginica"]));
    assert_eq!(version["schema"]["inputs"].as_array().unwrap().len(), 4);
    client.post("/v1/deployments", &json!({ "name": "iris", "model": "iris" })).json(201);
    let known: Value = serde_json::from_str(ANSWERS).unwrap();
    let (rows, answers) = (&known["forest"]["rows"], known["forest"]["answers"].as_array().unwrap());
    let got = client.post("/v1/deployments/iris/predict", &json!({ "rows": rows })).json(200);
    let got = got["predictions"].as_array().unwrap();
    assert_eq!(got.len(), answers.len());
    for (got, known) in got.iter().zip(answers) {
        assert_eq!(got["prediction"], known["label"]);
        for (place, class) in ["setosa", "versicolor", "virginica"].into_iter().enumerate() {
            let off = got["probabilities"][class].as_f64().unwrap()
                - known["probabilities"][place].as_f64().unwrap();
            assert!(off.abs() < 1e-5, "{got} and not {known}");
        }
    }
    // A model that came so can not be explained, nor written as ONNX once more, and says so.
    let path = "/v1/deployments/iris/predict?explain=true";
    assert_eq!(client.post(path, &json!({ "rows": [rows[0]] })).status, 422);
    client.get("/v1/models/iris/versions/1/artifact?format=onnx").problem(409, "wrong-state", &["ONNX"]);
}

#[test]
fn what_is_no_onnx_model_is_refused_when_it_is_registered() {
    let platform = Platform::new();
    let client = platform.client();
    let register = |body: Value| client.post("/v1/models", &body);
    for file in [&b"species,island\n"[..], &FOREST[..FOREST.len() / 2]] {
        let key = upload(&client, file);
        register(json!({ "name": "m", "onnx": key })).problem(422, "invalid-field", &["onnx"]);
    }
    let nobodys = format!("default/onnx/upl_{}", "0".repeat(32));
    for key in [nobodys.as_str(), "default/artifacts/x.fettle", "other/onnx/upl_1", "../x"] {
        register(json!({ "name": "m", "onnx": key })).problem(404, "not-found", &["onnx"]);
    }
    register(json!({ "name": "m" })).problem(422, "invalid-field", &["run", "onnx"]);
    register(json!({ "name": "m", "run": "run_1", "onnx": "k" })).problem(
        422,
        "invalid-field",
        &["one of them"],
    );
    assert_eq!(client.get("/v1/models/m").status, 404);
}

#[test]
fn a_version_is_fetched_as_onnx_and_comes_back_the_same() {
    let platform = Platform::new();
    let client = platform.client();
    client.deployed();
    let path = "/v1/models/penguins/versions/1/artifact?format=onnx";
    let fetch = || {
        let found = client.get(path);
        assert_eq!(found.status, 302, "{}", found.text());
        client.with_key(None).get(found.header("location"))
    };
    let file = fetch().bytes;
    assert_eq!(fetch().bytes, file);
    let key = upload(&client, &file);
    client.post("/v1/models", &json!({ "name": "back", "onnx": key })).json(201);
    client.post("/v1/deployments", &json!({ "name": "back", "model": "back" })).json(201);
    let row = json!({"island": "Biscoe", "bill_length_mm": 47.5, "bill_depth_mm": 15.0, "flipper_length_mm": 217,
                     "body_mass_g": 5200, "sex": "male", "year": 2009});
    let ask = |name: &str| {
        client.post(&format!("/v1/deployments/{name}/predict"), &json!({ "rows": [row] })).json(200)
    };
    let (ours, theirs) = (ask("penguins"), ask("back"));
    assert_eq!(ours["predictions"][0]["prediction"], theirs["predictions"][0]["prediction"]);
    let of = |answer: &Value| answer["predictions"][0]["probabilities"]["Gentoo"].as_f64().unwrap();
    assert!((of(&ours) - of(&theirs)).abs() < 1e-5, "{ours} and {theirs}");
    client.get("/v1/models/penguins/versions/1/artifact?format=pmml").problem(
        422,
        "invalid-field",
        &["format"],
    );
}
