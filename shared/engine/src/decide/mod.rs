//! From probabilities to one class: what a model answers when somebody has to act on it.

mod costs;
mod threshold;

use serde::{Deserialize, Serialize};

pub use self::costs::{Costs, HIGHEST};
pub(crate) use self::threshold::{DECIDED, best as best_threshold};
use crate::metrics::most_probable;

/// How a class is chosen, given the probabilities of all. The order of variants is part of the artifact's
/// format: add at the end.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Rule {
    /// The most probable.
    #[default]
    MostProbable,
    /// The one of which the mistakes to be expected cost least.
    Costs(Costs),
    /// Of two classes the second, from this probability on.
    Threshold(f64),
}

impl Rule {
    /// The class of each row; the first of equals. O(rows × classes), with costs O(rows × classes²).
    pub fn labels(&self, probabilities: &[f64], classes: usize) -> Vec<u32> {
        match self {
            Rule::MostProbable => most_probable(probabilities, classes),
            Rule::Costs(costs) => {
                let rows = probabilities.chunks_exact(classes);
                let gains = rows.flat_map(|row| costs.expected(row).map(|cost| -cost));
                most_probable(&gains.collect::<Vec<f64>>(), classes)
            }
            Rule::Threshold(from) => {
                probabilities.chunks_exact(classes).map(|row| u32::from(row[classes - 1] >= *from)).collect()
            }
        }
    }

    /// Makes sure that choosing among so many classes cannot go out of bounds, when it was read from bytes;
    /// a number has none.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn check(&self, classes: usize) -> Result<(), String> {
        let sound = match self {
            Rule::MostProbable => true,
            Rule::Costs(costs) => costs.is_sound(classes),
            Rule::Threshold(from) => classes == 2 && (0.0..=1.0).contains(from),
        };
        if sound {
            Ok(())
        } else {
            Err("the rule by which a class is chosen does not suit the classes".into())
        }
    }

    /// About how many bytes it takes in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Rule::Costs(costs) => costs.size_bytes(),
            Rule::MostProbable | Rule::Threshold(_) => 0,
        }
    }
}

/// What a class is chosen by, and what mistakes cost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Choice {
    /// How a class is chosen.
    pub rule: Rule,
    /// What mistakes cost, where that is known.
    pub costs: Option<Costs>,
}

/// What a run does about classes that are to be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// The most probable class is chosen, whatever mistakes cost.
    Argmax,
    /// Of two classes the second is chosen from the probability on that was best for rows that the model
    /// did not learn from.
    Tuned,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dear_mistake_is_avoided() {
        // A missed second class costs five times a false alarm: it is chosen from 1/6 on.
        let costs = Costs::new(vec![vec![0.0, 1.0], vec![5.0, 0.0]]);
        let probabilities = [0.9, 0.1, 0.84, 0.16, 0.83, 0.17, 0.2, 0.8];
        assert_eq!(Rule::Costs(costs).labels(&probabilities, 2), [0, 0, 1, 1]);
        assert_eq!(Rule::MostProbable.labels(&probabilities, 2), [0, 0, 0, 1]);
        assert_eq!(Rule::Threshold(0.16).labels(&probabilities, 2), [0, 1, 1, 1]);
    }

    #[test]
    fn of_three_classes_the_cheapest_is_not_the_most_probable() {
        let costs = Costs::new(vec![vec![0.0, 1.0, 1.0], vec![1.0, 0.0, 1.0], vec![9.0, 9.0, 0.0]]);
        let rule = Rule::Costs(costs);
        assert_eq!(rule.labels(&[0.5, 0.3, 0.2, 0.9, 0.05, 0.05], 3), [2, 0]);
        assert!(rule.check(3).is_ok() && rule.check(2).is_err());
    }

    #[test]
    fn rules_that_suit_no_classes_are_refused() {
        assert!(Rule::MostProbable.check(0).is_ok());
        assert!(Rule::Threshold(0.3).check(2).is_ok() && Rule::Threshold(0.3).check(3).is_err());
        assert!(Rule::Threshold(f64::NAN).check(2).is_err());
        for matrix in [vec![], vec![vec![0.0, 1.0], vec![1.0]], vec![vec![0.0, f64::NAN], vec![1.0, 0.0]]] {
            assert!(Rule::Costs(Costs::new(matrix)).check(2).is_err());
        }
    }
}
