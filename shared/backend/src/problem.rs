//! What a caller is told when something is wrong: RFC 9457 problem details.
//!
//! One type holds both sides of the story. The outside gets a stable `type`, what is wrong, where,
//! and what to do; the log gets the source, once, with the request id that the answer carries.

use crate::ports;
use fettle_engine::plan::SpecError;
use fettle_engine::table::{RowError, TableError};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// Why a request was not done. [`Kind::answer`] maps each to a status, a type and a title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// No key, or one that is unknown, expired or revoked.
    Unauthenticated,
    /// The caller's role does not allow it.
    Forbidden,
    /// There is no such thing in the caller's workspace.
    NotFound,
    /// The address exists, but not for this method.
    MethodNotAllowed,
    /// The body or a parameter can not be read at all.
    Malformed,
    /// A field is there but its value can not be used.
    InvalidField,
    /// A body, a file or a list is larger than the limit.
    TooLarge,
    /// The name is taken.
    AlreadyExists,
    /// It changed since the caller read it.
    Stale,
    /// It is not in the state that the request needs.
    WrongState,
    /// The idempotency key was used for another request.
    IdempotencyKeyReused,
    /// The uploaded file is not a table that can be used; the code says why.
    Table(&'static str),
    /// The run can not be planned; the code says why.
    Spec(&'static str),
    /// A row does not fit the model's schema.
    Row,
    /// The deployment is paused.
    Paused,
    /// More requests than a limit lets in.
    TooMany,
    /// The platform can not do it just now; the same request may succeed later.
    Unavailable,
    /// A fault of the platform's.
    Internal,
}

/// What the outside is told of a [`Kind`].
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The last part of the problem's type.
    pub code: Cow<'static, str>,
    /// The same words for every problem of the type.
    pub title: &'static str,
}

impl Kind {
    /// The one place where errors become statuses.
    pub fn answer(&self) -> Answer {
        let (status, code, title) = match self {
            Kind::Unauthenticated => (401, "unauthenticated", "A valid key is needed"),
            Kind::Forbidden => (403, "forbidden", "Your role does not allow this"),
            Kind::NotFound => (404, "not-found", "There is no such thing"),
            Kind::MethodNotAllowed => (405, "method-not-allowed", "Not with this method"),
            Kind::Malformed => (400, "malformed", "The request can not be read"),
            Kind::InvalidField => (422, "invalid-field", "A field can not be used"),
            Kind::TooLarge => (413, "too-large", "Over a limit"),
            Kind::AlreadyExists => (409, "already-exists", "The name is taken"),
            Kind::Stale => (412, "stale-revision", "It changed since you read it"),
            Kind::WrongState => (409, "wrong-state", "Not in its present state"),
            Kind::IdempotencyKeyReused => {
                (422, "idempotency-key-reused", "The idempotency key was used before")
            }
            Kind::Table(code) => (422, *code, "The file can not be used as a table"),
            Kind::Spec(code) => (422, *code, "The run can not be planned"),
            Kind::Row => (422, "row-does-not-fit", "A row does not fit the model's schema"),
            Kind::Paused => (503, "paused", "It is paused"),
            Kind::TooMany => (429, "too-many-requests", "Over a limit of requests"),
            Kind::Unavailable => (503, "unavailable", "Not just now"),
            Kind::Internal => (500, "internal", "A fault of the platform"),
        };
        Answer { status, code: code.replace('_', "-").into(), title }
    }
}

/// Where in a request or a file the trouble is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Place {
    /// The field of the request, such as `rows[2].island` or `folds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The row of the file, counted from 1 below the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// The column of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// A problem as JSON, without what only the answer to a request has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ProblemBody {
    /// Stable name of the kind of problem: `urn:fettle:problem:…`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same words for every problem of the type.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time.
    pub detail: String,
    /// Where it is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "where")]
    pub place: Option<Place>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The request's id, by which the log has the rest of the story.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// A request that was not done.
#[derive(Debug)]
pub struct Problem {
    /// Why.
    pub kind: Kind,
    story: Box<Story>,
}

