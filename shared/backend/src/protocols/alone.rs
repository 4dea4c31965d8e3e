//! A model served by itself, without a platform: SageMaker's container contract, and the inference protocol.
//!
//! `/invocations` takes the platform's rows, MLflow's forms, and CSV with a header or without, as SageMaker
//! sends it. Rows are answered with their probabilities, MLflow's forms as MLflow does, and CSV by CSV, with a
//! header if it came with one.

use super::check_rows;
use super::inference::{self, InferRequest};
use super::mlflow::{self, InvocationsAnswer, InvocationsRequest};
use super::rows::{self, CSV, PredictRequest};
use crate::deployments::Prediction;
use crate::limits::Limits;
use crate::models::schema_of;
use crate::operation::{Reply, read_json};
use crate::problem::{Kind, Problem, Result};
use fettle_engine::artifact::{Model, Predictions};
use fettle_engine::table::{Table, decode_csv_cells};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// A model, and what it is called.
#[derive(Debug)]
pub struct ModelAlone {
    name: String,
    model: Model,
    limits: Limits,
}

/// Whether a body has the platform's rows.
#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    rows: Option<IgnoredAny>,
}

#[derive(Serialize)]
struct RowsAnswer {
    predictions: Vec<Prediction>,
}

impl ModelAlone {
    /// Loads a model from an artifact's bytes.
    pub fn load(name: String, bytes: &[u8], limits: Limits) -> Result<Self> {
        let model = Model::load(bytes).map_err(|error| {
            Problem::new(Kind::Malformed, format!("it can not be loaded: {error}"))
                .remedy("`fettle models download` fetches an artifact of a model's version")
        })?;
        Ok(Self { name, model, limits })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Predicts the rows of a body of that media type.
    pub fn invocations(
        &self,
        content_type: Option<&str>,
        accept: Option<&str>,
        body: &[u8],
    ) -> Result<Reply> {
        if content_type == Some(CSV) {
            return self.csv(accept, body);
        }
        if read_json::<Probe>(body)?.rows.is_some() {
            let request: PredictRequest = read_json(body)?;
            let predictions = self.predict(&rows::read_json(&self.model, &self.limits, &request)?)?;
            return self.answer(accept, &predictions, true);
        }
        let request: InvocationsRequest = read_json(body)?;
        let predictions = self.predict(&mlflow::read(&self.model, &self.limits, &request)?)?;
        self.answer(accept, &predictions, false)
    }

    fn csv(&self, accept: Option<&str>, body: &[u8]) -> Result<Reply> {
        let (table, has_header) = decode_csv_cells(self.model.fields(), body, &self.limits.read)?;
        check_rows(&self.limits, table.rows)?;
        let predictions = self.predict(&table)?;
        if rows::answers_csv(true, accept) {
            return rows::csv(&self.model, &predictions, has_header);
        }
        Reply::ok(&InvocationsAnswer::of(&predictions))
    }

    fn answer(&self, accept: Option<&str>, predictions: &Predictions, in_full: bool) -> Result<Reply> {
        if rows::answers_csv(false, accept) {
            return rows::csv(&self.model, predictions, true);
        }
        if !in_full {
            return Reply::ok(&InvocationsAnswer::of(predictions));
        }
        let predictions = (0..predictions.len()).map(|row| Prediction::of(predictions, row));
        Reply::ok(&RowsAnswer { predictions: predictions.collect() })
    }

    /// Infers by the Open Inference Protocol.
    pub fn infer(&self, body: &[u8]) -> Result<Reply> {
        let request: InferRequest = read_json(body)?;
        let predictions = self.predict(&inference::read(&self.model, &self.limits, &request)?)?;
        Reply::ok(&inference::answer(&self.name, None, &self.model, &predictions, &request))
    }

    /// What it takes and gives, by the Open Inference Protocol.
    pub fn metadata(&self) -> Result<Reply> {
        Reply::ok(&inference::metadata(&self.name, None, &schema_of(&self.model)))
    }

    fn predict(&self, table: &Table) -> Result<Predictions> {
        self.model.predict(table).map_err(Problem::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::samples::{SPECIES, limits, predicted, rows, species};
    use serde_json::{Map, Value, json};

    fn alone() -> ModelAlone {
        ModelAlone::load("species-1".to_owned(), SPECIES, limits()).unwrap()
    }

    fn json_of(reply: Result<Reply>) -> Value {
        let reply = reply.unwrap();
        assert_eq!((reply.status, reply.content_type), (200, "application/json"));
        serde_json::from_slice(&reply.body).unwrap()
    }

    fn text_of(reply: Result<Reply>) -> String {
        let reply = reply.unwrap();
        assert_eq!((reply.status, reply.content_type), (200, CSV));
        String::from_utf8(reply.body).unwrap()
    }

    /// Rows as CSV, without their header.
    fn cells(model: &Model, rows: &[Map<String, Value>]) -> String {
        let cell = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let line = |row: &Map<String, Value>| {
            let cells: Vec<String> = model.fields().iter().map(|field| cell(&row[&field.name])).collect();
            cells.join(",") + "\n"
        };
        rows.iter().map(line).collect()
    }

    #[test]
    fn invocations_in_every_form_have_the_same_answer() {
        let (alone, model) = (alone(), species());
        let rows = rows(&model);
        let expected = predicted(&model, &rows);
        let full: Vec<Value> = (0..rows.len()).map(|row| Value::Object(expected.to_json(row))).collect();
        let labels: Vec<Value> = (0..rows.len()).map(|row| expected.value(row)).collect();
        let json = Some("application/json");
        let ask = |body: Value, accept| alone.invocations(json, accept, body.to_string().as_bytes());
        assert_eq!(json_of(ask(json!({"rows": rows}), None)), json!({"predictions": full}));
        for form in ["instances", "inputs", "dataframe_records"] {
            assert_eq!(json_of(ask(json!({form: rows}), json)), json!({"predictions": labels}));
        }

        let bare = cells(&model, &rows);
        let names: Vec<&str> = model.fields().iter().map(|field| field.name.as_str()).collect();
        let headed = format!("{}\n{bare}", names.join(","));
        for text in [&bare, &headed] {
            let got = json_of(alone.invocations(Some(CSV), json, text.as_bytes()));
            assert_eq!(got, json!({"predictions": labels}));
        }
        let with = text_of(alone.invocations(Some(CSV), None, headed.as_bytes()));
        let without = text_of(alone.invocations(Some(CSV), Some("text/csv"), bare.as_bytes()));
        let header = "prediction,probability_Adelie,probability_Chinstrap,probability_Gentoo";
        assert_eq!(with, format!("{header}\n{without}"));
        assert_eq!(with, text_of(ask(json!({"rows": rows}), Some(CSV))));
        for (row, line) in without.lines().enumerate() {
            let probabilities = expected.probabilities(row).unwrap();
            let told: Vec<f64> = line.split(',').skip(1).map(|cell| cell.parse().unwrap()).collect();
            assert_eq!(told, probabilities.values().copied().collect::<Vec<_>>());
            assert_eq!(json!(line.split(',').next()), labels[row]);
        }
    }

    #[test]
    fn what_can_not_be_read_is_told() {
        let alone = alone();
        let wrong = |content_type, body: &[u8]| alone.invocations(content_type, None, body).unwrap_err();
        assert_eq!(wrong(None, b"").kind, Kind::Malformed);
        assert_eq!(wrong(None, b"{\"rows\": [").kind, Kind::Malformed);
        assert_eq!(wrong(None, b"{\"rows\": [{}]}").kind, Kind::Row);
        assert_eq!(wrong(None, b"{\"rows\": [], \"inputs\": []}").kind, Kind::InvalidField);
        assert_eq!(wrong(None, b"[1]").kind, Kind::InvalidField);
        assert_eq!(wrong(Some(CSV), b"1,2\n").kind, Kind::Row);
        assert_eq!(wrong(Some(CSV), b"").status(), 422);
        let model = species();
        let many = cells(&model, &rows(&model)).repeat(2);
        assert_eq!(wrong(Some(CSV), many.as_bytes()).kind, Kind::TooLarge);
        let bad = ModelAlone::load("m".to_owned(), b"PK", limits()).unwrap_err();
        assert!(bad.detail().contains("can not be loaded"), "{bad}");
    }
}
