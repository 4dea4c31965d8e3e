//! Columns as they are, for models that prepare them by themselves.

use serde::{Deserialize, Serialize};

use super::encoder::Encoder;
use super::measure::Measure;
use super::{Feature, Preprocessor};
use crate::table::MISSING_CODE;

/// How a column gets into a matrix of `f32` unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Carried {
    /// A number as the nearest `f32`.
    Single,
    /// A number in two columns, whose sum is it: the nearest `f32`, and what that leaves.
    Double,
    /// 0, 1 or NaN.
    Boolean,
    /// The number of its level among these, or −1 for others.
    Codes(Vec<String>),
}

/// Levels by number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Codes {
    /// Sorted.
    levels: Vec<String>,
    /// One a level.
    numbers: Vec<u32>,
}

impl Codes {
    fn new(levels: &[String]) -> Codes {
        let mut sorted: Vec<(&String, u32)> = levels.iter().zip(0..).collect();
        sorted.sort();
        sorted.dedup_by(|a, b| a.0 == b.0);
        let numbers = sorted.iter().map(|(_, number)| *number).collect();
        Codes { levels: sorted.into_iter().map(|(level, _)| level.clone()).collect(), numbers }
    }

    /// Missing is the empty string.
    pub(super) fn encode(&self, codes: &[u32], levels: &[String], rows: &[u32]) -> Vec<f64> {
        let number = |level: &str| {
            let found = self.levels.binary_search_by(|known| known.as_str().cmp(level));
            found.map_or(-1.0, |at| f64::from(self.numbers[at]))
        };
        let missing = number("");
        let of_row = |row: &u32| match codes[*row as usize] {
            MISSING_CODE => missing,
            code => number(&levels[code as usize]),
        };
        rows.iter().map(of_row).collect()
    }

    pub(super) fn is_sound(&self) -> bool {
        self.levels.is_sorted() && self.levels.len() == self.numbers.len()
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.levels.iter().map(|level| size_of::<String>() + level.len() + size_of::<u32>()).sum()
    }
}

/// Numbers in two columns whose sum they are.
pub(super) fn halves(numbers: &[f64], rows: &[u32]) -> Vec<f64> {
    let whole = |row: &u32| numbers[*row as usize];
    // What is left of a number that is not finite is as missing as it.
    let rest = |row: &u32| whole(row) - f64::from(whole(row) as f32);
    rows.iter().map(whole).chain(rows.iter().map(rest)).collect()
}

impl Preprocessor {
    /// One that changes nothing.
    pub(crate) fn carrying(columns: &[Carried]) -> Preprocessor {
        let feature = |carried: &Carried| {
            let encoder = match carried {
                Carried::Single => Encoder::Number,
                Carried::Double => Encoder::Halves,
                Carried::Boolean => Encoder::Boolean,
                Carried::Codes(levels) => Encoder::Codes(Codes::new(levels)),
            };
            let measures = vec![Measure::none(); encoder.measures()];
            Feature { encoder, measures, indicator: false }
        };
        Preprocessor { features: columns.iter().map(feature).collect(), products: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Kind, Values};

    #[test]
    fn what_goes_in_comes_out() {
        let levels = ["b", "", "a"].map(String::from);
        let carried = [Carried::Single, Carried::Double, Carried::Boolean, Carried::Codes(levels.to_vec())];
        let preprocessor = Preprocessor::carrying(&carried);
        let kinds = [Kind::Number, Kind::Integer, Kind::Boolean, Kind::Category];
        assert_eq!(preprocessor.check(&kinds), Ok(()));
        assert!(preprocessor.check(&[Kind::Category; 4]).is_err());
        let column = |kind, values| Column { name: "x".into(), kind, values };
        let columns = [
            column(Kind::Number, Values::Number(vec![1.5, f64::NAN, 0.1])),
            column(Kind::Integer, Values::Number(vec![123_456_789_012.0, f64::NAN, 0.1])),
            column(Kind::Boolean, Values::Boolean(vec![1, u8::MAX, 0])),
            column(
                Kind::Category,
                Values::Strings { codes: vec![0, MISSING_CODE, 1], levels: vec!["a".into(), "z".into()] },
            ),
        ];
        let matrix = preprocessor.transform(&columns.each_ref(), &[0, 1, 2]);
        assert_eq!(matrix.col(0)[0..1], [1.5]);
        let sum = f64::from(matrix.get(0, 1)) + f64::from(matrix.get(0, 2));
        assert_eq!(sum.to_bits(), 123_456_789_012f64.to_bits());
        assert!((f64::from(matrix.get(2, 1)) + f64::from(matrix.get(2, 2)) - 0.1).abs() < 1e-15);
        assert!(matrix.get(1, 0).is_nan() && matrix.get(1, 1).is_nan() && matrix.get(1, 3).is_nan());
        assert_eq!(matrix.col(4), [2.0, 1.0, -1.0]);
        let bytes = postcard::to_stdvec(&preprocessor).unwrap();
        assert_eq!(postcard::from_bytes::<Preprocessor>(&bytes).unwrap(), preprocessor);
    }
}
