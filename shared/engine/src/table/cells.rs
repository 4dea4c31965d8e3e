//! Values that come by column, or in the order of the fields, to a table of a known schema.
//!
//! As strict as [`decode_rows`](super::decode_rows), whose rules for a value these are.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    Field, ReadLimits, RowError, Table,
    read::{csv::Records, dialect::Dialect, text},
    rows::{Builder, named_records, nearest, push_records, shortened, table},
};

/// Where each field is among `names`, which are the fields in any order, each once. O(names).
///
/// # Errors
/// A name that is missing, unknown or there twice; the row of the error means nothing.
pub fn match_names(fields: &[Field], names: &[&str]) -> Result<Vec<usize>, RowError> {
    let mut places = HashMap::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        if places.insert(*name, place).is_some() {
            let shown = shortened(name);
            let detail = format!("the column {shown:?} is there twice");
            return Err(unplaced(&shown, detail, "send each column once".to_owned()));
        }
    }
    let mut found = Vec::with_capacity(fields.len());
    for field in fields {
        let name = &field.name;
        let Some(place) = places.remove(name.as_str()) else {
            let unknown =
                names.iter().copied().filter(|name| !fields.iter().any(|field| field.name == *name));
            let remedy = match nearest(name, unknown) {
                Some(slip) => format!("rename {:?} to {name:?}", shortened(slip)),
                None => format!("send {name:?}, with null where it is not known"),
            };
            return Err(unplaced(name, format!("the column {name:?} is missing"), remedy));
        };
        found.push(place);
    }
    // The first in the order in which they came, so that the same request has the same answer.
    if let Some(extra) = names.iter().find(|name| places.contains_key(**name)) {
        let shown = shortened(extra);
        let remedy = match nearest(extra, fields.iter().map(|field| field.name.as_str())) {
            Some(known) => format!("leave it out, or correct its name: the nearest is {known:?}"),
            None => "leave it out".to_owned(),
        };
        let detail = format!("the model does not know the column {shown:?}");
        return Err(unplaced(&shown, detail, remedy));
    }
    Ok(found)
}

fn unplaced(column: &str, detail: String, remedy: String) -> RowError {
    RowError { row: 0, column: Some(column.to_owned()), detail, remedy }
}

/// Makes a table of `rows` rows, whose value for a row and a field's place `cell` gives. O(values).
pub fn decode_cells<'v>(
    fields: &[Field],
    rows: usize,
    cell: impl Fn(usize, usize) -> &'v Value,
) -> Result<Table, RowError> {
    let mut builders = Vec::with_capacity(fields.len());
    for (place, field) in fields.iter().enumerate() {
        let mut builder = Builder::new(field, rows);
        for row in 0..rows {
            builder.push_json(cell(row, place))?;
        }
        builders.push(builder);
    }
    Ok(table(builders, rows))
}

/// Makes a table of a CSV text with a header or without, and says whether it had one: the first record
/// is a header if at least half of its cells name fields. Without one the columns are the fields in
/// their order.
pub fn decode_csv_cells(
    fields: &[Field],
    bytes: &[u8],
    limits: &ReadLimits,
) -> Result<(Table, bool), RowError> {
    let text = text(bytes, limits)?;
    let dialect = Dialect { header: false, ..Dialect::detect(&text) };
    let records = Records::open(&text, dialect, limits)?;
    let width = records.names().len();
    let is_name = |cell: &&str| fields.iter().any(|field| field.name == cell.trim());
    let names = records.first().map_or(0, |first| first.iter().filter(is_name).count());
    if names > 0 && names * 2 >= width {
        let dialect = Dialect { header: true, ..dialect };
        let records = Records::open(&text, dialect, limits)?;
        return Ok((named_records(fields, records, dialect.decimal())?, true));
    }
    if width != fields.len() {
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        return Err(RowError {
            row: 0,
            column: None,
            detail: format!("the rows have {width} values, and the model takes {}", fields.len()),
            remedy: shortened_list(&names),
        });
    }
    let builders = fields.iter().map(|field| Builder::new(field, 0)).collect();
    Ok((push_records(builders, records, dialect.decimal())?, false))
}

