//! The `fettle` program: the whole platform in one process, and the command line of its API.

mod api;
mod cli;
mod client;
mod commands;
mod connection;
mod embedded;
mod failure;
mod operations;
mod output;
mod progress;
mod tables;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    // A usage error ends the program here, with 2.
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            ExitCode::from(failure.exit_code())
        }
    }
}
