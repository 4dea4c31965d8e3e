//! One machine for each class against the rest, with probabilities.

use super::examples::Examples;
use crate::estimators::platt::{Scored, Sigmoid};
use crate::estimators::{FitError, Target};
use crate::matrix::Matrix;
use crate::split::Split;

/// Scores to make probabilities of come from machines that did not see the rows: those of an inner
/// split into so many folds…
const FOLDS: usize = 5;
/// … of which as many are scored as give these rows…
const ENOUGH: usize = 2000;
/// … or these, for each class.
const ENOUGH_OF_CLASS: usize = 20;
/// Of one fold so many rows are scored at most.
const MOST_SCORED: usize = 20_000;

/// What learns to tell a class from the rest by a score.
pub(in crate::estimators) trait Learner {
    type Machine;

    /// A machine for each of `classes`; `None` where there are no rows of the class or none of the rest.
    /// `fits` is how often this is called all in all, for a limit to the work.
    fn learn(
        &self,
        examples: &Examples<u32>,
        classes: &[u32],
        fits: usize,
    ) -> Result<Vec<Option<Self::Machine>>, FitError>;

    /// The scores of rows, machine by machine; anything for a machine that is none.
    fn scores(
        &self,
        machines: &[Option<Self::Machine>],
        learned_from: &Examples<u32>,
        x: &Matrix,
    ) -> Vec<Vec<f64>>;
}

/// A machine, and the slope and intercept that make log odds of its score. Without a machine the log
/// odds are the intercept.
pub(in crate::estimators) type Calibrated<M> = (Option<M>, f64, f64);

/// For two classes one machine, of the second; for more one each.
pub(in crate::estimators) fn calibrated<L: Learner>(
    learner: &L,
    examples: &Examples<u32>,
    count: usize,
    seed: u64,
) -> Result<Vec<Calibrated<L::Machine>>, FitError> {
    let classes: Vec<u32> = if count == 2 { vec![1] } else { (0..count as u32).collect() };
    let split = Split::new(&Target::Classes { codes: examples.y.clone(), count }, FOLDS, 0.0, seed);
    let enough = ENOUGH.max(ENOUGH_OF_CLASS * count);
    let scored_folds = enough.div_ceil((examples.len() / FOLDS).max(1)).min(FOLDS);
    let fits = scored_folds + 1;

    let mut rows: Vec<u32> = Vec::new();
    let mut scores: Vec<Vec<f64>> = vec![Vec::new(); classes.len()];
    for (fold, held_out) in split.folds.iter().enumerate().take(scored_folds) {
        let some: Vec<u32> =
            held_out.iter().copied().step_by(held_out.len().div_ceil(MOST_SCORED).max(1)).collect();
        let training = split.training(fold);
        if some.is_empty() || training.is_empty() {
            continue;
        }
        let learned_from = examples.take(&training);
        let machines = learner.learn(&learned_from, &classes, fits)?;
        let found = learner.scores(&machines, &learned_from, &examples.take(&some).x);
        for ((all, machine), found) in scores.iter_mut().zip(&machines).zip(found) {
            match machine {
                Some(_) => all.extend(found),
                None => all.extend(std::iter::repeat_n(f64::NAN, some.len())),
            }
        }
        rows.extend(some);
    }

    let machines = learner.learn(examples, &classes, fits)?;
    let mut calibrated = Vec::with_capacity(machines.len());
    for ((machine, &class), scores) in machines.into_iter().zip(&classes).zip(scores) {
        let of = |row: usize, score: f64| (score, examples.y[row] == class, examples.weights[row]);
        let sigmoid = if machine.is_none() {
            let (positive, negative) = sides(examples, class);
            Sigmoid::constant(positive, negative)
        } else {
            let held_out = rows.iter().zip(scores).filter(|(_, score)| score.is_finite());
            let mut scored: Vec<Scored> = held_out.map(|(&row, score)| of(row as usize, score)).collect();
            if one_sided(&scored) {
                // Too few rows to hold any out.
                let machine = std::slice::from_ref(&machine);
                let own = learner.scores(machine, examples, &examples.x).swap_remove(0);
                scored = own.into_iter().enumerate().map(|(row, score)| of(row, score)).collect();
            }
            Sigmoid::fit(&scored)
        };
        calibrated.push((machine, sigmoid.slope, sigmoid.intercept));
    }
    Ok(calibrated)
}

fn one_sided(scored: &[Scored]) -> bool {
    scored.iter().all(|(_, positive, _)| *positive) || !scored.iter().any(|(_, positive, _)| *positive)
}

/// The weight of a class and of the rest.
fn sides(examples: &Examples<u32>, class: u32) -> (f64, f64) {
    let mut sides = (0.0, 0.0);
    for (code, weight) in examples.y.iter().zip(&examples.weights) {
        *(if *code == class { &mut sides.0 } else { &mut sides.1 }) += weight;
    }
    sides
}
