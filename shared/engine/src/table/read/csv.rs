//! Separated values to a table.

use csv::StringRecord;

use super::{ReadLimits, column_names, dialect, dialect::Dialect, no_rows};
use crate::table::{
    Column, Table, TableError, TableErrorKind,
    infer::{Draft, Interner, Source, strings_column},
    literal,
};

/// Reads the text once, and again for columns that turn out to be strings after they held numbers.
pub(super) fn read(text: &str, limits: &ReadLimits) -> Result<Table, TableError> {
    let dialect = Dialect::detect(text);
    let mut records = Records::open(text, dialect, limits)?;
    let mut drafts: Vec<Draft> = records.names().iter().map(|_| Draft::Blank(0)).collect();
    while let Some(record) = records.next()? {
        for (draft, cell) in drafts.iter_mut().zip(record) {
            draft.push_cell(cell, dialect.decimal());
        }
    }
    if records.row() == 0 {
        return Err(no_rows());
    }
    let rows = records.row() as usize;
    let names = records.names();
    let mut columns: Vec<Option<Column>> =
        drafts.into_iter().zip(names).map(|(draft, name)| draft.finish(name, Source::Csv)).collect();
    read_as_strings(text, dialect, limits, &mut columns)?;
    Ok(Table { columns: columns.into_iter().flatten().collect(), rows })
}

/// Fills in the columns that are None.
fn read_as_strings(
    text: &str,
    dialect: Dialect,
    limits: &ReadLimits,
    columns: &mut [Option<Column>],
) -> Result<(), TableError> {
    let mut strings: Vec<(usize, Interner)> = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.is_none())
        .map(|(place, _)| (place, Interner::default()))
        .collect();
    if strings.is_empty() {
        return Ok(());
    }
    let mut records = Records::open(text, dialect, limits)?;
    while let Some(record) = records.next()? {
        for (place, strings) in &mut strings {
            match record.get(*place) {
                Some(cell) if !literal::is_missing(cell.trim()) => strings.push(cell),
                _ => strings.push_missing(),
            }
        }
    }
    for (place, strings) in strings {
        columns[place] = Some(strings_column(&records.names()[place], strings, Source::Csv));
    }
    Ok(())
}

/// The data records of a text, each as long as the header.
pub(crate) struct Records<'a> {
    text: &'a str,
    dialect: Dialect,
    limits: &'a ReadLimits,
    names: Vec<String>,
    reader: csv::Reader<&'a [u8]>,
    record: StringRecord,
    /// The record is the first one, and holds data.
    pending: bool,
    row: u64,
}

impl<'a> Records<'a> {
    /// Reads the header, or names the columns `column_1`, … where the dialect has none.
    pub(crate) fn open(text: &'a str, dialect: Dialect, limits: &'a ReadLimits) -> Result<Self, TableError> {
        // Old DOS programs end a text with this.
        let text = text.trim_end_matches('\u{1A}');
        let reader = dialect::reader(text, dialect.delimiter);
        let record = StringRecord::new();
        let mut records =
            Self { text, dialect, limits, names: Vec::new(), reader, record, pending: false, row: 0 };
        records.advance()?;
        records.names = if dialect.header {
            column_names(records.record.iter(), limits)?
        } else {
            records.pending = !records.record.is_empty();
            column_names(records.record.iter().map(|_| ""), limits)?
        };
        Ok(records)
    }

    /// Names of the columns.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The first record, if it holds data and was not read yet.
    pub(crate) fn first(&self) -> Option<&StringRecord> {
        self.pending.then_some(&self.record)
    }

    /// The number of data records so far.
    pub(crate) fn row(&self) -> u64 {
        self.row
    }

    /// The next data record; blank lines are skipped.
    pub(crate) fn next(&mut self) -> Result<Option<&StringRecord>, TableError> {
        if !std::mem::take(&mut self.pending) && !self.advance()? {
            return Ok(None);
        }
        self.row += 1;
        self.limits.check_rows(self.row, self.names.len())?;
        if self.record.len() != self.names.len() {
            return Err(self.ragged());
        }
        if self.record.as_slice().len() > self.limits.max_cell_bytes {
            for (name, cell) in self.names.iter().zip(&self.record) {
                self.limits.check_cell(cell.len(), self.row, name)?;
            }
        }
        Ok(Some(&self.record))
    }

    /// Reads up to the next record that is not blank; false at the end.
    fn advance(&mut self) -> Result<bool, TableError> {
        let mut start = self.reader.position().byte() as usize;
        loop {
            match self.reader.read_record(&mut self.record) {
                Ok(true) if dialect::is_blank(&self.record) => {
                    start = self.reader.position().byte() as usize;
                }
                Ok(true) => {
                    if self.reader.position().byte() as usize >= self.text.len() {
                        self.check_quotes(start)?;
                    }
                    return Ok(true);
                }
                Ok(false) => return Ok(false),
                Err(error) => {
                    return Err(TableError::new(
                        TableErrorKind::Malformed,
                        format!("row {} can not be read: {error}", self.row + 1),
                        "save the file as CSV again",
                    )
                    .at_row(self.row + 1));
                }
            }
        }
    }

    /// The CSV reader takes a quote that is never closed for the rest of the file: rows would be lost
    /// without a word.
    fn check_quotes(&self, start: usize) -> Result<(), TableError> {
        let last = self.text.as_bytes().get(start..).unwrap_or_default();
        if !ends_inside_quotes(last, self.dialect.delimiter) {
            return Ok(());
        }
        let row = self.row + 1;
        Err(TableError::new(
            TableErrorKind::Malformed,
            format!("a quote that is opened in row {row} is never closed"),
            "close it, or double the quotes inside a value",
        )
        .at_row(row))
    }

