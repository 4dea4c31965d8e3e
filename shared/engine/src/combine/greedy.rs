//! Members chosen one after the other, each time the one that helps most, with replacement (Caruana,
//! Niculescu-Mizil, Crew and Ksikes, *Ensemble selection from libraries of models*, 2004).

use super::loss;
use crate::estimators::Target;

/// Choices that are made: weights are multiples of one over so many.
const CHOICES: usize = 30;

/// The weight of each member, summing to 1: how often it was chosen. `predictions` are each member's, one
/// after the other for the rows of `truth`. O(choices × members × rows × outputs).
pub(super) fn weights(truth: &Target, predictions: &[Vec<f64>]) -> Vec<f64> {
    let width = predictions.first().map_or(0, Vec::len);
    let mut sum = vec![0.0; width];
    let mut times = vec![0u32; predictions.len()];
    let mut mixed = vec![0.0; width];
    // The best so far, which more choices need not improve.
    let mut best: (f64, Vec<u32>) = (f64::INFINITY, times.clone());
    for chosen in 1..=CHOICES {
        let mut choice = (f64::INFINITY, 0);
        for (member, predictions) in predictions.iter().enumerate() {
            for ((mixed, sum), value) in mixed.iter_mut().zip(&sum).zip(predictions) {
                *mixed = (sum + value) / chosen as f64;
            }
            let loss = loss(truth, &mixed);
            if loss < choice.0 {
                choice = (loss, member);
            }
        }
        let (loss, member) = choice;
        times[member] += 1;
        for (sum, value) in sum.iter_mut().zip(&predictions[member]) {
            *sum += value;
        }
        if loss < best.0 {
            best = (loss, times.clone());
        }
    }
    let total = f64::from(best.1.iter().sum::<u32>().max(1));
    best.1.iter().map(|times| f64::from(*times) / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_that_err_in_opposite_ways_are_mixed_and_noise_is_left_out() {
        let truth: Vec<f64> = (0..100).map(f64::from).collect();
        let high = truth.iter().map(|y| y + 3.0).collect();
        let low = truth.iter().map(|y| y - 3.0).collect();
        let noise = (0..100).map(|i| f64::from(i * 37 % 100)).collect();
        let weights = weights(&Target::Numbers(truth), &[noise, high, low]);
        assert_eq!(weights, [0.0, 0.5, 0.5]);
    }

    #[test]
    fn one_that_is_always_right_is_alone() {
        let truth = Target::Classes { codes: vec![0, 1, 1, 0], count: 2 };
        let right = vec![0.9, 0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1];
        let wrong = vec![0.4, 0.6, 0.6, 0.4, 0.6, 0.4, 0.4, 0.6];
        assert_eq!(weights(&truth, &[wrong, right]), [0.0, 1.0]);
    }
}
