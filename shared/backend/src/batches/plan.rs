//! A file that was uploaded, read once: its checksum, and where its chunks begin.

use super::input::{Rows, look_at_upload, other_file, range};
use super::record::{BatchRecord, BatchStatus, Source, plan_object};
use super::{change, close, dispatch, due_of};
use crate::app::App;
use crate::due;
use crate::idempotency::hex;
use crate::limits::Limits;
use crate::ports::{ByteStream, Error, ErrorKind};
use crate::problem::{Kind, Problem, Result};
use crate::runs::send_telling;
use fettle_engine::table::scan::{Header, Piece, PieceLimits, Pieces};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::Read;
use tokio::io::AsyncReadExt;
use tokio::runtime::Handle;

/// A plan that takes longer is begun again by somebody else; the first to end wins.
const LATE: SignedDuration = SignedDuration::from_mins(3);

/// A file that takes down its reader so often is given up.
const TRIES: u32 = 5;

/// A piece ends with the row that goes over this, however few rows it has.
const PIECE_BYTES: u64 = 32 * 1024 * 1024;

/// The longest row, in bytes.
const RECORD_BYTES: u64 = 16 * 1024 * 1024;

/// Where the pieces of a file of separated values are.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) header: Header,
    pub(super) pieces: Vec<Planned>,
}

/// A piece of a file, with the checksum by which other bytes under the same key are known.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Planned {
    pub(super) piece: Piece,
    pub(super) sha256: String,
}

/// Refuses what is over a limit.
pub(super) fn check_size(app: &App, rows: u64, chunks: u64) -> Result<()> {
    for (what, number, limit) in
        [("rows", rows, app.limits.batch_rows), ("chunks", chunks, u64::from(app.limits.batch_chunks))]
    {
        if number > limit {
            return Err(Problem::new(
                Kind::TooLarge,
                format!("the input has {number} {what}; the limit is {limit}"),
            )
            .remedy("split the file, and start a batch for each"));
        }
    }
    Ok(())
}

/// Plans a batch and hands over its chunks; or ends it with what is wrong with the file.
pub(super) async fn plan(app: &App, workspace: &str, batch: &str) -> Result<()> {
    let begun = change(app, workspace, batch, |record| {
        if record.status != BatchStatus::Queued {
            return Ok(None);
        }
        record.tries += 1;
        let entry = due_of(workspace, batch)?;
        let (key, writes) = due::renew(record.due.as_ref(), app.now() + LATE, workspace, batch, &entry)?;
        record.due = Some(key);
        Ok(Some(writes))
    });
    let Some(record) = begun.await?.filter(|record| record.status == BatchStatus::Queued) else {
        return Ok(());
    };
    let read = if record.tries > TRIES {
        Err(Problem::new(Kind::Internal, format!("the file could not be read in {TRIES} tries"))
            .remedy("make it smaller, or make it a data set"))
    } else {
        read(app, workspace, &record).await
    };
    match read {
        Ok(read) => begin(app, workspace, batch, &read).await,
        Err(problem) if problem.status() < 500 || record.tries > TRIES => {
            give_up(app, workspace, batch, &problem).await
        }
        Err(problem) => Err(problem),
    }
}

/// What reading the file gives.
struct Counted {
    sha256: String,
    rows: u64,
    chunks: u64,
}

async fn read(app: &App, workspace: &str, record: &BatchRecord) -> Result<Counted> {
    let (Source::Parquet { key, .. } | Source::Separated { key, .. }) = &record.source;
    let rows = look_at_upload(app, key).await?;
    if rows.source() != record.source {
        return Err(other_file());
    }
    let stream = app.slots.storage.get_stream(key, 0).await?;
    let limits = app.limits.clone();
    let file = Hashed { file: Waiting { stream, runtime: Handle::current() }, whole: Sha256::new() };
    match rows {
        Rows::Parquet { footer, .. } => {
            let sha256 = tokio::task::spawn_blocking(move || file.rest()).await;
            let sha256 = sha256.map_err(Problem::internal)??;
            Ok(Counted { sha256, rows: footer.rows(), chunks: footer.groups() as u64 })
        }
        Rows::Separated { header, .. } => {
            let cut = tokio::task::spawn_blocking(move || cut(file, header, &limits)).await;
            let (sha256, mut plan) = cut.map_err(Problem::internal)??;
            let rows = plan.pieces.iter().map(|planned| planned.piece.rows).sum();
            let chunks = plan.pieces.len() as u64;
            check_size(app, rows, chunks)?;
            for planned in &mut plan.pieces {
                let Piece { start, end, .. } = planned.piece;
                let bytes = range(&*app.slots.storage, key, start, end - start).await?;
                planned.sha256 = hex(&Sha256::digest(&bytes));
            }
            let bytes = serde_json::to_vec(&plan).map_err(Problem::internal)?;
            app.slots.storage.put(&plan_object(workspace, &record.id), &bytes).await?;
            Ok(Counted { sha256, rows, chunks })
        }
    }
}

