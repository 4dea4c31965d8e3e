//! Signs that a trial's scores will flatter: features that know the target, and rows on both sides.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Trainer;
use crate::estimators::Target;
use crate::metrics::rank_auc;
use crate::preprocess::{Keys, mix};
use crate::table::{Column, Kind, MISSING_BOOLEAN, MISSING_CODE, MISSING_TIME, Values};

/// A feature that predicts better than this alone is too good.
const TOO_GOOD: f64 = 0.995;
/// So many rows are looked at, evenly spaced, and so many columns, the first.
const ROWS: usize = 20_000;
const COLUMNS: usize = 2_000;
/// So many classes, the first; each with so many rows inside and outside, since fewer are told apart by
/// chance.
const CLASSES: usize = 20;
const FEWEST: usize = 10;
/// In a table of more values than this no duplicate rows are looked for.
const CELLS: usize = 256 << 20;

/// Something to look at before a model is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// The feature, when it is about one.
    pub column: Option<String>,
    /// What is suspected.
    pub kind: WarningKind,
    /// Why, in words, and what to do about it.
    pub detail: String,
}

/// What can be suspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// A feature is the target under another name.
    TargetCopy,
    /// A feature alone predicts the target all but perfectly.
    Leakage,
    /// A feature names rows and does not describe them.
    Identifier,
    /// Rows of the test set are also learned from.
    DuplicateRows,
}

impl Trainer {
    /// What makes scores flatter: features that may know the target, and test rows that are learned from.
    /// Computed when first asked for, from at most 20,000 rows and 2,000 features for the former.
    pub fn warnings(&self) -> &[Warning] {
        self.warnings.get_or_init(|| {
            let columns = self.columns();
            let mut warnings: Vec<Warning> =
                columns.iter().take(COLUMNS).filter_map(|column| self.suspicion(column)).collect();
            warnings.extend(self.duplicates(&columns));
            warnings
        })
    }

    fn suspicion(&self, column: &Column) -> Option<Warning> {
        let warning =
            |kind, detail: String| Some(Warning { column: Some(column.name.clone()), kind, detail });
        if is_copy(column, &self.rows, &self.truth) {
            let detail = format!("it says the same as '{}' on every row: leave it out", self.plan.target);
            return warning(WarningKind::TargetCopy, detail);
        }
        let step = self.rows.len().div_ceil(ROWS).max(1);
        let places: Vec<u32> = (0..self.rows.len() as u32).step_by(step).collect();
        let rows: Vec<u32> = places.iter().map(|&place| self.rows[place as usize]).collect();
        let truth = self.truth.take(&places);
        if let Some((what, value)) = alone(column, &rows, &truth).filter(|(_, value)| *value > TOO_GOOD) {
            let detail = format!(
                "alone it predicts '{}' with {what} {value:.4}: make sure that it is known before the target is",
                self.plan.target
            );
            return warning(WarningKind::Leakage, detail);
        }
        identifies(column, &self.rows).and_then(|detail| warning(WarningKind::Identifier, detail.into()))
    }

    /// Test rows whose features are all those of a row that is learned from.
    fn duplicates(&self, columns: &[&Column]) -> Option<Warning> {
        if self.split.test.is_empty() || columns.len().saturating_mul(self.rows.len()) > CELLS {
            return None;
        }
        let mut hashes = vec![0u64; self.rows.len()];
        for column in columns {
            let keys = Keys::new(&column.values);
            for (hash, &row) in hashes.iter_mut().zip(&self.rows) {
                *hash = mix(*hash, keys.key(row));
            }
        }
        let mut learned: Vec<u64> = self.split.rest().iter().map(|&row| hashes[row as usize]).collect();
        learned.sort_unstable();
        let test = &self.split.test;
        let known = test.iter().filter(|&&row| learned.binary_search(&hashes[row as usize]).is_ok()).count();
        (known > 0).then(|| Warning {
            column: None,
            kind: WarningKind::DuplicateRows,
            detail: format!(
                "{known} of the {} test rows have the same features as a row that is learned from: drop \
                 duplicate rows, or name the column in 'group' that says which rows belong together",
                test.len()
            ),
        })
    }
}

/// Whether a column's values stand for the target's one to one, or are its numbers.
fn is_copy(column: &Column, rows: &[u32], truth: &Target) -> bool {
    match (truth, &column.values) {
        (Target::Numbers(truth), Values::Number(values)) => {
            rows.iter().zip(truth).all(|(row, truth)| values[*row as usize].total_cmp(truth).is_eq())
        }
        (Target::Numbers(_), _) => false,
        (Target::Classes { codes, count }, values) => {
            let keys = Keys::new(values);
            let mut class_of: BTreeMap<u64, u32> = BTreeMap::new();
            for (&row, &code) in rows.iter().zip(codes) {
                if class_of.len() > *count || *class_of.entry(keys.key(row)).or_insert(code) != code {
                    return false;
                }
            }
            class_of.len() == *count
        }
    }
}

