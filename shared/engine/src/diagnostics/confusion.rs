//! Which classes are taken for which.

use serde::{Deserialize, Serialize};

use super::numbers::largest_classes;

/// With more classes than these the smaller ones are counted together.
const LARGEST: usize = 20;
/// The name of the classes that are counted together.
const OTHERS: &str = "other classes";

/// How many rows of each class are predicted as each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ConfusionMatrix {
    /// The classes, in the order of every probability; of more than 20 those with the most rows, and
    /// then all others together.
    pub classes: Vec<String>,
    /// For each true class, how many rows are predicted as each class.
    pub counts: Vec<Vec<u64>>,
    /// The share of rows whose class is predicted.
    pub accuracy: f64,
}

impl ConfusionMatrix {
    /// Counts. `None` without rows. O(rows + classes).
    pub(super) fn new(codes: &[u32], predicted: &[u32], names: &[String]) -> Option<ConfusionMatrix> {
        if codes.is_empty() {
            return None;
        }
        let mut shown: Vec<usize> = if names.len() <= LARGEST {
            (0..names.len()).collect()
        } else {
            largest_classes(codes, names.len(), LARGEST)
        };
        shown.sort_unstable();
        let mut classes: Vec<String> = shown.iter().map(|&class| names[class].clone()).collect();
        if shown.len() < names.len() {
            classes.push(OTHERS.into());
        }
        let mut place = vec![shown.len(); names.len()];
        for (at, &class) in shown.iter().enumerate() {
            place[class] = at;
        }
        let mut counts = vec![vec![0; classes.len()]; classes.len()];
        let mut right = 0;
        for (&truth, &guess) in codes.iter().zip(predicted) {
            counts[place[truth as usize]][place[guess as usize]] += 1;
            right += usize::from(truth == guess);
        }
        Some(ConfusionMatrix { classes, counts, accuracy: right as f64 / codes.len() as f64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_by_truth_and_prediction() {
        let names: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        let matrix = ConfusionMatrix::new(&[0, 0, 1, 1, 1], &[0, 1, 1, 1, 2], &names).unwrap();
        assert_eq!(matrix.counts, [[1, 1, 0], [0, 2, 1], [0, 0, 0]]);
        assert!((matrix.accuracy - 0.6).abs() < 1e-12);
        assert_eq!(ConfusionMatrix::new(&[], &[], &names), None);
    }

    #[test]
    fn of_a_thousand_classes_the_largest_are_shown() {
        let names: Vec<String> = (0..1000).map(|class| format!("class {class}")).collect();
        let codes: Vec<u32> = (0..1000).chain(500..510).collect();
        let matrix = ConfusionMatrix::new(&codes, &codes, &names).unwrap();
        assert_eq!((matrix.classes.len(), matrix.counts.len()), (21, 21));
        assert_eq!(matrix.classes[20], OTHERS);
        assert!(matrix.classes.contains(&"class 505".to_string()));
        assert_eq!(matrix.counts.iter().flatten().sum::<u64>(), 1010);
    }
}
