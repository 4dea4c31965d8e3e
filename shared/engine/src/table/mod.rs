//! A table in memory: named, typed columns of equal length; how bytes become one, and what it holds.
//!
//! [`read`] takes a file (CSV, JSON lines, Parquet, each also in gzip), decides each column's [`Kind`]
//! from all of its rows, and gives a [`Table`]. [`Table::to_snapshot`] keeps one for later,
//! [`profile`] says what is in it, and [`decode_rows`] makes one from the rows of a prediction.

mod cells;
mod error;
mod infer;
mod literal;
pub(crate) mod preview;
mod profile;
mod read;
mod rows;
pub mod scan;
pub(crate) mod snapshot;
mod times;

pub use cells::{decode_cells, decode_csv_cells, match_names};
pub use error::{TableError, TableErrorKind};
pub use profile::{ColumnProfile, Histogram, Profile, TopValue, profile};
pub use read::{ReadLimits, read};
pub use rows::{RowError, decode_csv_rows, decode_rows};

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

/// A column's name and kind: one line of a schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// What it means.
    #[serde(rename = "type")]
    pub kind: Kind,
}

impl Kind {
    /// The `snake_case` name, as in JSON.
    pub fn code(self) -> &'static str {
        match self {
            Kind::Number => "number",
            Kind::Integer => "integer",
            Kind::Boolean => "boolean",
            Kind::Category => "category",
            Kind::Datetime => "datetime",
            Kind::Text => "text",
            Kind::Identifier => "identifier",
        }
    }
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

    /// The values of these rows, in this order; a row may be asked for more than once. Levels that no
    /// row has any more are dropped, so they stay in the order of their first row. O(rows + levels).
    ///
    /// # Panics
    /// When a row is out of bounds.
    #[must_use]
    pub fn take(&self, rows: &[u32]) -> Values {
        fn pick<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
            rows.iter().map(|&row| values[row as usize]).collect()
        }
        match self {
            Values::Number(v) => Values::Number(pick(v, rows)),
            Values::Boolean(v) => Values::Boolean(pick(v, rows)),
            Values::Time(v) => Values::Time(pick(v, rows)),
            Values::Strings { codes, levels } => {
                let mut kept = Vec::new();
                let mut renamed = vec![MISSING_CODE; levels.len()];
                let codes = pick(codes, rows)
                    .into_iter()
                    .map(|code| {
                        if code == MISSING_CODE {
                            return MISSING_CODE;
                        }
                        let new = &mut renamed[code as usize];
                        if *new == MISSING_CODE {
                            *new = kept.len() as u32;
                            kept.push(levels[code as usize].clone());
                        }
                        *new
                    })
                    .collect();
                Values::Strings { codes, levels: kept }
            }
        }
    }
}

impl Table {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The names and kinds of the columns, in order.
    pub fn fields(&self) -> Vec<Field> {
        self.columns.iter().map(|column| Field { name: column.name.clone(), kind: column.kind }).collect()
    }

    /// The table of these rows, in this order. See [`Values::take`].
    ///
    /// # Panics
    /// When a row is out of bounds.
    #[must_use]
    pub fn take(&self, rows: &[u32]) -> Table {
        let columns = self
            .columns
            .iter()
            .map(|column| Column {
                name: column.name.clone(),
                kind: column.kind,
                values: column.values.take(rows),
            })
            .collect();
        Table { columns, rows: rows.len() }
    }
}
