//! Bytes of an unknown format to a table.

pub(super) mod csv;
pub(super) mod dialect;
mod encoding;
mod gzip;
mod json_lines;
pub(super) mod parquet;

use std::borrow::Cow;

use super::{Table, TableError, TableErrorKind};

/// What is refused, so that memory stays in proportion to what the operator allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadLimits {
    /// Bytes after decompression.
    pub max_bytes: u64,
    /// Data rows. Never more than `u32::MAX - 1`, whatever is given.
    pub max_rows: u64,
    /// Columns.
    pub max_columns: usize,
    /// Rows × columns. A table in memory takes up to eight bytes a cell beside its distinct strings,
    /// and a file can leave cells out (a key missing in JSON, a repetition in Parquet).
    pub max_cells: u64,
    /// Bytes in one cell or one column name.
    pub max_cell_bytes: usize,
}

impl Default for ReadLimits {
    /// 1 GiB, 10 million rows, 2,000 columns, 100 million cells, 1 MiB a cell.
    fn default() -> Self {
        Self {
            max_bytes: 1 << 30,
            max_rows: 10_000_000,
            max_columns: 2_000,
            max_cells: 100_000_000,
            max_cell_bytes: 1 << 20,
        }
    }
}

/// Reads a file of an unknown format: CSV (or semicolons, tabs, pipes), JSON lines or one JSON array
/// of objects, Parquet; each plain or in gzip; text in UTF-8, UTF-16 with a byte order mark, or
/// windows-1252. Kinds are decided from all rows. O(bytes) time and memory.
pub fn read(bytes: &[u8], limits: &ReadLimits) -> Result<Table, TableError> {
    let bytes = unpacked(bytes, limits)?;
    if bytes.starts_with(parquet::MAGIC) {
        return parquet::read(&bytes, limits);
    }
    if let Some(format) = other_format(&bytes) {
        return Err(TableError::new(
            TableErrorKind::Unsupported,
            format!("the file is {format}"),
            "export it as CSV, JSON lines or Parquet",
        ));
    }
    let text = decoded(&bytes)?;
    if json_lines::looks_like(&text) { json_lines::read(&text, limits) } else { csv::read(&text, limits) }
}

/// The text of a file that is known to be one, plain or in gzip.
pub(super) fn text<'a>(bytes: &'a [u8], limits: &ReadLimits) -> Result<Cow<'a, str>, TableError> {
    match unpacked(bytes, limits)? {
        Cow::Borrowed(bytes) => decoded(bytes),
        Cow::Owned(bytes) => decoded(&bytes).map(|text| Cow::Owned(text.into_owned())),
    }
}

fn unpacked<'a>(bytes: &'a [u8], limits: &ReadLimits) -> Result<Cow<'a, [u8]>, TableError> {
    if bytes.starts_with(gzip::MAGIC) {
        return gzip::decode(bytes, limits.max_bytes).map(Cow::Owned);
    }
    if bytes.len() as u64 > limits.max_bytes {
        return Err(limits.too_many_bytes());
    }
    Ok(Cow::Borrowed(bytes))
}

fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, TableError> {
    let text = encoding::decode(bytes)?;
    if text.trim().is_empty() {
        return Err(TableError::new(
            TableErrorKind::Empty,
            "the file is empty",
            "send a file with a header line and at least one row",
        ));
    }
    Ok(text)
}

impl ReadLimits {
    pub(super) fn too_many_bytes(&self) -> TableError {
        TableError::new(
            TableErrorKind::TooLarge,
            format!("the file has more than the {} bytes (unpacked) that are allowed", self.max_bytes),
            "send fewer rows or columns, or have the limit raised",
        )
    }

    pub(super) fn check_columns(&self, columns: usize) -> Result<(), TableError> {
        if columns <= self.max_columns {
            return Ok(());
        }
        Err(TableError::new(
            TableErrorKind::TooManyColumns,
            format!("the file has {columns} columns or more, and {} are allowed", self.max_columns),
            "leave out the columns that no model needs",
        ))
    }

    pub(super) fn check_rows(&self, rows: u64, columns: usize) -> Result<(), TableError> {
        let most = self.max_rows.min(u64::from(u32::MAX - 1));
        if rows > most {
            return Err(TableError::new(
                TableErrorKind::TooManyRows,
                format!("the file has more than the {most} rows that are allowed"),
                "send a sample of the rows",
            ));
        }
        if rows.saturating_mul(columns as u64) > self.max_cells {
            return Err(TableError::new(
                TableErrorKind::TooLarge,
                format!(
                    "{columns} columns of {rows} rows or more are over the {} cells allowed",
                    self.max_cells
                ),
                "send fewer rows or columns",
            ));
        }
        Ok(())
    }

    pub(super) fn check_cell(&self, bytes: usize, row: u64, column: &str) -> Result<(), TableError> {
        if bytes <= self.max_cell_bytes {
            return Ok(());
        }
        Err(TableError::new(
            TableErrorKind::TooLarge,
            format!(
                "row {row} has a value of {bytes} bytes in column {column:?}, and {} are allowed",
                self.max_cell_bytes
            ),
            "shorten the value; in CSV, look for a quote that is not closed",
        )
        .at_row(row)
        .in_column(column))
    }
}

/// Trimmed names; a column without one is named for its place.
pub(super) fn column_names<'a>(
    header: impl Iterator<Item = &'a str>,
    limits: &ReadLimits,
) -> Result<Vec<String>, TableError> {
    let mut names = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for name in header {
        limits.check_columns(names.len() + 1)?;
        let name = match name.trim() {
            "" => format!("column_{}", names.len() + 1),
            name => name.to_owned(),
        };
        if name.len() > limits.max_cell_bytes {
            return Err(TableError::new(
                TableErrorKind::TooLarge,
                format!("the name of column {} has {} bytes", names.len() + 1, name.len()),
                "shorten the name; in CSV, look for a quote that is not closed",
            ));
        }
        if !seen.insert(name.clone()) {
            return Err(TableError::new(
                TableErrorKind::DuplicateColumn,
                format!("two columns are named {name:?}"),
                "rename one of them",
            )
            .in_column(&name));
        }
        names.push(name);
    }
    Ok(names)
}

pub(super) fn no_rows() -> TableError {
    TableError::new(
        TableErrorKind::NoRows,
        "the file names columns and has no row",
        "send a file with at least one row under its header",
    )
}

fn other_format(bytes: &[u8]) -> Option<&'static str> {
    let formats: [(&[u8], &str); 9] = [
        (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
        (b"\xD0\xCF\x11\xE0", "an old Excel workbook"),
        (b"\x28\xB5\x2F\xFD", "compressed with Zstandard"),
        (b"BZh", "compressed with bzip2"),
        (b"\xFD7zXZ", "compressed with xz"),
        (b"ARROW1", "an Arrow IPC file"),
        (b"PARE", "an encrypted Parquet file"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"%PDF-", "a PDF document"),
    ];
    formats.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, name)| *name)
}
