//! The right to work on a chunk: taken, kept, given back and ended, each in one transaction.

use super::record::{BatchRecord, BatchStatus, ChunkRecord, ChunkStatus, Part, batch_key, chunk_key};
use super::{BatchMessage, change, close, message};
use crate::app::App;
use crate::due::{self, Due, DueKey};
use crate::ports::{ErrorKind, QueueName, Write};
use crate::problem::Result;
use crate::record::{Stored, create, load, update};
use crate::runs::Lease;
use jiff::{SignedDuration, Timestamp};

/// How long a lease holds. A worker renews it three times as often.
pub(super) const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// Tries that may end in an error before the chunk has failed.
const FAILURES: u32 = 3;

/// Tries whose worker may be lost, without a part written, before the chunk has failed. More than
/// [`FAILURES`], since a worker is also lost to a restart, which is no fault of the chunk's.
const LOSSES: u32 = 5;

/// A chunk that is ours to work on, for as long as the lease is renewed.
pub(super) struct Claim {
    pub(super) workspace: String,
    pub(super) batch: BatchRecord,
    pub(super) chunk: ChunkRecord,
    /// None before the record's first write.
    revision: Option<u64>,
}

/// The lease is no longer ours: whatever was done since must be thrown away.
#[derive(Debug)]
pub(super) struct Lost;

impl Claim {
    /// Takes the chunk; none when there is nothing to do: it has ended, its batch is over, or somebody else
    /// works on it.
    pub(super) async fn take(app: &App, workspace: &str, batch: &str, number: u32) -> Result<Option<Claim>> {
        let database = &*app.slots.database;
        let Some(batch) = load::<BatchRecord>(database, &batch_key(workspace, batch)).await? else {
            return Ok(None);
        };
        let batch = batch.value;
        if !(1..=batch.chunks).contains(&number) {
            return Ok(None);
        }
        let found = load::<ChunkRecord>(database, &chunk_key(workspace, &batch.id, number)).await?;
        let (chunk, revision) = match found {
            Some(Stored { value, revision }) => (value, Some(revision)),
            None => (ChunkRecord::new(number), None),
        };
        let over = batch.status != BatchStatus::Running;
        let mut claim = Claim { workspace: workspace.to_owned(), batch, chunk, revision };
        if claim.chunk.status.is_over() || (over && revision.is_none()) {
            return Ok(None);
        }
        let now = app.now();
        if let Some(lease) = &claim.chunk.lease {
            if lease.until > now && !app.slots.compute.is_gone(&lease.worker).await? {
                return Ok(None);
            }
            claim.chunk.losses += 1;
        }
        if over {
            // Cancelled while nobody worked on it.
            claim.end(app, ChunkStatus::Cancelled, None).await?;
            return Ok(None);
        }
        claim.chunk.status = ChunkStatus::Running;
        let worker = format!("{}/{}", app.boot, app.ids.uuid().simple());
        claim.chunk.lease = Some(Lease { worker, until: now + LEASE });
        Ok(claim.write(app, Some(now + LEASE)).await?.is_ok().then_some(claim))
    }

    /// Why the chunk is not to be tried once more, if it is not.
    pub(super) fn used_up(&self) -> Option<String> {
        (self.chunk.losses >= LOSSES).then(|| {
            format!(
                "its worker was lost {} times in a row, as it is when the memory does not suffice, or the time for a few thousand rows",
                self.chunk.losses
            )
        })
    }

    /// Keeps the chunk for another while.
    pub(super) async fn renew(&mut self, app: &App) -> Result<std::result::Result<(), Lost>> {
        let until = app.now() + LEASE;
        if let Some(lease) = &mut self.chunk.lease {
            lease.until = until;
        }
        self.write(app, Some(until)).await
    }

    /// Rows are done: the chunk moves, so the tries are counted anew.
    pub(super) fn done(&mut self, read: u64, part: Option<Part>, errors: Option<Part>) {
        self.chunk.read += read;
        self.chunk.predicted += part.as_ref().map_or(0, |part| part.rows);
        self.chunk.faulty += errors.as_ref().map_or(0, |errors| errors.rows);
        self.chunk.parts.extend(part);
        self.chunk.errors.extend(errors);
        (self.chunk.failures, self.chunk.losses) = (0, 0);
    }

