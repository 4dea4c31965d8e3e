//! `fettle up`: the platform as a server on this machine.

use crate::connection::Running;
use crate::embedded;
use crate::failure::Result;
use crate::operations;
use crate::output::{self, BOLD, DIM, styled};
use clap::{Args, ValueEnum};
use fettle_runtime::{Part, Platform};
use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

/// How long trials may go on to the end of their fold after a signal.
const DRAIN: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The address to listen on, 0.0.0.0 for all [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// The port to listen on, 0 for any that is free [default: 8080]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Do a part of the platform's work only, where several processes share it
    #[arg(long, value_enum, default_value = "whole")]
    part: Share,
}

/// What this process is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Share {
    /// Everything
    Whole,
    /// Answer requests
    Gateway,
    /// Work on messages, and keep the clock
    Worker,
}

impl From<Share> for Part {
    fn from(share: Share) -> Self {
        match share {
            Share::Whole => Part::Whole,
            Share::Gateway => Part::Gateway,
            Share::Worker => Part::Worker,
        }
    }
}

impl Up {
    pub(crate) fn run(&self, data: &Path) -> Result<()> {
        let mut config = embedded::config(data)?;
        if let Some(host) = &self.host {
            config.host.clone_from(host);
        }
        if let Some(port) = self.port {
            config.port = port;
        }
        let runtime = embedded::runtime()?;
        runtime.block_on(async {
            let signal = embedded::signal()?;
            let platform = Platform::start(config, operations::all(), self.part.into()).await?;
            let is_reached = self.part != Share::Worker;
            if is_reached {
                Running { url: platform.url().to_owned(), pid: std::process::id() }.write(data)?;
            }
            tell(&platform, data)?;
            tokio::select! {
                () = signal => {}
                () = platform.stopped() => {}
            }
            output::note("stopping: trials under way go on to the end of their fold");
            if is_reached {
                Running::remove(data)?;
            }
            platform.stop(DRAIN).await;
            Ok(())
        })
    }
}

fn tell(platform: &Platform, data: &Path) -> Result<()> {
    output::line(&format!("Fettle {} at {}", env!("CARGO_PKG_VERSION"), styled(BOLD, platform.url())))?;
    let kept = data.join("admin.key");
    // Where nobody looks it would be kept in a log.
    if platform.first_start() && std::io::stdout().is_terminal() {
        output::line(&format!("admin key  {}", styled(BOLD, platform.admin_key().unwrap_or_default())))?;
        output::line(&styled(
            DIM,
            format!("kept in {}; this is the only time that it is shown", kept.display()),
        ))?;
    } else {
        output::line(&styled(DIM, format!("admin key in {}", kept.display())))?;
    }
    output::line(&styled(DIM, "Ctrl-C stops it"))
}
