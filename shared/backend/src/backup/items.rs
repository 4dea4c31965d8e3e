//! An item as a line of the archive, and whether it may be one.

use crate::ports::{Item, Key, KeyRing};
use crate::problem::{Problem, Result};
use crate::{due, idempotency, keys};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// As the database port has it.
const MAX_KEY_BYTES: usize = 512;
const MAX_VALUE_BYTES: usize = 1 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    partition: String,
    sort: String,
    version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    value: Value,
}

/// Adds an item's line. One that [`read_line`] would refuse is a fault of the platform's.
pub(super) fn write_line(item: Item, workspace: &str, lines: &mut Vec<u8>) -> Result<()> {
    check(&item, workspace).map_err(|why| Problem::internal(format!("{:?}: {why}", item.key)))?;
    let Item { key: Key { partition, sort }, value, version, expires_at } = item;
    let line = Line { partition, sort, version, expires_at, value };
    serde_json::to_writer(&mut *lines, &line).map_err(Problem::internal)?;
    lines.push(b'\n');
    Ok(())
}

/// The item of a line, or why it can not be one of the workspace's.
pub(super) fn read_line(line: &[u8], workspace: &str) -> std::result::Result<Item, String> {
    let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let Line { partition, sort, version, expires_at, value } = line;
    let item = Item { key: Key { partition, sort }, value, version, expires_at };
    check(&item, workspace)?;
    Ok(item)
}

fn check(item: &Item, workspace: &str) -> std::result::Result<(), String> {
    let Key { partition, sort } = &item.key;
    let fits = |part: &str| (1..=MAX_KEY_BYTES).contains(&part.len());
    if !fits(partition) || !fits(sort) {
        return Err(format!("a key's part is 1 to {MAX_KEY_BYTES} bytes"));
    }
    if item.version == 0 {
        return Err("versions begin at 1".to_owned());
    }
    if item.value.to_string().len() > MAX_VALUE_BYTES {
        return Err(format!("a value is at most {MAX_VALUE_BYTES} bytes"));
    }
    let own = partition.strip_prefix(workspace).is_some_and(|rest| rest.starts_with('/'))
        && *partition != idempotency::partition(workspace);
    let belongs = own
        || (*partition == due::partition() && due::belongs(item, workspace))
        || (keys::is_of_platform(&item.key) && keys::belongs(item, workspace));
    if belongs { Ok(()) } else { Err(format!("`{partition}` does not belong to workspace `{workspace}`")) }
}

/// The sealed values in an item.
pub(super) fn sealed(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) if KeyRing::is_sealed(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(sealed).collect(),
        Value::Object(fields) => fields.values().flat_map(sealed).collect(),
        _ => Vec::new(),
    }
}
