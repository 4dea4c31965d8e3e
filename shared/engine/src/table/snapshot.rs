//! A table as the bytes that a data set is kept as: a Parquet file that any other program reads too,
//! with the kinds of its columns in the file's key-value metadata.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, LargeStringArray, RecordBatch,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::{Compression, ZstdLevel},
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
    },
};
use serde::{Deserialize, Serialize};

use super::{
    Column, Kind, MISSING_BOOLEAN, MISSING_CODE, MISSING_TIME, ReadLimits, Table, TableError, TableErrorKind,
    Values, literal,
    read::parquet::{File, contained},
};

const KEY: &str = "fettle";
const FORMAT: u32 = 1;
const ZSTD_LEVEL: i32 = 3;
/// Rows that are turned to Arrow at a time.
const SLICE_ROWS: usize = 8192;
const GROUP_ROWS: usize = 1 << 17;

/// A snapshot has passed the operator's limits as a file: these only bound what bytes can claim.
const LIMITS: ReadLimits = ReadLimits {
    max_bytes: u64::MAX,
    max_rows: u64::MAX,
    max_columns: usize::MAX,
    max_cells: 1 << 31,
    max_cell_bytes: usize::MAX,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    format: u32,
    kinds: Vec<Kind>,
}

impl Table {
    /// The table as Parquet (Zstandard). Equal tables give equal bytes. Fails for a table that breaks
    /// its own rules: no column, columns of other lengths, names twice, values that do not fit the kind.
    pub fn to_snapshot(&self) -> Result<Vec<u8>, TableError> {
        self.check()?;
        let meta = Meta { format: FORMAT, kinds: self.columns.iter().map(|column| column.kind).collect() };
        let meta = serde_json::to_string(&meta).map_err(|error| invalid(&error))?;
        let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(|error| invalid(&error))?;
        let properties = WriterProperties::builder()
            .set_created_by(KEY.to_owned())
            .set_compression(Compression::ZSTD(level))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_key_value_metadata(Some(vec![KeyValue::new(KEY.to_owned(), meta)]))
            .build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let fields = self.columns.iter().map(|column| Field::new(&column.name, data_type(column.kind), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new_with_options(&mut bytes, Arc::clone(&schema), options)
            .map_err(|error| invalid(&error))?;
        for start in (0..self.rows).step_by(SLICE_ROWS) {
            let rows = start..(start + SLICE_ROWS).min(self.rows);
            let arrays = self.columns.iter().map(|column| array(column, rows.clone())).collect();
            let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(|error| invalid(&error))?;
            writer.write(&batch).map_err(|error| invalid(&error))?;
        }
        writer.close().map_err(|error| invalid(&error))?;
        Ok(bytes)
    }

    /// The table of a snapshot: the exact inverse of [`Table::to_snapshot`]. Bytes from elsewhere are
    /// checked, and end in an error.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Table, TableError> {
        contained(|| {
            let file = File::open(bytes, &LIMITS)?;
            let meta = file.metadata().file_metadata().key_value_metadata();
            let meta = meta
                .and_then(|pairs| pairs.iter().find(|pair| pair.key == KEY))
                .and_then(|pair| pair.value.as_deref())
                .ok_or_else(|| invalid(&"it was not written by this program"))?;
            let meta: Meta = serde_json::from_str(meta).map_err(|error| invalid(&error))?;
            if meta.format != FORMAT {
                return Err(invalid(&format!("its format is {}, and {FORMAT} is read here", meta.format)));
            }
            if meta.kinds.len() != file.names.len() {
                return Err(invalid(&"it has more or fewer columns than kinds"));
            }
            let columns = meta.kinds.iter().enumerate().map(|(place, &kind)| column(&file, place, kind));
            let table = Table { columns: columns.collect::<Result<_, _>>()?, rows: file.rows };
            table.check()?;
            Ok(table)
        })
    }

    fn check(&self) -> Result<(), TableError> {
        if self.columns.is_empty() {
            return Err(invalid(&"it has no columns"));
        }
        let mut names = std::collections::HashSet::new();
        for column in &self.columns {
            let wrong = |what: &str| {
                Err(invalid(&format!("column {:?} {what}", column.name)).in_column(&column.name))
            };
            if !names.insert(&column.name) || column.name.trim() != column.name || column.name.is_empty() {
                return wrong("has a name that is not trimmed, or not its own");
            }
            if column.values.len() != self.rows {
                return wrong("is shorter or longer than the table");
            }
            let fits = match (&column.values, column.kind) {
                (Values::Number(values), Kind::Integer) => {
                    let whole = |v: f64| {
                        v.fract() == 0.0 && v.abs() < literal::EXACT && (v != 0.0 || v.is_sign_positive())
                    };
                    values.iter().all(|&value| value.is_nan() || whole(value))
                }
                (Values::Boolean(values), Kind::Boolean) => {
                    values.iter().all(|value| matches!(*value, 0 | 1 | MISSING_BOOLEAN))
                }
                (Values::Number(_), Kind::Number) | (Values::Time(_), Kind::Datetime) => true,
                (Values::Strings { codes, levels }, Kind::Category | Kind::Text | Kind::Identifier) => {
                    codes.iter().all(|&code| code == MISSING_CODE || (code as usize) < levels.len())
                }
                _ => false,
            };
            if !fits {
                return wrong("holds values that do not fit its kind");
            }
        }
        Ok(())
    }
}

/// How values of a kind are written.
pub(crate) fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Number => DataType::Float64,
        Kind::Integer => DataType::Int64,
        Kind::Boolean => DataType::Boolean,
        Kind::Datetime => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Kind::Category | Kind::Text | Kind::Identifier => DataType::LargeUtf8,
    }
}

