//! What each column adds to a model's predictions.

use super::{Member, Model, SchemaError};
use crate::combine::Combination;
use crate::explain::Contributions;
use crate::table::{Column, Table};

/// Why predictions are not explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExplainError {
    /// The table does not suit the model.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Nothing was kept to compare with.
    #[error(
        "the model does not know what its predictions are compared with: train it again with this version of Fettle"
    )]
    NotKept,
    /// There is no way that is exact and quick.
    #[error(
        "predictions of '{0}' cannot be shared out among the columns: use a linear model, trees, gradient boosting or explainable boosting"
    )]
    NoWay(String),
}

impl Model {
    /// What each of [`fields`](Model::fields) adds to the prediction of each row, compared with what is
    /// predicted on average of the training rows: the base and a row's contributions sum to its raw
    /// prediction, in the unit that [`Contributions::scale`] names. Of two classes the second is explained,
    /// of more each.
    ///
    /// # Errors
    /// [`ExplainError`].
    pub fn explain(&self, table: &Table) -> Result<Contributions, ExplainError> {
        let columns = self.columns(table)?;
        let rows: Vec<u32> = (0..table.rows as u32).collect();
        let weights: &[f64] = match &self.contents.combination {
            None => &[1.0],
            Some(Combination::Mean(weights)) => weights,
            Some(_) => return Err(self.no_way()),
        };
        let mut parts = Vec::with_capacity(weights.len());
        for (weight, member) in weights.iter().zip(&self.contents.members) {
            if *weight > 0.0 {
                parts.push((*weight, self.of_member(member, &columns, &rows)?));
            }
        }
        if parts.len() == 1 {
            // A member with all the weight is explained in its own unit, whether or not that adds up.
            return parts.pop().map(|(_, part)| part).ok_or_else(|| self.no_way());
        }
        Contributions::mean(&parts).ok_or_else(|| self.no_way())
    }

    fn of_member(
        &self,
        member: &Member,
        columns: &[&Column],
        rows: &[u32],
    ) -> Result<Contributions, ExplainError> {
        let Some(background) = &member.background else {
            let could = member.fitted.is_explainable();
            return Err(if could { ExplainError::NotKept } else { self.no_way() });
        };
        let x = member.preprocessor.transform(columns, rows);
        let contributions = member.fitted.explain(&x, background).ok_or_else(|| self.no_way())?;
        Ok(contributions.gathered(&member.preprocessor.origins(), columns.len()))
    }

    fn no_way(&self) -> ExplainError {
        ExplainError::NoWay(self.contents.estimator.clone())
    }
}
