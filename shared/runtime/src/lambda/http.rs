//! Requests that API Gateway passes on, in its payload formats 2.0 and 1.0.

use super::Function;
use crate::http::{self, Incoming, problem_answer};
use ::http::Response;
use fettle_backend::admission::{self, AuthorizedCaller};
use fettle_backend::app::App;
use fettle_backend::limits::check_bytes;
use fettle_backend::permission::Permission;
use fettle_backend::ports::Caller;
use fettle_backend::problem::{Kind, Problem, Result};
use jiff::Timestamp;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Error, Request, RequestExt, service_fn};
use lambda_runtime::tower::util::MapFutureLayer;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Requests that come faster than this are recorded together.
const BUSY: Duration = Duration::from_millis(100);

pub(super) async fn run(function: Function) -> std::result::Result<(), Error> {
    let function = Arc::new(function);
    let after = Arc::clone(&function);
    let sent = Arc::new(Mutex::new(None));
    let handler = service_fn(move |request: Request| {
        let function = Arc::clone(&function);
        async move {
            let context = request.lambda_context();
            let invocation = function.begin(&context);
            let request_id = function.app.ids.id("req");
            let answered = answer(&function, request, function.deadline(&context), request_id.clone()).await;
            let response = answered
                .unwrap_or_else(|problem| problem_answer(&problem, function.operation.errors, &request_id));
            invocation.end(response.status().is_server_error());
            Ok::<_, Error>(response.map(body))
        }
    });
    // Outside of what sends the answer: the caller has it by then, and the process is not frozen yet.
    let afterwards = MapFutureLayer::new(move |answered| {
        let (function, sent) = (Arc::clone(&after), Arc::clone(&sent));
        async move {
            let answered = answered.await;
            send_noted(&function.app, &sent).await;
            answered
        }
    });
    lambda_http::runtime(handler).layer(afterwards).run().await
}

/// Sends off what was served: at once when requests are rare, since nobody knows whether there is another
/// one, and once in [`BUSY`] when they are not.
async fn send_noted(app: &App, sent: &Mutex<Option<Instant>>) {
    {
        let mut last = sent.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < BUSY) {
            return;
        }
        *last = Some(Instant::now());
    }
    if let Err(problem) = app.books.flush(app).await {
        tracing::warn!(error = &problem as &dyn std::error::Error, "what was served is recorded later");
    }
}

async fn answer(
    function: &Function,
    request: Request,
    deadline: Option<Timestamp>,
    request_id: String,
) -> Result<Response<Vec<u8>>> {
    let operation = &*function.operation;
    let caller = match operation.permission {
        Permission::Open => None,
        _ => caller(&request)?,
    };
    let caller = admission::admit(operation, caller)?;
    let parameters = request.path_parameters();
    let parameters = parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let (parts, body) = request.into_parts();
    check_bytes("the body", body.len() as u64, function.app.limits.body_bytes)?;
    let incoming = Incoming { caller, parameters, parts, body: body.to_vec(), deadline, request_id };
    http::call(&function.app, operation, incoming).await
}

/// Whom the authorizer let in: API Gateway alone can say so, in the event's own context.
fn caller(request: &Request) -> Result<Option<Caller>> {
    let context = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.authorizer.as_ref().map(|authorizer| &authorizer.fields)
        }
        Some(RequestContext::ApiGatewayV1(context)) => Some(&context.authorizer.fields),
        _ => None,
    };
    let Some(fields) = context.filter(|fields| !fields.is_empty()) else { return Ok(None) };
    let fields = fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let caller: AuthorizedCaller = serde_json::from_value(Value::Object(fields))
        .map_err(|_| Problem::new(Kind::Unauthenticated, "the authorizer did not say who is calling"))?;
    Ok(Some(caller.into()))
}

/// Text where it is text, since API Gateway takes anything else in base64.
fn body(bytes: Vec<u8>) -> Body {
    match String::from_utf8(bytes) {
        Ok(text) if text.is_empty() => Body::Empty,
        Ok(text) => Body::Text(text),
        Err(error) => Body::Binary(error.into_bytes()),
    }
}
