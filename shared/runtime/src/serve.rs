//! A model served by itself over HTTP: SageMaker's container contract and the Open Inference Protocol, without
//! a platform or a key.

use crate::error::StartError;
use crate::gateway::body::read_body;
use crate::http::{answer, media_type, problem_answer, text};
use crate::start::Base;
use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::http::header;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use fettle_backend::error_form::ErrorForm;
use fettle_backend::ids::Ids;
use fettle_backend::operation::Reply;
use fettle_backend::problem::{Kind, Problem, Result};
use fettle_backend::protocols::alone::ModelAlone;
use fettle_backend::protocols::inference::{ModelReady, ServerLive, ServerMetadata, ServerReady};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Larger bodies are worked on by a thread of their own.
const LARGE_BODY_BYTES: usize = 32 * 1024;

/// After the signal to stop a body that is still coming is waited for so long.
const LAST_BODY: Duration = Duration::from_millis(500);

/// What has been read by then may be worked on so long: `SageMaker` kills after 30 seconds.
const LAST_WORK: Duration = Duration::from_secs(25);

/// A model that is served until it is stopped.
pub struct ModelServer {
    url: String,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Door {
    model: Arc<ModelAlone>,
    body_bytes: u64,
    ids: Arc<Ids>,
    stopping: watch::Receiver<bool>,
}

/// A request that was read.
struct Asked {
    content_type: Option<String>,
    accept: Option<String>,
    body: Vec<u8>,
}

type Work = fn(&ModelAlone, &Asked) -> Result<Reply>;

impl ModelServer {
    /// Serves a model at an address, taking bodies of up to so many bytes.
    pub async fn start(
        model: ModelAlone,
        host: &str,
        port: u16,
        body_bytes: u64,
    ) -> std::result::Result<Self, StartError> {
        let refused = |source| StartError::Listen { address: format!("{host}:{port}"), source };
        let listener = TcpListener::bind((host, port)).await.map_err(refused)?;
        let url = format!("http://{}", listener.local_addr().map_err(refused)?);
        let (stop, stopping) = watch::channel(false);
        let ids = Arc::new(Base::new().ids);
        let door = Door { model: Arc::new(model), body_bytes, ids, stopping: stopping.clone() };
        let task = tokio::spawn(serve(listener, router(door), stopping));
        Ok(Self { url, stop, task })
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops taking requests, and finishes those under way.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        if tokio::time::timeout(LAST_WORK, self.task).await.is_err() {
            tracing::warn!("some requests were not finished in time");
        }
    }
}

async fn serve(listener: TcpListener, router: Router, mut stopping: watch::Receiver<bool>) {
    let until = async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
        tracing::error!(%error, "the server has ended");
    }
}

fn router(door: Door) -> Router {
    let (mlflow, inference) = (ErrorForm::Mlflow, ErrorForm::Inference);
    let live: Work = |_, _| Reply::ok(&ServerLive { live: true });
    let ready: Work = |_, _| Reply::ok(&ServerReady { ready: true });
    let server: Work = |_, _| Reply::ok(&ServerMetadata::new(env!("CARGO_PKG_VERSION")));
    let version: Work =
        |_, _| Ok(Reply::text("text/plain; charset=utf-8", env!("CARGO_PKG_VERSION").to_owned()));
    let invocations: Work =
        |model, asked| model.invocations(asked.content_type.as_deref(), asked.accept.as_deref(), &asked.body);
    let model_ready: Work = |model, _| Reply::ok(&ModelReady { name: model.name().to_owned(), ready: true });
    Router::new()
        .route("/ping", reads(mlflow, ready))
        .route("/health", reads(mlflow, ready))
        .route("/version", reads(mlflow, version))
        .route("/invocations", asks(mlflow, invocations))
        .route("/v2", reads(inference, server))
        .route("/v2/health/live", reads(inference, live))
        .route("/v2/health/ready", reads(inference, ready))
        .route("/v2/models/{model}", reads(inference, |model, _| model.metadata()))
        .route("/v2/models/{model}/ready", reads(inference, model_ready))
        .route("/v2/models/{model}/infer", asks(inference, |model, asked| model.infer(&asked.body)))
        .fallback(missing)
        .method_not_allowed_fallback(wrong_method)
        .with_state(door)
}

