//! Sequential minimal optimisation, with the working set chosen by second-order information (Fan,
//! Chen and Lin, "Working set selection using second order information for training support vector
//! machines", JMLR 6, 2005).

use super::kernel::Cache;

/// Instead of a curvature that is not positive: the step then goes to a bound.
const LEAST_CURVATURE: f64 = 1e-12;
/// Where so many steps do not suffice on few rows, the problem is too badly conditioned for more to help.
const MOST_STEPS: usize = 1_000_000;

/// Minimise ½ Σ sₜ sᵤ αₜ αᵤ K(t, u) − Σ sₜ cₜ αₜ with Σ sₜ αₜ = 0 and 0 ≤ αₜ ≤ Cₜ: the dual of
/// classification (c = s) and, with two variables a point, of regression.
#[derive(Debug)]
pub(in crate::estimators) struct Problem {
    /// +1 or −1, one a variable. Variable t stands for point t modulo the points.
    pub(in crate::estimators) signs: Vec<f64>,
    /// c, one a variable.
    pub(in crate::estimators) targets: Vec<f64>,
    /// C, one a variable; all positive.
    pub(in crate::estimators) limits: Vec<f64>,
    /// How far the optimum's conditions may be missed, in units of the score.
    pub(in crate::estimators) tolerance: f64,
    /// Stop after about so many multiplications, wherever that is.
    pub(in crate::estimators) work: u64,
}

/// The score of a row is `Σ coefficient · K(point, row) + bias`.
#[derive(Debug)]
pub(in crate::estimators) struct Solution {
    /// One a point, many of them 0.
    pub(in crate::estimators) coefficients: Vec<f64>,
    pub(in crate::estimators) bias: f64,
}

/// The variables, with what is kept beside each.
struct State {
    alpha: Vec<f64>,
    /// What the point's score without the bias lacks to the target: minus the gradient times the
    /// sign. At the optimum that of a variable that may rise is at most that of one that may fall.
    lacking: Vec<f64>,
    /// Whether s α may rise.
    rises: Vec<bool>,
    /// Whether s α may fall.
    falls: Vec<bool>,
}

/// O(points) a step, and O(points × cols) where a kernel row is not cached.
pub(in crate::estimators) fn solve(problem: &Problem, cache: &mut Cache) -> Solution {
    let (points, variables) = (cache.points(), problem.signs.len());
    let diagonal = cache.diagonal().to_vec();
    let positive: Vec<bool> = problem.signs.iter().map(|sign| *sign > 0.0).collect();
    let mut state = State {
        alpha: vec![0.0; variables],
        lacking: problem.targets.clone(),
        falls: positive.iter().map(|positive| !positive).collect(),
        rises: positive,
    };
    let mut work = 0;
    let before = cache.work;
    let (mut up, mut highest, mut lowest) = state.extremes();
    for _ in 0..MOST_STEPS {
        let Some(rising) = up.filter(|_| highest - lowest >= problem.tolerance) else { break };
        if work + (cache.work - before) > problem.work {
            break;
        }
        let Some((down, curvature)) = state.partner(highest, rising % points, &diagonal, cache) else {
            break;
        };
        let step = (highest - state.lacking[down]) / curvature;
        state.step(problem, rising, down, step, cache);
        (up, highest, lowest) = state.extremes();
        work += 3 * variables as u64;
    }
    let mut coefficients = vec![0.0; points];
    for (variable, (alpha, sign)) in state.alpha.iter().zip(&problem.signs).enumerate() {
        coefficients[variable % points] += alpha * sign;
    }
    Solution { coefficients, bias: state.bias(highest, lowest) }
}

impl State {
    /// The variable that lacks most of those that may rise, with what it lacks, and the least that
    /// one lacks that may fall.
    fn extremes(&self) -> (Option<usize>, f64, f64) {
        let (mut up, mut highest, mut lowest) = (None, f64::NEG_INFINITY, f64::INFINITY);
        for (variable, &lacking) in self.lacking.iter().enumerate() {
            if lacking > highest && self.rises[variable] {
                (up, highest) = (Some(variable), lacking);
            }
            if lacking < lowest && self.falls[variable] {
                lowest = lacking;
            }
        }
        (up, highest, lowest)
    }

    /// The variable that, falling while `up` rises, brings the objective down most, and the curvature
    /// on the way.
    fn partner(&self, highest: f64, up: usize, diagonal: &[f64], cache: &mut Cache) -> Option<(usize, f64)> {
        let points = diagonal.len();
        let row = cache.row(up);
        let (mut best, mut most) = (None, 0.0);
        for (half, (lacking, falls)) in
            self.lacking.chunks_exact(points).zip(self.falls.chunks_exact(points)).enumerate()
        {
            for point in 0..points {
                let gap = highest - lacking[point];
                if gap > 0.0 && falls[point] {
                    let curvature =
                        (diagonal[up] + diagonal[point] - 2.0 * f64::from(row[point])).max(LEAST_CURVATURE);
                    let gain = gap * gap / curvature;
                    if gain > most {
                        (best, most) = (Some((half * points + point, curvature)), gain);
                    }
                }
            }
        }
        best
    }

    /// Lets one variable rise and another fall by `step` times their signs, or as far as their
    /// bounds allow.
    fn step(&mut self, problem: &Problem, up: usize, down: usize, step: f64, cache: &mut Cache) {
        let room = |variable: usize, rising: bool, alpha: f64| {
            if (problem.signs[variable] > 0.0) == rising { problem.limits[variable] - alpha } else { alpha }
        };
        let (room_up, room_down) = (room(up, true, self.alpha[up]), room(down, false, self.alpha[down]));
        let step = step.min(room_up).min(room_down);
        for (variable, rising, room) in [(up, true, room_up), (down, false, room_down)] {
            let grows = (problem.signs[variable] > 0.0) == rising;
            let limit = problem.limits[variable];
            let alpha = &mut self.alpha[variable];
            // On a bound exactly, whatever rounding says.
            *alpha = match (step < room, grows) {
                (true, true) => (*alpha + step).min(limit),
                (true, false) => (*alpha - step).max(0.0),
                (false, true) => limit,
                (false, false) => 0.0,
            };
            let (below, above) = (*alpha < limit, *alpha > 0.0);
            let positive = problem.signs[variable] > 0.0;
            self.rises[variable] = if positive { below } else { above };
            self.falls[variable] = if positive { above } else { below };
        }
        let points = cache.points();
        let (risen, fallen) = cache.pair(up % points, down % points);
        for lacking in self.lacking.chunks_exact_mut(points) {
            for ((lacking, a), b) in lacking.iter_mut().zip(risen).zip(fallen) {
                *lacking -= step * (f64::from(*a) - f64::from(*b));
            }
        }
    }

    /// What variables between their bounds lack, on average; without any, the middle of what is
    /// possible.
    fn bias(&self, highest: f64, lowest: f64) -> f64 {
        let (mut sum, mut count) = (0.0, 0usize);
        for (variable, lacking) in self.lacking.iter().enumerate() {
            if self.rises[variable] && self.falls[variable] {
                sum += lacking;
                count += 1;
            }
        }
        match (count, highest.is_finite(), lowest.is_finite()) {
            (0, true, true) => f64::midpoint(highest, lowest),
            (0, true, false) => highest,
            (0, false, true) => lowest,
            (0, false, false) => 0.0,
            _ => sum / count as f64,
        }
    }
}
