//! What DynamoDB's refusals mean.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason};
use fettle_backend::ports::{Error, ErrorKind};
use std::collections::HashMap;

/// An item's attributes by name.
pub(super) type Attributes = HashMap<String, AttributeValue>;

/// How a try to write ended, if not well.
pub(super) enum Refusal {
    /// Conditions that did not hold: the writes' indices, with what is there instead. Nothing was
    /// written.
    Conditions(Vec<(usize, Option<Attributes>)>),
    /// Nothing was written, and another try may do better.
    Later(Error),
    /// Nobody knows whether it was written.
    Lost(Error),
    /// Nothing was written, and another try would end alike.
    Final(Error),
}

/// The error of a call whose tries are over.
pub(super) fn failed<E>(what: &str, error: E) -> Error
where
    aws_sdk_dynamodb::Error: From<E>,
{
    failure(what, aws_sdk_dynamodb::Error::from(error))
}

fn failure(what: &str, error: aws_sdk_dynamodb::Error) -> Error {
    let message = error.message().unwrap_or_default();
    let kind = match error.code() {
        Some("ValidationException") => kind_of_invalid(message),
        Some("ItemCollectionSizeLimitExceededException") => ErrorKind::TooLarge,
        _ => ErrorKind::Unavailable,
    };
    let context = format!("{what}: {} {message}", error.code().unwrap_or("no answer"));
    Error::new(kind, context.trim_end()).caused_by(error)
}

fn kind_of_invalid(message: &str) -> ErrorKind {
    let message = message.to_ascii_lowercase();
    // "Item size has exceeded the maximum allowed size", "… to update has exceeded …", "Aggregate
    // size of the items …", "… cannot exceed 4 MB".
    if message.contains("exceed") && message.contains("size") {
        ErrorKind::TooLarge
    } else {
        ErrorKind::Invalid
    }
}

/// How a try to write ended.
pub(super) fn refusal<E>(error: SdkError<E>) -> Refusal
where
    aws_sdk_dynamodb::Error: From<SdkError<E>>,
{
    const WHAT: &str = "writing";
    let known = match &error {
        SdkError::ServiceError(answer) => answer.raw().status().as_u16() < 500,
        SdkError::ConstructionFailure(_) => true,
        _ => false,
    };
    let error = aws_sdk_dynamodb::Error::from(error);
    if !known {
        return Refusal::Lost(failure(WHAT, error));
    }
    match error {
        aws_sdk_dynamodb::Error::ConditionalCheckFailedException(failed) => {
            Refusal::Conditions(vec![(0, failed.item)])
        }
        aws_sdk_dynamodb::Error::TransactionCanceledException(ref cancelled)
            if cancelled.cancellation_reasons.is_some() =>
        {
            let reasons = cancelled.cancellation_reasons.clone().unwrap_or_default();
            cancelled_for(reasons, failure(WHAT, error))
        }
        // The same request is under way: an earlier try of it, whose answer was lost.
        aws_sdk_dynamodb::Error::TransactionInProgressException(_) => Refusal::Lost(failure(WHAT, error)),
        error if is_passing(error.code()) => Refusal::Later(failure(WHAT, error)),
        error => Refusal::Final(failure(WHAT, error)),
    }
}

/// Whether an answer says that others were faster, or too many.
pub(super) fn is_passing(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "LimitExceededException"
                | "ProvisionedThroughputExceededException"
                | "ReplicatedWriteConflictException"
                | "RequestLimitExceeded"
                | "ThrottlingException"
                | "TransactionConflictException"
        )
    )
}

/// Why a transaction was cancelled: a reason for each of its writes.
fn cancelled_for(reasons: Vec<CancellationReason>, error: Error) -> Refusal {
    let has =
        |codes: &[&str]| reasons.iter().filter_map(|reason| reason.code()).any(|is| codes.contains(&is));
    if let Some(reason) = reasons.iter().find(|reason| reason.code() == Some("ValidationError")) {
        let kind = kind_of_invalid(reason.message().unwrap_or_default());
        return Refusal::Final(Error::new(kind, "a write of a transaction").caused_by(error));
    }
    if has(&["ItemCollectionSizeLimitExceeded"]) {
        return Refusal::Final(Error::new(ErrorKind::TooLarge, "a write of a transaction").caused_by(error));
    }
    if has(&["ConditionalCheckFailed"]) {
        let failed = reasons.into_iter().enumerate();
        return Refusal::Conditions(
            failed
                .filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"))
                .map(|(at, reason)| (at, reason.item))
                .collect(),
        );
    }
    if has(&["AccessDenied", "DuplicateItem"]) {
        return Refusal::Final(error);
    }
    // TransactionConflict, ThrottlingError, ProvisionedThroughputExceeded.
    Refusal::Later(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cancelled(codes: &[(&str, &str)]) -> Refusal {
        let reason = |(code, message): &(&str, &str)| {
            CancellationReason::builder().code(*code).message(*message).build()
        };
        cancelled_for(codes.iter().map(reason).collect(), Error::new(ErrorKind::Unavailable, "cancelled"))
    }

    #[test]
    fn a_condition_that_failed_comes_before_what_may_pass() {
        let reasons = [
            ("TransactionConflict", ""),
            ("None", ""),
            ("ConditionalCheckFailed", ""),
            ("ConditionalCheckFailed", ""),
        ];
        let Refusal::Conditions(found) = cancelled(&reasons) else { panic!("not told as conditions") };
        assert_eq!(found, [(2, None), (3, None)]);
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
            assert!(matches!(cancelled(&[("None", ""), (code, "")]), Refusal::Later(_)), "{code}");
        }
        assert!(matches!(cancelled(&[("AccessDenied", "")]), Refusal::Final(_)));
        let too_large = "Item size to update has exceeded the maximum allowed size";
        for (message, kind) in
            [(too_large, ErrorKind::TooLarge), ("Type mismatch for key sk", ErrorKind::Invalid)]
        {
            let Refusal::Final(error) = cancelled(&[("None", ""), ("ValidationError", message)]) else {
                panic!("tried again: {message}")
            };
            assert_eq!(error.kind(), kind);
        }
    }
}
