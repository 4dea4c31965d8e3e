//! Machine learning on tables: reading, preprocessing, estimators, evaluation, artifacts.
//!
//! Pure computation: no I/O, no clock, no global state. Randomness comes from the caller's seed, so
//! the same table, spec and seed give the same model, to the byte, on any number of threads.
//!
//! The way of a data set through the crate: [`table::read`] makes a [`Table`](table::Table) of bytes,
//! [`table::profile`] describes it, [`plan()`] decides from the profile what a run will do, a
//! [`Trainer`] fits and measures the plan's trials, and a [`Model`] loaded from a trial's artifact
//! predicts.

pub mod artifact;
pub mod batch;
pub mod classes;
pub mod combine;
mod conformal;
pub mod decide;
pub mod diagnostics;
pub mod estimators;
pub mod explain;
pub mod matrix;
pub mod metrics;
pub mod onnx;
pub mod plan;
mod prepared;
pub mod preprocess;
pub mod search;
pub mod split;
pub mod table;
pub mod trees;
pub mod trial;

pub use artifact::{ArtifactError, Model, Predictions, SchemaError};
pub use decide::Rule;
pub use diagnostics::Diagnostics;
pub use estimators::FitError;
pub use metrics::{Metric, Scores, Task};
pub use plan::{Plan, RunSpec, SpecError, SpecErrorKind, TrialSpec, plan};
pub use preprocess::{Decision, Preprocessing};
pub use trial::{Combined, Finished, FoldScores, Predicted, Trainer, Warning, WarningKind};
