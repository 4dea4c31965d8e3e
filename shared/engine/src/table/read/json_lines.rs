//! JSON lines, or one JSON array of objects, to a table.

use std::{borrow::Cow, collections::HashMap, fmt};

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{ReadLimits, no_rows};
use crate::table::{
    Column, Table, TableError, TableErrorKind,
    infer::{Draft, Interner, Source, strings_column},
    literal::Literal,
};

/// Whether the text begins like an object or an array of objects.
pub(super) fn looks_like(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('{')
        || text.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['{', ']']))
}

/// Columns are the keys of all rows, in the order in which they first come; a key that a row lacks is
/// a missing value. Reads again, as strings, the columns that hold more than one type.
pub(super) fn read(text: &str, limits: &ReadLimits) -> Result<Table, TableError> {
    let mut sheet = Sheet::new(limits);
    let rows = walk(text, &mut sheet)?;
    if sheet.names.is_empty() {
        return Err(no_rows());
    }
    sheet.fill(rows);
    let Sheet { names, drafts, .. } = sheet;
    let mut columns: Vec<Option<Column>> =
        drafts.into_iter().zip(&names).map(|(draft, name)| draft.finish(name, Source::Json)).collect();
    if columns.contains(&None) {
        let strings = names.iter().zip(&columns).filter(|(_, column)| column.is_none());
        let mut texts = Texts::new(strings.map(|(name, _)| name.as_str()));
        walk(text, &mut texts)?;
        for (name, column) in names.iter().zip(&mut columns).filter(|(_, column)| column.is_none()) {
            if let Some(strings) = texts.take(name, rows) {
                *column = Some(strings_column(name, strings, Source::Json));
            }
        }
    }
    Ok(Table { columns: columns.into_iter().flatten().collect(), rows: rows as usize })
}

/// A value of a row that is not nested.
enum Cell<'a> {
    Missing,
    Boolean(bool),
    Whole(i128),
    Number(f64),
    String(Cow<'a, str>),
}

/// What takes the cells, row by row; rows count from 1.
trait Sink {
    fn cell(&mut self, row: u64, key: &str, cell: Cell<'_>) -> Result<(), TableError>;
    fn end_row(&mut self, row: u64) -> Result<(), TableError>;
}

/// The first reading: all columns, typed.
struct Sheet<'a> {
    limits: &'a ReadLimits,
    names: Vec<String>,
    places: HashMap<String, usize>,
    drafts: Vec<Draft>,
    /// The last row that each column has.
    filled: Vec<u64>,
    /// Where the next key is looked for first: rows mostly repeat the order of their keys.
    next: usize,
}

impl<'a> Sheet<'a> {
    fn new(limits: &'a ReadLimits) -> Self {
        let (names, places, drafts, filled) = (Vec::new(), HashMap::new(), Vec::new(), Vec::new());
        Self { limits, names, places, drafts, filled, next: 0 }
    }

    fn place(&mut self, row: u64, key: &str) -> Result<usize, TableError> {
        let key = match key.trim() {
            "" => return Err(malformed(row, "has a key without a name", "name every value")),
            key => key,
        };
        let place = if self.names.get(self.next).is_some_and(|name| name == key) {
            self.next
        } else if let Some(&place) = self.places.get(key) {
            place
        } else {
            self.limits.check_columns(self.names.len() + 1)?;
            self.limits.check_rows(row, self.names.len() + 1)?;
            self.limits.check_cell(key.len(), row, "")?;
            self.names.push(key.to_owned());
            self.places.insert(key.to_owned(), self.names.len() - 1);
            self.drafts.push(Draft::Blank(row as usize - 1));
            self.filled.push(row - 1);
            self.names.len() - 1
        };
        self.next = place + 1;
        Ok(place)
    }

    /// Gives every column a value for the rows up to that one.
    fn fill(&mut self, row: u64) {
        for (draft, filled) in self.drafts.iter_mut().zip(&mut self.filled) {
            while *filled < row {
                draft.push_missing();
                *filled += 1;
            }
        }
    }
}

