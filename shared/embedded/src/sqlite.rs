//! SQLite as the database and the queue use it: one thread writes, and puts what waits into one
//! commit; a few connections read beside it.

use fettle_backend::ports::{Error, ErrorKind, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// Reads that may go on at once.
const READERS: usize = 4;
/// Writes that share one commit.
const GROUP: usize = 64;
/// Waiting for another program that looks into the file.
const BUSY: Duration = Duration::from_secs(5);

/// What a file of this kind holds.
pub(crate) struct Schema {
    /// Tells the file from other programs' and from our other kinds (`PRAGMA application_id`).
    pub(crate) application_id: i32,
    /// The newest version that this program knows (`PRAGMA user_version`).
    pub(crate) version: i32,
    /// Makes an empty file one of this version: statements, each with its semicolon.
    pub(crate) create: &'static [&'static str],
}

/// Runs on the writer's thread inside the transaction; what it returns is called after the commit.
type Job = Box<dyn FnOnce(&Connection) -> Answer + Send>;
type Answer = Box<dyn FnOnce()>;

/// An open file.
pub(crate) struct Sqlite {
    path: PathBuf,
    jobs: Option<Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    idle: Arc<Mutex<Vec<Connection>>>,
    readers: Arc<Semaphore>,
}

impl Sqlite {
    /// Opens the file, or makes it, readable by its owner alone.
    pub(crate) fn open(path: &Path, schema: &Schema) -> Result<Self> {
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| unavailable(format!("opening {}", path.display())).caused_by(error))?;
        let connection = connect(path).and_then(|connection| {
            connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
            Ok(connection)
        });
        let connection = connection.map_err(|error| opening(path, error))?;
        prepare(&connection, path, schema)?;

        let (jobs, waiting) = channel();
        let writer = std::thread::Builder::new()
            .name("fettle-sqlite".into())
            .spawn(move || write_until_closed(&connection, &waiting))
            .map_err(|error| unavailable("starting the thread that writes").caused_by(error))?;
        Ok(Self {
            path: path.to_path_buf(),
            jobs: Some(jobs),
            writer: Some(writer),
            idle: Arc::default(),
            readers: Arc::new(Semaphore::new(READERS)),
        })
    }

    /// Opens a file that is there, beside whoever writes to it. Every write is refused.
    pub(crate) fn open_to_read(path: &Path, schema: &Schema) -> Result<Self> {
        let connection = connect_reader(path).map_err(|error| opening(path, error))?;
        check(&connection, path, schema)?;
        Ok(Self {
            path: path.to_path_buf(),
            jobs: None,
            writer: None,
            idle: Arc::new(Mutex::new(vec![connection])),
            readers: Arc::new(Semaphore::new(READERS)),
        })
    }

    /// Runs `work` in a transaction and answers after its commit is on the disk. When it fails,
    /// nothing of it is written. Goes on to its end even if the caller stops waiting.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = in_savepoint(connection, work);
            Box::new(move || drop(answer.send(result)))
        });
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        // A job that is dropped unanswered was not committed, or it can not be told: see the log.
        match answered.await {
            Ok(result) if sent => result,
            _ => Err(unavailable(format!("writing to {}", self.path.display()))),
        }
    }

    /// Runs `work` on a connection that only reads, off the async threads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let closed = |_| unavailable("reading from a closed database");
        let permit = Arc::clone(&self.readers).acquire_owned().await.map_err(closed)?;
        let idle = Arc::clone(&self.idle);
        let path = self.path.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let pooled = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match pooled {
                Some(connection) => connection,
                None => connect_reader(&path).map_err(|error| opening(&path, error))?,
            };
            let result = work(&connection);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            result
        });
        done.await.map_err(|error| unavailable("reading").caused_by(error))?
    }
}

impl Drop for Sqlite {
    /// Lets what was handed in be written, and closes the file.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            drop(writer.join());
        }
    }
}

/// Takes jobs until nobody can send any more.
fn write_until_closed(connection: &Connection, waiting: &Receiver<Job>) {
    while let Ok(first) = waiting.recv() {
        let group = std::iter::once(first).chain(waiting.try_iter().take(GROUP - 1));
        if let Err(error) = commit(connection, group) {
            tracing::error!(%error, "a transaction was not committed");
            if !connection.is_autocommit() {
                drop(connection.execute_batch("ROLLBACK"));
            }
        }
    }
}

/// Runs the jobs in one transaction, and tells their callers after its commit.
fn commit(connection: &Connection, jobs: impl Iterator<Item = Job>) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let mut answers = Vec::new();
    for job in jobs {
        answers.push(job(connection));
        // Some errors (a full disk) roll all of the transaction back: nobody's write happened.
        if connection.is_autocommit() {
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK),
                None,
            ));
        }
    }
    connection.execute_batch("COMMIT")?;
    for answer in answers {
        answer();
    }
    Ok(())
}

/// Runs one job so that it can fail without its group.
fn in_savepoint<T>(connection: &Connection, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    connection.execute_batch("SAVEPOINT job").map_err(failed("beginning a write"))?;
    let result = work(connection);
    let end = if result.is_ok() { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
    match connection.execute_batch(end) {
        Err(error) if result.is_ok() => Err(failed("ending a write")(error)),
        // After an error that rolled back everything there is no savepoint left.
        _ => result,
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

fn number(connection: &Connection, path: &Path, sql: &str) -> Result<i32> {
    connection.query_row(sql, [], |row| row.get(0)).map_err(|error| opening(path, error))
}

/// Checks that the file is ours and of a version that we know; makes it so when it is empty.
fn prepare(connection: &Connection, path: &Path, schema: &Schema) -> Result<()> {
    let counts = ["SELECT count(*) FROM sqlite_schema", "PRAGMA application_id", "PRAGMA user_version"];
    let counts = counts.map(|sql| number(connection, path, sql));
    if counts.into_iter().collect::<Result<Vec<i32>>>()? == [0, 0, 0] {
        let script = format!(
            "BEGIN IMMEDIATE; {} PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT;",
            schema.create.concat(),
            schema.application_id,
            schema.version
        );
        return connection.execute_batch(&script).map_err(|error| opening(path, error));
    }
    check(connection, path, schema)
}

/// Checks that the file is ours and of a version that we know.
fn check(connection: &Connection, path: &Path, schema: &Schema) -> Result<()> {
    let application_id = number(connection, path, "PRAGMA application_id")?;
    let version = number(connection, path, "PRAGMA user_version")?;
    if application_id != schema.application_id {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("{} is not the database of Fettle that is expected there", path.display()),
        ));
    }
    if version != schema.version {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "{} has format {version}, and this program knows format {}: run the program that wrote it, or \
                 a newer one",
                path.display(),
                schema.version
            ),
        ));
    }
    Ok(())
}

/// Says what was tried when SQLite failed.
pub(crate) fn failed(tried: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |error| Error::new(kind_of(&error), tried).caused_by(error)
}

fn opening(path: &Path, error: rusqlite::Error) -> Error {
    let kind = kind_of(&error);
    let path = path.display();
    let context = match kind {
        ErrorKind::Corrupt => format!("{path} is damaged, or is no database: restore it from your backup"),
        _ => format!("opening {path}"),
    };
    Error::new(kind, context).caused_by(error)
}

fn kind_of(error: &rusqlite::Error) -> ErrorKind {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => ErrorKind::Corrupt,
        Some(ErrorCode::TooBig) => ErrorKind::TooLarge,
        _ => ErrorKind::Unavailable,
    }
}

fn unavailable(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unavailable, context)
}
