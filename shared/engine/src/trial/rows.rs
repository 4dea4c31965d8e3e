//! The rows that a plan learns from, and how they are split.

use crate::classes::{Classes, present, truth};
use crate::estimators::Target;
use crate::plan::Plan;
use crate::split::{Layout, Split, sample};
use crate::table::{Column, MISSING_TIME, Table, Values};

/// The rows of the table that are learned from, with all that is known of each.
pub(super) struct Learned {
    pub(super) rows: Vec<u32>,
    pub(super) truth: Target,
    pub(super) classes: Classes,
    /// Finite and not negative.
    pub(super) weights: Option<Vec<f64>>,
}

impl Learned {
    /// The rows with a target, and with a time when they are ordered by it; a sample of them when the
    /// plan says so.
    pub(super) fn new(table: &Table, plan: &Plan) -> Result<Learned, String> {
        let target = named(table, &plan.target)?;
        let mut rows = present(target);
        if let Some(time) = &plan.time {
            let time = named(table, time)?;
            let times = times(time, &rows)?;
            rows = rows
                .into_iter()
                .zip(times)
                .filter(|(_, time)| time.is_finite())
                .map(|(row, _)| row)
                .collect();
        }
        let (mut truth, classes) = truth(target, &rows, plan.task.is_classification())?;
        if let Some(size) = plan.sample {
            let some = sample(&truth, usize::try_from(size).unwrap_or(usize::MAX), plan.seed);
            truth = truth.take(&some);
            rows = some.into_iter().map(|place| rows[place as usize]).collect();
        }
        let weights = match &plan.weight {
            Some(weight) => Some(weights(named(table, weight)?, &rows)?),
            None => None,
        };
        Ok(Learned { rows, truth, classes, weights })
    }
}

/// As the plan says: by time, by group or at random.
pub(super) fn split(table: &Table, plan: &Plan, rows: &[u32], truth: &Target) -> Result<Split, String> {
    let layout = Layout {
        folds: plan.folds as usize,
        repeats: plan.repeats as usize,
        test_fraction: plan.test_fraction,
        seed: plan.seed,
    };
    if let Some(time) = &plan.time {
        if plan.repeats > 1 || plan.group.is_some() {
            return Err("rows that are split by time have no repeats and no groups".into());
        }
        let times = times(named(table, time)?, rows)?;
        return Split::timed(&times, layout.folds, layout.test_fraction)
            .map_err(|error| format!("the rows cannot be split by '{time}': {error}; ask for fewer folds"));
    }
    match &plan.group {
        Some(group) => Split::grouped(truth, &groups(named(table, group)?, rows), &layout)
            .map_err(|error| format!("the rows cannot be split by '{group}': {error}; ask for fewer folds")),
        None => Ok(Split::random(truth, &layout)),
    }
}

fn named<'a>(table: &'a Table, name: &str) -> Result<&'a Column, String> {
    table.column(name).ok_or_else(|| format!("the table has no column '{name}'"))
}

/// Numbers in the order of time; not finite where it is missing.
fn times(column: &Column, rows: &[u32]) -> Result<Vec<f64>, String> {
    match &column.values {
        Values::Number(values) => Ok(rows.iter().map(|&row| values[row as usize]).collect()),
        Values::Time(values) => {
            let time = |value: i64| if value == MISSING_TIME { f64::NAN } else { value as f64 };
            Ok(rows.iter().map(|&row| time(values[row as usize])).collect())
        }
        _ => Err(format!("'{}' is no time: choose a date or a number", column.name)),
    }
}

/// A code for each row's group; rows without one are a group together.
fn groups(column: &Column, rows: &[u32]) -> Vec<u32> {
    // Ranks of the distinct values: equal values have equal codes, whatever the type.
    let ranks = |keys: Vec<u64>| -> Vec<u32> {
        let mut distinct = keys.clone();
        distinct.sort_unstable();
        distinct.dedup();
        keys.iter().map(|key| distinct.partition_point(|other| other < key) as u32).collect()
    };
    match &column.values {
        Values::Strings { codes, .. } => rows.iter().map(|&row| codes[row as usize]).collect(),
        Values::Boolean(values) => rows.iter().map(|&row| u32::from(values[row as usize])).collect(),
        Values::Time(values) => ranks(rows.iter().map(|&row| values[row as usize] as u64).collect()),
        Values::Number(values) => {
            // Infinities count as missing, and −0 is 0.
            let key = |value: f64| if value.is_finite() { (value + 0.0).to_bits() } else { u64::MAX };
            ranks(rows.iter().map(|&row| key(values[row as usize])).collect())
        }
    }
}

fn weights(column: &Column, rows: &[u32]) -> Result<Vec<f64>, String> {
    let Values::Number(values) = &column.values else {
        return Err(format!("'{}' is no number, and cannot weigh rows", column.name));
    };
    let weights: Vec<f64> = rows.iter().map(|&row| values[row as usize]).collect();
    let wrong = rows.iter().zip(&weights).find(|(_, weight)| !weight.is_finite() || **weight < 0.0);
    let Some((row, weight)) = wrong else { return Ok(weights) };
    let what = if weight.is_nan() {
        "missing".into()
    } else if weight.is_infinite() {
        "infinite".into()
    } else {
        format!("{weight}")
    };
    Err(format!(
        "the weight '{}' of row {} is {what}: give every row a weight of 0 or more",
        column.name,
        u64::from(*row) + 1
    ))
}
