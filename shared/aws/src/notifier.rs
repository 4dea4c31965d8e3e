//! The notifier slot on SNS.

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_sns::types::MessageAttributeValue;
use fettle_backend::ports::{Error, ErrorKind, Notice, Notifier, Result};

/// SNS takes fewer than 100 characters.
const SUBJECT_CHARS: usize = 99;

/// What the service means for good: another try ends the same. Everything else may pass.
const FOR_GOOD: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "EndpointDisabled",
    "InvalidParameter",
    "InvalidParameterException",
    "InvalidParameterValue",
    "InvalidSecurity",
    "KMSAccessDenied",
    "KMSDisabled",
    "KMSInvalidState",
    "KMSNotFound",
    "KMSOptInRequired",
    "NotFound",
    "NotFoundException",
    "ParameterValueInvalid",
    "ValidationError",
    "ValidationException",
];

/// Publishes every notice to a topic: the summary as the subject, the notice as JSON as the message,
/// and the attributes `kind` and `workspace` for subscribers to filter by.
pub struct SnsNotifier {
    client: Client,
    topic_arn: String,
}

impl SnsNotifier {
    /// A notifier for the topic of this ARN. Makes no call.
    pub fn new(client: Client, topic_arn: String) -> Self {
        Self { client, topic_arn }
    }
}

#[async_trait]
impl Notifier for SnsNotifier {
    async fn notify(&self, notice: &Notice) -> Result<()> {
        let message = serde_json::to_string(notice)
            .map_err(|error| Error::new(ErrorKind::Invalid, "a notice as JSON").caused_by(error))?;
        let unfit =
            |error: BuildError| Error::new(ErrorKind::Invalid, "a notice's attributes").caused_by(error);
        self.client
            .publish()
            .topic_arn(&self.topic_arn)
            .subject(subject(notice))
            .message(message)
            .message_attributes("kind", attribute(&notice.kind).map_err(unfit)?)
            .message_attributes("workspace", attribute(&notice.workspace).map_err(unfit)?)
            .send()
            .await
            .map(drop)
            .map_err(|error| {
                let code = error.code();
                let is_for_good = code.is_some_and(|code| FOR_GOOD.contains(&code));
                let kind = if is_for_good { ErrorKind::Invalid } else { ErrorKind::Unavailable };
                let context = format!("publishing to {}: {}", self.topic_arn, code.unwrap_or("no answer"));
                Error::new(kind, context).caused_by(error)
            })
    }
}

fn attribute(value: &str) -> std::result::Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type("String").string_value(value).build()
}

/// The summary as SNS takes it: printable ASCII on one line, beginning with what is no space.
fn subject(notice: &Notice) -> String {
    let words = notice.summary.split(|c: char| c.is_whitespace() || c.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let ascii = line.chars().map(|c| if c.is_ascii() { c } else { '?' });
    let cut: String = ascii.take(SUBJECT_CHARS).collect();
    let subject = cut.trim_end();
    if subject.is_empty() { notice.kind.clone() } else { subject.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_what_sns_takes() {
        let long = "x".repeat(98) + " yz";
        for (summary, expected) in [
            ("Run run_1 has succeeded.", "Run run_1 has succeeded."),
            ("The run é “日本” has ended.\r\nTwo lines.", "The run ? ???? has ended. Two lines."),
            (" \n\t tabs\tand\u{0}nothing \u{7f}", "tabs and nothing"),
            (long.as_str(), &"x".repeat(98)),
            (" \r\n", "run.succeeded"),
            ("", "run.succeeded"),
        ] {
            let notice = Notice {
                id: "evt_1".into(),
                workspace: "default".into(),
                kind: "run.succeeded".into(),
                summary: summary.into(),
                data: serde_json::Value::Null,
            };
            let subject = subject(&notice);
            assert_eq!(subject, expected);
            assert!(subject.len() < 100 && subject.bytes().all(|byte| (b' '..0x7f).contains(&byte)));
        }
    }
}
