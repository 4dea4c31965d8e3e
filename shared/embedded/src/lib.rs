//! The ports on SQLite, files and threads: a whole platform in one directory and one process.
//!
//! For Unix: it relies on file modes, on renames that replace, and on directories that can be synced.

mod address;
mod compute;
mod data_dir;
mod database;
pub mod key_file;
pub mod mirror;
mod notifier;
mod queue;
mod secrets;
mod sqlite;
mod storage;
#[cfg(feature = "testing")]
pub mod testing;

pub use address::is_public;
pub use compute::ThreadCompute;
pub use data_dir::DataDir;
pub use database::SqliteDatabase;
pub use notifier::{LogNotifier, WebhookNotifier};
pub use queue::SqliteQueue;
pub use secrets::FileKeys;
pub use storage::{FileStorage, Grant};
