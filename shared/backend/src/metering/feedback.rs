//! Feedback: what really happened, joined with what was predicted.

use super::batch::{Part, added};
use super::books::minute;
use super::log::{self, KEPT, Logged, LoggedRow};
use super::tally::{Quality, Tally};
use crate::app::App;
use crate::deployments;
use crate::ports::Condition;
use crate::problem::{Kind, Problem, Result};
use crate::record::{ATTEMPTS, Stored, back_off, load};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The least probability that a log loss is taken of.
const LEAST: f64 = 1e-15;

/// What really happened to a row that was predicted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// The request that asked for the prediction: its `request_id`.
    pub request_id: String,
    /// Which of its rows, from 0.
    #[serde(default)]
    pub index: usize,
    /// The target's true value.
    pub actual: Value,
}

/// Feedback beside what was predicted.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Told {
    /// The request.
    pub request_id: String,
    /// Its row.
    pub index: usize,
    /// What was predicted.
    pub prediction: Value,
    /// What happened.
    pub actual: Value,
    /// Who answered.
    pub variant: String,
    /// Its version.
    pub version: u32,
}

/// Joins feedback with the prediction that it is about. The same a second time changes nothing; another
/// truth for the same row is refused.
pub async fn tell(app: &App, workspace: &str, name: &str, feedback: Feedback) -> Result<Told> {
    let deployment = deployments::find(app, workspace, name).await?.value.id;
    let index = feedback.index;
    let unknown = || {
        Problem::not_found("logged request", &feedback.request_id).at_field("request_id").remedy(format!(
            "requests are kept for {} days, within a second or two of their answer, and as far as the log's \
             sample goes",
            KEPT.as_hours() / 24
        ))
    };
    if !crate::ids::is_id(&feedback.request_id, "req") {
        return Err(unknown());
    }
    let key = log::key(workspace, &deployment, &feedback.request_id);
    for attempt in 0..ATTEMPTS {
        let Some(Stored { value: mut logged, revision }) = load::<Logged>(&*app.slots.database, &key).await?
        else {
            return Err(unknown());
        };
        let kept = logged.rows.len();
        let row = logged.rows.get_mut(index).ok_or_else(|| {
            Problem::invalid("index", format!("of this request {kept} rows are kept, from 0"))
        })?;
        let told = Told {
            request_id: feedback.request_id.clone(),
            index,
            prediction: row.prediction.clone(),
            actual: feedback.actual.clone(),
            variant: logged.variant.clone(),
            version: logged.version,
        };
        match &row.actual {
            Some(actual) if *actual == feedback.actual => return Ok(told),
            Some(actual) => {
                return Err(Problem::new(Kind::WrongState, format!("it was told to be {actual} before"))
                    .at_field("actual"));
            }
            None => {}
        }
        let quality = compared(row, &feedback.actual)?;
        row.actual = Some(feedback.actual.clone());
        let mut parts = vec![Part {
            variant: logged.variant.clone(),
            minute: minute(logged.at),
            tally: Tally { quality, ..Tally::default() },
        }];
        for (shadow, answer) in &row.shadows {
            // Of a shadow only its answer is kept, so that its log loss stays unknown.
            let alone = LoggedRow { prediction: answer.clone(), probabilities: None, ..row.clone() };
            let quality = compared(&alone, &feedback.actual)?;
            let tally = Tally { quality, ..Tally::default() };
            parts.push(Part { variant: shadow.clone(), minute: minute(logged.at), tally });
        }
        let mut writes = added(app, workspace, &deployment, &parts).await?;
        writes.push(logged.keep(workspace, &deployment, Condition::Version(revision))?);
        match app.slots.database.write(&writes).await {
            Ok(()) => return Ok(told),
            Err(error) if error.is_conflict() => back_off(attempt, app.ids.random::<1>()[0]).await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::new(Kind::Unavailable, "the request's record keeps changing").remedy("try again"))
}

/// A prediction beside the truth.
fn compared(row: &LoggedRow, actual: &Value) -> Result<Quality> {
    let refused = |what: &str| Problem::invalid("actual", format!("{actual} is not {what}"));
    // Of a regression, which alone predicts fractions.
    if row.probabilities.is_none() && row.prediction.is_f64() {
        let truth = actual.as_f64().ok_or_else(|| refused("a number"))?;
        let off = truth - row.prediction.as_f64().unwrap_or(f64::NAN);
        return Ok(Quality { numbers: 1, absolute: off.abs(), squared: off * off, ..Quality::default() });
    }
    if std::mem::discriminant(actual) != std::mem::discriminant(&row.prediction) {
        return Err(refused("a class as this model predicts them")
            .remedy(format!("send it as the prediction is written: {}", row.prediction)));
    }
    let right = u64::from(row.prediction == *actual);
    let quality = Quality { classes: 1, right, ..Quality::default() };
    let Some(probabilities) = &row.probabilities else { return Ok(quality) };
    let name = actual.as_str().map_or_else(|| actual.to_string(), str::to_owned);
    let probability = probabilities.get(&name).copied().unwrap_or(0.0).max(LEAST);
    Ok(Quality { probable: 1, log_loss: -probability.ln(), ..quality })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(prediction: &Value, probabilities: &Value) -> LoggedRow {
        serde_json::from_value(json!({
            "inputs": {}, "prediction": prediction, "probabilities": probabilities
        }))
        .unwrap()
    }

    #[test]
    fn numbers_are_compared_by_their_difference() {
        let quality = compared(&row(&json!(2.5), &Value::Null), &json!(4)).unwrap();
        assert_eq!((quality.numbers, quality.absolute, quality.squared), (1, 1.5, 2.25));
        assert!(compared(&row(&json!(2.5), &Value::Null), &json!("4")).is_err());
    }

    #[test]
    fn classes_are_compared_by_their_probability() {
        let sure = row(&json!("yes"), &json!({ "yes": 0.75, "no": 0.25 }));
        let quality = compared(&sure, &json!("no")).unwrap();
        assert_eq!((quality.right, quality.log_loss), (0, -0.25_f64.ln()));
        let quality = compared(&sure, &json!("yes")).unwrap();
        assert_eq!((quality.right, quality.log_loss), (1, -0.75_f64.ln()));
        assert!(compared(&sure, &json!("never seen")).unwrap().log_loss > 30.0);
        for other in [json!(1), json!(null), json!(["yes"])] {
            assert!(compared(&sure, &other).is_err(), "{other}");
        }
    }
}
