//! The platform inside this process, for `fettle up` and `fettle demo`, and its slots for what works on
//! them directly.

use crate::failure::{Exit, Failure, Result};
use fettle_runtime::{Config, StartError};
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal as on};

/// The configuration of the environment, on a data directory.
pub(crate) fn config(data: &Path) -> Result<Config> {
    let mut config = environment()?;
    data.clone_into(&mut config.data);
    Ok(config)
}

/// The data directory where the command line names none.
pub(crate) fn default_data() -> Result<PathBuf> {
    Ok(environment()?.data)
}

fn environment() -> Result<Config> {
    Ok(Config::from_vars(std::env::vars())?)
}

/// The threads that the platform runs on.
pub(crate) fn runtime() -> Result<Runtime> {
    Runtime::new().map_err(|error| Failure::failed(format!("no threads can be started: {error}")))
}

/// Listens, from now on, for Ctrl-C and SIGTERM; gives what waits for the first. After it, a second
/// Ctrl-C ends the program at once.
pub(crate) fn signal() -> Result<impl Future<Output = ()>> {
    let deaf = |error| Failure::failed(format!("signals can not be listened for: {error}"));
    let mut interrupt = on(SignalKind::interrupt()).map_err(deaf)?;
    let mut terminate = on(SignalKind::terminate()).map_err(deaf)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tokio::spawn(async move {
            if interrupt.recv().await.is_some() {
                std::process::exit(Exit::Interrupted as i32);
            }
        });
    })
}

/// Why the platform did not start.
impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let exit = match error {
            StartError::Config { .. } => Exit::Usage,
            StartError::Port { .. } | StartError::Problem(_) | StartError::Listen { .. } => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}

/// Why a use case was not done, when no server is in between.
impl From<fettle_backend::problem::Problem> for Failure {
    fn from(problem: fettle_backend::problem::Problem) -> Self {
        let body = problem.body();
        // The log that has the rest of the story is this program's own output.
        let cause = std::error::Error::source(&problem).map(|cause| {
            let below = cause.source().map_or_else(String::new, |below| format!(": {below}"));
            format!(" ({cause}{below})")
        });
        let failure = Self::failed(body.detail + &cause.unwrap_or_default());
        match body.remedy {
            Some(remedy) => failure.remedy(remedy),
            None => failure,
        }
    }
}
