//! Sums over requests that can be added up: of several processes, minutes and variants.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest latency that is told apart from longer ones.
const LONGEST_US: u64 = 3_600_000_000;

/// Counts, latencies and what came true, of some requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    /// Rows that were predicted.
    pub(crate) rows: u64,
    /// Requests that were refused for what they asked.
    pub(crate) refused: u64,
    /// Requests that failed by no fault of theirs.
    pub(crate) errors: u64,
    /// Requests whose rows were to be logged and were not, for there were too many.
    #[serde(default)]
    pub(crate) unlogged: u64,
    pub(crate) latency: Latency,
    #[serde(default)]
    pub(crate) quality: Quality,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Tally) {
        self.requests += other.requests;
        self.rows += other.rows;
        self.refused += other.refused;
        self.errors += other.errors;
        self.unlogged += other.unlogged;
        self.latency.add(&other.latency);
        self.quality.add(&other.quality);
    }

    /// The share of requests without an answer.
    pub(crate) fn failed_share(&self) -> f64 {
        (self.refused + self.errors) as f64 / self.requests.max(1) as f64
    }
}

/// Latencies in buckets no wider than one part in sixteen (an HDR histogram of one digit), by the
/// bucket's smallest microsecond: histograms of different processes add up, percentiles do not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub(crate) struct Latency(BTreeMap<u64, u64>);

/// In pairs, since a number is no key in JSON.
impl From<Vec<(u64, u64)>> for Latency {
    fn from(pairs: Vec<(u64, u64)>) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl From<Latency> for Vec<(u64, u64)> {
    fn from(latency: Latency) -> Self {
        latency.0.into_iter().collect()
    }
}

impl Latency {
    pub(crate) fn note(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(LONGEST_US).clamp(1, LONGEST_US);
        *self.0.entry(bucket(micros)).or_default() += 1;
    }

    fn add(&mut self, other: &Latency) {
        for (bucket, count) in &other.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    /// The latencies that so many shares of the requests did not exceed; none of no requests.
    pub(crate) fn quantiles<const N: usize>(&self, shares: [f64; N]) -> Option<[Duration; N]> {
        let total: u64 = self.0.values().sum();
        if total == 0 {
            return None;
        }
        Some(shares.map(|share| {
            let rank = ((share * total as f64).ceil() as u64).clamp(1, total);
            let mut below = 0;
            let found = self.0.iter().find(|(_, count)| {
                below += **count;
                below >= rank
            });
            Duration::from_micros(found.map_or(LONGEST_US, |(bucket, _)| *bucket))
        }))
    }
}

/// The smallest value of the bucket that a value falls into.
fn bucket(micros: u64) -> u64 {
    thread_local! {
        /// Never filled: it knows the bounds of the buckets.
        static BOUNDS: Option<Histogram<u8>> = Histogram::new_with_bounds(1, LONGEST_US, 1).ok();
    }
    BOUNDS.with(|bounds| bounds.as_ref().map_or(micros, |bounds| bounds.lowest_equivalent(micros)))
}

/// How predictions compare with what really happened: sums, and of how many rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Quality {
    /// Numbers that were predicted, and what they were off by.
    pub(crate) numbers: u64,
    pub(crate) absolute: f64,
    pub(crate) squared: f64,
    /// Classes that were predicted, and those among them that were right.
    pub(crate) classes: u64,
    pub(crate) right: u64,
    /// Classes that were predicted with a probability, and the negative logarithms of the true ones'.
    pub(crate) probable: u64,
    pub(crate) log_loss: f64,
}

impl Quality {
    pub(crate) fn add(&mut self, other: &Quality) {
        self.numbers += other.numbers;
        self.absolute += other.absolute;
        self.squared += other.squared;
        self.classes += other.classes;
        self.right += other.right;
        self.probable += other.probable;
        self.log_loss += other.log_loss;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn latency(micros: &[u64]) -> Latency {
        let mut latency = Latency::default();
        for &value in micros {
            latency.note(Duration::from_micros(value));
        }
        latency
    }

    proptest! {
        /// Percentiles of what was added up are those of all values together, to one part in sixteen.
        #[test]
        fn histograms_add_up(
            left in prop::collection::vec(1_u64..10_000_000, 0..200),
            right in prop::collection::vec(1_u64..10_000_000, 1..200),
        ) {
            let mut sum = latency(&left);
            sum.add(&latency(&right));
            let mut all = [left, right].concat();
            prop_assert_eq!(&sum, &latency(&all));
            all.sort_unstable();
            let shares = [0.5, 0.95, 0.99];
            let found = sum.quantiles(shares).unwrap();
            for (share, found) in shares.into_iter().zip(found) {
                let exact = all[((share * all.len() as f64).ceil() as usize).max(1) - 1] as f64;
                let found = found.as_micros() as f64;
                prop_assert!(found <= exact && found >= exact * 15.0 / 16.0 - 1.0, "{} of {}", found, exact);
            }
        }
    }

    #[test]
    fn what_is_stored_is_small() {
        let spread: Vec<u64> = (0..10_000).map(|n| 100 + n * 7 % 5_000).collect();
        let text = serde_json::to_string(&latency(&spread)).unwrap();
        assert!(text.len() < 1_500, "{} bytes", text.len());
        assert_eq!(serde_json::from_str::<Latency>(&text).unwrap(), latency(&spread));
        assert_eq!(latency(&[]).quantiles([0.5]), None);
        assert_eq!(latency(&[u64::MAX]).quantiles([0.5]).unwrap()[0].as_secs(), 3_489);
    }
}
