//! `fettle queues`, on a platform that has given nothing up.

use crate::context::{Context, snapshot};

#[test]
fn queues_are_listed_and_tended() {
    let context = Context::new();
    snapshot!("queues_list", context.fettle(&["queues", "list"]));
    context.fettle(&["queues", "dead", "trial", "--limit", "5"]).done();
    snapshot!("queues_redrive", context.fettle(&["queues", "redrive", "trial"]));
    context.fettle(&["queues", "redrive", "other"]).failed(1, &["other", "GET /v1/queues"]);
    context.fettle(&["queues", "dead", "trial", "--limit", "21"]).failed(2, &[]);
    assert_eq!(context.fettle(&["queues", "list", "--json"]).json()["items"][1]["name"], "trial");
}
