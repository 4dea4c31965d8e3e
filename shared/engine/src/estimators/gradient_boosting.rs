//! Gradient boosting: each tree corrects what the trees before it leave (Friedman, *Greedy function
//! approximation*, 2001; Chen & Guestrin, *A scalable tree boosting system*, 2016). The trees are those
//! of the crate `hessboost`, which nothing outside this module knows.

mod boosted;
mod objective;

use std::num::NonZeroUsize;

use hessboost::config::{GrowPolicy, TrainingParams, TreeMethod};
use hessboost::data::{DMatrix, ViewCuts};
use hessboost::training::{Trainer, train};
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use serde_json::{Map, Value, json};

pub use self::boosted::Boosted;
use self::objective::{OBJECTIVE, QUANTILE, TWEEDIE_POWER, labels, set_objective};
use super::held_out::{FEWEST_TO_HOLD_OUT, hold_out};
use super::memory::bytes;
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search, Target};
use crate::metrics::Task;
use crate::trees::Outcome;

/// The trees of a fit on too few rows to find out how many are good.
const TREES_OF_FEW: usize = 50;
/// With more rows, what is held out to find the number of trees is not missed, and they are not
/// grown again on all rows.
const MOST_TO_REFIT: usize = 20_000;

/// Trees whose number is found on a hold-out.
#[derive(Debug)]
pub(super) struct GradientBoosting;

impl Estimator for GradientBoosting {
    fn name(&self) -> &'static str {
        "gradient_boosting"
    }

    fn label(&self) -> &'static str {
        "Gradient boosting"
    }

    fn source(&self) -> &'static str {
        "Friedman, \"Greedy function approximation\", 2001; on histograms as in Chen and Guestrin, \"XGBoost\", 2016"
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
        40
    }

    fn promise(&self) -> u8 {
        90
    }

    /// Trees grown level by level and by leaf; on small and noisy tables also very shallow ones, which
    /// often win there. Growing by leaf follows few rows as far as it may: the fewer there are, the
    /// fewer leaves there are by default, and the more each must hold.
    fn trials(&self, rows: u64) -> Vec<Map<String, Value>> {
        let by_leaf = match rows {
            0..1_000 => json!({"growth": "leaf", "min_child_weight": 3.0}),
            _ => json!({"growth": "leaf"}),
        };
        let shallow = (rows < 10_000).then(|| json!({"max_depth": 2}));
        let all = [Some(json!({})), Some(by_leaf), shallow].into_iter().flatten();
        all.filter_map(|params| params.as_object().cloned()).collect()
    }

    /// The crate's matrix, row by row in `f32`; its index, of two bytes a value at most, and the one
    /// gathered for the rows that are not held out; for each class scores and pairs of derivatives; for
    /// each row its places in the orders of two trees' nodes. Histograms of 256 bins with two sums, for
    /// the leaves of a tree.
    fn memory_bytes(&self, rows: u64, cols: u64, classes: u64) -> u64 {
        let scores = if classes > 2 { classes } else { 1 };
        let leaves = most_leaves(rows as usize) as u64;
        bytes(&[&[rows, cols, 4 + 2 + 2], &[rows, scores, 4 + 8], &[rows, 24], &[leaves, cols, 256, 16]])
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let pool =
            one_thread().map_err(|error| FitError::Failed(format!("no thread to train on: {error}")))?;
        pool.install(|| boost(fit)).map(Fitted::Boosted)
    }
}

/// A pool for the crate to work in, which would otherwise take every core: a trial has one.
fn one_thread() -> Result<ThreadPool, ThreadPoolBuildError> {
    ThreadPoolBuilder::new().num_threads(1).build()
}

/// The defaults were chosen on 28 tables of 90 to 330,000 rows: sampling rows and columns, and
/// trees that deepen with the data, are what keeps small data from being learned by heart.
const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "trees",
        domain: Domain::Integer { min: 1, max: 5000, default: 400 },
        search: Search::Fixed,
        doc: "The most trees (for each class, when there are more than two)",
    },
    Parameter {
        name: "learning_rate",
        domain: Domain::Number { min: 0.001, max: 1.0, default: 0.07 },
        search: Search::Log(0.01, 0.3),
        doc: "How much of what is left each tree corrects",
    },
    Parameter {
        name: "early_stopping",
        domain: Domain::Integer { min: 0, max: 1000, default: 25 },
        search: Search::Fixed,
        doc: "Stop when so many trees in a row do not improve predictions of held-out rows; 0 grows all",
    },
    Parameter {
        name: "growth",
        domain: Domain::Choice { of: &["depth", "leaf"], default: "depth" },
        search: Search::Every,
        doc: "Grow trees level by level, or always at the leaf that gains most",
    },
    Parameter {
        name: "max_depth",
        domain: Domain::AutoInteger { min: 1, max: 16 },
        search: Search::Between(3.0, 16.0),
        doc: "The most questions on the way to a leaf; null: 3 to 8, more with more rows, or no limit when \
              growing by leaf",
    },
    Parameter {
        name: "max_leaves",
        domain: Domain::AutoInteger { min: 2, max: 4096 },
        search: Search::Log(7.0, 255.0),
        doc: "The most leaves of a tree that is grown by leaf; null: 7 to 63, more with more rows",
    },
    Parameter {
        name: "subsample",
        domain: Domain::Number { min: 0.1, max: 1.0, default: 0.8 },
        search: Search::Between(0.5, 1.0),
        doc: "The share of rows that each tree sees",
    },
    Parameter {
        name: "colsample",
        domain: Domain::Number { min: 0.1, max: 1.0, default: 0.8 },
        search: Search::Between(0.3, 1.0),
        doc: "The share of features that each tree sees",
    },
    Parameter {
        name: "min_child_weight",
        domain: Domain::Number { min: 0.0, max: 1e6, default: 2.0 },
        search: Search::Log(0.5, 32.0),
        doc: "The least certainty (sum of second derivatives; rows, for numbers) in a leaf",
    },
    Parameter {
        name: "lambda",
        domain: Domain::Number { min: 0.0, max: 1e6, default: 1.0 },
        search: Search::Log(0.01, 32.0),
        doc: "How strongly leaves are drawn towards zero",
    },
    OBJECTIVE,
    QUANTILE,
    TWEEDIE_POWER,
];

