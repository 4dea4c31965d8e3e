//! What each column adds to a fitted estimator's predictions.

use super::{Fitted, linear::FittedLinear};
use crate::explain::{Background, Contributions};
use crate::matrix::Matrix;

impl Fitted {
    /// Whether [`explain`](Fitted::explain) has a way that is exact and quick.
    pub fn is_explainable(&self) -> bool {
        matches!(
            self,
            Fitted::Linear(_)
                | Fitted::Tree(_)
                | Fitted::Forest(_)
                | Fitted::Boosted(_)
                | Fitted::Additive(_)
        )
    }

    /// What [`explain`](Fitted::explain) needs to know of the rows that predictions are compared with: some
    /// training rows. `None` where there is no way that is exact and quick.
    ///
    /// # Panics
    /// Never when [`check`](Fitted::check) passed for the matrix's width.
    pub fn background(&self, rows: &Matrix) -> Option<Background> {
        match self {
            Fitted::Linear(_) => Some(Background::Means(FittedLinear::means(rows))),
            Fitted::Tree(fitted) | Fitted::Forest(fitted) => Some(Background::Covers(fitted.covers(rows))),
            Fitted::Boosted(_) | Fitted::Additive(_) => Some(Background::Within),
            _ => None,
        }
    }

    /// What each column of `x` adds to its predictions, compared with what is predicted on average of the
    /// background. `None` where the background is of something else, or there are no rows.
    ///
    /// # Panics
    /// Never when [`check`](Fitted::check) and [`check_background`](Fitted::check_background) passed.
    pub fn explain(&self, x: &Matrix, background: &Background) -> Option<Contributions> {
        match (self, background) {
            (Fitted::Linear(fitted), Background::Means(means)) => Some(fitted.explain(x, means)),
            (Fitted::Tree(fitted) | Fitted::Forest(fitted), Background::Covers(covers)) => {
                fitted.explain(x, covers)
            }
            (Fitted::Boosted(fitted), Background::Within) => fitted.explain(x),
            (Fitted::Additive(fitted), Background::Within) => Some(fitted.explain(x)),
            _ => None,
        }
    }

    /// Makes sure that explaining cannot go out of bounds, for a background that was read from bytes.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check_background(&self, background: &Background, cols: usize) -> Result<(), String> {
        let sound = match (self, background) {
            (Fitted::Linear(_), Background::Means(means)) => {
                means.len() == cols && means.iter().all(|mean| mean.is_finite())
            }
            (Fitted::Tree(fitted) | Fitted::Forest(fitted), Background::Covers(covers)) => {
                covers.len() == fitted.nodes()
            }
            (Fitted::Boosted(_) | Fitted::Additive(_), Background::Within) => true,
            _ => false,
        };
        if sound { Ok(()) } else { Err("what explanations need is of another model".into()) }
    }
}
