//! `If-Match`: nobody changes what they have not seen.

use crate::client::Platform;
use serde_json::json;

#[test]
fn a_stale_revision_is_refused() {
    let platform = Platform::new();
    let client = platform.client();
    client.deployed();
    let seen = client.get("/v1/models/penguins").header("etag").to_owned();
    assert_eq!(client.get("/v1/models/penguins").json(200)["revision"].to_string(), seen.trim_matches('"'));
    let body = json!({"version": 1}).to_string();
    let put = |tag: &str| {
        client.send("PUT", "/v1/models/penguins/aliases/next", &[("if-match", tag)], body.as_bytes())
    };
    let changed = put(&seen);
    changed.json(200);
    put(&seen).problem(412, "stale-revision", &["If-Match"]);
    put(changed.header("etag")).json(200);
    put("*").json(200);
    put("\"soon\"").problem(412, "stale-revision", &[]);

    let stale = [("if-match", "\"99\"")];
    client.send("DELETE", "/v1/deployments/penguins", &stale, b"").problem(412, "stale-revision", &[]);
    client.send("DELETE", "/v1/datasets/penguins", &stale, b"").problem(412, "stale-revision", &[]);
    let tag = client.get("/v1/deployments/penguins").header("etag").to_owned();
    assert_eq!(client.send("DELETE", "/v1/deployments/penguins", &[("if-match", &tag)], b"").status, 204);
}