    /// Gives the chunk back, for the next worker to go on after the last part.
    pub(super) async fn give_back(mut self, app: &App) -> Result<()> {
        self.release(app).await
    }

    /// Gives the chunk back as one whose worker is lost: it did not get to the end of a slice.
    pub(super) async fn lost(mut self, app: &App) -> Result<()> {
        self.chunk.losses += 1;
        self.release(app).await
    }

    /// A try has ended in an error: the chunk is tried again, or has failed.
    pub(super) async fn failed(mut self, app: &App, reason: String) -> Result<()> {
        self.chunk.failures += 1;
        if self.chunk.failures >= FAILURES {
            return self.end(app, ChunkStatus::Failed, Some(reason)).await;
        }
        let (batch, chunk) = (&self.batch.id, self.chunk.number);
        tracing::warn!(batch, chunk, reason, "a try has failed; the chunk is tried again");
        self.chunk.error = Some(reason);
        self.release(app).await
    }

    async fn release(&mut self, app: &App) -> Result<()> {
        self.chunk.status = ChunkStatus::Queued;
        self.chunk.lease = None;
        if self.write(app, Some(app.now() + due::GRACE)).await?.is_ok() {
            let message = message(&self.workspace, &self.batch.id, self.chunk.number)?;
            app.slots.queue.send(QueueName::Batch, &[message]).await?;
        }
        Ok(())
    }

    /// The chunk's own write, and those of its entry among what is due: at another time, or not any more.
    fn writes(&mut self, due_at: Option<Timestamp>) -> Result<Vec<Write>> {
        let (workspace, batch, number) = (&self.workspace, &self.batch.id, self.chunk.number);
        let mut writes = Vec::new();
        if let Some(at) = due_at {
            let message =
                BatchMessage::Chunk { workspace: workspace.clone(), batch: batch.clone(), chunk: number };
            let entry = Due::new(QueueName::Batch, &message)?;
            let work = format!("{batch}-{number}");
            let (key, renewed) = due::renew(self.chunk.due.as_ref(), at, workspace, &work, &entry)?;
            self.chunk.due = Some(key);
            writes.extend(renewed);
        } else {
            writes.extend(self.chunk.due.take().as_ref().map(DueKey::remove));
        }
        let key = chunk_key(workspace, batch, number);
        let own = match self.revision {
            Some(revision) => update(key, &self.chunk, revision)?,
            None => create(key, &self.chunk)?,
        };
        writes.insert(0, own);
        Ok(writes)
    }

    async fn write(&mut self, app: &App, due_at: Option<Timestamp>) -> Result<std::result::Result<(), Lost>> {
        let writes = self.writes(due_at)?;
        match app.slots.database.write(&writes).await {
            Ok(()) => {
                self.revision = Some(self.revision.unwrap_or(0) + 1);
                Ok(Ok(()))
            }
            Err(error) if error.kind() == (ErrorKind::Conflict { at: 0 }) => Ok(Err(Lost)),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the chunk, and takes it from what remains of the batch: one transaction, in which the chunk's
    /// revision proves that the lease is still ours.
    pub(super) async fn end(mut self, app: &App, status: ChunkStatus, error: Option<String>) -> Result<()> {
        self.chunk.status = status;
        self.chunk.lease = None;
        self.chunk.error = error;
        let (workspace, batch) = (self.workspace.clone(), self.batch.id.clone());
        let own = self.writes(None)?;
        let now = app.now();
        let mut last = false;
        let ended = change(app, &workspace, &batch, |record| {
            last = false;
            let mut writes = own.clone();
            if record.status == BatchStatus::Running {
                record.remaining -= 1;
                record.predicted += self.chunk.predicted;
                record.faulty += self.chunk.faulty;
                last = record.remaining == 0;
                if last {
                    writes.extend(close::finish_soon(&workspace, record, now)?);
                }
            }
            Ok(Some(writes))
        });
        match ended.await {
            Ok(_) => {}
            // After the batch's own write.
            Err(problem) if problem.conflict_at() == Some(1) => {
                tracing::warn!(
                    batch,
                    chunk = self.chunk.number,
                    "the lease was lost: somebody else works on it"
                );
                return Ok(());
            }
            Err(problem) => return Err(problem),
        }
        if last { close::finish(app, &workspace, &batch).await } else { Ok(()) }
    }
}
