//! What mistakes cost.

use serde::{Deserialize, Serialize};

/// No mistake costs more: sums of as many as there are rows stay exact enough to rank by.
pub const HIGHEST: f64 = 1e9;

/// For each true class, in the order of probabilities, what it costs to choose each class.
///
/// C. Elkan, The foundations of cost-sensitive learning, Proceedings of the 17th International Joint
/// Conference on Artificial Intelligence (2001).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Costs(Vec<Vec<f64>>);

impl Costs {
    pub(crate) fn new(matrix: Vec<Vec<f64>>) -> Costs {
        Costs(matrix)
    }

    /// What it costs to choose `chosen` for a row of class `truth`.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn of(&self, truth: usize, chosen: usize) -> f64 {
        self.0[truth][chosen]
    }

    /// What choosing each class costs on average, for a row with these probabilities.
    pub(crate) fn expected(&self, probabilities: &[f64]) -> impl Iterator<Item = f64> {
        (0..self.0.len())
            .map(move |chosen| self.0.iter().zip(probabilities).map(|(row, p)| p * row[chosen]).sum::<f64>())
    }

    /// What these choices cost, on average over the rows.
    pub(crate) fn mean(&self, truth: &[u32], chosen: &[u32]) -> f64 {
        let each = truth.iter().zip(chosen).map(|(&truth, &chosen)| self.of(truth as usize, chosen as usize));
        each.sum::<f64>() / truth.len() as f64
    }

    /// Of two classes, the probability from which choosing the second costs no more than the first.
    pub(crate) fn threshold(&self) -> Option<f64> {
        let [negative, positive] = self.0.as_slice() else { return None };
        let (alarm, miss) = (negative[1] - negative[0], positive[0] - positive[1]);
        Some(alarm / (alarm + miss))
    }

    /// Whether it is of so many classes, and all costs are possible ones.
    pub(crate) fn is_sound(&self, classes: usize) -> bool {
        self.0.len() == classes
            && self
                .0
                .iter()
                .all(|row| row.len() == classes && row.iter().all(|cost| (0.0..=HIGHEST).contains(cost)))
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.0.len() * self.0.len() * size_of::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_counted_by_truth_and_choice() {
        let costs = Costs::new(vec![vec![0.0, 1.0], vec![5.0, 0.5]]);
        assert!((costs.mean(&[0, 0, 1, 1], &[0, 1, 0, 1]) - 6.5 / 4.0).abs() < 1e-12);
        assert!((costs.threshold().unwrap() - 1.0 / 5.5).abs() < 1e-12);
        let at: Vec<f64> = costs.expected(&[1.0 - 1.0 / 5.5, 1.0 / 5.5]).collect();
        assert!((at[0] - at[1]).abs() < 1e-12, "at the threshold both cost the same: {at:?}");
    }
}
