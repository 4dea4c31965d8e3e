//! Columns that tell nothing on the training rows, or nothing that another does not tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::table::{Column, MISSING_CODE, Values};

/// With fewer training rows every column is kept: that they look alike is chance.
const FEWEST_ROWS: usize = 20;
/// A column is as good as constant when fewer than two rows, or than one in so many, have another value
/// than the most frequent one.
const RAREST_SHARE: usize = 10_000;

/// Why a column is not learned from. The order of variants is part of the artifact's format: add at
/// the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Reason {
    /// It has the same value on all training rows but so many.
    Constant(u64),
    /// It is the same as the column of this index on every training row.
    Duplicate(u32),
    /// It says less about the target than those that were kept.
    Unselected,
}

/// Why each column is dropped, if it is. Missing is a value like others; some column is always kept.
/// O(rows) a column, and a further pass for each pair that hashes alike.
pub(super) fn find(columns: &[&Column], rows: &[u32]) -> Vec<Option<Reason>> {
    let mut reasons = vec![None; columns.len()];
    if rows.len() < FEWEST_ROWS {
        return reasons;
    }
    let enough = (rows.len() / RAREST_SHARE).max(2);
    let mut alike: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, column) in columns.iter().enumerate() {
        let keys = Keys::new(&column.values);
        let others = keys.others(rows);
        if others < enough {
            reasons[at] = Some(Reason::Constant(others as u64));
            continue;
        }
        let same = alike.entry(keys.fingerprint(rows)).or_default();
        let first = same.iter().find(|first| equal(columns[**first], column, rows));
        if let Some(first) = first {
            reasons[at] = Some(Reason::Duplicate(*first as u32));
        } else {
            same.push(at);
        }
    }
    if reasons.iter().all(Option::is_some) {
        return vec![None; columns.len()];
    }
    reasons
}

/// A column's values as numbers that are equal when the values are, and for strings almost never
/// otherwise.
pub(crate) struct Keys<'a> {
    values: &'a Values,
    of_level: Vec<u64>,
}

impl Keys<'_> {
    pub(crate) fn new(values: &Values) -> Keys<'_> {
        let of_level = match values {
            Values::Strings { levels, .. } => levels.iter().map(|level| hash_of(level.as_bytes())).collect(),
            _ => Vec::new(),
        };
        Keys { values, of_level }
    }

    pub(crate) fn key(&self, row: u32) -> u64 {
        let row = row as usize;
        match self.values {
            // Infinities count as missing, and −0 is 0.
            Values::Number(values) if values[row].is_finite() => (values[row] + 0.0).to_bits(),
            Values::Number(_) => u64::MAX,
            Values::Boolean(values) => u64::from(values[row]),
            Values::Time(values) => values[row] as u64,
            Values::Strings { codes, .. } if codes[row] == MISSING_CODE => u64::MAX,
            Values::Strings { codes, .. } => self.of_level[codes[row] as usize],
        }
    }

    /// Rows with another value than the one that a vote finds (R. S. Boyer, J. S. Moore, 1981), which is
    /// the most frequent one when more than half of the rows have it.
    fn others(&self, rows: &[u32]) -> usize {
        let (mut candidate, mut lead) = (0, 0usize);
        for &row in rows {
            let key = self.key(row);
            if lead == 0 {
                candidate = key;
            }
            lead = if key == candidate { lead + 1 } else { lead - 1 };
        }
        rows.iter().filter(|&&row| self.key(row) != candidate).count()
    }

    fn fingerprint(&self, rows: &[u32]) -> u64 {
        rows.iter().fold(0, |hash, &row| mix(hash, self.key(row)))
    }
}

/// One more value into a hash: the finaliser of `SplitMix64` (G. L. Steele et al., 2014).
pub(crate) fn mix(hash: u64, key: u64) -> u64 {
    let mut z = (hash ^ key).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn hash_of(bytes: &[u8]) -> u64 {
    let whole = bytes.chunks(8).fold(bytes.len() as u64, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mix(hash, u64::from_le_bytes(word))
    });
    // The largest is for what is missing.
    whole.min(u64::MAX - 1)
}

/// Whether two columns mean the same and are the same on every row.
fn equal(a: &Column, b: &Column, rows: &[u32]) -> bool {
    if a.kind != b.kind {
        return false;
    }
    match (&a.values, &b.values) {
        (Values::Strings { codes: a, levels: of_a }, Values::Strings { codes: b, levels: of_b }) => {
            rows.iter().all(|&row| match (a[row as usize], b[row as usize]) {
                (MISSING_CODE, b) => b == MISSING_CODE,
                (_, MISSING_CODE) => false,
                (a, b) => of_a[a as usize] == of_b[b as usize],
            })
        }
        (a @ Values::Number(_), b @ Values::Number(_))
        | (a @ Values::Boolean(_), b @ Values::Boolean(_))
        | (a @ Values::Time(_), b @ Values::Time(_)) => {
            let (a, b) = (Keys::new(a), Keys::new(b));
            rows.iter().all(|&row| a.key(row) == b.key(row))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Kind;

    fn numbers(values: impl Iterator<Item = f64>) -> Column {
        Column { name: "x".into(), kind: Kind::Number, values: Values::Number(values.collect()) }
    }

    fn words(rows: u32, first: &str, second: &str) -> Column {
        let levels = vec![first.to_string(), second.to_string()];
        let codes = (0..rows).map(|row| if row % 5 == 4 { MISSING_CODE } else { row % 2 }).collect();
        Column { name: "w".into(), kind: Kind::Category, values: Values::Strings { codes, levels } }
    }

    #[test]
    fn constants_and_duplicates_are_found_on_the_training_rows() {
        let some = numbers((0..40).map(f64::from));
        let same = numbers((0..40).map(|i| if i < 30 { f64::from(i) } else { 0.0 }));
        let single = numbers((0..40).map(|i| f64::from(u8::from(i == 3))));
        let empty = numbers((0..40).map(|i| if i < 30 { f64::NAN } else { 1.0 }));
        let (a, b, c) = (words(40, "a", "b"), words(40, "a", "b"), words(40, "b", "a"));
        let columns = [&some, &same, &single, &empty, &a, &b, &c];
        let rows: Vec<u32> = (0..30).collect();
        let (constant, duplicate) = (|n| Some(Reason::Constant(n)), |of| Some(Reason::Duplicate(of)));
        assert_eq!(
            find(&columns, &rows),
            [None, duplicate(0), constant(1), constant(0), None, duplicate(4), None]
        );
        let all: Vec<u32> = (0..40).collect();
        assert_eq!(find(&columns, &all), [None, None, constant(1), None, None, duplicate(4), None]);
        assert_eq!(find(&columns, &rows[..10]), vec![None; 7]);
        assert_eq!(find(&[&single, &empty], &rows), [None, None]);
    }
}
