//! Machine learning on tables: reading, preprocessing, estimators, evaluation, artifacts.
//!
//! Pure computation: no I/O, no clock, no global state. Randomness comes from the caller's seed, so
//! the same table, spec and seed give the same model, to the byte, on any number of threads.

pub mod estimators;
pub mod matrix;
pub mod metrics;
pub mod plan;
pub mod preprocess;
pub mod split;
pub mod table;
pub mod trees;
