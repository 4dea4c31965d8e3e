//! A sum of curves, ready to predict and to be read.

use serde::{Deserialize, Serialize};

use super::bag::Curves;
use super::curve::CODES;
use super::scores;
use crate::explain::{Contributions, Scale};
use crate::matrix::Matrix;
use crate::trees::Outcome;
use crate::trees::bins::{Binned, MAX_BINS, MISSING};

/// One curve a feature: a prediction is the sum of what each value is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Additive {
    pub(in crate::estimators) outcome: Outcome,
    /// One a score: a number has one, two classes have one, more classes have one each.
    pub(in crate::estimators) intercepts: Vec<f64>,
    /// One a feature.
    shapes: Vec<Shape>,
}

/// What each value of a feature adds to the scores: log odds for classes, standard deviations of the
/// target for numbers. Over the rows that were learned from its mean is 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    edges: Vec<f32>,
    values: Vec<f32>,
}

impl Shape {
    /// Where pieces meet, ascending: piece `p` holds the values in `(edges[p - 1], edges[p]]`.
    pub fn edges(&self) -> &[f32] {
        &self.edges
    }

    /// For each piece, and at last for missing values, one value a score.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    fn new(column: &Binned, values: &[f64], scores: usize) -> Shape {
        let of = |code: usize| (0..scores).map(move |score| values[score * CODES + code] as f32);
        let mut shape = Shape { edges: Vec::new(), values: of(0).collect() };
        for (at, &edge) in column.edges.iter().enumerate() {
            let last = &shape.values[shape.values.len() - scores..];
            // Neighbours of the same value are one piece.
            if !of(at + 1).zip(last).all(|(next, last)| next.to_bits() == last.to_bits()) {
                shape.edges.push(edge);
                shape.values.extend(of(at + 1));
            }
        }
        shape.values.extend(of(usize::from(MISSING)));
        shape
    }

    /// What a value adds to each score.
    fn of(&self, value: f32, scores: usize) -> &[f32] {
        let piece = if value.is_nan() {
            self.edges.len() + 1
        } else {
            self.edges.partition_point(|&edge| edge < value)
        };
        &self.values[piece * scores..(piece + 1) * scores]
    }
}

impl Additive {
    /// Centres the curves on the rows that they were grown on; what is taken off goes to the intercepts.
    /// Values missing for the first time when predicting are worth nothing.
    pub(super) fn new(outcome: Outcome, columns: &[Binned], curves: &Curves, weights: &[f32]) -> Additive {
        let scores = scores(outcome);
        let mut intercepts = curves.intercepts.clone();
        let mut shapes = Vec::with_capacity(columns.len());
        for (column, curve) in columns.iter().zip(&curves.values) {
            let mut weight_of = [0.0f64; CODES];
            for (&code, &weight) in column.codes.iter().zip(weights) {
                weight_of[usize::from(code)] += f64::from(weight);
            }
            let total: f64 = weight_of.iter().sum();
            let mut curve = curve.clone();
            for (values, intercept) in curve.chunks_exact_mut(CODES).zip(&mut intercepts) {
                let mean =
                    values.iter().zip(&weight_of).map(|(value, weight)| value * weight).sum::<f64>() / total;
                for value in values.iter_mut() {
                    *value -= mean;
                }
                *intercept += mean;
                if weight_of[usize::from(MISSING)] <= 0.0 {
                    values[usize::from(MISSING)] = 0.0;
                }
            }
            shapes.push(Shape::new(column, &curve, scores));
        }
        Additive { outcome, intercepts, shapes }
    }

