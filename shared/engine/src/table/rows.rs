//! Rows to predict for, as JSON objects or CSV, to a table of a known schema.
//!
//! Strict, because a wrong type here is a wrong prediction there: a column may neither lack nor be
//! unknown, and a value must be of its column's kind. A level that training never saw is fine.

use serde_json::{Map, Value};

use super::{
    Column, Field, Kind, MISSING_BOOLEAN, MISSING_TIME, ReadLimits, Table, TableError, Values,
    infer::Interner,
    literal::{self, Decimal},
    read::{csv::Records, dialect::Dialect, text},
    times,
};

/// Names this alike are taken for a slip of the pen.
const ALIKE: f64 = 0.7;

/// Why rows can not be predicted for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct RowError {
    /// The row, counted from 0; 0 too when the fault is not in one row.
    pub row: usize,
    /// The column at fault.
    pub column: Option<String>,
    /// What is wrong, in a sentence.
    pub detail: String,
    /// What to do about it.
    pub remedy: String,
}

/// Makes a table of JSON objects, one a row. Every field must be a key of every row, null being a
/// missing value, and no row may have another key. Numbers are JSON numbers (without a fraction for
/// integers), booleans JSON booleans or a word that was read as one, times strings in ISO 8601 (or
/// `YYYY/MM/DD`, `DD.MM.YYYY`), all others strings. O(values).
pub fn decode_rows(fields: &[Field], rows: &[Map<String, Value>]) -> Result<Table, RowError> {
    let mut builders: Vec<Builder> = fields.iter().map(|field| Builder::new(field, rows.len())).collect();
    for (row, object) in rows.iter().enumerate() {
        for builder in &mut builders {
            let Some(value) = object.get(&builder.field.name) else {
                return Err(missing_column(
                    row,
                    &builder.field.name,
                    fields,
                    object.keys().map(String::as_str),
                ));
            };
            builder.push_json(value)?;
        }
        // Every field is a key, so an object as large as that has no other.
        if object.len() > fields.len()
            && let Some(extra) = object.keys().find(|key| !fields.iter().any(|field| field.name == **key))
        {
            return Err(extra_column(row, extra, fields));
        }
    }
    Ok(table(builders, rows.len()))
}

/// Makes a table of a CSV text with a header, whose columns are the fields in any order. Delimiter,
/// encoding and missing values are those of [`read`](super::read).
pub fn decode_csv_rows(fields: &[Field], bytes: &[u8], limits: &ReadLimits) -> Result<Table, RowError> {
    let text = text(bytes, limits)?;
    let dialect = Dialect { header: true, ..Dialect::detect(&text) };
    named_records(fields, Records::open(&text, dialect, limits)?, dialect.decimal())
}

/// A table of records whose names are the fields, in any order.
pub(super) fn named_records(
    fields: &[Field],
    records: Records<'_>,
    decimal: Decimal,
) -> Result<Table, RowError> {
    let mut builders = Vec::new();
    for name in records.names() {
        let Some(field) = fields.iter().find(|field| field.name == *name) else {
            return Err(extra_column(0, name, fields));
        };
        builders.push(Builder::new(field, 0));
    }
    for field in fields {
        if !records.names().contains(&field.name) {
            return Err(missing_column(0, &field.name, fields, records.names().iter().map(String::as_str)));
        }
    }
    let mut table = push_records(builders, records, decimal)?;
    table.columns.sort_by_key(|column| fields.iter().position(|field| field.name == column.name));
    Ok(table)
}

/// A table of records, each of whose cells is for the builder at its place.
pub(super) fn push_records(
    mut builders: Vec<Builder<'_>>,
    mut records: Records<'_>,
    decimal: Decimal,
) -> Result<Table, RowError> {
    while let Some(record) = records.next()? {
        for (builder, cell) in builders.iter_mut().zip(record) {
            builder.push_cell(cell.trim(), decimal)?;
        }
    }
    let rows = records.row() as usize;
    Ok(table(builders, rows))
}

pub(super) fn table(builders: Vec<Builder<'_>>, rows: usize) -> Table {
    Table { columns: builders.into_iter().map(Builder::finish).collect(), rows }
}

/// A column while its rows come in.
pub(super) struct Builder<'a> {
    field: &'a Field,
    data: Data,
}

