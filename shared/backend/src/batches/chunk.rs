//! One chunk: claimed, read, predicted slice by slice, written as parts, ended.

use super::claim::{Claim, LEASE, Lost};
use super::input::{Rows, footer_again, other_file, range};
use super::plan::{Plan, Planned};
use super::record::{
    BatchRecord, BatchStatus, ChunkStatus, Part, Source, batch_key, object_prefix, plan_object,
};
use crate::app::App;
use crate::idempotency::hex;
use crate::models;
use crate::problem::{Problem, Result};
use crate::record::load;
use fettle_engine::artifact::Model;
use fettle_engine::batch;
use fettle_engine::table::scan::{Group, Records, Slice};
use fettle_engine::table::{Field, TableError};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often a claim is renewed while a slice is predicted.
const BEAT: Duration = Duration::from_secs(LEASE.as_secs().unsigned_abs() / 3);

/// Whether the batch is cancelled is looked at no oftener.
const LOOK: Duration = Duration::from_secs(2);

/// A part that has so many bytes is closed, and another begun.
const PART_BYTES: usize = 64 * 1024 * 1024;

/// Why a chunk stops before its end.
enum Stop {
    /// Somebody else works on it.
    Lost,
    /// This process is to stop, or its time is nearly up.
    Drain,
    /// Its time was up in the middle of a slice.
    Late,
    /// It ends so.
    End(ChunkStatus, Option<String>),
    /// The try has failed.
    Failed(String),
}

/// Predicts a chunk, if it is still to be done and nobody else is at it.
pub(super) async fn run(
    app: &App,
    workspace: &str,
    batch: &str,
    number: u32,
    deadline: Option<Timestamp>,
) -> Result<()> {
    let Some(mut claim) = Claim::take(app, workspace, batch, number).await? else { return Ok(()) };
    if let Some(reason) = claim.used_up() {
        return claim.end(app, ChunkStatus::Failed, Some(reason)).await;
    }
    let stop = match predict(app, &mut claim, deadline).await {
        Ok(stop) => stop,
        // What is wrong with the input is wrong at the next try too.
        Err(problem) if problem.status() < 500 => {
            Stop::End(ChunkStatus::Failed, Some(problem.detail().to_owned()))
        }
        Err(problem) => return Err(problem),
    };
    match stop {
        Stop::Lost => Ok(()),
        Stop::Drain => claim.give_back(app).await,
        Stop::Late => claim.lost(app).await,
        Stop::End(status, error) => claim.end(app, status, error).await,
        Stop::Failed(reason) => claim.failed(app, reason).await,
    }
}

async fn predict(app: &App, claim: &mut Claim, deadline: Option<Timestamp>) -> Result<Stop> {
    let model = Arc::new(models::load_artifact(app, &claim.workspace, &claim.batch.artifact).await?);
    let (reader, carried) = open(app, claim, &model).await?;
    let format = claim.batch.format;
    let mut work = Work::new(reader, model, carried, format, claim.chunk.read)?;
    let (mut looked, mut renewed, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
    loop {
        let began = Instant::now();
        let stepped = busy(app, claim, deadline, move || {
            let more = work.step();
            (work, more)
        });
        let more = match stepped.await? {
            Ok((back, more)) => {
                work = back;
                more
            }
            Err(stop) => return Ok(stop),
        };
        match more {
            Ok(true) => {}
            Ok(false) => {
                keep(app, claim, &mut work).await?;
                return Ok(Stop::End(ChunkStatus::Done, None));
            }
            Err(error) => return Ok(Stop::End(ChunkStatus::Failed, Some(error.to_string()))),
        }
        longest = longest.max(began.elapsed());
        let late = deadline.is_some_and(|deadline| app.now() + longest * 3 > deadline);
        if late || app.is_stopping() {
            keep(app, claim, &mut work).await?;
            return Ok(Stop::Drain);
        }
        let full = work.part.bytes() >= PART_BYTES || work.faults.len() >= PART_BYTES;
        if full {
            keep(app, claim, &mut work).await?;
        }
        if full || renewed.elapsed() >= BEAT {
            renewed = Instant::now();
            if claim.renew(app).await?.is_err() {
                return Ok(Stop::Lost);
            }
        }
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            let key = batch_key(&claim.workspace, &claim.batch.id);
            let batch = load::<BatchRecord>(&*app.slots.database, &key).await?;
            if batch.is_none_or(|batch| batch.value.status != BatchStatus::Running) {
                return Ok(Stop::End(ChunkStatus::Cancelled, None));
            }
        }
    }
}

/// The chunk's rows, and the columns that are carried along.
async fn open(app: &App, claim: &Claim, model: &Model) -> Result<(Reader, Vec<Field>)> {
    let storage = &*app.slots.storage;
    let (inputs, include) = (model.fields(), &claim.batch.include);
    let chunk = claim.chunk.number as usize - 1;
    let source = &claim.batch.source;
    // Inputs first, then what is only carried along.
    let with = |carried: &[Field]| {
        let mut columns = inputs.to_vec();
        columns.extend(carried.iter().filter(|field| !inputs.contains(field)).cloned());
        columns
    };
    match source {
        Source::Parquet { key, .. } => {
            let footer = footer_again(app, source).await?;
            let rows = Rows::Parquet { source: source.clone(), footer };
            let carried = rows.carried(inputs, include)?;
            let columns = with(&carried);
            let Rows::Parquet { footer, .. } = rows else { return Err(other_file()) };
            let mut pieces = Vec::new();
            for (start, length) in footer.ranges(chunk, &columns)? {
                pieces.push((start, range(storage, key, start, length).await?));
            }
            let group = Group::open(&footer, chunk, pieces, &columns, inputs.len())?;
            Ok((Reader::Group(group), carried))
        }
        Source::Separated { key, .. } => {
            let bytes = storage.get(&plan_object(&claim.workspace, &claim.batch.id)).await?;
            let Plan { header, pieces } = serde_json::from_slice(&bytes).map_err(Problem::internal)?;
            let Planned { piece, sha256 } =
                pieces.get(chunk).ok_or_else(|| Problem::internal("a chunk that is not in the plan"))?;
            let bytes = range(storage, key, piece.start, piece.end - piece.start).await?;
            if hex(&Sha256::digest(&bytes)) != *sha256 {
                return Err(other_file());
            }
            let rows = Rows::Separated { source: source.clone(), header: header.clone() };
            let carried = rows.carried(inputs, include)?;
            let records = Records::new(bytes, header, piece.first, with(&carried), inputs.len());
            Ok((Reader::Records(records), carried))
        }
    }
}

