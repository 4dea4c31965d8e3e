//! What must be known of the training rows to explain a prediction.

use serde::{Deserialize, Serialize};

/// So many training rows stand for all of them in what is kept with a model.
pub(crate) const KEPT_ROWS: usize = 1000;
/// Covers are counted on at most so many rows.
pub(crate) const MOST_ROWS: usize = u16::MAX as usize;

/// What explaining a fitted estimator needs of the rows that its predictions are compared with. The order of
/// variants is part of the artifact's format: add at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Background {
    /// Nothing: what is fitted knows it itself.
    Within,
    /// The mean of each column.
    Means(Vec<f64>),
    /// How many rows came through each node of a forest.
    Covers(Vec<u16>),
}

impl Background {
    /// About how many bytes it takes in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Background::Within => 0,
            Background::Means(means) => size_of_val(&means[..]),
            Background::Covers(covers) => size_of_val(&covers[..]),
        }
    }
}
