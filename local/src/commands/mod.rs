//! One module a command.

pub(crate) mod backup;
pub(crate) mod batches;
pub(crate) mod completions;
pub(crate) mod datasets;
pub(crate) mod demo;
pub(crate) mod deploy;
pub(crate) mod estimators;
pub(crate) mod health;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod models;
pub(crate) mod predict;
pub(crate) mod push;
pub(crate) mod queues;
pub(crate) mod restore;
pub(crate) mod runs;
pub(crate) mod secrets;
pub(crate) mod serve;
pub(crate) mod traffic;
pub(crate) mod train;
pub(crate) mod up;
pub(crate) mod watch;

use crate::cli::{Cli, Command};
use crate::client::{Client, Reply};
use crate::failure::Result;
use crate::operations;
use crate::output;

/// A client, and how its answers are to be shown.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) json: bool,
}

impl Session {
    /// Prints the answer as JSON, if that is wanted, or what is made of it.
    pub(crate) fn show(&self, reply: &Reply, tell: impl FnOnce() -> Result<String>) -> Result<()> {
        if self.json { output::raw(&reply.0) } else { output::line(&tell()?) }
    }
}

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Result<()> {
    let Cli { connection, json, command } = cli;
    let session = || -> Result<Session> { Ok(Session { client: connection.client()?, json }) };
    match command {
        Command::Up(up) => up.run(&connection.data),
        Command::Serve(serve) => serve.run(&connection.data),
        Command::Init(init) => init.run(&connection.data),
        Command::Health(health) => health.run(&connection),
        Command::Demo(demo) => demo.run(&connection),
        Command::Completions(completions) => completions.run(),
        Command::Operations { openapi: false } => output::raw(&format!("{:#}", operations::registry())),
        Command::Operations { openapi: true } => output::raw(&format!("{:#}", operations::description())),
        Command::Openapi => output::raw(&connection.client()?.openapi()?.0),
        Command::Datasets(datasets) => datasets.run(&session()?),
        Command::Train(train) => train.run(&session()?),
        Command::Runs(runs) => runs.run(&session()?),
        Command::Models(models) => models.run(&session()?),
        Command::Deploy(deploy) => deploy.run(&session()?),
        Command::Deployments(deployments) => deployments.run(&session()?),
        Command::Predict(predict) => predict.run(&session()?),
        Command::Batches(batches) => batches.run(&session()?),
        Command::Keys(keys) => keys.run(&session()?),
        Command::Secrets(secrets) => secrets.run(&session()?),
        Command::Queues(queues) => queues.run(&session()?),
        Command::Estimators(estimators) => estimators.run(&session()?),
        Command::Backup(backup) => backup.run(&connection.data, json),
        Command::Restore(restore) => restore.run(&connection.data, json),
    }
}
