//! Parquet to a table, one column at a time, so that no more than one is held twice.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Arc,
};

use arrow_array::{Array, ArrayRef, RecordBatch, cast::AsArray, types};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    },
    basic::{Compression, ConvertedType, Type},
    file::metadata::ParquetMetaData,
};

use super::{ReadLimits, column_names, no_rows};
use crate::table::{
    Column, Kind, MISSING_BOOLEAN, MISSING_TIME, Table, TableError, TableErrorKind, Values,
    infer::{Interner, Source, numbers_column, strings_column},
    literal, times,
};

/// The first and last bytes of a file.
pub(super) const MAGIC: &[u8] = b"PAR1";

const BATCH_ROWS: usize = 8192;

/// Reads flat columns of every primitive type; nested ones are refused.
pub(super) fn read(bytes: &[u8], limits: &ReadLimits) -> Result<Table, TableError> {
    contained(|| {
        let file = File::open(bytes, limits)?;
        if file.rows == 0 {
            return Err(no_rows());
        }
        let columns = (0..file.names.len()).map(|place| file.column(place)).collect::<Result<_, _>>()?;
        Ok(Table { columns, rows: file.rows })
    })
}

/// Runs a reading of bytes from outside. The Parquet crate checks most of what a broken file can
/// say, and panics at some of the rest: that is an error of the file, not of this process.
pub(in crate::table) fn contained<T>(read: impl FnOnce() -> Result<T, TableError>) -> Result<T, TableError> {
    panic::catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(malformed(&"its pages contradict each other")))
}

/// An open file with distinct names of flat columns, and not more of them, or of rows, than allowed.
pub(in crate::table) struct File<'a> {
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
    limits: &'a ReadLimits,
    pub(in crate::table) names: Vec<String>,
    pub(in crate::table) rows: usize,
}

impl<'a> File<'a> {
    pub(in crate::table) fn open(bytes: &[u8], limits: &'a ReadLimits) -> Result<Self, TableError> {
        let bytes = Bytes::copy_from_slice(bytes);
        // The Arrow schema that some writers embed adds nothing to the types that are read here.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::load(&bytes, options).map_err(|error| malformed(&error))?;
        let (metadata, names, rows) = prepared(&metadata, limits)?;
        Ok(Self { bytes, metadata, limits, names, rows })
    }

    pub(in crate::table) fn metadata(&self) -> &ParquetMetaData {
        self.metadata.metadata()
    }

    pub(in crate::table) fn data_type(&self, place: usize) -> &DataType {
        self.metadata.schema().field(place).data_type()
    }

