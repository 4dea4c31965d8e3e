//! A function package as the program that Lambda runs: the handler setting names the operation.

mod http;
mod metrics;
mod queue;

use crate::config::Config;
use crate::error::StartError;
use crate::start::{Base, app_of};
use crate::wiring::wire;
use fettle_backend::app::App;
use fettle_backend::operation::{Call, Entry, Operation};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use metrics::Invocation;
use serde_json::Value;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Work stops so long before Lambda would stop it, and queues the rest.
const MARGIN: SignedDuration = SignedDuration::from_secs(20);

/// Runs one of the package's operations until Lambda ends the process: a package's whole `main`.
pub fn main(operations: Vec<Operation>) -> ExitCode {
    // One core, mostly: a fit has a thread of its own, and everything else waits for answers.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(operations)),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function does not start");
            ExitCode::FAILURE
        }
    }
}

/// The operation of this function, and what it works with.
struct Function {
    app: Arc<App>,
    operation: Arc<Operation>,
    is_warm: AtomicBool,
}

async fn run(mut operations: Vec<Operation>) -> Result<(), Error> {
    let (handler, config) = environment()?;
    crate::telemetry::init(&config)?;
    let Some(at) = operations.iter().position(|operation| operation.name == handler) else {
        let names: Vec<&str> = operations.iter().map(|operation| operation.name).collect();
        let detail = format!("`{handler}` is not an operation of this package: {}", names.join(", "));
        return Err(StartError::Config { name: "_HANDLER".to_owned(), detail }.into());
    };
    let base = Base::new();
    let public_url = config.public_url.clone().unwrap_or_default();
    let (slots, _local) = wire(&config, &public_url, &base.clock, &base.boot).await?;
    let app = app_of(slots, base, &config);
    let function =
        Function { app, operation: Arc::new(operations.swap_remove(at)), is_warm: AtomicBool::new(false) };
    match function.operation.entry {
        Entry::Http { .. } => http::run(function).await,
        Entry::Queue(queue) => queue::run(function, queue).await,
        Entry::Clock | Entry::Operator | Entry::Authorizer => call_on_events(function).await,
    }
}

#[allow(clippy::disallowed_methods, reason = "the configuration of a Lambda function is read here, once")]
fn environment() -> Result<(String, Config), StartError> {
    let handler = std::env::var("_HANDLER").unwrap_or_default();
    Ok((handler, Config::from_vars(std::env::vars())?))
}

/// The whole event is one call.
async fn call_on_events(function: Function) -> Result<(), Error> {
    let function = &function;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let LambdaEvent { payload, context } = event;
        let invocation = function.begin(&context);
        let authorization = payload["headers"]["authorization"].as_str().map(str::to_owned);
        let call = Call {
            authorization: authorization.filter(|_| function.operation.entry == Entry::Authorizer),
            body: payload.to_string().into_bytes(),
            deadline: function.deadline(&context),
            request_id: context.request_id.clone(),
            ..Call::default()
        };
        let handled = (function.operation.handler)(&function.app, call).await;
        invocation.end(handled.is_err());
        match handled {
            Ok(reply) => Ok(serde_json::from_slice(&reply.body).unwrap_or(Value::Null)),
            // What an operator calls wrongly is told; the rest is for the log.
            Err(problem) if problem.status() < 500 => Ok(serde_json::to_value(problem.body())?),
            Err(problem) => {
                tracing::error!(error = &problem as &dyn std::error::Error, "an invocation has failed");
                Err(Error::from(problem.to_string()))
            }
        }
    }))
    .await
}

impl Function {
    fn begin(&self, context: &Context) -> Invocation {
        let is_cold = !self.is_warm.swap(true, Ordering::Relaxed);
        Invocation::begin(Arc::clone(&self.app), self.operation.name, context.request_id.clone(), is_cold)
    }

    /// When work is to stop by itself.
    fn deadline(&self, context: &Context) -> Option<Timestamp> {
        let ends = Timestamp::from_millisecond(i64::try_from(context.deadline).ok()?).ok()?;
        let margin = MARGIN.min(SignedDuration::from_secs(i64::from(self.operation.timeout_s) / 4));
        ends.checked_sub(margin).ok()
    }
}
