//! The SDK's errors as a port's.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use fettle_backend::ports::{Error, ErrorKind};
use std::error::Error as StdError;

/// What a service's code says, if it says more than that the call may be tried again.
pub(crate) type KindOf = fn(code: &str) -> Option<ErrorKind>;

/// The error of a call. Throttling, time-outs, lost connections, a fault of the service's, and whatever
/// `kind_of` does not know (a bucket or a right that is missing) are `Unavailable`: an operator may mend
/// it, and the call may be made again.
pub(crate) fn failed<E, R>(tried: &str, kind_of: KindOf, error: SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let code = error.code().map(str::to_owned);
    let kind = code.as_deref().and_then(kind_of).unwrap_or(ErrorKind::Unavailable);
    let context = code.map_or_else(|| tried.to_owned(), |code| format!("{tried}: {code}"));
    Error::new(kind, context).caused_by(error)
}
