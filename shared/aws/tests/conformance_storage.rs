//! The storage's suite on S3, and what `S3Storage` promises beyond its port.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod localstack;

use aws_sdk_s3::Client;
use fettle_aws::{Clients, S3Storage, provision};
use fettle_backend::clock::{Clock, SystemClock, TestClock};
use fettle_backend::conformance::namespace;
use fettle_backend::ports::{ErrorKind, Storage, UploadTerms};
use jiff::SignedDuration;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const VALID: SignedDuration = SignedDuration::from_mins(15);

async fn bucket(client: &Client) -> String {
    let name = namespace();
    provision::create_bucket(client, &name, "us-east-1").await.unwrap();
    name
}

fn on(client: &Client, bucket: &str) -> S3Storage {
    S3Storage::new(client.clone(), client.clone(), bucket.to_owned(), Arc::new(SystemClock))
}

async fn open() -> (Arc<dyn Storage>, ()) {
    let client = localstack::clients().await.s3();
    let bucket = bucket(&client).await;
    (Arc::new(on(&client, &bucket)), ())
}

mod suite {
    use super::*;

    fettle_backend::storage_suite!(open());
}

async fn unfinished(client: &Client, bucket: &str) -> usize {
    client.list_multipart_uploads().bucket(bucket).send().await.unwrap().uploads().len()
}

/// A large stream that fails, goes over its limit or is dropped leaves no parts that cost money.
#[tokio::test]
async fn what_is_given_up_leaves_no_parts() {
    let client = localstack::clients().await.s3();
    let bucket = bucket(&client).await;
    let storage = on(&client, &bucket);
    let many = || io::Cursor::new(vec![7_u8; 30 << 20]);
    let refused = storage.put_stream("over", Box::pin(many()), 25 << 20).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::TooLarge);
    let (mut pipe, other_end) = tokio::io::duplex(1 << 16);
    let writing = tokio::spawn({
        let storage = on(&client, &bucket);
        async move { storage.put_stream("dropped", Box::pin(other_end), u64::MAX).await }
    });
    pipe.write_all(many().get_ref()).await.unwrap();
    assert_eq!(unfinished(&client, &bucket).await, 1, "the write has not begun");
    writing.abort();
    for _ in 0..100 {
        if unfinished(&client, &bucket).await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(unfinished(&client, &bucket).await, 0);
    assert_eq!(storage.list("", None, 10).await.unwrap().objects, []);
}

#[tokio::test]
async fn a_stream_of_whole_parts_is_whole() {
    let client = localstack::clients().await.s3();
    let storage = on(&client, &bucket(&client).await);
    for bytes in [(8 << 20) - 1, 8 << 20, 16 << 20, (24 << 20) + 1] {
        let stream = Box::pin(io::Cursor::new(vec![5_u8; bytes]));
        assert_eq!(storage.put_stream("a", stream, bytes as u64).await.unwrap().bytes, bytes as u64);
        assert_eq!(storage.head("a").await.unwrap().bytes, bytes as u64);
        assert!(storage.get("a").await.unwrap().iter().all(|byte| *byte == 5));
    }
}

