//! Metrics of predicted classes.

use super::{Metric, Scores};
use crate::decide::Choice;

/// Probabilities are kept this far from 0 when their logarithm is taken, so that one row that was
/// surely wrong costs much, but not infinitely much. The resolution of `f64`, as in scikit-learn.
const SMALLEST: f64 = f64::EPSILON;

pub(super) fn scores(codes: &[u32], classes: usize, probabilities: &[f64], choice: &Choice) -> Scores {
    let mut scores = Scores::new();
    if codes.is_empty() {
        return scores;
    }
    let predicted = choice.rule.labels(probabilities, classes);
    let counts = Confusion::count(codes, &predicted, classes);
    let rows = codes.len() as f64;
    scores.insert(Metric::Accuracy, counts.right.iter().sum::<f64>() / rows);
    scores.insert(Metric::LogLoss, log_loss(codes, classes, probabilities));
    scores.extend(choice.costs.as_ref().map(|costs| (Metric::Cost, costs.mean(codes, &predicted))));
    // Classes without a row have no recall: the mean is over the others.
    scores.extend(mean((0..classes).filter_map(|c| counts.recall(c))).map(|m| (Metric::BalancedAccuracy, m)));
    scores.extend(auc(codes, classes, probabilities).map(|auc| (Metric::Auc, auc)));
    scores.extend(counts.mcc().map(|mcc| (Metric::Mcc, mcc)));

    // A class that nobody predicted has precision 0 when it has rows; one that neither has rows nor
    // was predicted does not take part.
    let averaged = if classes == 2 { 1..2 } else { 0..classes };
    let present =
        || averaged.clone().filter(|&c| classes == 2 || counts.truth[c] + counts.predicted[c] > 0.0);
    if classes > 2 || counts.truth[1] > 0.0 {
        scores.extend(mean(present().map(|c| counts.precision(c))).map(|m| (Metric::Precision, m)));
        scores.extend(mean(present().map(|c| counts.recall(c).unwrap_or(0.0))).map(|m| (Metric::Recall, m)));
        scores.extend(mean(present().map(|c| counts.f1(c))).map(|m| (Metric::F1, m)));
    }
    scores
}

/// Per class: rows of it, rows predicted as it, and rows of it predicted so.
struct Confusion {
    truth: Vec<f64>,
    predicted: Vec<f64>,
    right: Vec<f64>,
    rows: f64,
}

impl Confusion {
    fn count(codes: &[u32], predicted: &[u32], classes: usize) -> Confusion {
        let mut counts = Confusion {
            truth: vec![0.0; classes],
            predicted: vec![0.0; classes],
            right: vec![0.0; classes],
            rows: codes.len() as f64,
        };
        for (&truth, &guess) in codes.iter().zip(predicted) {
            counts.truth[truth as usize] += 1.0;
            counts.predicted[guess as usize] += 1.0;
            if truth == guess {
                counts.right[truth as usize] += 1.0;
            }
        }
        counts
    }

    fn recall(&self, class: usize) -> Option<f64> {
        (self.truth[class] > 0.0).then(|| self.right[class] / self.truth[class])
    }

    fn precision(&self, class: usize) -> f64 {
        if self.predicted[class] > 0.0 { self.right[class] / self.predicted[class] } else { 0.0 }
    }

    fn f1(&self, class: usize) -> f64 {
        let both = self.truth[class] + self.predicted[class];
        if both > 0.0 { 2.0 * self.right[class] / both } else { 0.0 }
    }

    /// Gorodkin's `R_K` (2004), which is Matthews' coefficient for two classes. 0, as no
    /// correlation, when every prediction is the same; undefined when the truth is.
    fn mcc(&self) -> Option<f64> {
        let squares = |counts: &[f64]| self.rows * self.rows - counts.iter().map(|c| c * c).sum::<f64>();
        let (of_truth, of_predicted) = (squares(&self.truth), squares(&self.predicted));
        if of_truth <= 0.0 {
            return None;
        }
        if of_predicted <= 0.0 {
            return Some(0.0);
        }
        let chance: f64 = self.truth.iter().zip(&self.predicted).map(|(t, p)| t * p).sum();
        let covariance = self.right.iter().sum::<f64>() * self.rows - chance;
        Some(covariance / (of_truth * of_predicted).sqrt())
    }
}

/// Minus the mean logarithm of the probability given to the true class.
pub(crate) fn log_loss(codes: &[u32], classes: usize, probabilities: &[f64]) -> f64 {
    let total: f64 = codes
        .iter()
        .zip(probabilities.chunks_exact(classes))
        .map(|(&code, row)| row[code as usize].clamp(SMALLEST, 1.0 - SMALLEST).ln())
        .sum();
    -total / codes.len() as f64
}

/// Two classes: the AUC of the second. More: the mean of the AUC of each class against the rest,
/// over the classes for which it is defined.
fn auc(codes: &[u32], classes: usize, probabilities: &[f64]) -> Option<f64> {
    let one_against_rest = |class: usize| {
        let scored = probabilities.chunks_exact(classes).zip(codes);
        rank_auc(scored.map(|(row, &code)| (row[class], code as usize == class)).collect())
    };
    if classes == 2 { one_against_rest(1) } else { mean((0..classes).filter_map(one_against_rest)) }
}

