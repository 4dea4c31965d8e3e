//! From scores without a meaning to probabilities.
//!
//! J. Platt, Probabilistic outputs for support vector machines, 1999: the probability is a sigmoid of the
//! score, with a slope and an offset that make rows most likely that the scores were not fitted on. For
//! more classes it is a softmax with one slope and an offset a class (matrix scaling of C. Guo and others,
//! On calibration of modern neural networks, ICML 2017, with one number on the diagonal).

use super::lbfgs::{Limits, minimise};

const LIMITS: Limits = Limits { gradient: 1e-8, iterations: 200 };

/// What turns scores into those of a softmax.
#[derive(Debug, PartialEq)]
pub(super) struct Calibration {
    /// Positive: the order of the scores remains.
    pub(super) slope: f64,
    /// One a class.
    pub(super) offsets: Vec<f64>,
}

/// Scores that rows got from models that had not seen them, row by row and class by class.
#[derive(Debug)]
pub(super) struct Scored<'a> {
    pub(super) scores: &'a [f64],
    pub(super) codes: &'a [u32],
    pub(super) weights: &'a [f64],
    /// The number of classes.
    pub(super) count: usize,
}

impl Scored<'_> {
    /// O(rows × classes) an iteration.
    pub(super) fn calibrate(&self) -> Calibration {
        let certainty = self.certainty();
        let curvature = self.curvature(&certainty);
        let mut probabilities = vec![0.0; self.count];
        // The slope by its logarithm, which keeps it positive.
        let mut found = minimise(
            vec![0.0; self.count + 1],
            LIMITS,
            |direction| direction.iter_mut().zip(&curvature).for_each(|(d, curvature)| *d /= curvature),
            |model, gradient| self.loss(&certainty, &mut probabilities, model, gradient),
        );
        let offsets = found.split_off(1);
        Calibration { slope: found[0].exp(), offsets }
    }

    /// How certain each class's own rows are of it, by Platt: as if there were one row more of the class
    /// and one of the others, so that classes that are told apart without fault keep a finite slope.
    fn certainty(&self) -> Vec<f64> {
        let mut per_class = vec![0.0; self.count];
        for (weight, &code) in self.weights.iter().zip(self.codes) {
            per_class[code as usize] += weight;
        }
        per_class.iter().map(|rows| (rows + 1.0) / (rows + 2.0)).collect()
    }

    /// About the second derivatives of the mean loss: of the slope the mean variance of a row's scores, of an
    /// offset p (1 − p), where p is what of all rows is of the class. With many classes the latter are small.
    fn curvature(&self, certainty: &[f64]) -> Vec<f64> {
        let (count, total) = (self.count as f64, self.weights.iter().sum::<f64>());
        let mut curvature = vec![0.0; self.count + 1];
        let mut of_all = 0.0;
        let rows = self.scores.chunks_exact(self.count).zip(self.codes).zip(self.weights);
        for ((scores, &code), weight) in rows {
            let mean = scores.iter().sum::<f64>() / count;
            let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
            curvature[0] += weight / total * squares / count;
            let certain = certainty[code as usize];
            let other = (1.0 - certain) / (count - 1.0);
            curvature[code as usize + 1] += weight / total * (certain - other);
            of_all += weight / total * other;
        }
        for share in &mut curvature[1..] {
            let p = *share + of_all;
            *share = p * (1.0 - p);
        }
        // Scores that are all alike say nothing of the slope.
        curvature[0] = curvature[0].max(1e-6);
        curvature
    }

    /// The mean loss and its gradient, of the slope's logarithm and the offsets.
    fn loss(&self, certainty: &[f64], of_row: &mut [f64], model: &[f64], gradient: &mut [f64]) -> f64 {
        let (slope, offsets) = (model[0].exp(), &model[1..]);
        let others = (self.count - 1) as f64;
        gradient.fill(0.0);
        let (mut loss, mut total) = (0.0, 0.0);
        let rows = self.scores.chunks_exact(self.count).zip(self.codes).zip(self.weights);
        for ((scores, &code), weight) in rows {
            let (mut highest, mut sum) = (f64::NEG_INFINITY, 0.0);
            for ((value, score), offset) in of_row.iter_mut().zip(scores).zip(offsets) {
                *value = slope * score + offset;
                highest = highest.max(*value);
                sum += *value;
            }
            let certain = certainty[code as usize];
            let other = (1.0 - certain) / others;
            // Of the sum of truth × logarithm of probability one logarithm is needed, as the truth sums to 1.
            let of_truth = other * sum + (certain - other) * of_row[code as usize];
            let mut odds = 0.0;
            for value in of_row.iter_mut() {
                *value = (*value - highest).exp();
                odds += *value;
            }
            loss += weight * (highest + odds.ln() - of_truth);
            let (share, mut along) = (weight / odds, 0.0);
            for ((odd, score), gradient) in of_row.iter().zip(scores).zip(&mut gradient[1..]) {
                let residual = share * odd - weight * other;
                along += residual * score;
                *gradient += residual;
            }
            let own = weight * (certain - other);
            gradient[code as usize + 1] -= own;
            gradient[0] += slope * (along - own * scores[code as usize]);
            total += weight;
        }
        for g in gradient.iter_mut() {
            *g /= total;
        }
        loss / total
    }
}

#[cfg(test)]
mod tests {
    use super::super::lbfgs::assert_gradient;
    use super::super::linear::sigmoid;
    use super::*;

    #[test]
    fn finds_the_slope_and_offset_that_scores_were_made_with() {
        // Each score once with each class, weighted by how probable the class is.
        let (mut scores, mut codes, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for i in -40..=40 {
            let score = f64::from(i) / 20.0;
            let probability = sigmoid(3.0 * score - 1.0);
            for (code, weight) in [(0, 1.0 - probability), (1, probability)] {
                scores.extend([0.0, score]);
                codes.push(code);
                weights.push(1e6 * weight);
            }
        }
        let scored = Scored { scores: &scores, codes: &codes, weights: &weights, count: 2 };
        let found = scored.calibrate();
        assert!((found.slope - 3.0).abs() < 1e-3, "{found:?}");
        assert!((found.offsets[1] - found.offsets[0] + 1.0).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn told_apart_without_fault_the_slope_stays_finite() {
        let scores: Vec<f64> = (0..20).flat_map(|i| [0.0, if i < 10 { -1.0 } else { 1.0 }]).collect();
        let codes: Vec<u32> = (0..20).map(|i| u32::from(i >= 10)).collect();
        let scored = Scored { scores: &scores, codes: &codes, weights: &[1.0; 20], count: 2 };
        let found = scored.calibrate();
        // ln(11) is the log odds of 11 to 1.
        assert!((found.slope - 11f64.ln()).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let scores: Vec<f64> = (0..60).map(|i| (1.7 * f64::from(i)).sin()).collect();
        let codes: Vec<u32> = (0..20).map(|i| i * i % 3).collect();
        let weights: Vec<f64> = (0..20).map(|i| f64::from(i % 4)).collect();
        let scored = Scored { scores: &scores, codes: &codes, weights: &weights, count: 3 };
        let certainty = scored.certainty();
        let mut probabilities = vec![0.0; 3];
        assert_gradient(&[0.4, 0.1, -0.7, 1.3], |model, gradient| {
            scored.loss(&certainty, &mut probabilities, model, gradient)
        });
    }
}
