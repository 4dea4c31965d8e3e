//! The ports on SQLite, files and threads.