enum Data {
    Numbers(Vec<f64>),
    Booleans(Vec<u8>),
    Times(Vec<i64>),
    Strings(Interner),
}

impl<'a> Builder<'a> {
    pub(super) fn new(field: &'a Field, rows: usize) -> Self {
        let data = match field.kind {
            Kind::Number | Kind::Integer => Data::Numbers(Vec::with_capacity(rows)),
            Kind::Boolean => Data::Booleans(Vec::with_capacity(rows)),
            Kind::Datetime => Data::Times(Vec::with_capacity(rows)),
            Kind::Category | Kind::Text | Kind::Identifier => Data::Strings(Interner::default()),
        };
        Self { field, data }
    }

    pub(super) fn finish(self) -> Column {
        let values = match self.data {
            Data::Numbers(values) => Values::Number(values),
            Data::Booleans(values) => Values::Boolean(values),
            Data::Times(values) => Values::Time(values),
            Data::Strings(strings) => {
                let (codes, levels) = strings.finish();
                Values::Strings { codes, levels }
            }
        };
        Column { name: self.field.name.clone(), kind: self.field.kind, values }
    }

    pub(super) fn push_json(&mut self, value: &Value) -> Result<(), RowError> {
        let whole = self.field.kind == Kind::Integer;
        match (&mut self.data, value) {
            (_, Value::Null) => self.push_missing(),
            (Data::Numbers(values), Value::Number(number)) => match number.as_f64() {
                // Adding zero makes minus zero plain.
                Some(number) if number.is_finite() && !(whole && number.fract() != 0.0) => {
                    values.push(number + 0.0);
                }
                _ => return Err(self.mistyped(&format!("the number {number}"))),
            },
            (Data::Booleans(values), Value::Bool(value)) => values.push(u8::from(*value)),
            (Data::Booleans(_) | Data::Times(_), Value::String(text)) if !text.trim().is_empty() => {
                self.push_word(text.trim())?;
            }
            (Data::Strings(strings), Value::String(text)) => strings.push(text),
            (_, Value::Bool(value)) => return Err(self.mistyped(&format!("the boolean {value}"))),
            (_, Value::Number(number)) => return Err(self.mistyped(&format!("the number {number}"))),
            (_, Value::String(text)) => return Err(self.mistyped(&quoted(text))),
            (_, Value::Array(_)) => return Err(self.mistyped("a list")),
            (_, Value::Object(_)) => return Err(self.mistyped("an object")),
        }
        Ok(())
    }

    pub(super) fn push_cell(&mut self, cell: &str, decimal: Decimal) -> Result<(), RowError> {
        if literal::is_missing(cell) {
            self.push_missing();
            return Ok(());
        }
        let whole = self.field.kind == Kind::Integer;
        match &mut self.data {
            Data::Numbers(values) => match literal::number(cell, decimal).map(|number| number.value) {
                Some(number) if number.is_finite() && !(whole && number.fract() != 0.0) => {
                    values.push(number);
                }
                _ => return Err(self.mistyped(&quoted(cell))),
            },
            Data::Strings(strings) => strings.push(cell),
            Data::Booleans(_) | Data::Times(_) => self.push_word(cell)?,
        }
        Ok(())
    }

    /// A boolean or a time that is written as text.
    fn push_word(&mut self, text: &str) -> Result<(), RowError> {
        let known = match &mut self.data {
            Data::Booleans(values) => literal::boolean(text).map(|value| values.push(u8::from(value))),
            Data::Times(values) => times::parse(text).map(|time| values.push(time)),
            Data::Numbers(_) | Data::Strings(_) => None,
        };
        known.ok_or_else(|| self.mistyped(&quoted(text)))
    }

    pub(super) fn push_missing(&mut self) {
        match &mut self.data {
            Data::Numbers(values) => values.push(f64::NAN),
            Data::Booleans(values) => values.push(MISSING_BOOLEAN),
            Data::Times(values) => values.push(MISSING_TIME),
            Data::Strings(strings) => strings.push_missing(),
        }
    }

    /// The number of rows so far, which is the place of the next one.
    fn row(&self) -> usize {
        match &self.data {
            Data::Numbers(values) => values.len(),
            Data::Booleans(values) => values.len(),
            Data::Times(values) => values.len(),
            Data::Strings(strings) => strings.len(),
        }
    }

