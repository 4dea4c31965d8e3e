//! Where predictions are worse.

use serde::{Deserialize, Serialize};

use super::dependence::day;
use super::draw::tick;
use super::numbers::{round, sample};
use super::subject::Subject;
use crate::metrics::Metric;
use crate::table::{Column, MISSING_CODE, Values};

/// The most rows that are sliced.
const MOST_ROWS: usize = 20_000;
/// The features that are sliced by: those that matter most.
const FEATURES: usize = 30;
/// A column with more levels is not sliced.
const LEVELS: usize = 10;
/// A slice of fewer rows is only counted.
const FEWEST_MEASURED: usize = 10;
/// A slice of fewer rows is not warned about.
const FEWEST_WARNED: usize = 30;
/// So many times the error of all rows is much worse,
const MUCH_WORSE: f64 = 1.5;
/// when it is also this much, for metrics that end at 1.
const MUCH_WORSE_SHARE: f64 = 0.05;

/// The ranking metric on parts of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Slices {
    /// What is measured.
    pub metric: Metric,
    /// On all rows.
    pub overall: f64,
    /// The slices, feature by feature, the most important feature first.
    pub slices: Vec<Slice>,
}

/// The rows with one value of a feature, or a range of values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Slice {
    /// The feature.
    pub feature: String,
    /// Its values.
    pub values: String,
    /// How many rows have them.
    pub rows: u64,
    /// The metric on these rows; left out when they are too few or it is undefined on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// What to look into: these rows are predicted much worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

impl Slices {
    /// Measures slices by the features in `order`. O(features × rows log rows).
    ///
    /// # Errors
    /// Why there are none.
    pub(super) fn new(subject: &Subject, order: &[usize]) -> Result<Slices, String> {
        let rows = sample(subject.x.rows(), MOST_ROWS, subject.seed);
        let overall = score(subject, &rows)
            .ok_or_else(|| format!("{} is not defined on the rows held out", subject.metric.name()))?;
        let mut slices = Vec::new();
        for &feature in order.iter().take(FEATURES) {
            let column = subject.columns[feature];
            for (values, rows) in sliced(column, &rows, subject.rows) {
                let score = if rows.len() < FEWEST_MEASURED { None } else { score(subject, &rows) };
                let warning = score.filter(|_| rows.len() >= FEWEST_WARNED).and_then(|score| {
                    much_worse(subject.metric, score, overall).then(|| {
                        format!(
                            "{} is {} on these {} rows and {} on all: look at them, or add rows like them",
                            subject.metric.name(),
                            round(score),
                            rows.len(),
                            round(overall)
                        )
                    })
                });
                let (feature, rows) = (column.name.clone(), rows.len() as u64);
                slices.push(Slice { feature, values, rows, score: score.map(round), warning });
            }
        }
        if slices.is_empty() {
            return Err("no feature parts the rows into a few slices".into());
        }
        Ok(Slices { metric: subject.metric, overall, slices })
    }
}

fn score(subject: &Subject, rows: &[u32]) -> Option<f64> {
    let outputs = subject.y.outputs();
    let of = |row: &u32| &subject.predictions[*row as usize * outputs..][..outputs];
    let predictions: Vec<f64> = rows.iter().flat_map(of).copied().collect();
    subject.score(&subject.y.take(rows), &predictions).filter(|score| score.is_finite())
}

/// Whether a slice's error is much larger than that of all rows.
fn much_worse(metric: Metric, score: f64, overall: f64) -> bool {
    if metric.greater_is_better() {
        overall - score >= MUCH_WORSE_SHARE && 1.0 - score >= MUCH_WORSE * (1.0 - overall)
    } else {
        score > 0.0 && score >= MUCH_WORSE * overall
    }
}

