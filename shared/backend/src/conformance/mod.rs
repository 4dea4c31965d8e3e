//! The ports' contracts as code.
