//! The limits that hold everywhere, in one place.

use crate::problem::{Kind, Problem, Result};
use fettle_engine::table::ReadLimits;

/// How much of everything.
#[derive(Debug, Clone)]
pub struct Limits {
    /// A request's JSON body, in bytes.
    pub body_bytes: u64,
    /// A file uploaded in one call, in bytes.
    pub inline_upload_bytes: u64,
    /// A file uploaded to its own address, in bytes.
    pub upload_bytes: u64,
    /// Rows in one request for predictions.
    pub predict_rows: usize,
    /// Rows of a batch.
    pub batch_rows: u64,
    /// Chunks of a batch.
    pub batch_chunks: u32,
    /// Rows of a chunk of a batch whose file is of separated values.
    pub batch_piece_rows: u64,
    /// What a worker holds of a batch's input at a time: a row group, unpacked, in bytes.
    pub batch_group_bytes: u64,
    /// Batches of a workspace that are not over.
    pub open_batches: u32,
    /// What a table may be when it is read.
    pub read: ReadLimits,
    /// Loaded models kept in memory, in bytes.
    pub model_cache_bytes: usize,
    /// What a trial may take of the memory, in bytes; any amount where that is not known.
    pub trial_memory_bytes: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 6 * 1024 * 1024,
            inline_upload_bytes: 5 * 1024 * 1024,
            upload_bytes: 1024 * 1024 * 1024,
            predict_rows: 10_000,
            batch_rows: 100_000_000,
            batch_chunks: 10_000,
            batch_piece_rows: 1 << 17,
            batch_group_bytes: 1024 * 1024 * 1024,
            open_batches: 20,
            read: ReadLimits::default(),
            model_cache_bytes: 256 * 1024 * 1024,
            trial_memory_bytes: None,
        }
    }
}

/// The longest name.
pub const NAME_CHARS: usize = 64;

/// Checks a name that a user gives to a thing: letters, digits, `.`, `_` and `-`, beginning with a
/// letter or digit, at most [`NAME_CHARS`].
pub fn check_name(field: &str, name: &str) -> Result<()> {
    let fits = name.len() <= NAME_CHARS
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if !fits {
        return Err(Problem::invalid(field, format!("`{field}` is not a name that can be used")).remedy(
            format!("use 1 to {NAME_CHARS} letters, digits, `.`, `_` or `-`, a letter or digit first"),
        ));
    }
    Ok(())
}

/// Refuses a body or file over its limit.
pub fn check_bytes(what: &str, bytes: u64, limit: u64) -> Result<()> {
    if bytes > limit {
        return Err(Problem::new(Kind::TooLarge, format!("{what} has {bytes} bytes; the limit is {limit}")));
    }
    Ok(())
}
