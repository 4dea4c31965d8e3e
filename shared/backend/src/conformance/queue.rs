//! What every queue holds to. Each property needs queues that nobody else uses.

use super::refused;
use crate::ports::{Delivery, ErrorKind, Outgoing, Queue, QueueName};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// One test a property, for an expression whose future gives `(Arc<dyn Queue>, _)`, with empty queues.
#[macro_export]
macro_rules! queue_suite {
    ($fixture:expr) => {
        $crate::conformance_tests!(
            queue,
            $fixture,
            [
                a_message_arrives_as_it_was_sent,
                a_deleted_message_is_gone,
                a_delayed_message_comes_later,
                a_held_message_is_hidden_and_comes_again,
                a_receipt_is_void_once_the_message_came_again,
                strange_receipts_name_nothing,
                a_message_can_be_held_longer,
                a_message_can_be_given_back,
                what_was_delivered_too_often_is_a_dead_letter,
                the_last_holder_can_still_delete,
                dead_letters_can_be_sent_again,
                twenty_five_messages_come_once_each,
                no_two_receivers_hold_one_message,
                a_receiver_wakes_up_for_a_message,
                a_receiver_waits_no_longer_than_asked,
                queues_are_apart,
                arguments_have_bounds,
            ]
        );
    };
}

type Port = Arc<dyn Queue>;

const QUEUE: QueueName = QueueName::Trial;
/// Longer than any property takes.
const LONG: Duration = Duration::from_mins(5);
/// For what is there, or will be: the longest that a port takes.
const PATIENT: Duration = Duration::from_secs(20);
const NO_WAIT: Duration = Duration::ZERO;

async fn send(queue: &Port, body: Value) {
    queue.send(QUEUE, &[Outgoing::now(body)]).await.unwrap();
}

/// The one message that is there, or is to come.
async fn receive_one(queue: &Port, visibility: Duration) -> Delivery {
    let mut received = queue.receive(QUEUE, 10, PATIENT, visibility).await.unwrap();
    assert_eq!(received.len(), 1, "{received:?}");
    received.remove(0)
}

async fn expect_nothing(queue: &Port) {
    assert_eq!(queue.receive(QUEUE, 10, NO_WAIT, LONG).await.unwrap(), []);
}

/// Receives a message as often as may be, and gives it back each time.
async fn wear_out(queue: &Port) -> Delivery {
    for attempt in 1..=<dyn Queue>::MAX_DELIVERIES {
        let delivery = receive_one(queue, LONG).await;
        assert_eq!(delivery.attempt, attempt);
        queue.extend(QUEUE, &delivery.receipt, Duration::ZERO).await.unwrap();
        if attempt == <dyn Queue>::MAX_DELIVERIES {
            return delivery;
        }
    }
    unreachable!("a message is delivered more than never");
}

