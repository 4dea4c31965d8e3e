//! The registry: every operation of the platform.

use fettle_backend::operation::Operation;

/// All operations: the source of the routes, of the API's description and of what Terraform makes.
pub(crate) fn all() -> Vec<Operation> {
    [
        fettle_access::operations(),
        fettle_datasets::operations(),
        fettle_deploy::operations(),
        fettle_ingest::operations(),
        fettle_notify::operations(),
        fettle_observe::operations(),
        fettle_predict::operations(),
        fettle_register::operations(),
        fettle_tick::operations(),
        fettle_train::operations(),
        fettle_trial::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
