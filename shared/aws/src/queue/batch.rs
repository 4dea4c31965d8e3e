//! Sends messages in batches.

use super::failure::failed;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};
use fettle_backend::ports::{Error, ErrorKind, Result};
use std::time::Duration;

/// SQS takes no more in one request: messages, and bytes of all of them.
const MAX_MESSAGES: usize = 10;
const MAX_BYTES: usize = 256 << 10;

/// Of a batch of which not all was taken.
const TRIES: u32 = 5;

/// Before the second try; doubled each time.
const PAUSE: Duration = Duration::from_millis(100);

/// A message as SQS takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) body: String,
    pub(super) delay_seconds: i32,
}

/// Sends all of them, in order as far as nothing fails.
pub(super) async fn send(client: &Client, url: &str, messages: Vec<Message>) -> Result<()> {
    for batch in batches(messages) {
        let mut left = batch
            .into_iter()
            .enumerate()
            .map(|(index, message)| {
                SendMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .message_body(message.body)
                    .delay_seconds(message.delay_seconds)
                    .build()
                    .map_err(|error| Error::new(ErrorKind::Invalid, "sending").caused_by(error))
            })
            .collect::<Result<Vec<_>>>()?;
        let mut pause = PAUSE;
        for attempt in 1.. {
            let request = client.send_message_batch().queue_url(url).set_entries(Some(left.clone()));
            let refused = request.send().await.map_err(failed("sending".into()))?.failed;
            left.retain(|entry| refused.iter().any(|refused| refused.id == entry.id));
            if left.is_empty() {
                break;
            }
            give_up(&refused, attempt)?;
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
    Ok(())
}

/// An error when what was refused is not worth another try.
fn give_up(refused: &[BatchResultErrorEntry], attempt: u32) -> Result<()> {
    let said = |entry: &BatchResultErrorEntry| {
        format!("sending: {}: {}", entry.code, entry.message.as_deref().unwrap_or_default())
    };
    if let Some(fault) = refused.iter().find(|entry| entry.sender_fault) {
        return Err(Error::new(ErrorKind::Invalid, said(fault)));
    }
    match refused.first() {
        Some(entry) if attempt >= TRIES => Err(Error::new(ErrorKind::Unavailable, said(entry))),
        _ => Ok(()),
    }
}

fn batches(messages: Vec<Message>) -> Vec<Vec<Message>> {
    let mut batches: Vec<Vec<Message>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        let length = message.body.len();
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_MESSAGES && bytes + length <= MAX_BYTES => {
                bytes += length;
                batch.push(message);
            }
            _ => {
                bytes = length;
                batches.push(vec![message]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(lengths: &[usize]) -> Vec<usize> {
        let message = |length: &usize| Message { body: "x".repeat(*length), delay_seconds: 0 };
        batches(lengths.iter().map(message).collect()).iter().map(Vec::len).collect()
    }

    #[test]
    fn a_batch_has_ten_messages_and_no_more_bytes_than_sqs_takes() {
        assert_eq!(sizes(&[]), [0; 0]);
        assert_eq!(sizes(&[1; 25]), [10, 10, 5]);
        assert_eq!(sizes(&[200 << 10; 3]), [1, 1, 1]);
        assert_eq!(sizes(&[128 << 10; 5]), [2, 2, 1]);
        assert_eq!(sizes(&[128 << 10, 128 << 10, 1]), [2, 1]);
        assert_eq!(sizes(&[300 << 10, 1, 1]), [1, 2]);
    }

    #[test]
    fn only_what_sqs_failed_at_is_tried_again() {
        let refused = |sender_fault| {
            let entry = BatchResultErrorEntry::builder().id("0").code("Code").sender_fault(sender_fault);
            [entry.build().unwrap()]
        };
        let kind = |refused: &[_], attempt| give_up(refused, attempt).map_err(|error| error.kind());
        assert_eq!(kind(&refused(false), 1), Ok(()));
        assert_eq!(kind(&refused(false), TRIES), Err(ErrorKind::Unavailable));
        assert_eq!(kind(&refused(true), 1), Err(ErrorKind::Invalid));
    }
}
