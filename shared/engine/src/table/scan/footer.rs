//! The end of a Parquet file, which says where everything else is.

use std::ops::Range;
use std::sync::Arc;

use arrow_schema::DataType;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::{FooterTail, ParquetMetaDataReader};
use parquet::file::statistics::Statistics;

use crate::artifact::SchemaError;
use crate::table::read::parquet::{contained, malformed, prepared};
use crate::table::{Field, Kind, ReadLimits, TableError, TableErrorKind};

/// Bytes between two columns that are read along, since a request costs more.
const GAP: u64 = 64 * 1024;

/// What a Parquet file says of itself.
pub struct Footer {
    pub(super) metadata: ArrowReaderMetadata,
    names: Vec<String>,
    rows: u64,
}

impl Footer {
    /// The bytes at the end of every Parquet file that say how long its footer is.
    pub const TAIL: usize = 8;

    /// How many bytes the footer takes, with its tail.
    ///
    /// # Errors
    /// When these are not the last bytes of a Parquet file.
    pub fn length(tail: [u8; Footer::TAIL]) -> Result<u64, TableError> {
        let tail = FooterTail::try_new(&tail).map_err(|error| malformed(&error))?;
        if tail.is_encrypted_footer() {
            return Err(malformed(&"it is encrypted"));
        }
        Ok((tail.metadata_length() + Self::TAIL) as u64)
    }

    /// Reads a footer of that [`length`](Footer::length). `max_group_bytes` is the most that a row group
    /// may take unpacked, since a worker holds one at a time.
    ///
    /// # Errors
    /// When the file is broken, has no rows, nested columns, or a larger group.
    pub fn parse(bytes: &[u8], max_group_bytes: u64) -> Result<Footer, TableError> {
        contained(|| {
            let end = bytes.len().saturating_sub(Self::TAIL);
            let metadata =
                ParquetMetaDataReader::decode_metadata(&bytes[..end]).map_err(|error| malformed(&error))?;
            for (place, group) in metadata.row_groups().iter().enumerate() {
                let size: i64 = group.columns().iter().map(|column| column.uncompressed_size().max(0)).sum();
                if size as u64 > max_group_bytes {
                    return Err(TableError::new(
                        TableErrorKind::TooLarge,
                        format!(
                            "row group {} has {size} bytes unpacked, and {max_group_bytes} are allowed",
                            place + 1
                        ),
                        "write the file with smaller row groups, of some 100,000 rows",
                    ));
                }
            }
            let limits = ReadLimits {
                max_bytes: u64::MAX,
                max_rows: u64::MAX,
                max_cells: u64::MAX,
                ..ReadLimits::default()
            };
            let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
            let metadata = ArrowReaderMetadata::try_new(Arc::new(metadata), options)
                .map_err(|error| malformed(&error))?;
            let (metadata, names, rows) = prepared(&metadata, &limits)?;
            if rows == 0 {
                return Err(crate::table::read::no_rows());
            }
            Ok(Footer { metadata, names, rows: rows as u64 })
        })
    }

    /// All rows of the file.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The number of row groups.
    pub fn groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// The rows of a group, by their numbers in the file, from 1 on. Past the last group none.
    pub fn group_rows(&self, group: usize) -> Range<u64> {
        let counts = || self.metadata.metadata().row_groups().iter().map(|group| group.num_rows() as u64);
        let first = 1 + counts().take(group).sum::<u64>();
        first..first + counts().nth(group).unwrap_or(0)
    }

    /// The columns' names, in the file's order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A column as it is carried along: its name and its own kind. None if there is none, or none that can
    /// be read.
    pub fn field(&self, name: &str) -> Option<Field> {
        let place = self.place(name)?;
        Some(Field { name: name.to_owned(), kind: self.kind(place)? })
    }

    /// Refuses a file that lacks an input, or has one of another type. A column without any value is of
    /// every type.
    ///
    /// # Errors
    /// The first input that can not be read from this file.
    pub fn check(&self, inputs: &[Field]) -> Result<(), SchemaError> {
        inputs.iter().try_for_each(|field| {
            let name = &field.name;
            let Some(place) = self.place(name) else {
                return Err(SchemaError {
                    column: name.clone(),
                    detail: format!("the column '{name}' is missing"),
                    remedy: format!("add a column '{name}' of kind {}", field.kind.code()),
                });
            };
            let kind = self.kind(place);
            if kind.is_some_and(|kind| alike(kind, field.kind)) || self.is_blank(place) {
                return Ok(());
            }
            let has = kind.map_or("of a type that is not read here", Kind::code);
            Err(SchemaError {
                column: name.clone(),
                detail: format!(
                    "the column '{name}' is {has}, and the model learned from {}",
                    field.kind.code()
                ),
                remedy: format!(
                    "send '{name}' as {}, or send a CSV file by its key: its cells are read as the model takes them",
                    field.kind.code()
                ),
            })
        })
    }

    /// The bytes of the file that hold these columns of a group: start and length, in their order.
    pub fn ranges(&self, group: usize, columns: &[Field]) -> Result<Vec<(u64, u64)>, TableError> {
        contained(|| {
            let metadata = self.metadata.metadata();
            let group = metadata.row_groups().get(group).ok_or_else(|| malformed(&"it has no such group"))?;
            let mut ranges: Vec<(u64, u64)> = columns
                .iter()
                .filter_map(|field| self.place(&field.name))
                .map(|place| group.column(place).byte_range())
                .collect();
            ranges.sort_unstable();
            let mut merged: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
            for (start, length) in ranges {
                match merged.last_mut() {
                    Some((from, so_far)) if start <= *from + *so_far + GAP => {
                        *so_far = (*so_far).max(start + length - *from);
                    }
                    _ => merged.push((start, length)),
                }
            }
            Ok(merged)
        })
    }

    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    fn kind(&self, place: usize) -> Option<Kind> {
        match self.metadata.schema().field(place).data_type() {
            DataType::Boolean => Some(Kind::Boolean),
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Some(Kind::Datetime),
            DataType::Utf8View | DataType::Null => Some(Kind::Text),
            number if number.is_integer() => Some(Kind::Integer),
            number if number.is_numeric() => Some(Kind::Number),
            _ => None,
        }
    }

    /// Whether the file's statistics say that a column has no value at all.
    fn is_blank(&self, place: usize) -> bool {
        self.metadata.metadata().row_groups().iter().all(|group| {
            let nulls = group.column(place).statistics().and_then(Statistics::null_count_opt);
            nulls == Some(group.num_rows() as u64)
        })
    }
}

/// Whether values of a kind are held in the same way as those of another.
fn alike(kind: Kind, other: Kind) -> bool {
    let class = |kind: Kind| match kind {
        Kind::Number | Kind::Integer => 0,
        Kind::Boolean => 1,
        Kind::Datetime => 2,
        Kind::Category | Kind::Text | Kind::Identifier => 3,
    };
    class(kind) == class(other)
}
