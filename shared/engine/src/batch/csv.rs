//! Results as CSV.

use std::borrow::Cow;

use serde_json::Value;

use super::{Labels, Names, carried, unwritable};
use crate::artifact::Predictions;
use crate::table::preview::cell;
use crate::table::scan::Slice;
use crate::table::{Field, TableError};

/// A CSV file while it is written.
pub(super) struct Writer {
    to: csv::Writer<Vec<u8>>,
    carried: Vec<Field>,
    /// As they are written; none of a regression.
    labels: Vec<String>,
}

impl Writer {
    pub(super) fn new(carried: &[Field], names: &Names, labels: Labels) -> Result<Self, TableError> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let columns = std::iter::once(&names.row)
            .chain(carried.iter().map(|field| &field.name))
            .chain(std::iter::once(&names.prediction))
            .chain(&names.probabilities);
        writer.write_record(columns).map_err(|error| unwritable(&error))?;
        let labels = match labels {
            Labels::None => Vec::new(),
            Labels::Booleans(of) => of.iter().map(ToString::to_string).collect(),
            Labels::Integers(of) => of.iter().map(ToString::to_string).collect(),
            Labels::Numbers(of) => of.into_iter().map(number).collect(),
            Labels::Strings(of) => of,
        };
        Ok(Self { to: writer, carried: carried.to_vec(), labels })
    }

    pub(super) fn write(&mut self, slice: &Slice, predictions: &Predictions) -> Result<(), TableError> {
        let columns =
            self.carried.iter().map(|field| carried(slice, field)).collect::<Result<Vec<_>, _>>()?;
        let failed = |error: csv::Error| unwritable(&error);
        for (at, row) in slice.rows.iter().enumerate() {
            self.to.write_field(row.to_string()).map_err(failed)?;
            for column in &columns {
                let text = match cell(&column.values, column.kind, at) {
                    Value::Null => Cow::Borrowed(""),
                    Value::String(text) => Cow::Owned(text),
                    other => Cow::Owned(other.to_string()),
                };
                self.to.write_field(text.as_bytes()).map_err(failed)?;
            }
            match predictions {
                Predictions::Numbers(numbers) => {
                    self.to.write_field(number(numbers[at])).map_err(failed)?;
                }
                Predictions::Classes { labels, probabilities, classes } => {
                    let label = self.labels.get(labels[at] as usize);
                    self.to.write_field(label.map_or("", String::as_str)).map_err(failed)?;
                    let width = classes.names().len();
                    for probability in &probabilities[at * width..(at + 1) * width] {
                        self.to.write_field(number(*probability)).map_err(failed)?;
                    }
                }
            }
            self.to.write_record(None::<&[u8]>).map_err(failed)?;
        }
        self.to.flush().map_err(|error| unwritable(&error))
    }

    pub(super) fn bytes(&self) -> usize {
        self.to.get_ref().len()
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, TableError> {
        self.to.into_inner().map_err(|error| unwritable(&error))
    }
}

/// The shortest text that is read back as the same number; nothing for what is none.
fn number(number: f64) -> String {
    if number.is_finite() { format!("{number:?}") } else { String::new() }
}
