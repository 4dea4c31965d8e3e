//! One tree of questions, small enough to be read (Breiman et al., *Classification and Regression
//! Trees*, 1984).

use super::memory::tree_memory;
use super::{Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter};
use crate::metrics::Task;
use crate::trees::{MAX_DEPTH, MIN_LEAF, Plan, grow_forest};

/// Grown on all rows and features, with leaves large enough to be trusted.
#[derive(Debug)]
pub(super) struct DecisionTree;

impl Estimator for DecisionTree {
    fn name(&self) -> &'static str {
        "decision_tree"
    }

    fn label(&self) -> &'static str {
        "Decision tree"
    }

    fn source(&self) -> &'static str {
        "Breiman, Friedman, Olshen and Stone, \"Classification and regression trees\", 1984"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Binary, Task::Multiclass, Task::Regression]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::Target, scaled: false, missing: true }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[MAX_DEPTH, MIN_LEAF]
    }

    fn cost(&self) -> u8 {
        15
    }

    fn promise(&self) -> u8 {
        35
    }

    /// The bins, the rows on their way down, and the nodes.
    fn memory_bytes(&self, rows: u64, cols: u64, classes: u64) -> u64 {
        tree_memory(rows, cols, classes)
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        grow_forest(fit, Plan::tree(fit)).map(Fitted::Tree)
    }
}
