//! How much one column of the matrix tells about the target.

use crate::estimators::Target;

/// Bins of a column and of a target that is a number, of about as many rows each.
const BINS: usize = 16;
/// The most frequent classes are told apart, and the others are one.
const CLASSES: usize = 32;
/// So many rows are looked at, evenly spaced.
const SAMPLE: usize = 20_000;
/// A column tells more than chance when its statistic is so many standard deviations above what chance
/// gives on average.
const DEVIATIONS: f64 = 3.0;

/// The target, ready for many columns to be scored against.
pub(super) struct Scorer {
    /// The places of the rows looked at.
    places: Vec<usize>,
    /// The bin of the truth of each.
    truth: Vec<u16>,
    bins: usize,
}

/// A column's mutual information with the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Score {
    /// In nats, less what chance gives on average.
    pub(super) information: f64,
    /// Whether it is more than chance explains.
    pub(super) telling: bool,
}

impl Score {
    /// Of a column that tells nothing.
    pub(super) const NONE: Score = Score { information: 0.0, telling: false };
}

impl Scorer {
    /// For columns whose rows are those of `y`.
    pub(super) fn new(y: &Target) -> Scorer {
        let places: Vec<usize> = (0..y.len()).step_by(y.len().div_ceil(SAMPLE).max(1)).collect();
        let (truth, bins) = match y {
            Target::Numbers(values) => {
                let some: Vec<f64> = places.iter().map(|&place| values[place]).collect();
                binned(&some)
            }
            Target::Classes { codes, count } => {
                let mut rows = vec![0usize; *count];
                for &place in &places {
                    rows[codes[place] as usize] += 1;
                }
                let mut order: Vec<usize> = (0..*count).collect();
                order.sort_by_key(|class| (std::cmp::Reverse(rows[*class]), *class));
                let mut bin = vec![0u16; *count];
                for (place, class) in order.into_iter().enumerate() {
                    bin[class] = place.min(CLASSES) as u16;
                }
                (places.iter().map(|&place| bin[codes[place] as usize]).collect(), CLASSES + 1)
            }
        };
        Scorer { places, truth, bins }
    }

    /// The mutual information of a column and the target, both in bins, corrected for its bias.
    /// O(n log n) of the rows looked at.
    ///
    /// G. A. Miller, Note on the bias of information estimates, Information Theory in Psychology (1955).
    pub(super) fn score(&self, column: &[f32]) -> Score {
        let values: Vec<f64> = self.places.iter().map(|&place| f64::from(column[place])).collect();
        let n = values.len() as f64;
        if values.is_empty() {
            return Score::NONE;
        }
        let (bins, count) = binned(&values);
        let mut cells = vec![0u32; count * self.bins];
        for (bin, truth) in bins.iter().zip(&self.truth) {
            cells[usize::from(*bin) * self.bins + usize::from(*truth)] += 1;
        }
        let of_bin: Vec<f64> =
            cells.chunks(self.bins).map(|row| f64::from(row.iter().sum::<u32>())).collect();
        let of_truth: Vec<f64> = (0..self.bins)
            .map(|truth| f64::from(cells.iter().skip(truth).step_by(self.bins).sum::<u32>()))
            .collect();
        let mut information = 0.0;
        for (row, in_bin) in cells.chunks(self.bins).zip(&of_bin) {
            for (cell, in_truth) in row.iter().zip(&of_truth).filter(|(cell, _)| **cell > 0) {
                let cell = f64::from(*cell);
                information += cell / n * (cell * n / (in_bin * in_truth)).ln();
            }
        }
        let used = |counts: &[f64]| counts.iter().filter(|count| **count > 0.0).count() as f64;
        let freedom = (used(&of_bin) - 1.0) * (used(&of_truth) - 1.0);
        Score {
            information: (information - freedom / (2.0 * n)).max(0.0),
            telling: freedom > 0.0 && 2.0 * n * information > freedom + DEVIATIONS * (2.0 * freedom).sqrt(),
        }
    }
}

/// Each value's bin, and how many bins there may be: a bin of its own for each of few values, else bins
/// of about as many rows; missing values have the last one.
fn binned(values: &[f64]) -> (Vec<u16>, usize) {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut edges: Vec<f64> = Vec::with_capacity(BINS);
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() <= BINS {
        edges.extend(distinct.iter().skip(1));
    } else {
        edges.extend((1..BINS).map(|edge| sorted[edge * sorted.len() / BINS]));
        edges.dedup();
    }
    let missing = edges.len() as u16 + 1;
    let bin = |value: &f64| {
        if value.is_nan() { missing } else { edges.partition_point(|edge| edge <= value) as u16 }
    };
    (values.iter().map(bin).collect(), usize::from(missing) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(i: u32) -> f32 {
        (f64::from(i) * 12.9898).sin().mul_add(43_758.547, 0.0).fract() as f32
    }

    #[test]
    fn what_tells_is_told_from_what_does_not() {
        let codes: Vec<u32> = (0..600).map(|i| u32::from(noise(i) > 0.2)).collect();
        let scorer = Scorer::new(&Target::Classes { codes: codes.clone(), count: 2 });
        let same: Vec<f32> = codes.iter().map(|code| *code as f32).collect();
        let curved: Vec<f32> = (0..600).map(|i| (noise(i) - 0.2).abs()).collect();
        let other: Vec<f32> = (0..600).map(|i| noise(i + 7000)).collect();
        let entropy = scorer.score(&same).information;
        let p = f64::from(codes.iter().sum::<u32>()) / 600.0;
        let expected = -(p * p.ln() + (1.0 - p) * (1.0 - p).ln()) - 1.0 / 1200.0;
        assert!((entropy - expected).abs() < 1e-9, "{entropy}, not {expected}");
        assert!(scorer.score(&curved).telling && !scorer.score(&other).telling);
        assert!(scorer.score(&other).information < 0.02);
        assert_eq!(scorer.score(&vec![f32::NAN; 600]), Score::NONE);
    }

    #[test]
    fn numbers_and_gaps_are_scored_too() {
        let y = Target::Numbers((0..500).map(|i| f64::from(noise(i)).powi(2)).collect());
        let scorer = Scorer::new(&y);
        let square: Vec<f32> = (0..500).map(noise).collect();
        let gaps: Vec<f32> = (0..500).map(|i| if noise(i).abs() > 0.5 { f32::NAN } else { 1.0 }).collect();
        assert!(scorer.score(&square).information > 1.0);
        assert!(scorer.score(&gaps).telling);
        assert_eq!(Scorer::new(&Target::Numbers(vec![])).score(&[]), Score::NONE);
    }
}
