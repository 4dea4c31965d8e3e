//! One trial of a run: cross-validate, refit, write the artifact.
