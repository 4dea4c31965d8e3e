//! Why the platform does not start.

use thiserror::Error;

/// Why the platform does not start, in words for the person who starts it.
#[derive(Debug, Error)]
pub enum StartError {
    /// A variable can not be used.
    #[error("{name}: {detail}")]
    Config {
        /// Which.
        name: String,
        /// Why, and what to do.
        detail: String,
    },
    /// A slot can not be opened.
    #[error("{source}{}", because(source))]
    Port {
        /// Why.
        #[from]
        source: fettle_backend::ports::Error,
    },
    /// The platform's own records can not be read or written.
    #[error("{0}")]
    Problem(#[from] fettle_backend::problem::Problem),
    /// The address can not be listened on.
    #[error("{address} can not be listened on: {source}; is another program using it?")]
    Listen {
        /// Which.
        address: String,
        /// Why.
        source: std::io::Error,
    },
}

/// What lies beneath an error, as words to add to it.
fn because(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(String::new, |source| format!(": {source}"))
}
