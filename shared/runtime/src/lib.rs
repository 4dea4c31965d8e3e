//! Configuration, wiring, tracing, and the glue to the web server.

pub mod config;
mod error;
mod gateway;
mod platform;
mod pump;
mod slots;
pub mod telemetry;
mod wiring;

pub use config::Config;
pub use error::StartError;
pub use platform::Platform;
pub use slots::{OpenSlots, ReadSlots, open_slots, open_to_read};
