//! The queue's and the compute's suites on SQS, and what `SqsQueue` promises beyond its port.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod localstack;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use fettle_aws::{LambdaCompute, S3Storage, SqsQueue, provision};
use fettle_backend::clock::SystemClock;
use fettle_backend::conformance::compute::Fixture;
use fettle_backend::conformance::namespace;
use fettle_backend::ports::{Compute, ErrorKind, Outgoing, Queue, QueueName, Storage, UploadTerms};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const PATIENT: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_mins(5);

/// Queues of one's own: the client, and the address of a queue but for its name.
async fn queues() -> (Client, String) {
    let client = localstack::clients().await.sqs();
    let prefix = format!("{}-", namespace());
    provision::create_queues(&client, &prefix).await.unwrap();
    (client, format!("{}/000000000000/{prefix}", localstack::endpoint()))
}

async fn open() -> (Arc<dyn Queue>, ()) {
    let (client, base) = queues().await;
    (Arc::new(SqsQueue::new(client, base)), ())
}

mod suite {
    use super::*;

    fettle_backend::queue_suite!(open());
}

mod compute {
    use super::*;

    async fn compute() -> (Fixture, ()) {
        let (queue, ()) = open().await;
        let fixture = Fixture {
            compute: Arc::new(LambdaCompute::new(Arc::clone(&queue))) as Arc<dyn Compute>,
            living: "boot-0192f0c1-0000-7000-8000-000000000001/3".to_owned(),
            arrived: Box::new(move || {
                let queue = Arc::clone(&queue);
                Box::pin(async move {
                    let second = Duration::from_secs(1);
                    let received = queue.receive(QueueName::Trial, 10, second, LONG).await.unwrap();
                    let read = |body: Value| serde_json::from_value(body).unwrap();
                    received.into_iter().map(|delivery| read(delivery.body)).collect()
                })
            }),
        };
        (fixture, ())
    }

    fettle_backend::compute_suite!(compute());
}

#[tokio::test]
async fn what_is_not_json_is_delivered_as_text_and_can_end_among_the_dead() {
    let (client, base) = queues().await;
    let queue = SqsQueue::new(client.clone(), base.clone());
    let url = format!("{base}ingest");
    client.send_message().queue_url(&url).message_body("not JSON").send().await.unwrap();
    queue.send(QueueName::Ingest, &[Outgoing::now(json!({"key": "a"}))]).await.unwrap();
    for _ in 0..<dyn Queue>::MAX_DELIVERIES {
        let (mut rubbish, mut good) = (0, 0);
        while rubbish == 0 {
            for delivery in queue.receive(QueueName::Ingest, 10, PATIENT, LONG).await.unwrap() {
                if delivery.body == json!("not JSON") {
                    rubbish += 1;
                    queue.extend(QueueName::Ingest, &delivery.receipt, Duration::ZERO).await.unwrap();
                } else {
                    good += 1;
                    assert_eq!(delivery.body, json!({"key": "a"}));
                    queue.delete(QueueName::Ingest, &delivery.receipt).await.unwrap();
                }
            }
        }
        assert!(good <= 1);
    }
    assert_eq!(queue.receive(QueueName::Ingest, 10, Duration::from_secs(1), LONG).await.unwrap(), []);
    let dead = queue.dead_letters(QueueName::Ingest, 10).await.unwrap();
    assert_eq!((dead.len(), &dead[0].body), (1, &json!("not JSON")));
    // It goes back as it came.
    assert_eq!(queue.redrive(QueueName::Ingest).await.unwrap(), 1);
    assert_eq!(queue.receive(QueueName::Ingest, 1, PATIENT, LONG).await.unwrap()[0].body, json!("not JSON"));
}

#[tokio::test]
async fn every_json_text_can_be_sent_and_many_large_ones_at_once() {
    let (client, base) = queues().await;
    let queue = SqsQueue::new(client, base);
    let strange = json!({"\u{fffe}": "\u{ffff}\u{0}\u{7f}\u{1b}\u{d7ff}\u{e000}\u{10ffff}"});
    let large = |index: usize| json!(format!("{index}{}", "x".repeat(150 << 10)));
    let mut messages: Vec<Outgoing> = (0..5).map(|index| Outgoing::now(large(index))).collect();
    messages.push(Outgoing::now(strange.clone()));
    queue.send(QueueName::Notify, &messages).await.unwrap();
    let mut bodies = Vec::new();
    while bodies.len() < messages.len() {
        let received = queue.receive(QueueName::Notify, 1, PATIENT, LONG).await.unwrap();
        bodies.push(received.into_iter().next().unwrap().body);
    }
    for message in messages {
        assert!(bodies.contains(&message.body));
    }
}