/// The order in which values without names are taken.
fn shortened_list(names: &[&str]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| shortened(name)).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("without a header, send the columns in this order: {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::table::{Kind, Values, decode_csv_rows, decode_rows};

    fn fields() -> Vec<Field> {
        [("n", Kind::Number), ("b", Kind::Boolean), ("c", Kind::Category)]
            .map(|(name, kind)| Field { name: name.to_owned(), kind })
            .to_vec()
    }

    #[test]
    fn names_in_any_order_each_once() {
        assert_eq!(match_names(&fields(), &["c", "n", "b"]).unwrap(), [1, 2, 0]);
        let wrong = |names: &[&str]| match_names(&fields(), names).unwrap_err();
        for (names, column, said) in [
            (&["n", "b"][..], "c", "missing"),
            (&["n", "b", "c", "d"], "d", "does not know"),
            (&["n", "b", "c", "n"], "n", "twice"),
            (&[], "n", "missing"),
        ] {
            let error = wrong(names);
            assert_eq!(error.column.as_deref(), Some(column));
            assert!(error.detail.contains(said), "{error}");
        }
        let long = [Field { name: "bill_length".into(), kind: Kind::Number }];
        assert!(match_names(&long, &["bill_lenght"]).unwrap_err().remedy.contains("rename"));
    }

    #[test]
    fn cells_are_read_as_rows_are() {
        let rows = json!([{"n": 1.5, "b": true, "c": "x"}, {"n": null, "b": null, "c": null}]);
        let rows: Vec<_> =
            rows.as_array().unwrap().iter().map(|row| row.as_object().unwrap().clone()).collect();
        let fields = fields();
        let by_row = decode_rows(&fields, &rows).unwrap();
        let by_cell = decode_cells(&fields, 2, |row, place| &rows[row][&fields[place].name]).unwrap();
        // NaN is no number's equal.
        assert_eq!(format!("{by_row:?}"), format!("{by_cell:?}"));
        let wrong = json!("long");
        let good = json!(null);
        let error =
            decode_cells(&fields, 3, |row, place| if row == 2 && place == 0 { &wrong } else { &good });
        let error = error.unwrap_err();
        assert_eq!((error.row, error.column.as_deref()), (2, Some("n")));
    }

    #[test]
    fn a_header_is_known_by_its_names() {
        let limits = ReadLimits::default();
        let read = |text: &str| decode_csv_cells(&fields(), text.as_bytes(), &limits);
        let (with, header) = read("c,n,b\nx,1.5,true\ny,1.5,False\n").unwrap();
        assert!(header);
        assert_eq!(with, decode_csv_rows(&fields(), b"n,b,c\n1.5,true,x\n1.5,false,y\n", &limits).unwrap());
        let (without, header) = read("1.5,true,x\n1.5,false,y\n").unwrap();
        assert!(!header);
        assert_eq!(with, without);
        // Equal values are no names that are there twice.
        let (same, _) = read("1,true,true\n").unwrap();
        assert_eq!(same.columns[2].values, Values::Strings { codes: vec![0], levels: vec!["true".into()] });
        let narrow = read("1.5,true\n").unwrap_err();
        assert!(narrow.detail.contains("2 values") && narrow.remedy.contains("n, b, c"), "{narrow:?}");
        let missing = read("n,b\n1,true\n").unwrap_err();
        assert_eq!(missing.column.as_deref(), Some("c"));
        let mistyped = read("1,true,x\nlong,true,x\n").unwrap_err();
        assert_eq!((mistyped.row, mistyped.column.as_deref()), (1, Some("n")));
        assert!(read("").is_err());
        assert!(read("1,true,x\n1,true\n").unwrap_err().detail.contains("2 fields"));
    }
}
