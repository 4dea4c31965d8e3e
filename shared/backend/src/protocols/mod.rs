//! How rows are written in a request, and predictions in an answer: one module a protocol.
//!
//! Each turns a body into a table for a model's fields, and a model's predictions into a body. None knows
//! where the model comes from: a deployment answers by them, and so does a model served by itself.

pub mod rows;
