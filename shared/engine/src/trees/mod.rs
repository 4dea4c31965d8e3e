//! Trees grown on binned features: what single trees and forests share.

pub mod bins;
mod criterion;
mod forest;
mod grow;
mod plan;
mod shap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub use self::bins::Bins;
use self::criterion::{Criterion, Gini, Sample, Variance};
pub use self::forest::Forest;
pub(crate) use self::forest::Outcome;
pub(crate) use self::forest::nodes::Plain;
use self::grow::{Grower, Growth, below};
pub(crate) use self::plan::{MAX_DEPTH, MIN_LEAF, Plan, SPLIT_FEATURES, TREES};
use crate::estimators::{Fit, FitError, Target};

/// More nodes (3 GB) than any machine that is to serve a model should be asked to hold.
const MOST_NODES: usize = 1 << 28;

/// Grows a forest, on one thread; tree `i` depends on the seed and `i` alone.
///
/// # Errors
/// [`FitError::Unsuitable`] without rows of positive weight, or when the forest would be too large to
/// be of use; [`FitError::NotFinite`] for a target whose variance overflows.
pub(crate) fn grow_forest(fit: &Fit, plan: Plan) -> Result<Forest, FitError> {
    match fit.y {
        Target::Numbers(values) => {
            let (offset, scale) = moments(values, fit.weights)?;
            let unit = if scale > 0.0 { scale } else { 1.0 };
            let samples = samples(fit, |row| ((values[row] - offset) / unit) as f32);
            grow_trees(fit, plan, Outcome::Number { offset, scale }, Variance::new(), &samples)
        }
        Target::Classes { count: 0 | 1, .. } => {
            Err(FitError::Unsuitable("there is only one class to learn".into()))
        }
        Target::Classes { codes, count: 2 } => {
            let samples = samples(fit, |row| codes[row] as f32);
            grow_trees(fit, plan, Outcome::Binary, Variance::new(), &samples)
        }
        Target::Classes { codes, count } => {
            let samples = samples(fit, |row| codes[row]);
            grow_trees(fit, plan, Outcome::Classes(*count as u32), Gini::new(*count), &samples)
        }
    }
}

/// The rows that count.
fn samples<L>(fit: &Fit, label: impl Fn(usize) -> L) -> Vec<Sample<L>> {
    let weight = |row: usize| fit.weights.map_or(1.0, |weights| weights[row]);
    (0..fit.x.rows())
        .filter(|&row| weight(row) > 0.0)
        .map(|row| Sample { row: row as u32, weight: weight(row), label: label(row) })
        .collect()
}

fn grow_trees<C: Criterion>(
    fit: &Fit,
    plan: Plan,
    outcome: Outcome,
    criterion: C,
    all: &[Sample<C::Label>],
) -> Result<Forest, FitError> {
    if all.is_empty() {
        return Err(FitError::Unsuitable("no row has a weight".into()));
    }
    let growth = Growth {
        features: plan.features.of(fit.x.cols()),
        min_leaf: plan.min_leaf,
        max_depth: plan.max_depth,
        random_cuts: plan.random_cuts,
    };
    let mut grower = Grower::new(fit.x.bins(), criterion, growth);
    let mut forest = Forest::new(outcome, fit.x.cols());
    let mut draws = Vec::new();
    let mut samples = Vec::new();
    for tree in 0..plan.trees {
        let mut rng = ChaCha8Rng::seed_from_u64(fit.seed);
        rng.set_stream(tree as u64);
        samples.clear();
        samples.extend_from_slice(all);
        if plan.bootstrap {
            draws.clear();
            draws.resize(all.len(), 0u32);
            for _ in 0..all.len() {
                draws[below(&mut rng, all.len())] += 1;
            }
            for (sample, &times) in samples.iter_mut().zip(&draws) {
                sample.weight *= times as f32;
            }
            samples.retain(|sample| sample.weight > 0.0);
        }
        grower.grow(&mut samples, &mut rng, forest.begin_tree());
        if forest.nodes() > MOST_NODES {
            return Err(FitError::Unsuitable(format!(
                "{} trees on so many rows take too much memory: raise 'min_leaf'",
                plan.trees
            )));
        }
    }
    Ok(forest)
}

/// The weighted mean and standard deviation of a target: trees learn it centred and scaled.
///
/// # Errors
/// [`FitError::NotFinite`] when they overflow.
pub(crate) fn moments(values: &[f64], weights: Option<&[f32]>) -> Result<(f64, f64), FitError> {
    let mean_of = |value: &dyn Fn(f64) -> f64| {
        let (mut sum, mut total) = (0.0, 0.0);
        for (row, &y) in values.iter().enumerate() {
            let weight = weights.map_or(1.0, |weights| f64::from(weights[row]));
            sum += weight * value(y);
            total += weight;
        }
        if total > 0.0 { sum / total } else { 0.0 }
    };
    let mean = mean_of(&|value| value);
    let deviation = mean_of(&|value| (value - mean).powi(2)).sqrt();
    if mean.is_finite() && deviation.is_finite() {
        Ok((mean, deviation))
    } else {
        Err(FitError::NotFinite("the target's values are too large to square".into()))
    }
}
