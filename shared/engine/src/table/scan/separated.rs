//! Separated values: cut into pieces where a record ends, and a piece as rows.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use csv::{ByteRecord, Reader, ReaderBuilder};
use serde::{Deserialize, Serialize};

use super::{Fault, SLICE_ROWS, Slice};
use crate::table::read::{ReadLimits, column_names, dialect::Dialect, no_rows};
use crate::table::rows::Builder;
use crate::table::{Field, TableError, TableErrorKind};

/// How a file of separated values is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// What parts the cells.
    pub delimiter: u8,
    /// The columns' names, in the file's order.
    pub names: Vec<String>,
}

impl Header {
    /// As many bytes of a file's beginning as are looked at.
    pub const SAMPLE: usize = 1 << 20;

    /// Tells from a file's beginning how it is written: UTF-8 with a header. `whole` says that there is no
    /// more of it.
    ///
    /// # Errors
    /// When it is not such a file.
    pub fn detect(sample: &[u8], whole: bool) -> Result<Header, TableError> {
        let formats: [(&[u8], &str); 6] = [
            (b"\x1F\x8B", "is in gzip"),
            (b"\xFF\xFE", "is in UTF-16"),
            (b"\xFE\xFF", "is in UTF-16"),
            (b"PK\x03\x04", "is a ZIP archive or an Excel workbook"),
            (b"{", "is JSON"),
            (b"[", "is JSON"),
        ];
        if let Some((_, what)) =
            formats.iter().find(|(magic, _)| sample.trim_ascii_start().starts_with(magic))
        {
            return Err(TableError::new(
                TableErrorKind::Unsupported,
                format!("the file {what}"),
                "send CSV in UTF-8 with a header, or Parquet; or make it a data set, which reads more formats",
            ));
        }
        let sample = sample.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(sample);
        let end = match (whole, sample.iter().rposition(|byte| *byte == b'\n')) {
            (false, Some(end)) => end,
            _ => sample.len(),
        };
        let text = String::from_utf8_lossy(&sample[..end]);
        let dialect = Dialect::detect(&text);
        let mut record = ByteRecord::new();
        let mut reader = reader(&sample[..end], dialect.delimiter);
        while record.is_empty() || is_blank(&record) {
            let more = reader.read_byte_record(&mut record);
            if !more.map_err(|error| broken(&error))? {
                return Err(no_rows());
            }
        }
        let cells: Vec<&str> = record
            .iter()
            .map(std::str::from_utf8)
            .collect::<Result<_, _>>()
            .map_err(|_| broken(&"its header is not UTF-8"))?;
        let names = column_names(cells.into_iter(), &ReadLimits::default())?;
        Ok(Header { delimiter: dialect.delimiter, names })
    }
}

/// Rows that follow each other in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Its first byte in the file.
    pub start: u64,
    /// The byte after its last.
    pub end: u64,
    /// The number of its first row, from 1.
    pub first: u64,
    /// How many rows it has.
    pub rows: u64,
}

/// How large pieces may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceLimits {
    /// Rows of a piece.
    pub rows: u64,
    /// Bytes of a piece, after which it ends with the record; fewer for a row than for a piece.
    pub bytes: u64,
    /// Bytes of a record: a quote that is never closed makes one of all the rest.
    pub record_bytes: u64,
}

/// Cuts a file into pieces. O(bytes) time, and memory for one record.
pub struct Pieces<R> {
    reader: Reader<Guarded<R>>,
    record: ByteRecord,
    /// Bytes read since the last record's end.
    since: Arc<AtomicU64>,
    limits: PieceLimits,
    /// Where the next piece begins, and with which row; no row before the header was read.
    start: u64,
    first: u64,
}