/// The rows by level, or by quarter of the values; those without a value apart. None when a column does
/// not part them. `in_table` says where in the column a row is.
fn sliced(column: &Column, rows: &[u32], in_table: &[u32]) -> Vec<(String, Vec<u32>)> {
    let at = |row: u32| in_table[row as usize] as usize;
    let (missing, present): (Vec<u32>, Vec<u32>) =
        rows.iter().partition(|row| column.values.is_missing(at(**row)));
    let mut slices = match &column.values {
        Values::Strings { codes, levels } => {
            let code = |row: u32| Some(codes[at(row)]).filter(|code| *code != MISSING_CODE);
            let mut by_level: Vec<Vec<u32>> = vec![Vec::new(); levels.len()];
            for &row in &present {
                if let Some(code) = code(row) {
                    by_level[code as usize].push(row);
                }
            }
            let mut slices: Vec<(String, Vec<u32>)> =
                levels.iter().cloned().zip(by_level).filter(|(_, rows)| !rows.is_empty()).collect();
            slices.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(&b.0)));
            slices
        }
        Values::Boolean(values) => {
            let (yes, no): (Vec<u32>, Vec<u32>) = present.iter().partition(|row| values[at(**row)] == 1);
            vec![("false".into(), no), ("true".into(), yes)]
        }
        Values::Number(values) => by_value(present, &|row| values[at(row)], &tick),
        Values::Time(values) => by_value(present, &|row| values[at(row)] as f64, &|value| day(value as i64)),
    };
    slices.retain(|(_, rows)| !rows.is_empty());
    if !missing.is_empty() {
        slices.push(("missing".into(), missing));
    }
    if (2..=LEVELS + 1).contains(&slices.len()) { slices } else { Vec::new() }
}

/// The rows of each value when there are few, else of each quarter: equal values are never parted.
fn by_value(
    mut rows: Vec<u32>,
    value: &dyn Fn(u32) -> f64,
    name: &dyn Fn(f64) -> String,
) -> Vec<(String, Vec<u32>)> {
    rows.sort_by(|&a, &b| value(a).total_cmp(&value(b)));
    let groups: Vec<&[u32]> = rows.chunk_by(|&a, &b| value(a).total_cmp(&value(b)).is_eq()).collect();
    if groups.len() <= 4 {
        return groups.into_iter().map(|group| (name(value(group[0])), group.to_vec())).collect();
    }
    let mut quarters: Vec<Vec<u32>> = vec![Vec::new(); 4];
    let mut before = 0;
    for group in groups {
        // The quarter of the group's middle row.
        let quarter = (4 * (before + group.len() / 2) / rows.len()).min(3);
        quarters[quarter].extend_from_slice(group);
        before += group.len();
    }
    quarters.retain(|quarter| !quarter.is_empty());
    let named = |quarter: Vec<u32>| {
        let (lowest, highest) = (value(quarter[0]), value(quarter[quarter.len() - 1]));
        (format!("{} to {}", name(lowest), name(highest)), quarter)
    };
    quarters.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Kind;

    fn slices(kind: Kind, values: Values) -> Vec<(String, Vec<u32>)> {
        let rows: Vec<u32> = (0..values.len() as u32).collect();
        sliced(&Column { name: "x".into(), kind, values }, &rows, &rows)
    }

    #[test]
    fn numbers_are_quartered_and_what_is_missing_stands_apart() {
        let numbers = Values::Number(vec![8.0, 1.0, f64::NAN, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        let expected = [
            ("1 to 2", vec![1, 3]),
            ("3 to 4", vec![4, 5]),
            ("5 to 6", vec![6, 7]),
            ("7 to 8", vec![8, 0]),
            ("missing", vec![2]),
        ];
        assert_eq!(slices(Kind::Number, numbers), expected.map(|(name, rows)| (name.to_string(), rows)));
        // Most rows are alike: they stay together.
        let skewed =
            slices(Kind::Number, Values::Number([vec![0.0; 90], (1..=10).map(f64::from).collect()].concat()));
        assert_eq!(skewed.iter().map(|slice| slice.1.len()).collect::<Vec<_>>(), [90, 10]);
        assert!(slices(Kind::Number, Values::Number(vec![1.0; 5])).is_empty());
    }

    #[test]
    fn few_levels_are_slices_and_many_are_not() {
        let levels = |n: u32| Values::Strings {
            codes: (0..n).collect(),
            levels: (0..n).map(|l| l.to_string()).collect(),
        };
        assert_eq!(slices(Kind::Category, levels(10)).len(), 10);
        assert!(slices(Kind::Category, levels(12)).is_empty());
        assert_eq!(slices(Kind::Boolean, Values::Boolean(vec![0, 1, 255])).len(), 3);
    }

    #[test]
    fn much_worse_is_by_error() {
        assert!(much_worse(Metric::Auc, 0.7, 0.9) && !much_worse(Metric::Auc, 0.97, 0.99));
        assert!(much_worse(Metric::Rmse, 15.0, 10.0) && !much_worse(Metric::Rmse, 14.0, 10.0));
        assert!(!much_worse(Metric::Rmse, 0.0, 0.0));
    }
}
