//! How a problem is written: each protocol that the platform speaks has its own form.

use crate::operation::SchemaOf;
use crate::problem::{Place, ProblemBody};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;

/// The form of an operation's errors. The status is the same in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ErrorForm {
    /// The platform's own: RFC 9457 problem details.
    #[default]
    Problem,
    /// MLflow's: `{"error_code": …, "message": …}`.
    Mlflow,
    /// The Open Inference Protocol's: `{"error": …}`.
    Inference,
}

/// A problem as MLflow's servers write one.
#[derive(Debug, Serialize, JsonSchema)]
struct MlflowError {
    /// The kind of problem, in MLflow's words.
    error_code: &'static str,
    /// What is wrong, where, and what to do.
    message: String,
}

/// A problem as the Open Inference Protocol has it.
#[derive(Debug, Serialize, JsonSchema)]
struct InferenceError {
    /// What is wrong, where, and what to do.
    error: String,
}

impl ErrorForm {
    /// All of them.
    pub const ALL: &[ErrorForm] = &[ErrorForm::Problem, ErrorForm::Mlflow, ErrorForm::Inference];

    /// The body's media type.
    pub fn content_type(self) -> &'static str {
        match self {
            ErrorForm::Problem => "application/problem+json",
            ErrorForm::Mlflow | ErrorForm::Inference => "application/json",
        }
    }

    /// The name among the responses of the API's description.
    pub fn name(self) -> &'static str {
        match self {
            ErrorForm::Problem => "Problem",
            ErrorForm::Mlflow => "MlflowError",
            ErrorForm::Inference => "InferenceError",
        }
    }

    /// The body's schema.
    pub fn schema(self) -> SchemaOf {
        match self {
            ErrorForm::Problem => SchemaGenerator::subschema_for::<ProblemBody>,
            ErrorForm::Mlflow => SchemaGenerator::subschema_for::<MlflowError>,
            ErrorForm::Inference => SchemaGenerator::subschema_for::<InferenceError>,
        }
    }

    /// The body.
    pub fn body(self, problem: &ProblemBody) -> Vec<u8> {
        let written = match self {
            ErrorForm::Problem => serde_json::to_vec(problem),
            ErrorForm::Mlflow => {
                let (error_code, message) = (mlflow_code(problem.status), message(problem));
                serde_json::to_vec(&MlflowError { error_code, message })
            }
            ErrorForm::Inference => serde_json::to_vec(&InferenceError { error: message(problem) }),
        };
        // Plain structs of text have no way to fail.
        written.unwrap_or_default()
    }
}

/// Of the error codes of MLflow's `databricks.proto` those that its clients know for a status.
fn mlflow_code(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "RESOURCE_DOES_NOT_EXIST",
        409 => "RESOURCE_CONFLICT",
        429 => "REQUEST_LIMIT_EXCEEDED",
        500 => "INTERNAL_ERROR",
        503 => "TEMPORARILY_UNAVAILABLE",
        _ => "BAD_REQUEST",
    }
}

/// What is wrong, where and what to do, as one text.
fn message(problem: &ProblemBody) -> String {
    let mut message = problem.detail.clone();
    if let Some(place) = problem.place.as_ref().map(words).filter(|place| !place.is_empty()) {
        message.extend([" (at ", place.as_str(), ")"]);
    }
    if let Some(remedy) = &problem.remedy {
        message.push_str("; ");
        message.push_str(remedy);
    }
    message
}

fn words(place: &Place) -> String {
    let row = place.row.map(|row| format!("row {row}"));
    let column = place.column.as_ref().map(|column| format!("column {column:?}"));
    [place.field.clone(), row, column].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Kind, Problem};
    use serde_json::{Value, json};

    fn written(form: ErrorForm, problem: &Problem) -> Value {
        serde_json::from_slice(&form.body(&problem.body())).unwrap()
    }

    #[test]
    fn each_form_says_what_where_and_what_to_do() {
        let problem =
            Problem::new(Kind::Row, "a number is needed").at_field("rows[2].mass").remedy("send one");
        let said = "a number is needed (at rows[2].mass); send one";
        assert_eq!(
            written(ErrorForm::Mlflow, &problem),
            json!({"error_code": "BAD_REQUEST", "message": said})
        );
        assert_eq!(written(ErrorForm::Inference, &problem), json!({"error": said}));
        let own = written(ErrorForm::Problem, &problem);
        assert_eq!((&own["where"]["field"], &own["remedy"]), (&json!("rows[2].mass"), &json!("send one")));
        let plain = Problem::not_found("deployment", "d");
        assert_eq!(
            written(ErrorForm::Mlflow, &plain),
            json!({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no deployment `d`"})
        );
    }
}
