//! The classes of a target: their order, their names, and how they look in JSON.

use serde_json::{Number, Value};

use crate::estimators::Target;
use crate::table::{Column, Kind, Values};

/// The classes of a target in the order of its codes: numbers ascending, `false` before `true`, words by
/// code point.
#[derive(Debug, Clone, PartialEq)]
pub struct Classes {
    names: Vec<String>,
    values: Vec<Value>,
}

impl Classes {
    /// Classes by name, for a target of that kind.
    pub fn new(names: Vec<String>, kind: Kind) -> Classes {
        let values = names.iter().map(|name| value(name, kind)).collect();
        Classes { names, values }
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A class in the JSON type of its target: a boolean, a number or a string.
    pub fn value(&self, class: u32) -> &Value {
        &self.values[class as usize]
    }

    /// The classes that a column has in `rows`, and the code of each of them. The rows' values are
    /// not missing and finite.
    pub(crate) fn of(column: &Column, rows: &[u32]) -> (Classes, Vec<u32>) {
        let (names, codes) = match &column.values {
            Values::Number(values) => numbers(values, rows),
            Values::Boolean(values) => {
                let flags = rows.iter().map(|&row| u32::from(values[row as usize] == 1)).collect();
                (vec!["false".into(), "true".into()], flags)
            }
            Values::Strings { codes, levels } => words(codes, levels, rows),
            Values::Time(_) => (Vec::new(), Vec::new()),
        };
        (Classes::new(names, column.kind), codes)
    }
}

fn value(name: &str, kind: Kind) -> Value {
    let typed = match kind {
        Kind::Boolean => name.parse().ok().map(Value::Bool),
        Kind::Integer => name.parse::<i64>().ok().map(Value::from),
        Kind::Number => name.parse().ok().and_then(Number::from_f64).map(Value::Number),
        _ => None,
    };
    typed.unwrap_or_else(|| name.into())
}

fn numbers(values: &[f64], rows: &[u32]) -> (Vec<String>, Vec<u32>) {
    // Adding 0 makes −0 the same class as 0.
    let value = |row: &u32| values[*row as usize] + 0.0;
    let mut distinct: Vec<f64> = rows.iter().map(value).collect();
    distinct.sort_unstable_by(f64::total_cmp);
    distinct.dedup_by(|a, b| a.total_cmp(b).is_eq());
    let code = |row| distinct.partition_point(|other| *other < value(row)) as u32;
    (distinct.iter().map(ToString::to_string).collect(), rows.iter().map(code).collect())
}

fn words(codes: &[u32], levels: &[String], rows: &[u32]) -> (Vec<String>, Vec<u32>) {
    let mut seen = vec![false; levels.len()];
    for &row in rows {
        seen[codes[row as usize] as usize] = true;
    }
    let mut order: Vec<usize> = (0..levels.len()).filter(|level| seen[*level]).collect();
    order.sort_unstable_by_key(|level| &levels[*level]);
    let mut place = vec![0u32; levels.len()];
    for (code, level) in order.iter().enumerate() {
        place[*level] = code as u32;
    }
    let names = order.iter().map(|level| levels[*level].clone()).collect();
    (names, rows.iter().map(|&row| place[codes[row as usize] as usize]).collect())
}

/// The rows that have a value.
pub(crate) fn present(column: &Column) -> Vec<u32> {
    (0..column.values.len() as u32).filter(|row| !column.values.is_missing(*row as usize)).collect()
}

/// The truth of `rows`, with the classes when it is one of them.
pub(crate) fn truth(
    column: &Column,
    rows: &[u32],
    classification: bool,
) -> Result<(Target, Classes), String> {
    if classification {
        let (classes, codes) = Classes::of(column, rows);
        let count = classes.names.len();
        return Ok((Target::Classes { codes, count }, classes));
    }
    let Values::Number(values) = &column.values else {
        return Err(format!("'{}' is not a number", column.name));
    };
    let numbers = rows.iter().map(|&row| values[row as usize]).collect();
    Ok((Target::Numbers(numbers), Classes::new(Vec::new(), column.kind)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::table::{MISSING_BOOLEAN, MISSING_CODE};

    fn column(kind: Kind, values: Values) -> Column {
        Column { name: "y".into(), kind, values }
    }

    fn classes(kind: Kind, values: Values) -> (Vec<String>, Vec<Value>, Vec<u32>) {
        let column = column(kind, values);
        let (classes, codes) = Classes::of(&column, &present(&column));
        (classes.names, classes.values, codes)
    }

    #[test]
    fn numbers_sort_as_numbers_and_stay_numbers() {
        let (names, values, codes) =
            classes(Kind::Integer, Values::Number(vec![10.0, 9.0, f64::NAN, 10.0, -0.0, 0.0]));
        assert_eq!(names, ["0", "9", "10"]);
        assert_eq!(values, [json!(0), json!(9), json!(10)]);
        assert_eq!(codes, [2, 1, 2, 0, 0]);
        assert_eq!(classes(Kind::Number, Values::Number(vec![2.5, 1.0])).1, [json!(1.0), json!(2.5)]);
    }

    #[test]
    fn booleans_are_false_before_true() {
        let (names, values, codes) = classes(Kind::Boolean, Values::Boolean(vec![1, MISSING_BOOLEAN, 0]));
        assert_eq!(
            (names, values, codes),
            (vec!["false".into(), "true".into()], vec![json!(false), json!(true)], vec![1, 0])
        );
    }

    #[test]
    fn words_sort_by_code_point_and_only_those_that_rows_have() {
        let levels = ["pear".to_string(), "gone".to_string(), "apple".to_string()];
        let values = Values::Strings { codes: vec![0, 2, MISSING_CODE, 0], levels: levels.to_vec() };
        let (names, values, codes) = classes(Kind::Category, values);
        assert_eq!(
            (names, values, codes),
            (vec!["apple".into(), "pear".into()], vec![json!("apple"), json!("pear")], vec![1, 0, 1])
        );
    }
}
