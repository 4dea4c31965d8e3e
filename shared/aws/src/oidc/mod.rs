//! The auth slot on OpenID Connect: callers with a JWT of an issuer, beside those with an API key.

mod claims;
mod issuer;
mod settings;
mod signature;

pub use settings::OidcSettings;

use async_trait::async_trait;
use fettle_backend::ports::{Auth, Caller, Result};
use issuer::Issuer;
use jiff::Timestamp;
use std::sync::Arc;

/// What every API key begins with.
const API_KEY: &str = "ftl_";

/// The longest token that is looked at, in bytes.
const TOKEN_BYTES: usize = 16 << 10;

/// Tells callers by a JWT that the configured issuer signed for this platform, and those whose token
/// begins with `ftl_` by their API key.
///
/// A token is good when its signature is by a key that the issuer publishes, by RSA, ECDSA or EdDSA and
/// never a shared secret or none, and its claims name the issuer, this platform as the audience, a time
/// that is now (give or take a minute) and a role: who has none is nobody. The issuer is asked for its
/// keys at the first token, after an hour, and when a token names a key that is not known, then at most
/// once in half a minute. While it is away, what it has published opens for four hours more; with no
/// key the answer is `Unavailable`.
pub struct OidcAuth {
    settings: OidcSettings,
    keys: Arc<dyn Auth>,
    issuer: Issuer,
}

impl OidcAuth {
    /// Callers of this issuer, and those that `keys` knows. Makes no call; `Invalid` when the settings
    /// can not be used.
    pub fn new(settings: OidcSettings, keys: Arc<dyn Auth>) -> Result<Self> {
        settings.check()?;
        signature::install();
        Ok(Self { issuer: Issuer::new(&settings), settings, keys })
    }
}

#[async_trait]
impl Auth for OidcAuth {
    async fn authenticate(&self, token: &str, now: Timestamp) -> Result<Option<Caller>> {
        if token.starts_with(API_KEY) {
            return self.keys.authenticate(token, now).await;
        }
        if token.len() > TOKEN_BYTES {
            return Ok(None);
        }
        let Some(header) = signature::header(token) else { return Ok(None) };
        let known = self.issuer.keys(now).await?;
        let mut verified = signature::verify(&known, token, &header);
        if verified.is_none() && !signature::is_named(&known, &header) {
            // It may be by a key that is newer than those.
            if let Some(newer) = self.issuer.newer_keys(&known, now).await? {
                verified = signature::verify(&newer, token, &header);
            }
        }
        Ok(verified.and_then(|claims| claims::caller(&self.settings, &claims, now)))
    }
}
