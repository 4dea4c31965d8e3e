//! Rows of a table as JSON, to look at.

use serde_json::{Map, Number, Value};

use super::{Kind, MISSING_BOOLEAN, MISSING_CODE, MISSING_TIME, Table, Values, times};

impl Table {
    /// The first `n` rows as JSON objects: null where missing, whole numbers without a fraction, times in
    /// RFC 3339, infinities (which JSON has no number for) as `"Infinity"` and `"-Infinity"`.
    pub fn head(&self, n: usize) -> Vec<Map<String, Value>> {
        (0..self.rows.min(n))
            .map(|row| {
                let entry =
                    |column: &super::Column| (column.name.clone(), cell(&column.values, column.kind, row));
                self.columns.iter().map(entry).collect()
            })
            .collect()
    }
}

/// A value as JSON.
pub(crate) fn cell(values: &Values, kind: Kind, row: usize) -> Value {
    match values {
        Values::Number(values) => number(values[row], kind),
        Values::Boolean(values) => match values[row] {
            MISSING_BOOLEAN => Value::Null,
            value => Value::Bool(value == 1),
        },
        Values::Time(values) => match values[row] {
            MISSING_TIME => Value::Null,
            time => times::format(time).map_or(Value::Null, Value::String),
        },
        Values::Strings { codes, levels } => match codes[row] {
            MISSING_CODE => Value::Null,
            code => Value::String(levels[code as usize].clone()),
        },
    }
}

fn number(value: f64, kind: Kind) -> Value {
    if kind == Kind::Integer && value.is_finite() {
        return Value::from(value as i64);
    }
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => Value::Null,
        None => Value::from(if value > 0.0 { "Infinity" } else { "-Infinity" }),
    }
}

#[cfg(test)]
mod tests {
    use crate::table::{ReadLimits, read};

    #[test]
    fn typed_values() {
        let table = read(
            b"i,n,b,t,s\n1,1.5,true,2024-01-02,x\n,inf,,,\n3,-inf,false,2024-01-02T03:04:05Z,y\n",
            &ReadLimits::default(),
        )
        .unwrap();
        let rows = serde_json::to_value(table.head(9)).unwrap();
        assert_eq!(
            rows,
            serde_json::json!([
                {"i": 1, "n": 1.5, "b": true, "t": "2024-01-02T00:00:00Z", "s": "x"},
                {"i": null, "n": "Infinity", "b": null, "t": null, "s": null},
                {"i": 3, "n": "-Infinity", "b": false, "t": "2024-01-02T03:04:05Z", "s": "y"},
            ])
        );
        assert_eq!(table.head(1).len(), 1);
    }
}
