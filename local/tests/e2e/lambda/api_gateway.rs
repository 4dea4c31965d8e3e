//! An HTTP API of API Gateway: routes, the authorizer with its cache, and both payload formats.

use super::function::Function;
use super::{Entry, events};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;

/// API Gateway's own limit.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

struct Api {
    functions: Arc<HashMap<String, Arc<Function>>>,
    requests: AtomicU64,
}

/// A request as it was read.
pub(super) struct Read {
    pub(super) method: String,
    pub(super) route: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) parameters: HashMap<String, String>,
    pub(super) body: Bytes,
}

/// Serves the routes of all functions; the address.
pub(super) async fn serve(functions: Arc<HashMap<String, Arc<Function>>>) -> String {
    let api = Arc::new(Api { functions, requests: 0.into() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(enter).with_state(api);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// The parameters of a path that a route matches.
fn matches(route: &str, path: &str) -> Option<HashMap<String, String>> {
    let (route, path): (Vec<&str>, Vec<&str>) = (route.split('/').collect(), path.split('/').collect());
    if route.len() != path.len() {
        return None;
    }
    let mut parameters = HashMap::new();
    for (pattern, part) in route.into_iter().zip(path) {
        match pattern.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !part.is_empty() => {
                let decoded = percent_encoding::percent_decode_str(part).decode_utf8().ok()?;
                parameters.insert(name.to_owned(), decoded.into_owned());
            }
            _ if pattern == part => {}
            _ => return None,
        }
    }
    Some(parameters)
}

async fn enter(State(api): State<Arc<Api>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let found = api.functions.values().find_map(|function| match &function.operation.entry {
        Entry::Http { method, path: route } if *method == parts.method.as_str() => {
            Some((function, route, matches(route, path)?))
        }
        _ => None,
    });
    let Some((function, route, parameters)) = found else {
        return (StatusCode::NOT_FOUND, "{\"message\":\"Not Found\"}").into_response();
    };
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "{\"message\":\"Request Entity Too Large\"}").into_response();
    };
    let headers = parts.headers.iter();
    let read = Read {
        method: parts.method.to_string(),
        route: route.clone(),
        path: path.to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect(),
        parameters,
        body,
    };
    let caller = if function.operation.permission == "open" {
        None
    } else {
        match authorize(&api, &read).await {
            Ok(context) => Some(context),
            Err(refused) => return refused,
        }
    };
    // Every other request in the older format.
    let payload = if api.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
        events::request_v2(&read, caller.as_ref())
    } else {
        events::request_v1(&read, caller.as_ref())
    };
    match function.invoke(payload).await {
        Ok(answer) => respond(&answer),
        Err(error) => {
            eprintln!("{}: {error}", function.operation.name);
            (StatusCode::INTERNAL_SERVER_ERROR, "{\"message\":\"Internal Server Error\"}").into_response()
        }
    }
}

/// The authorizer's context; without an identity, or denied, API Gateway answers by itself.
async fn authorize(api: &Api, read: &Read) -> Result<Value, Response> {
    if !read.headers.iter().any(|(name, _)| name == "authorization") {
        return Err((StatusCode::UNAUTHORIZED, "{\"message\":\"Unauthorized\"}").into_response());
    }
    let authorizer = api.functions.values().find(|function| function.operation.entry == Entry::Authorizer);
    let answer = authorizer.unwrap().invoke(events::authorizer(read)).await;
    match answer {
        Ok(answer) if answer["isAuthorized"] == true => Ok(answer["context"].clone()),
        Ok(_) => Err((StatusCode::FORBIDDEN, "{\"message\":\"Forbidden\"}").into_response()),
        Err(error) => {
            eprintln!("authorizer: {error}");
            Err((StatusCode::INTERNAL_SERVER_ERROR, "{\"message\":null}").into_response())
        }
    }
}

fn respond(answer: &Value) -> Response {
    let text = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true {
        STANDARD.decode(text).unwrap()
    } else {
        text.as_bytes().to_vec()
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap()).unwrap();
    let none = json!({});
    let single = answer["headers"].as_object().unwrap_or(none.as_object().unwrap()).iter();
    let single = single.map(|(name, value)| (name, value.as_str().unwrap()));
    let multi = answer["multiValueHeaders"].as_object().unwrap_or(none.as_object().unwrap()).iter();
    let multi = multi.flat_map(|(name, values)| {
        values.as_array().unwrap().iter().map(move |value| (name, value.as_str().unwrap()))
    });
    for (name, value) in single.chain(multi) {
        let name: HeaderName = name.parse().unwrap();
        response.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    response
}
