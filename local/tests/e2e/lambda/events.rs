//! The events that AWS's services send, in the form that their documentation has.

use super::api_gateway::Read;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

fn body(read: &Read) -> (Value, bool) {
    match std::str::from_utf8(&read.body) {
        Ok("") => (Value::Null, false),
        Ok(text) => (json!(text), false),
        Err(_) => (json!(STANDARD.encode(&read.body)), true),
    }
}

fn headers(read: &Read) -> Value {
    read.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>().into()
}

fn context_v2(read: &Read) -> Value {
    json!({
        "accountId": "000000000000", "apiId": "abcdef1234", "domainName": "abcdef1234.execute-api.us-east-1.amazonaws.com",
        "domainPrefix": "abcdef1234",
        "http": { "method": read.method, "path": read.path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test" },
        "requestId": "JKJaXmPLvHcESHA=", "routeKey": format!("{} {}", read.method, read.route), "stage": "$default",
        "time": "24/Nov/2026:08:00:00 +0000", "timeEpoch": 1_795_507_200_000_u64
    })
}

/// Payload format 2.0 of an HTTP API.
pub(super) fn request_v2(read: &Read, caller: Option<&Value>) -> Value {
    let (body, is_base64) = body(read);
    let mut context = context_v2(read);
    if let Some(caller) = caller {
        context["authorizer"] = json!({ "lambda": caller });
    }
    json!({
        "version": "2.0", "routeKey": format!("{} {}", read.method, read.route), "rawPath": read.path,
        "rawQueryString": read.query, "headers": headers(read), "requestContext": context,
        "pathParameters": read.parameters, "body": body, "isBase64Encoded": is_base64
    })
}

/// Payload format 1.0.
pub(super) fn request_v1(read: &Read, caller: Option<&Value>) -> Value {
    let (body, is_base64) = body(read);
    let pairs = || serde_urlencoded::from_str::<Vec<(String, String)>>(&read.query).unwrap().into_iter();
    let query: Map<String, Value> = pairs().map(|(name, value)| (name, json!(value))).collect();
    let multi_query: Map<String, Value> = pairs().map(|(name, value)| (name, json!([value]))).collect();
    let multi: Map<String, Value> =
        read.headers.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    json!({
        "version": "1.0", "resource": read.route, "path": read.path, "httpMethod": read.method,
        "headers": headers(read), "multiValueHeaders": multi,
        "queryStringParameters": query, "multiValueQueryStringParameters": multi_query,
        "pathParameters": read.parameters, "stageVariables": null, "body": body, "isBase64Encoded": is_base64,
        "requestContext": {
            "accountId": "000000000000", "apiId": "abcdef1234", "authorizer": caller, "httpMethod": read.method,
            "domainName": "abcdef1234.execute-api.us-east-1.amazonaws.com", "domainPrefix": "abcdef1234",
            "extendedRequestId": "JKJaXmPLvHcESHA=", "requestId": "JKJaXmPLvHcESHA=", "path": read.path,
            "protocol": "HTTP/1.1", "resourcePath": read.route, "stage": "$default",
            "requestTime": "24/Nov/2026:08:00:00 +0000", "requestTimeEpoch": 1_795_507_200_000_u64,
            "identity": { "sourceIp": "192.0.2.1", "userAgent": "test" }
        }
    })
}

/// A request authorizer's event, format 2.0.
pub(super) fn authorizer(read: &Read) -> Value {
    let authorization = read.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value);
    json!({
        "version": "2.0", "type": "REQUEST",
        "routeArn": format!("arn:aws:execute-api:us-east-1:000000000000:abcdef1234/$default/{}{}", read.method, read.path),
        "identitySource": [authorization], "routeKey": format!("{} {}", read.method, read.route),
        "rawPath": read.path, "rawQueryString": read.query, "headers": headers(read),
        "requestContext": context_v2(read), "pathParameters": read.parameters
    })
}

/// A message in the event of an SQS event source mapping.
pub(super) fn record(id: &str, receipt: &str, body: &str, received: &str, queue: &str) -> Value {
    json!({
        "messageId": id, "receiptHandle": receipt, "body": body,
        "attributes": {
            "ApproximateReceiveCount": received, "SentTimestamp": "1795507200000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO", "ApproximateFirstReceiveTimestamp": "1795507200001"
        },
        "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{queue}"), "awsRegion": "us-east-1"
    })
}

/// A scheduled event of `EventBridge`.
pub(super) fn minute() -> Value {
    json!({
        "version": "0", "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": "000000000000", "time": "2026-11-24T08:00:00Z", "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:000000000000:rule/fettle-tick"], "detail": {}
    })
}
