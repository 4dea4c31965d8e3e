//! What is looked at: a fitted model with the rows that it did not see, and what looking costs.

use super::numbers::sample;
use crate::decide::Choice;
use crate::estimators::{FitError, Fitted, Target};
use crate::matrix::Matrix;
use crate::metrics::{Metric, decided_scores};
use crate::table::{Column, Kind};

/// Steps through nodes, or what takes as long (about 5 ns), that one diagnostic may spend: about a sixth of a
/// second. Clocks differ from machine to machine, and diagnostics must not.
const BUDGET: f64 = 3e7;
/// So many training rows stand for all of them when contributions are computed.
const BACKGROUND: usize = 300;

/// A fitted model, and rows that it was not fitted on.
pub(crate) struct Subject<'a> {
    pub(crate) fitted: &'a Fitted,
    /// What it was fitted on.
    pub(crate) training_x: &'a Matrix,
    pub(crate) training_y: &'a Target,
    /// The rows that it was not.
    pub(crate) x: &'a Matrix,
    pub(crate) y: &'a Target,
    /// What is predicted for them; finite.
    pub(crate) predictions: &'a [f64],
    /// The feature that each column of the matrices comes from.
    pub(crate) origins: Vec<usize>,
    /// The features, and where in them the rows of `x` are.
    pub(crate) columns: Vec<&'a Column>,
    pub(crate) rows: &'a [u32],
    /// The names of the classes; none for a number.
    pub(crate) classes: &'a [String],
    /// The metric that ranks.
    pub(crate) metric: Metric,
    /// How classes are chosen.
    pub(crate) choice: &'a Choice,
    pub(crate) seed: u64,
    /// Fits the same estimator again.
    pub(crate) refit: &'a dyn Fn(&Matrix, &Target) -> Result<Fitted, FitError>,
}

impl Subject<'_> {
    /// The ranking metric of some predictions; `None` where it is undefined.
    pub(super) fn score(&self, y: &Target, predictions: &[f64]) -> Option<f64> {
        decided_scores(y, predictions, self.choice).get(&self.metric).copied()
    }

    /// How much worse `score` is than `best`.
    pub(super) fn loss(&self, score: f64, best: f64) -> f64 {
        if self.metric.greater_is_better() { best - score } else { score - best }
    }

    /// Whether a feature's values can be laid out along an axis or listed.
    pub(super) fn is_plain(&self, feature: usize) -> bool {
        !matches!(self.columns[feature].kind, Kind::Text | Kind::Identifier)
    }

    /// How many rows can be predicted by one diagnostic.
    pub(super) fn affordable(&self) -> usize {
        (BUDGET / self.row_cost()) as usize
    }

    /// What predicting a row costs, in the unit of the budget.
    fn row_cost(&self) -> f64 {
        let (cols, outputs) = (self.x.cols() as f64, self.y.outputs() as f64);
        let walk = |trees: usize, nodes: usize| {
            let (trees, nodes) = (trees as f64, nodes as f64);
            trees * (1.5 * (nodes / trees.max(1.0)).max(2.0).log2() + outputs / 8.0)
        };
        cols / 4.0
            + match self.fitted {
                Fitted::Tree(forest) | Fitted::Forest(forest) => walk(forest.trees(), forest.nodes()),
                Fitted::Boosted(boosted) => walk(boosted.trees() * self.margins(), boosted.nodes()),
                // Whatever it is, it looks at its own memory, and seldom at all of it.
                other => other.size_bytes() as f64 / 64.0 + cols * outputs / 4.0,
            }
    }

    /// What explaining a row costs: forests walk to every leaf that a background row reaches.
    fn explanation_cost(&self) -> f64 {
        let paths = |trees: usize, nodes: usize| {
            let reached = nodes.min(trees.saturating_mul(4 * BACKGROUND)) as f64;
            reached * (nodes as f64 / trees.max(1) as f64).max(2.0).log2()
        };
        let columns = (self.x.cols() * self.margins()) as f64;
        columns
            + match self.fitted {
                Fitted::Tree(forest) | Fitted::Forest(forest) => {
                    paths(forest.trees(), forest.nodes()) * self.margins() as f64
                }
                // Eight rows at a time.
                Fitted::Boosted(boosted) => 2.0 * boosted.nodes() as f64,
                _ => 0.0,
            }
    }

    /// How many outputs are explained.
    fn margins(&self) -> usize {
        if self.y.outputs() > 2 { self.y.outputs() } else { 1 }
    }

    /// How many rows can be explained, in time and in memory (64 MB).
    pub(super) fn explainable(&self) -> usize {
        let in_time = 2.0 * BUDGET / self.explanation_cost().max(1.0);
        let in_memory = (8 << 20) / (self.x.cols() * self.margins()).max(1);
        (in_time as usize).min(in_memory)
    }

    /// Some training rows that stand for all.
    pub(super) fn background(&self) -> Matrix {
        self.training_x.take(&sample(self.training_x.rows(), BACKGROUND, self.seed))
    }

    /// `x` with a feature's columns from other rows of it: row `i` gets those of row `from(i)`.
    pub(super) fn replaced(&self, x: &Matrix, rows: usize, replace: &[Replacement]) -> Matrix {
        let mut data = Vec::with_capacity(rows * x.cols());
        for (col, &origin) in self.origins.iter().enumerate() {
            let values = x.col(col);
            let at = replace.iter().find(|replacement| replacement.feature == origin);
            match at {
                Some(replacement) => data.extend((0..rows).map(|row| values[(replacement.from)(row)])),
                None => data.extend((0..rows).map(|row| values[row % x.rows()])),
            }
        }
        Matrix::new(rows, x.cols(), data)
    }
}

/// A feature, and the row whose value each row gets.
pub(super) struct Replacement<'a> {
    pub(super) feature: usize,
    pub(super) from: &'a dyn Fn(usize) -> usize,
}