    fn ragged(&self) -> TableError {
        let line = self.record.position().map_or(0, |position| {
            // Empty lines before a record are taken for its beginning.
            let record = self.text.as_bytes().get(position.byte() as usize..).unwrap_or_default();
            let empty = record.iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
            position.line() + empty.filter(|byte| **byte == b'\n').count() as u64
        });
        let (found, expected, row) = (self.record.len(), self.names.len(), self.row);
        TableError::new(
            TableErrorKind::Ragged,
            format!("row {row} (line {line} of the file) has {found} fields, and {expected} are expected"),
            "give every row as many fields as the header; put values that contain the delimiter in quotes",
        )
        .at_row(row)
    }
}

fn ends_inside_quotes(record: &[u8], delimiter: u8) -> bool {
    let mut quoted = false;
    let mut field_begins = true;
    for &byte in record {
        if quoted {
            quoted = byte != b'"';
            // A doubled quote reopens at once.
            field_begins = !quoted;
        } else if byte == b'"' && field_begins {
            quoted = true;
        } else {
            field_begins = byte == delimiter || byte == b'\n' || byte == b'\r';
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Kind, Values};

    fn table(text: &str) -> Table {
        read(text, &ReadLimits::default()).unwrap()
    }

    fn error(text: &str) -> TableError {
        read(text, &ReadLimits::default()).unwrap_err()
    }

    fn names(table: &Table) -> Vec<&str> {
        table.columns.iter().map(|column| column.name.as_str()).collect()
    }

    #[test]
    fn blank_lines_line_ends_and_quotes() {
        let table = table("\r\n a , b \r\n\r\n1,\"x, \"\"y\"\"\r\nz\"\r\n   \r\n2,w");
        assert_eq!(names(&table), ["a", "b"]);
        assert_eq!(table.rows, 2);
        let Values::Strings { levels, .. } = &table.columns[1].values else { panic!() };
        assert_eq!(levels, &["x, \"y\"\r\nz", "w"]);
    }

    #[test]
    fn files_without_names() {
        assert_eq!(names(&table("1,x\n2,y\n")), ["column_1", "column_2"]);
        assert_eq!(table("1,x\n2,y\n").rows, 2);
        assert_eq!(names(&table(",b\n1,2\n")), ["column_1", "b"]);
        assert_eq!(table("5\n\n6\n").rows, 2);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        assert_eq!(error("a,b\n").kind, TableErrorKind::NoRows);
        let ragged = error("a,b\n1,2\n\n3\n");
        assert_eq!((ragged.kind, ragged.row), (TableErrorKind::Ragged, Some(2)));
        assert!(ragged.detail.contains("line 4") && ragged.detail.contains("1 fields"), "{ragged}");
        let twice = error("a,b, a\n1,2,3\n");
        assert_eq!((twice.kind, twice.column.as_deref()), (TableErrorKind::DuplicateColumn, Some("a")));
        let unnamed = error("column_2,\n1,2\n");
        assert_eq!(unnamed.kind, TableErrorKind::DuplicateColumn);
    }

    #[test]
    fn a_quote_left_open_loses_no_rows_in_silence() {
        let open = error("a,b\n1,\"x\n2,y\n3,z\n");
        assert_eq!((open.kind, open.row), (TableErrorKind::Malformed, Some(1)));
        assert_eq!(error("a,b\n1,\"x\"\"\n").kind, TableErrorKind::Malformed);
        assert_eq!(error("a,\"b\n1,2\n").kind, TableErrorKind::Malformed);
        assert_eq!(table("a,b\n1,\"\"\n2,\"\"\"\"\n").rows, 2);
        assert_eq!(table("a,b\n1,5\" nail\n2,\"x\"").rows, 2);
    }

    #[test]
    fn limits() {
        let limits = ReadLimits {
            max_rows: 2,
            max_columns: 3,
            max_cells: 4,
            max_cell_bytes: 5,
            ..ReadLimits::default()
        };
        let kind = |text: &str| read(text, &limits).unwrap_err().kind;
        assert_eq!(kind("a\n1\n2\n3\n"), TableErrorKind::TooManyRows);
        assert_eq!(kind("a,b,c,d\n1,2,3,4\n"), TableErrorKind::TooManyColumns);
        assert_eq!(kind("a,b,c\n1,2,3\n4,5,6\n"), TableErrorKind::TooLarge);
        assert_eq!(kind("a\nxxxxxx\n"), TableErrorKind::TooLarge);
        assert_eq!(kind("aaaaaa\nx\n"), TableErrorKind::TooLarge);
        assert!(read("a,b\n1,2\n3,4\n", &limits).is_ok());
        let wide = (0..3000).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",");
        assert_eq!(error(&format!("{wide}\n{wide}\n")).kind, TableErrorKind::TooManyColumns);
    }

    #[test]
    fn decimal_commas_with_semicolons_only() {
        let table_of = |text| table(text).columns[1].kind;
        assert_eq!(table_of("a;b\nx;1,5\ny;-2,25\n"), Kind::Number);
        assert_eq!(table_of("a|b\nx|1,5\ny|2,25\n"), Kind::Category);
        assert_eq!(table("a;b\nx;1,5\n").columns[1].values, Values::Number(vec![1.5]));
    }

    #[test]
    fn a_column_of_numbers_and_a_late_string_is_read_again() {
        let table = table("a,b\n1.50,2\n2.0,3\nlate,4\n,5\n");
        let Values::Strings { levels, codes } = &table.columns[0].values else { panic!() };
        assert_eq!(levels, &["1.50", "2.0", "late"]);
        assert_eq!(codes, &[0, 1, 2, crate::table::MISSING_CODE]);
        assert_eq!(table.columns[1].kind, Kind::Integer);
    }
}
