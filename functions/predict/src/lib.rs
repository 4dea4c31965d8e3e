//! Predictions of a deployed model.