    /// The typed column at that place.
    fn column(&self, place: usize) -> Result<Column, TableError> {
        let name = &self.names[place];
        let data_type = self.data_type(place).clone();
        match &data_type {
            DataType::Boolean => {
                Ok(Column { name: name.clone(), kind: Kind::Boolean, values: self.booleans(place)? })
            }
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
                Ok(Column { name: name.clone(), kind: Kind::Datetime, values: self.times(place)? })
            }
            DataType::Time32(unit) | DataType::Time64(unit) => {
                let second = match unit {
                    TimeUnit::Second => 1.0,
                    TimeUnit::Millisecond => 1e3,
                    TimeUnit::Microsecond => 1e6,
                    TimeUnit::Nanosecond => 1e9,
                };
                let values = self.numbers(place)?.iter().map(|ticks| ticks / second).collect();
                Ok(numbers_column(name, values, false))
            }
            data_type if data_type.is_numeric() => {
                let whole =
                    data_type.is_integer() || decimal_scale(data_type).is_some_and(|scale| scale <= 0);
                let values = self.numbers(place)?;
                if whole && values.iter().any(|value| value.abs() >= literal::EXACT) {
                    return Ok(strings_column(name, self.strings(place)?, Source::Parquet));
                }
                Ok(numbers_column(name, values, whole))
            }
            DataType::Null | DataType::Utf8View | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Ok(strings_column(name, self.strings(place)?, Source::Parquet))
            }
            // The Parquet crate takes JSON, and strings that lack their older mark, for UTF-8 without a look.
            DataType::Utf8 => {
                Err(unsupported(name, "is JSON, or no plain string", "write it as plain strings"))
            }
            other => {
                Err(unsupported(name, &format!("has the type {other}"), "cast it to numbers or strings"))
            }
        }
    }

    /// Numbers of any type as f64; times of day as ticks of their unit.
    pub(in crate::table) fn numbers(&self, place: usize) -> Result<Vec<f64>, TableError> {
        let mut values = Vec::with_capacity(self.rows);
        self.for_each_batch(place, |array| {
            let array = match array.data_type() {
                DataType::Time32(_) => self.cast(place, array, &DataType::Int32)?,
                DataType::Time64(_) => self.cast(place, array, &DataType::Int64)?,
                _ => Arc::clone(array),
            };
            let array = self.cast(place, &array, &DataType::Float64)?;
            // One NaN for all of them, and adding zero makes minus zero plain.
            let plain = |value: Option<f64>| {
                value.filter(|value| !value.is_nan()).map_or(f64::NAN, |value| value + 0.0)
            };
            values.extend(array.as_primitive::<types::Float64Type>().iter().map(plain));
            Ok(())
        })?;
        Ok(values)
    }

    pub(in crate::table) fn booleans(&self, place: usize) -> Result<Values, TableError> {
        let mut values = Vec::with_capacity(self.rows);
        self.for_each_batch(place, |array| {
            let array = self.cast(place, array, &DataType::Boolean)?;
            values.extend(array.as_boolean().iter().map(|value| value.map_or(MISSING_BOOLEAN, u8::from)));
            Ok(())
        })?;
        Ok(Values::Boolean(values))
    }

    pub(in crate::table) fn times(&self, place: usize) -> Result<Values, TableError> {
        let mut values = Vec::with_capacity(self.rows);
        self.for_each_batch(place, |array| {
            let zone = match array.data_type() {
                DataType::Timestamp(_, zone) => zone.clone(),
                _ => None,
            };
            let array = self.cast(place, array, &DataType::Timestamp(TimeUnit::Microsecond, zone))?;
            for time in array.as_primitive::<types::TimestampMicrosecondType>() {
                if time.is_some_and(|time| !times::in_range(time)) {
                    let row = values.len() as u64 + 1;
                    let (name, limit) = (&self.names[place], "a time beyond the year 9999");
                    return Err(TableError::new(
                        TableErrorKind::Malformed,
                        format!("row {row} has {limit} in column {name:?}"),
                        "leave the value out, or write a true one",
                    )
                    .at_row(row)
                    .in_column(name));
                }
                values.push(time.unwrap_or(MISSING_TIME));
            }
            Ok(())
        })?;
        Ok(Values::Time(values))
    }

    /// Strings; numbers as decimal digits, bytes of a fixed size as hexadecimal ones.
    fn strings(&self, place: usize) -> Result<Interner, TableError> {
        self.strings_by(place, Interner::push)
    }

    /// Strings, as they are to the space.
    pub(in crate::table) fn exact_strings(&self, place: usize) -> Result<Interner, TableError> {
        self.strings_by(place, Interner::push_exact)
    }

    fn strings_by(&self, place: usize, push: fn(&mut Interner, &str)) -> Result<Interner, TableError> {
        let mut strings = Interner::default();
        let name = &self.names[place];
        self.for_each_batch(place, |array| {
            let mut take = |value: Option<&str>| {
                if let Some(value) = value {
                    self.limits.check_cell(value.len(), strings.len() as u64 + 1, name)?;
                    push(&mut strings, value);
                } else {
                    strings.push_missing();
                }
                Ok(())
            };
            if let Some(bytes) = array.as_fixed_size_binary_opt() {
                bytes.iter().try_for_each(|value| take(value.map(hexadecimal).as_deref()))?;
            } else if let Some(bytes) = array.as_binary_view_opt() {
                // Strings of writers that do not mark them as such.
                for value in bytes {
                    let text = value.map(str::from_utf8).transpose().map_err(|_| {
                        unsupported(
                            name,
                            "holds bytes that are not UTF-8 text",
                            "leave it out, or write it as text",
                        )
                    })?;
                    take(text)?;
                }
            } else {
                let array = self.cast(place, array, &DataType::Utf8View)?;
                array.as_string_view().iter().try_for_each(take)?;
            }
            if strings.bytes() > self.limits.max_bytes {
                return Err(self.limits.too_many_bytes());
            }
            Ok(())
        })?;
        Ok(strings)
    }

    fn cast(&self, place: usize, array: &ArrayRef, to: &DataType) -> Result<ArrayRef, TableError> {
        let options = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(array, to, &options)
            .map_err(|error| malformed(&error).in_column(&self.names[place]))
    }

    fn for_each_batch(
        &self,
        place: usize,
        mut take: impl FnMut(&ArrayRef) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        let mut rows = 0;
        let broken = |error: &dyn std::fmt::Display| malformed(error).in_column(&self.names[place]);
        let batches =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.metadata.clone())
                .with_projection(ProjectionMask::leaves(self.metadata.parquet_schema(), [place]))
                .with_batch_size(BATCH_ROWS)
                .build()
                .map_err(|error| broken(&error))?;
        for batch in batches {
            let batch: RecordBatch = batch.map_err(|error| broken(&error))?;
            rows += batch.num_rows();
            if rows > self.rows {
                break;
            }
            take(batch.column(0))?;
        }
        if rows != self.rows {
            return Err(broken(&"the number of its values is not the number of rows"));
        }
        Ok(())
    }
}

