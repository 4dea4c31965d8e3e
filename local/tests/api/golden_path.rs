//! Upload, train, register, deploy, predict.

use crate::client::{PENGUINS, Platform};
use serde_json::{Value, json};

#[test]
fn from_a_file_to_predictions() {
    let platform = Platform::new();
    let client = platform.client();

    let made = client.post("/v1/datasets", &json!({"name": "penguins"})).json(201);
    assert_eq!(made["status"], "awaiting_upload");
    assert_eq!(made["version"], 1);
    assert!(made["upload"]["expires_at"].is_string());
    let upload = &made["upload"];
    let anybody = client.with_key(None);
    let (method, url) = (upload["method"].as_str().unwrap(), upload["url"].as_str().unwrap());
    assert_eq!(anybody.send(method, url, &[], PENGUINS.as_bytes()).status, 200);

    let dataset = client.ingested("penguins");
    assert_eq!(dataset["status"], "ready", "{dataset}");
    assert_eq!(dataset["rows"], 344);
    assert_eq!(dataset["bytes"], PENGUINS.len());
    assert_eq!(dataset["sha256"].as_str().unwrap().len(), 64);
    let kinds: Vec<(&str, &str)> = dataset["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| (column["name"].as_str().unwrap(), column["type"].as_str().unwrap()))
        .collect();
    assert!(kinds.contains(&("species", "category")), "{kinds:?}");
    assert!(kinds.contains(&("bill_length_mm", "number")), "{kinds:?}");

    let run =
        client.post("/v1/runs", &json!({"dataset": "penguins", "target": "species", "seed": 7})).json(202);
    let id = run["id"].as_str().unwrap();
    let run = client.finished(id);
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(run["task"], "multiclass");
    assert_eq!(run["progress"]["done"], run["progress"]["of"]);
    let board = run["leaderboard"].as_array().unwrap();
    assert!(board.len() >= 8, "{run}");
    let metric = run["metric"].as_str().unwrap();
    for (place, entry) in board.iter().enumerate() {
        assert_eq!(entry["rank"], place + 1, "{entry}");
        assert_eq!(entry["status"], "succeeded", "{entry}");
        assert_eq!(entry["metrics"][metric]["folds"].as_array().unwrap().len(), 15);
        assert!(entry["holdout"][metric].is_number(), "{entry}");
    }
    assert!(board[0]["holdout"]["accuracy"].as_f64().unwrap() > 0.95, "{}", board[0]);
    let estimators: Vec<&str> = board.iter().map(|entry| entry["estimator"].as_str().unwrap()).collect();
    for name in [
        "dummy",
        "logistic",
        "knn",
        "naive_bayes",
        "decision_tree",
        "random_forest",
        "extra_trees",
        "gradient_boosting",
    ] {
        assert!(estimators.contains(&name), "{name} in {estimators:?}");
    }

    let version = client.post("/v1/models", &json!({"name": "penguins", "run": id})).json(201);
    assert_eq!(version["version"], 1);
    assert_eq!(version["lineage"]["run"], id);
    assert_eq!(version["lineage"]["trial"], board[0]["trial"]);
    assert_eq!(client.get("/v1/models/penguins").json(200)["aliases"], json!({"champion": 1}));

    let deployment = client.post("/v1/deployments", &json!({"name": "live", "model": "penguins"})).json(201);
    assert_eq!((&deployment["alias"], &deployment["version"]), (&json!("champion"), &json!(1)));

    let schema = client.get("/v1/deployments/live/schema").json(200);
    assert_eq!(schema["target"], "species");
    assert_eq!(schema["classes"], json!(["Adelie", "Chinstrap", "Gentoo"]));
    let row = gentoo(&schema);
    let answer = client.post("/v1/deployments/live/predict", &json!({"rows": [row, row]})).json(200);
    assert_eq!((&answer["model"], &answer["version"]), (&json!("penguins"), &json!(1)));
    assert!(answer["request_id"].as_str().unwrap().starts_with("req_"));
    for prediction in answer["predictions"].as_array().unwrap() {
        assert_eq!(prediction["prediction"], "Gentoo");
        let probabilities = prediction["probabilities"].as_object().unwrap();
        let sum: f64 = probabilities.values().map(|p| p.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-6 && probabilities["Gentoo"].as_f64().unwrap() > 0.8, "{prediction}");
    }
}

/// A Gentoo as the schema wants it.
fn gentoo(schema: &Value) -> Value {
    let known = json!({"island": "Biscoe", "bill_length_mm": 47.5, "bill_depth_mm": 15.0, "flipper_length_mm": 217,
                       "body_mass_g": 5200, "sex": "male", "year": 2009});
    let inputs = schema["inputs"].as_array().unwrap().iter();
    inputs
        .map(|input| input["name"].as_str().unwrap())
        .map(|name| (name.to_owned(), known[name].clone()))
        .collect()
}

#[test]
fn the_artifact_is_fetched_from_an_address_of_its_own() {
    let platform = Platform::new();
    let client = platform.client();
    client.deployed();
    let version = client.get("/v1/models/penguins/versions/champion").json(200);
    let redirect = client.get("/v1/models/penguins/versions/1/artifact");
    assert_eq!(redirect.status, 302);
    let fetched = client.with_key(None).get(redirect.header("location"));
    assert_eq!(fetched.status, 200);
    assert_eq!(version["bytes"], fetched.bytes.len());
    assert!(fetched.header("content-disposition").contains("penguins-1.fettle"));
    let changed = redirect.header("location").replace("expires=", "expires=9");
    client.with_key(None).get(&changed).problem(403, "forbidden", &[]);
}

#[test]
fn a_moved_alias_is_served_within_seconds_and_back_again() {
    let platform = Platform::new();
    let client = platform.client();
    client.deployed();
    let run = client.get("/v1/runs").json(200)["items"][0].clone();
    client.post("/v1/models", &json!({"name": "penguins", "run": run["id"]})).json(201);
    let served = |wanted: u64| {
        let begun = std::time::Instant::now();
        let row = gentoo(&client.get("/v1/deployments/penguins/schema").json(200));
        while client.post("/v1/deployments/penguins/predict", &json!({"rows": [row]})).json(200)["version"]
            != wanted
        {
            assert!(begun.elapsed() < std::time::Duration::from_secs(20), "version {wanted} is not served");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    };
    served(1);
    client.put("/v1/models/penguins/aliases/champion", &json!({"version": 2})).json(200);
    served(2);
    client.put("/v1/models/penguins/aliases/champion", &json!({"version": 1})).json(200);
    served(1);
}

#[test]
fn the_same_seed_gives_the_same_model_to_the_byte() {
    let platform = Platform::new();
    let client = platform.client();
    client.push("penguins", PENGUINS.as_bytes());
    let request = json!({"dataset": "penguins", "target": "species", "seed": 3,
                         "estimators": ["random_forest", "gradient_boosting", "logistic"], "folds": 2});
    let models: Vec<Value> = (0..2)
        .map(|_| {
            let run = client.post("/v1/runs", &request).json(202);
            let run = client.finished(run["id"].as_str().unwrap());
            let version = client.post("/v1/models", &json!({"name": "same", "run": run["id"]})).json(201);
            version["sha256"].clone()
        })
        .collect();
    assert_eq!(models[0], models[1]);
}

#[test]
fn events_come_in_order_and_are_waited_for() {
    let platform = Platform::new();
    let client = platform.client();
    client.push("penguins", PENGUINS.as_bytes());
    let request = json!({"dataset": "penguins", "target": "species", "estimators": ["dummy", "naive_bayes"]});
    let run = client.post("/v1/runs", &request).json(202)["id"].as_str().unwrap().to_owned();
    let (mut after, mut events) = (0, Vec::new());
    loop {
        let page = client.get(&format!("/v1/runs/{run}/events?after={after}&wait_s=10")).json(200);
        events.extend(page["items"].as_array().unwrap().clone());
        after = page["last"].as_u64().unwrap();
        if page["over"] == true {
            break;
        }
    }
    let seqs: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!((kinds[0], *kinds.last().unwrap()), ("run.queued", "run.succeeded"));
    assert_eq!(kinds.iter().filter(|kind| kind.starts_with("trial.")).count(), 2);
}

#[test]
fn a_cancelled_run_stops_and_keeps_what_it_has() {
    let platform = Platform::with(&[("FETTLE_WORKERS", "1")]);
    let client = platform.client();
    client.push("penguins", PENGUINS.as_bytes());
    let run =
        client.post("/v1/runs", &json!({"dataset": "penguins", "target": "species", "folds": 20})).json(202);
    let id = run["id"].as_str().unwrap();
    let cancelled = client.post(&format!("/v1/runs/{id}/cancel"), &json!({})).json(200);
    assert_eq!(cancelled["status"], "cancelled");
    for entry in cancelled["leaderboard"].as_array().unwrap() {
        assert!(matches!(entry["status"].as_str().unwrap(), "cancelled" | "succeeded"), "{entry}");
    }
    client.post(&format!("/v1/runs/{id}/cancel"), &json!({})).json(200);
    let run = client.trained();
    client.post(&format!("/v1/runs/{}/cancel", run["id"].as_str().unwrap()), &json!({})).problem(
        409,
        "wrong-state",
        &["succeeded"],
    );
}
