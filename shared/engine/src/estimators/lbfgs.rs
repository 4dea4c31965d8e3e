//! Minimising a smooth function of many variables.
//!
//! Limited-memory BFGS (D. C. Liu and J. Nocedal, On the limited memory BFGS method for large scale
//! optimization, Mathematical Programming 45, 1989) with a bisection search for the weak Wolfe
//! conditions (A. S. Lewis and M. L. Overton, Nonsmooth optimization via quasi-Newton methods,
//! Mathematical Programming 141, 2013): every step goes down, so it cannot diverge. What is known of the
//! curvature beforehand comes in as a preconditioner, which saves most of the steps.

use std::collections::VecDeque;

/// Steps that shape the model of the curvature.
pub(super) const MEMORY: usize = 10;
/// A step must gain this share of what the slope promises.
pub(super) const SUFFICIENT: f64 = 1e-4;
/// A step must go on until the slope is at most this share of what it was.
const FLATTER: f64 = 0.9;
/// Tries of a length for each step.
pub(super) const SEARCH_STEPS: usize = 40;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The largest absolute value in the gradient at which the minimum counts as found.
    pub(super) gradient: f64,
    pub(super) iterations: usize,
}

/// Minimises from `start`. The objective returns its value and writes its gradient into its second
/// argument. `precondition` multiplies, in place, by something like the inverse of the Hessian:
/// symmetric, positive definite, always the same. Ends at the minimum, after the limit of iterations, or where rounding stops progress.
pub(super) fn minimise(
    start: Vec<f64>,
    limits: Limits,
    precondition: impl Fn(&mut [f64]),
    mut objective: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Vec<f64> {
    let mut at = start;
    let mut gradient = vec![0.0; at.len()];
    let mut value = objective(&at, &mut gradient);
    let mut memory: VecDeque<Curvature> = VecDeque::with_capacity(MEMORY);
    let (mut next, mut next_gradient) = (at.clone(), gradient.clone());
    for _ in 0..limits.iterations {
        if !value.is_finite() || gradient.iter().all(|g| g.abs() <= limits.gradient) {
            break;
        }
        let mut direction = descent(&gradient, &memory, &precondition);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            memory.clear();
            direction = descent(&gradient, &memory, &precondition);
            slope = dot(&direction, &gradient);
        }
        let (mut low, mut high, mut step) = (0.0, f64::INFINITY, 1.0);
        let mut found = None;
        for _ in 0..SEARCH_STEPS {
            for ((next, at), direction) in next.iter_mut().zip(&at).zip(&direction) {
                *next = at + step * direction;
            }
            let next_value = objective(&next, &mut next_gradient);
            if next_value.is_nan() || next_value > value + SUFFICIENT * step * slope {
                high = step;
            } else {
                found = Some(next_value);
                if dot(&next_gradient, &direction) >= FLATTER * slope {
                    break;
                }
                low = step;
            }
            step = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * low };
        }
        let Some(next_value) = found else { break };
        if next_value > value {
            break;
        }
        memory.truncate(MEMORY - 1);
        let curvature = Curvature::between(&at, &next, &gradient, &next_gradient, &precondition);
        if let Some(curvature) = curvature {
            memory.push_front(curvature);
        }
        value = next_value;
        std::mem::swap(&mut at, &mut next);
        std::mem::swap(&mut gradient, &mut next_gradient);
    }
    at
}

/// What one step says about the curvature.
struct Curvature {
    step: Vec<f64>,
    change: Vec<f64>,
    /// 1 / (step · change), which is positive.
    rho: f64,
    /// What the preconditioner must be multiplied by to agree with this step.
    scale: f64,
}

impl Curvature {
    fn between(
        from: &[f64],
        to: &[f64],
        from_gradient: &[f64],
        to_gradient: &[f64],
        precondition: impl Fn(&mut [f64]),
    ) -> Option<Curvature> {
        let minus = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
        let (step, change) = (minus(to, from), minus(to_gradient, from_gradient));
        let mut expected = change.clone();
        precondition(&mut expected);
        let (curvature, expected) = (dot(&step, &change), dot(&change, &expected));
        let scale = curvature / expected;
        let sound = curvature > 0.0 && expected > 0.0 && scale.is_finite() && scale > 0.0;
        sound.then(|| Curvature { step, change, rho: 1.0 / curvature, scale })
    }
}

