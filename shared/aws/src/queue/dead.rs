//! Dead letters: looked at without being taken away, and put back.

use super::batch::{self, Message};
use super::failure::failed;
use super::{SqsQueue, body_of, whole_seconds};
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message as Received,
    MessageSystemAttributeName as Attribute,
};
use fettle_backend::ports::{Delivery, Error, ErrorKind, Queue, QueueName, Result};
use std::collections::HashSet;
use std::time::Duration;

/// As many as one request may name.
const BATCH: i32 = 10;

/// A queue that is asked without waiting may not know of all that it has.
const WAIT: Duration = Duration::from_secs(1);

/// For whoever is killed while he looks: then they are seen again.
const HIDDEN: Duration = Duration::from_secs(30);

impl SqsQueue {
    async fn receive_dead(&self, queue: QueueName) -> Result<Vec<Received>> {
        let receive = self.client.receive_message().queue_url(self.dead(queue));
        let receive = receive
            .max_number_of_messages(BATCH)
            .wait_time_seconds(whole_seconds(WAIT))
            .visibility_timeout(whole_seconds(HIDDEN))
            .message_system_attribute_names(Attribute::SentTimestamp);
        let received = receive.send().await.map_err(failed(format!("receiving dead letters of {queue}")))?;
        Ok(received.messages.unwrap_or_default())
    }

    /// Up to `max`, oldest first among those that SQS has shown.
    pub(super) async fn look_at_dead(&self, queue: QueueName, max: usize) -> Result<Vec<Delivery>> {
        let (mut seen, mut letters, mut hidden) = (HashSet::new(), Vec::new(), Vec::new());
        let looked = loop {
            if letters.len() >= max {
                break Ok(());
            }
            let received = match self.receive_dead(queue).await {
                Ok(received) => received,
                Err(error) => break Err(error),
            };
            hidden.extend(received.iter().filter_map(|message| message.receipt_handle.clone()));
            let before = letters.len();
            letters.extend(received.into_iter().filter(|message| seen.insert(message.message_id.clone())));
            if letters.len() == before {
                break Ok(());
            }
        };
        // Whatever went wrong, others may see them again.
        self.show_dead(queue, &hidden).await;
        looked?;
        letters.sort_by_cached_key(|message| (sent_at(message), message.message_id.clone()));
        letters.truncate(max);
        Ok(letters
            .into_iter()
            .map(|message| Delivery {
                id: message.message_id.unwrap_or_default(),
                receipt: message.receipt_handle.unwrap_or_default(),
                // SQS counts every look as well.
                attempt: <dyn Queue>::MAX_DELIVERIES,
                body: body_of(message.body.unwrap_or_default()),
            })
            .collect())
    }

    async fn show_dead(&self, queue: QueueName, handles: &[String]) {
        for handles in handles.chunks(BATCH as usize) {
            let entry = |(index, handle): (usize, &String)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder();
                entry.id(index.to_string()).receipt_handle(handle).visibility_timeout(0).build().ok()
            };
            let entries = handles.iter().enumerate().filter_map(entry).collect();
            let show = self.client.change_message_visibility_batch().queue_url(self.dead(queue));
            if let Err(error) = show.set_entries(Some(entries)).send().await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(%queue, error, "dead letters stay hidden for {} s", HIDDEN.as_secs());
            }
        }
    }

    /// Sends them to the queue, and only then deletes them: a kill in between leaves some twice, and
    /// none lost. Until there is none to be had.
    pub(super) async fn put_back(&self, queue: QueueName) -> Result<u64> {
        let mut count = 0;
        loop {
            let letters = self.receive_dead(queue).await?;
            if letters.is_empty() {
                return Ok(count);
            }
            let again = |letter: &Received| Message {
                body: letter.body.clone().unwrap_or_default(),
                delay_seconds: 0,
            };
            batch::send(&self.client, &self.url(queue), letters.iter().map(again).collect()).await?;
            self.delete_dead(queue, &letters).await?;
            count += letters.len() as u64;
        }
    }

    async fn delete_dead(&self, queue: QueueName, letters: &[Received]) -> Result<()> {
        let deleting = || format!("deleting dead letters of {queue}");
        let entry = |(index, letter): (usize, &Received)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
            entry.set_receipt_handle(letter.receipt_handle.clone()).build()
        };
        let entries = letters.iter().enumerate().map(entry).collect::<std::result::Result<Vec<_>, _>>();
        let entries =
            entries.map_err(|error| Error::new(ErrorKind::Unavailable, deleting()).caused_by(error))?;
        let delete = self.client.delete_message_batch().queue_url(self.dead(queue));
        let deleted = delete.set_entries(Some(entries)).send().await.map_err(failed(deleting()))?;
        match deleted.failed.first() {
            None => Ok(()),
            Some(entry) => Err(Error::new(ErrorKind::Unavailable, format!("{}: {}", deleting(), entry.code))),
        }
    }
}

/// In milliseconds since 1970.
fn sent_at(message: &Received) -> u64 {
    let attributes = message.attributes.as_ref();
    let sent = attributes.and_then(|attributes| attributes.get(&Attribute::SentTimestamp));
    sent.and_then(|sent| sent.parse().ok()).unwrap_or(u64::MAX)
}
