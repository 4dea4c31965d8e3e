//! The queue slot on SQS.

mod batch;
mod dead;
mod failure;
mod held;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    Message as Received, MessageSystemAttributeName as Attribute, QueueAttributeName as Count,
};
use batch::Message;
use failure::{failed, is_void};
use fettle_backend::ports::{Delivery, Error, ErrorKind, Outgoing, Queue, QueueName, Result};
use held::{Held, Receipt};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

const MAX_BODY_BYTES: usize = 200 << 10;
const MAX_DELAY: Duration = Duration::from_mins(15);
const MAX_MESSAGES: usize = 10;
const MAX_WAIT: Duration = Duration::from_secs(20);
const MAX_VISIBILITY: Duration = Duration::from_hours(12);

/// Standard queues of SQS, each with a queue of its dead letters, to which SQS itself moves what was
/// received too often: that is set on the queue ([`provision`](crate::provision) does so).
///
/// - Times are whole seconds: a delay and a visibility are made longer to the next one, a wait shorter.
/// - A receipt is void from the moment that its visibility has run out, also if nobody has received the
///   message since. What SQS itself promises of a handle after that is too little. A handle of SQS's own
///   (Lambda's, say) is good for [`delete`](Queue::delete) and [`extend`](Queue::extend) as well, as far
///   as SQS takes it.
/// - SQS hides a message for twelve hours at most, counted from when it was received.
/// - [`depth`](Queue::depth) adds up three numbers that SQS calls approximate: they are right about a
///   minute after everybody has stopped.
/// - [`redrive`](Queue::redrive) makes new messages with new ids. Dead letters are hidden from others for
///   as long as somebody lists them, at most 30 seconds.
/// - To stop waiting for [`receive`](Queue::receive) may leave messages hidden until their visibility
///   runs out.
pub struct SqsQueue {
    client: Client,
    base: String,
    held: Held,
}

impl SqsQueue {
    /// The queues whose address is `base` and the queue's name, such as
    /// `https://sqs.eu-central-1.amazonaws.com/123456789012/fettle-` and `trial`; those of dead letters
    /// have `-dead` after it. Makes no call.
    pub fn new(client: Client, base: String) -> Self {
        Self { client, base, held: Held::default() }
    }

    fn url(&self, queue: QueueName) -> String {
        format!("{}{queue}", self.base)
    }

    fn dead(&self, queue: QueueName) -> String {
        format!("{}{queue}-dead", self.base)
    }

    fn delivery(&self, queue: QueueName, message: Received, now: Instant, until: Instant) -> Delivery {
        let id = message.message_id.unwrap_or_default();
        let handle = message.receipt_handle.unwrap_or_default();
        let attributes = message.attributes.unwrap_or_default();
        let count = attributes.get(&Attribute::ApproximateReceiveCount);
        Delivery {
            receipt: self.held.receipt(queue, &id, &handle, now, until),
            id,
            attempt: count.and_then(|count| count.parse().ok()).unwrap_or(1),
            body: body_of(message.body.unwrap_or_default()),
        }
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, queue: QueueName, messages: &[Outgoing]) -> Result<()> {
        let messages = messages.iter().map(prepare).collect::<Result<Vec<_>>>()?;
        batch::send(&self.client, &self.url(queue), messages).await
    }