enum Reader {
    Group(Group),
    Records(Records),
}

impl Reader {
    fn next_slice(&mut self) -> std::result::Result<Option<Slice>, TableError> {
        match self {
            Reader::Group(group) => group.next_slice(),
            Reader::Records(records) => records.next_slice(),
        }
    }
}

/// What a thread works on.
struct Work {
    reader: Reader,
    model: Arc<Model>,
    carried: Vec<Field>,
    format: batch::Format,
    part: batch::Part,
    /// Lines of JSON.
    faults: Vec<u8>,
    faulty: u64,
    /// Rows read since the last part.
    read: u64,
    /// Rows that the parts of a worker before hold.
    skip: u64,
}

impl Work {
    fn new(
        reader: Reader,
        model: Arc<Model>,
        carried: Vec<Field>,
        format: batch::Format,
        skip: u64,
    ) -> Result<Self> {
        let part = batch::Part::new(format, &carried, &model)?;
        Ok(Self { reader, model, carried, format, part, faults: Vec::new(), faulty: 0, read: 0, skip })
    }

    /// Predicts the next slice; whether there was one. Slices are the same at every try, so that parts
    /// written before end where one does.
    fn step(&mut self) -> std::result::Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        let slice = loop {
            let Some(slice) = self.reader.next_slice()? else { return Ok(false) };
            if self.skip == 0 {
                break slice;
            }
            self.skip = self.skip.saturating_sub(slice.len() as u64);
        };
        if !slice.rows.is_empty() {
            let predictions = self.model.predict(&slice.table)?;
            self.part.write(&slice, &predictions)?;
        }
        for fault in &slice.faults {
            serde_json::to_writer(&mut self.faults, fault)?;
            self.faults.push(b'\n');
        }
        self.faulty += slice.faults.len() as u64;
        self.read += slice.len() as u64;
        Ok(true)
    }
}

/// Stores the rows since the last part, and notes it on the claim.
async fn keep(app: &App, claim: &mut Claim, work: &mut Work) -> Result<()> {
    let next = batch::Part::new(work.format, &work.carried, &work.model)?;
    let part = std::mem::replace(&mut work.part, next);
    let (rows, ending) = (part.rows(), work.format.ending());
    let mut stored = None;
    if rows > 0 {
        let bytes = tokio::task::spawn_blocking(move || part.finish()).await.map_err(Problem::internal)??;
        stored = Some(store(app, claim, "parts", ending, (rows, bytes)).await?);
    }
    let (faulty, faults) = (std::mem::take(&mut work.faulty), std::mem::take(&mut work.faults));
    let mut errors = None;
    if faulty > 0 {
        errors = Some(store(app, claim, "errors", "jsonl", (faulty, faults)).await?);
    }
    claim.done(std::mem::take(&mut work.read), stored, errors);
    Ok(())
}

async fn store(
    app: &App,
    claim: &Claim,
    folder: &str,
    ending: &str,
    (rows, bytes): (u64, Vec<u8>),
) -> Result<Part> {
    let sha256 = hex(&Sha256::digest(&bytes));
    let prefix = object_prefix(&claim.workspace, &claim.batch.id);
    let key = format!("{prefix}{folder}/{:08}-{}.{ending}", claim.chunk.number, &sha256[..16]);
    app.slots.storage.put(&key, &bytes).await?;
    Ok(Part { key, rows, bytes: bytes.len() as u64, sha256 })
}

/// Runs a step on a thread of its own and renews the claim meanwhile. A panic is a failed try.
async fn busy<T, F>(
    app: &App,
    claim: &mut Claim,
    deadline: Option<Timestamp>,
    work: F,
) -> Result<std::result::Result<T, Stop>>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let mut work = tokio::task::spawn_blocking(work);
    let left = deadline.map(|deadline| deadline.duration_since(app.now()).max(SignedDuration::ZERO));
    let late = async {
        match left {
            Some(left) => tokio::time::sleep(left.unsigned_abs()).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(late);
    loop {
        tokio::select! {
            done = &mut work => {
                return Ok(done.map_err(|error| Stop::Failed(format!("the prediction broke off: {error}"))));
            }
            // A step can not be stopped: its thread goes on to its end, for nobody.
            () = &mut late => return Ok(Err(Stop::Late)),
            () = tokio::time::sleep(BEAT) => match claim.renew(app).await {
                Ok(Ok(())) => {}
                Ok(Err(Lost)) => return Ok(Err(Stop::Lost)),
                Err(problem) => tracing::warn!(batch = claim.batch.id, %problem, "the lease was not renewed"),
            },
        }
    }
}
