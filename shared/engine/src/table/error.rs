//! What can be wrong with a file.

use serde::{Deserialize, Serialize};

/// The kinds of [`TableError`], each with a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TableErrorKind {
    /// No bytes, or nothing but white space.
    Empty,
    /// A header and no row under it.
    NoRows,
    /// A row with more or fewer fields than the header.
    Ragged,
    /// Two columns of one name.
    DuplicateColumn,
    /// More columns than the limit.
    TooManyColumns,
    /// More rows than the limit.
    TooManyRows,
    /// More bytes (unpacked), cells, or bytes in one cell than the limit.
    TooLarge,
    /// Binary data in no format that is known.
    NotText,
    /// Text in an encoding that can not be told, or broken in its own encoding.
    Encoding,
    /// A known format that breaks its own rules.
    Malformed,
    /// A known format, type or compression that is not read here.
    Unsupported,
}

impl TableErrorKind {
    /// The stable `snake_case` code, for problem types and tests.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NoRows => "no_rows",
            Self::Ragged => "ragged",
            Self::DuplicateColumn => "duplicate_column",
            Self::TooManyColumns => "too_many_columns",
            Self::TooManyRows => "too_many_rows",
            Self::TooLarge => "too_large",
            Self::NotText => "not_text",
            Self::Encoding => "encoding",
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
        }
    }
}

/// Why bytes are not a table: what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct TableError {
    /// What sort of fault.
    pub kind: TableErrorKind,
    /// What is wrong, in a sentence.
    pub detail: String,
    /// The data row, counted from 1; a header is not counted.
    pub row: Option<u64>,
    /// The column's name.
    pub column: Option<String>,
    /// What the owner of the file can do.
    pub remedy: String,
}

impl TableError {
    /// An error that concerns the whole file.
    pub(crate) fn new(kind: TableErrorKind, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), row: None, column: None, remedy: remedy.into() }
    }

    /// The same error, at a data row counted from 1.
    pub(crate) fn at_row(mut self, row: u64) -> Self {
        self.row = Some(row);
        self
    }

    /// The same error, in a column.
    pub(crate) fn in_column(mut self, column: &str) -> Self {
        self.column = Some(column.to_owned());
        self
    }
}
