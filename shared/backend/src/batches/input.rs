//! What a batch reads: looked at where it says what it is, and no further.

use super::record::Source;
use crate::app::App;
use crate::idempotency::hex;
use crate::limits::check_bytes;
use crate::ports::{Error, Storage};
use crate::problem::{Kind, Problem, Result};
use fettle_engine::artifact::SchemaError;
use fettle_engine::table::scan::{Footer, Header};
use fettle_engine::table::{Field, Kind as Column};
use sha2::{Digest, Sha256};

/// Stands for all columns.
const ALL: &str = "*";

/// How much of a file's end is read at first: most footers fit.
const FOOTER: u64 = 64 * 1024;

/// The longest footer, in bytes: of a thousand columns in a thousand row groups.
const MOST_FOOTER: u64 = 256 * 1024 * 1024;

/// A file of rows, as far as it says how it is written.
pub(super) enum Rows {
    /// In row groups.
    Parquet { source: Source, footer: Footer },
    /// Under a header.
    Separated { source: Source, header: Header },
}

/// Looks at a data set's snapshot.
pub(super) async fn look_at_snapshot(app: &App, key: &str) -> Result<Rows> {
    let bytes = length(app, key).await?;
    parquet(app, key, bytes).await
}

/// Looks at a file that was uploaded: is it Parquet or separated values, and which columns has it?
pub(super) async fn look_at_upload(app: &App, key: &str) -> Result<Rows> {
    let bytes = length(app, key).await?;
    // Not every storage holds an upload to its limit.
    check_bytes("the file", bytes, app.limits.upload_bytes)?;
    let beginning = range(&*app.slots.storage, key, 0, Header::SAMPLE as u64).await?;
    if beginning.starts_with(b"PAR1") {
        return parquet(app, key, bytes).await;
    }
    let header = Header::detect(&beginning, beginning.len() as u64 >= bytes)?;
    Ok(Rows::Separated { source: Source::Separated { key: key.to_owned(), bytes }, header })
}

async fn length(app: &App, key: &str) -> Result<u64> {
    Ok(app.slots.storage.head(key).await.map_err(unread)?.bytes)
}

/// Bytes of the input.
pub(super) async fn range(storage: &dyn Storage, key: &str, from: u64, length: u64) -> Result<Vec<u8>> {
    storage.get_range(key, from, length).await.map_err(unread)
}

fn unread(error: Error) -> Problem {
    if !error.is_not_found() {
        return error.into();
    }
    Problem::new(Kind::NotFound, "the input's file is not there")
        .remedy("PUT it to the address that came with its key; or make the data set again")
}

async fn parquet(app: &App, key: &str, bytes: u64) -> Result<Rows> {
    let raw = raw_footer(&*app.slots.storage, key, bytes, FOOTER).await?;
    let source = Source::Parquet {
        key: key.to_owned(),
        bytes,
        footer: raw.len() as u64,
        footer_sha256: hex(&Sha256::digest(&raw)),
    };
    Ok(Rows::Parquet { source, footer: Footer::parse(&raw, app.limits.batch_group_bytes)? })
}

/// The footer's bytes. In one request where it fits into so many bytes from the file's end.
async fn raw_footer(storage: &dyn Storage, key: &str, bytes: u64, guess: u64) -> Result<Vec<u8>> {
    let from = bytes.saturating_sub(guess);
    let mut end = range(storage, key, from, guess).await?;
    let tail = end.last_chunk::<{ Footer::TAIL }>().ok_or_else(|| {
        Problem::new(Kind::Malformed, "the file is no Parquet file: it is cut off").remedy("send it again")
    })?;
    let length = Footer::length(*tail)?;
    check_bytes("the file's footer", length, MOST_FOOTER.min(bytes))?;
    if length > end.len() as u64 {
        end = range(storage, key, bytes - length, length).await?;
    }
    let before = end.len().saturating_sub(length as usize);
    Ok(end.split_off(before))
}

/// The footer that the batch was started on.
pub(super) async fn footer_again(app: &App, source: &Source) -> Result<Footer> {
    let Source::Parquet { key, bytes, footer, footer_sha256 } = source else {
        return Err(Problem::internal("a file of separated values has no footer"));
    };
    let raw = raw_footer(&*app.slots.storage, key, *bytes, *footer).await?;
    if hex(&Sha256::digest(&raw)) != *footer_sha256 {
        return Err(other_file());
    }
    Ok(Footer::parse(&raw, app.limits.batch_group_bytes)?)
}

/// What is read is not what the batch was started on.
pub(super) fn other_file() -> Problem {
    Problem::new(Kind::WrongState, "the input's file was written over since the batch was started")
        .remedy("upload it under a key of its own, and start another batch")
}

impl Rows {
    /// What the chunks read.
    pub(super) fn source(&self) -> Source {
        let (Rows::Parquet { source, .. } | Rows::Separated { source, .. }) = self;
        source.clone()
    }

    fn names(&self) -> &[String] {
        match self {
            Rows::Parquet { footer, .. } => footer.names(),
            Rows::Separated { header, .. } => &header.names,
        }
    }

    /// A column as it is carried along.
    fn field(&self, name: &str) -> Option<Field> {
        match self {
            Rows::Parquet { footer, .. } => footer.field(name),
            Rows::Separated { header, .. } => header
                .names
                .iter()
                .any(|known| known == name)
                .then(|| Field { name: name.to_owned(), kind: Column::Text }),
        }
    }

    /// Refuses rows that lack a model's input or have it in another type; and columns that can not be
    /// carried along.
    pub(super) fn check(&self, inputs: &[Field], include: &[String]) -> Result<()> {
        match self {
            Rows::Parquet { footer, .. } => footer.check(inputs).map_err(unfit)?,
            Rows::Separated { header, .. } => {
                let missing = inputs.iter().find(|field| !header.names.contains(&field.name));
                if let Some(Field { name, .. }) = missing {
                    return Err(Problem::new(Kind::Row, format!("the file has no column '{name}'"))
                        .remedy(format!("give it a header with '{name}'")));
                }
            }
        }
        self.carried(inputs, include).map(drop)
    }

    /// The columns to be carried along, in the file's order.
    pub(super) fn carried(&self, inputs: &[Field], include: &[String]) -> Result<Vec<Field>> {
        let unknown = |name: &str, what: &str| {
            Problem::invalid("include", format!("the input has {what} '{name}'"))
                .remedy("name columns of the input, or [\"*\"] for all")
        };
        if let Some(name) = include.iter().find(|name| *name != ALL && !self.names().contains(name)) {
            return Err(unknown(name, "no column"));
        }
        let all = include.iter().any(|name| name == ALL);
        let mut carried = Vec::new();
        for name in self.names().iter().filter(|name| all || include.contains(name)) {
            let as_input = inputs.iter().find(|field| field.name == *name).cloned();
            let field = as_input.or_else(|| self.field(name));
            carried.push(field.ok_or_else(|| unknown(name, "no values that can be carried along in"))?);
        }
        Ok(carried)
    }
}

fn unfit(error: SchemaError) -> Problem {
    Problem::new(Kind::Row, error.detail).remedy(error.remedy)
}
