//! Requests to the local gateway that their holder may make without a key.

use fettle_backend::ports::{Presigned, Result, check_object_key, presigned_until};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use subtle::ConstantTimeEq;

/// What a presigned request allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// The most bytes that an upload may have.
    pub max_bytes: Option<u64>,
    /// The bytes that an upload has to have.
    pub bytes: Option<u64>,
    /// The SHA-256 that an upload has to have, in lower-case hexadecimal digits.
    pub sha256: Option<String>,
    /// The name that a download is offered as.
    pub file_name: Option<String>,
}

/// Signs requests (HMAC-SHA256), and knows them again.
pub(super) struct Signer {
    public_url: String,
    key: [u8; 32],
}

impl Signer {
    pub(super) fn new(public_url: &str, key: [u8; 32]) -> Self {
        Self { public_url: public_url.trim_end_matches('/').to_owned(), key }
    }

    /// `{public_url}/v1/storage/{key}?bytes=BYTES&expires=UNIX&max=BYTES&name=…&sha256=HEX&signature=HEX`;
    /// of `bytes`, `max`, `name` and `sha256` only what the grant has.
    pub(super) fn presign(
        &self,
        method: &str,
        key: &str,
        grant: &Grant,
        valid: SignedDuration,
        now: Timestamp,
    ) -> Result<Presigned> {
        check_object_key(key)?;
        let expires_at = presigned_until(now, valid)?;
        let mut query = BTreeMap::from([("expires".to_owned(), expires_at.as_second().to_string())]);
        if let Some(max) = grant.max_bytes {
            query.insert("max".into(), max.to_string());
        }
        if let Some(bytes) = grant.bytes {
            query.insert("bytes".into(), bytes.to_string());
        }
        if let Some(sha256) = &grant.sha256 {
            query.insert("sha256".into(), sha256.clone());
        }
        if let Some(name) = &grant.file_name {
            query.insert("name".into(), name.clone());
        }
        query.insert("signature".into(), self.signature(method, key, &query));
        let mut url = format!("{}/v1/storage/{key}", self.public_url);
        for (index, (name, value)) in query.iter().enumerate() {
            let separator = if index == 0 { '?' } else { '&' };
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
            write!(url, "{separator}{name}={value}").expect("writing to a string does not fail");
        }
        Ok(Presigned { method: method.to_owned(), url, headers: BTreeMap::new(), expires_at })
    }

    /// What a request with this query (percent-decoded) may do; none unless it was signed here for
    /// this method and key, and has not expired.
    pub(super) fn verify(
        &self,
        method: &str,
        key: &str,
        query: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Option<Grant> {
        let given = query.get("signature")?;
        let expected = self.signature(method, key, query);
        if !bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
            return None;
        }
        let expires: i64 = query.get("expires")?.parse().ok()?;
        if now.as_second() >= expires {
            return None;
        }
        let number = |name| query.get(name).map(|text| text.parse()).transpose().ok();
        Some(Grant {
            max_bytes: number("max")?,
            bytes: number("bytes")?,
            sha256: query.get("sha256").cloned(),
            file_name: query.get("name").cloned(),
        })
    }

    /// Over the method, the key and every parameter but the signature, each with its length, so that
    /// no two requests are signed alike.
    fn signature(&self, method: &str, key: &str, query: &BTreeMap<String, String>) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        let parameters = query.iter().filter(|(name, _)| *name != "signature");
        let texts =
            [method, key].into_iter().chain(parameters.flat_map(|(name, value)| [name.as_str(), value]));
        for text in texts {
            mac.update(&(text.len() as u64).to_le_bytes());
            mac.update(text.as_bytes());
        }
        mac.finalize().into_bytes().iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a string does not fail");
            hex
        })
    }
}
