//! Runs: start, list, show, follow, cancel.
