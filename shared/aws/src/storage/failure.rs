//! S3's errors as a storage's.

use crate::failure;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_checksums::body::validate::Error as ChecksumError;
use fettle_backend::ports::{Error, ErrorKind};
use std::error::Error as StdError;

/// There is an object already.
pub(super) const PRECONDITION_FAILED: &str = "PreconditionFailed";
/// Somebody else is writing the object just now.
pub(super) const WRITTEN_AT_ONCE: &str = "ConditionalRequestConflict";
/// An offset at or past the end.
pub(super) const INVALID_RANGE: &str = "InvalidRange";

fn kind_of(code: &str) -> Option<ErrorKind> {
    match code {
        "NoSuchKey" | "NotFound" => Some(ErrorKind::NotFound),
        PRECONDITION_FAILED => Some(ErrorKind::Conflict { at: 0 }),
        "EntityTooLarge" => Some(ErrorKind::TooLarge),
        _ => None,
    }
}

/// For `map_err` of a call.
pub(super) fn failed<E, R>(tried: String) -> impl FnOnce(SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    move |error| failure::failed(&tried, kind_of, error)
}

/// The error of an answer's body: `Corrupt` when all of it has come and its checksum is another.
pub(super) fn broken(tried: String, error: impl StdError + Send + Sync + 'static) -> Error {
    let kind = if is_damaged(&error) { ErrorKind::Corrupt } else { ErrorKind::Unavailable };
    Error::new(kind, tried).caused_by(error)
}

fn is_damaged(error: &(dyn StdError + 'static)) -> bool {
    error.is::<ChecksumError>() || error.source().is_some_and(is_damaged)
}
