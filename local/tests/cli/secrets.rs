//! `fettle secrets`: values go in by stdin and never come out.

use crate::context::{Context, snapshot};
use fettle_backend::ports::KeyRing;
use std::fs;

const VALUE: &str = "correct horse battery staple";

#[test]
fn a_secret_is_set_shown_without_its_value_and_deleted() {
    let context = Context::new();
    let set = context.fettle_with(&["secrets", "set", "smtp", "--kind", "password"], &format!("{VALUE}\n"));
    snapshot!("secrets_set", set.done());
    context.fettle_with(&["secrets", "set", "short"], "four\r\n").done();
    snapshot!("secrets_list", context.fettle(&["secrets", "list"]));
    snapshot!("secrets_show", context.fettle(&["secrets", "show", "smtp"]));
    let json = context.fettle(&["secrets", "show", "smtp", "--json"]).json();
    assert_eq!(json["last_four"], "aple", "the newline at its end is no part of it");
    assert!(!json.to_string().contains("battery"));
    snapshot!("secrets_delete", context.fettle(&["secrets", "delete", "short"]));
    context.fettle(&["secrets", "show", "short"]).failed(1, &["short", "GET /v1/secrets"]);
}

#[test]
fn a_value_is_no_argument_and_not_nothing() {
    let context = Context::new();
    context.fettle(&["secrets", "set", "smtp", VALUE]).failed(2, &[]);
    context.fettle_with(&["secrets", "set", "smtp"], "\n").failed(2, &["the value is empty", "NAME < FILE"]);
    context.fettle(&["secrets", "set", "smtp"]).failed(2, &["the value is empty"]);
    context.fettle_with(&["secrets", "set", "no name"], VALUE).failed(1, &["secret"]);
    let long = "x".repeat((64 << 10) + 1);
    context.fettle_with(&["secrets", "set", "smtp"], &long).failed(1, &["65536"]);
}

#[test]
fn values_are_sealed_again_and_what_does_not_open_is_a_failure() {
    let context = Context::new();
    for number in 0..60 {
        let name = format!("secret-{number:02}");
        context.fettle_with(&["secrets", "set", &name], VALUE).done();
    }
    let key_file = context.data().join("keys/fernet.key");
    let old = fs::read_to_string(&key_file).unwrap();
    let new = KeyRing::generate();
    fs::write(&key_file, format!("{new}\n{old}")).unwrap();
    snapshot!("secrets_rotate", context.fettle(&["secrets", "rotate"]));
    let again = context.fettle(&["secrets", "rotate", "--json"]).json();
    assert_eq!(
        again,
        serde_json::json!({"rotated": 0, "already": 60, "unreadable": [], "next_cursor": null})
    );

    fs::write(&key_file, &old).unwrap();
    let lost = context.fettle(&["secrets", "rotate"]).failed(1, &["60 do not open", "secret-59"]);
    assert!(lost.stderr.contains("put the key that sealed them back"), "{lost}");
    snapshot!("secrets_show_lost", context.fettle(&["secrets", "show", "secret-00"]));
}
