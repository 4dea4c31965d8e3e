//! Replies and problems as HTTP responses.

use super::status;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use fettle_backend::operation::Reply;
use fettle_backend::problem::Problem;

/// A reply as a response.
pub(super) fn answer(reply: Reply, request_id: &str) -> Response {
    let empty = reply.body.is_empty();
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = status(reply.status);
    let headers = response.headers_mut();
    if !empty {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    }
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    common(response, request_id)
}

/// A problem as a response; the inside story goes to the log, once, with the request's id.
pub(super) fn problem_answer(problem: &Problem, request_id: &str) -> Response {
    let mut body = problem.body();
    if body.status >= 500 {
        tracing::error!(request_id, error = problem as &dyn std::error::Error, "a request has failed");
    } else {
        tracing::info!(request_id, status = body.status, detail = body.detail, "a request was refused");
    }
    body.request_id = Some(request_id.to_owned());
    let mut response = Response::new(Body::from(serde_json::to_vec(&body).unwrap_or_default()));
    *response.status_mut() = status(body.status);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    match body.status {
        401 => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        503 => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"))),
        _ => {}
    }
    common(response, request_id)
}

/// What every answer has.
pub(super) fn common(mut response: Response, request_id: &str) -> Response {
    let headers = response.headers_mut();
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", id);
    }
    response
}