impl Sink for Sheet<'_> {
    fn cell(&mut self, row: u64, key: &str, cell: Cell<'_>) -> Result<(), TableError> {
        let place = self.place(row, key)?;
        if self.filled[place] == row {
            return Err(
                malformed(row, &format!("has the key {key:?} twice"), "keep one of them").in_column(key)
            );
        }
        let draft = &mut self.drafts[place];
        while self.filled[place] + 1 < row {
            draft.push_missing();
            self.filled[place] += 1;
        }
        self.filled[place] = row;
        let number = |value, whole| Literal { value, whole, padded: false, comma: false };
        match cell {
            Cell::Missing => draft.push_missing(),
            Cell::Boolean(value) => draft.push_boolean(value),
            Cell::Whole(value) => draft.push_number(number(value as f64, true)),
            Cell::Number(value) => draft.push_number(number(value, false)),
            Cell::String(text) => {
                self.limits.check_cell(text.len(), row, key)?;
                draft.push_string(&text);
            }
        }
        Ok(())
    }

    fn end_row(&mut self, row: u64) -> Result<(), TableError> {
        self.next = 0;
        self.limits.check_rows(row, self.names.len())
    }
}

/// The second reading: a few columns, as strings.
struct Texts {
    columns: HashMap<String, (Interner, u64)>,
}

impl Texts {
    fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self { columns: names.map(|name| (name.to_owned(), (Interner::default(), 0))).collect() }
    }

    fn take(&mut self, name: &str, rows: u64) -> Option<Interner> {
        let (mut strings, filled) = self.columns.remove(name)?;
        (filled..rows).for_each(|_| strings.push_missing());
        Some(strings)
    }
}

impl Sink for Texts {
    fn cell(&mut self, row: u64, key: &str, cell: Cell<'_>) -> Result<(), TableError> {
        let Some((strings, filled)) = self.columns.get_mut(key.trim()) else { return Ok(()) };
        (*filled + 1..row).for_each(|_| strings.push_missing());
        *filled = row;
        match cell {
            Cell::Missing => strings.push_missing(),
            Cell::Boolean(value) => strings.push(if value { "true" } else { "false" }),
            Cell::Whole(value) => strings.push(&value.to_string()),
            Cell::Number(value) => strings.push(&value.to_string()),
            Cell::String(text) => strings.push(&text),
        }
        Ok(())
    }

    fn end_row(&mut self, _: u64) -> Result<(), TableError> {
        Ok(())
    }
}

/// Gives every cell to the sink; the number of rows.
fn walk(text: &str, sink: &mut dyn Sink) -> Result<u64, TableError> {
    let mut walk = Walk { sink, row: 0, error: None };
    let mut json = serde_json::Deserializer::from_str(text);
    let array = text.trim_start().starts_with('[');
    let result = if array {
        Rows(&mut walk).deserialize(&mut json).and_then(|()| json.end())
    } else {
        loop {
            // Only white space is left, or else another object.
            if json.end().is_ok() {
                break Ok(());
            }
            if let Err(error) = Row(&mut walk).deserialize(&mut json) {
                break Err(error);
            }
        }
    };
    match (walk.error, result) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => {
            let remedy = "write one JSON object a line, or one array of objects";
            Err(malformed(walk.row.max(1), &format!("is not as expected: {error}"), remedy))
        }
        (None, Ok(())) => Ok(walk.row),
    }
}

fn malformed(row: u64, what: &str, remedy: &str) -> TableError {
    TableError::new(TableErrorKind::Malformed, format!("row {row} {what}"), remedy).at_row(row)
}

/// The state of a walk. Serde's errors can not carry ours, so ours waits here.
struct Walk<'a> {
    sink: &'a mut dyn Sink,
    row: u64,
    error: Option<TableError>,
}

impl Walk<'_> {
    fn keep<E: de::Error>(&mut self, result: Result<(), TableError>) -> Result<(), E> {
        result.map_err(|error| {
            self.error = Some(error);
            E::custom("refused")
        })
    }
}

/// An array of rows.
struct Rows<'w, 'a>(&'w mut Walk<'a>);

impl<'de> DeserializeSeed<'de> for Rows<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(Row(self.0))?.is_some() {}
        Ok(())
    }
}

/// One object.
struct Row<'w, 'a>(&'w mut Walk<'a>);

impl<'de> DeserializeSeed<'de> for Row<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        self.0.row += 1;
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let row = self.0.row;
        while let Some(Text(key)) = entries.next_key()? {
            let result = match entries.next_value_seed(CellSeed)? {
                Some(cell) => self.0.sink.cell(row, &key, cell),
                None => Err(TableError::new(
                    TableErrorKind::Unsupported,
                    format!("row {row} has a nested value under {key:?}"),
                    "give each nested value a key of its own in the row",
                )
                .at_row(row)
                .in_column(&key)),
            };
            self.0.keep(result)?;
        }
        let result = self.0.sink.end_row(row);
        self.0.keep(result)
    }
}

