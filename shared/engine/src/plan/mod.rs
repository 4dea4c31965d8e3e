//! From a profile and a request to what will be done: task, metric, features, trials.

mod spec;

pub use spec::{SpecError, SpecErrorKind};