/// The bins of a feature: with few rows most of a fit would be looking through bins that hold one row.
fn bins(rows: usize) -> usize {
    (rows / 8).clamp(64, 256)
}

/// The leaves of a tree that is grown by leaf: half the root of the rows, so that a leaf has twice that
/// many.
fn most_leaves(rows: usize) -> usize {
    (rows.isqrt() / 2).clamp(7, 63)
}

fn boost(fit: &Fit) -> Result<Boosted, FitError> {
    if fit.x.cols() == 0 {
        return Err(FitError::Unsuitable("there are no features".into()));
    }
    if fit.weights.is_some_and(|weights| weights.iter().all(|&weight| weight <= 0.0)) {
        return Err(FitError::Unsuitable("no row has a weight".into()));
    }
    let (outcome, labels) = labels(fit)?;
    let params = params(fit, outcome)?;
    let data = data(fit, &labels)?;

    let rows = fit.x.rows();
    let most = fit.params.integer("trees") as usize;
    let patience = NonZeroUsize::new(fit.params.integer("early_stopping") as usize);
    let model = match patience {
        None => train(&params, &data, most)?,
        Some(_) if rows < FEWEST_TO_HOLD_OUT => train(&params, &data, most.min(TREES_OF_FEW))?,
        Some(patience) => {
            let (seen, held_out) = hold_out(&labels, fit.seed);
            // Cuts depend on the features alone: all trees may share those of the whole.
            let seen = data.select_rows_with_cuts(&seen, ViewCuts::Source)?;
            let held_out = data.select_rows_with_cuts(&held_out, ViewCuts::Source)?;
            let found = Trainer::new(&params, &seen, most)
                .eval(&held_out, "held out")
                .early_stopping_rounds(patience)
                .train()?
                .model;
            let best = found.best_iteration().map_or(most, |last| last + 1);
            if rows <= MOST_TO_REFIT { train(&params, &data, best)? } else { found.slice(..best, 1)? }
        }
    };
    Boosted::new(outcome, model)
}

fn params(fit: &Fit, outcome: Outcome) -> Result<TrainingParams, FitError> {
    let mut params = TrainingParams::builder()
        .seed(fit.seed)
        .tree_method(TreeMethod::Hist)
        .max_bin(bins(fit.x.rows()))
        .eta(fit.params.number("learning_rate"))
        .subsample(fit.params.number("subsample"))
        .colsample_bytree(fit.params.number("colsample"))
        .min_child_weight(fit.params.number("min_child_weight"))
        .lambda(fit.params.number("lambda"));
    let max_depth = fit.params.auto_integer("max_depth").map(|depth| depth as usize);
    params = if fit.params.choice("growth") == "leaf" {
        let leaves = fit.params.auto_integer("max_leaves");
        let leaves = leaves.map_or_else(|| most_leaves(fit.x.rows()), |leaves| leaves as usize);
        let params = params.grow_policy(GrowPolicy::LossGuide).max_leaves(leaves);
        if let Some(depth) = max_depth { params.max_depth(depth) } else { params.unlimited_depth() }
    } else {
        // A tree as deep as half the rows' logarithm has leaves of √rows rows.
        params.max_depth(max_depth.unwrap_or((fit.x.rows().ilog2() / 2).clamp(3, 8) as usize))
    };
    Ok(set_objective(params, fit, outcome)?.build()?)
}

fn data(fit: &Fit, labels: &[f32]) -> Result<DMatrix, FitError> {
    let (rows, cols) = (fit.x.rows(), fit.x.cols());
    let mut values = vec![0.0; rows * cols];
    for (row, values) in values.chunks_exact_mut(cols).enumerate() {
        fit.x.copy_row(row, values);
    }
    let data = DMatrix::from_dense_vec(values, rows, cols)?.with_labels(labels)?;
    Ok(match fit.weights {
        Some(weights) => data.with_weights(weights)?,
        None => data,
    })
}

impl From<hessboost::error::HessboostError> for FitError {
    fn from(error: hessboost::error::HessboostError) -> FitError {
        FitError::Failed(error.to_string())
    }
}
