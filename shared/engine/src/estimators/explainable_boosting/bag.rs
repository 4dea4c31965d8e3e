//! One bag: curves grown on some rows, as long as predictions of the others improve.

use super::Problem;
use super::curve::{CODES, Sums, grow_step};
use crate::trees::Outcome;
use crate::trees::bins::{Binned, MISSING};

/// A round must improve by this share of the loss to count as an improvement.
const NOTICEABLE: f64 = 1e-5;
/// The least second derivative of a row that counts: beyond it steps would know no bounds.
const LEAST_BEND: f32 = 1e-6;
/// A step is taken when it gains this share of what the best of the round before gained: what little
/// features without meaning seem to gain must not be learned while others still have much to say.
const WORTHWHILE: f64 = 0.5;

/// How fast and how far to go.
pub(super) struct Pace {
    pub(super) rounds: usize,
    /// How many rounds without improvement end it; 0 for none.
    pub(super) patience: usize,
    pub(super) rate: f64,
    pub(super) leaves: usize,
    pub(super) min_leaf: u32,
}

/// What is added up for a prediction.
#[derive(Debug, Clone)]
pub(super) struct Curves {
    /// One a score.
    pub(super) intercepts: Vec<f64>,
    /// For each feature the value of each code, for one score after the other: `scores × CODES`.
    pub(super) values: Vec<Vec<f64>>,
}

impl Curves {
    pub(super) fn add(&mut self, other: &Curves) {
        for (sum, value) in self.intercepts.iter_mut().zip(&other.intercepts) {
            *sum += value;
        }
        for (sums, values) in self.values.iter_mut().zip(&other.values) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value;
            }
        }
    }

    /// The mean of so many that were added up.
    pub(super) fn mean(mut self, of: usize) -> Curves {
        let divide = |value: &mut f64| *value /= of as f64;
        self.intercepts.iter_mut().for_each(divide);
        self.values.iter_mut().flatten().for_each(divide);
        self
    }
}

/// The rows of a bag, and what is predicted for them so far.
pub(super) struct Bag<'a> {
    problem: &'a Problem,
    columns: &'a [Binned],
    held_out: &'a [usize],
    /// 0 for what is held out.
    weights: Vec<f32>,
    /// For each score one a row.
    scores: Vec<Vec<f32>>,
    /// Of many classes, each row's logarithm of the sum of odds when the round began.
    totals: Vec<f32>,
    /// The loss's first and second derivative in the score at hand, one a row.
    slopes: Vec<[f32; 2]>,
    /// For each feature how many rows count in each bin.
    rows: Vec<[u32; CODES]>,
    /// For each score, the largest gain of a step in the round before, and in this one.
    gains: Vec<[f64; 2]>,
    curves: Curves,
}

impl<'a> Bag<'a> {
    pub(super) fn new(problem: &'a Problem, columns: &'a [Binned], held_out: &'a [usize]) -> Bag<'a> {
        let mut weights = problem.weights.clone();
        for &row in held_out {
            weights[row] = 0.0;
        }
        if weights.iter().all(|&weight| weight <= 0.0) {
            // All the weight is in what was to be held out.
            weights.clone_from(&problem.weights);
        }
        let count = |column: &Binned| {
            let mut rows = [0; CODES];
            for (&code, _) in column.codes.iter().zip(&weights).filter(|(_, weight)| **weight > 0.0) {
                rows[usize::from(code)] += 1;
            }
            rows
        };
        let intercepts = intercepts(problem, &weights);
        let scores = intercepts.iter().map(|&start| vec![start as f32; weights.len()]).collect();
        let values = vec![vec![0.0; intercepts.len() * CODES]; columns.len()];
        // Nothing is worthwhile in the first round: it only finds out what there is to be gained.
        let gains = vec![[f64::INFINITY, 0.0]; intercepts.len()];
        Bag {
            problem,
            gains,
            columns,
            held_out,
            scores,
            totals: Vec::new(),
            slopes: vec![[0.0; 2]; weights.len()],
            rows: columns.iter().map(count).collect(),
            curves: Curves { intercepts, values },
            weights,
        }
    }

    /// Goes round all features until the loss on the held-out rows no longer falls, and gives the curves
    /// that were best there.
    ///
    /// Slopes are computed once a round; within it a step moves them by their second derivative, so that
    /// a round is one pass of Newton's method over all features. O(rounds · scores · features · rows).
    pub(super) fn grow(mut self, pace: &Pace) -> Curves {
        let (mut best, mut least, mut waited) = (self.curves.clone(), f64::INFINITY, 0);
        for round in 0..=pace.rounds {
            self.sum_odds();
            if pace.patience > 0 && !self.held_out.is_empty() {
                let loss = self.loss();
                waited += 1;
                if loss < least {
                    if loss < least * (1.0 - NOTICEABLE) {
                        waited = 0;
                    }
                    least = loss;
                    best.clone_from(&self.curves);
                }
                if waited >= pace.patience || loss <= 0.0 {
                    return best;
                }
            }
            if round < pace.rounds {
                for score in 0..self.scores.len() {
                    self.slope(score);
                    self.shift(score, pace);
                    for feature in 0..self.columns.len() {
                        self.step(score, feature, pace);
                    }
                    self.gains[score] = [self.gains[score][1], 0.0];
                }
            }
        }
        if least.is_finite() { best } else { self.curves }
    }

    /// Of many classes, the logarithm of each row's sum of odds.
    fn sum_odds(&mut self) {
        if self.scores.len() == 1 {
            return;
        }
        self.totals.clear();
        self.totals.extend((0..self.weights.len()).map(|row| {
            let most = self.scores.iter().fold(f32::MIN, |most, scores| most.max(scores[row]));
            most + self.scores.iter().map(|scores| (scores[row] - most).exp()).sum::<f32>().ln()
        }));
    }

    /// The mean loss of the held-out rows.
    fn loss(&self) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for &row in self.held_out {
            let (label, weight) = (self.problem.labels[row], f64::from(self.problem.weights[row]));
            let score = self.scores[0][row];
            sum += weight
                * f64::from(match self.problem.outcome {
                    Outcome::Number { .. } => (score - label).powi(2),
                    // ln(1 + exp(∓score)), without overflow.
                    Outcome::Binary => {
                        let against = if label > 0.5 { -score } else { score };
                        against.max(0.0) + (-against.abs()).exp().ln_1p()
                    }
                    Outcome::Classes(_) => self.totals[row] - self.scores[label as usize][row],
                });
            total += weight;
        }
        if total > 0.0 { sum / total } else { f64::INFINITY }
    }

