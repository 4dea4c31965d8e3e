//! The steps of preprocessing that a run may ask for, beside those that its columns and estimators need.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::Task;
use crate::plan::{SpecError, SpecErrorKind};

/// The `preprocessing` of a request to train; what is left out is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// What becomes of numbers far outside the middle half of their column.
    #[serde(default)]
    pub outliers: Outliers,
    /// Whether products of the numbers that tell most about the target are learned from too.
    #[serde(default)]
    pub interactions: bool,
    /// How many columns of the table are kept, those that tell most about the target; all when left
    /// out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Select>,
    /// Whether rare classes weigh more.
    #[serde(default)]
    pub balance: Balance,
}

/// What becomes of outliers: numbers more than three interquartile ranges beyond the quartiles of
/// their column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outliers {
    /// They stay.
    #[default]
    Keep,
    /// They are moved to that limit, when learning and when predicting.
    Clip,
    /// Rows with one are not learned from, at most one in twenty; they are still predicted.
    Drop,
}

/// How many columns are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a number of columns, or \"auto\"")]
pub enum Select {
    /// So many.
    Best(u32),
    /// Those that tell more about the target than chance would.
    Auto(Auto),
}

/// The word `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auto {
    /// Chosen from the data.
    Auto,
}

/// Whether rare classes weigh more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// Every row weighs the same.
    #[default]
    None,
    /// Every class weighs the same, however many rows it has.
    Weights,
}

impl Preprocessing {
    /// Whether nothing is asked for.
    pub fn is_default(&self) -> bool {
        *self == Preprocessing::default()
    }

    /// Refuses what makes no sense for a task.
    ///
    /// # Errors
    /// The field at fault, such as `preprocessing.select`.
    pub fn check(&self, task: Task) -> Result<(), SpecError> {
        if self.select == Some(Select::Best(0)) {
            return Err(SpecError {
                kind: SpecErrorKind::OutOfRange,
                field: "preprocessing.select".into(),
                detail: "no columns would be left to learn from".into(),
                remedy: "give 1 or more, or \"auto\", or leave it out".into(),
            });
        }
        if self.balance == Balance::Weights && !task.is_classification() {
            return Err(SpecError {
                kind: SpecErrorKind::Contradiction,
                field: "preprocessing.balance".into(),
                detail: "a number has no classes to balance".into(),
                remedy: "leave it out, or name a column of weights in 'weight'".into(),
            });
        }
        Ok(())
    }
}
