//! How a file of separated values is written: its delimiter, and whether it has a header.

use csv::{ReaderBuilder, StringRecord};

use crate::table::{
    literal::{self, Decimal},
    times::{self, Times},
};

/// Candidates, the likelier first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// As many records and bytes decide.
const SAMPLE_RECORDS: usize = 50;
const SAMPLE_BYTES: usize = 1 << 20;

/// The delimiter, and whether the first record names the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) header: bool,
}

impl Dialect {
    /// Decides by the first records.
    pub(crate) fn detect(text: &str) -> Self {
        let best = DELIMITERS
            .iter()
            .filter_map(|&delimiter| {
                let records = sample(text, delimiter);
                let score = score(&records, delimiter)?;
                Some((delimiter, records, score))
            })
            // The first of equals: max_by would take the last.
            .reduce(|best, next| if next.2 > best.2 { next } else { best });
        match best {
            Some((delimiter, records, _)) => Self { delimiter, header: has_header(&records, delimiter) },
            None => Self { delimiter: b',', header: has_header(&sample(text, b','), b',') },
        }
    }

    /// With semicolons between values a comma may be the decimal sign.
    pub(crate) fn decimal(self) -> Decimal {
        if self.delimiter == b';' { Decimal::CommaToo } else { Decimal::Point }
    }
}

/// A reader that leaves it to us to say what is wrong with ragged records.
pub(super) fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(1 << 16)
        .from_reader(text.as_bytes())
}

/// Whether a record is a line with nothing on it.
pub(super) fn is_blank(record: &StringRecord) -> bool {
    record.len() <= 1 && record.get(0).is_none_or(|field| field.trim().is_empty())
}

fn sample(text: &str, delimiter: u8) -> Vec<StringRecord> {
    let cut = text.floor_char_boundary(SAMPLE_BYTES);
    let mut records: Vec<StringRecord> = reader(&text[..cut], delimiter)
        .into_records()
        .map_while(Result::ok)
        .filter(|record| !is_blank(record))
        .take(SAMPLE_RECORDS)
        .collect();
    if cut < text.len() && (2..SAMPLE_RECORDS).contains(&records.len()) {
        // The last one may be cut short.
        records.pop();
    }
    records
}

/// The share of records as long as the first, then how much their cells look like values, then the
/// number of fields. None when the delimiter does not split the first record.
fn score(records: &[StringRecord], delimiter: u8) -> Option<(f64, f64, usize)> {
    let fields = records.first().map(StringRecord::len).filter(|&fields| fields > 1)?;
    let equal = records.iter().filter(|record| record.len() == fields).count();
    let body = if records.len() > 1 { &records[1..] } else { records };
    let (mut cells, mut worth) = (0_usize, 0.0);
    for cell in body.iter().flatten() {
        cells += 1;
        worth += if is_value(cell, delimiter) || literal::is_missing(cell.trim()) {
            1.0
        } else if cell.bytes().any(|byte| byte != delimiter && DELIMITERS.contains(&byte)) {
            0.0
        } else {
            0.5
        };
    }
    Some((equal as f64 / records.len() as f64, worth / cells.max(1) as f64, fields))
}

/// Whether a cell is a number or a time, which no column is named.
fn is_value(cell: &str, delimiter: u8) -> bool {
    let cell = cell.trim();
    let decimal = Dialect { delimiter, header: true }.decimal();
    literal::number(cell, decimal).is_some() || !matches!(times::parse_column(&[cell]), Times::No)
}

/// A first record without values is a header, and so is one that counts its columns or names years.
fn has_header(records: &[StringRecord], delimiter: u8) -> bool {
    let Some(first) = records.first() else { return true };
    let values: Vec<&str> = first.iter().filter(|cell| is_value(cell, delimiter)).collect();
    values.is_empty() || (records.len() > 1 && count_up(&values))
}

/// 0, 1, 2, … as a data frame without names is written, or years in a row as a pivot table is.
fn count_up(values: &[&str]) -> bool {
    let numbers: Option<Vec<i64>> = values.iter().map(|value| value.trim().parse().ok()).collect();
    numbers.is_some_and(|numbers| {
        numbers.len() >= 3
            && (numbers[0] == 0 || (1800..2100).contains(&numbers[0]))
            && numbers.windows(2).all(|pair| pair[1] == pair[0].saturating_add(1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(text: &str, delimiter: char, header: bool) {
        let found = Dialect::detect(text);
        assert_eq!((char::from(found.delimiter), found.header), (delimiter, header), "{text:?}");
    }

    #[test]
    fn delimiters() {
        is("a,b\n1,2\n", ',', true);
        is("a;b\n1,5;2,5\n", ';', true);
        is("a\tb\nx, y\tz\n", '\t', true);
        is("a|b|c\n1|2|3\n", '|', true);
        is("name,note\nx,\"a;b;c\"\ny,\"d;e;f\"\n", ',', true);
        is("\"a;b\",c\n1,2\n", ',', true);
        is("word\nx\ny\n", ',', true);
        is("1,5;2,5\n3,5;4,5\n", ';', false);
        is("x;1,5\ny;2,5\n", ';', false);
        // Ragged, not of one column: to be refused.
        is("a,b,c\n1,2\n3\n", ',', true);
    }

    #[test]
    fn headers() {
        is("5.1,3.5,setosa\n4.9,3.0,setosa\n", ',', false);
        is("x,y\nu,v\n", ',', true);
        is(",x\n0,5\n", ',', true);
        is("1,2,3\n4,5,6\n", ',', false);
        is(",0,1,2,target\n0,5,6,7,a\n", ',', true);
        is("country,1990,1991,1992\nfr,1,2,3\n", ',', true);
        is("2024-01-01,x\n2024-01-02,y\n", ',', false);
        is("7\n8\n", ',', false);
        is("a,b", ',', true);
    }

    #[test]
    fn a_long_first_field_does_not_hide_the_rest() {
        let text = format!("a,b\n\"{}\",2\n3,4\n", "x".repeat(SAMPLE_BYTES));
        is(&text, ',', true);
    }
}
