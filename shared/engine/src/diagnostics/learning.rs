//! Whether more rows would help.

use serde::{Deserialize, Serialize};

use super::numbers::sample;
use super::subject::Subject;
use crate::metrics::Metric;

/// Models are fitted on these shares of half the training rows, or of fewer when there are many.
const SHARES: [f64; 3] = [0.2, 0.5, 1.0];
/// No model that is fitted only for this sees more values than these; for many classes, less.
const MOST_CELLS: usize = 1_000_000;
/// A model of fewer rows says nothing about one of many.
const FEWEST_ROWS: usize = 20;
/// The most rows that are measured on.
const MEASURED: usize = 5000;

/// The ranking metric of models that learned from growing shares of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LearningCurve {
    /// What is measured.
    pub metric: Metric,
    /// How many rows each model learned from, ascending; the last is the model itself.
    pub rows: Vec<u64>,
    /// The metric on rows that it did not learn from: still rising where more rows would help.
    pub held_out: Vec<f64>,
    /// The metric on rows that it learned from: far above the other where it learned them by heart.
    pub learned: Vec<f64>,
}

impl LearningCurve {
    /// Fits three models, on half the training rows at most.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn new(subject: &Subject) -> Result<LearningCurve, String> {
        let rows = subject.training_x.rows();
        let width = subject.training_x.cols().max(1) * subject.y.outputs().max(2) / 2;
        let most = (rows / 2).min(MOST_CELLS / width);
        if most < FEWEST_ROWS {
            return Err(if rows / 2 < FEWEST_ROWS {
                "there are too few rows to learn from fewer".into()
            } else {
                "fitting the model several times more would take too long".into()
            });
        }
        let measured = (subject.affordable() / (2 * SHARES.len() + 2)).min(MEASURED);
        if measured < FEWEST_ROWS {
            return Err("measuring the model several times more would take too long".into());
        }
        // One random order, of which each model sees the beginning.
        let mut order: Vec<u32> = (0..rows as u32).collect();
        shuffle(&mut order, subject.seed);
        let unseen = sample(subject.x.rows(), measured, subject.seed);
        let (unseen_x, unseen_y) = (subject.x.take(&unseen), subject.y.take(&unseen));
        let mut curve = LearningCurve {
            metric: subject.metric,
            rows: Vec::new(),
            held_out: Vec::new(),
            learned: Vec::new(),
        };
        let sizes = SHARES.map(|share| (most as f64 * share) as usize).into_iter().chain([rows]);
        for size in sizes.filter(|size| *size >= FEWEST_ROWS) {
            let seen = &order[..size];
            let learned = &seen[..size.min(measured)];
            let (learned_x, learned_y) = (subject.training_x.take(learned), subject.training_y.take(learned));
            let refitted;
            let fitted = if size == rows {
                subject.fitted
            } else {
                let again = (subject.refit)(&subject.training_x.take(seen), &subject.training_y.take(seen));
                // A few rows may lack what it needs, such as a second class.
                let Ok(again) = again else { continue };
                refitted = again;
                &refitted
            };
            let held_out = subject.score(&unseen_y, &fitted.predict(&unseen_x));
            let learned = subject.score(&learned_y, &fitted.predict(&learned_x));
            if let (Some(held_out), Some(learned)) = (held_out, learned)
                && held_out.is_finite()
                && learned.is_finite()
            {
                curve.rows.push(size as u64);
                curve.held_out.push(held_out);
                curve.learned.push(learned);
            }
        }
        if curve.rows.len() < 2 {
            return Err("no model of fewer rows could be measured".into());
        }
        Ok(curve)
    }
}

fn shuffle(rows: &mut [u32], seed: u64) {
    use rand::SeedableRng;
    use rand::seq::SliceRandom;
    rows.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
}