    /// The curves, in the features' order.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// Predicts: `rows × outputs`, row by row. O(rows · features · (log pieces + scores)).
    ///
    /// # Panics
    /// Never when [`check`](Additive::check) passed for the matrix's width.
    pub(crate) fn predict(&self, x: &Matrix) -> Vec<f64> {
        let (scores, outputs) = (self.intercepts.len(), self.outcome.outputs());
        let mut sums = self.intercepts.repeat(x.rows());
        for (col, shape) in self.shapes.iter().enumerate() {
            for (&value, sums) in x.col(col).iter().zip(sums.chunks_exact_mut(scores)) {
                for (sum, &more) in sums.iter_mut().zip(shape.of(value, scores)) {
                    *sum += f64::from(more);
                }
            }
        }
        match self.outcome {
            Outcome::Number { offset, scale } => {
                for sum in &mut sums {
                    *sum = offset + scale * *sum;
                }
                sums
            }
            Outcome::Binary => sums
                .iter()
                .flat_map(|&score| {
                    let second = 1.0 / (1.0 + (-score).exp());
                    [1.0 - second, second]
                })
                .collect(),
            Outcome::Classes(_) => {
                for row in sums.chunks_exact_mut(outputs) {
                    let most = row.iter().fold(f64::MIN, |most, &score| most.max(score));
                    for score in row.iter_mut() {
                        *score = (*score - most).exp();
                    }
                    let total: f64 = row.iter().sum();
                    for share in row {
                        *share /= total;
                    }
                }
                sums
            }
        }
    }

    /// What each curve adds: their means over the training rows are 0. O(rows · features · (log pieces +
    /// scores)).
    pub(crate) fn explain(&self, x: &Matrix) -> Contributions {
        let (scores, cols) = (self.intercepts.len(), self.shapes.len());
        let (scale, offset, unit) = match self.outcome {
            Outcome::Number { offset, scale } => (Scale::Number, offset, scale),
            Outcome::Binary => (Scale::LogOdds, 0.0, 1.0),
            Outcome::Classes(_) => (Scale::Scores, 0.0, 1.0),
        };
        let mut values = vec![0.0; x.rows() * scores * cols];
        for (col, shape) in self.shapes.iter().enumerate() {
            for (&value, row) in x.col(col).iter().zip(values.chunks_exact_mut(scores * cols)) {
                for (score, more) in shape.of(value, scores).iter().enumerate() {
                    row[score * cols + col] = unit * f64::from(*more);
                }
            }
        }
        let base = self.intercepts.iter().map(|intercept| offset + unit * intercept).collect();
        Contributions::new(scale, cols, base, values)
    }

    /// Makes sure that predicting from `cols` features stays in bounds and gives `outputs` finite values
    /// a row: for a model read from bytes that nobody vouches for.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn check(&self, cols: usize, outputs: usize) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("the sum of curves has {what}"));
        let scores = scores(self.outcome);
        let narrow = matches!(self.outcome, Outcome::Classes(count) if count < 3);
        if self.outcome.outputs() != outputs || self.intercepts.len() != scores || narrow {
            return wrong("another number of outputs");
        }
        if self.shapes.len() != cols {
            return wrong("another number of features");
        }
        let mut most = self.intercepts.iter().fold(0.0f64, |most, value| most.max(value.abs()));
        for shape in &self.shapes {
            let pieces = shape.edges.len() + 1;
            if pieces > MAX_BINS || shape.values.len() != (pieces + 1) * scores {
                return wrong("a curve of another length");
            }
            if shape.edges.iter().any(|edge| edge.is_nan()) || !shape.edges.is_sorted_by(|a, b| a < b) {
                return wrong("a curve whose pieces are out of order");
            }
            if !shape.values.iter().all(|value| value.is_finite()) {
                return wrong("a value that is not finite");
            }
            most += shape.values.iter().fold(0.0f64, |most, value| most.max(f64::from(value.abs())));
        }
        let far = match self.outcome {
            Outcome::Number { offset, scale } => offset.abs() + scale.abs() * most,
            Outcome::Binary | Outcome::Classes(_) => most,
        };
        if !far.is_finite() || !self.intercepts.iter().all(|value| value.is_finite()) {
            return wrong("predictions that are not finite");
        }
        Ok(())
    }

    /// About how many bytes it takes in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        let of =
            |shape: &Shape| size_of::<Shape>() + size_of_val(shape.edges()) + size_of_val(shape.values());
        size_of::<Self>() + size_of_val(&self.intercepts[..]) + self.shapes.iter().map(of).sum::<usize>()
    }
}
