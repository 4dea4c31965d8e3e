//! The HTTP API, as a client meets it: requests to a real `fettle up`.

#![allow(clippy::unwrap_used, reason = "a test that can not go on fails")]

mod bad_doors;
mod bad_files;
mod bad_rows;
mod bad_runs;
mod client;
mod contract;
mod datasets;
mod deciding;
mod doors;
mod golden_path;
mod idempotency;
mod kill;
mod onnx;
mod permissions;
mod queues;
mod revisions;
mod secrets;
mod serving;
