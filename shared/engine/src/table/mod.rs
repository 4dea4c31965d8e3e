//! A table in memory: named, typed columns of equal length.

use serde::{Deserialize, Serialize};

/// What a column means, decided once at ingestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A real number.
    Number,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// One of a set of levels.
    Category,
    /// A point in time.
    Datetime,
    /// Free text.
    Text,
    /// A value of its own on (almost) every row, such as a key: never a feature.
    Identifier,
}

/// A column's values. All variants can hold missing values, in the way that each one names.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers and integers; missing is NaN. Infinities are kept: it is for the reader of the
    /// values to refuse them.
    Number(Vec<f64>),
    /// 0, 1, or [`MISSING_BOOLEAN`].
    Boolean(Vec<u8>),
    /// Microseconds since 1970-01-01T00:00:00Z, or [`MISSING_TIME`].
    Time(Vec<i64>),
    /// Categories, text and identifiers: `codes` point into `levels`, or are [`MISSING_CODE`].
    /// Levels are distinct and in the order of their first row.
    Strings {
        /// One code a row.
        codes: Vec<u32>,
        /// The distinct strings.
        levels: Vec<String>,
    },
}

/// A missing [`Values::Boolean`].
pub const MISSING_BOOLEAN: u8 = u8::MAX;
/// A missing [`Values::Time`].
pub const MISSING_TIME: i64 = i64::MIN;
/// A missing [`Values::Strings`] code.
pub const MISSING_CODE: u32 = u32::MAX;

/// A named, typed column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The name in the file's header.
    pub name: String,
    /// What it means.
    pub kind: Kind,
    /// Its values, one a row.
    pub values: Values,
}

/// Columns of equal length with distinct names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// In file order.
    pub columns: Vec<Column>,
    /// The length of every column.
    pub rows: usize,
}

impl Values {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Values::Number(v) => v.len(),
            Values::Boolean(v) => v.len(),
            Values::Time(v) => v.len(),
            Values::Strings { codes, .. } => codes.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the value of `row` is missing.
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Values::Number(v) => v[row].is_nan(),
            Values::Boolean(v) => v[row] == MISSING_BOOLEAN,
            Values::Time(v) => v[row] == MISSING_TIME,
            Values::Strings { codes, .. } => codes[row] == MISSING_CODE,
        }
    }
}

impl Table {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}
