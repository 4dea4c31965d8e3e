//! Curves of a class against the rest, over all thresholds of its probability.

use serde::{Deserialize, Serialize};

use super::numbers::{CLASSES, largest_classes, rounded, thinned};

/// The receiver operating characteristic of a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RocCurve {
    /// The class against the rest.
    pub class: String,
    /// The area under the curve.
    pub auc: f64,
    /// Ascending shares of the other classes' rows that are taken for this one.
    pub false_positive_rate: Vec<f64>,
    /// The shares of the class's own rows that are.
    pub true_positive_rate: Vec<f64>,
    /// Rows with at least this probability are taken for the class, but at the first point none is.
    pub threshold: Vec<f64>,
}

/// Precision over recall of a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PrecisionRecallCurve {
    /// The class against the rest.
    pub class: String,
    /// The mean of the precision over the steps of the recall: the average precision.
    pub average_precision: f64,
    /// The share of rows that are of the class: the precision of guessing.
    pub prevalence: f64,
    /// Ascending shares of the class's rows that are found.
    pub recall: Vec<f64>,
    /// The shares of the rows taken for the class that are of it.
    pub precision: Vec<f64>,
    /// Rows with at least this probability are taken for the class.
    pub threshold: Vec<f64>,
}

/// What is gained by taking the most probable rows of a class first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LiftCurve {
    /// The class against the rest.
    pub class: String,
    /// Ascending shares of all rows, the most probable ones.
    pub share: Vec<f64>,
    /// The share of the class's rows that are among them.
    pub gain: Vec<f64>,
    /// How many times more of them than in as many rows drawn at random.
    pub lift: Vec<f64>,
}

/// The curves of the classes with the most rows, of those for which they are defined.
#[derive(Default)]
pub(super) struct Curves {
    pub(super) roc: Vec<RocCurve>,
    pub(super) precision_recall: Vec<PrecisionRecallCurve>,
    pub(super) lift: Vec<LiftCurve>,
}

impl Curves {
    /// Of two classes the second one's curves. A class without rows, or with all of them, has none.
    /// O(rows log rows) a class.
    pub(super) fn new(codes: &[u32], probabilities: &[f64], names: &[String]) -> Curves {
        let mut curves = Curves::default();
        let count = names.len();
        let shown = if count == 2 { vec![1] } else { largest_classes(codes, count, CLASSES) };
        for class in shown {
            let scored = probabilities.chunks_exact(count).zip(codes);
            let steps = Steps::new(scored.map(|(row, &code)| (row[class], code as usize == class)).collect());
            if steps.positives() > 0.0 && steps.positives() < steps.rows() {
                curves.roc.push(steps.roc(&names[class]));
                curves.precision_recall.push(steps.precision_recall(&names[class]));
                curves.lift.push(steps.lift(&names[class]));
            }
        }
        curves
    }
}

/// For each distinct probability, from the highest: how many rows have at least that one, and how many
/// of them are of the class. The first step has none.
struct Steps {
    threshold: Vec<f64>,
    positive: Vec<f64>,
    taken: Vec<f64>,
}