/// Some rows of a column, to be written.
pub(crate) fn array(column: &Column, rows: std::ops::Range<usize>) -> ArrayRef {
    match &column.values {
        Values::Number(values) => {
            let values = values[rows].iter().map(|&value| (!value.is_nan()).then_some(value));
            if column.kind == Kind::Integer {
                Arc::new(values.map(|value| value.map(|value| value as i64)).collect::<Int64Array>())
            } else {
                Arc::new(values.collect::<Float64Array>())
            }
        }
        Values::Boolean(values) => {
            let values = values[rows].iter().map(|&value| (value != MISSING_BOOLEAN).then_some(value == 1));
            Arc::new(values.collect::<BooleanArray>())
        }
        Values::Time(values) => {
            let times = values[rows].iter().map(|&value| (value != MISSING_TIME).then_some(value));
            Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        }
        Values::Strings { codes, levels } => {
            let strings =
                codes[rows].iter().map(|&code| (code != MISSING_CODE).then(|| &levels[code as usize]));
            Arc::new(strings.collect::<LargeStringArray>())
        }
    }
}

fn column(file: &File<'_>, place: usize, kind: Kind) -> Result<Column, TableError> {
    let found = file.data_type(place);
    let expected = match data_type(kind) {
        DataType::LargeUtf8 => DataType::Utf8View,
        other => other,
    };
    if *found != expected {
        return Err(invalid(&format!("a column of kind {} has the type {found}", kind.code())));
    }
    let values = match kind {
        Kind::Number | Kind::Integer => Values::Number(file.numbers(place)?),
        Kind::Boolean => file.booleans(place)?,
        Kind::Datetime => file.times(place)?,
        Kind::Category | Kind::Text | Kind::Identifier => {
            let (codes, levels) = file.exact_strings(place)?.finish();
            Values::Strings { codes, levels }
        }
    };
    Ok(Column { name: file.names[place].clone(), kind, values })
}

fn invalid(error: &dyn std::fmt::Display) -> TableError {
    TableError::new(
        TableErrorKind::Malformed,
        format!("the snapshot is not valid: {error}"),
        "send the data set's file again",
    )
}
