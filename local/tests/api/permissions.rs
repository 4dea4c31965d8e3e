//! All operations × all roles × no key.

use crate::client::{Client, Got, Platform};
use serde_json::{Value, json};

/// The roles that hold a permission: written out here once more, so that a change of the table in the
/// program has to be meant.
fn holders(permission: &str) -> &'static [&'static str] {
    match permission {
        "open" => &["admin", "editor", "viewer", "predictor", "nobody"],
        "read" => &["admin", "editor", "viewer"],
        "write" => &["admin", "editor"],
        "predict" => &["admin", "editor", "viewer", "predictor"],
        "administer" => &["admin"],
        other => panic!("{other} is not a permission that a request can have"),
    }
}

#[test]
fn every_operation_is_open_to_those_who_may_and_nobody_else() {
    let platform = Platform::new();
    let admin = platform.client();
    let mut callers: Vec<(&str, Client)> = vec![("nobody", admin.with_key(None))];
    for role in ["admin", "editor", "viewer", "predictor"] {
        let key = admin.post("/v1/keys", &json!({"name": role, "role": role})).json(201);
        callers.push((role, admin.with_key(key["key"].as_str())));
    }
    let api = admin.get("/openapi.json").json(200);
    let (mut asked, mut table) = (0, Vec::new());
    for (path, methods) in api["paths"].as_object().unwrap() {
        let path: String = path
            .split('/')
            .map(|part| if part.starts_with('{') { "none" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        for (method, operation) in methods.as_object().unwrap() {
            let permission = operation["x-permission"].as_str().unwrap();
            table.push(format!("{} {permission}", operation["operationId"].as_str().unwrap()));
            for (role, client) in &callers {
                let got = client.send(&method.to_uppercase(), &path, &[], b"");
                let allowed = holders(permission).contains(role);
                match (allowed, *role) {
                    (true, _) => {
                        assert!(!matches!(got.status, 401 | 403), "{role} {method} {path}: {}", got.text());
                    }
                    (false, "nobody") => refused(operation, &got, 401, "unauthenticated", &[]),
                    (false, _) => refused(operation, &got, 403, "forbidden", &[role]),
                }
                asked += 1;
            }
        }
    }
    assert!(asked >= 5 * 25, "{asked}");
    table.sort();
    insta::assert_snapshot!("permissions", table.join("\n"));
}

/// Holds a refusal to the form that the description promises.
#[track_caller]
fn refused(operation: &Value, got: &Got, status: u16, code: &str, said: &[&str]) {
    let form = operation["responses"][status.to_string()]["$ref"].as_str().unwrap();
    match form.rsplit('/').next().unwrap() {
        "Problem" => drop(got.problem(status, code, said)),
        "MlflowError" => got.mlflow_error(status, said),
        "InferenceError" => got.inference_error(status, said),
        other => panic!("{other}"),
    }
}

#[test]
fn a_key_that_is_no_key_is_refused_alike() {
    let platform = Platform::new();
    let admin = platform.client();
    let made = admin.post("/v1/keys", &json!({"name": "bot", "role": "viewer"})).json(201);
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("ftl_") && key.len() == 4 + 16 + 1 + 43, "the form that the secret scan knows");
    let bot = admin.with_key(Some(key));
    bot.get("/v1/runs").json(200);
    let other_secret = format!("{}{}", &key[..21], "A".repeat(43));
    let mut answers: Vec<Value> = Vec::new();
    for token in ["", "x", "ftl_", &key[..30], &other_secret, &format!("{key}x"), &"k".repeat(5000)] {
        let mut problem = admin.with_key(Some(token)).get("/v1/runs").problem(401, "unauthenticated", &[]);
        problem["request_id"] = json!("");
        answers.push(problem);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert_eq!(admin.with_key(None).get("/v1/runs").header("www-authenticate"), "Bearer");

    let listed = admin.get("/v1/keys").text();
    assert!(listed.contains("bot") && !listed.contains(&key[21..]), "a list holds no secret");
    let id = made["id"].as_str().unwrap();
    assert_eq!(admin.delete(&format!("/v1/keys/{id}")).status, 204);
    bot.get("/v1/runs").problem(401, "unauthenticated", &[]);
    admin.post("/v1/keys", &json!({"name": "x", "role": "owner"})).problem(422, "invalid-field", &["owner"]);
    admin.post("/v1/keys", &json!({"name": "", "role": "viewer"})).problem(422, "invalid-field", &["name"]);
}
