//! Explainable boosting: one curve a feature, summed (a generalised additive model), each grown by
//! boosting small trees on its feature alone, one feature after the other (Lou, Caruana & Gehrke,
//! *Intelligible models for classification and regression*, 2012; Nori et al., *`InterpretML`*, 2019).
//!
//! A model is read off its curves: a prediction is the sum of what each feature's value is worth.

mod additive;
mod bag;
mod curve;

pub use self::additive::{Additive, Shape};
use self::bag::{Bag, Curves, Pace};
use super::held_out::{FEWEST_TO_HOLD_OUT, hold_out};
use super::memory::{bin_memory, bytes};
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search, Target};
use crate::metrics::Task;
use crate::trees::{Outcome, moments};

/// The rounds of a fit on too few rows to find out how many are good.
const ROUNDS_OF_FEW: usize = 100;

/// A sum of curves.
#[derive(Debug)]
pub(super) struct ExplainableBoosting;

impl Estimator for ExplainableBoosting {
    fn name(&self) -> &'static str {
        "explainable_boosting"
    }

    fn label(&self) -> &'static str {
        "Explainable boosting"
    }

    fn source(&self) -> &'static str {
        "Lou, Caruana and Gehrke, \"Intelligible models for classification and regression\", 2012; Nori et \
         al., \"InterpretML\", 2019"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Binary, Task::Multiclass, Task::Regression]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::Target, scaled: false, missing: true }
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn cost(&self) -> u8 {
        48
    }

    fn promise(&self) -> u8 {
        70
    }

    /// The bins; labels, two sets of weights and both derivatives in `f32`; a score for each class, and
    /// their sum; three sets of curves of 256 values in `f64`.
    fn memory_bytes(&self, rows: u64, cols: u64, classes: u64) -> u64 {
        let scores = if classes > 2 { classes } else { 1 };
        bin_memory(rows, cols).saturating_add(bytes(&[
            &[rows, 4 + 8 + 8 + 4],
            &[rows, scores, 4],
            &[cols, scores, 3 * 256 * 8],
            &[cols, 256 * 4],
        ]))
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let problem = Problem::new(fit)?;
        let params = fit.params;
        let patience = params.integer("early_stopping") as usize;
        let rounds = params.integer("rounds") as usize;
        let rows = fit.x.rows();
        let few = rows < FEWEST_TO_HOLD_OUT;
        // Without held-out rows all bags would be the same.
        let bags = if few || patience == 0 {
            1
        } else {
            params.auto_integer("bags").map_or_else(|| usual_bags(rows), |bags| bags as usize)
        };
        let pace = Pace {
            rounds: if few && patience > 0 { rounds.min(ROUNDS_OF_FEW) } else { rounds },
            patience,
            rate: params.number("learning_rate"),
            leaves: params.integer("leaves") as usize,
            min_leaf: params.integer("min_leaf") as u32,
        };
        let columns = fit.x.bins().columns();
        let mut sum: Option<Curves> = None;
        for bag in 0..bags as u64 {
            let held_out = if few || patience == 0 {
                Vec::new()
            } else {
                hold_out(&problem.labels, fit.seed.wrapping_add(bag)).1
            };
            let curves = Bag::new(&problem, columns, &held_out).grow(&pace);
            match &mut sum {
                None => sum = Some(curves),
                Some(sum) => sum.add(&curves),
            }
        }
        let curves = sum.ok_or_else(|| FitError::Unsuitable("no bags are asked for: raise 'bags'".into()))?;
        let model = Additive::new(problem.outcome, columns, &curves.mean(bags), &problem.weights);
        model.check(fit.x.cols(), fit.y.outputs()).map_err(FitError::NotFinite)?;
        Ok(Fitted::Additive(model))
    }
}

/// More bags smooth curves; with many rows these are smooth by themselves.
fn usual_bags(rows: usize) -> usize {
    match rows {
        0..5_000 => 8,
        5_000..50_000 => 4,
        _ => 2,
    }
}

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "rounds",
        domain: Domain::Integer { min: 1, max: 10_000, default: 1000 },
        search: Search::Fixed,
        doc: "The most rounds; each improves the curves that have the most to gain once",
    },
    Parameter {
        name: "learning_rate",
        domain: Domain::Number { min: 0.001, max: 1.0, default: 0.05 },
        search: Search::Log(0.01, 0.2),
        doc: "How much of what is left each step corrects",
    },
    Parameter {
        name: "early_stopping",
        domain: Domain::Integer { min: 0, max: 1000, default: 50 },
        search: Search::Fixed,
        doc: "Stop when so many rounds do not improve predictions of held-out rows; 0 takes all rounds, on all rows",
    },
    Parameter {
        name: "bags",
        domain: Domain::AutoInteger { min: 1, max: 32 },
        search: Search::Fixed,
        doc: "How many models, each with other rows held out, are averaged; null: 8 to 2, fewer with more rows",
    },
    Parameter {
        name: "leaves",
        domain: Domain::Integer { min: 2, max: 16, default: 3 },
        search: Search::Between(2.0, 6.0),
        doc: "How many pieces each step of a curve has",
    },
    Parameter {
        name: "min_leaf",
        domain: Domain::Integer { min: 1, max: 1_000_000, default: 4 },
        search: Search::Log(1.0, 64.0),
        doc: "The fewest rows in a piece",
    },
];

/// What is to be learned.
struct Problem {
    outcome: Outcome,
    /// A class's code, or a number centred and scaled.
    labels: Vec<f32>,
    /// With a mean of 1.
    weights: Vec<f32>,
}

impl Problem {
    fn new(fit: &Fit) -> Result<Problem, FitError> {
        let rows = fit.x.rows();
        let total: f64 =
            fit.weights.map_or(rows as f64, |weights| weights.iter().map(|&weight| f64::from(weight)).sum());
        if total <= 0.0 {
            return Err(FitError::Unsuitable("no row has a weight".into()));
        }
        let mean = total / rows as f64;
        let weights = match fit.weights {
            Some(weights) => weights.iter().map(|&weight| (f64::from(weight) / mean) as f32).collect(),
            None => vec![1.0; rows],
        };
        let (outcome, labels) = match fit.y {
            Target::Numbers(values) => {
                let (offset, scale) = moments(values, fit.weights)?;
                let unit = if scale > 0.0 { scale } else { 1.0 };
                let labels = values.iter().map(|value| ((value - offset) / unit) as f32).collect();
                (Outcome::Number { offset, scale }, labels)
            }
            Target::Classes { count: 0 | 1, .. } => {
                return Err(FitError::Unsuitable("there is only one class to learn".into()));
            }
            Target::Classes { codes, count } => {
                let outcome = if *count == 2 { Outcome::Binary } else { Outcome::Classes(*count as u32) };
                (outcome, codes.iter().map(|&code| code as f32).collect())
            }
        };
        Ok(Problem { outcome, labels, weights })
    }
}

/// How many scores a row has: two classes need one.
fn scores(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Number { .. } | Outcome::Binary => 1,
        Outcome::Classes(count) => count as usize,
    }
}

#[cfg(test)]
mod tests;
