//! What every notifier holds to, and what one that posts to an address does besides.

use super::refused;
use crate::ports::{ErrorKind, Notice, Notifier};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// One test a property, for an expression whose future gives `(Arc<dyn Notifier>, _)`.
#[macro_export]
macro_rules! notifier_suite {
    ($fixture:expr) => {
        $crate::conformance_tests!(notifier, $fixture, [a_notice_is_taken]);
    };
}

/// One test a property, for an expression whose future gives `(MakeWebhook, _)`.
#[macro_export]
macro_rules! webhook_suite {
    ($fixture:expr) => {
        $crate::conformance_tests!(
            notifier,
            $fixture,
            [
                a_notice_is_posted_as_json,
                a_refusal_may_be_tried_again_or_not,
                a_redirect_is_not_followed,
                an_endpoint_that_is_away_may_be_tried_again,
                a_silent_endpoint_is_given_up,
                an_endless_answer_does_no_harm,
            ]
        );
    };
}

/// Makes a notifier that posts to an address on this machine.
pub type MakeWebhook = Box<dyn Fn(&str) -> Arc<dyn Notifier> + Send + Sync>;

fn notice(ns: &str) -> Notice {
    Notice {
        id: format!("evt_{ns}"),
        workspace: "ws_1".into(),
        kind: "run.succeeded".into(),
        summary: "The run é “日本” has ended.\r\nTwo lines.".into(),
        data: json!({ "run": "run_1", "metrics": { "accuracy": 0.973 }, "none": null }),
    }
}

/// A request as an endpoint got it.
#[derive(Debug)]
struct Request {
    line: String,
    headers: String,
    body: Vec<u8>,
}

/// An HTTP endpoint on this machine that gives everybody the same answer; its address, and what it gets.
async fn endpoint(answer: Vec<u8>) -> (String, UnboundedReceiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?a=b", listener.local_addr().unwrap());
    let (got, requests) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (answer, got) = (answer.clone(), got.clone());
            tokio::spawn(async move {
                let mut connection = BufReader::new(connection);
                got.send(read_request(&mut connection).await).ok();
                connection.write_all(&answer).await.ok();
                if answer.is_empty() {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    (url, requests)
}

async fn read_request(connection: &mut BufReader<TcpStream>) -> Request {
    let (mut line, mut headers) = (String::new(), String::new());
    connection.read_line(&mut line).await.unwrap();
    while !headers.ends_with("\r\n\r\n") {
        assert_ne!(connection.read_line(&mut headers).await.unwrap(), 0, "the request ends in its headers");
    }
    headers.make_ascii_lowercase();
    let length = headers.lines().find_map(|header| header.strip_prefix("content-length:"));
    let mut body = vec![0; length.expect("a request with its length").trim().parse().unwrap()];
    connection.read_exact(&mut body).await.unwrap();
    Request { line, headers, body }
}

fn status(line: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}").into_bytes()
}

pub async fn a_notice_is_taken(notifier: Arc<dyn Notifier>, ns: &str) {
    notifier.notify(&notice(ns)).await.unwrap();
    notifier.notify(&notice(ns)).await.unwrap();
}

pub async fn a_notice_is_posted_as_json(make: MakeWebhook, ns: &str) {
    for line in ["200 OK", "201 Created", "202 Accepted", "204 No Content"] {
        let (url, mut requests) = endpoint(status(line)).await;
        make(&url).notify(&notice(ns)).await.unwrap();
        let request = requests.recv().await.unwrap();
        assert_eq!(request.line, "POST /hook?a=b HTTP/1.1\r\n");
        assert!(request.headers.contains("content-type: application/json"), "{}", request.headers);
        let body: Notice = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body, notice(ns));
        assert!(requests.try_recv().is_err(), "posted more than once");
    }
}

pub async fn a_refusal_may_be_tried_again_or_not(make: MakeWebhook, ns: &str) {
    let again = ["500 Oops", "502 Bad Gateway", "503 Busy", "504 Late", "429 Slow down", "408 Late"];
    let never = ["400 Bad", "401 Who", "403 No", "404 What", "410 Gone", "413 Large"];
    let expected = again.map(|line| (line, ErrorKind::Unavailable)).into_iter();
    for (line, kind) in expected.chain(never.map(|line| (line, ErrorKind::Invalid))) {
        let (url, mut requests) = endpoint(status(line)).await;
        refused(make(&url).notify(&notice(ns)).await, kind);
        requests.recv().await.unwrap();
    }
}

pub async fn a_redirect_is_not_followed(make: MakeWebhook, ns: &str) {
    for code in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let (elsewhere, mut strayed) = endpoint(status("200 OK")).await;
        let answer = format!(
            "HTTP/1.1 {code}\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        let (url, mut requests) = endpoint(answer.into_bytes()).await;
        refused(make(&url).notify(&notice(ns)).await, ErrorKind::Invalid);
        requests.recv().await.unwrap();
        assert!(strayed.try_recv().is_err(), "{code} was followed");
    }
}

pub async fn an_endpoint_that_is_away_may_be_tried_again(make: MakeWebhook, ns: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    refused(make(&url).notify(&notice(ns)).await, ErrorKind::Unavailable);
    let (url, _requests) = endpoint(b"no HTTP at all\r\n\r\n".to_vec()).await;
    assert!(make(&url).notify(&notice(ns)).await.is_err());
}

pub async fn a_silent_endpoint_is_given_up(make: MakeWebhook, ns: &str) {
    let (url, _requests) = endpoint(Vec::new()).await;
    let begun = Instant::now();
    refused(make(&url).notify(&notice(ns)).await, ErrorKind::Unavailable);
    // Ten seconds, and one for a busy machine.
    assert!(begun.elapsed() < Duration::from_secs(11), "after {:?}", begun.elapsed());
}

pub async fn an_endless_answer_does_no_harm(make: MakeWebhook, ns: &str) {
    let begun = Instant::now();
    let mut answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    answer.resize(50_000_000, b'x');
    let (url, _requests) = endpoint(answer).await;
    make(&url).notify(&notice(ns)).await.unwrap();
    let mut answer = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
    answer.resize(50_000_000, b'x');
    let (url, _requests) = endpoint(answer).await;
    assert!(make(&url).notify(&notice(ns)).await.is_err(), "a header without an end was read");
    assert!(begun.elapsed() < Duration::from_secs(22), "after {:?}", begun.elapsed());
}
