//! From a model's probabilities to those that hold: of rows given 0.8, eight in ten are of the class.
//! Each class is corrected against the rest, and the classes are brought to a sum of 1 again.

use serde::{Deserialize, Serialize};

use crate::estimators::platt::{Scored, Sigmoid};
use crate::estimators::sigmoid;

/// Probabilities are taken no nearer to 0 and 1 than this before their log odds are.
pub(super) const NEAREST: f64 = 1e-6;

/// The correction of one class's probability. The order of variants is part of the artifact's format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Curve {
    /// `1 / (1 + exp(-(slope · log odds + offset)))` (Platt, *Probabilistic outputs for support vector
    /// machines*, 1999).
    Sigmoid { slope: f64, offset: f64 },
    /// Between points that rise, straight lines (Zadrozny and Elkan, *Transforming classifier scores into
    /// accurate multiclass probability estimates*, 2002).
    Steps {
        /// Probabilities given, ascending.
        given: Vec<f32>,
        /// What they mean, not falling.
        meant: Vec<f32>,
    },
}

impl Curve {
    /// The slope and offset under which the truth is likeliest, for probabilities of a class and whether
    /// each row is of it. A model that ranks the wrong way round is not turned around: it is said to know
    /// nothing. O(rows).
    pub(super) fn sigmoid(given: &[f64], is: &[bool]) -> Curve {
        let scored: Vec<Scored> = given.iter().zip(is).map(|(p, is)| (odds(*p), *is, 1.0)).collect();
        let Sigmoid { slope, intercept } = Sigmoid::fit(&scored);
        Curve::Sigmoid { slope, offset: intercept }
    }

    /// The rising steps nearest to the truth, by pooling neighbours that fall. O(rows log rows).
    pub(super) fn isotonic(given: &[f64], is: &[bool]) -> Curve {
        let mut order: Vec<usize> = (0..given.len()).collect();
        order.sort_by(|&a, &b| given[a].total_cmp(&given[b]));
        // Blocks of neighbours: the sum of their truths, how many, and from where to where they reach.
        let mut blocks: Vec<(f64, f64, f64, f64)> = Vec::new();
        for at in order {
            let (p, y) = (given[at], f64::from(u8::from(is[at])));
            match blocks.last_mut() {
                #[allow(clippy::float_cmp, reason = "rows with the same probability share its meaning")]
                Some(last) if last.3 == p => {
                    last.0 += y;
                    last.1 += 1.0;
                }
                _ => blocks.push((y, 1.0, p, p)),
            }
            while let [.., before, last] = blocks.as_slice() {
                if before.0 * last.1 < last.0 * before.1 {
                    break;
                }
                let merged = (before.0 + last.0, before.1 + last.1, before.2, last.3);
                blocks.truncate(blocks.len() - 2);
                blocks.push(merged);
            }
        }
        let (mut from, mut to) = (Vec::new(), Vec::new());
        for (sum, count, low, high) in blocks {
            // No block is so sure that one row less would change it: its share is drawn in by half a row.
            let share = (sum + 0.5) / (count + 1.0);
            from.push(low as f32);
            to.push(share as f32);
            if high > low {
                from.push(high as f32);
                to.push(share as f32);
            }
        }
        // Drawing in may have made small blocks fall below larger ones before them.
        for at in 1..to.len() {
            to[at] = to[at].max(to[at - 1]);
        }
        Curve::Steps { given: from, meant: to }
    }

    fn apply(&self, p: f64) -> f64 {
        match self {
            Curve::Sigmoid { slope, offset } => sigmoid(slope * odds(p) + offset),
            Curve::Steps { given, meant } => {
                let (p, last) = (p as f32, given.len() - 1);
                let after = given.partition_point(|x| *x < p);
                let value = match after {
                    0 => meant[0],
                    after if after > last => meant[last],
                    after => {
                        let (x0, x1) = (given[after - 1], given[after]);
                        let share = if x1 > x0 { (p - x0) / (x1 - x0) } else { 0.0 };
                        meant[after - 1] + share * (meant[after] - meant[after - 1])
                    }
                };
                f64::from(value)
            }
        }
    }

