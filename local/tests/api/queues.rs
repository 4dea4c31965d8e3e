//! `/v1/queues`, on a platform that has given nothing up.

use crate::client::Platform;
use serde_json::json;

#[test]
fn queues_are_listed_and_tended() {
    let platform = Platform::new();
    let client = platform.client();
    let list = client.get("/v1/queues").json(200);
    let names: Vec<_> = list["items"].as_array().unwrap().iter().map(|queue| queue["name"].clone()).collect();
    assert_eq!(names, ["ingest", "trial", "notify", "served", "batch"]);
    for name in names {
        let path = format!("/v1/queues/{}", name.as_str().unwrap());
        let dead = client.get(&format!("{path}/dead-letters?limit=5")).json(200);
        assert_eq!(dead, json!({ "items": [], "next_cursor": null }));
        assert_eq!(client.post(&format!("{path}/redrive"), &json!({})).json(200), json!({ "redriven": 0 }));
    }
    client.get("/v1/queues/other/dead-letters").problem(404, "not-found", &["other", "GET /v1/queues"]);
    client.post("/v1/queues/other/redrive", &json!({})).problem(404, "not-found", &["other"]);
    client.get("/v1/queues/trial/dead-letters?limit=21").problem(422, "invalid-field", &["limit"]);
}
