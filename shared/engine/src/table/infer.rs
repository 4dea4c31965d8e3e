//! From values as they are read to typed columns: every row of a column decides its kind.
//!
//! A column is first taken for numbers, which costs eight bytes a value; strings are kept once each.
//! A column that turns out to hold both has to be read a second time as strings ([`Draft::finish`]
//! says so), which is rare and cheaper than keeping the text of every number.

use std::collections::{HashMap, HashSet};

use super::{
    Column, Kind, MISSING_BOOLEAN, MISSING_CODE, MISSING_TIME, Values,
    literal::{self, Decimal, Literal},
    times::{self, Times},
};

/// Fewer rows than this do not tell a key from a column that happens not to repeat.
const KEY_ROWS: usize = 20;
/// The share of distinct values from which strings are keys.
const KEY_DISTINCT: f64 = 0.95;
/// Fewer distinct strings than this are levels, however long.
const TEXT_LEVELS: usize = 10;
/// The share of distinct values above which long strings are text.
const TEXT_DISTINCT: f64 = 0.5;

/// What the format itself says about types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nothing: everything is text.
    Csv,
    /// Numbers, booleans and strings; times are strings.
    Json,
    /// Everything.
    Parquet,
}

/// Strings as they come, each distinct one kept once.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    codes: Vec<u32>,
    index: HashMap<Box<str>, u32>,
    bytes: u64,
}

impl Interner {
    /// With `rows` missing values to begin with.
    pub(crate) fn after_missing(rows: usize) -> Self {
        Self { codes: vec![MISSING_CODE; rows], ..Self::default() }
    }

    /// Adds a row. White space around a value is no part of it, and nothing else is no value.
    pub(crate) fn push(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() { self.push_missing() } else { self.push_exact(text) }
    }

    /// Adds a row with just that text.
    pub(crate) fn push_exact(&mut self, text: &str) {
        let code = if let Some(&code) = self.index.get(text) {
            code
        } else {
            // Readers keep the number of rows, and so of levels, below u32::MAX.
            let code = self.index.len() as u32;
            self.bytes += text.len() as u64;
            self.index.insert(text.into(), code);
            code
        };
        self.codes.push(code);
    }

    /// Adds a row without a value.
    pub(crate) fn push_missing(&mut self) {
        self.codes.push(MISSING_CODE);
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.codes.len()
    }

    /// The length of all distinct strings together.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Codes, and levels in the order of their first row.
    pub(crate) fn finish(self) -> (Vec<u32>, Vec<String>) {
        let mut levels = vec![String::new(); self.index.len()];
        for (level, code) in self.index {
            levels[code as usize] = level.into();
        }
        (self.codes, levels)
    }
}

/// A column while its rows come in.
#[derive(Debug)]
pub(crate) enum Draft {
    /// Only missing values so far, that many.
    Blank(usize),
    /// Numbers, with what all of their literals have in common.
    Numbers(Numbers),
    /// Booleans of a format that has them.
    Booleans(Vec<u8>),
    /// Strings.
    Strings(Interner),
    /// More than one of these.
    Mixed,
}

/// Numbers, and how they were written.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    values: Vec<f64>,
    /// Literals, so without missing values.
    written: usize,
    /// Those without a fraction.
    whole: usize,
    /// Those with a decimal comma.
    commas: usize,
    /// Whether one without a fraction has lost digits.
    inexact: bool,
}

impl Draft {
    /// A row without a value.
    pub(crate) fn push_missing(&mut self) {
        match self {
            Draft::Blank(rows) => *rows += 1,
            Draft::Numbers(numbers) => numbers.values.push(f64::NAN),
            Draft::Booleans(values) => values.push(MISSING_BOOLEAN),
            Draft::Strings(strings) => strings.push_missing(),
            Draft::Mixed => {}
        }
    }

    /// A cell of a file where everything is text.
    pub(crate) fn push_cell(&mut self, cell: &str, decimal: Decimal) {
        let cell = cell.trim();
        if literal::is_missing(cell) {
            return self.push_missing();
        }
        match self {
            Draft::Strings(strings) => strings.push(cell),
            Draft::Mixed => {}
            _ => match literal::number(cell, decimal) {
                Some(literal) => self.push_number(literal),
                None => self.push_string(cell),
            },
        }
    }

