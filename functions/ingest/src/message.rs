//! What may lie on the ingest queue: our own message, or S3's notification.

use fettle_backend::datasets::Uploaded;
use fettle_backend::problem::{Kind, Problem, Result};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// A body, by its form.
#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    Ours(Uploaded),
    Notification {
        #[serde(rename = "Records")]
        records: Vec<Record>,
    },
    /// What S3 sends once when notifications are turned on.
    Test {
        #[serde(rename = "Event")]
        event: String,
    },
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventName")]
    event: String,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    /// Encoded as in a form: `%2F`, and `+` for a space.
    key: String,
}

/// The uploads that a message tells of: none, one or several.
pub(crate) fn uploads(body: &[u8]) -> Result<Vec<Uploaded>> {
    let strange = || Problem::new(Kind::Malformed, "the message tells of no upload in any way that is known");
    match serde_json::from_slice(body).map_err(|_| strange())? {
        Body::Ours(uploaded) => Ok(vec![uploaded]),
        Body::Notification { records } => records
            .iter()
            .filter(|record| record.event.starts_with("ObjectCreated:"))
            .map(|record| decode(&record.s3.object.key).map(|key| Uploaded { key }).ok_or_else(strange))
            .collect(),
        Body::Test { event } if event == "s3:TestEvent" => Ok(Vec::new()),
        Body::Test { .. } => Err(strange()),
    }
}

fn decode(key: &str) -> Option<String> {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUT: &[u8] = include_bytes!("../fixtures/s3-put.json");
    const TEST: &[u8] = include_bytes!("../fixtures/s3-test.json");

    fn keys(body: impl AsRef<[u8]>) -> Vec<String> {
        uploads(body.as_ref()).unwrap().into_iter().map(|uploaded| uploaded.key).collect()
    }

    #[test]
    fn our_own_message_is_understood() {
        assert_eq!(
            keys(r#"{"key":"uploads/default/ds_1/00000001-0a"}"#),
            ["uploads/default/ds_1/00000001-0a"]
        );
    }

    #[test]
    fn a_notification_is_understood() {
        assert_eq!(keys(PUT), ["uploads/default/ds_0192f0c1/00000001-0a1b"]);
        assert_eq!(keys(TEST), [""; 0]);
    }

    #[test]
    fn keys_are_decoded_and_other_events_ignored() {
        let record = |event: &str, key: &str| {
            format!(r#"{{"eventName":"{event}","s3":{{"object":{{"key":"{key}"}}}}}}"#)
        };
        let several = [
            record("ObjectCreated:CompleteMultipartUpload", "uploads%2Fdefault/a+b%2Bc%C3%A9"),
            record("ObjectRemoved:Delete", "uploads/default/ds_1/00000001-0a"),
            record("ObjectTagging:Put", "x"),
            record("ObjectCreated:Copy", "plain"),
        ];
        let body = format!(r#"{{"Records":[{}]}}"#, several.join(","));
        assert_eq!(keys(body), ["uploads/default/a b+cé", "plain"]);
        assert_eq!(keys(r#"{"Records":[]}"#), [""; 0]);
    }

    #[test]
    fn anything_else_is_malformed() {
        let bad_key = r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"object":{"key":"%FF"}}}]}"#;
        for body in [
            "",
            "not JSON",
            "\"not JSON\"",
            "null",
            "[]",
            "{}",
            r#"{"key":1}"#,
            r#"{"Event":"s3:Other"}"#,
            r#"{"Records":[{"eventName":"ObjectCreated:Put"}]}"#,
            bad_key,
        ] {
            let problem = uploads(body.as_bytes()).expect_err(body);
            assert_eq!(problem.kind, Kind::Malformed, "{body}");
        }
    }
}