/// All that is seldom looked at, kept apart so that a result stays small.
#[derive(Debug)]
struct Story {
    detail: String,
    place: Option<Place>,
    remedy: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Problem {
    /// A problem of that kind; `detail` is for the caller.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            story: Box::new(Story { detail: detail.into(), place: None, remedy: None, source: None }),
        }
    }

    /// There is no such `what` as `name` for this caller.
    pub fn not_found(what: &str, name: &str) -> Self {
        let shown: String = name.chars().take(64).collect();
        Self::new(Kind::NotFound, format!("no {what} `{shown}`"))
    }

    /// A field whose value can not be used.
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::new(Kind::InvalidField, detail).at_field(field)
    }

    /// A fault of the platform's; the caller is told no more than that.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let mut problem =
            Self::new(Kind::Internal, "something went wrong inside; the log has it under the request id");
        problem.story.source = Some(source.into());
        problem
    }

    /// With the field of the request that is wrong.
    #[must_use]
    pub fn at_field(mut self, field: impl Into<String>) -> Self {
        self.story.place.get_or_insert_default().field = Some(field.into());
        self
    }

    /// With the field that it names as a part of another.
    #[must_use]
    pub(crate) fn below(mut self, field: &str) -> Self {
        if let Some(inner) = self.story.place.as_mut().and_then(|place| place.field.as_mut()) {
            *inner = format!("{field}.{inner}");
        }
        self
    }

    /// With what the caller can do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.story.remedy = Some(remedy.into());
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        self.kind.answer().status
    }

    /// What is wrong, in words.
    pub fn detail(&self) -> &str {
        &self.story.detail
    }

    /// If a transaction's condition did not hold: of which write.
    pub(crate) fn conflict_at(&self) -> Option<usize> {
        let error = self.story.source.as_ref()?.downcast_ref::<ports::Error>()?;
        match error.kind() {
            ports::ErrorKind::Conflict { at } => Some(at),
            _ => None,
        }
    }

    /// What the caller is told.
    pub fn body(&self) -> ProblemBody {
        let answer = self.kind.answer();
        ProblemBody {
            kind: format!("urn:fettle:problem:{}", answer.code),
            title: answer.title.to_owned(),
            status: answer.status,
            detail: self.story.detail.clone(),
            place: self.story.place.clone(),
            remedy: self.story.remedy.clone(),
            request_id: None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.answer().code, self.story.detail)
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.story.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

impl From<ports::Error> for Problem {
    fn from(error: ports::Error) -> Self {
        let mut problem = match error.kind() {
            ports::ErrorKind::Unavailable => {
                Self::new(Kind::Unavailable, "a part of the platform does not answer")
                    .remedy("try again in a few seconds")
            }
            ports::ErrorKind::Conflict { .. } => {
                Self::new(Kind::Unavailable, "too many changes to the same thing at once").remedy("try again")
            }
            ports::ErrorKind::TooLarge => Self::new(Kind::TooLarge, "larger than the platform can keep"),
            ports::ErrorKind::NotFound | ports::ErrorKind::Invalid | ports::ErrorKind::Corrupt => {
                return Self::internal(error);
            }
        };
        problem.story.source = Some(error.into());
        problem
    }
}

impl From<TableError> for Problem {
    fn from(error: TableError) -> Self {
        let mut problem = Self::new(Kind::Table(error.kind.code()), error.detail).remedy(error.remedy);
        if error.row.is_some() || error.column.is_some() {
            problem.story.place = Some(Place { field: None, row: error.row, column: error.column });
        }
        problem
    }
}

impl From<SpecError> for Problem {
    fn from(error: SpecError) -> Self {
        Self::new(Kind::Spec(error.kind.code()), error.detail).at_field(error.field).remedy(error.remedy)
    }
}

impl From<RowError> for Problem {
    fn from(error: RowError) -> Self {
        let field = match error.column {
            Some(column) => format!("rows[{}].{column}", error.row),
            None => format!("rows[{}]", error.row),
        };
        Self::new(Kind::Row, error.detail).at_field(field).remedy(error.remedy)
    }
}

/// The result of a use case or a handler.
pub type Result<T> = std::result::Result<T, Problem>;
