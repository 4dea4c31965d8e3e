//! What a batch predicts, as files: each row's number, what is carried along, the prediction, and the
//! probability of each class.

mod csv;
mod parquet;

use crate::artifact::{Model, Predictions};
use crate::classes::Classes;
use crate::table::scan::Slice;
use crate::table::{Field, TableError, TableErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The form of a batch's results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Apache Parquet, packed with Zstandard.
    Parquet,
    /// Separated by commas, under a header.
    Csv,
}

impl Format {
    /// How a file's name ends.
    pub fn ending(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Csv => "csv",
        }
    }
}

/// The names of the columns that are added.
struct Names {
    row: String,
    prediction: String,
    probabilities: Vec<String>,
}

impl Names {
    /// None that is carried along already: with `_` behind it as often as needed.
    fn new(carried: &[Field], classes: &[String]) -> Self {
        let mut taken: Vec<String> = carried.iter().map(|field| field.name.clone()).collect();
        let mut fresh = |mut name: String| {
            while taken.contains(&name) {
                name.push('_');
            }
            taken.push(name.clone());
            name
        };
        let (row, prediction) = (fresh("row".to_owned()), fresh("prediction".to_owned()));
        let probabilities = classes.iter().map(|class| fresh(format!("probability_{class}"))).collect();
        Self { row, prediction, probabilities }
    }
}

/// Classes in the type of their column.
enum Labels {
    /// A regression has none.
    None,
    Booleans(Vec<bool>),
    Integers(Vec<i64>),
    Numbers(Vec<f64>),
    Strings(Vec<String>),
}

/// All values in a type, if that is the type of each.
fn all<T>(values: &[&Value], read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    values.iter().map(|value| read(value)).collect()
}

impl Labels {
    fn of(model: &Model) -> Self {
        let names = model.classes();
        if names.is_empty() {
            return Labels::None;
        }
        let classes = Classes::new(names.to_vec(), model.target_kind());
        let values: Vec<&Value> = (0..names.len() as u32).map(|class| classes.value(class)).collect();
        if let Some(flags) = all(&values, Value::as_bool) {
            return Labels::Booleans(flags);
        }
        if let Some(integers) = all(&values, Value::as_i64) {
            return Labels::Integers(integers);
        }
        all(&values, Value::as_f64).map_or_else(|| Labels::Strings(names.to_vec()), Labels::Numbers)
    }
}

/// A file of results while it is written, in memory.
pub struct Part {
    to: To,
    rows: u64,
}

enum To {
    Parquet(Box<parquet::Writer>),
    Csv(Box<csv::Writer>),
}

impl Part {
    /// An empty file of a model's results, with these columns of the input carried along.
    ///
    /// # Errors
    /// When two of them have the same name.
    pub fn new(format: Format, carried: &[Field], model: &Model) -> Result<Part, TableError> {
        let (names, labels) = (Names::new(carried, model.classes()), Labels::of(model));
        let to = match format {
            Format::Parquet => To::Parquet(Box::new(parquet::Writer::new(carried, &names, labels)?)),
            Format::Csv => To::Csv(Box::new(csv::Writer::new(carried, &names, labels)?)),
        };
        Ok(Part { to, rows: 0 })
    }

    /// Adds the rows of a slice, whose table has the columns that are carried along.
    ///
    /// # Errors
    /// When there are more or fewer predictions than rows, or a column is not there.
    pub fn write(&mut self, slice: &Slice, predictions: &Predictions) -> Result<(), TableError> {
        if predictions.len() != slice.rows.len() {
            return Err(unwritable(&"there are more or fewer predictions than rows"));
        }
        match &mut self.to {
            To::Parquet(writer) => writer.write(slice, predictions)?,
            To::Csv(writer) => writer.write(slice, predictions)?,
        }
        self.rows += slice.rows.len() as u64;
        Ok(())
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// About how many bytes it has so far.
    pub fn bytes(&self) -> usize {
        match &self.to {
            To::Parquet(writer) => writer.bytes(),
            To::Csv(writer) => writer.bytes(),
        }
    }

    /// The file.
    ///
    /// # Errors
    /// When the Parquet file can not be closed.
    pub fn finish(self) -> Result<Vec<u8>, TableError> {
        match self.to {
            To::Parquet(writer) => writer.finish(),
            To::Csv(writer) => writer.finish(),
        }
    }
}

fn unwritable(error: &dyn std::fmt::Display) -> TableError {
    TableError::new(
        TableErrorKind::Malformed,
        format!("the results can not be written: {error}"),
        "report this, with the model and the columns that are carried along",
    )
}

/// The column of a slice that is carried along.
fn carried<'a>(slice: &'a Slice, field: &Field) -> Result<&'a crate::table::Column, TableError> {
    slice.table.column(&field.name).ok_or_else(|| unwritable(&format!("there is no column {:?}", field.name)))
}

#[cfg(test)]
mod tests;