/// A file that ends in an error where a record has no end.
struct Guarded<R> {
    file: R,
    since: Arc<AtomicU64>,
    most: u64,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.since.load(Ordering::Relaxed) > self.most {
            let most = self.most;
            return Err(std::io::Error::other(format!(
                "a record has more than {most} bytes; look for a quote that is not closed"
            )));
        }
        let read = self.file.read(buffer)?;
        self.since.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl<R: Read> Pieces<R> {
    /// Of a file with a header.
    pub fn new(file: R, header: &Header, limits: PieceLimits) -> Self {
        let since = Arc::<AtomicU64>::default();
        let file = Guarded { file, since: Arc::clone(&since), most: limits.record_bytes };
        let reader = reader(file, header.delimiter);
        Self { reader, record: ByteRecord::new(), since, limits, start: 0, first: 0 }
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// When the file can not be read, or a record is over the limit.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, TableError> {
        if self.first == 0 {
            if !self.advance()? {
                return Ok(None);
            }
            self.first = 1;
            self.start = self.reader.position().byte();
        }
        let mut rows = 0;
        while rows < self.limits.rows
            && self.reader.position().byte() - self.start < self.limits.bytes
            && self.advance()?
        {
            rows += 1;
        }
        if rows == 0 {
            return Ok(None);
        }
        let end = self.reader.position().byte();
        let piece = Piece { start: self.start, end, first: self.first, rows };
        self.start = end;
        self.first += rows;
        Ok(Some(piece))
    }

    /// The file, to read what is left of it.
    pub fn into_inner(self) -> R {
        self.reader.into_inner().file
    }

    /// Reads the next record that is not blank; false at the end.
    fn advance(&mut self) -> Result<bool, TableError> {
        loop {
            let more = self.reader.read_byte_record(&mut self.record).map_err(|error| {
                let error = broken(&error);
                if self.first == 0 { error } else { error.at_row(self.first) }
            })?;
            self.since.store(0, Ordering::Relaxed);
            if !more || !is_blank(&self.record) {
                return Ok(more);
            }
        }
    }
}

/// The rows of a piece.
pub struct Records {
    reader: Reader<std::io::Cursor<Vec<u8>>>,
    header: Header,
    columns: Vec<Field>,
    inputs: usize,
    next: u64,
}

impl Records {
    /// Reads the bytes of a piece. The first `inputs` of the columns are checked as a model needs them, the
    /// others only carried along.
    pub fn new(bytes: Vec<u8>, header: Header, first: u64, columns: Vec<Field>, inputs: usize) -> Self {
        let reader = reader(std::io::Cursor::new(bytes), header.delimiter);
        Self { reader, header, columns, inputs, next: first }
    }

    /// The next rows; none at the end.
    ///
    /// # Errors
    /// When the piece can not be read at all.
    pub fn next_slice(&mut self) -> Result<Option<Slice>, TableError> {
        let decimal = Dialect { delimiter: self.header.delimiter, header: true }.decimal();
        let mut builders: Vec<(usize, Builder)> = Vec::with_capacity(self.columns.len());
        for field in &self.columns {
            let place = self.header.names.iter().position(|name| *name == field.name);
            let place = place.ok_or_else(|| broken(&format!("it has no column {:?}", field.name)))?;
            builders.push((place, Builder::new(field, SLICE_ROWS)));
        }
        let (mut record, mut faults, mut rows) = (ByteRecord::new(), Vec::new(), 0);
        while rows < SLICE_ROWS {
            if !self.reader.read_byte_record(&mut record).map_err(|error| broken(&error))? {
                break;
            }
            if is_blank(&record) {
                continue;
            }
            let row = self.next + rows as u64;
            let mut fault = |column: Option<&str>, detail: String| {
                faults.push(Fault { row, column: column.map(str::to_owned), detail });
            };
            let (has, takes) = (record.len(), self.header.names.len());
            if has != takes {
                fault(None, format!("the row has {has} fields, and the header {takes}"));
            }
            for (at, (place, builder)) in builders.iter_mut().enumerate() {
                let name = self.header.names[*place].as_str();
                let cell = match record.get(*place).map(std::str::from_utf8) {
                    Some(Ok(cell)) if has == takes => cell,
                    Some(Err(_)) => {
                        fault(Some(name), format!("column {name:?} holds bytes that are not UTF-8 text"));
                        builder.push_missing();
                        continue;
                    }
                    _ => {
                        builder.push_missing();
                        continue;
                    }
                };
                if let Err(error) = builder.push_cell(cell.trim(), decimal) {
                    builder.push_missing();
                    if at < self.inputs {
                        // It names the row by its place in the slice.
                        let detail = error.detail.replace(&format!("rows[{rows}]"), "the row");
                        fault(Some(name), detail);
                    }
                }
            }
            rows += 1;
        }
        if rows == 0 {
            return Ok(None);
        }
        let columns = builders.into_iter().map(|(_, builder)| builder.finish()).collect();
        let slice = Slice::new(columns, self.next, rows, faults);
        self.next += rows as u64;
        Ok(Some(slice))
    }
}

fn reader<R: Read>(file: R, delimiter: u8) -> Reader<R> {
    ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(1 << 16)
        .from_reader(file)
}

/// Whether a record is a line with nothing on it.
fn is_blank(record: &ByteRecord) -> bool {
    record.len() <= 1 && record.get(0).is_none_or(|field| field.trim_ascii().is_empty())
}

fn broken(error: &dyn std::fmt::Display) -> TableError {
    TableError::new(
        TableErrorKind::Malformed,
        format!("the file can not be read: {error}"),
        "save the file as CSV again",
    )
}
