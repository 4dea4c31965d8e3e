//! Minimising a smooth function with a penalty on the absolute values of its variables.
//!
//! G. Andrew and J. Gao, Scalable training of L1-regularized log-linear models, ICML 2007 (OWL-QN): within
//! an orthant the penalty is linear, so a step of L-BFGS is made there, and what would leave it stops at 0.
//! The curvature of variables that stay at 0 does not enter the steps of the others.

use std::collections::VecDeque;

use super::lbfgs::{Limits, MEMORY, SEARCH_STEPS, SUFFICIENT};

/// Steps in a row that gain nothing but rounding.
const IDLE: usize = 4;

/// Minimises `objective` plus `penalties` times the absolute variables, from `start`. The objective returns
/// its value and writes its gradient into its second argument; `precondition` multiplies, in place, by
/// something like the inverse of the Hessian's diagonal.
pub(super) fn minimise(
    start: Vec<f64>,
    penalties: &[f64],
    limits: Limits,
    precondition: impl Fn(&mut [f64]),
    mut objective: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Vec<f64> {
    let penalty = |at: &[f64]| at.iter().zip(penalties).map(|(x, l1)| l1 * x.abs()).sum::<f64>();
    let mut at = start;
    let mut gradient = vec![0.0; at.len()];
    let mut value = objective(&at, &mut gradient) + penalty(&at);
    let mut memory: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::with_capacity(MEMORY);
    let (mut next, mut next_gradient) = (at.clone(), gradient.clone());
    let mut idle = 0;
    for _ in 0..limits.iterations {
        let slopes = slopes(&at, &gradient, penalties);
        if !value.is_finite() || slopes.iter().all(|slope| slope.abs() <= limits.gradient) {
            break;
        }
        let mut direction = descent(&at, &slopes, &memory, &precondition);
        for (((d, slope), x), l1) in direction.iter_mut().zip(&slopes).zip(&at).zip(penalties) {
            // What leaves 0 may do so only downhill.
            if *l1 > 0.0 && *x == 0.0 && *d * slope >= 0.0 {
                *d = 0.0;
            }
        }
        let mut step = 1.0;
        let mut found = None;
        for _ in 0..SEARCH_STEPS {
            let mut promised = 0.0;
            for i in 0..at.len() {
                let to = at[i] + step * direction[i];
                let side = if at[i] == 0.0 { -slopes[i] } else { at[i] };
                next[i] = if penalties[i] > 0.0 && to * side <= 0.0 { 0.0 } else { to };
                promised += slopes[i] * (next[i] - at[i]);
            }
            let next_value = objective(&next, &mut next_gradient) + penalty(&next);
            if next_value <= value + SUFFICIENT * promised.min(0.0) {
                found = Some(next_value);
                break;
            }
            step *= 0.5;
        }
        let Some(next_value) = found else {
            if memory.is_empty() {
                break;
            }
            // The model of the curvature is of elsewhere: begin anew.
            memory.clear();
            continue;
        };
        memory.truncate(MEMORY - 1);
        let minus = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
        memory.push_front((minus(&next, &at), minus(&next_gradient, &gradient)));
        idle = if value - next_value <= 1e-15 * value.abs() { idle + 1 } else { 0 };
        value = next_value;
        std::mem::swap(&mut at, &mut next);
        std::mem::swap(&mut gradient, &mut next_gradient);
        if idle == IDLE {
            break;
        }
    }
    at
}

/// The slope in each variable on the side where the value falls, and 0 where it rises on both.
fn slopes(at: &[f64], gradient: &[f64], penalties: &[f64]) -> Vec<f64> {
    let slope = |((x, g), l1): ((&f64, &f64), &f64)| {
        if *x > 0.0 || (*x == 0.0 && g + l1 < 0.0) {
            g + l1
        } else if *x < 0.0 || (*x == 0.0 && g - l1 > 0.0) {
            g - l1
        } else {
            0.0
        }
    };
    at.iter().zip(gradient).zip(penalties).map(slope).collect()
}

/// The two-loop recursion over the variables that are free to move.
fn descent(
    at: &[f64],
    slopes: &[f64],
    memory: &VecDeque<(Vec<f64>, Vec<f64>)>,
    precondition: impl Fn(&mut [f64]),
) -> Vec<f64> {
    let free: Vec<usize> = (0..at.len()).filter(|i| at[*i] != 0.0 || slopes[*i] != 0.0).collect();
    let dot = |a: &[f64], b: &[f64]| free.iter().map(|i| a[*i] * b[*i]).sum::<f64>();
    let mut direction: Vec<f64> = slopes.iter().map(|slope| -slope).collect();
    let mut shares = Vec::with_capacity(memory.len());
    let mut scale = None;
    for (step, change) in memory {
        let curvature = dot(step, change);
        if curvature <= 1e-12 * (dot(step, step) * dot(change, change)).sqrt() {
            shares.push(None);
            continue;
        }
        if scale.is_none() {
            let mut expected = change.clone();
            precondition(&mut expected);
            scale = Some(curvature / dot(change, &expected)).filter(|s| s.is_finite() && *s > 0.0);
        }
        let share = dot(step, &direction) / curvature;
        for &i in &free {
            direction[i] -= share * change[i];
        }
        shares.push(Some((share, curvature)));
    }
    precondition(&mut direction);
    for d in &mut direction {
        *d *= scale.unwrap_or(1.0);
    }
    for ((step, change), share) in memory.iter().zip(shares).rev() {
        if let Some((share, curvature)) = share {
            let correction = share - dot(change, &direction) / curvature;
            for &i in &free {
                direction[i] += correction * step[i];
            }
        }
    }
    direction
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { gradient: 1e-10, iterations: 500 };

    #[test]
    fn a_bowl_with_its_minimum_near_an_axis_is_cut_to_it() {
        // Separable: each variable's optimum is its centre, drawn to 0 by the penalty through the curvature.
        let centres = [3.0, -2.0, 0.4, -0.1, 0.0, 7.0];
        let curvatures = [1.0, 10.0, 1.0, 100.0, 1.0, 0.1];
        let at = minimise(
            vec![0.0; 6],
            &[0.5, 0.5, 0.5, 0.5, 0.5, 0.0],
            LIMITS,
            |_| {},
            |x, g| {
                (0..6)
                    .map(|i| {
                        g[i] = curvatures[i] * (x[i] - centres[i]);
                        0.5 * g[i] * (x[i] - centres[i])
                    })
                    .sum()
            },
        );
        for (x, expected) in at.iter().zip([2.5, -1.95, 0.0, -0.095, 0.0, 7.0]) {
            assert!((x - expected).abs() < 1e-7, "{at:?}");
        }
        assert_eq!((at[2], at[4]), (0.0, 0.0));
    }

    #[test]
    fn without_penalties_the_long_valley_is_walked_to_its_end() {
        let at = minimise(
            vec![-1.2, 1.0],
            &[0.0, 0.0],
            LIMITS,
            |_| {},
            |x, g| {
                let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
                g[0] = -2.0 * a - 400.0 * x[0] * b;
                g[1] = 200.0 * b;
                a * a + 100.0 * b * b
            },
        );
        assert!(at.iter().all(|x| (x - 1.0).abs() < 1e-5), "{at:?}");
    }

    #[test]
    fn what_is_not_a_number_ends_at_the_start() {
        let at = minimise(
            vec![1.0],
            &[0.1],
            LIMITS,
            |_| {},
            |_, g| {
                g[0] = f64::NAN;
                f64::NAN
            },
        );
        assert_eq!(at, [1.0]);
    }
}
