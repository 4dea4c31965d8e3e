//! Making the notifier's topic.

use aws_sdk_sns::Client;
use aws_sdk_sns::error::ProvideErrorMetadata;
use fettle_backend::ports::{Error, ErrorKind, Result};

/// Makes the topic of this name, or finds it: its ARN. Any number may do so at once.
pub async fn create_topic(client: &Client, name: &str) -> Result<String> {
    let failed = |code: Option<&str>| {
        let kind = match code {
            Some("InvalidParameter" | "InvalidParameterException" | "AuthorizationError") => {
                ErrorKind::Invalid
            }
            _ => ErrorKind::Unavailable,
        };
        Error::new(kind, format!("making the topic {name}: {}", code.unwrap_or("no answer")))
    };
    let made = client.create_topic().name(name).send().await;
    let made = made.map_err(|error| failed(error.code()).caused_by(error))?;
    made.topic_arn.ok_or_else(|| failed(Some("an answer without an ARN")))
}
