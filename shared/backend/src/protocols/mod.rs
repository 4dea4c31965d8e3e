//! How rows are written in a request, and predictions in an answer: one module a protocol.
//!
//! Each turns a body into a table for a model's fields, and a model's predictions into a body. None knows
//! where the model comes from: a deployment answers by them, and so does a model served by itself.

pub mod alone;
pub mod inference;
pub mod mlflow;
pub mod rows;
#[cfg(test)]
mod samples;

use crate::limits::Limits;
use crate::problem::{Kind, Problem, Result};
use fettle_engine::table::RowError;

/// Refuses a request of no rows, or of more than one may have.
fn check_rows(limits: &Limits, rows: usize) -> Result<()> {
    let limit = limits.predict_rows;
    if rows == 0 {
        return Err(Problem::invalid("rows", "there are no rows").remedy("send at least one row"));
    }
    if rows > limit {
        return Err(Problem::new(
            Kind::TooLarge,
            format!("{rows} rows are more than the {limit} that one request may have"),
        )
        .at_field("rows")
        .remedy(format!(
            "send at most {limit} rows at a time, or all of them as a batch: POST /v1/batches"
        )));
    }
    Ok(())
}

/// What is wrong with a value, with its place in a request's own words.
fn misplaced(error: RowError, place: impl Into<String>) -> Problem {
    Problem::new(Kind::Row, error.detail).at_field(place).remedy(error.remedy)
}
