//! Trees on all rows whose cuts are drawn at random (Geurts, Ernst & Wehenkel, *Extremely randomized
//! trees*, 2006).

use super::memory::forest_memory;
use super::{Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter};
use crate::metrics::Task;
use crate::trees::{MAX_DEPTH, MIN_LEAF, Plan, SPLIT_FEATURES, TREES, grow_forest};

/// Averages what its trees predict.
#[derive(Debug)]
pub(super) struct ExtraTrees;

impl Estimator for ExtraTrees {
    fn name(&self) -> &'static str {
        "extra_trees"
    }

    fn label(&self) -> &'static str {
        "Extra trees"
    }

    fn source(&self) -> &'static str {
        "Geurts, Ernst and Wehenkel, \"Extremely randomized trees\", Machine Learning 63, 2006"
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
        55
    }

    fn promise(&self) -> u8 {
        80
    }

    /// The bins, the rows on their way down, and the nodes of all trees.
    fn memory_bytes(&self, rows: u64, cols: u64, classes: u64) -> u64 {
        forest_memory(rows, cols, classes)
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        grow_forest(fit, Plan { random_cuts: true, ..Plan::forest(fit) }).map(Fitted::Forest)
    }
}
