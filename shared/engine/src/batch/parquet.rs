//! Results as Parquet.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, LargeStringArray, RecordBatch};
use arrow_schema::{DataType, Field as ArrowField, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::{Labels, Names, carried, unwritable};
use crate::artifact::Predictions;
use crate::table::scan::Slice;
use crate::table::snapshot::{array, data_type};
use crate::table::{Field, TableError};

const ZSTD_LEVEL: i32 = 3;
const GROUP_ROWS: usize = 1 << 17;

/// A Parquet file while it is written.
pub(super) struct Writer {
    to: ArrowWriter<Vec<u8>>,
    schema: Arc<Schema>,
    carried: Vec<Field>,
    labels: Labels,
}

impl Writer {
    pub(super) fn new(carried: &[Field], names: &Names, labels: Labels) -> Result<Self, TableError> {
        let prediction = match labels {
            Labels::None | Labels::Numbers(_) => DataType::Float64,
            Labels::Booleans(_) => DataType::Boolean,
            Labels::Integers(_) => DataType::Int64,
            Labels::Strings(_) => DataType::LargeUtf8,
        };
        let mut fields = vec![ArrowField::new(&names.row, DataType::Int64, false)];
        fields.extend(carried.iter().map(|field| ArrowField::new(&field.name, data_type(field.kind), true)));
        fields.push(ArrowField::new(&names.prediction, prediction, true));
        fields.extend(names.probabilities.iter().map(|name| ArrowField::new(name, DataType::Float64, false)));
        let schema = Arc::new(Schema::new(fields));
        let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(|error| unwritable(&error))?;
        let properties = WriterProperties::builder()
            .set_created_by("fettle".to_owned())
            .set_compression(Compression::ZSTD(level))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options)
            .map_err(|error| unwritable(&error))?;
        Ok(Self { to: writer, schema, carried: carried.to_vec(), labels })
    }

    pub(super) fn write(&mut self, slice: &Slice, predictions: &Predictions) -> Result<(), TableError> {
        let rows = slice.rows.len();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        arrays.push(Arc::new(slice.rows.iter().map(|row| *row as i64).collect::<Int64Array>()));
        for field in &self.carried {
            arrays.push(array(carried(slice, field)?, 0..rows));
        }
        match predictions {
            Predictions::Numbers(numbers) => {
                let finite = |number: &f64| number.is_finite().then_some(*number);
                arrays.push(Arc::new(numbers.iter().map(finite).collect::<Float64Array>()));
            }
            Predictions::Classes { labels, probabilities, classes } => {
                arrays.push(self.labelled(labels)?);
                let width = classes.names().len();
                for class in 0..width {
                    let of_class = probabilities.iter().skip(class).step_by(width).copied();
                    arrays.push(Arc::new(Float64Array::from_iter_values(of_class)));
                }
            }
        }
        let batch =
            RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(|error| unwritable(&error))?;
        self.to.write(&batch).map_err(|error| unwritable(&error))
    }

    fn labelled(&self, labels: &[u32]) -> Result<ArrayRef, TableError> {
        fn each<T: Copy>(labels: &[u32], of: &[T]) -> impl Iterator<Item = Option<T>> {
            labels.iter().map(|label| of.get(*label as usize).copied())
        }
        Ok(match &self.labels {
            Labels::Booleans(of) => Arc::new(each(labels, of).collect::<BooleanArray>()),
            Labels::Integers(of) => Arc::new(each(labels, of).collect::<Int64Array>()),
            Labels::Numbers(of) => Arc::new(each(labels, of).collect::<Float64Array>()),
            Labels::Strings(of) => {
                let strings = labels.iter().map(|label| of.get(*label as usize));
                Arc::new(strings.collect::<LargeStringArray>())
            }
            Labels::None => return Err(unwritable(&"a regression has no classes")),
        })
    }

    pub(super) fn bytes(&self) -> usize {
        self.to.bytes_written() + self.to.in_progress_size()
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, TableError> {
        self.to.into_inner().map_err(|error| unwritable(&error))
    }
}
