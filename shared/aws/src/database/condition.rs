//! The port's conditions as DynamoDB's.

use super::attributes::{Nonce, Stored, bytes, decimal};
use super::failure::Attributes;
use aws_sdk_dynamodb::types::AttributeValue;
use fettle_backend::ports::Condition;

/// What a write is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Put,
    Delete,
    Check,
}

/// What a try takes for granted of the item that is there. It is part of the condition: when it is
/// wrong nothing is written, the refusal says what is there, and the next try knows. So the usual
/// write is one request, and an item is replaced only by who knows which object goes with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Assumed {
    /// It has expired, so that a version counts from 1 again.
    pub(super) expired: bool,
    /// The object that holds its document.
    pub(super) object: Option<String>,
}

impl Assumed {
    pub(super) fn of(there: Option<&Stored>, now: i64) -> Self {
        Self {
            expired: there.is_some_and(|stored| stored.has_expired(now)),
            object: there.and_then(Stored::object).map(String::from),
        }
    }
}

/// Whether a condition holds for what is there.
pub(super) fn holds(condition: Condition, there: Option<&Stored>, now: i64) -> bool {
    let version = there.filter(|stored| !stored.has_expired(now)).map(|stored| stored.version);
    match condition {
        Condition::Any => true,
        Condition::Absent => version.is_none(),
        Condition::Version(expected) => version == Some(expected),
    }
}

/// The condition of a write with what it takes for granted, and the values that it names.
pub(super) fn expression(
    condition: Condition,
    purpose: Purpose,
    assumed: &Assumed,
    now: i64,
    nonce: &Nonce,
) -> (String, Attributes) {
    const ALIVE: &str = "(attribute_not_exists(expires_micros) OR expires_micros > :now)";
    let held = match (purpose, &assumed.object) {
        (Purpose::Check, _) => "attribute_exists(pk)",
        (_, Some(_)) => "overflow = :object",
        (_, None) => "attribute_not_exists(overflow)",
    };
    let text = match (condition, purpose) {
        (Condition::Any, Purpose::Put) if !assumed.expired => {
            // A try whose answer was lost is not to count twice.
            format!("attribute_not_exists(pk) OR ({ALIVE} AND nonce <> :nonce AND {held})")
        }
        (Condition::Any, Purpose::Delete | Purpose::Check) => format!("attribute_not_exists(pk) OR {held}"),
        (Condition::Absent, _) | (Condition::Any, Purpose::Put) => {
            format!("attribute_not_exists(pk) OR (expires_micros <= :now AND {held})")
        }
        (Condition::Version(_), _) => format!("version = :version AND {ALIVE} AND {held}"),
    };
    let mut values = Attributes::new();
    let mut give = |name: &str, value: AttributeValue| {
        if text.contains(name) {
            values.insert(name.to_owned(), value);
        }
    };
    give(":now", decimal(now));
    give(":nonce", bytes(nonce));
    if let Condition::Version(version) = condition {
        give(":version", decimal(version));
    }
    if let Some(object) = &assumed.object {
        give(":object", AttributeValue::S(object.clone()));
    }
    (text, values)
}
