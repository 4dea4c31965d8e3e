//! SQS's event source mappings and `EventBridge`'s rule: every message comes twice, in any order.

use super::events;
use super::function::Function;
use crate::resources::endpoint;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use fettle_aws::Clients;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// `EventBridge` ticks every minute; a test has less time.
const TICK: Duration = Duration::from_secs(2);

pub(super) async fn tick(function: Arc<Function>) {
    loop {
        if let Err(error) = function.invoke(events::minute()).await {
            eprintln!("tick: {error}");
        }
        tokio::time::sleep(TICK).await;
    }
}

/// Delivers a queue's messages to its function.
pub(super) async fn deliver(function: Arc<Function>, address: String) {
    let sqs = Clients::at(&endpoint()).await.sqs();
    let queue = address.rsplit('/').next().unwrap().to_owned();
    // A trial takes a function of its own; the rest comes in batches.
    let batch = if queue.ends_with("-trial") { 1 } else { 10 };
    loop {
        let received = sqs
            .receive_message()
            .queue_url(&address)
            .max_number_of_messages(10)
            .wait_time_seconds(1)
            .visibility_timeout(i32::try_from(function.operation.timeout_s * 6).unwrap())
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send()
            .await;
        let Ok(received) = received else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        let messages = received.messages.unwrap_or_default();
        let failed = invoke(&function, &messages, &queue, batch).await;
        for message in messages {
            if failed.contains(message.message_id().unwrap()) {
                // It comes again when its visibility ends, which the function may have shortened.
                continue;
            }
            let receipt = message.receipt_handle().unwrap();
            let _ = sqs.delete_message().queue_url(&address).receipt_handle(receipt).send().await;
        }
    }
}

/// Delivers each message twice, in any order; the ids of those that a delivery of failed.
async fn invoke(function: &Function, messages: &[Message], queue: &str, batch: usize) -> HashSet<String> {
    let mut order: Vec<&Message> = messages.iter().chain(messages).collect();
    shuffle(&mut order);
    let mut failed = HashSet::new();
    for some in order.chunks(batch) {
        let records: Vec<_> = some.iter().map(|message| record(message, queue)).collect();
        match function.invoke(serde_json::json!({ "Records": records })).await {
            Ok(answer) => {
                let failures = answer["batchItemFailures"].as_array().into_iter().flatten();
                failed.extend(failures.map(|item| item["itemIdentifier"].as_str().unwrap().to_owned()));
            }
            Err(error) => {
                eprintln!("{}: {error}", function.operation.name);
                failed.extend(some.iter().map(|message| message.message_id().unwrap().to_owned()));
            }
        }
    }
    failed
}

fn record(message: &Message, queue: &str) -> serde_json::Value {
    let attributes = message.attributes();
    let count = MessageSystemAttributeName::ApproximateReceiveCount;
    let received = attributes.and_then(|all| all.get(&count)).map_or("1", String::as_str);
    events::record(
        message.message_id().unwrap(),
        message.receipt_handle().unwrap(),
        message.body().unwrap(),
        received,
        queue,
    )
}

/// Puts a list into any order (Fisher and Yates).
fn shuffle<T>(list: &mut [T]) {
    for at in (1..list.len()).rev() {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).unwrap();
        list.swap(at, (u64::from_le_bytes(bytes) % (at as u64 + 1)) as usize);
    }
}
