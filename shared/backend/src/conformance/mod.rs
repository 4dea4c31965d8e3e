//! The ports' contracts as code: one suite a port, run against every implementation.
//!
//! A suite is a module of properties, each an async function that takes an implementation and panics
//! where the contract is broken, and a macro (such as [`database_suite!`](crate::database_suite))
//! that makes one `#[tokio::test]` of each, so that a failure is named. The macro takes an expression
//! whose future gives what the properties take, and something to keep until they are done (a
//! directory that is removed, say).
//!
//! The properties assume no empty store: they keep to partitions, keys and prefixes with a namespace
//! of their own. Only queues have none: there the expression has to make queues of their own. Bounds
//! on time are wide, and waiting is real: an implementation under test is on the
//! [`SystemClock`](crate::clock::SystemClock).

#![allow(clippy::missing_panics_doc, reason = "to panic is how a property says that it does not hold")]
#![allow(clippy::unwrap_used, reason = "these are tests")]
#![allow(missing_docs, reason = "a property's name says what holds")]

pub mod auth;
pub mod backup;
pub mod compute;
pub mod database;
pub mod notifier;
pub mod queue;
pub mod secrets;
pub mod storage;

use crate::ports::{ErrorKind, Result};
use std::fmt::Debug;

/// A name that nobody else uses: `conformance-` and 32 hexadecimal digits.
pub fn namespace() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("an operating system without randomness can not run this program");
    format!("conformance-{:032x}", u128::from_le_bytes(bytes))
}

/// Expects the call to have failed with that kind of error.
#[track_caller]
pub(crate) fn refused<T: Debug>(result: Result<T>, kind: ErrorKind) {
    match result {
        Err(error) => assert_eq!(error.kind(), kind, "{error}"),
        Ok(value) => panic!("expected {kind:?}, not {value:?}"),
    }
}

/// Expects a use case to have refused, and to have said that.
#[track_caller]
pub(crate) fn refused_problem<T: Debug>(result: crate::problem::Result<T>, said: &str) {
    match result {
        Err(problem) => assert!(problem.to_string().contains(said), "{problem}"),
        Ok(value) => panic!("expected `{said}`, not {value:?}"),
    }
}

/// One test a property; for the suites' own macros.
#[macro_export]
#[doc(hidden)]
macro_rules! conformance_tests {
    ($suite:ident, $fixture:expr, [$($property:ident),* $(,)?]) => {
        $(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $property() {
                let (port, _kept) = $fixture.await;
                $crate::conformance::$suite::$property(port, &$crate::conformance::namespace()).await;
            }
        )*
    };
}
