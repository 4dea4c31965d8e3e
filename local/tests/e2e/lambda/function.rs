//! One Lambda function: a Runtime API of its own, and the program that asks it for work.

use super::spy::Spy;
use super::{Described, program};
use crate::resources::Resources;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// What a function made of an event; in words why it made nothing.
pub(crate) type Answer = Result<Value, String>;

struct Event {
    payload: Value,
    answer: oneshot::Sender<Answer>,
}

/// A function of one operation, started at its first event.
pub(crate) struct Function {
    pub(crate) operation: Described,
    /// What it asks of AWS.
    pub(crate) spy: Spy,
    events: mpsc::UnboundedSender<Event>,
    instance: Mutex<Option<Child>>,
    command: Mutex<Command>,
}

struct RuntimeApi {
    timeout: Duration,
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>,
    asked: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
    number: std::sync::atomic::AtomicU64,
}

impl Function {
    pub(super) async fn new(operation: Described, resources: &Resources) -> Self {
        let (events, waiting) = mpsc::unbounded_channel();
        let api = Arc::new(RuntimeApi {
            timeout: Duration::from_secs(operation.timeout_s),
            waiting: waiting.into(),
            asked: Mutex::default(),
            number: 0.into(),
        });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .with_state(api);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });

        let spy = Spy::start().await;
        let mut command = resources.command(&program(&operation.package));
        command
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", operation.name.replace('.', "-"))
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("_HANDLER", &operation.name)
            .env("AWS_ENDPOINT_URL", spy.url())
            .env("FETTLE_S3_PUBLIC_URL", crate::resources::endpoint())
            .env("FETTLE_LOG_FORMAT", "json")
            .env("FETTLE_LOG", "warn")
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        Self { operation, spy, events, instance: Mutex::default(), command: Mutex::new(command) }
    }

    /// What the function makes of an event.
    pub(crate) async fn invoke(&self, payload: Value) -> Answer {
        {
            let mut instance = self.instance.lock().unwrap();
            let has_ended = instance.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some());
            if has_ended {
                *instance = Some(self.command.lock().unwrap().spawn().unwrap());
            }
        }
        let (answer, answered) = oneshot::channel();
        self.events.send(Event { payload, answer }).unwrap();
        match tokio::time::timeout(Duration::from_secs(self.operation.timeout_s), answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("the instance has ended".to_owned()),
            Err(_) => {
                self.kill();
                Err("timed out".to_owned())
            }
        }
    }

    /// Ends the instance as Lambda does at a time-out.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = self.instance.lock().unwrap().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.kill();
    }
}

#[allow(clippy::disallowed_methods, reason = "Lambda tells the time")]
async fn next(State(api): State<Arc<RuntimeApi>>) -> Response {
    let Some(event) = api.waiting.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let number = api.number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let id = format!("00000000-0000-4000-8000-{number:012}");
    api.asked.lock().unwrap().insert(id.clone(), event.answer);
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + api.timeout;
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:000000000000:function:x".to_owned(),
        ),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned()),
    ];
    (headers, event.payload.to_string()).into_response()
}

fn settle(api: &RuntimeApi, id: &str, answer: Answer) -> StatusCode {
    if let Some(asked) = api.asked.lock().unwrap().remove(id) {
        let _ = asked.send(answer);
    }
    StatusCode::ACCEPTED
}

async fn response(State(api): State<Arc<RuntimeApi>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    settle(&api, &id, serde_json::from_slice(&body).map_err(|error| error.to_string()))
}

async fn error(State(api): State<Arc<RuntimeApi>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    settle(&api, &id, Err(String::from_utf8_lossy(&body).into_owned()))
}
