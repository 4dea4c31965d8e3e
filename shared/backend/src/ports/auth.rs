//! The auth slot: who is calling.

use super::Result;
use crate::permission::Role;
use async_trait::async_trait;
use jiff::Timestamp;

/// Who is calling, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The workspace that every key of the call begins with.
    pub workspace: String,
    /// The name in audit entries: the key's id, or the person's subject.
    pub subject: String,
    /// What the caller may do.
    pub role: Role,
}

/// Tells who holds a bearer token.
///
/// An unknown, malformed, expired or revoked token is `None`, all alike and in like time, so that an
/// answer tells nothing about which. `Unavailable` when it can not be told now: a caller is never
/// let in on a guess.
#[async_trait]
pub trait Auth: Send + Sync {
    /// The holder of the token at the time `now`.
    async fn authenticate(&self, token: &str, now: Timestamp) -> Result<Option<Caller>>;
}
