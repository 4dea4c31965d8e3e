//! Whether a trial fits the memory that it has, told before a fit takes it.

use super::Trainer;
use crate::estimators::{Estimator, FitError, Target};
use crate::prepared::Prepared;
use crate::table::Values;

impl Trainer {
    /// Refuses trials that would take more bytes than these, the table among them; `None` refuses nothing.
    #[must_use]
    pub fn within(self, bytes: Option<u64>) -> Trainer {
        Trainer { memory: bytes, ..self }
    }

    /// Refuses a fit whose trial will not end: what its last one, on all rows, is going to take counts from
    /// the first fold on.
    pub(super) fn check_memory(
        &self,
        estimator: &dyn Estimator,
        prepared: &Prepared,
    ) -> Result<(), FitError> {
        let Some(has) = self.memory else { return Ok(()) };
        let (rows, cols) = (self.rows.len() as u64, prepared.x.cols() as u64);
        let classes = match &self.truth {
            Target::Classes { count, .. } => *count as u64,
            Target::Numbers(_) => 0,
        };
        // Four bytes a value, and one for its bin.
        let matrix = rows.saturating_mul(cols).saturating_mul(5);
        let fit = estimator.memory_bytes(rows, cols, classes);
        let needs = self.table_bytes().saturating_add(matrix).saturating_add(fit);
        if needs <= has {
            return Ok(());
        }
        Err(FitError::Unsuitable(format!(
            "{} would need about {} MB of memory on {rows} rows × {cols} columns, and a trial has {} MB: \
             train on a sample of the rows, with fewer columns, or give trials more memory",
            estimator.name(),
            needs.div_ceil(1 << 20),
            has >> 20,
        )))
    }

    fn table_bytes(&self) -> u64 {
        let cell = |values: &Values| match values {
            Values::Number(_) | Values::Time(_) => 8,
            Values::Strings { .. } => 4,
            Values::Boolean(_) => 1,
        };
        self.table.columns.iter().map(|column| cell(&column.values) * column.values.len() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::super::tests::{animals, trainer};
    use crate::plan::TrialSpec;

    #[test]
    fn what_does_not_fit_is_refused_before_it_is_fitted() {
        let table = animals(300);
        let make = || trainer(&table, json!({"target": "species", "folds": 3}));
        let (small, large) =
            (TrialSpec::new("dummy", Map::new()), TrialSpec::new("random_forest", Map::new()));
        let tight = make().within(Some(200 << 10));
        let error = tight.fold(&large, 0).unwrap_err().to_string();
        for part in ["random_forest would need about", "300 rows", "fewer columns", "a trial has 0 MB"] {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(tight.finish(&large, &[]).unwrap_err().to_string(), error);
        assert!(tight.fold(&small, 0).is_ok(), "the baseline takes next to nothing");
        assert!(make().within(Some(1 << 30)).fold(&large, 0).is_ok());
        assert!(make().within(None).fold(&large, 0).is_ok());
    }
}