/// How well a column alone predicts: the AUC, for many classes its mean of each against the rest, or the
/// share of variance explained. `None` when there is too little to say.
fn alone(column: &Column, rows: &[u32], truth: &Target) -> Option<(&'static str, f64)> {
    match truth {
        Target::Numbers(truth) => Some(("R²", explained(column, rows, truth)?)),
        Target::Classes { codes, count } => {
            let classes = if *count == 2 { 1..2 } else { 0..(*count).min(CLASSES) };
            let mut sum = 0.0;
            let mut measured = 0usize;
            for class in classes {
                let is: Vec<bool> = codes.iter().map(|code| *code as usize == class).collect();
                let inside = is.iter().filter(|is| **is).count();
                if inside < FEWEST || is.len() - inside < FEWEST {
                    continue;
                }
                let truth: Vec<f64> = is.iter().map(|is| f64::from(u8::from(*is))).collect();
                let values = numbers(column, rows, &truth)?;
                // Missing values come first or last, whichever says more.
                let auc = |missing: f64| {
                    let value = |value: f64| if value.is_nan() { missing } else { value };
                    rank_auc(values.iter().map(|v| value(*v)).zip(is.iter().copied()).collect())
                };
                let best = |auc: f64| auc.max(1.0 - auc);
                let (low, high) = (auc(f64::NEG_INFINITY)?, auc(f64::INFINITY)?);
                sum += best(low).max(best(high));
                measured += 1;
            }
            (measured > 0).then(|| ("an AUC of", sum / measured as f64))
        }
    }
}

/// The square of the correlation of values or of their ranks, whichever is larger.
fn explained(column: &Column, rows: &[u32], truth: &[f64]) -> Option<f64> {
    let pairs: Vec<(f64, f64)> = numbers(column, rows, truth)?
        .into_iter()
        .zip(truth.iter().copied())
        .filter(|(value, _)| value.is_finite())
        .collect();
    if pairs.len() < FEWEST.max(truth.len() / 2) {
        return None;
    }
    let (values, truth): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let plain = correlation(&values, &truth).unwrap_or(0.0);
    let ranked = correlation(&ranks(&values), &ranks(&truth)).unwrap_or(0.0);
    Some((plain * plain).max(ranked * ranked))
}

fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let largest = |values: &[f64]| values.iter().fold(0.0f64, |most, value| most.max(value.abs()));
    let (of_a, of_b, n) = (largest(a), largest(b), a.len() as f64);
    let mean = |values: &[f64], largest: f64| values.iter().map(|value| value / largest).sum::<f64>() / n;
    let (mean_a, mean_b) = (mean(a, of_a), mean(b, of_b));
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (x / of_a - mean_a, y / of_b - mean_b);
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    let correlation = ab / (aa * bb).sqrt();
    correlation.is_finite().then_some(correlation)
}

/// The mean place of each value among all.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for ties in order.chunk_by(|a, b| values[*a].total_cmp(&values[*b]).is_eq()) {
        let middle = start as f64 + (ties.len() - 1) as f64 / 2.0;
        for &place in ties {
            ranks[place] = middle;
        }
        start += ties.len();
    }
    ranks
}

/// The column as numbers that may be ordered, NaN where missing: of a category the mean truth of its level
/// in the other half of the rows, so that no row sees its own. `None` of text.
fn numbers(column: &Column, rows: &[u32], truth: &[f64]) -> Option<Vec<f64>> {
    let values = rows.iter().map(|&row| row as usize);
    Some(match &column.values {
        Values::Number(numbers) => {
            let finite = |value: f64| if value.is_finite() { value } else { f64::NAN };
            values.map(|row| finite(numbers[row])).collect()
        }
        Values::Boolean(flags) => values
            .map(|row| if flags[row] == MISSING_BOOLEAN { f64::NAN } else { f64::from(flags[row]) })
            .collect(),
        Values::Time(times) => {
            values.map(|row| if times[row] == MISSING_TIME { f64::NAN } else { times[row] as f64 }).collect()
        }
        Values::Strings { .. } if column.kind != Kind::Category => return None,
        Values::Strings { codes, levels } => {
            // Missing is the last level.
            let level =
                |row: usize| if codes[row] == MISSING_CODE { levels.len() } else { codes[row] as usize };
            // Two halves at random: every other row may be of another kind.
            let half = |place: usize| (mix(0, place as u64) % 2) as usize;
            let mut sums = vec![[(0.0, 0.0); 2]; levels.len() + 1];
            for (place, row) in values.clone().enumerate() {
                let (sum, n) = &mut sums[level(row)][half(place)];
                *sum += truth[place];
                *n += 1.0;
            }
            let overall = truth.iter().sum::<f64>() / truth.len().max(1) as f64;
            let mean = |(sum, n): (f64, f64)| if n > 0.0 { sum / n } else { overall };
            values.enumerate().map(|(place, row)| mean(sums[level(row)][1 - half(place)])).collect()
        }
    })
}

/// Why a column that is learned from looks like an identifier.
fn identifies(column: &Column, rows: &[u32]) -> Option<&'static str> {
    if rows.len() < 2 * FEWEST {
        return None;
    }
    match (&column.values, column.kind) {
        (Values::Strings { codes, levels }, Kind::Category) => {
            let mut seen = vec![false; levels.len()];
            for &row in rows.iter().filter(|&&row| codes[row as usize] != MISSING_CODE) {
                seen[codes[row as usize] as usize] = true;
            }
            let distinct = seen.iter().filter(|seen| **seen).count();
            (distinct > rows.len() / 2)
                .then_some("most rows have a level of their own, which new rows will not have: leave it out")
        }
        (Values::Number(values), Kind::Integer) => {
            let mut numbers = rows.iter().map(|&row| values[row as usize]).collect::<Vec<_>>();
            if numbers.windows(2).all(|pair| pair[0] < pair[1]) {
                return Some(
                    "it grows with every row, like a counter: leave it out, or name it in 'time' when it \
                     is one",
                );
            }
            let name = column.name.to_lowercase();
            let named = name == "id" || ["_id", " id", "-id", ".id"].iter().any(|end| name.ends_with(end));
            numbers.sort_unstable_by(f64::total_cmp);
            numbers.dedup();
            (named && numbers.len() > rows.len() / 2)
                .then_some("it is named like a key, and most rows have one of their own: leave it out")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