/// Lambda receives messages itself, and names them by SQS's handle.
#[tokio::test]
async fn a_handle_of_sqs_s_own_can_be_extended_and_deleted() {
    let (client, base) = queues().await;
    let queue = SqsQueue::new(client.clone(), base.clone());
    queue.send(QueueName::Trial, &[Outgoing::now(json!(1))]).await.unwrap();
    let receive = client.receive_message().queue_url(format!("{base}trial")).wait_time_seconds(20);
    let received = receive.visibility_timeout(300).send().await.unwrap();
    let handle = received.messages()[0].receipt_handle().unwrap();
    queue.extend(QueueName::Trial, handle, LONG).await.unwrap();
    queue.delete(QueueName::Trial, handle).await.unwrap();
    assert_eq!(queue.depth(QueueName::Trial).await.unwrap(), 0);
    assert_eq!(queue.extend(QueueName::Trial, handle, LONG).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_unavailable() {
    let (client, base) = queues().await;
    let queue = SqsQueue::new(client, format!("{base}no-such-"));
    let kind = |result: fettle_backend::ports::Result<()>| result.unwrap_err().kind();
    assert_eq!(kind(queue.send(QueueName::Trial, &[Outgoing::now(json!(1))]).await), ErrorKind::Unavailable);
    let received = queue.receive(QueueName::Trial, 1, Duration::ZERO, LONG).await.map(drop);
    assert_eq!(kind(received), ErrorKind::Unavailable);
    assert_eq!(kind(queue.depth(QueueName::Trial).await.map(drop)), ErrorKind::Unavailable);
}

#[tokio::test]
async fn two_may_make_the_queues_at_once() {
    let client = localstack::clients().await.sqs();
    let prefix = format!("{}-", namespace());
    let make = || provision::create_queues(&client, &prefix);
    let (one, other) = tokio::join!(make(), make());
    one.and(other).unwrap();
    make().await.unwrap();
    for queue in QueueName::ALL {
        let attributes = |name: String| {
            let url = format!("{}/000000000000/{name}", localstack::endpoint());
            let get = client.get_queue_attributes().queue_url(url).attribute_names(Attribute::All).send();
            async move { get.await.unwrap().attributes.unwrap() }
        };
        let dead = attributes(format!("{prefix}{queue}-dead")).await;
        assert_eq!(dead[&Attribute::MessageRetentionPeriod], "1209600");
        let redrive = &attributes(format!("{prefix}{queue}")).await[&Attribute::RedrivePolicy];
        let redrive: Value = serde_json::from_str(redrive).unwrap();
        assert_eq!(redrive, json!({"deadLetterTargetArn": dead[&Attribute::QueueArn], "maxReceiveCount": 5}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_told_to_the_queue_and_nothing_else_is() {
    let clients = localstack::clients().await;
    let (s3, (sqs, base)) = (clients.s3(), queues().await);
    let bucket = namespace();
    provision::create_bucket(&s3, &bucket, "us-east-1").await.unwrap();
    let url = format!("{base}ingest");
    let notify = || provision::notify_uploads(&s3, &sqs, &bucket, &url);
    let (one, other) = tokio::join!(notify(), notify());
    one.and(other).unwrap();
    notify().await.unwrap();
    let queue = SqsQueue::new(sqs.clone(), base);
    let mut tests = queue.receive(QueueName::Ingest, 10, PATIENT, LONG).await.unwrap();
    tests.extend(queue.receive(QueueName::Ingest, 10, Duration::ZERO, LONG).await.unwrap());
    assert!((1..=2).contains(&tests.len()), "to do it again sends no test message: {tests:?}");
    for test in tests {
        assert_eq!(test.body["Event"], "s3:TestEvent");
    }

    let storage = S3Storage::new(s3.clone(), s3.clone(), bucket, Arc::new(SystemClock));
    storage.put("default/datasets/ds_1/00000001/table.parquet", b"x").await.unwrap();
    let valid = SignedDuration::from_mins(5);
    let key = "uploads/default/ds_1/00000001-0a";
    let upload = storage.presign_upload(key, &UploadTerms::at_most(10), valid).await.unwrap();
    ureq::put(&upload.url).send(&b"a,b\n1,2\n"[..]).unwrap();
    let received = queue.receive(QueueName::Ingest, 10, PATIENT, LONG).await.unwrap();
    assert_eq!(received.len(), 1, "{received:?}");
    let record = &received[0].body["Records"][0];
    assert_eq!(record["eventName"], "ObjectCreated:Put");
    assert_eq!(record["s3"]["object"]["key"], key);
    storage.delete(key).await.unwrap();
    assert_eq!(queue.receive(QueueName::Ingest, 10, Duration::from_secs(2), LONG).await.unwrap(), []);
}