impl Steps {
    fn new(mut scored: Vec<(f64, bool)>) -> Steps {
        scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut steps = Steps { threshold: vec![1.0], positive: vec![0.0], taken: vec![0.0] };
        let (mut positive, mut taken) = (0.0, 0.0);
        for ties in scored.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            positive += ties.iter().filter(|(_, positive)| *positive).count() as f64;
            taken += ties.len() as f64;
            steps.threshold.push(ties[0].0);
            steps.positive.push(positive);
            steps.taken.push(taken);
        }
        steps
    }

    fn len(&self) -> usize {
        self.taken.len()
    }

    fn positives(&self) -> f64 {
        self.positive[self.len() - 1]
    }

    fn rows(&self) -> f64 {
        self.taken[self.len() - 1]
    }

    fn roc(&self, class: &str) -> RocCurve {
        let (positives, negatives) = (self.positives(), self.rows() - self.positives());
        let up = |at: usize| self.positive[at] / positives;
        let across = |at: usize| (self.taken[at] - self.positive[at]) / negatives;
        let areas =
            (1..self.len()).map(|at| (across(at) - across(at - 1)) * f64::midpoint(up(at), up(at - 1)));
        let auc = areas.sum();
        let kept = thinned(self.len(), |at| up(at) - up(at - 1) + across(at) - across(at - 1));
        RocCurve {
            class: class.into(),
            auc,
            false_positive_rate: rounded(kept.iter().map(|&at| across(at))),
            true_positive_rate: rounded(kept.iter().map(|&at| up(at))),
            threshold: rounded(kept.iter().map(|&at| self.threshold[at])),
        }
    }

    fn precision_recall(&self, class: &str) -> PrecisionRecallCurve {
        let recall = |at: usize| self.positive[at] / self.positives();
        let precision = |at: usize| self.positive[at] / self.taken[at];
        let average_precision = (1..self.len()).map(|at| (recall(at) - recall(at - 1)) * precision(at)).sum();
        let kept: Vec<usize> =
            thinned(self.len() - 1, |at| recall(at + 1) - recall(at)).into_iter().map(|at| at + 1).collect();
        PrecisionRecallCurve {
            class: class.into(),
            average_precision,
            prevalence: self.positives() / self.rows(),
            recall: rounded(kept.iter().map(|&at| recall(at))),
            precision: rounded(kept.iter().map(|&at| precision(at))),
            threshold: rounded(kept.iter().map(|&at| self.threshold[at])),
        }
    }

    fn lift(&self, class: &str) -> LiftCurve {
        let share = |at: usize| self.taken[at] / self.rows();
        let gain = |at: usize| self.positive[at] / self.positives();
        let kept: Vec<usize> =
            thinned(self.len() - 1, |at| share(at + 1) - share(at)).into_iter().map(|at| at + 1).collect();
        LiftCurve {
            class: class.into(),
            share: rounded(kept.iter().map(|&at| share(at))),
            gain: rounded(kept.iter().map(|&at| gain(at))),
            lift: rounded(kept.iter().map(|&at| gain(at) / share(at))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimators::Target;
    use crate::metrics::{Metric, scores};

    fn two(positive: &[f64]) -> Vec<f64> {
        positive.iter().flat_map(|p| [1.0 - p, *p]).collect()
    }

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|class| format!("class {class}")).collect()
    }

    #[test]
    fn four_rows_by_hand() {
        let curves = Curves::new(&[0, 0, 1, 1], &two(&[0.1, 0.4, 0.35, 0.8]), &names(2));
        let roc = &curves.roc[0];
        assert_eq!(roc.false_positive_rate, [0.0, 0.0, 0.5, 0.5, 1.0]);
        assert_eq!(roc.true_positive_rate, [0.0, 0.5, 0.5, 1.0, 1.0]);
        assert_eq!(roc.threshold, [1.0, 0.8, 0.4, 0.35, 0.1]);
        assert!((roc.auc - 0.75).abs() < 1e-12);
        let precision_recall = &curves.precision_recall[0];
        assert_eq!(precision_recall.recall, [0.5, 0.5, 1.0, 1.0]);
        assert_eq!(precision_recall.precision, [1.0, 0.5, 0.666_667, 0.5]);
        // scikit-learn 1.9.1: average_precision_score
        assert!((precision_recall.average_precision - 0.833_333_333_333_333_3).abs() < 1e-12);
        let lift = &curves.lift[0];
        assert_eq!(lift.share, [0.25, 0.5, 0.75, 1.0]);
        assert_eq!(lift.gain, [0.5, 0.5, 1.0, 1.0]);
        assert_eq!(lift.lift, [2.0, 1.0, 1.33333, 1.0]);
    }

    #[test]
    fn the_area_is_the_metric_and_the_curve_is_short() {
        let codes: Vec<u32> = (0..5000).map(|i| u32::from(i * 7 % 10 < 4)).collect();
        // Rounded, so that many are equal.
        let noisy = |i: usize| ((i as f64 * 0.77).sin() * 0.3 + f64::from(codes[i]) * 0.2 + 0.4) * 500.0;
        let p = two(&(0..5000).map(|i| noisy(i).round() / 500.0).collect::<Vec<_>>());
        let curves = Curves::new(&codes, &p, &names(2));
        let auc = scores(&Target::Classes { codes, count: 2 }, &p)[&Metric::Auc];
        assert!((curves.roc[0].auc - auc).abs() < 1e-12);
        for length in [
            curves.roc[0].threshold.len(),
            curves.precision_recall[0].threshold.len(),
            curves.lift[0].share.len(),
        ] {
            assert!((100..=200).contains(&length), "{length}");
        }
    }

    #[test]
    fn a_constant_prediction_is_a_straight_line() {
        let curves = Curves::new(&[0, 1, 1], &two(&[0.5; 3]), &names(2));
        assert_eq!(curves.roc[0].true_positive_rate, [0.0, 1.0]);
        assert!((curves.roc[0].auc - 0.5).abs() < 1e-12);
        assert_eq!(curves.lift[0].lift, [1.0]);
    }

    #[test]
    fn a_missing_class_has_no_curve() {
        assert!(Curves::new(&[0, 0], &two(&[0.1, 0.2]), &names(2)).roc.is_empty());
        assert!(Curves::new(&[], &[], &names(2)).roc.is_empty());
        let three = Curves::new(&[0, 2], &[0.8, 0.1, 0.1, 0.3, 0.3, 0.4], &names(3));
        let classes: Vec<&str> = three.roc.iter().map(|curve| curve.class.as_str()).collect();
        assert_eq!(classes, ["class 0", "class 2"]);
    }
}
