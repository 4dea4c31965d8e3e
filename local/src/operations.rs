//! The registry: every operation of the platform.

use fettle_backend::openapi;
use fettle_backend::operation::{Entry, Operation, Use};
use serde_json::{Value, json};

/// The operations of each package of `functions/`, by its folder's name.
fn packages() -> Vec<(&'static str, Vec<Operation>)> {
    vec![
        ("access", fettle_access::operations()),
        ("authorize", fettle_authorize::operations()),
        ("batch", fettle_batch::operations()),
        ("datasets", fettle_datasets::operations()),
        ("deploy", fettle_deploy::operations()),
        ("ingest", fettle_ingest::operations()),
        ("notify", fettle_notify::operations()),
        ("observe", fettle_observe::operations()),
        ("predict", fettle_predict::operations()),
        ("register", fettle_register::operations()),
        ("secret", fettle_secret::operations()),
        ("tick", fettle_tick::operations()),
        ("train", fettle_train::operations()),
        ("trial", fettle_trial::operations()),
    ]
}

/// All operations: the source of the routes, of the API's description and of what Terraform makes.
pub(crate) fn all() -> Vec<Operation> {
    packages().into_iter().flat_map(|(_, operations)| operations).collect()
}

/// The API's description as `docs/openapi.json` has it.
pub(crate) fn description() -> Value {
    openapi::describe(&all())
}

/// The registry as `infra/terraform/operations.json` has it: what Terraform makes the functions, their
/// roles, the routes and the queues from.
pub(crate) fn registry() -> Value {
    let described = packages().into_iter().flat_map(|(package, operations)| {
        operations.into_iter().map(move |operation| {
            let entry = match operation.entry {
                Entry::Http { method, path } => json!({ "http": { "method": method, "path": path } }),
                Entry::Queue(queue) => json!({ "queue": queue }),
                Entry::Clock => json!("clock"),
                Entry::Authorizer => json!("authorizer"),
                Entry::Operator => json!("operator"),
            };
            json!({
                "name": operation.name,
                "package": package,
                "summary": operation.summary,
                "entry": entry,
                "permission": operation.permission,
                "memory_mb": operation.memory_mb,
                "timeout_s": operation.timeout_s,
                "uses": operation.uses.iter().copied().map(Use::as_str).collect::<Vec<_>>(),
            })
        })
    });
    described.collect()
}
