//! `fettle init`: the resources of a platform on AWS's services, where no Terraform makes them.

use crate::embedded;
use crate::failure::{Failure, Result};
use crate::output::{self, BOLD, styled};
use clap::Args;
use fettle_runtime::{Found, Init as Resources, LOOK};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

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
            let resources = Resources::open(config).await?;
            let mut is_ready = false;
            loop {
                match resources.look().await {
                    Ok(found) => {
                        touch(data)?;
                        if !is_ready {
                            let key = resources.admin_key_file();
                            let key = styled(BOLD, key.display());
                            output::line(&format!("ready; the admin key is in {key}"))?;
                        }
                        is_ready = true;
                        tell(found);
                    }
                    Err(error) if self.once => return Err(error.into()),
                    // What is down now may be up soon; until then the mark grows old.
                    Err(error) => output::error("error", &error.to_string()),
                }
                if self.once {
                    return Ok(());
                }
                tokio::select! {
                    () = &mut signal => return Ok(()),
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        })
    }
}

fn tell(found: Found) {
    match found {
        Found::Everything => {}
        Found::Nothing => output::note("the resources were made"),
        Found::Forgotten(items, objects) => {
            output::note(&format!("{items} items and {objects} objects that were forgotten are back"));
        }
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
