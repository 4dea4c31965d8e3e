//! `fettle restore`: a workspace out of one file.

use super::backup::{interruptible, reporting};
use crate::connection::admin_key;
use crate::embedded;
use crate::failure::{Failure, Result};
use crate::output::{self, BAD, styled};
use crate::tables;
use clap::Args;
use comfy_table::Cell;
use fettle_backend::app::Slots;
use fettle_backend::backup::{Restored, restore};
use fettle_backend::clock::{Clock, SystemClock};
use fettle_backend::problem::Kind;
use fettle_runtime::open_slots;
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// A file that `fettle backup` has written
    file: PathBuf,
    /// Replace what is there, all of it but the keys that the API takes
    #[arg(long)]
    replace: bool,
}

impl Restore {
    pub(crate) fn run(&self, data: &Path, json: bool) -> Result<()> {
        let config = embedded::config(data)?;
        let file = File::open(&self.file).map_err(|error| Failure::file(&self.file, error))?;
        let (restored, lets_in) = interruptible("the same command begins anew and finishes", async {
            let open = open_slots(&config).await?;
            let restored = restore(&open.slots, file, self.replace, &reporting()).await;
            let restored = restored.map_err(|problem| {
                let full = problem.kind == Kind::WrongState;
                let failure = Failure::from(problem);
                if full {
                    failure.remedy("name an empty data directory, or --replace what is there")
                } else {
                    failure
                }
            })?;
            Ok((restored, lets_in(&open.slots, data).await?))
        })?;
        if json {
            output::raw(&json!(restored).to_string())?;
        } else {
            output::line(&tell(&restored))?;
        }
        if restored.unreadable > 0 {
            output::note(&format!(
                "{} {} of {} secrets can not be opened with the keys here: add those of the old place, which a \
                 data directory has in keys/fernet.key",
                styled(BAD, "warning:"),
                restored.unreadable,
                restored.sealed
            ));
        }
        if !lets_in {
            output::note(&format!(
                "the keys of the old place hold here: copy its admin.key to {}, or give a key with FETTLE_KEY",
                data.display()
            ));
        }
        Ok(())
    }
}

/// Whether the key that the command line finds in the data directory is one.
async fn lets_in(slots: &Slots, data: &Path) -> Result<bool> {
    let Some(key) = admin_key(data)? else { return Ok(false) };
    let caller = slots.auth.authenticate(&key, SystemClock.now()).await;
    Ok(caller.map_err(fettle_backend::problem::Problem::from)?.is_some())
}

fn tell(restored: &Restored) -> String {
    let mut lines = tables::table(&["workspace", "records", "objects", "in objects", "backup of"]);
    lines.add_row([
        Cell::new(&restored.manifest.workspace),
        tables::right(tables::count(restored.items)),
        tables::right(tables::count(restored.objects)),
        tables::right(tables::bytes(restored.object_bytes)),
        Cell::new(tables::when(&restored.manifest.created_at.to_string())),
    ]);
    tables::text(&lines)
}