/// A string, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value; None when it is nested.
struct CellSeed;

impl<'de> DeserializeSeed<'de> for CellSeed {
    type Value = Option<Cell<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellSeed {
    type Value = Option<Cell<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Some(Cell::Missing))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Cell::Boolean(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(Cell::Whole(value.into())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(Cell::Whole(value.into())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(Cell::Number(value)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cell::String(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cell::String(Cow::Owned(text.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Kind, MISSING_CODE, Values};

    fn table(text: &str) -> Table {
        read(text, &ReadLimits::default()).unwrap()
    }

    fn error(text: &str) -> TableError {
        read(text, &ReadLimits::default()).unwrap_err()
    }

    #[test]
    fn keys_are_united_in_the_order_of_their_first_row() {
        let table =
            table("{\"b\": 1.5, \"a\": \"x\"}\n\n{\"a\": null, \"c\": true}\n{\"c\": false, \"b\": 2}");
        let found: Vec<_> = table.columns.iter().map(|c| (c.name.as_str(), c.kind)).collect();
        assert_eq!(found, [("b", Kind::Number), ("a", Kind::Category), ("c", Kind::Boolean)]);
        let Values::Number(b) = &table.columns[0].values else { panic!() };
        assert_eq!(format!("{b:?}"), "[1.5, NaN, 2.0]");
        assert_eq!(table.columns[2].values, Values::Boolean(vec![crate::table::MISSING_BOOLEAN, 1, 0]));
    }

    #[test]
    fn an_array_is_the_same_as_lines() {
        assert_eq!(table(" [ {\"a\":1},{\"a\":2} ] "), table("{\"a\":1}\n{\"a\":2}\n"));
    }

    #[test]
    fn mixed_types_are_strings() {
        let table = table("{\"a\":1}\n{}\n{\"a\":\"x\"}\n{\"a\":true}\n{\"a\":1.5}\n{\"b\":0}");
        assert_eq!(
            table.columns[0].values,
            Values::Strings {
                codes: vec![0, MISSING_CODE, 1, 2, 3, MISSING_CODE],
                levels: ["1", "x", "true", "1.5"].map(String::from).to_vec(),
            }
        );
    }

    #[test]
    fn types_are_taken_as_they_are() {
        let kind = |text: &str| table(text).columns[0].kind;
        assert_eq!(kind("{\"a\":\"1\"}\n{\"a\":\"2\"}"), Kind::Category);
        assert_eq!(kind("{\"a\":\"yes\"}\n{\"a\":\"no\"}"), Kind::Category);
        assert_eq!(kind("{\"a\":\"2024-01-01\"}\n{\"a\":null}"), Kind::Datetime);
        assert_eq!(kind("{\"a\":9007199254740993}"), Kind::Category);
        assert_eq!(kind("{\"a\":3}"), Kind::Integer);
        let big = table("{\"a\":18446744073709551615}");
        let Values::Strings { levels, .. } = &big.columns[0].values else { panic!() };
        assert_eq!(levels, &["18446744073709551615"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let nested = error("{\"a\":1}\n{\"a\":{\"b\":[1]}}");
        assert_eq!(
            (nested.kind, nested.row, nested.column.as_deref()),
            (TableErrorKind::Unsupported, Some(2), Some("a"))
        );
        let twice = error("{\"a\":1,\"a \":2}");
        assert_eq!((twice.kind, twice.row), (TableErrorKind::Malformed, Some(1)));
        for (text, row) in [
            ("{\"a\":1}\n{\"a\":}", 2),
            ("{\"a\":1", 1),
            ("[{\"a\":1},2]", 2),
            ("[{\"a\":1}] x", 1),
            ("{\"\":1}", 1),
        ] {
            let error = error(text);
            assert_eq!((error.kind, error.row), (TableErrorKind::Malformed, Some(row)), "{text}: {error}");
        }
        assert_eq!(error("[]").kind, TableErrorKind::NoRows);
        assert_eq!(error("{}\n{}").kind, TableErrorKind::NoRows);
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read(&deep, &ReadLimits::default()).is_err());
    }

    #[test]
    fn left_out_cells_count_towards_the_limit() {
        let limits = ReadLimits { max_cells: 100, ..ReadLimits::default() };
        let text = (0..11).map(|i| format!("{{\"k{i}\":1}}\n")).collect::<Vec<_>>().concat();
        assert_eq!(read(&text, &limits).unwrap_err().kind, TableErrorKind::TooLarge);
    }
}
