//! Configuration, wiring, tracing, and the glue to Lambda and to the web server.

pub mod config;
mod error;
#[cfg(feature = "local")]
mod gateway;
mod http;
#[cfg(feature = "local")]
mod init;
#[cfg(feature = "lambda")]
pub mod lambda;
mod memory;
mod messages;
#[cfg(feature = "local")]
mod platform;
#[cfg(feature = "local")]
mod pump;
#[cfg(feature = "local")]
mod serve;
#[cfg(feature = "local")]
mod slots;
mod start;
pub mod telemetry;
mod wiring;

pub use config::Config;
pub use error::StartError;
#[cfg(feature = "local")]
pub use init::{Found, Init, LOOK};
#[cfg(feature = "local")]
pub use platform::{Part, Platform};
#[cfg(feature = "local")]
pub use serve::ModelServer;
#[cfg(feature = "local")]
pub use slots::{OpenSlots, ReadSlots, open_slots, open_to_read};
