//! `Idempotency-Key`: the second call with a key gives the first one's result.
//!
//! The key's record names what the first call made and is written in the same transaction, so that
//! there is never the one without the other. It is kept for a day.

use crate::app::App;
use crate::operation::Call;
use crate::ports::{Key, Write};
use crate::problem::{Kind, Problem, Result};
use crate::record;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where a workspace's keys are kept. No backup has them: they are forgotten after a day anyway.
pub(crate) fn partition(workspace: &str) -> String {
    format!("{workspace}/idempotency")
}

const KEPT: SignedDuration = SignedDuration::from_hours(24);

#[derive(Serialize, Deserialize)]
struct Record {
    request: String,
    made: String,
}

/// A creating call's idempotency key, if it has one.
pub(crate) struct Idempotency<'a> {
    app: &'a App,
    key: Option<Key>,
    request: String,
}

/// What a call with a key turned out to be.
pub(crate) enum Seen {
    /// The first of its key, or one without a key.
    First,
    /// A repetition: what the first one made.
    Again(String),
}

impl<'a> Idempotency<'a> {
    /// Of this call of an operation.
    pub(crate) fn of(app: &'a App, operation: &str, call: &Call) -> Result<Self> {
        let key = match &call.idempotency_key {
            None => None,
            Some(key)
                if (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) =>
            {
                Some(Key::new(partition(call.workspace()?), format!("{operation}/{key}")))
            }
            Some(_) => {
                return Err(Problem::invalid(
                    "Idempotency-Key",
                    "an idempotency key is 1 to 255 visible ASCII characters",
                ));
            }
        };
        let mut request = Sha256::new();
        for (name, value) in &call.query {
            request.update(format!("{name}={value}&"));
        }
        request.update(&call.body);
        Ok(Self { app, key, request: hex(&request.finalize()) })
    }

    /// Whether the call was made before.
    pub(crate) async fn look(&self) -> Result<Seen> {
        let Some(key) = &self.key else { return Ok(Seen::First) };
        match record::load::<Record>(&*self.app.slots.database, key).await? {
            None => Ok(Seen::First),
            Some(found) if found.value.request == self.request => Ok(Seen::Again(found.value.made)),
            Some(_) => Err(Problem::new(
                Kind::IdempotencyKeyReused,
                "the idempotency key came with another request before",
            )
            .at_field("Idempotency-Key")
            .remedy("use a new key for a new request")),
        }
    }

    /// The write that goes into the transaction that makes the thing.
    pub(crate) fn made(&self, made: &str) -> Result<Option<Write>> {
        let Some(key) = &self.key else { return Ok(None) };
        let record = Record { request: self.request.clone(), made: made.to_owned() };
        record::create_until(key.clone(), &record, self.app.now() + KEPT).map(Some)
    }
}

/// Bytes as lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
