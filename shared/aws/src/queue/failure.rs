//! SQS's errors as a queue's.

use crate::failure;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use fettle_backend::ports::{Error, ErrorKind};
use std::error::Error as StdError;

fn kind_of(code: &str) -> Option<ErrorKind> {
    // As SQS's older protocol has them, some codes have the service's name before them.
    match code.rsplit('.').next().unwrap_or(code) {
        "BatchRequestTooLong" => Some(ErrorKind::TooLarge),
        "InvalidMessageContents" => Some(ErrorKind::Invalid),
        _ => None,
    }
}

/// Whether the code says that a receipt names no message that is held. A visibility that SQS does not
/// take comes under the same code as a message that is no more, but is refused before.
pub(super) fn is_void(code: Option<&str>) -> bool {
    let code = code.and_then(|code| code.rsplit('.').next());
    matches!(
        code,
        Some(
            "ReceiptHandleIsInvalid"
                | "MessageNotInflight"
                | "InvalidParameterValue"
                | "InvalidParameterValueException"
        )
    )
}

/// For `map_err` of a call.
pub(super) fn failed<E, R>(tried: String) -> impl FnOnce(SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    move |error| failure::failed(&tried, kind_of, error)
}
