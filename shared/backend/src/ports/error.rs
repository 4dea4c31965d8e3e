//! What can go wrong behind a port.

use std::fmt;

/// The result of a port's call.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a port's call failed: what a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is nothing under that key or name.
    NotFound,
    /// A condition did not hold. In a transaction `at` is the index of the write that failed first.
    Conflict {
        /// Index into the writes.
        at: usize,
    },
    /// The caller broke the contract: an illegal key, too many writes.
    Invalid,
    /// The value is larger than the port takes.
    TooLarge,
    /// Too many requests, a time-out or a lost connection: the same call may succeed later.
    Unavailable,
    /// What was read is not what was written.
    Corrupt,
}

/// A failed call of a port: the kind for the program, the context and source for the log.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    context: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of that kind; the context says what was tried, with no secret in it.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    /// With the error underneath, for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether a condition did not hold.
    pub fn is_conflict(&self) -> bool {
        matches!(self.kind, ErrorKind::Conflict { .. })
    }

    /// Whether there was nothing under that key.
    pub fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::NotFound
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.context)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}
