//! The command line, as a user meets it: the real program against a real `fettle up`.

mod connection;
mod context;
mod datasets;
mod demo;
mod json;
mod keys;
mod models;
mod predict;
mod train;
mod up;
