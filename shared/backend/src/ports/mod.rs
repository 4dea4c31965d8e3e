//! The seven slots: every outside dependency behind a small trait.
//!
//! A port's documentation is its contract, and `crate::conformance` is that contract as code: one
//! suite a port, run against every implementation. Configuration chooses the implementation; nothing
//! above this module knows which one it got.

mod auth;
mod compute;
mod database;
mod error;
mod notifier;
mod queue;
mod secrets;
mod storage;

pub use auth::{Auth, Caller};
pub use compute::{Compute, TrialJob};
pub use database::{Condition, Database, Item, Key, Page, Query, Write};
pub use error::{Error, ErrorKind, Result};
pub use notifier::{Notice, Notifier};
pub use queue::{Delivery, Outgoing, Queue, QueueName};
pub use secrets::{KeyRing, Secrets};
pub use storage::{
    ByteStream, MAX_OBJECT_KEY_BYTES, Object, ObjectPage, Presigned, Storage, UploadTerms, check_object_key,
    content_disposition, presigned_until,
};
