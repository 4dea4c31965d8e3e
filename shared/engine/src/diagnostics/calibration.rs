//! Whether probabilities are what happens.

use serde::{Deserialize, Serialize};

use super::numbers::{CLASSES, largest_classes, rounded};

/// Probabilities are compared with what happened in so many ranges of equal width.
const BINS: usize = 10;

/// How well predicted probabilities agree with what happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Calibration {
    /// The mean squared distance of the probabilities from 0 and 1: for two classes that of the second
    /// class, for more the sum over classes.
    pub brier: f64,
    /// The expected calibration error: how far probabilities are from what happened, on average over
    /// rows. For two classes of the second class's probability, for more of the largest one.
    pub ece: f64,
    /// The curve of each class, at most ten.
    pub curves: Vec<Reliability>,
}

/// A class's reliability: what happened where such a probability was predicted. Ranges without rows
/// are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reliability {
    /// The class.
    pub class: String,
    /// The mean predicted probability of each range.
    pub predicted: Vec<f64>,
    /// The share of the range's rows that are of the class.
    pub observed: Vec<f64>,
    /// How many rows each range has.
    pub rows: Vec<u64>,
}

impl Calibration {
    /// Compares. `None` without rows. O(rows × classes).
    pub(super) fn new(codes: &[u32], probabilities: &[f64], names: &[String]) -> Option<Calibration> {
        if codes.is_empty() {
            return None;
        }
        let (count, rows) = (names.len(), codes.len() as f64);
        let predicted = || probabilities.chunks_exact(count).zip(codes.iter().map(|&code| code as usize));
        let of_class = |class: usize| {
            let mut bins = Bins::default();
            predicted().for_each(|(row, code)| bins.add(row[class], code == class));
            bins
        };
        let (brier, ece, shown) = if count == 2 {
            let squares = predicted().map(|(row, code)| (row[1] - f64::from(u8::from(code == 1))).powi(2));
            (squares.sum::<f64>() / rows, of_class(1).error(), vec![1])
        } else {
            let square = |(row, code): (&[f64], usize)| {
                let truth = |class| f64::from(u8::from(class == code));
                row.iter().enumerate().map(|(class, p)| (p - truth(class)).powi(2)).sum::<f64>()
            };
            let mut surest = Bins::default();
            for (row, code) in predicted() {
                let best =
                    (1..count).fold(0, |best, class| if row[class] > row[best] { class } else { best });
                surest.add(row[best], best == code);
            }
            let brier = predicted().map(square).sum::<f64>() / rows;
            (brier, surest.error(), largest_classes(codes, count, CLASSES))
        };
        let curves = shown.into_iter().map(|class| of_class(class).curve(&names[class])).collect();
        Some(Calibration { brier, ece, curves })
    }
}

/// Rows, probabilities and what happened, summed by range.
#[derive(Default)]
struct Bins {
    rows: [f64; BINS],
    predicted: [f64; BINS],
    happened: [f64; BINS],
}

impl Bins {
    fn add(&mut self, probability: f64, happened: bool) {
        let bin = ((probability * BINS as f64) as usize).min(BINS - 1);
        self.rows[bin] += 1.0;
        self.predicted[bin] += probability;
        self.happened[bin] += f64::from(u8::from(happened));
    }

    fn error(&self) -> f64 {
        let gaps = self.predicted.iter().zip(&self.happened).map(|(p, h)| (p - h).abs());
        gaps.sum::<f64>() / self.rows.iter().sum::<f64>()
    }

    fn curve(&self, class: &str) -> Reliability {
        let full: Vec<usize> = (0..BINS).filter(|&bin| self.rows[bin] > 0.0).collect();
        let mean = |sums: &[f64; BINS]| rounded(full.iter().map(|&bin| sums[bin] / self.rows[bin]));
        Reliability {
            class: class.into(),
            predicted: mean(&self.predicted),
            observed: mean(&self.happened),
            rows: full.iter().map(|&bin| self.rows[bin] as u64).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_rows_by_hand() {
        let names: Vec<String> = ["no", "yes"].map(String::from).to_vec();
        let p = [0.9, 0.1, 0.85, 0.15, 0.25, 0.75, 0.0, 1.0];
        let calibration = Calibration::new(&[0, 1, 1, 1], &p, &names).unwrap();
        // (0.1² + 0.85² + 0.25² + 0²) / 4, and (|0.25 − 1| + |0.75 − 1| + 0) / 4
        assert!((calibration.brier - 0.19875).abs() < 1e-12);
        assert!((calibration.ece - 0.25).abs() < 1e-12);
        let curve = &calibration.curves[0];
        assert_eq!(curve.class, "yes");
        assert_eq!(curve.predicted, [0.125, 0.75, 1.0]);
        assert_eq!(curve.observed, [0.5, 1.0, 1.0]);
        assert_eq!(curve.rows, [2, 1, 1]);
    }

    #[test]
    fn many_classes_are_judged_by_the_surest() {
        let names: Vec<String> = (0..3).map(|class| class.to_string()).collect();
        let calibration = Calibration::new(&[0, 1], &[0.8, 0.1, 0.1, 0.6, 0.2, 0.2], &names).unwrap();
        assert!((calibration.brier - 0.55).abs() < 1e-12);
        assert!((calibration.ece - 0.4).abs() < 1e-12);
        assert_eq!(calibration.curves.len(), 2);
        assert_eq!(Calibration::new(&[], &[], &names), None);
    }
}
