//! The secrets port's suite and its faults, on the Secrets Manager of the emulator.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod localstack;

use aws_sdk_secretsmanager::Client;
use fettle_aws::SecretsManagerKeys;
use fettle_backend::conformance::{namespace, secrets};
use fettle_backend::ports::{ErrorKind, KeyRing, Secrets};
use std::sync::Arc;

async fn client() -> Client {
    localstack::clients().await.secretsmanager()
}

fn keys(client: &Client, id: &str) -> Arc<dyn Secrets> {
    Arc::new(SecretsManagerKeys::new(client.clone(), id.to_owned()))
}

async fn two_on_a_missing_entry() -> ([Arc<dyn Secrets>; 2], ()) {
    let (client, id) = (client().await, namespace());
    ([keys(&client, &id), keys(&client, &id)], ())
}

/// An entry as Terraform makes it.
async fn empty_entry(client: &Client) -> String {
    let id = namespace();
    client.create_secret().name(&id).send().await.unwrap();
    id
}

/// An entry with this value.
async fn entry(client: &Client, text: &str) -> String {
    let id = namespace();
    client.create_secret().name(&id).secret_string(text).send().await.unwrap();
    id
}

async fn text_of(client: &Client, id: &str) -> Option<String> {
    client.get_secret_value().secret_id(id).send().await.unwrap().secret_string
}

mod on_a_missing_entry {
    fettle_backend::secrets_suite!(super::two_on_a_missing_entry());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_callers_agree_in_an_entry_without_a_value() {
    let client = client().await;
    let id = empty_entry(&client).await;
    secrets::first_callers_agree_on_a_key([keys(&client, &id), keys(&client, &id)], "ns").await;
    // By its ARN too, as a Lambda is told of it.
    let arn = client.describe_secret().secret_id(&id).send().await.unwrap().arn.unwrap();
    let ring = keys(&client, &arn).keys().await.unwrap();
    let sealed = keys(&client, &id).keys().await.unwrap().seal("ns", "value");
    assert_eq!(ring.open("ns", &sealed).unwrap(), "value");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_process_of_many_gets_the_key_of_the_first() {
    let client = client().await;
    for id in [namespace(), empty_entry(&client).await] {
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let keys = keys(&client, &id);
            callers.spawn(async move { keys.keys().await.unwrap() });
        }
        let rings = callers.join_all().await;
        let sealed = rings[0].seal("ns", "value");
        assert!(rings.iter().all(|ring| ring.open("ns", &sealed).is_ok()));
        let kept = KeyRing::parse(&text_of(&client, &id).await.unwrap()).unwrap();
        assert_eq!(kept.open("ns", &sealed).unwrap(), "value");
    }
}

#[tokio::test]
async fn what_is_no_ring_stays_as_it_is() {
    let client = client().await;
    for text in ["rubbish", "{\"key\": \"value\"}", &format!("{}\nrubbish", KeyRing::generate()), " \n"] {
        let id = entry(&client, text).await;
        let error = keys(&client, &id).keys().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(!error.to_string().contains("rubbish"), "{error}");
        assert_eq!(text_of(&client, &id).await.unwrap(), text);
    }
    let id = namespace();
    let bytes = aws_sdk_secretsmanager::primitives::Blob::new(KeyRing::generate());
    client.create_secret().name(&id).secret_binary(bytes).send().await.unwrap();
    assert_eq!(keys(&client, &id).keys().await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_replaced_key_opens_as_long_as_it_stays() {
    let client = client().await;
    let id = namespace();
    let before = keys(&client, &id).keys().await.unwrap().seal("ns", "before");
    let (old, new) = (text_of(&client, &id).await.unwrap(), KeyRing::generate());
    client.put_secret_value().secret_id(&id).secret_string(format!("{new}\n{old}\n")).send().await.unwrap();
    let both = keys(&client, &id).keys().await.unwrap();
    assert_eq!(both.open("ns", &before).unwrap(), "before");
    let after = both.seal("ns", "after");
    client.put_secret_value().secret_id(&id).secret_string(&new).send().await.unwrap();
    let alone = keys(&client, &id).keys().await.unwrap();
    assert_eq!(alone.open("ns", &after).unwrap(), "after");
    assert_eq!(alone.open("ns", &before).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_deleted_entry_gets_no_new_key() {
    let client = client().await;
    let id = namespace();
    let ring = keys(&client, &id).keys().await.unwrap();
    let text = text_of(&client, &id).await;
    client.delete_secret().secret_id(&id).recovery_window_in_days(7).send().await.unwrap();
    let error = keys(&client, &id).keys().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains(&format!("restore-secret --secret-id {id}")), "{error}");
    client.restore_secret().secret_id(&id).send().await.unwrap();
    assert_eq!(text_of(&client, &id).await, text);
    let sealed = ring.seal("ns", "value");
    assert_eq!(keys(&client, &id).keys().await.unwrap().open("ns", &sealed).unwrap(), "value");
}