    /// A number.
    pub(crate) fn push_number(&mut self, literal: Literal) {
        if let Draft::Blank(rows) = *self {
            *self = Draft::Numbers(Numbers { values: vec![f64::NAN; rows], ..Numbers::default() });
        }
        match self {
            // Zeros in front belong to a code, a postal one say: text, or they would be lost.
            Draft::Numbers(numbers) if !literal.padded => {
                numbers.values.push(literal.value);
                numbers.written += 1;
                numbers.whole += usize::from(literal.whole);
                numbers.commas += usize::from(literal.comma);
                numbers.inexact |= literal.whole && literal.value.abs() >= literal::EXACT;
            }
            _ => *self = Draft::Mixed,
        }
    }

    /// A boolean.
    pub(crate) fn push_boolean(&mut self, value: bool) {
        if let Draft::Blank(rows) = *self {
            *self = Draft::Booleans(vec![MISSING_BOOLEAN; rows]);
        }
        match self {
            Draft::Booleans(values) => values.push(u8::from(value)),
            _ => *self = Draft::Mixed,
        }
    }

    /// A string that is not a number.
    pub(crate) fn push_string(&mut self, text: &str) {
        if text.trim().is_empty() {
            return self.push_missing();
        }
        if let Draft::Blank(rows) = *self {
            *self = Draft::Strings(Interner::after_missing(rows));
        }
        match self {
            Draft::Strings(strings) => strings.push(text),
            _ => *self = Draft::Mixed,
        }
    }

    /// The typed column; None when it has to be read again as strings: types are mixed, decimal
    /// points and commas are, or whole numbers would lose digits.
    pub(crate) fn finish(self, name: &str, source: Source) -> Option<Column> {
        match self {
            Draft::Blank(rows) => Some(strings_column(name, Interner::after_missing(rows), source)),
            Draft::Numbers(numbers) => {
                let fractions = numbers.written - numbers.whole;
                let both_signs = numbers.commas > 0 && fractions > numbers.commas;
                let text = both_signs || (fractions == 0 && numbers.inexact);
                (!text).then(|| numbers_column(name, numbers.values, fractions == 0))
            }
            Draft::Booleans(values) => {
                Some(Column { name: name.to_owned(), kind: Kind::Boolean, values: Values::Boolean(values) })
            }
            Draft::Strings(strings) => Some(strings_column(name, strings, source)),
            Draft::Mixed => None,
        }
    }
}

/// A column of numbers, missing ones NaN; `whole` when all were written without a fraction.
pub(crate) fn numbers_column(name: &str, values: Vec<f64>, whole: bool) -> Column {
    let name = name.to_owned();
    if whole && (counts_rows(&values) || (named_like_key(&name) && all_distinct(&values))) {
        let mut strings = Interner::default();
        for value in values {
            if value.is_nan() {
                strings.push_missing();
            } else {
                strings.push(&(value as i64).to_string());
            }
        }
        let (codes, levels) = strings.finish();
        return Column { name, kind: Kind::Identifier, values: Values::Strings { codes, levels } };
    }
    let kind = if whole { Kind::Integer } else { Kind::Number };
    Column { name, kind, values: Values::Number(values) }
}

/// A column of strings, which may be the text of booleans or times where the source does not tell.
pub(crate) fn strings_column(name: &str, strings: Interner, source: Source) -> Column {
    let (codes, levels) = strings.finish();
    let name = name.to_owned();
    if source == Source::Csv
        && let Some(words) = booleans(&levels)
    {
        let values = decode(&codes, &words, MISSING_BOOLEAN);
        return Column { name, kind: Kind::Boolean, values: Values::Boolean(values) };
    }
    if source != Source::Parquet
        && let Times::Known(times) = times::parse_column(&levels)
    {
        let values = decode(&codes, &times, MISSING_TIME);
        return Column { name, kind: Kind::Datetime, values: Values::Time(values) };
    }
    let kind = strings_kind(&codes, &levels);
    Column { name, kind, values: Values::Strings { codes, levels } }
}

fn decode<T: Copy>(codes: &[u32], values: &[T], missing: T) -> Vec<T> {
    codes.iter().map(|&code| if code == MISSING_CODE { missing } else { values[code as usize] }).collect()
}

/// The levels as 0 and 1, when all are `true` or `false`.
fn booleans(levels: &[String]) -> Option<Vec<u8>> {
    let values = levels.iter().map(|level| literal::boolean(level).map(u8::from));
    if levels.is_empty() { None } else { values.collect() }
}

