//! `fettle completions`: the script that completes commands in a shell.

use crate::cli::Cli;
use crate::failure::Result;
use crate::output;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

#[derive(Debug, Args)]
#[command(
    after_help = "For bash: fettle completions bash > ~/.local/share/bash-completion/completions/fettle"
)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "fettle", &mut script);
        output::raw(&String::from_utf8_lossy(&script))
    }
}