    /// Whether applying it cannot fail.
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Curve::Sigmoid { slope, offset } => slope.is_finite() && offset.is_finite(),
            Curve::Steps { given, meant } => {
                !given.is_empty()
                    && given.len() == meant.len()
                    && given.is_sorted()
                    && given.iter().chain(meant).all(|value| (0.0..=1.0).contains(value))
            }
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        match self {
            Curve::Sigmoid { .. } => 16,
            Curve::Steps { given, .. } => given.len() * 8,
        }
    }
}

/// Corrects probabilities in place, row by row: one curve a class, or of two classes the second's.
pub(super) fn apply(curves: &[Curve], classes: usize, probabilities: &mut [f64]) {
    for row in probabilities.chunks_exact_mut(classes) {
        if let ([curve], [first, second]) = (curves, &mut *row) {
            *second = curve.apply(*second).clamp(0.0, 1.0);
            *first = 1.0 - *second;
            continue;
        }
        for (p, curve) in row.iter_mut().zip(curves) {
            *p = curve.apply(*p).max(NEAREST);
        }
        let total: f64 = row.iter().sum();
        for p in row {
            *p /= total;
        }
    }
}

fn odds(p: f64) -> f64 {
    let p = p.clamp(NEAREST, 1.0 - NEAREST);
    (p / (1.0 - p)).ln()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Probabilities that are too sure by a factor of three in their log odds.
    fn too_sure() -> (Vec<f64>, Vec<bool>) {
        (0..4000)
            .map(|i| {
                let score = f64::from(i % 41 - 20) / 10.0;
                let true_share = 1.0 / (1.0 + (-score).exp());
                let drawn = f64::from(i * 7919 % 4000) / 4000.0;
                (1.0 / (1.0 + (-3.0 * score).exp()), drawn < true_share)
            })
            .unzip()
    }

    fn brier(curve: &Curve, given: &[f64], is: &[bool]) -> f64 {
        let square = |(p, is): (&f64, &bool)| (curve.apply(*p) - f64::from(u8::from(*is))).powi(2);
        given.iter().zip(is).map(square).sum::<f64>() / given.len() as f64
    }

    #[test]
    fn what_is_too_sure_is_drawn_in() {
        let (given, is) = too_sure();
        let Curve::Sigmoid { slope, offset } = Curve::sigmoid(&given, &is) else { unreachable!() };
        assert!((slope - 1.0 / 3.0).abs() < 0.03 && offset.abs() < 0.1, "{slope} {offset}");
        let before = brier(&Curve::Sigmoid { slope: 1.0, offset: 0.0 }, &given, &is);
        for curve in [Curve::sigmoid(&given, &is), Curve::isotonic(&given, &is)] {
            assert!(brier(&curve, &given, &is) < before - 0.01);
        }
    }

    #[test]
    fn a_model_that_is_wrong_way_round_knows_nothing() {
        let (given, is) = ([0.9, 0.8, 0.2, 0.1], [false, false, true, true]);
        let curve = Curve::sigmoid(&given, &is);
        assert!((curve.apply(0.9) - 0.5).abs() < 1e-9);
        assert!((Curve::isotonic(&given, &is).apply(0.9) - 0.5).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn curves_rise_and_stay_probabilities(
            rows in prop::collection::vec((0.0..=1.0f64, any::<bool>()), 1..60),
            asked in prop::collection::vec(0.0..=1.0f64, 2..20),
        ) {
            let (given, is): (Vec<f64>, Vec<bool>) = rows.into_iter().unzip();
            let mut asked = asked;
            asked.sort_by(f64::total_cmp);
            for curve in [Curve::sigmoid(&given, &is), Curve::isotonic(&given, &is)] {
                prop_assert!(curve.is_sound(), "{curve:?}");
                let meant: Vec<f64> = asked.iter().map(|p| curve.apply(*p)).collect();
                prop_assert!(meant.iter().all(|p| (0.0..=1.0).contains(p)), "{meant:?}");
                prop_assert!(meant.is_sorted_by(|a, b| *a <= *b + 1e-6), "{meant:?}");
            }
        }
    }
}