/// A client without credentials.
fn send(request: &fettle_backend::ports::Presigned, body: &[u8]) -> (u16, String, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let sent = if request.method == "PUT" {
        let mut put = agent.put(&request.url);
        for (name, value) in &request.headers {
            put = put.header(name, value);
        }
        put.send(body)
    } else {
        agent.get(&request.url).call()
    };
    let mut response = sent.unwrap();
    let disposition = response.headers().get("content-disposition");
    let disposition = disposition.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    (response.status().as_u16(), disposition, response.body_mut().read_to_string().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_uploaded_and_downloaded_by_address() {
    let client = localstack::clients().await.s3();
    let storage = on(&client, &bucket(&client).await);
    let upload = storage.presign_upload("uploads/a", &UploadTerms::at_most(10), VALID).await.unwrap();
    assert!(upload.headers.is_empty(), "a plain PUT is enough: {:?}", upload.headers);
    assert_eq!(send(&upload, b"abc").0, 200);
    assert_eq!(storage.get("uploads/a").await.unwrap(), b"abc");
    let download = storage.presign_download("uploads/a", "é.csv", VALID).await.unwrap();
    let (status, disposition, body) = send(&download, b"");
    assert_eq!((status, body.as_str()), (200, "abc"));
    assert_eq!(disposition, "attachment; filename=\"_.csv\"; filename*=UTF-8''%C3%A9%2Ecsv");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_held_to_its_terms() {
    let client = localstack::clients().await.s3();
    let storage = on(&client, &bucket(&client).await);
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let terms = UploadTerms { max_bytes: 10, bytes: Some(3), sha256: Some(abc.into()) };
    let upload = storage.presign_upload("a", &terms, VALID).await.unwrap();
    let names: Vec<&str> = upload.headers.keys().map(String::as_str).collect();
    assert_eq!(names, ["content-length", "x-amz-checksum-sha256"]);
    assert!(
        upload.url.contains("SignedHeaders=content-length%3Bhost%3Bx-amz-checksum-sha256"),
        "{}",
        upload.url
    );
    // LocalStack looks at no signature unless it is told to: that S3 takes no request without these
    // headers, or with others, follows from their being signed.
    assert_eq!(send(&upload, b"abd").0, 400, "other bytes of the same length");
    assert_eq!(storage.head("a").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(send(&upload, b"abc").0, 200);
    assert_eq!(storage.get("a").await.unwrap(), b"abc");
}

#[tokio::test]
async fn addresses_are_of_the_public_endpoint_and_the_clock_s_time() {
    let clients = Clients::at("http://storage.internal:4566").await;
    let clock = Arc::new(TestClock::at("2026-01-01T12:00:00.75Z".parse().unwrap()));
    let public = clients.s3_at("https://files.fettle.test:8443");
    let storage = S3Storage::new(clients.s3(), public, "data".into(), clock.clone());
    let upload = storage.presign_upload("ws/a", &UploadTerms::at_most(1), VALID).await.unwrap();
    assert!(upload.url.starts_with("https://files.fettle.test:8443/data/ws/a?"), "{}", upload.url);
    assert!(upload.url.contains("X-Amz-Date=20260101T120000Z"), "{}", upload.url);
    assert!(upload.url.contains("X-Amz-Expires=900"), "{}", upload.url);
    assert_eq!(upload.expires_at, "2026-01-01T12:15:00Z".parse().unwrap());
    assert!(!upload.url.contains("checksum"), "{}", upload.url);
}

/// Stands in an answer for the last creation that the server was told of.
const CREATION: &str = "{creation}";

/// A server that gives these answers, one a connection, whatever it is asked.
async fn answering(answers: Vec<String>) -> S3Storage {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut creation = String::new();
        for answer in answers {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                if connection.read_buf(&mut request).await.unwrap() == 0 {
                    break;
                }
            }
            let head = String::from_utf8_lossy(&request).to_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
            let end = request.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
            while length.is_some_and(|length| request.len() < end + length.parse::<usize>().unwrap()) {
                connection.read_buf(&mut request).await.unwrap();
            }
            let told =
                head.split("x-amz-meta-fettle-creation: ").nth(1).and_then(|rest| rest.split('\r').next());
            creation = told.map_or(creation, String::from);
            connection.write_all(answer.replace(CREATION, &creation).as_bytes()).await.unwrap();
            connection.shutdown().await.unwrap();
        }
    });
    let client = Clients::at(&format!("http://{address}")).await.s3();
    S3Storage::new(client.clone(), client, "data".into(), Arc::new(SystemClock) as Arc<dyn Clock>)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

fn refusal(status: &str, code: &str) -> String {
    answer(status, "", &format!("<Error><Code>{code}</Code><Message>m</Message></Error>"))
}

#[tokio::test]
async fn a_damaged_object_is_corrupt_and_read_again_first() {
    let damaged = || answer("200 OK", "x-amz-checksum-crc32: AAAAAA==\r\n", "abc");
    let storage = answering(vec![damaged(), damaged(), damaged()]).await;
    assert_eq!(storage.get("a").await.unwrap_err().kind(), ErrorKind::Corrupt);
    let whole = answer("200 OK", "x-amz-checksum-crc32: NSRBwg==\r\n", "abc");
    let storage = answering(vec![damaged(), whole]).await;
    assert_eq!(storage.get("a").await.unwrap(), b"abc");
    let cut = answer("200 OK", "", "abc").replace("length: 3", "length: 5");
    let storage = answering(vec![cut.clone(), cut.clone(), cut]).await;
    assert_eq!(storage.get("a").await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn what_s3_refuses_has_its_kind() {
    for (status, code, kind) in [
        ("404 Not Found", "NoSuchKey", ErrorKind::NotFound),
        ("404 Not Found", "NoSuchBucket", ErrorKind::Unavailable),
        ("403 Forbidden", "AccessDenied", ErrorKind::Unavailable),
    ] {
        let storage = answering(vec![refusal(status, code)]).await;
        assert_eq!(storage.get("a").await.unwrap_err().kind(), kind, "{code}");
    }
    // Throttling is tried again, a few times.
    let slow = || refusal("503 Slow Down", "SlowDown");
    let storage = answering(vec![slow(), slow(), answer("200 OK", "", "abc")]).await;
    assert_eq!(storage.get("a").await.unwrap(), b"abc");
    let storage = answering(vec![slow(), slow(), slow(), slow()]).await;
    assert_eq!(storage.get("a").await.unwrap_err().kind(), ErrorKind::Unavailable);
    let storage = answering(vec![refusal("400 Bad Request", "EntityTooLarge")]).await;
    assert_eq!(storage.put("a", b"x").await.unwrap_err().kind(), ErrorKind::TooLarge);
}

#[tokio::test]
async fn a_creation_that_meets_another_is_tried_again_and_knows_its_own() {
    let at_once = || refusal("409 Conflict", "ConditionalRequestConflict");
    let storage = answering(vec![at_once(), at_once(), answer("200 OK", "", "")]).await;
    storage.create("a", b"x").await.unwrap();
    let storage = answering((0..6).map(|_| at_once()).collect()).await;
    assert_eq!(storage.create("a", b"x").await.unwrap_err().kind(), ErrorKind::Unavailable);
    let there = refusal("412 Precondition Failed", "PreconditionFailed");
    let others = answer("200 OK", "x-amz-meta-fettle-creation: other\r\n", "");
    let storage = answering(vec![there.clone(), others]).await;
    assert_eq!(storage.create("a", b"x").await.unwrap_err().kind(), ErrorKind::Conflict { at: 0 });
    // The answer to the first try was lost, and the SDK's second try meets the first.
    let own = answer("200 OK", &format!("x-amz-meta-fettle-creation: {CREATION}\r\n"), "");
    let storage = answering(vec![refusal("503 Slow Down", "SlowDown"), there, own]).await;
    storage.create("a", b"x").await.unwrap();
}

#[tokio::test]
async fn two_may_make_the_bucket_at_once() {
    let client = localstack::clients().await.s3();
    for region in ["us-east-1", "eu-central-1"] {
        let name = namespace();
        let make = || provision::create_bucket(&client, &name, region);
        let (one, other) = tokio::join!(make(), make());
        // LocalStack takes another region than the client's for a bucket that is somebody's.
        one.and(other).unwrap();
        make().await.unwrap();
        let rules = client.get_bucket_lifecycle_configuration().bucket(&name).send().await.unwrap();
        assert_eq!(rules.rules().len(), 1);
    }
}
