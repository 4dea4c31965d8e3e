//! From a request to a call, and from a reply or a problem to a response: the same at the local gateway
//! and in a Lambda function.

use fettle_backend::app::App;
use fettle_backend::error_form::ErrorForm;
use fettle_backend::operation::{Call, Entry, Operation, Reply};
use fettle_backend::ports::Caller;
use fettle_backend::problem::{Kind, Problem, Result};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The longest parameter of a path.
const MAX_PARAMETER_BYTES: usize = 1024;

/// A request that was let in and read.
pub(crate) struct Incoming {
    /// Who calls.
    pub(crate) caller: Option<Caller>,
    /// The path's parameters by name, decoded.
    pub(crate) parameters: HashMap<String, String>,
    /// Method, address and headers.
    pub(crate) parts: Parts,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// When the call is stopped from outside, if it is.
    pub(crate) deadline: Option<Timestamp>,
    /// Names it in the log and in a problem.
    pub(crate) request_id: String,
}

/// Calls the operation.
pub(crate) async fn call(
    app: &Arc<App>,
    operation: &Operation,
    incoming: Incoming,
) -> Result<Response<Vec<u8>>> {
    let Incoming { caller, parameters, parts, body, deadline, request_id } = incoming;
    let text = |name: &str| text(&parts.headers, name);
    let call = Call {
        caller,
        path: path_parameters(operation, parameters)?,
        query: query(parts.uri.query())?,
        content_type: media_type(&parts.headers),
        accept: text(header::ACCEPT.as_str()),
        idempotency_key: text("idempotency-key"),
        if_match: text("if-match"),
        sticky: text("fettle-sticky"),
        body,
        deadline,
        request_id: request_id.clone(),
        ..Call::default()
    };
    // A task of its own: a caller that hangs up does not stop what was begun, and a panic is an answer.
    let (app, handler) = (Arc::clone(app), operation.handler);
    let reply = tokio::spawn(async move { handler(&app, call).await }).await.map_err(Problem::internal)??;
    Ok(answer(reply, &request_id))
}

/// A header as text.
pub(crate) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The body's media type, lower case, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = text(headers, header::CONTENT_TYPE.as_str())?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn path_parameters(
    operation: &Operation,
    mut found: HashMap<String, String>,
) -> Result<BTreeMap<&'static str, String>> {
    let Entry::Http { path, .. } = operation.entry else { return Ok(BTreeMap::new()) };
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names
        .map(|name| {
            let value = found.remove(name).unwrap_or_default();
            if value.len() > MAX_PARAMETER_BYTES {
                return Err(Problem::new(Kind::NotFound, format!("`{name}` is longer than any name or id")));
            }
            Ok((name, value))
        })
        .collect()
}

/// The query's parameters; of a name that comes twice the last.
pub(crate) fn query(text: Option<&str>) -> Result<BTreeMap<String, String>> {
    let text = text.unwrap_or_default();
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text)
        .map_err(|_| Problem::new(Kind::Malformed, "the query is not of the form name=value&…"))?;
    Ok(pairs.into_iter().collect())
}

/// A reply as a response.
pub(crate) fn answer(reply: Reply, request_id: &str) -> Response<Vec<u8>> {
    let empty = reply.body.is_empty();
    let mut response = Response::new(reply.body);
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

/// A problem as a response in a protocol's form; the inside story goes to the log, once, with the request's id.
pub(crate) fn problem_answer(problem: &Problem, form: ErrorForm, request_id: &str) -> Response<Vec<u8>> {
    let mut body = problem.body();
    if body.status >= 500 {
        tracing::error!(request_id, error = problem as &dyn std::error::Error, "a request has failed");
    } else {
        tracing::info!(request_id, status = body.status, detail = body.detail, "a request was refused");
    }
    body.request_id = Some(request_id.to_owned());
    let mut response = Response::new(form.body(&body));
    *response.status_mut() = status(body.status);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    match body.status {
        401 => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        429 => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"))),
        503 => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"))),
        _ => {}
    }
    common(response, request_id)
}

/// What every answer has.
pub(crate) fn common<B>(mut response: Response<B>, request_id: &str) -> Response<B> {
    let headers = response.headers_mut();
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-request-id", id);
    }
    response
}

/// For a status that no operation can give.
fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