fn reads(form: ErrorForm, work: Work) -> MethodRouter<Door> {
    get(move |State(door): State<Door>, path: RawPathParams, request: Request| async move {
        door.respond(form, work, path, request).await
    })
}

fn asks(form: ErrorForm, work: Work) -> MethodRouter<Door> {
    post(move |State(door): State<Door>, path: RawPathParams, request: Request| async move {
        door.respond(form, work, path, request).await
    })
}

async fn missing(State(door): State<Door>, request: Request) -> Response {
    let path: String = request.uri().path().chars().take(200).collect();
    let problem = Problem::new(Kind::NotFound, format!("there is nothing at {path}")).remedy(
        "GET /ping, POST /invocations, and GET /v2 and what is under it are; the file has no version to ask for",
    );
    refuse(&door, &request, &problem)
}

async fn wrong_method(State(door): State<Door>, request: Request) -> Response {
    let problem = Problem::new(Kind::MethodNotAllowed, format!("{} is not done here", request.method()));
    refuse(&door, &request, &problem)
}

fn refuse(door: &Door, request: &Request, problem: &Problem) -> Response {
    let path = request.uri().path();
    let is_inference = path == "/v2" || path.starts_with("/v2/");
    let form = if is_inference { ErrorForm::Inference } else { ErrorForm::Mlflow };
    problem_answer(problem, form, &door.ids.id("req")).map(Body::from)
}

impl Door {
    async fn respond(&self, form: ErrorForm, work: Work, path: RawPathParams, request: Request) -> Response {
        let request_id = self.ids.id("req");
        let model = path.iter().find(|(name, _)| *name == "model").map(|(_, model)| model);
        let handled = self.handle(work, model, request).await;
        let response = match handled {
            Ok(reply) => answer(reply, &request_id),
            Err(problem) => problem_answer(&problem, form, &request_id),
        };
        response.map(Body::from)
    }

    async fn handle(&self, work: Work, model: Option<&str>, request: Request) -> Result<Reply> {
        let (parts, body) = request.into_parts();
        let known = text(&parts.headers, header::CONTENT_LENGTH.as_str());
        let known = known.and_then(|length| length.parse::<u64>().ok());
        let mut stopping = self.stopping.clone();
        let stopped = async {
            let _ = stopping.wait_for(|stop| *stop).await;
            tokio::time::sleep(LAST_BODY).await;
        };
        let body = tokio::select! {
            body = read_body(body, known, self.body_bytes) => body.map_err(|problem| match problem.kind {
                Kind::TooLarge => problem.remedy("send fewer rows at a time"),
                _ => problem,
            })?,
            () = stopped => return Err(Problem::new(Kind::Unavailable, "the server is stopping")),
        };
        // Only now, since a connection whose body nobody has read can not be used again.
        if let Some(other) = model.filter(|model| *model != self.model.name()) {
            let name = self.model.name();
            return Err(
                Problem::not_found("model", other).remedy(format!("`{name}` is the one that is served"))
            );
        }
        let accept = text(&parts.headers, header::ACCEPT.as_str());
        let asked = Asked { content_type: media_type(&parts.headers), accept, body };
        let (model, is_large) = (Arc::clone(&self.model), asked.body.len() > LARGE_BODY_BYTES);
        let task = if is_large {
            tokio::task::spawn_blocking(move || work(&model, &asked))
        } else {
            // A task of its own, so that a panic is an answer.
            tokio::spawn(async move { work(&model, &asked) })
        };
        task.await.map_err(Problem::internal)?
    }
}
