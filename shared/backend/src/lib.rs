//! What Fettle does: domain types, ports and use cases, free of any cloud, database or web server.

pub mod admission;
pub mod app;
pub mod backup;
pub mod batches;
pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod datasets;
pub mod deployments;
pub mod due;
pub mod error_form;
pub mod events;
mod idempotency;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod metering;
pub mod models;
pub mod openapi;
pub mod operation;
pub mod permission;
pub mod ports;
pub mod problem;
pub mod protocols;
pub mod queues;
pub mod record;
pub mod runs;
pub mod secrets;
pub mod trials;
pub mod uploads;