/// Waits for so many dead letters: a queue may notice them only when somebody receives.
async fn dead_letters(queue: &Port, count: usize) -> Vec<Delivery> {
    let begun = Instant::now();
    loop {
        assert_eq!(queue.receive(QUEUE, 10, NO_WAIT, LONG).await.unwrap(), [], "a dead letter was delivered");
        let dead = queue.dead_letters(QUEUE, 100).await.unwrap();
        if dead.len() >= count || begun.elapsed() > PATIENT {
            assert_eq!(dead.len(), count, "{dead:?}");
            return dead;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

pub async fn a_message_arrives_as_it_was_sent(queue: Port, ns: &str) {
    let body = json!({ "of": ns, "text": "é 日本 😀 \n \u{0}", "number": 0.1, "nested": [[null, {}]], "none": null });
    send(&queue, body.clone()).await;
    assert_eq!(queue.depth(QUEUE).await.unwrap(), 1);
    let delivery = receive_one(&queue, LONG).await;
    assert_eq!((delivery.body, delivery.attempt), (body, 1));
    assert!(!delivery.id.is_empty() && !delivery.receipt.is_empty());
    assert_eq!(queue.depth(QUEUE).await.unwrap(), 1);
}

pub async fn a_deleted_message_is_gone(queue: Port, ns: &str) {
    send(&queue, json!(ns)).await;
    let delivery = receive_one(&queue, Duration::from_secs(1)).await;
    for _ in 0..2 {
        queue.delete(QUEUE, &delivery.receipt).await.unwrap();
    }
    assert_eq!(queue.depth(QUEUE).await.unwrap(), 0);
    let later = queue.receive(QUEUE, 10, Duration::from_secs(3), LONG).await.unwrap();
    assert_eq!(later, []);
}

pub async fn a_delayed_message_comes_later(queue: Port, ns: &str) {
    let begun = Instant::now();
    let delayed = Outgoing { body: json!({ "delayed": ns }), delay: Duration::from_secs(3) };
    queue.send(QUEUE, &[delayed, Outgoing::now(json!("at once"))]).await.unwrap();
    let first = receive_one(&queue, LONG).await;
    assert_eq!(first.body, json!("at once"));
    expect_nothing(&queue).await;
    assert_eq!(queue.depth(QUEUE).await.unwrap(), 2);
    let second = receive_one(&queue, LONG).await;
    assert_eq!((second.body, second.attempt), (json!({ "delayed": ns }), 1));
    assert!(begun.elapsed() > Duration::from_secs(2), "after {:?}", begun.elapsed());
}

pub async fn a_held_message_is_hidden_and_comes_again(queue: Port, ns: &str) {
    send(&queue, json!(ns)).await;
    let begun = Instant::now();
    let first = receive_one(&queue, Duration::from_secs(3)).await;
    expect_nothing(&queue).await;
    let second = receive_one(&queue, LONG).await;
    assert!(begun.elapsed() > Duration::from_secs(2), "after {:?}", begun.elapsed());
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert_eq!((&first.id, &first.body), (&second.id, &second.body));
}

pub async fn a_receipt_is_void_once_the_message_came_again(queue: Port, ns: &str) {
    send(&queue, json!(ns)).await;
    let first = receive_one(&queue, Duration::from_secs(1)).await;
    let second = receive_one(&queue, LONG).await;
    assert_ne!(first.receipt, second.receipt);
    refused(queue.extend(QUEUE, &first.receipt, Duration::ZERO).await, ErrorKind::NotFound);
    queue.delete(QUEUE, &first.receipt).await.unwrap();
    expect_nothing(&queue).await;
    assert_eq!(queue.depth(QUEUE).await.unwrap(), 1);
    queue.delete(QUEUE, &second.receipt).await.unwrap();
    assert_eq!(queue.depth(QUEUE).await.unwrap(), 0);
}

pub async fn strange_receipts_name_nothing(queue: Port, ns: &str) {
    send(&queue, json!(ns)).await;
    for receipt in
        ["", "x", "1.0", "1.1", "-1.-1", "'; DROP TABLE messages; --", "99999999999999999999.1", "é"]
    {
        queue.delete(QUEUE, receipt).await.unwrap();
        refused(queue.extend(QUEUE, receipt, LONG).await, ErrorKind::NotFound);
    }
    let delivery = receive_one(&queue, LONG).await;
    queue.delete(QUEUE, &delivery.receipt).await.unwrap();
    refused(queue.extend(QUEUE, &delivery.receipt, LONG).await, ErrorKind::NotFound);
}

pub async fn a_message_can_be_held_longer(queue: Port, ns: &str) {
    send(&queue, json!(ns)).await;
    let delivery = receive_one(&queue, Duration::from_secs(2)).await;
    queue.extend(QUEUE, &delivery.receipt, LONG).await.unwrap();
    assert_eq!(queue.receive(QUEUE, 10, Duration::from_secs(4), LONG).await.unwrap(), []);
    queue.extend(QUEUE, &delivery.receipt, Duration::from_secs(1)).await.unwrap();
    assert_eq!(receive_one(&queue, LONG).await.attempt, 2);
}

pub async fn a_message_can_be_given_back(queue: Port, ns: &str) {
    send(&queue, json!(ns)).await;
    let first = receive_one(&queue, LONG).await;
    queue.extend(QUEUE, &first.receipt, Duration::ZERO).await.unwrap();
    let second = receive_one(&queue, LONG).await;
    assert_eq!((&first.id, second.attempt), (&second.id, 2));
}

pub async fn what_was_delivered_too_often_is_a_dead_letter(queue: Port, ns: &str) {
    send(&queue, json!(ns)).await;
    assert_eq!(queue.dead_letters(QUEUE, 10).await.unwrap(), []);
    let last = wear_out(&queue).await;
    let dead = dead_letters(&queue, 1).await;
    assert_eq!((&dead[0].id, &dead[0].body), (&last.id, &json!(ns)));
    assert_eq!(queue.depth(QUEUE).await.unwrap(), 0);
    // To look at it does not take it away.
    assert_eq!(dead_letters(&queue, 1).await[0].id, last.id);
}

pub async fn the_last_holder_can_still_delete(queue: Port, ns: &str) {
    send(&queue, json!(ns)).await;
    for _ in 1..<dyn Queue>::MAX_DELIVERIES {
        let delivery = receive_one(&queue, LONG).await;
        queue.extend(QUEUE, &delivery.receipt, Duration::ZERO).await.unwrap();
    }
    let last = receive_one(&queue, LONG).await;
    assert_eq!(last.attempt, <dyn Queue>::MAX_DELIVERIES);
    // Held for the last time it is not dead yet.
    assert_eq!(queue.dead_letters(QUEUE, 10).await.unwrap(), []);
    assert_eq!(queue.depth(QUEUE).await.unwrap(), 1);
    queue.delete(QUEUE, &last.receipt).await.unwrap();
    assert_eq!(queue.depth(QUEUE).await.unwrap(), 0);
    dead_letters(&queue, 0).await;
}

pub async fn dead_letters_can_be_sent_again(queue: Port, ns: &str) {
    for index in 0..3 {
        send(&queue, json!({ "of": ns, "index": index })).await;
        wear_out(&queue).await;
    }
    let dead = dead_letters(&queue, 3).await;
    let order: Vec<&Value> = dead.iter().map(|letter| &letter.body["index"]).collect();
    assert_eq!(order, [&json!(0), &json!(1), &json!(2)]);
    assert_eq!(queue.dead_letters(QUEUE, 2).await.unwrap().len(), 2);
    assert_eq!(queue.redrive(QUEUE).await.unwrap(), 3);
    assert_eq!(queue.redrive(QUEUE).await.unwrap(), 0);
    let mut seen = BTreeSet::new();
    while seen.len() < 3 {
        let received = queue.receive(QUEUE, 10, PATIENT, LONG).await.unwrap();
        assert!(!received.is_empty(), "only {seen:?} came back");
        for delivery in received {
            assert_eq!(delivery.attempt, 1);
            assert!(seen.insert(delivery.body["index"].as_u64().unwrap()));
            queue.delete(QUEUE, &delivery.receipt).await.unwrap();
        }
    }
    assert_eq!(queue.dead_letters(QUEUE, 10).await.unwrap(), []);
    assert_eq!(queue.depth(QUEUE).await.unwrap(), 0);
}

pub async fn twenty_five_messages_come_once_each(queue: Port, ns: &str) {
    let messages: Vec<Outgoing> =
        (0..25).map(|index| Outgoing::now(json!({ "of": ns, "index": index }))).collect();
    queue.send(QUEUE, &messages).await.unwrap();
    queue.send(QUEUE, &[]).await.unwrap();
    assert_eq!(queue.depth(QUEUE).await.unwrap(), 25);
    let (mut ids, mut indices) = (BTreeSet::new(), BTreeSet::new());
    for max in (1..=10).cycle() {
        let received = queue.receive(QUEUE, max, PATIENT, LONG).await.unwrap();
        assert!((1..=max).contains(&received.len()));
        for delivery in received {
            assert!(ids.insert(delivery.id));
            assert!(indices.insert(delivery.body["index"].as_u64().unwrap()));
        }
        if indices.len() == 25 {
            break;
        }
    }
    expect_nothing(&queue).await;
}

pub async fn no_two_receivers_hold_one_message(queue: Port, ns: &str) {
    let messages: Vec<Outgoing> =
        (0..40).map(|index| Outgoing::now(json!({ "of": ns, "index": index }))).collect();
    queue.send(QUEUE, &messages).await.unwrap();
    let mut receivers = JoinSet::new();
    for _ in 0..4 {
        let queue = Arc::clone(&queue);
        receivers.spawn(async move {
            let mut held = Vec::new();
            loop {
                let received = queue.receive(QUEUE, 3, Duration::from_secs(2), LONG).await.unwrap();
                if received.is_empty() {
                    return held;
                }
                held.extend(received.into_iter().map(|delivery| delivery.id));
            }
        });
    }
    let held: Vec<String> = receivers.join_all().await.into_iter().flatten().collect();
    assert_eq!(held.len(), 40);
    assert_eq!(held.iter().collect::<BTreeSet<_>>().len(), 40, "a message was held twice at once");
}

pub async fn a_receiver_wakes_up_for_a_message(queue: Port, ns: &str) {
    let waiting = {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move { receive_one(&queue, LONG).await })
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!waiting.is_finished());
    let sent = Instant::now();
    send(&queue, json!(ns)).await;
    assert_eq!(waiting.await.unwrap().body, json!(ns));
    assert!(sent.elapsed() < Duration::from_secs(5), "after {:?}", sent.elapsed());
}

pub async fn a_receiver_waits_no_longer_than_asked(queue: Port, _ns: &str) {
    for (wait, least, most) in [(0, 0, 5), (2, 1, 10)] {
        let begun = Instant::now();
        assert_eq!(queue.receive(QUEUE, 1, Duration::from_secs(wait), LONG).await.unwrap(), []);
        let waited = begun.elapsed();
        assert!((Duration::from_secs(least)..Duration::from_secs(most)).contains(&waited), "{waited:?}");
    }
}

pub async fn queues_are_apart(queue: Port, ns: &str) {
    for name in QueueName::ALL {
        queue.send(*name, &[Outgoing::now(json!({ "of": ns, "queue": name }))]).await.unwrap();
    }
    for name in QueueName::ALL {
        assert_eq!(queue.depth(*name).await.unwrap(), 1);
        let received = queue.receive(*name, 10, PATIENT, LONG).await.unwrap();
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].body["queue"], json!(name));
        for other in QueueName::ALL.iter().filter(|other| *other != name) {
            queue.delete(*other, &received[0].receipt).await.ok();
        }
        assert_eq!(queue.depth(*name).await.unwrap(), 1);
        queue.delete(*name, &received[0].receipt).await.unwrap();
        assert_eq!(queue.depth(*name).await.unwrap(), 0);
    }
}

pub async fn arguments_have_bounds(queue: Port, ns: &str) {
    let second = Duration::from_secs(1);
    for max in [0, 11, usize::MAX] {
        refused(queue.receive(QUEUE, max, NO_WAIT, LONG).await, ErrorKind::Invalid);
    }
    refused(queue.receive(QUEUE, 1, PATIENT + second, LONG).await, ErrorKind::Invalid);
    let text = |bytes: usize| json!("x".repeat(bytes - 2));
    let delayed = |delay| Outgoing { body: json!(ns), delay };
    let minutes = Duration::from_mins(15);
    // Nothing is sent of what is refused.
    refused(
        queue.send(QUEUE, &[Outgoing::now(json!(ns)), delayed(minutes + second)]).await,
        ErrorKind::Invalid,
    );
    let large = Outgoing::now(text((200 << 10) + 1));
    refused(queue.send(QUEUE, &[Outgoing::now(json!(ns)), large]).await, ErrorKind::TooLarge);
    assert_eq!(queue.depth(QUEUE).await.unwrap(), 0);
    queue.send(QUEUE, &[delayed(minutes), Outgoing::now(text(200 << 10))]).await.unwrap();
    assert_eq!(receive_one(&queue, LONG).await.body, text(200 << 10));
}