    fn mistyped(&self, got: &str) -> RowError {
        let (takes, remedy) = match self.field.kind {
            Kind::Number => {
                ("a number", "write a number without quotes, with a point, or null when it is not known")
            }
            Kind::Integer => {
                ("a whole number", "write a whole number without quotes, or null when it is not known")
            }
            Kind::Boolean => ("a boolean", "write true or false, or null when it is not known"),
            Kind::Datetime => ("a time", "write it as in \"2024-01-31\" or \"2024-01-31T12:00:00Z\""),
            Kind::Category | Kind::Text | Kind::Identifier => {
                ("a string", "put the value in quotes, or write null when it is not known")
            }
        };
        let (row, name) = (self.row(), &self.field.name);
        RowError {
            row,
            column: Some(name.clone()),
            detail: format!("column {name:?} takes {takes}, and rows[{row}] has {got}"),
            remedy: remedy.to_owned(),
        }
    }
}

impl From<TableError> for RowError {
    fn from(error: TableError) -> Self {
        let row = error.row.map_or(0, |row| row.saturating_sub(1) as usize);
        Self { row, column: error.column, detail: error.detail, remedy: error.remedy }
    }
}

fn missing_column<'a>(
    row: usize,
    name: &str,
    fields: &[Field],
    present: impl Iterator<Item = &'a str>,
) -> RowError {
    let unknown = present.filter(|key| !fields.iter().any(|field| field.name == **key));
    RowError {
        row,
        column: Some(name.to_owned()),
        detail: format!("rows[{row}] has no column {name:?}"),
        remedy: match nearest(name, unknown) {
            Some(slip) => format!("rename {:?} to {name:?}", shortened(slip)),
            None => format!("give {name:?} a value, or null when it is not known"),
        },
    }
}

fn extra_column(row: usize, name: &str, fields: &[Field]) -> RowError {
    let shown = shortened(name);
    RowError {
        row,
        column: Some(shown.clone()),
        detail: format!("rows[{row}] has the column {shown:?}, which the model does not know"),
        remedy: match nearest(name, fields.iter().map(|field| field.name.as_str())) {
            Some(known) => format!("leave it out, or correct its name: the nearest is {known:?}"),
            None => "leave it out".to_owned(),
        },
    }
}

/// The name most like that one, if any is alike.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = shortened(name).to_lowercase();
    names
        .map(|known| (strsim::normalized_damerau_levenshtein(&name, &shortened(known).to_lowercase()), known))
        .filter(|(alike, _)| *alike >= ALIKE)
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, known)| known)
}

fn quoted(text: &str) -> String {
    format!("the string {:?}", shortened(text))
}