/// How a file's columns are read, their names and the number of rows, after a look at what it claims.
pub(in crate::table) fn prepared(
    metadata: &ArrowReaderMetadata,
    limits: &ReadLimits,
) -> Result<(ArrowReaderMetadata, Vec<String>, usize), TableError> {
    let fields = metadata.schema().fields();
    limits.check_columns(fields.len())?;
    if fields.is_empty() {
        return Err(no_rows());
    }
    if let Some(nested) = fields.iter().find(|field| field.data_type().is_nested()) {
        return Err(unsupported(nested.name(), "is nested", "give each nested value a column of its own"));
    }
    let names = column_names(fields.iter().map(|field| field.name().as_str()), limits)?;
    let rows = check_row_groups(metadata.metadata(), &names, limits)?;
    let schema = fields.iter().zip(metadata.parquet_schema().columns()).map(|(field, leaf)| {
        let data_type = match field.data_type() {
            // Views share the bytes of a repeated string; copies of it could fill the memory.
            DataType::Utf8 if leaf.converted_type() == ConvertedType::UTF8 => DataType::Utf8View,
            DataType::Binary => DataType::BinaryView,
            // The old type holds years that nanoseconds do not.
            DataType::Timestamp(_, zone) if leaf.physical_type() == Type::INT96 => {
                DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
            }
            other => other.clone(),
        };
        Arc::new(Field::clone(field).with_data_type(data_type))
    });
    let schema = Arc::new(Schema::new(schema.collect::<Vec<_>>()));
    let options = ArrowReaderOptions::new().with_schema(schema);
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
        .map_err(|error| malformed(&error))?;
    Ok((metadata, names, rows))
}

/// The number of rows, after a look at what the file says about its size.
fn check_row_groups(
    metadata: &ParquetMetaData,
    names: &[String],
    limits: &ReadLimits,
) -> Result<usize, TableError> {
    let (mut rows, mut bytes) = (0_u64, 0_u64);
    for group in metadata.row_groups() {
        let group_rows = u64::try_from(group.num_rows()).map_err(|error| malformed(&error))?;
        rows = rows.saturating_add(group_rows);
        for (column, name) in group.columns().iter().zip(names) {
            let size = u64::try_from(column.uncompressed_size()).map_err(|error| malformed(&error))?;
            bytes = bytes.saturating_add(size);
            let codec = match column.compression() {
                Compression::LZO => "LZO",
                Compression::BROTLI(_) => "Brotli",
                _ => continue,
            };
            let what = format!("is compressed with {codec}");
            return Err(unsupported(name, &what, "write the file with Zstandard or Snappy compression"));
        }
    }
    limits.check_rows(rows, names.len())?;
    if bytes > limits.max_bytes {
        return Err(limits.too_many_bytes());
    }
    Ok(rows as usize)
}

