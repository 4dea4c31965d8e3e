//! `fettle init`: the resources of a platform on AWS's services, where no Terraform makes them.

use crate::embedded;
use crate::failure::{Failure, Result};
use crate::output::{self, BOLD, styled};
use clap::Args;
use fettle_runtime::Init as Resources;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often it looks whether everything is there.
const LOOK: Duration = Duration::from_secs(2);

/// What has not looked for so long is not well.
const STALE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Make them and end; without it they are kept there, until a signal
    #[arg(long)]
    once: bool,
}

impl Init {
    pub(crate) fn run(&self, data: &Path) -> Result<()> {
        let config = embedded::config(data)?;
        fs::create_dir_all(data).map_err(|error| Failure::file(data, error))?;
        let runtime = embedded::runtime()?;
        runtime.block_on(async {
            let signal = embedded::signal()?;
            tokio::pin!(signal);
            let resources = Resources::run(config).await?;
            let key = resources.admin_key_file();
            output::line(&format!("ready; the admin key is in {}", styled(BOLD, key.display())))?;
            if self.once {
                return Ok(());
            }
            touch(data)?;
            loop {
                tokio::select! {
                    () = &mut signal => return Ok(()),
                    () = tokio::time::sleep(LOOK) => {}
                }
                match resources.renew().await {
                    Ok(gone) => {
                        if gone {
                            output::note("the resources were gone, and are there again");
                        }
                        touch(data)?;
                    }
                    // What is down now may be up soon; until then the mark grows old.
                    Err(error) => output::error("error", &error.to_string()),
                }
            }
        })
    }
}

/// Touched whenever everything was there.
fn mark(data: &Path) -> PathBuf {
    data.join("init.ready")
}

fn touch(data: &Path) -> Result<()> {
    fs::write(mark(data), "").map_err(|error| Failure::file(&mark(data), error))
}

/// Whether an `init` on this data directory has lately seen everything there.
pub(crate) fn is_well(data: &Path) -> bool {
    let modified = fs::metadata(mark(data)).and_then(|metadata| metadata.modified());
    #[allow(clippy::disallowed_methods, reason = "the file system's clock is compared with")]
    modified.is_ok_and(|at| SystemTime::now().duration_since(at).unwrap_or_default() < STALE)
}
