//! `fettle backup`: a workspace into one file.

use crate::embedded;
use crate::failure::{Exit, Failure, Result};
use crate::output::{self, DIM, styled};
use crate::progress::{self, Bar, Spinner};
use crate::tables;
use clap::Args;
use comfy_table::Cell;
use fettle_backend::backup::{Doing, Progress, Report, Saved, backup};
use fettle_backend::clock::{Clock, SystemClock};
use fettle_runtime::open_to_read;
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::NamedTempFile;

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to write, compressed if its name ends in .zst; one that is there is replaced
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// The workspace
    #[arg(long, value_name = "NAME", default_value = "default")]
    workspace: String,
}

impl Backup {
    pub(crate) fn run(&self, data: &Path, json: bool) -> Result<()> {
        let config = embedded::config(data)?;
        let folder = self.out.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let failed = |error: std::io::Error| Failure::file(&self.out, error);
        let compress = self.out.extension().is_some_and(|ending| ending == "zst");
        let (file, saved) = interruptible("nothing was written", async {
            let slots = open_to_read(&config).await?;
            // Beside its place, for its owner alone, and gone again unless it is whole.
            let file = NamedTempFile::new_in(folder).map_err(failed)?;
            let (database, storage) = (&*slots.database, &*slots.storage);
            let now = SystemClock.now();
            Ok(backup(database, storage, &self.workspace, file, compress, now, &reporting()).await?)
        })?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.out).map_err(|error| failed(error.error))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        if json { output::raw(&json!(saved).to_string()) } else { output::line(&self.tell(&saved)) }
    }

    fn tell(&self, saved: &Saved) -> String {
        let mut lines = tables::table(&["workspace", "records", "objects", "in objects", "file", "size"]);
        lines.add_row([
            Cell::new(&saved.manifest.workspace),
            tables::right(tables::count(saved.items)),
            tables::right(tables::count(saved.objects)),
            tables::right(tables::bytes(saved.object_bytes)),
            Cell::new(self.out.display()),
            tables::right(tables::bytes(saved.bytes)),
        ]);
        tables::whole(&mut lines, 4);
        format!("{}\n{}", tables::text(&lines), styled(DIM, format!("sha256 {}", saved.sha256)))
    }
}

/// Does work on the slots until it is done, or a signal comes.
pub(super) fn interruptible<T>(left: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = embedded::runtime()?;
    runtime.block_on(async {
        let signal = embedded::signal()?;
        tokio::select! {
            () = signal => Err(Failure::new(Exit::Interrupted, format!("interrupted: {left}"))),
            done = work => done,
        }
    })
}

/// Shows progress on a terminal.
pub(super) fn reporting() -> Report {
    enum Shown {
        Bar(Bar),
        Spinner(Spinner),
    }
    let shown: Mutex<Option<(Doing, Shown)>> = Mutex::default();
    Arc::new(move |Progress { doing, done, of }| {
        let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.as_ref().is_none_or(|(before, _)| *before != doing) {
            // The one before is gone before the next is drawn.
            drop(shown.take());
            let next = match of {
                Some(of) if doing.in_bytes() => Shown::Bar(progress::bytes(of, doing.words())),
                Some(_) => Shown::Bar(progress::steps()),
                None => Shown::Spinner(progress::spinner(doing.words())),
            };
            *shown = Some((doing, next));
        }
        match shown.as_ref() {
            Some((_, Shown::Bar(bar))) => bar.at(done, of.unwrap_or(done), doing.words().to_owned()),
            Some((_, Shown::Spinner(spinner))) => {
                spinner.now(format!("{}: {}", doing.words(), tables::count(done)));
            }
            None => {}
        }
    })
}