fn decimal_scale(data_type: &DataType) -> Option<i8> {
    match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => Some(*scale),
        _ => None,
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String can not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(in crate::table) fn malformed(error: &dyn std::fmt::Display) -> TableError {
    TableError::new(
        TableErrorKind::Malformed,
        format!("the Parquet file is broken: {error}"),
        "write and send the file again",
    )
}

fn unsupported(column: &str, what: &str, remedy: &str) -> TableError {
    TableError::new(TableErrorKind::Unsupported, format!("column {column:?} {what}"), remedy)
        .in_column(column)
}

#[cfg(test)]
mod tests {
    use arrow_array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, FixedSizeBinaryArray,
        Float32Array, Int64Array, LargeStringArray, ListArray, NullArray, StringArray,
        Time64MicrosecondArray, TimestampNanosecondArray, UInt8Array, UInt64Array,
    };
    use parquet::{
        arrow::ArrowWriter,
        file::properties::{EnabledStatistics, WriterProperties},
    };

    use super::*;
    use crate::table::{
        Kind::{Boolean, Category, Datetime, Integer, Number},
        MISSING_CODE,
    };

    fn write(columns: Vec<(&str, ArrayRef)>, compression: Compression) -> Vec<u8> {
        let batch =
            RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
        let mut bytes = Vec::new();
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_max_row_group_row_count(Some(2))
            .build();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    }

    fn table(columns: Vec<(&str, ArrayRef)>) -> Result<Table, TableError> {
        read(&write(columns, Compression::SNAPPY), &ReadLimits::default())
    }

    fn strings(codes: &[u32], levels: &[&str]) -> Values {
        Values::Strings { codes: codes.to_vec(), levels: levels.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn every_flat_type() {
        let dictionary: DictionaryArray<types::Int32Type> =
            vec![Some("a"), None, Some("a")].into_iter().collect();
        let decimal = |scale| {
            Decimal128Array::from(vec![Some(1250), None, Some(-25)])
                .with_precision_and_scale(12, scale)
                .unwrap()
        };
        let bytes = [Some([0xAB_u8, 1]), None, Some([0, 255])];
        let bytes = FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes.into_iter(), 2).unwrap();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("u8", Arc::new(UInt8Array::from(vec![Some(1), None, Some(3)]))),
            ("f32", Arc::new(Float32Array::from(vec![Some(0.5), Some(f32::NAN), Some(f32::INFINITY)]))),
            ("dec", Arc::new(decimal(2))),
            ("dec0", Arc::new(decimal(0))),
            ("bool", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
            ("day", Arc::new(Date32Array::from(vec![Some(1), None, Some(-1)]))),
            (
                "ns",
                Arc::new(
                    TimestampNanosecondArray::from(vec![Some(1500), None, Some(0)]).with_timezone("+02:00"),
                ),
            ),
            ("clock", Arc::new(Time64MicrosecondArray::from(vec![Some(90_500_000), None, Some(0)]))),
            ("dict", Arc::new(dictionary)),
            ("large", Arc::new(LargeStringArray::from(vec![Some(" b "), Some(""), Some("1")]))),
            ("bin", Arc::new(BinaryArray::from_opt_vec(vec![Some(b"x"), None, Some(b"x")]))),
            ("fixed", Arc::new(bytes)),
            ("null", Arc::new(NullArray::new(3))),
            ("big", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(1)]))),
        ];
        let table = table(columns).unwrap();
        let kinds: Vec<Kind> = table.columns.iter().map(|column| column.kind).collect();
        assert_eq!(
            kinds,
            [
                Integer, Number, Number, Integer, Boolean, Datetime, Datetime, Number, Category, Category,
                Category, Category, Category, Category
            ]
        );
        let number = |name: &str| match &table.column(name).unwrap().values {
            Values::Number(values) => values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            other => panic!("{other:?}"),
        };
        assert_eq!(number("u8"), "1 NaN 3");
        assert_eq!(number("f32"), "0.5 NaN inf");
        assert_eq!(number("dec"), "12.5 NaN -0.25");
        assert_eq!(number("dec0"), "1250 NaN -25");
        assert_eq!(number("clock"), "90.5 NaN 0");
        let values = |name: &str| &table.column(name).unwrap().values;
        assert_eq!(values("bool"), &Values::Boolean(vec![1, MISSING_BOOLEAN, 0]));
        assert_eq!(values("day"), &Values::Time(vec![86_400_000_000, MISSING_TIME, -86_400_000_000]));
        assert_eq!(values("ns"), &Values::Time(vec![1, MISSING_TIME, 0]));
        assert_eq!(values("dict"), &strings(&[0, MISSING_CODE, 0], &["a"]));
        assert_eq!(values("large"), &strings(&[0, MISSING_CODE, 1], &["b", "1"]));
        assert_eq!(values("bin"), &strings(&[0, MISSING_CODE, 0], &["x"]));
        assert_eq!(values("fixed"), &strings(&[0, MISSING_CODE, 1], &["ab01", "00ff"]));
        assert_eq!(values("null"), &strings(&[MISSING_CODE; 3], &[]));
        assert_eq!(values("big"), &strings(&[0, MISSING_CODE, 1], &["18446744073709551615", "1"]));
    }

    #[test]
    fn what_is_refused() {
        let list = ListArray::from_iter_primitive::<types::Int32Type, _, _>([Some([Some(1)])]);
        let error = table(vec![("deep", Arc::new(list))]).unwrap_err();
        assert_eq!((error.kind, error.column.as_deref()), (TableErrorKind::Unsupported, Some("deep")));

        let error = table(vec![("b", Arc::new(BinaryArray::from_vec(vec![b"\xFF\xFE"])))]).unwrap_err();
        assert_eq!((error.kind, error.column.as_deref()), (TableErrorKind::Unsupported, Some("b")));

        let none = table(vec![("x", Arc::new(Int64Array::from(Vec::<i64>::new())))]).unwrap_err();
        assert_eq!(none.kind, TableErrorKind::NoRows);

        let late = Int64Array::from(vec![i64::MAX]);
        let late = arrow_array::TimestampMicrosecondArray::from(late.values().to_vec());
        let error = table(vec![("t", Arc::new(late))]).unwrap_err();
        assert_eq!((error.kind, error.row), (TableErrorKind::Malformed, Some(1)));
    }

    #[test]
    fn limits() {
        let one: ArrayRef = Arc::new(StringArray::from(vec!["xxxxxxxx"; 5]));
        let bytes = write(vec![("a", Arc::clone(&one)), ("b", one)], Compression::UNCOMPRESSED);
        let kind = |limits: ReadLimits| read(&bytes, &limits).unwrap_err().kind;
        let all = ReadLimits::default();
        assert_eq!(kind(ReadLimits { max_rows: 4, ..all.clone() }), TableErrorKind::TooManyRows);
        assert_eq!(kind(ReadLimits { max_columns: 1, ..all.clone() }), TableErrorKind::TooManyColumns);
        assert_eq!(kind(ReadLimits { max_cells: 9, ..all.clone() }), TableErrorKind::TooLarge);
        assert_eq!(kind(ReadLimits { max_cell_bytes: 7, ..all.clone() }), TableErrorKind::TooLarge);
        assert_eq!(kind(ReadLimits { max_bytes: 50, ..all.clone() }), TableErrorKind::TooLarge);
        assert!(read(&bytes, &all).is_ok());
    }

    #[test]
    fn compressions() {
        let column =
            || -> Vec<(&str, ArrayRef)> { vec![("a", Arc::new(StringArray::from(vec!["x", "y", "x"])))] };
        for compression in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::GZIP(parquet::basic::GzipLevel::default()),
            Compression::LZ4,
            Compression::LZ4_RAW,
            Compression::ZSTD(parquet::basic::ZstdLevel::default()),
        ] {
            let table = read(&write(column(), compression), &ReadLimits::default()).unwrap();
            assert_eq!(table.columns[0].values, strings(&[0, 1, 0], &["x", "y"]));
        }
    }
}
