//! What the port refuses, before anything is asked of the table.

use fettle_backend::ports::{Error, ErrorKind, Key, Query, Result, Write};
use serde_json::Value;
use std::collections::HashSet;

pub(super) const MAX_KEY_BYTES: usize = 512;
const MAX_VALUE_BYTES: usize = 1 << 20;
const MAX_WRITES: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// 1 to 100 writes, each on a key of its own.
pub(super) fn transaction(writes: &[Write]) -> Result<()> {
    if writes.is_empty() || writes.len() > MAX_WRITES {
        return Err(invalid(format!("a transaction of {} writes: 1 to {MAX_WRITES}", writes.len())));
    }
    let mut keys = HashSet::new();
    for write in writes {
        key(write.key())?;
        if !keys.insert(write.key()) {
            return Err(invalid(format!("two writes of one transaction on {:?}", write.key())));
        }
    }
    Ok(())
}

pub(super) fn query(query: &Query) -> Result<()> {
    part("partition", &query.partition)?;
    if query.limit == 0 || query.limit > MAX_LIMIT {
        return Err(invalid(format!("a limit of {}: 1 to {MAX_LIMIT}", query.limit)));
    }
    Ok(())
}

pub(super) fn key(key: &Key) -> Result<()> {
    part("partition", &key.partition)?;
    part("sort key", &key.sort)
}

/// A value as JSON text, if it is not too large.
pub(super) fn text(key: &Key, value: &Value) -> Result<String> {
    let text = value.to_string();
    if text.len() > MAX_VALUE_BYTES {
        let context = format!("an item of {} bytes at {key:?}: at most {MAX_VALUE_BYTES}", text.len());
        return Err(Error::new(ErrorKind::TooLarge, context));
    }
    Ok(text)
}

fn part(what: &str, part: &str) -> Result<()> {
    match part.len() {
        1..=MAX_KEY_BYTES => Ok(()),
        bytes => Err(invalid(format!("a {what} of {bytes} bytes: 1 to {MAX_KEY_BYTES}"))),
    }
}

fn invalid(context: String) -> Error {
    Error::new(ErrorKind::Invalid, context)
}