/// No more of a text than an error should repeat.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(64) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::table::MISSING_CODE;

    fn fields() -> Vec<Field> {
        [
            ("n", Kind::Number),
            ("i", Kind::Integer),
            ("b", Kind::Boolean),
            ("t", Kind::Datetime),
            ("c", Kind::Category),
        ]
        .map(|(name, kind)| Field { name: name.to_owned(), kind })
        .to_vec()
    }

    fn decode(rows: Value) -> Result<Table, RowError> {
        let rows: Vec<Map<String, Value>> = serde_json::from_value(rows).unwrap();
        decode_rows(&fields(), &rows)
    }

    fn row_with(key: &str, value: Value) -> Value {
        let mut row = json!({"n": 1.5, "i": 2, "b": true, "t": "2024-01-01", "c": "x"});
        row[key] = value;
        row
    }

    #[test]
    fn rows_of_every_kind() {
        let table = decode(json!([
            {"n": 1, "i": 2.0, "b": true, "t": "1970-01-01T00:00:01+00:00", "c": " x "},
            {"n": null, "i": null, "b": null, "t": null, "c": null},
            {"c": "y", "t": "01.01.1970", "b": "False", "i": -7, "n": -0.0},
        ]))
        .unwrap();
        assert_eq!(table.rows, 3);
        assert_eq!(table.fields(), fields());
        let Values::Number(n) = &table.columns[0].values else { panic!() };
        assert_eq!(format!("{n:?}"), "[1.0, NaN, 0.0]");
        assert_eq!(table.columns[2].values, Values::Boolean(vec![1, MISSING_BOOLEAN, 0]));
        assert_eq!(table.columns[3].values, Values::Time(vec![1_000_000, MISSING_TIME, 0]));
        let strings =
            Values::Strings { codes: vec![0, MISSING_CODE, 1], levels: vec!["x".into(), "y".into()] };
        assert_eq!(table.columns[4].values, strings);
    }

    #[test]
    fn mistypes_are_refused_with_their_place() {
        for (column, value) in [
            ("n", json!("1.5")),
            ("n", json!("")),
            ("n", json!(true)),
            ("n", json!([1])),
            ("i", json!(1.5)),
            ("i", json!("1")),
            ("b", json!(1)),
            ("b", json!("maybe")),
            ("t", json!(1_700_000_000)),
            ("t", json!("01/02/2024")),
            ("t", json!("soon")),
            ("c", json!(3)),
            ("c", json!(false)),
            ("c", json!({})),
        ] {
            let error =
                decode(json!([row_with("n", json!(0)), row_with(column, value.clone())])).unwrap_err();
            assert_eq!((error.row, error.column.as_deref()), (1, Some(column)), "{value}");
            assert!(error.detail.contains("rows[1]"), "{error}");
        }
        let long = decode(json!([row_with("n", json!("x".repeat(10_000)))])).unwrap_err();
        assert!(long.detail.len() < 200);
    }

    #[test]
    fn columns_are_those_of_the_model() {
        let error = decode(json!([{"n": 1, "i": 1, "b": true, "t": "2024-01-01"}])).unwrap_err();
        assert_eq!((error.row, error.column.as_deref()), (0, Some("c")));
        let error = decode(json!([row_with("n", json!(1)), row_with("zebra", json!(1))])).unwrap_err();
        assert_eq!(
            (error.row, error.column.as_deref(), error.remedy.as_str()),
            (1, Some("zebra"), "leave it out")
        );

        let fields = [Field { name: "bill_length".into(), kind: Kind::Number }];
        let object = |value: Value| value.as_object().unwrap().clone();
        let slip = decode_rows(&fields, &[object(json!({"Bill_lenght": 1}))]).unwrap_err();
        assert_eq!(slip.remedy, "rename \"Bill_lenght\" to \"bill_length\"");
        let extra =
            decode_rows(&fields, &[object(json!({"bill_length": 1, "bill_lengths": 2}))]).unwrap_err();
        assert!(extra.remedy.contains("\"bill_length\""), "{extra:?}");
    }

    #[test]
    fn csv_rows_in_any_order_of_columns() {
        let text = "c;n;t;b;i\nx;1,5;2024/1/2;true;3\nNA;;;;\n";
        let table = decode_csv_rows(&fields(), text.as_bytes(), &ReadLimits::default()).unwrap();
        assert_eq!(table.fields(), fields());
        assert_eq!(table.rows, 2);
        let Values::Number(n) = &table.columns[0].values else { panic!() };
        assert_eq!(format!("{n:?}"), "[1.5, NaN]");
        assert!(table.columns.iter().all(|column| column.values.is_missing(1)));
    }

    #[test]
    fn csv_faults() {
        let error =
            |text: &str| decode_csv_rows(&fields(), text.as_bytes(), &ReadLimits::default()).unwrap_err();
        let place = |text: &str| (error(text).row, error(text).column);
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(place("n,i,b,t,c\n1,2,true,2024-01-01,x\n1,2.5,true,2024-01-01,x\n"), (1, some("i")));
        assert_eq!(place("n,i,b,t,c\ninf,2,true,2024-01-01,x\n"), (0, some("n")));
        assert_eq!(place("n,i,b,t\n1,2,true,2024-01-01\n"), (0, some("c")));
        assert_eq!(place("n,i,b,t,c,d\n1,2,true,2024-01-01,x,y\n"), (0, some("d")));
        assert_eq!(place("n,i,b,t,c\n1,2,true,2024-01-01,x\n1,2\n"), (1, None));
        assert_eq!(place(""), (0, None));
        // A number is a level when the column says so.
        let fields = [Field { name: "c".into(), kind: Kind::Category }];
        assert!(decode_csv_rows(&fields, b"c\n1\n2\n", &ReadLimits::default()).is_ok());
    }
}
