//! What every way to tell who is calling holds to.

use crate::clock::{Clock, SystemClock};
use crate::ports::{Auth, Caller};
use std::sync::Arc;

/// One test a property, for an expression whose future gives
/// `((Arc<dyn Auth>, String, Caller), _)`: a token that is good now, and who holds it.
#[macro_export]
macro_rules! auth_suite {
    ($fixture:expr) => {
        $crate::conformance_tests!(
            auth,
            $fixture,
            [a_good_token_tells_its_holder, anything_else_is_nobody, a_token_is_good_only_as_it_is]
        );
    };
}

type Port = (Arc<dyn Auth>, String, Caller);

pub async fn a_good_token_tells_its_holder((auth, token, caller): Port, _ns: &str) {
    for _ in 0..2 {
        assert_eq!(auth.authenticate(&token, SystemClock.now()).await.unwrap(), Some(caller.clone()));
    }
}

pub async fn anything_else_is_nobody((auth, _, _): Port, ns: &str) {
    let long = "x".repeat(1 << 20);
    let dots = ".".repeat(100);
    for token in [
        "",
        " ",
        ns,
        "null",
        "Bearer",
        "é",
        "日本 😀",
        "\u{0}",
        "\r\n",
        "a.b.c",
        "..",
        "eyJhbGciOiJub25lIn0.e30.",
        "fettle_",
        "../../../etc/passwd",
        "' OR 1=1 --",
        "%00",
        "{}",
        &dots,
        &long,
    ] {
        assert_eq!(auth.authenticate(token, SystemClock.now()).await.unwrap(), None, "{token:.60}");
    }
}

pub async fn a_token_is_good_only_as_it_is((auth, token, _): Port, _ns: &str) {
    let swapped: String = token
        .chars()
        .map(|character| {
            if character.is_lowercase() {
                character.to_ascii_uppercase()
            } else {
                character.to_ascii_lowercase()
            }
        })
        .collect();
    let mut wrong = vec![
        swapped,
        format!("{token}x"),
        format!("{token} "),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}\u{0}"),
        format!("x{token}"),
        token.repeat(2),
        token.chars().rev().collect(),
    ];
    wrong.extend(
        (0..token.len()).filter(|&end| token.is_char_boundary(end)).map(|end| token[..end].to_owned()),
    );
    for wrong in wrong.iter().filter(|wrong| **wrong != token) {
        assert_eq!(auth.authenticate(wrong, SystemClock.now()).await.unwrap(), None);
    }
}
