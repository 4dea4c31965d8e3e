//! The HTTP gateway: what API Gateway and the authorizer do in AWS.

pub(crate) mod body;
mod files;

use crate::http::{self, Incoming, problem_answer};
use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::http::{Method, header};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use body::{drain, read_body};
use fettle_backend::admission;
use fettle_backend::app::App;
use fettle_backend::error_form::ErrorForm;
use fettle_backend::operation::{Entry, Operation};
use fettle_backend::permission::Permission;
use fettle_backend::ports::Caller;
use fettle_backend::problem::{Kind, Problem, Result};
use fettle_embedded::FileStorage;
use std::collections::HashMap;
use std::sync::Arc;

/// A body so small is read even of whoever is not let in.
const SMALL_BODY_BYTES: u64 = 64 * 1024;

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
    problem_answer(&problem, ErrorForm::Problem, &app.ids.id("req")).map(Body::from)
}

async fn wrong_method(State(app): State<Arc<App>>, request: Request) -> Response {
    let problem = Problem::new(Kind::MethodNotAllowed, format!("{} is not done here", request.method()))
        .remedy("GET /openapi.json lists what is");
    problem_answer(&problem, ErrorForm::Problem, &app.ids.id("req")).map(Body::from)
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
        Err(problem) => problem_answer(&problem, door.operation.errors, &request_id).map(Body::from),
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
        let body = read_body(body, known, limit).await.map_err(|problem| match problem.kind {
            Kind::TooLarge => problem.remedy(smaller(operation.permission)),
            _ => problem,
        })?;
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

/// What to do about a body that is too large.
fn smaller(permission: Permission) -> &'static str {
    match permission {
        Permission::Predict => "send fewer rows at a time, or all of them as a batch: POST /v1/batches",
        _ => "a larger file goes to the address that POST /v1/datasets {\"name\"} answers",
    }
}
