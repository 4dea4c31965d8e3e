//! `/v1/secrets`: what is written there is never shown again.

use crate::client::{Client, Got, Platform, Server};
use fettle_backend::ports::KeyRing;
use serde_json::{Value, json};

const VALUE: &str = "correct horse battery staple";

fn put(client: &Client, name: &str, body: &Value) -> Got {
    client.put(&format!("/v1/secrets/{name}"), body)
}

#[test]
fn a_secret_is_written_replaced_and_deleted_and_never_shown() {
    let platform = Platform::new();
    let client = platform.client();
    let made = put(&client, "smtp", &json!({ "value": VALUE, "kind": "password" }));
    let secret = made.json(200);
    assert!(secret["id"].as_str().unwrap().starts_with("sec_"), "{secret}");
    assert_eq!(
        [&secret["name"], &secret["kind"], &secret["last_four"], &secret["readable"], &secret["revision"]],
        [&json!("smtp"), &json!("password"), &json!("aple"), &json!(true), &json!(1)]
    );
    assert_eq!(made.header("etag"), "\"1\"");

    let replaced = put(&client, "smtp", &json!({ "value": "short" })).json(200);
    assert_eq!((&replaced["id"], &replaced["created_at"]), (&secret["id"], &secret["created_at"]));
    assert_eq!((&replaced["last_four"], &replaced["kind"]), (&Value::Null, &Value::Null));
    assert_eq!(replaced["revision"], 2);
    for (value, shown) in
        [("elevenchars", Value::Null), ("twelve chars", json!("hars")), ("ééééééééé日本語", json!("é日本語"))]
    {
        assert_eq!(
            put(&client, "other", &json!({ "value": value })).json(200)["last_four"],
            shown,
            "{value}"
        );
    }
    let list = client.get("/v1/secrets");
    let items = list.json(200)["items"].clone();
    let names: Vec<_> = items.as_array().unwrap().iter().map(|secret| secret["name"].clone()).collect();
    assert_eq!(names, ["other", "smtp"]);
    let shown = client.get("/v1/secrets/smtp");
    assert_eq!(shown.json(200), replaced);
    for got in [&made, &list, &shown] {
        assert!(!got.text().contains("battery") && !got.text().contains("ENC:"), "{}", got.text());
    }

    assert_eq!(client.delete("/v1/secrets/smtp").status, 204);
    client.get("/v1/secrets/smtp").problem(404, "not-found", &["smtp", "GET /v1/secrets"]);
    client.delete("/v1/secrets/smtp").problem(404, "not-found", &[]);
    let anew = put(&client, "smtp", &json!({ "value": VALUE })).json(200);
    assert!(anew["id"] != secret["id"] && anew["revision"] == 1, "{anew}");
}

#[test]
fn what_can_not_be_a_secret_is_refused_without_repeating_it() {
    let platform = Platform::new();
    let client = platform.client();
    let longest = "x".repeat(64 << 10);
    put(&client, "long", &json!({ "value": longest })).json(200);
    let long = json!({ "value": longest + "x" });
    put(&client, "long", &long).problem(422, "invalid-field", &["65536", "65537"]);
    put(&client, "a", &json!({ "value": "" })).problem(422, "invalid-field", &["value"]);
    put(&client, "a", &json!({ "value": "v", "kind": "no kind" })).problem(422, "invalid-field", &["kind"]);
    for name in ["-a", "a%20b", "a%2Fb", &"n".repeat(65), "rotate"] {
        let got = put(&client, name, &json!({ "value": VALUE }));
        // A name that is another operation's path is not found to be there for this method.
        assert!(matches!(got.status, 422 | 405), "{name}: {}", got.text());
    }
    client.get(&format!("/v1/secrets/{}", "n".repeat(2000))).problem(404, "not-found", &[]);
    for body in [
        json!(VALUE).to_string(),
        json!({ "value": [VALUE] }).to_string(),
        json!({ "value": "v", VALUE: 1 }).to_string(),
        json!({ VALUE: "v" }).to_string(),
        format!("{{\"value\": \"{VALUE}"),
        VALUE.to_owned(),
        String::new(),
    ] {
        let got = client.send("PUT", "/v1/secrets/a", &[], body.as_bytes());
        assert!(matches!(got.status, 400 | 422) && !got.text().contains("battery"), "{}", got.text());
    }
    client.get("/v1/secrets/a").problem(404, "not-found", &[]);
}

#[test]
fn nobody_replaces_a_secret_that_they_have_not_seen() {
    let platform = Platform::new();
    let client = platform.client();
    let send = |method: &str, tag: &str| {
        let body = json!({ "value": VALUE }).to_string();
        client.send(method, "/v1/secrets/a", &[("if-match", tag)], body.as_bytes())
    };
    send("PUT", "*").problem(412, "stale-revision", &["If-Match"]);
    put(&client, "a", &json!({ "value": VALUE })).json(200);
    send("PUT", "\"1\"").json(200);
    send("PUT", "\"1\"").problem(412, "stale-revision", &["If-Match"]);
    send("DELETE", "\"1\"").problem(412, "stale-revision", &[]);
    assert_eq!(send("DELETE", "\"2\"").status, 204);
}

#[test]
fn secrets_outlive_a_restart_and_open_again_once_their_key_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    put(&server.client(), "a", &json!({ "value": VALUE })).json(200);
    server.kill();

    let key_file = directory.path().join("keys/fernet.key");
    let key = std::fs::read_to_string(&key_file).unwrap();
    let server = Server::start(directory.path(), &[]);
    let client = server.client();
    assert_eq!(client.get("/v1/secrets/a").json(200)["last_four"], "aple");
    let new = KeyRing::generate();
    std::fs::write(&key_file, &new).unwrap();
    let rotation = client.post("/v1/secrets/rotate", &json!({})).json(200);
    assert_eq!(rotation, json!({ "rotated": 0, "already": 0, "unreadable": ["a"], "next_cursor": null }));
    let lost = client.get("/v1/secrets/a").json(200);
    assert!(lost["readable"] == false && lost["remedy"].as_str().unwrap().contains("key ring"), "{lost}");

    std::fs::write(&key_file, format!("{new}\n{key}")).unwrap();
    assert_eq!(client.get("/v1/secrets/a").json(200)["readable"], true);
    let rotation = client.post("/v1/secrets/rotate?limit=1", &json!({})).json(200);
    assert_eq!((&rotation["rotated"], &rotation["unreadable"]), (&json!(1), &json!([])));
    std::fs::write(&key_file, &new).unwrap();
    assert_eq!(client.get("/v1/secrets/a").json(200)["last_four"], "aple");
    client.post("/v1/secrets/rotate?cursor=%21", &json!({})).problem(422, "invalid-field", &["cursor"]);
}
