//! Trees on rows drawn with replacement, which look at a few features a node (Breiman, *Random
//! forests*, 2001).

use super::memory::forest_memory;
use super::{Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter};
use crate::metrics::Task;
use crate::trees::{MAX_DEPTH, MIN_LEAF, Plan, SPLIT_FEATURES, TREES, grow_forest};

/// Averages what its trees predict.
#[derive(Debug)]
pub(super) struct RandomForest;

impl Estimator for RandomForest {
    fn name(&self) -> &'static str {
        "random_forest"
    }

    fn label(&self) -> &'static str {
        "Random forest"
    }

    fn source(&self) -> &'static str {
        "Breiman, \"Random forests\", Machine Learning 45, 2001"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Binary, Task::Multiclass, Task::Regression]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::Target, scaled: false, missing: true }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[TREES, MAX_DEPTH, MIN_LEAF, SPLIT_FEATURES]
    }

    fn cost(&self) -> u8 {
        50
    }

    fn promise(&self) -> u8 {
        85
    }

    /// The bins, the rows on their way down, and the nodes of all trees.
    fn memory_bytes(&self, rows: u64, cols: u64, classes: u64) -> u64 {
        forest_memory(rows, cols, classes)
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        grow_forest(fit, Plan { bootstrap: true, ..Plan::forest(fit) }).map(Fitted::Forest)
    }
}
