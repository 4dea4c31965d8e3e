//! The linear models of `ai.onnx.ml`.

use serde::{Deserialize, Serialize};

use super::products::multiply;
use super::transform::Transform;
use crate::onnx::fault::{Fault, Run};
use crate::onnx::tensor::{Tensor, Type, volume};

/// Scores that are linear, for numbers or for classes. Part of the artifact's format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::onnx) struct Linear {
    /// For each score one a column.
    pub(in crate::onnx) coefficients: Vec<f32>,
    /// One a score.
    pub(in crate::onnx) intercepts: Vec<f32>,
    pub(in crate::onnx) transform: Transform,
    /// The classes' labels, as numbers or words.
    pub(in crate::onnx) labels: Option<Labels>,
}

/// What classes are called. Part of the artifact's format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::onnx) struct Labels {
    pub(in crate::onnx) kind: Type,
    pub(in crate::onnx) values: Vec<f64>,
}

impl Labels {
    pub(in crate::onnx) fn tensor(&self, chosen: &[usize]) -> Run<Tensor> {
        let values = chosen.iter().map(|class| self.values.get(*class).copied().ok_or(Fault::Index));
        Ok(Tensor::list(self.kind, values.collect::<Run<_>>()?))
    }
}

/// The place of the largest; of equals, the first.
pub(super) fn largest(scores: &[f64]) -> usize {
    (0..scores.len()).fold(0, |best, at| if scores[at] > scores[best] { at } else { best })
}

impl Linear {
    /// Labels and scores for classes, else scores. O(rows × columns × scores).
    pub(super) fn run(&self, x: &Tensor) -> Run<Vec<Tensor>> {
        let (rows, cols) = x.matrix();
        let scores = self.intercepts.len();
        if x.kind == Type::Word {
            return Err(Fault::Type);
        }
        if scores == 0 || scores.checked_mul(cols) != Some(self.coefficients.len()) {
            return Err(Fault::Shape);
        }
        let mut values = Vec::with_capacity(volume(&[rows, scores])?);
        for _ in 0..rows {
            values.extend(self.intercepts.iter().map(|intercept| f64::from(*intercept)));
        }
        let turned: Vec<f64> = (0..cols)
            .flat_map(|col| self.coefficients.iter().skip(col).step_by(cols).map(|c| f64::from(*c)))
            .collect();
        multiply(&x.values, &turned, [rows, cols, scores], &mut values)?;
        let Some(labels) = &self.labels else {
            values.chunks_exact_mut(scores).for_each(|row| self.transform.apply(row));
            return Ok(vec![Tensor::new(Type::Float, vec![rows, scores], values)?]);
        };
        let mut chosen = Vec::with_capacity(rows);
        let mut answers = Vec::with_capacity(rows * scores.max(2));
        for row in values.chunks_exact_mut(scores) {
            // One score of two classes is the second's.
            if let ([score], 2) = (&*row, labels.values.len()) {
                let score = *score;
                chosen.push(usize::from(score > 0.0));
                answers.extend(if self.transform == Transform::Logistic {
                    [super::elementwise::sigmoid(-score), super::elementwise::sigmoid(score)]
                } else {
                    [1.0 - score, score]
                });
                continue;
            }
            chosen.push(largest(row));
            self.transform.apply(row);
            answers.extend_from_slice(row);
        }
        let width = answers.len().checked_div(rows).unwrap_or(scores);
        Ok(vec![labels.tensor(&chosen)?, Tensor::new(Type::Float, vec![rows, width], answers)?])
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.coefficients.len() * size_of::<f32>()
    }
}