/// The two-loop recursion: minus the gradient times the model of the inverse Hessian.
fn descent(gradient: &[f64], memory: &VecDeque<Curvature>, precondition: impl Fn(&mut [f64])) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for curvature in memory {
        let share = curvature.rho * dot(&curvature.step, &direction);
        add(&mut direction, -share, &curvature.change);
        shares.push(share);
    }
    precondition(&mut direction);
    let scale = memory.front().map_or(1.0, |latest| latest.scale);
    for d in &mut direction {
        *d *= scale;
    }
    for (curvature, share) in memory.iter().zip(shares).rev() {
        let correction = share - curvature.rho * dot(&curvature.change, &direction);
        add(&mut direction, correction, &curvature.step);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], times: f64, what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += times * what);
}

/// Makes sure that an objective's gradient is that of its value, by finite differences.
#[cfg(test)]
pub(super) fn assert_gradient(at: &[f64], mut objective: impl FnMut(&[f64], &mut [f64]) -> f64) {
    let mut gradient = vec![0.0; at.len()];
    objective(at, &mut gradient);
    let mut unused = gradient.clone();
    for i in 0..at.len() {
        let mut value = |by: f64| {
            let mut moved = at.to_vec();
            moved[i] += by;
            objective(&moved, &mut unused)
        };
        let slope = (value(1e-5) - value(-1e-5)) / 2e-5;
        assert!((slope - gradient[i]).abs() <= 1e-5 * (1.0 + slope.abs()), "{i}: {slope} {gradient:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { gradient: 1e-9, iterations: 500 };

    #[test]
    fn finds_the_minimum_of_a_long_valley() {
        // Rosenbrock's function, whose minimum is at (1, 1).
        let at = minimise(
            vec![-1.2, 1.0],
            LIMITS,
            |_| {},
            |x, g| {
                let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
                g[0] = -2.0 * a - 400.0 * x[0] * b;
                g[1] = 200.0 * b;
                a * a + 100.0 * b * b
            },
        );
        assert!(at.iter().all(|x| (x - 1.0).abs() < 1e-6), "{at:?}");
    }

    #[test]
    fn finds_the_minimum_of_a_badly_scaled_bowl() {
        let scales: Vec<f64> = (0..30).map(|i| 10f64.powf(f64::from(i) / 10.0)).collect();
        let at = minimise(
            vec![1.0; 30],
            LIMITS,
            |_| {},
            |x, g| {
                for i in 0..30 {
                    g[i] = scales[i] * (x[i] - 3.0);
                }
                (0..30).map(|i| 0.5 * scales[i] * (x[i] - 3.0) * (x[i] - 3.0)).sum()
            },
        );
        assert!(at.iter().all(|x| (x - 3.0).abs() < 1e-6), "{at:?}");
    }

    #[test]
    fn the_inverse_hessian_needs_one_step() {
        let mut asked = 0;
        let precondition = |d: &mut [f64]| {
            d[0] /= 2.0;
            d[1] /= 2e6;
        };
        let at = minimise(vec![5.0, -7.0], LIMITS, precondition, |x, g| {
            asked += 1;
            (g[0], g[1]) = (2.0 * x[0], 2e6 * x[1]);
            x[0] * x[0] + 1e6 * x[1] * x[1]
        });
        assert!(at.iter().all(|x| x.abs() < 1e-12));
        assert_eq!(asked, 2);
    }

    #[test]
    fn a_function_without_a_minimum_ends() {
        let at = minimise(
            vec![0.0],
            Limits { gradient: 1e-9, iterations: 50 },
            |_| {},
            |x, g| {
                g[0] = -1.0;
                -x[0]
            },
        );
        assert!(at[0].is_finite());
        let nan = minimise(
            vec![0.0],
            LIMITS,
            |_| {},
            |_, g| {
                g[0] = f64::NAN;
                f64::NAN
            },
        );
        assert_eq!(nan, [0.0]);
    }
}
