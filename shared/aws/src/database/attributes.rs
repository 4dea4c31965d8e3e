//! An item as its attributes. None of the names is one of DynamoDB's reserved words, so that
//! expressions can have them as they are.

use super::failure::Attributes;
use super::table::{PARTITION_KEY, SORT_KEY, TIME_TO_LIVE};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use fettle_backend::ports::{Error, ErrorKind, Key, Result};
use jiff::Timestamp;
use std::fmt::Display;

/// A number.
pub(super) const VERSION: &str = "version";
/// Sixteen random bytes of the call that wrote the item, by which it knows its own work again.
pub(super) const NONCE: &str = "nonce";
/// The exact time at which the item is gone: a number, microseconds since 1970.
pub(super) const EXPIRES_MICROS: &str = "expires_micros";
/// The document as JSON text, so that its numbers keep their last bit; unless it is an object.
pub(super) const DOCUMENT: &str = "document";
/// The storage key of the object that is the document.
pub(super) const OVERFLOW: &str = "overflow";
/// The length of that object: a number.
pub(super) const BYTES: &str = "bytes";

/// A document as an item carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Document {
    /// Itself, as JSON text.
    Text(String),
    /// By reference to an object with the text.
    Object { key: String, bytes: usize },
}

impl Document {
    /// The object that it is.
    pub(super) fn object(&self) -> Option<&str> {
        match self {
            Document::Object { key, .. } => Some(key),
            Document::Text(_) => None,
        }
    }
}

/// What a call gives the items that it writes.
pub(super) type Nonce = [u8; 16];

/// An item as it was read.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) sort: String,
    pub(super) version: u64,
    pub(super) nonce: Vec<u8>,
    /// In microseconds since 1970.
    pub(super) expires: Option<i64>,
    pub(super) document: Document,
}

impl Stored {
    /// `Corrupt` when the attributes are none of this program's.
    pub(super) fn read(mut attributes: Attributes) -> Result<Self> {
        let sort = binary(&mut attributes, SORT_KEY)?;
        let expires = if attributes.contains_key(EXPIRES_MICROS) {
            Some(number(&mut attributes, EXPIRES_MICROS)?)
        } else {
            None
        };
        let document = if attributes.contains_key(OVERFLOW) {
            let key = text(&mut attributes, OVERFLOW)?;
            Document::Object { key, bytes: number(&mut attributes, BYTES)? }
        } else {
            Document::Text(text(&mut attributes, DOCUMENT)?)
        };
        Ok(Self {
            sort: String::from_utf8(sort).map_err(|error| corrupt(SORT_KEY).caused_by(error))?,
            version: number(&mut attributes, VERSION)?,
            nonce: binary(&mut attributes, NONCE)?,
            expires,
            document,
        })
    }

    /// Whether it counts as none at that time.
    pub(super) fn has_expired(&self, now: i64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// The object that holds its document.
    pub(super) fn object(&self) -> Option<&str> {
        self.document.object()
    }

    /// The document's length.
    pub(super) fn bytes(&self) -> usize {
        match &self.document {
            Document::Object { bytes, .. } => *bytes,
            Document::Text(text) => text.len(),
        }
    }

    /// When it vanishes by itself.
    pub(super) fn expires_at(&self) -> Result<Option<Timestamp>> {
        self.expires
            .map(Timestamp::from_microsecond)
            .transpose()
            .map_err(|error| corrupt(EXPIRES_MICROS).caused_by(error))
    }
}

/// The attributes that find an item.
pub(super) fn key(key: &Key) -> Attributes {
    Attributes::from([
        (PARTITION_KEY.to_owned(), AttributeValue::S(key.partition.clone())),
        (SORT_KEY.to_owned(), bytes(key.sort.as_bytes())),
    ])
}

/// The attributes of an item but its key and version.
pub(super) fn content(
    document: &Document,
    expires: Option<i64>,
    nonce: &Nonce,
) -> Vec<(&'static str, AttributeValue)> {
    let mut content = vec![(NONCE, bytes(nonce))];
    match document {
        Document::Text(text) => content.push((DOCUMENT, AttributeValue::S(text.clone()))),
        Document::Object { key, bytes } => {
            content.push((OVERFLOW, AttributeValue::S(key.clone())));
            content.push((BYTES, decimal(bytes)));
        }
    }
    if let Some(micros) = expires {
        content.push((EXPIRES_MICROS, decimal(micros)));
        content.push((TIME_TO_LIVE, decimal(seconds(micros))));
    }
    content
}

/// A whole item.
pub(super) fn item(
    at: &Key,
    version: u64,
    document: &Document,
    expires: Option<i64>,
    nonce: &Nonce,
) -> Attributes {
    let content = content(document, expires, nonce).into_iter();
    key(at)
        .into_iter()
        .chain(content.chain([(VERSION, decimal(version))]).map(|(name, value)| (name.to_owned(), value)))
        .collect()
}

/// A number as DynamoDB has them.
pub(super) fn decimal(number: impl Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Bytes as DynamoDB has them.
pub(super) fn bytes(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

/// Microseconds since 1970: the last second of all is read back only from its beginning.
pub(super) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond().min(Timestamp::MAX.as_second() * 1_000_000)
}

/// Seconds, rounded up: the table removes nothing before its time.
fn seconds(micros: i64) -> i64 {
    micros.div_euclid(1_000_000) + i64::from(micros.rem_euclid(1_000_000) != 0)
}

fn text(attributes: &mut Attributes, name: &str) -> Result<String> {
    match attributes.remove(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => Err(corrupt(name)),
    }
}

fn binary(attributes: &mut Attributes, name: &str) -> Result<Vec<u8>> {
    match attributes.remove(name) {
        Some(AttributeValue::B(blob)) => Ok(blob.into_inner()),
        _ => Err(corrupt(name)),
    }
}

fn number<T: std::str::FromStr>(attributes: &mut Attributes, name: &str) -> Result<T> {
    match attributes.remove(name) {
        Some(AttributeValue::N(digits)) => digits.parse().map_err(|_| corrupt(name)),
        _ => Err(corrupt(name)),
    }
}

fn corrupt(name: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("an item whose attribute {name} is not as it was written"))
}

/// The sort key among the attributes.
pub(super) fn sort(mut attributes: Attributes) -> Result<String> {
    let sort = binary(&mut attributes, SORT_KEY)?;
    String::from_utf8(sort).map_err(|error| corrupt(SORT_KEY).caused_by(error))
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn seconds_are_rounded_up() {
        for (micros, expected) in [(0, 0), (1, 1), (1_000_000, 1), (1_000_001, 2), (-1, 0), (-1_000_001, -1)]
        {
            assert_eq!(seconds(micros), expected, "{micros}");
        }
    }
}