    async fn receive(
        &self,
        queue: QueueName,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Delivery>> {
        check((1..=MAX_MESSAGES).contains(&max), "a number of messages that is not 1 to 10")?;
        check(wait <= MAX_WAIT, "a wait of more than 20 seconds")?;
        check(visibility <= MAX_VISIBILITY, "a visibility of more than 12 hours")?;
        let visible_after = whole_seconds(visibility);
        let receive = self.client.receive_message().queue_url(self.url(queue));
        let receive = receive
            .max_number_of_messages(max as i32)
            .wait_time_seconds(wait.as_secs() as i32)
            .visibility_timeout(visible_after)
            .message_system_attribute_names(Attribute::ApproximateReceiveCount);
        let received = receive.send().await.map_err(failed(format!("receiving of {queue}")))?;
        let now = Instant::now();
        let until = now + Duration::from_secs(visible_after as u64);
        let messages = received.messages.unwrap_or_default();
        Ok(messages.into_iter().map(|message| self.delivery(queue, message, now, until)).collect())
    }

    async fn delete(&self, queue: QueueName, receipt: &str) -> Result<()> {
        let (Receipt::Held { handle } | Receipt::Foreign { handle }) =
            self.held.look(queue, receipt, Instant::now())
        else {
            return Ok(());
        };
        let delete = self.client.delete_message().queue_url(self.url(queue)).receipt_handle(handle);
        match delete.send().await {
            Err(error) if !is_void(error.code()) => {
                return Err(failed(format!("deleting of {queue}"))(error));
            }
            _ => {}
        }
        self.held.let_go(queue, receipt);
        Ok(())
    }

    async fn extend(&self, queue: QueueName, receipt: &str, visibility: Duration) -> Result<()> {
        check(visibility <= MAX_VISIBILITY, "a visibility of more than 12 hours")?;
        let void = || Error::new(ErrorKind::NotFound, "no message is held by this receipt");
        let now = Instant::now();
        let (Receipt::Held { handle } | Receipt::Foreign { handle }) = self.held.look(queue, receipt, now)
        else {
            return Err(void());
        };
        let visible_after = whole_seconds(visibility);
        let change = self.client.change_message_visibility().queue_url(self.url(queue));
        match change.receipt_handle(handle).visibility_timeout(visible_after).send().await {
            Ok(_) => {
                let until = now + Duration::from_secs(visible_after as u64);
                self.held.extend(queue, receipt, until);
                Ok(())
            }
            Err(error) if is_void(error.code()) => {
                self.held.let_go(queue, receipt);
                Err(void().caused_by(error))
            }
            Err(error) => Err(failed(format!("extending of {queue}"))(error)),
        }
    }

    async fn dead_letters(&self, queue: QueueName, max: usize) -> Result<Vec<Delivery>> {
        self.look_at_dead(queue, max).await
    }

    async fn redrive(&self, queue: QueueName) -> Result<u64> {
        self.put_back(queue).await
    }

    async fn depth(&self, queue: QueueName) -> Result<u64> {
        const COUNTS: [Count; 3] = [
            Count::ApproximateNumberOfMessages,
            Count::ApproximateNumberOfMessagesNotVisible,
            Count::ApproximateNumberOfMessagesDelayed,
        ];
        let counting = || format!("counting of {queue}");
        let get = self.client.get_queue_attributes().queue_url(self.url(queue));
        let got = get.set_attribute_names(Some(COUNTS.to_vec())).send().await.map_err(failed(counting()))?;
        let attributes = got.attributes.unwrap_or_default();
        COUNTS
            .iter()
            .map(|count| {
                let count = attributes.get(count).and_then(|count| count.parse::<u64>().ok());
                count.ok_or_else(|| Error::new(ErrorKind::Unavailable, counting()))
            })
            .sum()
    }
}

fn check(holds: bool, refusal: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::new(ErrorKind::Invalid, refusal)) }
}

/// At least so long; every duration here was bounded before.
fn whole_seconds(duration: Duration) -> i32 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)) as i32
}

fn prepare(message: &Outgoing) -> Result<Message> {
    let body = message.body.to_string();
    if body.len() > MAX_BODY_BYTES {
        let context = format!("a message of {} bytes: at most {MAX_BODY_BYTES}", body.len());
        return Err(Error::new(ErrorKind::TooLarge, context));
    }
    check(message.delay <= MAX_DELAY, "a delay of more than 15 minutes")?;
    // Two characters of JSON's that SQS does not take; they can only be inside of a string.
    let body = body.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff");
    Ok(Message { body, delay_seconds: whole_seconds(message.delay) })
}

/// What is not JSON was not sent by us: whose turn it is refuses it, and it ends among the dead letters.
fn body_of(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}