fn strings_kind(codes: &[u32], levels: &[String]) -> Kind {
    let present = codes.iter().filter(|&&code| code != MISSING_CODE).count();
    let distinct = levels.len() as f64 / (present.max(1)) as f64;
    if distinct > TEXT_DISTINCT && levels.len() >= TEXT_LEVELS && is_prose(levels) {
        Kind::Text
    } else if distinct >= KEY_DISTINCT && present >= KEY_ROWS {
        Kind::Identifier
    } else {
        Kind::Category
    }
}

/// Whether the strings are written in words: over four of them on average, or long ones of several.
/// A hash or an address is long too, but has no spaces.
fn is_prose(levels: &[String]) -> bool {
    let mean = |total: usize| total as f64 / levels.len() as f64;
    let words = mean(levels.iter().map(|level| level.split_whitespace().count()).sum());
    words > 4.0 || (words > 1.5 && mean(levels.iter().map(|level| level.chars().count()).sum()) > 30.0)
}

/// Whether the values are 0, 1, 2, … or 1, 2, 3, … in the order of the rows.
#[allow(clippy::float_cmp, reason = "small whole numbers are exact")]
fn counts_rows(values: &[f64]) -> bool {
    values.len() >= KEY_ROWS
        && (values[0] == 0.0 || values[0] == 1.0)
        && values.windows(2).all(|pair| pair[1] - pair[0] == 1.0)
}

fn all_distinct(values: &[f64]) -> bool {
    let mut seen = HashSet::with_capacity(values.len());
    values.iter().filter(|value| !value.is_nan()).all(|value| seen.insert(value.to_bits())) && seen.len() > 1
}

/// Whether a column is called what keys are called.
fn named_like_key(name: &str) -> bool {
    let lower = name.to_lowercase();
    let camel = name
        .strip_suffix("Id")
        .or_else(|| name.strip_suffix("ID"))
        .is_some_and(|stem| stem.ends_with(|c: char| c.is_lowercase()));
    matches!(lower.as_str(), "id" | "uuid" | "guid" | "key" | "index" | "rowid" | "rownames")
        || ["_id", "-id", " id", ".id"].iter().any(|end| lower.ends_with(end))
        || ["unnamed: ", "__index_level_"].iter().any(|start| lower.starts_with(start))
        || camel
}

