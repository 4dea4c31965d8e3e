//! The secrets slot: the keys under which secret values are sealed.

use super::{Error, ErrorKind, Result};
use async_trait::async_trait;
use fernet::{Fernet, MultiFernet};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Marks a sealed value, and the format that sealed it.
const MARK: &str = "ENC:v1:";

/// Gives the key ring; made at the first use, by one of however many ask first at once.
///
/// `Unavailable` when the keys can not be had now, `Corrupt` when they are not Fernet keys: never an
/// empty ring, never a new key in place of one that can not be read.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The keys: the first seals, all open. They may be kept for a minute, so a key that was just added
    /// may not be among them.
    async fn keys(&self) -> Result<Arc<KeyRing>>;

    /// The keys as they are now, past whatever is kept: for what would be lost under a key that is on
    /// its way out.
    async fn reload(&self) -> Result<Arc<KeyRing>>;
}

/// Fernet keys: the first seals, all open, so that a key can be replaced without downtime.
pub struct KeyRing {
    first: Fernet,
    all: MultiFernet,
}

/// What is inside a sealed value: the place it belongs to is sealed with it, so that a value copied
/// to another record does not open there.
#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    place: &'a str,
    value: &'a str,
}

impl KeyRing {
    /// A ring from its text form: Fernet keys (32 bytes in URL-safe base64), one a line.
    pub fn parse(text: &str) -> Result<Self> {
        let keys: Option<Vec<Fernet>> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Fernet::new).collect();
        match keys {
            Some(keys) if !keys.is_empty() => {
                Ok(Self { first: keys[0].clone(), all: MultiFernet::new(keys) })
            }
            _ => Err(Error::new(
                ErrorKind::Corrupt,
                "the key ring holds something that is not a Fernet key: restore it from your backup",
            )),
        }
    }

    /// A new random key in its text form.
    pub fn generate() -> String {
        Fernet::generate_key()
    }

    /// Seals a value for a place, such as `ws_…/secret/sec_…`: `ENC:v1:` and a Fernet token.
    pub fn seal(&self, place: &str, value: &str) -> String {
        let inside = serde_json::to_vec(&Sealed { place, value }).unwrap_or_default();
        format!("{MARK}{}", self.first.encrypt(&inside))
    }

    /// The value that was sealed for this place, by any key of the ring; `Corrupt` for anything else.
    pub fn open(&self, place: &str, sealed: &str) -> Result<String> {
        opened(place, sealed, |token| self.all.decrypt(token).ok()).ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, "the value was not sealed for this place by any key of the ring")
        })
    }

    /// Whether the value was sealed for this place by the key that seals now: what was not is to be
    /// sealed again before the other keys may go.
    pub fn sealed_by_first(&self, place: &str, sealed: &str) -> bool {
        opened(place, sealed, |token| self.first.decrypt(token).ok()).is_some()
    }

    /// Whether the text has the form of a sealed value.
    pub fn is_sealed(text: &str) -> bool {
        text.starts_with(MARK)
    }

    /// Whether a key of the ring sealed the value, for whatever place.
    pub fn can_open(&self, sealed: &str) -> bool {
        sealed.strip_prefix(MARK).is_some_and(|token| self.all.decrypt(token).is_ok())
    }
}

fn opened(place: &str, sealed: &str, decrypt: impl Fn(&str) -> Option<Vec<u8>>) -> Option<String> {
    let inside = decrypt(sealed.strip_prefix(MARK)?)?;
    let inside: Opened = serde_json::from_slice(&inside).ok()?;
    (inside.place == place).then_some(inside.value)
}

#[derive(Deserialize)]
struct Opened {
    place: String,
    value: String,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyRing(…)")
    }
}
