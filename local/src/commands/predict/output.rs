//! Rows with their predictions, in the form in which the rows came.

use super::input::{Form, Input, Row};
use crate::api::{Prediction, Predictions, Schema};
use crate::failure::{Failure, Result};
use crate::output::raw;
use serde_json::{Map, Value, json};
use std::io::{self, BufWriter, StdoutLock, Write};

/// Where the predictions go.
pub(super) struct Output {
    form: To,
    /// The model's classes, as the keys of the probabilities.
    classes: Vec<String>,
    /// What the prediction and the probabilities are called in JSON.
    names: (String, String),
}

enum To {
    Csv(Box<csv::Writer<StdoutLock<'static>>>),
    Lines(BufWriter<StdoutLock<'static>>),
    /// An array of rows, printed as they come; whether one was printed.
    Array(BufWriter<StdoutLock<'static>>, bool),
    /// As the API answers, once all are there.
    Answer {
        predictions: Vec<Prediction>,
        about: Map<String, Value>,
    },
}

impl Output {
    /// The output for an input: in its form, or as the API's own JSON.
    pub(super) fn of(input: &Input, schema: &Schema, json: bool) -> Result<Self> {
        let stdout = || io::stdout().lock();
        let taken: Vec<&str> = schema.inputs.iter().map(|field| field.name.as_str()).collect();
        let form = match input.form() {
            _ if json => To::Answer { predictions: Vec::new(), about: Map::new() },
            Form::Whole { as_request: true, .. } => To::Answer { predictions: Vec::new(), about: Map::new() },
            Form::Whole { as_request: false, .. } => To::Array(BufWriter::new(stdout()), false),
            Form::Lines(_) => To::Lines(BufWriter::new(stdout())),
            Form::Csv(csv) => {
                To::Csv(Box::new(csv::WriterBuilder::new().delimiter(csv.delimiter).from_writer(stdout())))
            }
        };
        let names = (fresh("prediction", &taken), fresh("probabilities", &taken));
        let classes = schema.classes.iter().flatten().map(plain).collect();
        let mut output = Self { form, classes, names };
        if let Form::Csv(csv) = input.form() {
            output.header(&csv.header)?;
        }
        Ok(output)
    }

    fn header(&mut self, header: &csv::StringRecord) -> Result<()> {
        let To::Csv(writer) = &mut self.form else { return Ok(()) };
        let taken: Vec<&str> = header.iter().collect();
        let classes = self.classes.iter().map(|class| format!("probability_{class}"));
        let added = std::iter::once("prediction".to_owned()).chain(classes).map(|name| fresh(&name, &taken));
        writer.write_record(header.iter().map(str::to_owned).chain(added)).map_err(failure)
    }

    /// Writes rows with their predictions.
    pub(super) fn write(&mut self, rows: Vec<Row>, answer: Predictions) -> Result<()> {
        if let To::Answer { predictions, about } = &mut self.form {
            predictions.extend(answer.predictions);
            about.insert("model".to_owned(), json!(answer.model));
            about.insert("version".to_owned(), json!(answer.version));
            about.insert("request_id".to_owned(), json!(answer.request_id));
            return Ok(());
        }
        for (row, prediction) in rows.into_iter().zip(answer.predictions) {
            self.write_one(row, prediction)?;
        }
        match &mut self.form {
            To::Csv(writer) => Ok(writer.flush()?),
            To::Lines(writer) | To::Array(writer, _) => Ok(writer.flush()?),
            To::Answer { .. } => Ok(()),
        }
    }

    fn write_one(&mut self, row: Row, prediction: Prediction) -> Result<()> {
        match (&mut self.form, row) {
            (To::Csv(writer), Row::Cells(cells)) => {
                let probability = |class: &String| {
                    prediction
                        .probabilities
                        .as_ref()
                        .and_then(|of| of.get(class))
                        .map_or_else(String::new, plain)
                };
                let added = std::iter::once(plain(&prediction.prediction))
                    .chain(self.classes.iter().map(probability));
                writer.write_record(cells.iter().map(str::to_owned).chain(added)).map_err(failure)
            }
            (To::Lines(writer), Row::Object(row)) => {
                Ok(writeln!(writer, "{}", merged(row, prediction, &self.names))?)
            }
            (To::Array(writer, begun), Row::Object(row)) => {
                let before = if *begun { ",\n " } else { "[" };
                *begun = true;
                Ok(write!(writer, "{before}{}", merged(row, prediction, &self.names))?)
            }
            // The form of the output is the input's.
            _ => Ok(()),
        }
    }

    /// Writes what comes after the last row.
    pub(super) fn finish(self) -> Result<()> {
        match self.form {
            To::Csv(mut writer) => Ok(writer.flush()?),
            To::Lines(mut writer) => Ok(writer.flush()?),
            To::Array(mut writer, begun) => {
                writeln!(writer, "{}", if begun { "]" } else { "[]" })?;
                Ok(writer.flush()?)
            }
            To::Answer { predictions, about } => {
                let mut answer = json!({ "predictions": predictions });
                if let Value::Object(answer) = &mut answer {
                    answer.extend(about);
                }
                raw(&answer.to_string())
            }
        }
    }
}

/// A row with its prediction.
fn merged(mut values: Map<String, Value>, prediction: Prediction, names: &(String, String)) -> Value {
    values.insert(names.0.clone(), prediction.prediction);
    if let Some(probabilities) = prediction.probabilities {
        values.insert(names.1.clone(), Value::Object(probabilities));
    }
    Value::Object(values)
}

/// A name that is not taken: with `_` behind it as often as needed.
fn fresh(name: &str, taken: &[&str]) -> String {
    let mut name = name.to_owned();
    while taken.contains(&name.as_str()) {
        name.push('_');
    }
    name
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn failure(error: csv::Error) -> Failure {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error.into(),
        other => Failure::failed(format!("the output can not be written: {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_the_file_keeps_its_name() {
        assert_eq!(fresh("prediction", &["island"]), "prediction");
        assert_eq!(fresh("prediction", &["prediction", "prediction_"]), "prediction__");
    }

    #[test]
    fn a_merged_row_has_all_three() {
        let row = Map::from_iter([("mass".to_owned(), json!(1))]);
        let prediction: Prediction =
            serde_json::from_value(json!({"prediction": "a", "probabilities": {"a": 0.75, "b": 0.25}}))
                .unwrap();
        let names = ("prediction".to_owned(), "probabilities".to_owned());
        let expected = json!({"mass": 1, "prediction": "a", "probabilities": {"a": 0.75, "b": 0.25}});
        assert_eq!(merged(row, prediction, &names), expected);
    }
}
