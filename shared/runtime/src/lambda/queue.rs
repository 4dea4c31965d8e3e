//! Messages of an SQS event source mapping, which takes back what has failed message by message.

use super::Function;
use crate::messages::Worker;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use fettle_backend::ports::{Delivery, QueueName};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

pub(super) async fn run(function: Function, queue: QueueName) -> Result<(), Error> {
    let (app, operation) = (Arc::clone(&function.app), Arc::clone(&function.operation));
    let (function, worker) = (&function, &Worker { app, queue, operation });
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let LambdaEvent { payload, context } = event;
        let invocation = function.begin(&context);
        let deadline = function.deadline(&context);
        let mut response = SqsBatchResponse::default();
        for record in payload.records {
            let message = delivery(record);
            let is_late = deadline.is_some_and(|deadline| function.app.now() >= deadline);
            let done = if is_late {
                give_back(worker, &message).await;
                false
            } else {
                worker.work(&message, deadline).await
            };
            if !done {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = message.id;
                response.batch_item_failures.push(failure);
            }
        }
        invocation.end(!response.batch_item_failures.is_empty());
        Ok::<_, Error>(response)
    }))
    .await
}

/// A message that there is no time for is for the next invocation, at once.
async fn give_back(worker: &Worker, message: &Delivery) {
    if let Err(error) = worker.app.slots.queue.extend(worker.queue, &message.receipt, Duration::ZERO).await {
        tracing::warn!(queue = %worker.queue, %error, "a message was not given back");
    }
}

/// As the queue's port delivers it. What is no JSON is a text, which no operation takes.
fn delivery(record: SqsMessage) -> Delivery {
    let body = record.body.unwrap_or_default();
    let received = record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    Delivery {
        id: record.message_id.unwrap_or_default(),
        receipt: record.receipt_handle.unwrap_or_default(),
        attempt: received.unwrap_or(1),
        body: serde_json::from_str(&body).unwrap_or(Value::String(body)),
    }
}