/// Cuts the file, which takes one pass.
fn cut<R: Read>(file: Hashed<R>, header: Header, most: &Limits) -> Result<(String, Plan)> {
    let rows = most.batch_piece_rows;
    let limits = PieceLimits { rows, bytes: PIECE_BYTES, record_bytes: RECORD_BYTES };
    let mut cutting = Pieces::new(file, &header, limits);
    let mut pieces: Vec<Planned> = Vec::new();
    while let Some(piece) = cutting.next_piece()? {
        let rows = piece.first + piece.rows - 1;
        pieces.push(Planned { piece, sha256: String::new() });
        // What is over a limit is refused at once: the rest may be long.
        if rows > most.batch_rows || pieces.len() as u64 > u64::from(most.batch_chunks) {
            return Ok((String::new(), Plan { header, pieces }));
        }
    }
    if pieces.is_empty() {
        return Err(Problem::new(Kind::Malformed, "the file has a header and no row under it")
            .remedy("send a file with at least one row"));
    }
    Ok((cutting.into_inner().rest()?, Plan { header, pieces }))
}

/// A stream, for a thread that may wait for it.
struct Waiting {
    stream: ByteStream,
    runtime: Handle,
}

impl Read for Waiting {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.runtime.block_on(self.stream.read(buffer))
    }
}

/// A file whose checksum is taken while it is read.
struct Hashed<R> {
    file: R,
    whole: Sha256,
}

impl<R: Read> Hashed<R> {
    /// Reads what is left, and gives the checksum of all.
    fn rest(mut self) -> Result<String> {
        let mut buffer = vec![0; 64 * 1024];
        let failed = |error| Error::new(ErrorKind::Unavailable, "reading the input's file").caused_by(error);
        while self.read(&mut buffer).map_err(failed)? > 0 {}
        Ok(hex(&self.whole.finalize()))
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.whole.update(&buffer[..read]);
        Ok(read)
    }
}

/// Writes what is known now, and hands the chunks over.
async fn begin(app: &App, workspace: &str, batch: &str, read: &Counted) -> Result<()> {
    let mut ours = false;
    let record = change(app, workspace, batch, |record| {
        ours = false;
        if record.status != BatchStatus::Queued {
            return Ok(None);
        }
        record.status = BatchStatus::Running;
        record.chunks = read.chunks as u32;
        record.remaining = record.chunks;
        record.input.rows = Some(read.rows);
        record.input.sha256 = Some(read.sha256.clone());
        let entry = due_of(workspace, batch)?;
        let (key, writes) =
            due::renew(record.due.as_ref(), app.now() + due::GRACE, workspace, batch, &entry)?;
        record.due = Some(key);
        ours = true;
        Ok(Some(writes))
    });
    match record.await? {
        Some(record) if ours => dispatch(app, workspace, &record).await,
        _ => Ok(()),
    }
}

/// Ends a batch that can not be begun.
async fn give_up(app: &App, workspace: &str, batch: &str, problem: &Problem) -> Result<()> {
    let mut tell = None;
    change(app, workspace, batch, |record| {
        tell = None;
        if record.status != BatchStatus::Queued {
            return Ok(None);
        }
        record.status = BatchStatus::Failed;
        record.error = Some(problem.body());
        let summary = problem.detail().to_owned();
        let (message, writes) = close::close(workspace, record, app.now(), "batch.failed", summary)?;
        tell = Some(message);
        Ok(Some(writes))
    })
    .await?;
    if let Some(tell) = tell {
        send_telling(app, &tell).await;
    }
    Ok(())
}
