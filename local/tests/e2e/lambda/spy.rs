//! Stands between a function and LocalStack, and notes each request by service and action.

use crate::resources::endpoint;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// What a function has asked of AWS.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    /// How often each request was made, such as `dynamodb:TransactWriteItems`.
    pub(crate) requests: BTreeMap<String, usize>,
    /// What its role has to allow for them, as IAM names it: `dynamodb:PutItem`, or of queues with the
    /// queue's name: `sqs:SendMessage trial`.
    pub(crate) actions: BTreeSet<String>,
}

/// A way to LocalStack that notes what passes.
pub(crate) struct Spy {
    url: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Clone)]
struct Way {
    seen: Arc<Mutex<Seen>>,
    client: Client<HttpConnector, Body>,
}

impl Spy {
    pub(super) async fn start() -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let way = Way { seen: Arc::clone(&seen), client };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(way);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, seen }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What has passed since this was last asked.
    pub(crate) fn take(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

async fn pass(State(way): State<Way>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let bytes = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    let (request, actions) = name(&parts, &bytes);
    {
        let mut seen = way.seen.lock().unwrap();
        *seen.requests.entry(request).or_default() += 1;
        seen.actions.extend(actions);
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = format!("{}{path}", endpoint()).parse::<Uri>().unwrap();
    match way.client.request(Request::from_parts(parts, Body::from(bytes))).await {
        Ok(response) => response.map(Body::new),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

/// A request's name, and the actions that it needs.
fn name(parts: &axum::http::request::Parts, body: &[u8]) -> (String, Vec<String>) {
    let Some(target) = parts.headers.get("x-amz-target") else {
        let request = without_target(parts, body);
        return (request.clone(), vec![request]);
    };
    let (service, action) = target.to_str().unwrap().split_once('.').unwrap();
    let service = match service {
        "DynamoDB_20120810" => "dynamodb",
        "AmazonSQS" => "sqs",
        other => other,
    };
    let request = format!("{service}:{action}");
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let actions = match (service, action) {
        ("dynamodb", "TransactWriteItems") => {
            let items = body["TransactItems"].as_array().unwrap().iter();
            let kinds = items.flat_map(|item| item.as_object().unwrap().keys());
            kinds
                .map(|kind| {
                    format!("dynamodb:{}Item", if kind == "ConditionCheck" { "ConditionCheck" } else { kind })
                })
                .collect()
        }
        ("sqs", _) => {
            let queue = body["QueueUrl"].as_str().unwrap().rsplit('/').next().unwrap();
            let name = queue.trim_end_matches("-dead").rsplit('-').next().unwrap();
            let dead = if queue.ends_with("-dead") { "-dead" } else { "" };
            vec![format!("sqs:{} {name}{dead}", action.trim_end_matches("Batch"))]
        }
        _ => vec![request.clone()],
    };
    (request, actions)
}

fn without_target(parts: &axum::http::request::Parts, body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    if let Some(action) = body.split('&').find_map(|pair| pair.strip_prefix("Action=")) {
        return format!("sns:{action}");
    }
    let query = parts.uri.query().unwrap_or_default();
    let action = match parts.method.as_str() {
        "GET" if query.contains("list-type=2") => "ListBucket",
        "GET" | "HEAD" => "GetObject",
        "PUT" | "POST" => "PutObject",
        "DELETE" if query.contains("uploadId=") => "AbortMultipartUpload",
        "DELETE" => "DeleteObject",
        other => other,
    };
    format!("s3:{action}")
}
