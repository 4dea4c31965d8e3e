//! `fettle health`: for health checks, which want no more than an exit code.

use super::init;
use crate::client::route;
use crate::connection::Connection;
use crate::failure::{Exit, Failure, Result};
use crate::output;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Of the `fettle init` on the data directory
    #[arg(long)]
    init: bool,
}

impl Health {
    pub(crate) fn run(&self, connection: &Connection) -> Result<()> {
        if self.init {
            let ill =
                || Failure::new(Exit::Unreachable, "`fettle init` has not seen everything there lately");
            return if init::is_well(&connection.data) { output::line("ok") } else { Err(ill()) };
        }
        output::raw(&connection.client()?.get(route(&["health"]))?.0)
    }
}