/// The share of (positive, negative) pairs in the right order, ties counted half: the
/// Mann-Whitney statistic, from ranks. `None` when one side has no rows.
pub(crate) fn rank_auc(mut scored: Vec<(f64, bool)>) -> Option<f64> {
    scored.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let positives = scored.iter().filter(|(_, positive)| *positive).count() as f64;
    let negatives = scored.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let mut below = 0.0;
    let mut pairs = 0.0;
    for ties in scored.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let up = ties.iter().filter(|(_, positive)| *positive).count() as f64;
        let down = ties.len() as f64 - up;
        pairs += up * (below + down / 2.0);
        below += down;
    }
    Some(pairs / (positives * negatives))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    (n > 0.0).then(|| sum / n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::{Costs, Rule};

    fn scores(codes: &[u32], classes: usize, probabilities: &[f64]) -> Scores {
        super::scores(codes, classes, probabilities, &Choice::default())
    }

    fn close(scores: &Scores, metric: Metric, expected: f64) {
        let got = scores[&metric];
        assert!((got - expected).abs() < 1e-12, "{metric:?}: {got} instead of {expected}");
    }

    // Figures of scikit-learn 1.9.1, with average="macro" and zero_division=0 for many classes.

    #[test]
    fn two_classes_as_in_scikit_learn() {
        let truth = [0, 1, 1, 0, 1, 0, 1, 1];
        let positive = [0.1, 0.8, 0.4, 0.4, 0.9, 0.6, 0.5, 1.0];
        let probabilities: Vec<f64> = positive.iter().flat_map(|p| [1.0 - p, *p]).collect();
        let scores = scores(&truth, 2, &probabilities);
        close(&scores, Metric::Accuracy, 0.625);
        close(&scores, Metric::BalancedAccuracy, 0.633_333_333_333_333_3);
        close(&scores, Metric::Auc, 0.833_333_333_333_333_4);
        close(&scores, Metric::LogLoss, 0.433_802_356_338_013_56);
        close(&scores, Metric::F1, 0.666_666_666_666_666_6);
        close(&scores, Metric::Precision, 0.75);
        close(&scores, Metric::Recall, 0.6);
        close(&scores, Metric::Mcc, 0.258_198_889_747_161_1);
    }

    #[test]
    fn many_classes_as_in_scikit_learn() {
        let truth = [0, 1, 2, 2, 1, 0, 2, 1];
        let probabilities = [
            0.7, 0.2, 0.1, //
            0.3, 0.4, 0.3, //
            0.1, 0.1, 0.8, //
            0.5, 0.2, 0.3, //
            0.6, 0.3, 0.1, //
            0.4, 0.3, 0.3, //
            0.2, 0.2, 0.6, //
            0.1, 0.8, 0.1,
        ];
        let scores = scores(&truth, 3, &probabilities);
        close(&scores, Metric::Accuracy, 0.75);
        close(&scores, Metric::BalancedAccuracy, 0.777_777_777_777_777_7);
        close(&scores, Metric::Auc, 0.911_111_111_111_111_1);
        close(&scores, Metric::LogLoss, 0.694_289_342_841_665_5);
        close(&scores, Metric::F1, 0.755_555_555_555_555_5);
        close(&scores, Metric::Precision, 0.833_333_333_333_333_4);
        close(&scores, Metric::Recall, 0.777_777_777_777_777_7);
        close(&scores, Metric::Mcc, 0.683_130_051_063_973_3);
    }

    #[test]
    fn what_is_undefined_is_left_out() {
        let one_class = scores(&[0, 0], 2, &[0.9, 0.1, 0.2, 0.8]);
        for metric in [Metric::Auc, Metric::Mcc, Metric::Precision, Metric::Recall, Metric::F1] {
            assert!(!one_class.contains_key(&metric), "{metric:?}");
        }
        close(&one_class, Metric::Accuracy, 0.5);
        assert!(scores(&[], 2, &[]).is_empty());
    }

    #[test]
    fn absent_classes_do_not_dilute_the_mean() {
        let scores = scores(&[0, 1], 3, &[0.9, 0.1, 0.0, 0.2, 0.8, 0.0]);
        for metric in [Metric::BalancedAccuracy, Metric::F1, Metric::Auc, Metric::Mcc] {
            close(&scores, metric, 1.0);
        }
    }

    #[test]
    fn a_constant_guess_is_no_correlation() {
        let scores = scores(&[0, 1], 2, &[0.6, 0.4, 0.6, 0.4]);
        close(&scores, Metric::Mcc, 0.0);
        close(&scores, Metric::Auc, 0.5);
        close(&scores, Metric::Recall, 0.0);
    }

    #[test]
    fn what_is_chosen_is_what_is_measured() {
        let costs = Costs::new(vec![vec![0.0, 1.0], vec![5.0, 0.0]]);
        let (truth, probabilities) = ([0, 0, 1, 1], [0.9, 0.1, 0.7, 0.3, 0.6, 0.4, 0.95, 0.05]);
        let most = Choice { rule: Rule::MostProbable, costs: Some(costs.clone()) };
        close(&super::scores(&truth, 2, &probabilities, &most), Metric::Cost, 10.0 / 4.0);
        let cheapest = Choice { rule: Rule::Costs(costs.clone()), costs: Some(costs) };
        let scores = super::scores(&truth, 2, &probabilities, &cheapest);
        close(&scores, Metric::Cost, 6.0 / 4.0);
        close(&scores, Metric::Recall, 0.5);
        close(&scores, Metric::Accuracy, 0.5);
    }

    #[test]
    fn a_sure_mistake_costs_a_finite_amount() {
        close(&scores(&[1], 2, &[1.0, 0.0]), Metric::LogLoss, -f64::EPSILON.ln());
    }
}
