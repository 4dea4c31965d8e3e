//! Batches on the embedded slots: what is refused, what comes out, and what happens in between.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod refused;
mod results;
mod world;
