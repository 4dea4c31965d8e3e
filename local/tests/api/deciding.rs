//! What models answer beside a prediction: by what mistakes cost, how sure they are, and why.

use crate::client::{PENGUINS, Platform};
use serde_json::{Value, json};

/// A table of two classes that overlap, and a number.
fn visits(rows: u32) -> String {
    let row = |n: u32| {
        let (x, z) = (f64::from(n * 7919 % 1000) / 100.0, n * 31 % 17);
        let back = f64::from(n * 104_729 % 1000) / 100.0 < x * 0.6;
        format!("{x},{z},{},{}\n", if back { "yes" } else { "no" }, 3.0 * x + f64::from(z) / 10.0)
    };
    std::iter::once("minutes,pages,back,spent\n".to_owned()).chain((0..rows).map(row)).collect()
}

#[test]
fn costs_decide_and_rank_and_are_told() {
    let platform = Platform::new();
    let client = platform.client();
    client.push("visits", visits(400).as_bytes());
    let costs = json!({"false_positive": 1, "false_negative": 9});
    let asked = json!({"dataset": "visits", "target": "back", "metric": "cost", "costs": costs,
                       "estimators": ["dummy", "logistic"], "folds": 3});
    let run = client.post("/v1/runs", &asked).json(202);
    let run = client.finished(run["id"].as_str().unwrap());
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!((&run["metric"], &run["classes"]), (&json!("cost"), &json!(["no", "yes"])));
    assert_eq!(run["costs"], json!([[0.0, 1.0], [9.0, 0.0]]));
    assert!(run["notes"].to_string().contains("'yes' is answered from a probability of 0.100 on"), "{run}");
    let best = &run["leaderboard"][0];
    assert_eq!(best["estimator"], "logistic", "{run}");
    assert!(best["metrics"]["cost"]["mean"].as_f64().unwrap() < 1.0, "{best}");
    assert!(best["holdout"]["cost"].is_number(), "{best}");

    client.post("/v1/models", &json!({"name": "back", "run": run["id"]})).json(201);
    client.post("/v1/deployments", &json!({"name": "back", "model": "back"})).json(201);
    let rows: Vec<Value> = (0..20)
        .map(|n| json!({"minutes": f64::from(n) / 2.0, "pages": 3, "spent": f64::from(n) * 1.5 + 0.3}))
        .collect();
    let answer = client.post("/v1/deployments/back/predict", &json!({"rows": rows})).json(200);
    let answers = answer["predictions"].as_array().unwrap();
    let yes = |answer: &Value| answer["probabilities"]["yes"].as_f64().unwrap();
    assert!(answers.iter().all(|answer| (answer["prediction"] == "yes") == (yes(answer) > 0.1)), "{answer}");
    assert!(answers.iter().any(|answer| answer["prediction"] == "yes" && yes(answer) < 0.5), "{answer}");

    let refused = |more: Value, code: &str, said: &[&str]| {
        let mut asked = json!({"dataset": "visits", "target": "back"});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client.post("/v1/runs", &asked).problem(422, code, said);
    };
    refused(json!({"costs": {"maybe": {"no": 2}}}), "out-of-range", &["costs.maybe"]);
    refused(json!({"metric": "cost"}), "contradiction", &["costs"]);
    refused(json!({"target": "spent", "costs": {"false_positive": 2}}), "contradiction", &["costs"]);
    refused(json!({"threshold": "tuned"}), "contradiction", &["threshold"]);
    refused(json!({"costs": {"false_positive": "dear"}}), "invalid-field", &["a cost is a number"]);
}

#[test]
fn a_threshold_is_tuned_for_the_metric() {
    let platform = Platform::new();
    let client = platform.client();
    client.push("visits", visits(400).as_bytes());
    let best = |more: Value| {
        let mut asked = json!({"dataset": "visits", "target": "back", "metric": "f1", "folds": 3,
                               "estimators": ["logistic"]});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let run = client.post("/v1/runs", &asked).json(202);
        let run = client.finished(run["id"].as_str().unwrap());
        assert_eq!(run["status"], "succeeded", "{run}");
        run["leaderboard"][0]["metrics"]["f1"]["mean"].as_f64().unwrap()
    };
    let (tuned, plain) = (best(json!({"threshold": "tuned"})), best(json!({})));
    assert!(tuned > plain, "{tuned} {plain}");
}

