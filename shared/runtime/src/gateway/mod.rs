//! The HTTP gateway: what API Gateway and the authorizer do in AWS.

mod files;

use crate::http::{self, Incoming, problem_answer};
use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::extract::{RawPathParams, Request, State};
use axum::http::{Method, header};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use fettle_backend::admission;
use fettle_backend::app::App;
use fettle_backend::operation::{Entry, Operation};
use fettle_backend::permission::Permission;
use fettle_backend::ports::Caller;
use fettle_backend::problem::{Kind, Problem, Result};
use fettle_embedded::FileStorage;
use futures_util::StreamExt;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The longest wait for a request's body.
const BODY_TIMEOUT: Duration = Duration::from_mins(1);

/// A body so small is read even of whoever is not let in.
const SMALL_BODY_BYTES: u64 = 64 * 1024;

/// So much of a refused body is read all the same.
const DRAIN_BYTES: u64 = 1 << 30;

/// The routes of these operations, and of the storage's presigned addresses where it is files.
pub(crate) fn router(
    app: &Arc<App>,
    operations: &[Arc<Operation>],
    files: Option<Arc<FileStorage>>,
) -> Router {
    let mut routes: HashMap<&'static str, MethodRouter<Arc<App>>> = HashMap::new();
    for operation in operations {
        let Entry::Http { method, path } = operation.entry else { continue };
        let door = Door { app: Arc::clone(app), operation: Arc::clone(operation) };
        let route = on(filter(method), enter).with_state(door);
        let routes = routes.entry(path).or_default();
        *routes = std::mem::take(routes).merge(route);
    }
    let mut router: Router<Arc<App>> = Router::new();
    if let Some(files) = files {
        let storage = files::Door { app: Arc::clone(app), files };
        let methods = get(files::download).put(files::upload).with_state(storage);
        router = router.route("/v1/storage/{*key}", methods);
    }
    for (path, methods) in routes {
        router = router.route(path, methods);
    }
    router.fallback(missing).method_not_allowed_fallback(wrong_method).with_state(Arc::clone(app))
}

/// The way that axum names a method.
fn filter(method: &str) -> MethodFilter {
    match method {
        "GET" => MethodFilter::GET,
        "POST" => MethodFilter::POST,
        "PUT" => MethodFilter::PUT,
        "PATCH" => MethodFilter::PATCH,
        _ => MethodFilter::DELETE,
    }
}

async fn missing(State(app): State<Arc<App>>, request: Request) -> Response {
    let path: String = request.uri().path().chars().take(200).collect();
    let problem = Problem::new(Kind::NotFound, format!("there is nothing at {path}"))
        .remedy("GET /openapi.json lists what there is");
    problem_answer(&problem, &app.ids.id("req")).map(Body::from)
}

async fn wrong_method(State(app): State<Arc<App>>, request: Request) -> Response {
    let problem = Problem::new(Kind::MethodNotAllowed, format!("{} is not done here", request.method()))
        .remedy("GET /openapi.json lists what is");
    problem_answer(&problem, &app.ids.id("req")).map(Body::from)
}

/// The way in to one operation.
#[derive(Clone)]
struct Door {
    app: Arc<App>,
    operation: Arc<Operation>,
}

async fn enter(State(door): State<Door>, parameters: RawPathParams, request: Request) -> Response {
    let request_id = door.app.ids.id("req");
    let head = request.method() == Method::HEAD;
    let response = match door.handle(parameters, request, request_id.clone()).await {
        Ok(response) => response,
        Err(problem) => problem_answer(&problem, &request_id).map(Body::from),
    };
    if head { response.map(|_| Body::empty()) } else { response }
}

impl Door {
    async fn handle(
        &self,
        parameters: RawPathParams,
        request: Request,
        request_id: String,
    ) -> Result<Response> {
        let operation = &*self.operation;
        let (parts, body) = request.into_parts();
        let known = http::text(&parts.headers, header::CONTENT_LENGTH.as_str());
        let known = known.and_then(|length| length.parse::<u64>().ok());
        let authorization = http::text(&parts.headers, header::AUTHORIZATION.as_str());
        let caller = match self.admit(authorization).await {
            Ok(caller) => caller,
            Err(refused) => {
                // A stranger's body is not read, but for one so small that the connection can be kept.
                if known.is_some_and(|length| length <= SMALL_BODY_BYTES) {
                    drain(body.into_data_stream()).await;
                }
                return Err(refused);
            }
        };
        let limit = self.app.limits.body_bytes;
        let body = read_body(body, known, limit).await?;
        let parameters = parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let incoming = Incoming { caller, parameters, parts, body, deadline: None, request_id };
        http::call(&self.app, operation, incoming).await.map(|response| response.map(Body::from))
    }

    async fn admit(&self, authorization: Option<String>) -> Result<Option<Caller>> {
        let caller = match self.operation.permission {
            Permission::Open => None,
            _ => admission::identify(&self.app, authorization.as_deref()).await?,
        };
        admission::admit(&self.operation, caller)
    }
}

async fn read_body(body: Body, known: Option<u64>, limit: u64) -> Result<Vec<u8>> {
    let too_large = || {
        Problem::new(Kind::TooLarge, format!("the body is larger than the limit of {limit} bytes"))
            .remedy("a larger file goes to the address that POST /v1/datasets {\"name\"} answers")
    };
    let mut stream = body.into_data_stream();
    if known.is_some_and(|length| length > limit) {
        drain(stream).await;
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(known.unwrap_or(0) as usize);
    let read = async {
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| Problem::new(Kind::Malformed, "the body broke off"))?;
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(())
    };
    tokio::time::timeout(BODY_TIMEOUT, read)
        .await
        .unwrap_or_else(|_| Err(Problem::new(Kind::Malformed, "the body took longer than a minute")))?;
    Ok(bytes)
}

/// Reads a refused body to its end, within bounds, so that a client that sends all before it listens
/// hears why.
async fn drain(mut stream: BodyDataStream) {
    let read = async {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(chunk)) = stream.next().await {
            left = left.saturating_sub(chunk.len() as u64);
            if left == 0 {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(BODY_TIMEOUT, read).await;
}
