//! The storage slot: data sets, artifacts, plots.

use super::{Error, ErrorKind, Result};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes that come one after the other.
pub type ByteStream = Pin<Box<dyn AsyncRead + Send>>;

/// What is known of a stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its length.
    pub bytes: u64,
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectPage {
    /// In the order of the keys' bytes.
    pub objects: Vec<Object>,
    /// The key to go on after; none at the end.
    pub next: Option<String>,
}

/// A request that its holder may make without any other credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Presigned {
    /// `PUT` or `GET`.
    pub method: String,
    /// The whole address.
    pub url: String,
    /// Headers that the request must carry.
    pub headers: BTreeMap<String, String>,
    /// Refused from then on.
    #[schemars(with = "String")]
    pub expires_at: Timestamp,
}

/// What a file may be that is uploaded by a presigned request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadTerms {
    /// No more bytes.
    pub max_bytes: u64,
    /// So many bytes and no other number, if it is known before; at most `max_bytes`.
    pub bytes: Option<u64>,
    /// These bytes and no others, if their SHA-256 is known before: 64 lower-case hexadecimal digits.
    pub sha256: Option<String>,
}

impl UploadTerms {
    /// Any file of at most so many bytes.
    pub fn at_most(max_bytes: u64) -> Self {
        Self { max_bytes, bytes: None, sha256: None }
    }

    /// `TooLarge` or `Invalid` unless a file can be as the terms have it.
    pub fn check(&self) -> Result<()> {
        if let Some(bytes) = self.bytes.filter(|bytes| *bytes > self.max_bytes) {
            let context = format!("an upload of {bytes} bytes: at most {}", self.max_bytes);
            return Err(Error::new(ErrorKind::TooLarge, context));
        }
        self.digest().map(drop)
    }

    /// The SHA-256 as bytes, if it is known.
    pub fn digest(&self) -> Result<Option<[u8; 32]>> {
        let Some(text) = &self.sha256 else { return Ok(None) };
        parse_digest(text)
            .map(Some)
            .ok_or_else(|| Error::new(ErrorKind::Invalid, "a SHA-256 that is not 64 hexadecimal digits"))
    }
}

fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let digits: [u8; 64] = text.as_bytes().try_into().ok()?;
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(digest)
}

/// The longest key of an object, in bytes.
pub const MAX_OBJECT_KEY_BYTES: usize = 512;

/// `Invalid` for what is no object's key (see [`Storage`]): what every implementation does first.
pub fn check_object_key(key: &str) -> Result<()> {
    let legal = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    if key.len() <= MAX_OBJECT_KEY_BYTES && key.split('/').all(legal) {
        Ok(())
    } else {
        let context = "a key that is not 1 to 512 bytes of A-Z a-z 0-9 . _ - with single slashes between";
        Err(Error::new(ErrorKind::Invalid, context))
    }
}

/// When a request that is presigned now is refused: a whole second. `Invalid` unless it is valid for one
/// second to seven days, as S3 has it.
pub fn presigned_until(now: Timestamp, valid: SignedDuration) -> Result<Timestamp> {
    if valid < SignedDuration::from_secs(1) || valid > SignedDuration::from_hours(7 * 24) {
        return Err(Error::new(ErrorKind::Invalid, "a request is valid for one second to seven days"));
    }
    now.checked_add(valid)
        .and_then(|at| Timestamp::from_second(at.as_second()))
        .map_err(|error| Error::new(ErrorKind::Invalid, "a time out of range").caused_by(error))
}

/// The `Content-Disposition` by which a download is offered as `file_name` (RFC 6266): the name for
/// those who read ASCII only, and the whole name.
pub fn content_disposition(file_name: &str) -> String {
    let plain = |c: char| if matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%') { c } else { '_' };
    let ascii: String = file_name.chars().map(plain).collect();
    if ascii == file_name {
        return format!("attachment; filename=\"{ascii}\"");
    }
    let whole = utf8_percent_encode(file_name, NON_ALPHANUMERIC);
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{whole}")
}

