//! The probability from which the second of two classes is chosen, learned from predictions for rows that
//! the model did not see.

use super::Costs;
use crate::metrics::Metric;

/// The metrics that one threshold can be best for. Precision and recall are not among them: alone they are
/// best when next to nothing, or everything, is chosen.
pub(crate) const DECIDED: [Metric; 5] =
    [Metric::Accuracy, Metric::BalancedAccuracy, Metric::F1, Metric::Mcc, Metric::Cost];

/// How rows of two classes are predicted.
#[derive(Clone, Copy)]
struct Counts {
    /// Rows of the second class, chosen and not.
    hits: f64,
    misses: f64,
    /// Rows of the first class, taken for the second and not.
    alarms: f64,
    rest: f64,
}

impl Counts {
    /// Larger is better.
    fn score(self, metric: Metric, costs: Option<&Costs>) -> f64 {
        let Counts { hits, misses, alarms, rest } = self;
        let share = |part: f64, of: f64| if of > 0.0 { part / of } else { 0.0 };
        match (metric, costs) {
            (Metric::Cost, Some(costs)) => {
                let cost = |rows: f64, truth, chosen| rows * costs.of(truth, chosen);
                -(cost(hits, 1, 1) + cost(misses, 1, 0) + cost(alarms, 0, 1) + cost(rest, 0, 0))
            }
            (Metric::BalancedAccuracy, _) => share(hits, hits + misses) + share(rest, alarms + rest),
            (Metric::F1, _) => share(2.0 * hits, 2.0 * hits + alarms + misses),
            (Metric::Mcc, _) => {
                let margins = (hits + alarms) * (hits + misses) * (rest + alarms) * (rest + misses);
                share(hits * rest - alarms * misses, margins.sqrt())
            }
            _ => hits + rest,
        }
    }
}

/// The threshold at which the metric is best, halfway between two probabilities that were given; of equals
/// the one nearest to 0.5, which is also the answer where there is nothing to choose. O(rows log rows).
pub(crate) fn best(metric: Metric, costs: Option<&Costs>, codes: &[u32], second: &[f64]) -> f64 {
    let mut rows: Vec<(f64, bool)> =
        second.iter().copied().zip(codes.iter().map(|code| *code == 1)).collect();
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let positives = rows.iter().filter(|(_, positive)| *positive).count() as f64;
    let mut counts =
        Counts { hits: positives, misses: 0.0, alarms: rows.len() as f64 - positives, rest: 0.0 };
    // At first every row is taken for the second class, then with each step those of one probability fewer.
    let mut found = (0.5, f64::NEG_INFINITY);
    let mut below = 0.0;
    let groups: Vec<&[(f64, bool)]> = rows.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()).collect();
    for at in 0..=groups.len() {
        // Beyond the last one nothing is chosen: 1 itself would still be.
        let above = groups.get(at).map_or(1.0, |group| group[0].0);
        if at < groups.len() || below < 1.0 {
            let between = f64::midpoint(below, above).clamp(0.0, 1.0);
            let score = counts.score(metric, costs);
            let nearer = (between - 0.5).abs() < (found.0 - 0.5f64).abs();
            #[allow(clippy::float_cmp, reason = "the same counts give the same score, to the bit")]
            if score > found.1 || score == found.1 && nearer {
                found = (between, score);
            }
        }
        let Some(group) = groups.get(at) else { break };
        for (_, positive) in *group {
            let (from, to) = if *positive {
                (&mut counts.hits, &mut counts.misses)
            } else {
                (&mut counts.alarms, &mut counts.rest)
            };
            *from -= 1.0;
            *to += 1.0;
        }
        below = above;
    }
    found.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decide::{Choice, Rule};
    use crate::estimators::Target;
    use crate::metrics::decided_scores;

    fn score(metric: Metric, costs: Option<&Costs>, codes: &[u32], second: &[f64], from: f64) -> Option<f64> {
        let truth = Target::Classes { codes: codes.to_vec(), count: 2 };
        let probabilities: Vec<f64> = second.iter().flat_map(|p| [1.0 - p, *p]).collect();
        let decision = Choice { rule: Rule::Threshold(from), costs: costs.cloned() };
        let score = decided_scores(&truth, &probabilities, &decision).get(&metric).copied()?;
        Some(if metric.greater_is_better() { score } else { -score })
    }

    #[test]
    fn a_rare_class_is_chosen_early_where_that_is_better() {
        let second = [0.05, 0.1, 0.15, 0.2, 0.22, 0.3, 0.35, 0.4];
        let codes = [0, 0, 0, 0, 0, 1, 0, 1];
        let from = best(Metric::F1, None, &codes, &second);
        assert!((from - 0.26).abs() < 1e-9, "{from}");
        let dear = Costs::new(vec![vec![0.0, 9.0], vec![1.0, 0.0]]);
        let from = best(Metric::Cost, Some(&dear), &codes, &second);
        assert!((from - 0.375).abs() < 1e-9, "{from}");
    }

    #[test]
    fn where_nothing_is_to_be_chosen_it_is_a_half() {
        assert!((best(Metric::F1, None, &[], &[]) - 0.5).abs() < 1e-12);
        assert!((best(Metric::Accuracy, None, &[0, 0, 1, 1], &[0.1, 0.2, 0.8, 0.9]) - 0.5).abs() < 1e-12);
    }

    proptest! {
        /// No other threshold is better, by the metric as it is measured.
        #[test]
        fn no_other_is_better(
            rows in prop::collection::vec((0u32..2, 0u32..=12), 2..40),
            miss in 0.5..9.0f64,
        ) {
            let codes: Vec<u32> = rows.iter().map(|row| row.0).collect();
            let second: Vec<f64> = rows.iter().map(|row| f64::from(row.1) / 12.0).collect();
            let costs = Costs::new(vec![vec![0.0, 1.0], vec![miss, 0.0]]);
            for metric in DECIDED {
                let from = best(metric, Some(&costs), &codes, &second);
                prop_assert!((0.0..=1.0).contains(&from));
                let Some(found) = score(metric, Some(&costs), &codes, &second, from) else { continue };
                for other in 0..=24 {
                    let other = score(metric, Some(&costs), &codes, &second, f64::from(other) / 24.0);
                    prop_assert!(other.is_none_or(|other| other <= found + 1e-12), "{metric:?} {from}");
                }
            }
        }
    }
}
