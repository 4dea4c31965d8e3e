//! Which issuer, and what its claims mean here.

use fettle_backend::permission::Role;
use fettle_backend::ports::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use ureq::http::Uri;

/// Which issuer's tokens are taken, and what their claims mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSettings {
    /// The issuer, exactly as its tokens name it in `iss`: `https://…`. Its keys are found by
    /// `{issuer}/.well-known/openid-configuration`.
    pub issuer: String,
    /// Who a token may be for: one of these has to be in `aud`, or be the `client_id` of an access token
    /// of Amazon Cognito, which has no `aud`.
    pub audiences: Vec<String>,
    /// The claim that names the caller's workspace; without one everybody is in the default workspace. A
    /// name has letters, digits, `.`, `_` and `-`.
    pub workspace_claim: Option<String>,
    /// The claim that says what a caller may do: a text, or a list of texts such as groups.
    pub role_claim: String,
    /// Which role each value of that claim gives; the strongest holds. When empty the claim holds roles
    /// by their own names (`admin`, `editor`, `viewer`, `predictor`).
    pub roles: BTreeMap<String, Role>,
    /// Whether the issuer may be asked without TLS: for a test or a network of one's own.
    pub allow_http: bool,
}

impl OidcSettings {
    /// The claim that says what a caller may do, unless another is set.
    pub const ROLE_CLAIM: &str = "fettle_role";

    /// Tokens of `issuer` for `audience`, with the roles of the claim `fettle_role`.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audiences: vec![audience.into()],
            workspace_claim: None,
            role_claim: Self::ROLE_CLAIM.to_owned(),
            roles: BTreeMap::new(),
            allow_http: false,
        }
    }

    /// `Invalid` says which setting can not be used.
    pub(super) fn check(&self) -> Result<()> {
        let invalid = |what: &str| Err(Error::new(ErrorKind::Invalid, format!("OpenID Connect: {what}")));
        if self.audiences.is_empty() || self.audiences.iter().any(String::is_empty) {
            return invalid("the audience is empty: name the client or API that tokens are made for");
        }
        if self.role_claim.is_empty() || self.workspace_claim.as_ref().is_some_and(String::is_empty) {
            return invalid("the name of a claim is empty");
        }
        let uri: Option<Uri> = self.issuer.parse().ok();
        if uri.as_ref().is_none_or(|uri| uri.host().is_none_or(str::is_empty) || uri.query().is_some()) {
            return invalid("the issuer is no address such as https://login.example.com/realm");
        }
        if !self.may_ask(&self.issuer) {
            return invalid("the issuer's address has to begin with https://");
        }
        Ok(())
    }

    /// Whether an address may be asked for keys.
    pub(super) fn may_ask(&self, url: &str) -> bool {
        url.starts_with("https://") || (self.allow_http && url.starts_with("http://"))
    }
}