/// Objects by key.
///
/// - **Keys** are 1 to 512 bytes of `A-Z a-z 0-9 . _ - /`, with no empty, `.` or `..` part between
///   slashes: anything else is `Invalid`, so a key can never leave its place.
/// - **Atomic**: an object is there whole or not at all; a reader during a write, or after a kill in
///   the middle of one, sees the object as it was before.
/// - **Durable** once `put` or `put_stream` has answered.
/// - **Consistent**: a read after a write's answer sees it.
/// - A missing object is `NotFound`, except for [`delete`](Storage::delete), which may be repeated.
#[async_trait]
pub trait Storage: Send + Sync {
    /// Writes an object, in place of any before.
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<()>;

    /// Writes an object unless there is one: then `Conflict { at: 0 }`. Of many at once one wins.
    async fn create(&self, key: &str, bytes: &[u8]) -> Result<()>;

    /// Writes an object from a stream of unknown length in bounded memory. A stream that fails, or
    /// goes over `max_bytes` (then `TooLarge`), leaves nothing behind.
    async fn put_stream(&self, key: &str, stream: ByteStream, max_bytes: u64) -> Result<Object>;

    /// The whole object.
    async fn get(&self, key: &str) -> Result<Vec<u8>>;

    /// The object from byte `from` on, as a stream; an offset past the end gives an empty one.
    async fn get_stream(&self, key: &str, from: u64) -> Result<ByteStream>;

    /// At most `length` bytes of the object from byte `from` on: fewer where it ends before, none past its
    /// end.
    async fn get_range(&self, key: &str, from: u64, length: u64) -> Result<Vec<u8>> {
        let stream = self.get_stream(key, from).await?;
        let mut bytes = Vec::new();
        stream.take(length).read_to_end(&mut bytes).await.map_err(|error| {
            Error::new(ErrorKind::Unavailable, format!("reading {key} from {from}")).caused_by(error)
        })?;
        Ok(bytes)
    }

    /// The object's length.
    async fn head(&self, key: &str) -> Result<Object>;

    /// Removes the object, if it is there.
    async fn delete(&self, key: &str) -> Result<()>;

    /// Objects whose key begins with `prefix`, after the key `after`, at most `limit` (1 to 1,000).
    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<ObjectPage>;

    /// A request by which anybody may write this object (and no other) until it expires, on these terms;
    /// terms that nothing can meet are refused as [`UploadTerms::check`] has it.
    ///
    /// An exact length and a SHA-256 are held in any case. `max_bytes` alone may not be: S3 can not bind
    /// it. So whoever reads what was uploaded looks at its length first.
    async fn presign_upload(
        &self,
        key: &str,
        terms: &UploadTerms,
        valid: SignedDuration,
    ) -> Result<Presigned>;

    /// A request by which anybody may read this object until it expires; it is offered for download
    /// as `file_name`.
    async fn presign_download(&self, key: &str, file_name: &str, valid: SignedDuration) -> Result<Presigned>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_no_keys() {
        for key in [
            "", "/", "a/", "/a", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\\b", "a b", "é", "a\0",
            "a+", "~a",
        ] {
            assert!(check_object_key(key).is_err(), "{key:?}");
        }
        assert!(check_object_key(&"a".repeat(512)).is_ok());
        assert!(check_object_key(&"a".repeat(513)).is_err());
    }

    #[test]
    fn a_file_name_can_not_break_out_of_its_header() {
        assert_eq!(content_disposition("a b.csv"), "attachment; filename=\"a b.csv\"");
        assert_eq!(
            content_disposition("é\"\r\n.csv"),
            "attachment; filename=\"____.csv\"; filename*=UTF-8''%C3%A9%22%0D%0A%2Ecsv"
        );
    }

    #[test]
    fn terms_that_nothing_can_meet_are_refused() {
        let digest = "00ff".repeat(16);
        let terms = UploadTerms { max_bytes: 10, bytes: Some(10), sha256: Some(digest.clone()) };
        terms.check().expect("a file can be so");
        assert_eq!(
            terms.digest().expect("it was checked").map(|digest| digest[..2].to_vec()),
            Some(vec![0, 255])
        );
        let kind = |terms: UploadTerms| terms.check().map_err(|error| error.kind());
        assert_eq!(kind(UploadTerms { bytes: Some(11), ..terms.clone() }), Err(ErrorKind::TooLarge));
        for sha256 in ["", "00", &digest[1..], &digest.to_uppercase(), &digest.replace("00", "é")] {
            let sha256 = Some(sha256.to_owned());
            assert_eq!(kind(UploadTerms { sha256, ..terms.clone() }), Err(ErrorKind::Invalid));
        }
    }
}