    /// Computes the loss's derivatives in one score.
    fn slope(&mut self, score: usize) {
        let (scores, labels, totals) = (&self.scores[score], &self.problem.labels, &self.totals);
        let outcome = self.problem.outcome;
        for (row, (slope, &weight)) in self.slopes.iter_mut().zip(&self.weights).enumerate() {
            *slope = match outcome {
                Outcome::Number { .. } => [weight * (scores[row] - labels[row]), weight],
                Outcome::Binary => {
                    let p = 1.0 / (1.0 + (-scores[row]).exp());
                    [weight * (p - labels[row]), weight * (p * (1.0 - p)).max(LEAST_BEND)]
                }
                Outcome::Classes(_) => {
                    let p = (scores[row] - totals[row]).exp().min(1.0);
                    let own = if labels[row] as usize == score { 1.0 } else { 0.0 };
                    // Twice, as all classes' scores move in the same round.
                    [weight * (p - own), weight * (2.0 * p * (1.0 - p)).max(LEAST_BEND)]
                }
            };
        }
    }

    /// Moves the intercept.
    fn shift(&mut self, score: usize, pace: &Pace) {
        let (mut slope, mut bend) = (0.0, 0.0);
        for &[s, b] in &self.slopes {
            slope += f64::from(s);
            bend += f64::from(b);
        }
        let by = (-pace.rate * slope / (bend + 1.0)) as f32;
        self.curves.intercepts[score] += f64::from(by);
        for (own, [slope, bend]) in self.scores[score].iter_mut().zip(&mut self.slopes) {
            *own += by;
            *slope += *bend * by;
        }
    }

    /// Moves one feature's curve.
    fn step(&mut self, score: usize, feature: usize, pace: &Pace) {
        let column = &self.columns[feature];
        let mut bins = [Sums::default(); CODES];
        let codes = column.edges.len() + 1;
        if codes == 1 && self.rows[feature][usize::from(MISSING)] == 0 {
            return;
        }
        for (&code, &[slope, bend]) in column.codes.iter().zip(&self.slopes) {
            let bin = &mut bins[usize::from(code)];
            bin.slope += f64::from(slope);
            bin.bend += f64::from(bend);
        }
        for (bin, &rows) in bins.iter_mut().zip(&self.rows[feature]) {
            bin.rows = rows;
        }
        let mut step = [0.0; CODES];
        let gain = grow_step(&bins, codes, pace.leaves, pace.min_leaf, &mut step);
        let [before, now] = &mut self.gains[score];
        *now = now.max(gain);
        if gain <= 0.0 || gain < WORTHWHILE * *before {
            return;
        }
        for value in &mut step {
            *value *= pace.rate as f32;
        }
        let curve = &mut self.curves.values[feature][score * CODES..(score + 1) * CODES];
        for (sum, &value) in curve.iter_mut().zip(&step) {
            *sum += f64::from(value);
        }
        let scores = &mut self.scores[score];
        for ((&code, own), [slope, bend]) in column.codes.iter().zip(scores).zip(&mut self.slopes) {
            let by = step[usize::from(code)];
            *own += by;
            *slope += *bend * by;
        }
    }
}

/// What is predicted before anything is known of a row: the mean, or the logarithms of the classes'
/// shares, as if half a row more of each had been seen.
fn intercepts(problem: &Problem, weights: &[f32]) -> Vec<f64> {
    let classes = match problem.outcome {
        Outcome::Number { .. } => {
            let (mut sum, mut total) = (0.0, 0.0);
            for (&label, &weight) in problem.labels.iter().zip(weights) {
                sum += f64::from(weight) * f64::from(label);
                total += f64::from(weight);
            }
            return vec![sum / total];
        }
        Outcome::Binary => 2,
        Outcome::Classes(count) => count as usize,
    };
    let mut sums = vec![0.5; classes];
    for (&label, &weight) in problem.labels.iter().zip(weights) {
        sums[label as usize] += f64::from(weight);
    }
    let total: f64 = sums.iter().sum();
    match problem.outcome {
        Outcome::Binary => vec![(sums[1] / sums[0]).ln()],
        _ => sums.iter().map(|sum| (sum / total).ln()).collect(),
    }
}
