//! What a model answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Number, Value};

use crate::classes::Classes;

/// One prediction a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Predictions {
    /// Of a classification.
    Classes {
        /// The classes that labels and probabilities refer to.
        classes: Arc<Classes>,
        /// The class that is answered for each row: the most probable, or as the model's rule has it.
        labels: Vec<u32>,
        /// Rows × classes, row by row; each row sums to 1.
        probabilities: Vec<f64>,
    },
    /// Of a regression.
    Numbers(Vec<f64>),
}

impl Predictions {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Predictions::Classes { labels, .. } => labels.len(),
            Predictions::Numbers(numbers) => numbers.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A row's prediction: the class in the JSON type of its target (true, 3, "Adelie"), or the number.
    ///
    /// # Panics
    /// When the row is out of bounds.
    pub fn value(&self, row: usize) -> Value {
        match self {
            Predictions::Classes { classes, labels, .. } => classes.value(labels[row]).clone(),
            Predictions::Numbers(numbers) => {
                Number::from_f64(numbers[row]).map_or(Value::Null, Value::Number)
            }
        }
    }

    /// A row's probabilities by the classes' names; `None` for a regression.
    ///
    /// # Panics
    /// When the row is out of bounds.
    pub fn probabilities(&self, row: usize) -> Option<BTreeMap<String, f64>> {
        match self {
            Predictions::Classes { classes, probabilities, .. } => {
                let names = classes.names();
                let of_row = &probabilities[row * names.len()..(row + 1) * names.len()];
                Some(names.iter().cloned().zip(of_row.iter().copied()).collect())
            }
            Predictions::Numbers(_) => None,
        }
    }

    /// A row as JSON: `{"prediction": …, "probabilities": {…}}`, the latter for a classification.
    ///
    /// # Panics
    /// When the row is out of bounds.
    pub fn to_json(&self, row: usize) -> Map<String, Value> {
        let mut json = Map::new();
        json.insert("prediction".into(), self.value(row));
        if let Some(probabilities) = self.probabilities(row) {
            let probabilities = probabilities.into_iter().map(|(class, p)| (class, Value::from(p))).collect();
            json.insert("probabilities".into(), Value::Object(probabilities));
        }
        json
    }
}
