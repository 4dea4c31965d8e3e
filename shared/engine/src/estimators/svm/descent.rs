//! Dual coordinate descent for a linear machine with the squared hinge loss (Hsieh, Chang, Lin, Keerthi
//! and Sundararajan, "A dual coordinate descent method for large-scale linear SVM", ICML 2008).

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Smaller than this a gradient is 0.
const ZERO: f64 = 1e-12;
/// Where so many passes do not suffice, the columns differ too much in scale for more to help.
const MOST_PASSES: usize = 20_000;

/// Minimise ½ |w|² + Σ Cᵢ max(0, 1 − sᵢ w·xᵢ)², where w has a last coefficient for the intercept.
#[derive(Debug)]
pub(in crate::estimators) struct Descent<'a> {
    /// Row by row.
    pub(in crate::estimators) values: &'a [f32],
    /// +1 or −1, one a row.
    pub(in crate::estimators) signs: &'a [f64],
    /// Cᵢ, all positive.
    pub(in crate::estimators) limits: &'a [f64],
    /// How far the optimum's conditions may be missed.
    pub(in crate::estimators) tolerance: f64,
    /// Stop after about so many multiplications, wherever that is.
    pub(in crate::estimators) work: u64,
    /// Of the order of rows.
    pub(in crate::estimators) seed: u64,
}

/// A coefficient a column and the intercept. O(rows × cols) a pass.
pub(in crate::estimators) fn descend(problem: &Descent) -> Vec<f64> {
    let rows = problem.signs.len();
    let cols = problem.values.len() / rows.max(1);
    let mut random = ChaCha8Rng::seed_from_u64(problem.seed);
    let row = |i: usize| &problem.values[i * cols..(i + 1) * cols];
    let curvatures: Vec<f64> = (0..rows)
        .map(|i| {
            let squares: f64 = row(i).iter().map(|value| f64::from(*value).powi(2)).sum();
            squares + 1.0 + 0.5 / problem.limits[i]
        })
        .collect();
    let mut model = vec![0.0; cols + 1];
    let mut alpha = vec![0.0; rows];
    let mut order: Vec<u32> = (0..rows as u32).collect();
    let mut active = rows;
    // Rows outside the margin by more than any row still wanted to move in the last pass are left out
    // until the others are done.
    let mut outside = f64::INFINITY;
    let mut work = 0;
    for _ in 0..MOST_PASSES {
        if work > problem.work {
            break;
        }
        order[..active].shuffle(&mut random);
        let (mut most, mut least) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut at = 0;
        while at < active {
            let i = order[at] as usize;
            let values = row(i);
            let sign = problem.signs[i];
            let gradient =
                sign * (dot(&model, values) + model[cols]) - 1.0 + 0.5 / problem.limits[i] * alpha[i];
            if alpha[i] <= 0.0 && gradient > outside {
                active -= 1;
                order.swap(at, active);
                continue;
            }
            let projected = if alpha[i] <= 0.0 { gradient.min(0.0) } else { gradient };
            most = most.max(projected);
            least = least.min(projected);
            if projected.abs() > ZERO {
                let next = (alpha[i] - gradient / curvatures[i]).max(0.0);
                let step = (next - alpha[i]) * sign;
                alpha[i] = next;
                for (coefficient, value) in model.iter_mut().zip(values) {
                    *coefficient += step * f64::from(*value);
                }
                model[cols] += step;
            }
            at += 1;
        }
        work += (2 * active * (cols + 1) + rows) as u64;
        outside = if most > 0.0 { most } else { f64::INFINITY };
        if most - least <= problem.tolerance {
            if active == rows {
                break;
            }
            (active, outside) = (rows, f64::INFINITY);
        }
    }
    model
}

/// Four sums side by side, since each addition waits for the one before.
fn dot(model: &[f64], values: &[f32]) -> f64 {
    let mut sums = [0.0; 4];
    let (blocks, rest) = values.as_chunks::<4>();
    for (model, values) in model.chunks_exact(4).zip(blocks) {
        for (sum, (coefficient, value)) in sums.iter_mut().zip(model.iter().zip(values)) {
            *sum += coefficient * f64::from(*value);
        }
    }
    let tail: f64 = model[blocks.len() * 4..].iter().zip(rest).map(|(c, v)| c * f64::from(*v)).sum();
    sums[0] + sums[1] + (sums[2] + sums[3]) + tail
}
