//! The log.

use crate::config::{Config, LogFormat};
use crate::error::StartError;
use tracing_subscriber::EnvFilter;

/// Begins to log to standard error as configured. A second call in one process changes nothing.
pub fn init(config: &Config) -> Result<(), StartError> {
    let filter = EnvFilter::try_new(&config.log)
        .map_err(|error| StartError::Config { name: "FETTLE_LOG".to_owned(), detail: error.to_string() })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error means that this process logs already, as when tests start several platforms.
    let _ = match config.log_format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    Ok(())
}