/// Why the column is no feature, or not what it looks like; None where there is nothing to say.
pub(crate) fn reason(column: &Column) -> Option<String> {
    let Values::Strings { codes, levels } = &column.values else { return None };
    match column.kind {
        Kind::Identifier => {
            let present = codes.iter().filter(|&&code| code != MISSING_CODE).count();
            let whole = |level: &String| level.parse::<i64>().ok().filter(|n| n.to_string() == *level);
            let numbers: Option<Vec<f64>> =
                levels.iter().map(|level| whole(level).map(|value| value as f64)).collect();
            Some(match numbers {
                Some(numbers) if numbers.len() == codes.len() && counts_rows(&numbers) => {
                    "it counts the rows".to_owned()
                }
                Some(numbers) if numbers.iter().any(|value| value.abs() >= literal::EXACT) => {
                    "whole numbers too large to calculate with, (almost) all distinct".to_owned()
                }
                Some(_) if named_like_key(&column.name) => {
                    "whole numbers that never repeat, under the name of a key".to_owned()
                }
                _ => format!("{} distinct strings on {present} rows", levels.len()),
            })
        }
        Kind::Category if matches!(times::parse_column(levels), Times::Ambiguous) => Some(
            "looks like dates, but day and month can not be told apart: write them as YYYY-MM-DD".to_owned(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, cells: impl IntoIterator<Item = impl AsRef<str>>) -> Column {
        let mut draft = Draft::Blank(0);
        let mut strings = Interner::default();
        for cell in cells {
            draft.push_cell(cell.as_ref(), Decimal::CommaToo);
            if literal::is_missing(cell.as_ref().trim()) {
                strings.push_missing();
            } else {
                strings.push(cell.as_ref());
            }
        }
        draft.finish(name, Source::Csv).unwrap_or_else(|| strings_column(name, strings, Source::Csv))
    }

    fn kind(cells: &[&str]) -> Kind {
        column("x", cells).kind
    }

    #[test]
    fn kinds_of_cells() {
        assert_eq!(kind(&["1", "", "3"]), Kind::Integer);
        assert_eq!(kind(&["1", "2.0"]), Kind::Number);
        assert_eq!(kind(&["1,5", "2"]), Kind::Number);
        assert_eq!(kind(&["1,5", "2.5"]), Kind::Category);
        assert_eq!(kind(&["inf", "2"]), Kind::Number);
        assert_eq!(kind(&["0", "1"]), Kind::Integer);
        assert_eq!(kind(&["True", "false", "NA"]), Kind::Boolean);
        assert_eq!(kind(&["Yes", "no", "NA"]), Kind::Category);
        assert_eq!(kind(&["yes", "true"]), Kind::Category);
        assert_eq!(kind(&["2024-01-01", "2024-01-02 10:00"]), Kind::Datetime);
        assert_eq!(kind(&["1", "x"]), Kind::Category);
        assert_eq!(kind(&["x", "1"]), Kind::Category);
        assert_eq!(kind(&["", "NA", "?"]), Kind::Category);
        assert_eq!(kind(&["02134", "10001"]), Kind::Category);
    }

    #[test]
    fn a_late_string_turns_numbers_into_text_as_written() {
        let column = column("x", ["1.50", "", "b", "1.50"]);
        assert_eq!(
            column.values,
            Values::Strings { codes: vec![0, MISSING_CODE, 1, 0], levels: vec!["1.50".into(), "b".into()] }
        );
    }

    #[test]
    fn large_whole_numbers_keep_their_digits() {
        let column = column("x", ["9007199254740993", "1"]);
        let Values::Strings { levels, .. } = &column.values else { panic!("{column:?}") };
        assert_eq!(levels[0], "9007199254740993");
        assert_eq!(kind(&["9007199254740991"]), Kind::Integer);
        assert_eq!(kind(&["9007199254740993", "0.5"]), Kind::Number);
    }

    #[test]
    fn keys_and_measures() {
        let count: Vec<String> = (1..=25).map(|i| i.to_string()).collect();
        assert_eq!(column("x", &count).kind, Kind::Identifier);
        assert_eq!(reason(&column("x", &count)).as_deref(), Some("it counts the rows"));
        assert_eq!(column("x", &count[..19]).kind, Kind::Integer);
        assert_eq!(column("x", &count[1..]).kind, Kind::Integer);

        let keys: Vec<String> = (1..=25).map(|i| (i * i).to_string()).collect();
        for name in ["id", "ID", "user_id", "passengerId", "PassengerId", "Unnamed: 0", "index"] {
            assert_eq!(column(name, &keys).kind, Kind::Identifier, "{name}");
        }
        for name in ["paid", "area", "humidity", "grid"] {
            assert_eq!(column(name, &keys).kind, Kind::Integer, "{name}");
        }
        assert_eq!(column("id", ["1", "1", "2"]).kind, Kind::Integer);

        let measures: Vec<String> = (1..=25).map(|i| format!("{i}.5")).collect();
        assert_eq!(column("id", &measures).kind, Kind::Number);

        let large: Vec<String> = (0..25).map(|i| format!("90071992547409930{i:02}")).collect();
        assert_eq!(column("x", &large).kind, Kind::Identifier);
        assert!(reason(&column("x", &large)).is_some_and(|note| note.contains("too large")));
    }

    #[test]
    fn strings_that_repeat_are_categories_and_others_keys_or_text() {
        let hashes: Vec<String> = (0..30).map(|i| format!("{:040x}", i * 7919)).collect();
        assert_eq!(column("x", &hashes).kind, Kind::Identifier);
        assert_eq!(column("x", &hashes[..19]).kind, Kind::Category);
        let prose: Vec<String> = (0..30).map(|i| format!("the parcel number {i} came late")).collect();
        assert_eq!(column("x", &prose).kind, Kind::Text);
        let repeated = prose.iter().cycle().take(90);
        assert_eq!(column("x", repeated).kind, Kind::Category);
    }

    #[test]
    fn ambiguous_dates_are_said() {
        let column = column("x", ["01/02/2024", "03/04/2024"]);
        assert_eq!(column.kind, Kind::Category);
        assert!(reason(&column).is_some_and(|note| note.contains("YYYY-MM-DD")));
    }
}
