//! The rows of one row group of a Parquet file.

use std::io;

use arrow_array::{Array, ArrayRef, RecordBatch, cast::AsArray, types};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, TimeUnit};
use bytes::{Buf, Bytes};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::{Fault, Footer, SLICE_ROWS, Slice, unfit_numbers};
use crate::table::infer::Interner;
use crate::table::read::parquet::{contained, malformed};
use crate::table::{Column, Field, Kind, MISSING_BOOLEAN, MISSING_TIME, TableError, Values, times};

/// Row group by row group no more of a file is in memory than one group's columns as they are packed, and
/// a slice of them unpacked.
pub struct Group {
    batches: ParquetRecordBatchReader,
    /// What is read, with its place in a batch; the inputs first.
    columns: Vec<(Field, usize)>,
    inputs: usize,
    /// The number of the next row.
    next: u64,
}

impl Group {
    /// Reads a group from the bytes of its [`ranges`](Footer::ranges), each with its place in the file.
    /// The first `inputs` of the columns are checked as a model needs them, the others only carried along.
    ///
    /// # Errors
    /// When the bytes are not those of the group.
    pub fn open(
        footer: &Footer,
        group: usize,
        pieces: Vec<(u64, Vec<u8>)>,
        columns: &[Field],
        inputs: usize,
    ) -> Result<Self, TableError> {
        contained(|| {
            let mut places = Vec::with_capacity(columns.len());
            for field in columns {
                places.push(
                    footer
                        .place(&field.name)
                        .ok_or_else(|| malformed(&format!("it has no {:?}", field.name)))?,
                );
            }
            // A batch has its columns in the order of the file.
            let mut sorted = places.clone();
            sorted.sort_unstable();
            sorted.dedup();
            let columns = columns.iter().cloned().zip(places.iter().map(|place| {
                sorted.binary_search(place).unwrap_or_default() // every place is among them
            }));
            let pieces = pieces.into_iter().map(|(start, bytes)| (start, Bytes::from(bytes))).collect();
            let schema = footer.metadata.parquet_schema();
            let batches =
                ParquetRecordBatchReaderBuilder::new_with_metadata(Sparse(pieces), footer.metadata.clone())
                    .with_row_groups(vec![group])
                    .with_projection(ProjectionMask::leaves(schema, sorted.iter().copied()))
                    .with_batch_size(SLICE_ROWS)
                    .build()
                    .map_err(|error| malformed(&error))?;
            let next = footer.group_rows(group).start;
            Ok(Self { batches, columns: columns.collect(), inputs, next })
        })
    }

    /// The next rows; none at the end.
    ///
    /// # Errors
    /// When the file is broken there.
    pub fn next_slice(&mut self) -> Result<Option<Slice>, TableError> {
        let Self { batches, columns, inputs, next } = self;
        contained(|| {
            let Some(batch) = batches.next() else { return Ok(None) };
            let batch: RecordBatch = batch.map_err(|error| malformed(&error))?;
            let mut faults = Vec::new();
            let mut read = Vec::with_capacity(columns.len());
            for (at, (field, place)) in columns.iter().enumerate() {
                let mut found = Vec::new();
                let column = column(batch.column(*place), field, *next, &mut found)?;
                if at < *inputs {
                    unfit_numbers(&column, *next, &mut found);
                    faults.extend(found);
                }
                read.push(column);
            }
            let slice = Slice::new(read, *next, batch.num_rows(), faults);
            *next += batch.num_rows() as u64;
            Ok(Some(slice))
        })
    }
}

/// A column of a batch as the kind of the field has it; a time that no year has is missing, and a fault.
fn column(
    array: &ArrayRef,
    field: &Field,
    first: u64,
    faults: &mut Vec<Fault>,
) -> Result<Column, TableError> {
    let rows = array.len();
    let blank = array.null_count() == rows;
    let cast = |to: &DataType| {
        let options = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(array, to, &options).map_err(|error| malformed(&error).in_column(&field.name))
    };
    let values = match field.kind {
        Kind::Number | Kind::Integer if blank => Values::Number(vec![f64::NAN; rows]),
        Kind::Number | Kind::Integer => {
            // One NaN for all of them, and adding zero makes minus zero plain.
            let plain = |value: Option<f64>| {
                value.filter(|value| !value.is_nan()).map_or(f64::NAN, |value| value + 0.0)
            };
            let numbers = cast(&DataType::Float64)?;
            Values::Number(numbers.as_primitive::<types::Float64Type>().iter().map(plain).collect())
        }
        Kind::Boolean if blank => Values::Boolean(vec![MISSING_BOOLEAN; rows]),
        Kind::Boolean => {
            let flags = cast(&DataType::Boolean)?;
            Values::Boolean(
                flags.as_boolean().iter().map(|value| value.map_or(MISSING_BOOLEAN, u8::from)).collect(),
            )
        }
        Kind::Datetime if blank => Values::Time(vec![MISSING_TIME; rows]),
        Kind::Datetime => {
            let zone = match array.data_type() {
                DataType::Timestamp(_, zone) => zone.clone(),
                _ => None,
            };
            let times = cast(&DataType::Timestamp(TimeUnit::Microsecond, zone))?;
            let mut values = Vec::with_capacity(rows);
            for (row, time) in times.as_primitive::<types::TimestampMicrosecondType>().iter().enumerate() {
                let known = time.filter(|time| times::in_range(*time));
                if known.is_none() && time.is_some() {
                    faults.push(Fault {
                        row: first + row as u64,
                        column: Some(field.name.clone()),
                        detail: format!("column {:?} has a time beyond the year 9999", field.name),
                    });
                }
                values.push(known.unwrap_or(MISSING_TIME));
            }
            Values::Time(values)
        }
        Kind::Category | Kind::Text | Kind::Identifier => {
            let mut strings = Interner::default();
            if blank {
                strings = Interner::after_missing(rows);
            } else {
                for text in cast(&DataType::Utf8View)?.as_string_view() {
                    match text {
                        Some(text) => strings.push(text),
                        None => strings.push_missing(),
                    }
                }
            }
            let (codes, levels) = strings.finish();
            Values::Strings { codes, levels }
        }
    };
    Ok(Column { name: field.name.clone(), kind: field.kind, values })
}

/// A file of which only these bytes are here.
struct Sparse(Vec<(u64, Bytes)>);

impl Sparse {
    /// All that is here from a place on.
    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        self.0
            .iter()
            .find_map(|(at, bytes)| {
                let from = usize::try_from(start.checked_sub(*at)?).ok()?;
                (from < bytes.len()).then(|| bytes.slice(from..))
            })
            .ok_or_else(|| ParquetError::EOF(format!("byte {start} is in no column that is read")))
    }
}

impl Length for Sparse {
    fn len(&self) -> u64 {
        self.0.iter().map(|(at, bytes)| at + bytes.len() as u64).max().unwrap_or(0)
    }
}

impl ChunkReader for Sparse {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.from(start)?;
        if bytes.len() < length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(bytes.slice(..length))
    }
}
