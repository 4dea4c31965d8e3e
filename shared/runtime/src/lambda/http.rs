//! Requests that API Gateway passes on, in its payload formats 2.0 and 1.0.

use super::Function;
use crate::http::{self, Incoming, problem_answer};
use ::http::Response;
use fettle_backend::admission::{self, AuthorizedCaller};
use fettle_backend::limits::check_bytes;
use fettle_backend::permission::Permission;
use fettle_backend::ports::Caller;
use fettle_backend::problem::{Kind, Problem, Result};
use jiff::Timestamp;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Error, Request, RequestExt, service_fn};
use serde_json::Value;

pub(super) async fn run(function: Function) -> std::result::Result<(), Error> {
    let function = &function;
    lambda_http::run(service_fn(async |request: Request| {
        let context = request.lambda_context();
        let invocation = function.begin(&context);
        let request_id = function.app.ids.id("req");
        let answered = answer(function, request, function.deadline(&context), request_id.clone()).await;
        let form = function.operation.errors;
        let response = answered.unwrap_or_else(|problem| problem_answer(&problem, form, &request_id));
        invocation.end(response.status().is_server_error());
        Ok::<_, Error>(response.map(body))
    }))
    .await
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
