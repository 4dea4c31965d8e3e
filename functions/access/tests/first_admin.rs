//! The operator's first admin key.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

use fettle_backend::app::App;
use fettle_backend::clock::{Clock, SystemClock};
use fettle_backend::ids::{Ids, SystemEntropy};
use fettle_backend::limits::Limits;
use fettle_backend::operation::{Call, Entry};
use fettle_backend::permission::Role;
use fettle_embedded::DataDir;
use fettle_embedded::testing::slots;
use serde_json::Value;
use std::sync::Arc;

fn app(data: &DataDir) -> App {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let slots = slots(data, &clock);
    let ids = Ids::new(Arc::clone(&clock), Arc::new(SystemEntropy));
    App::new(slots, clock, ids, Limits::default(), "boot-test".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_ask_one_gets_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let data = DataDir::open(directory.path(), "boot-test").unwrap();
    let app = Arc::new(app(&data));
    let operations = fettle_access::operations();
    let operation = operations.iter().find(|operation| operation.name == "access.first-admin").unwrap();
    assert_eq!(operation.entry, Entry::Operator, "nobody reaches it by HTTP");
    let handler = operation.handler;

    let mut askers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let app = Arc::clone(&app);
        askers.spawn(async move { handler(&app, Call::default()).await });
    }
    let (made, refused): (Vec<_>, Vec<_>) = askers.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((made.len(), refused.len()), (1, 19));
    assert!(refused.into_iter().all(|refused| refused.unwrap_err().status() == 409));

    let reply = made.into_iter().next().unwrap().unwrap();
    assert_eq!(reply.status, 201);
    let made: Value = serde_json::from_slice(&reply.body).unwrap();
    let caller =
        app.slots.auth.authenticate(made["key"].as_str().unwrap(), app.now()).await.unwrap().unwrap();
    assert_eq!((caller.role, caller.subject.as_str()), (Role::Admin, made["id"].as_str().unwrap()));
}
