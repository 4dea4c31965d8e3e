//! `fettle serve`: one model from one file, without a platform.

use crate::embedded;
use crate::failure::{Exit, Failure, Result};
use crate::output::{self, BOLD, DIM, styled};
use clap::Args;
use fettle_backend::protocols::alone::ModelAlone;
use fettle_runtime::{ModelServer, telemetry};
use std::fs;
use std::path::{Path, PathBuf};

/// Where `SageMaker` puts a model into a container.
const SAGEMAKER_MODEL: &str = "/opt/ml/model";

/// The ending of an artifact's name.
const ENDING: &str = "fettle";

#[derive(Debug, Args)]
#[command(after_help = "\
GET /ping and POST /invocations are SageMaker's container contract: CSV, {\"rows\": […]} or JSON as
MLflow has it. Under /v2 the model answers by the Open Inference Protocol, called as the file is.
Nobody is asked for a key: let others reach it only through what asks them.")]
pub(crate) struct Serve {
    /// The model's artifact, as `fettle models download` writes it, or a directory with one
    #[arg(default_value = SAGEMAKER_MODEL, hide_default_value = true)]
    #[arg(long_help = "The model's artifact, or a directory with one [default: /opt/ml/model, \
                       where SageMaker puts it]")]
    model: PathBuf,
    /// The address to listen on [default: 127.0.0.1, or 0.0.0.0 for a model in /opt/ml/model]
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// The port to listen on, 0 for any that is free [default: 8080]
    #[arg(long, value_name = "PORT", env = "SAGEMAKER_BIND_TO_PORT", hide_env_values = true)]
    port: Option<u16>,
}

impl Serve {
    pub(crate) fn run(&self, data: &Path) -> Result<()> {
        let config = embedded::config(data)?;
        telemetry::init(&config)?;
        let model = load(&artifact(&self.model)?, &config)?;
        let in_container = self.model.starts_with(SAGEMAKER_MODEL);
        let host = match &self.host {
            Some(host) => host,
            None if in_container => "0.0.0.0",
            None => &config.host,
        };
        let (port, body_bytes) = (self.port.unwrap_or(config.port), config.limits.body_bytes);
        let runtime = embedded::runtime()?;
        runtime.block_on(async {
            let signal = embedded::signal()?;
            let name = model.name().to_owned();
            let server = ModelServer::start(model, host, port, body_bytes).await?;
            let stops = styled(DIM, "Ctrl-C stops it");
            // A reader that has what it wanted and leaves does not end the server.
            let _ =
                output::line(&format!("{} at {}\n{stops}", styled(BOLD, name), styled(BOLD, server.url())));
            signal.await;
            server.stop().await;
            Ok(())
        })
    }
}

/// The file itself, or the one in a directory.
fn artifact(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let is_artifact = |path: &PathBuf| path.extension().is_some_and(|ending| ending == ENDING);
    let entries = fs::read_dir(path).map_err(|error| Failure::file(path, error))?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_artifact).collect();
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => Err(Failure::file(path, "there is no file that ends in .fettle")
            .remedy("name the artifact: `fettle models download` fetches one")),
        (Some(_), others) => {
            let all = others + 1;
            let detail = format!("{}: there are {all} files that end in .fettle", path.display());
            Err(Failure::new(Exit::Usage, detail).remedy("name one of them"))
        }
    }
}

fn load(path: &Path, config: &fettle_runtime::Config) -> Result<ModelAlone> {
    let bytes = fs::read(path).map_err(|error| Failure::file(path, error))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let model = ModelAlone::load(name, &bytes, config.limits.clone());
    model.map_err(|problem| Failure::from(problem).reworded(|text| format!("{}: {text}", path.display())))
}
