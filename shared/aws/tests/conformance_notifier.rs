//! The notifier port's suite on the SNS of the emulator, and what a subscriber gets.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod localstack;

use fettle_aws::SnsNotifier;
use fettle_aws::provision::create_topic;
use fettle_backend::conformance::namespace;
use fettle_backend::ports::{ErrorKind, Notice, Notifier};
use localstack::clients;
use serde_json::{Value, json};
use std::sync::Arc;

async fn open() -> (Arc<dyn Notifier>, ()) {
    let sns = clients().await.sns();
    let arn = create_topic(&sns, &namespace()).await.unwrap();
    (Arc::new(SnsNotifier::new(sns, arn)), ())
}

mod suite {
    fettle_backend::notifier_suite!(super::open());
}

fn notice() -> Notice {
    Notice {
        id: "run_1-3".into(),
        workspace: "default".into(),
        kind: "run.succeeded".into(),
        summary: "The run é has ended.\r\nTwo lines.".into(),
        data: json!({ "run": "run_1", "metrics": { "accuracy": 0.973 } }),
    }
}

#[tokio::test]
async fn a_subscriber_gets_the_notice() {
    let clients = clients().await;
    let (sns, sqs, name) = (clients.sns(), clients.sqs(), namespace());
    let arn = create_topic(&sns, &name).await.unwrap();
    assert_eq!(create_topic(&sns, &name).await.unwrap(), arn, "made once");
    let queue = sqs.create_queue().queue_name(&name).send().await.unwrap().queue_url.unwrap();
    let attributes = sqs
        .get_queue_attributes()
        .queue_url(&queue)
        .attribute_names(aws_sdk_sqs::types::QueueAttributeName::QueueArn)
        .send()
        .await
        .unwrap();
    let queue_arn = &attributes.attributes.unwrap()[&aws_sdk_sqs::types::QueueAttributeName::QueueArn];
    let filter = json!({ "kind": ["run.succeeded"], "workspace": ["default"] });
    let subscribe = sns.subscribe().topic_arn(&arn).protocol("sqs").endpoint(queue_arn);
    subscribe.attributes("FilterPolicy", filter.to_string()).send().await.unwrap();

    let notifier = SnsNotifier::new(sns, arn);
    let filtered_out = Notice { id: "run_1-2".into(), kind: "run.started".into(), ..notice() };
    notifier.notify(&filtered_out).await.unwrap();
    notifier.notify(&notice()).await.unwrap();
    let received = sqs.receive_message().queue_url(&queue).wait_time_seconds(10).send().await.unwrap();
    let [message] = received.messages() else { panic!("one message: {received:?}") };
    let envelope: Value = serde_json::from_str(message.body().unwrap()).unwrap();
    assert_eq!(envelope["Subject"], "The run ? has ended. Two lines.");
    assert_eq!(envelope["MessageAttributes"]["workspace"]["Value"], "default");
    let told: Notice = serde_json::from_str(envelope["Message"].as_str().unwrap()).unwrap();
    assert_eq!(told, notice());
}

#[tokio::test]
async fn what_can_not_be_told_is_not_tried_again() {
    let sns = clients().await.sns();
    let arn = create_topic(&sns, &namespace()).await.unwrap();
    let missing = SnsNotifier::new(sns.clone(), format!("{arn}-missing"));
    assert_eq!(missing.notify(&notice()).await.unwrap_err().kind(), ErrorKind::Invalid);
    let no_arn = SnsNotifier::new(sns.clone(), "topic".into());
    assert_eq!(no_arn.notify(&notice()).await.unwrap_err().kind(), ErrorKind::Invalid);
    let large = Notice { data: json!("x".repeat(300_000)), ..notice() };
    let error = SnsNotifier::new(sns, arn).notify(&large).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}

#[tokio::test]
async fn a_service_that_is_away_may_be_tried_again() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = format!("http://127.0.0.1:{port}");
    let config = clients().await.sns().config().to_builder().endpoint_url(nobody).build();
    let sns = aws_sdk_sns::Client::from_conf(config);
    let notifier = SnsNotifier::new(sns, "arn:aws:sns:us-east-1:000000000000:topic".into());
    let begun = std::time::Instant::now();
    assert_eq!(notifier.notify(&notice()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(begun.elapsed() < std::time::Duration::from_secs(11), "after {:?}", begun.elapsed());
}
