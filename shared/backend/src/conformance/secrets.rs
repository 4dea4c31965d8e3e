//! What every keeper of the key ring holds to, and the ring itself.

use super::refused;
use crate::ports::{ErrorKind, KeyRing, Secrets};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;

/// One test a property, for an expression whose future gives `([Arc<dyn Secrets>; 2], _)`: two on one
/// place, as two processes have them, where no key was made yet.
#[macro_export]
macro_rules! secrets_suite {
    ($fixture:expr) => {
        $crate::conformance_tests!(
            secrets,
            $fixture,
            [
                first_callers_agree_on_a_key,
                a_sealed_value_opens,
                a_value_is_bound_to_its_place,
                what_is_not_sealed_does_not_open,
                a_replaced_key_still_opens,
                a_ring_that_is_none_is_refused,
            ]
        );
    };
}

type Port = [Arc<dyn Secrets>; 2];

pub async fn first_callers_agree_on_a_key(secrets: Port, ns: &str) {
    let mut callers = JoinSet::new();
    for caller in 0..20 {
        let secrets = Arc::clone(&secrets[caller % 2]);
        callers.spawn(async move { secrets.keys().await.unwrap() });
    }
    let rings = callers.join_all().await;
    for ring in &rings {
        let sealed = ring.seal(ns, "value");
        for other in &rings {
            assert_eq!(other.open(ns, &sealed).unwrap(), "value");
        }
    }
    let reloaded = secrets[1].reload().await.unwrap();
    assert!(reloaded.sealed_by_first(ns, &rings[0].seal(ns, "value")), "another key seals all at once");
}

pub async fn a_sealed_value_opens(secrets: Port, ns: &str) {
    let ring = secrets[0].keys().await.unwrap();
    let mut seen = BTreeSet::new();
    for value in ["", "value", "é 日本 😀 \n \u{0}", "ENC:v1:", &"long".repeat(10_000)] {
        for _ in 0..2 {
            let sealed = ring.seal(ns, value);
            assert!(sealed.starts_with("ENC:v1:"));
            assert!(value.is_empty() || !sealed["ENC:v1:".len()..].contains(value));
            assert_eq!(secrets[1].keys().await.unwrap().open(ns, &sealed).unwrap(), value);
            assert!(seen.insert(sealed), "two seals of one value are alike");
        }
    }
    assert!(!format!("{ring:?}").contains('='), "a ring shows its keys");
}

pub async fn a_value_is_bound_to_its_place(secrets: Port, ns: &str) {
    let ring = secrets[0].keys().await.unwrap();
    let sealed = ring.seal(&format!("{ns}/secret/a"), "value");
    for place in [format!("{ns}/secret/b"), format!("{ns}/secret/"), format!("{ns}/secret/a "), String::new()]
    {
        refused(ring.open(&place, &sealed), ErrorKind::Corrupt);
    }
}

pub async fn what_is_not_sealed_does_not_open(secrets: Port, ns: &str) {
    let ring = secrets[0].keys().await.unwrap();
    let sealed = ring.seal(ns, "value");
    let stranger = KeyRing::parse(&KeyRing::generate()).unwrap().seal(ns, "value");
    let mut wrong: Vec<String> =
        ["", "value", "ENC:v1:", "ENC:v1:value", "ENC:v2:", &stranger, &sealed["ENC:v1:".len()..]]
            .map(String::from)
            .to_vec();
    wrong.push(sealed.replace("ENC:v1:", "ENC:v2:"));
    wrong.push(sealed[..sealed.len() - 4].to_owned());
    for position in ["ENC:v1:".len(), 40, sealed.len() - 10] {
        let mut bytes = sealed.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        wrong.push(String::from_utf8(bytes).unwrap());
    }
    for sealed in wrong {
        refused(ring.open(ns, &sealed), ErrorKind::Corrupt);
    }
}

pub async fn a_replaced_key_still_opens(secrets: Port, ns: &str) {
    let (old_key, new_key) = (KeyRing::generate(), KeyRing::generate());
    let old = KeyRing::parse(&old_key).unwrap();
    let both = KeyRing::parse(&format!("{new_key}\n{old_key}\n")).unwrap();
    let new = KeyRing::parse(&format!("\n  {new_key}  \n")).unwrap();
    let (before, after) = (old.seal(ns, "before"), both.seal(ns, "after"));
    assert_eq!(both.open(ns, &before).unwrap(), "before");
    assert_eq!(both.open(ns, &after).unwrap(), "after");
    assert_eq!(new.open(ns, &after).unwrap(), "after");
    for (ring, by_first) in [(&old, [true, false]), (&both, [false, true]), (&new, [false, true])] {
        assert_eq!([&before, &after].map(|sealed| ring.sealed_by_first(ns, sealed)), by_first);
    }
    assert!(!both.sealed_by_first("elsewhere", &after) && !both.sealed_by_first(ns, "after"));
    refused(old.open(ns, &after), ErrorKind::Corrupt);
    refused(new.open(ns, &before), ErrorKind::Corrupt);
    refused(secrets[0].keys().await.unwrap().open(ns, &before), ErrorKind::Corrupt);
}

pub async fn a_ring_that_is_none_is_refused(secrets: Port, _ns: &str) {
    secrets[0].keys().await.unwrap();
    let key = KeyRing::generate();
    let short = &key[..key.len() - 4];
    for text in ["", "\n \n", "key", short, &format!("{key}\nkey"), &format!("{key} {key}")] {
        refused(KeyRing::parse(text), ErrorKind::Corrupt);
    }
}
