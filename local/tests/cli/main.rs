//! The command line, as a user meets it: the real program against a real `fettle up`.

#![allow(clippy::unwrap_used, reason = "a test that can not go on fails")]

mod backup;
mod batches;
mod connection;
mod context;
mod datasets;
mod demo;
mod json;
mod keys;
mod models;
mod predict;
mod queues;
mod secrets;
mod serve;
mod train;
mod up;
