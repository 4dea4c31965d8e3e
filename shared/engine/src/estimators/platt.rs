//! Probabilities from scores: Platt's sigmoid, fitted by Newton's method with backtracking (Lin, Lin
//! and Weng, "A note on Platt's probabilistic outputs for support vector machines", 2007).

const STEPS: usize = 100;
/// Of the gradient, as a share of the weight of all scores.
const TOLERANCE: f64 = 1e-9;
/// Keeps the Hessian away from singular.
const RIDGE: f64 = 1e-12;
const SHORTEST: f64 = 1e-10;
/// Armijo's condition: a step has to bring this share of what the slope promises.
const DECREASE: f64 = 1e-4;

/// A score, whether the truth is the class, and how much the row counts.
pub(crate) type Scored = (f64, bool, f64);

/// The log odds of a score are `slope · score + intercept`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sigmoid {
    pub(crate) slope: f64,
    pub(crate) intercept: f64,
}

impl Sigmoid {
    /// The same odds whatever the score: those of the rows, with half a row more on each side.
    pub(crate) fn constant(positive: f64, negative: f64) -> Sigmoid {
        Sigmoid { slope: 0.0, intercept: ((positive + 0.5) / (negative + 0.5)).ln() }
    }

    /// The sigmoid under which the truth is most likely. Truths are taken as a little uncertain, by
    /// their number, so that separable scores have an optimum. Scores that fall where the class is
    /// found tell nothing: the odds are then constant. O(rows) a step.
    pub(crate) fn fit(scored: &[Scored]) -> Sigmoid {
        let weight = |class: bool| {
            scored.iter().filter(|(_, positive, _)| *positive == class).map(|(_, _, weight)| weight).sum()
        };
        let (positive, negative): (f64, f64) = (weight(true), weight(false));
        let constant = Sigmoid::constant(positive, negative);
        // In units of the largest score.
        let unit = scored.iter().map(|(score, _, _)| score.abs()).fold(0.0, f64::max);
        if unit <= 0.0 || !unit.is_finite() {
            return constant;
        }
        let truth = |class: bool| {
            if class { (positive + 1.0) / (positive + 2.0) } else { 1.0 / (negative + 2.0) }
        };
        let loss = |sigmoid: Sigmoid| {
            let of = |&(score, class, weight): &Scored| {
                let odds = sigmoid.slope * (score / unit) + sigmoid.intercept;
                weight * (odds.max(0.0) - truth(class) * odds + (-odds.abs()).exp().ln_1p())
            };
            scored.iter().map(of).sum::<f64>()
        };
        let mut sigmoid = constant;
        let mut current = loss(sigmoid);
        for _ in 0..STEPS {
            let (mut g, mut h) = ([0.0; 2], [RIDGE, 0.0, RIDGE]);
            for &(score, class, weight) in scored {
                let score = score / unit;
                let p = super::linear::sigmoid(sigmoid.slope * score + sigmoid.intercept);
                let (residual, curvature) = (weight * (p - truth(class)), weight * p * (1.0 - p));
                g = [g[0] + residual * score, g[1] + residual];
                h = [h[0] + curvature * score * score, h[1] + curvature * score, h[2] + curvature];
            }
            if g[0].abs().max(g[1].abs()) <= TOLERANCE * (positive + negative) {
                break;
            }
            let determinant = h[0] * h[2] - h[1] * h[1];
            let step = [(h[1] * g[1] - h[2] * g[0]) / determinant, (h[1] * g[0] - h[0] * g[1]) / determinant];
            let slope = g[0] * step[0] + g[1] * step[1];
            let mut length = 1.0;
            while length >= SHORTEST {
                let next = Sigmoid {
                    slope: sigmoid.slope + length * step[0],
                    intercept: sigmoid.intercept + length * step[1],
                };
                let there = loss(next);
                if there < current + DECREASE * length * slope {
                    (sigmoid, current) = (next, there);
                    break;
                }
                length /= 2.0;
            }
            if length < SHORTEST {
                break;
            }
        }
        sigmoid.slope /= unit;
        let sound = sigmoid.slope > 0.0 && sigmoid.slope.is_finite() && sigmoid.intercept.is_finite();
        if sound { sigmoid } else { constant }
    }
}
