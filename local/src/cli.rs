//! The command line, as clap reads it. The comments are the help texts.

use crate::commands::{
    backup, batches, completions, datasets, demo, deploy, estimators, health, init, keys, models, predict,
    queues, restore, runs, secrets, serve, train, up,
};
use crate::connection::Connection;
use crate::failure::EXIT_CODES;
use clap::{Parser, Subcommand};

/// Fettle trains, ranks, registers and serves models on your tables.
#[derive(Debug, Parser)]
#[command(name = "fettle", version, after_help = EXIT_CODES, max_term_width = 100)]
#[command(disable_help_subcommand = true, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Print the API's JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole way from a table to a served model, on real data
    Demo(demo::Demo),
    /// Run the platform as a server on this machine
    Up(up::Up),
    /// Serve one model from its file, without a platform
    Serve(serve::Serve),
    /// Make the resources of a platform on AWS's services, and its first admin key
    Init(init::Init),
    /// Say whether a platform, or what keeps its resources, is well
    Health(health::Health),
    /// Upload tables and look at them
    #[command(subcommand, visible_alias = "dataset")]
    Datasets(datasets::Datasets),
    /// Train and rank models on a data set
    Train(Box<train::Train>),
    /// Look at runs of training
    #[command(subcommand, visible_alias = "run")]
    Runs(runs::Runs),
    /// Register models and look at them
    #[command(subcommand, visible_alias = "model")]
    Models(models::Models),
    /// Serve a registered model
    Deploy(deploy::Deploy),
    /// Look at what is served
    #[command(subcommand, visible_alias = "deployment")]
    Deployments(deploy::Deployments),
    /// Ask a deployment for predictions on a file
    Predict(Box<predict::Predict>),
    /// Look at predictions of whole data sets
    #[command(subcommand, visible_alias = "batch")]
    Batches(batches::Batches),
    /// Make and revoke the keys that the API takes
    #[command(subcommand, visible_alias = "key")]
    Keys(keys::Keys),
    /// Keep values that are written and never shown again
    #[command(subcommand, visible_alias = "secret")]
    Secrets(secrets::Secrets),
    /// Look after the queues, and what was given up on them
    #[command(subcommand, visible_alias = "queue")]
    Queues(queues::Queues),
    /// List what can be trained, or show one's parameters
    Estimators(estimators::Estimators),
    /// Write a workspace to a file
    Backup(backup::Backup),
    /// Bring a workspace back from a file, here or elsewhere
    Restore(restore::Restore),
    /// Print the API's description
    Openapi,
    /// Print the registry of operations, from which Terraform makes the platform
    #[command(hide = true)]
    Operations {
        /// As the API's description, which docs/openapi.json holds
        #[arg(long)]
        openapi: bool,
    },
    /// Print the script that completes commands in a shell
    Completions(completions::Completions),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_takes_an_option_of_all_commands_away() {
        fn check(command: &clap::Command) {
            for option in ["url", "key", "data", "json"] {
                let found = command.get_arguments().filter(|argument| argument.get_id() == option);
                let same = found.filter(|argument| argument.is_global_set()).count();
                assert_eq!(same, 1, "--{option} of `{}`", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        let mut command = Cli::command().disable_help_flag(true);
        command.build();
        check(&command);
    }
}