#[test]
fn predictions_are_explained_and_bounded() {
    let platform = Platform::new();
    let client = platform.client();
    client.push("penguins", PENGUINS.as_bytes());
    for (name, target, estimator) in
        [("mass", "body_mass_g", "ridge"), ("kind", "species", "random_forest"), ("near", "species", "knn")]
    {
        let asked = json!({"dataset": "penguins", "target": target, "task": if target == "species" {"multiclass"} else {"regression"},
                           "estimators": [estimator], "folds": 3});
        let run = client.post("/v1/runs", &asked).json(202);
        let run = client.finished(run["id"].as_str().unwrap());
        client.post("/v1/models", &json!({"name": name, "run": run["id"]})).json(201);
        client.post("/v1/deployments", &json!({"name": name, "model": name})).json(201);
    }
    let row = |deployment: &str| -> Value {
        let schema = client.get(&format!("/v1/deployments/{deployment}/schema")).json(200);
        let known = json!({"species": "Gentoo", "island": "Biscoe", "bill_length_mm": 47.5, "bill_depth_mm": 15.0,
                           "flipper_length_mm": 217, "body_mass_g": 5200, "sex": "male", "year": 2009});
        let names = schema["inputs"].as_array().unwrap().iter().map(|input| input["name"].as_str().unwrap());
        names.map(|name| (name.to_owned(), known[name].clone())).collect()
    };
    let ask = |deployment: &str, query: &str, rows: usize| {
        let rows = vec![row(deployment); rows];
        client.post(&format!("/v1/deployments/{deployment}/predict{query}"), &json!({"rows": rows}))
    };

    let answer = ask("mass", "?explain=true&interval=0.9", 2).json(200);
    let first = &answer["predictions"][0];
    let number = first["prediction"].as_f64().unwrap();
    let interval = first["interval"].as_array().unwrap();
    let (low, high) = (interval[0].as_f64().unwrap(), interval[1].as_f64().unwrap());
    assert!(low < number && number < high && high - low < 2500.0, "{first}");
    assert!(first["set"].is_null(), "{first}");
    let why = &first["contributions"];
    assert_eq!(why["scale"], "number");
    let parts: f64 =
        why["columns"].as_array().unwrap().iter().map(|part| part["adds"].as_f64().unwrap()).sum();
    let sum = why["base"].as_f64().unwrap() + parts + why["rest"].as_f64().unwrap();
    assert!((sum - number).abs() < 1e-6 && (why["raw"].as_f64().unwrap() - number).abs() < 1e-6, "{first}");

    let first = ask("kind", "?explain=true&interval=0.95", 1).json(200)["predictions"][0].clone();
    assert_eq!((&first["set"], &first["contributions"]["class"]), (&json!(["Gentoo"]), &json!("Gentoo")));
    let raw = first["contributions"]["raw"].as_f64().unwrap();
    assert!((raw - first["probabilities"]["Gentoo"].as_f64().unwrap()).abs() < 1e-9, "{first}");
    let plain = ask("kind", "", 1).json(200)["predictions"][0].clone();
    assert_eq!(plain.as_object().unwrap().len(), 2, "{plain}");

    for wrong in ["0.4", "1", "NaN", "-0.9", "much"] {
        ask("mass", &format!("?interval={wrong}"), 1).problem(422, "invalid-field", &["interval"]);
    }
    ask("mass", "?explain=maybe", 1).problem(422, "invalid-field", &["explain"]);
    ask("mass", "?interval=0.999", 1).problem(422, "invalid-field", &["interval", "at most 0.99"]);
    ask("near", "?explain=true", 1).problem(422, "invalid-field", &["knn"]);
    ask("mass", "?explain=true", 101).problem(413, "too-large", &["100"]);
}

#[test]
fn a_trial_that_does_not_fit_fails_with_its_reason() {
    let platform = Platform::with(&[("FETTLE_TRIAL_MEMORY_MB", "1")]);
    let client = platform.client();
    client.push("visits", visits(3000).as_bytes());
    let asked =
        json!({"dataset": "visits", "target": "spent", "estimators": ["dummy", "random_forest"], "folds": 2});
    let run = client.post("/v1/runs", &asked).json(202);
    let run = client.finished(run["id"].as_str().unwrap());
    let board = run["leaderboard"].as_array().unwrap();
    assert_eq!(
        (&board[0]["estimator"], &board[0]["status"]),
        (&json!("dummy"), &json!("succeeded")),
        "{run}"
    );
    let error = board[1]["error"].as_str().unwrap();
    assert!(error.contains("random_forest would need about") && error.contains("fewer columns"), "{error}");
}
