//! From typed columns to the numbers that estimators learn from, fitted on training rows only.
//!
//! What becomes of a column depends on its kind and on the estimator's [`Needs`]:
//!
//! | kind | becomes |
//! |---|---|
//! | number, integer, boolean | itself; infinities count as missing |
//! | category, few levels | a column of 0 and 1 for each frequent level and one for the rare ones |
//! | category, many levels | smoothed statistics of the target per level |
//! | date-time | year, month, day, day of the week, hour (when it varies), days since the first |
//! | text | length, number of words, and counts of hashed words |
//!
//! In a table so large that these columns would fill the memory there are fewer of them.
//!
//! Then, where the estimator asks for it, missing values are replaced by the training rows' median,
//! with a column that says where, and measures (not the 0/1 columns) are brought to mean 0 and
//! variance 1.

mod dates;
mod levels;
mod measure;
mod text;

use serde::{Deserialize, Serialize};

use self::dates::Dates;
use self::levels::{OneHot, Statistics};
use self::measure::Measure;
use crate::estimators::{Encoding, Needs, Target};
use crate::matrix::Matrix;
use crate::table::{Column, Kind, MISSING_BOOLEAN, Values};

/// Most levels that become columns of their own, for estimators that want [`Encoding::OneHot`].
const ONE_HOT_LEVELS: usize = 30;
/// The same for [`Encoding::Target`]: statistics of so few levels would tell a tree no more than
/// the levels themselves, with noise.
const ONE_HOT_LEVELS_OF_TREES: usize = 8;

/// Cells of a training matrix that words and levels may fill (256 MB): with more rows and columns each
/// gets fewer columns of its own.
const CELLS: usize = 64 << 20;

/// However large the table, so many columns of its own are always possible.
const FEWEST_FLAGS: usize = 4;

/// Fitted preprocessing: one entry a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preprocessor {
    features: Vec<Feature>,
}

/// What one feature becomes: its measures, whether it was missing, and its 0/1 columns, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Feature {
    encoder: Encoder,
    measures: Vec<Measure>,
    indicator: bool,
}

/// How a column's values become numbers, before imputing and scaling. The order of variants is part
/// of the artifact's format: add at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Encoder {
    Number,
    Boolean,
    Dates(Dates),
    OneHot(OneHot),
    Statistics(Statistics),
    Text { buckets: u32 },
}

impl Preprocessor {
    /// Fits on `rows` of the columns, for which `y` is the truth, one a row; returns it with those
    /// rows transformed. Statistics of the target are computed out of fold for these rows, so that
    /// no row sees its own truth.
    pub fn fit(
        columns: &[&Column],
        rows: &[u32],
        y: &Target,
        needs: Needs,
        seed: u64,
    ) -> (Preprocessor, Matrix) {
        let mut features = Vec::with_capacity(columns.len());
        let mut data = Vec::new();
        let most = most_flags(columns, rows.len());
        for column in columns {
            let encoder = Encoder::fit(column, rows, y, needs, most);
            let mut encoded = encoder.encode(&column.values, rows);
            if let Encoder::Statistics(statistics) = &encoder {
                encoded.measures = statistics.out_of_fold(&column.values, rows, y, seed);
            }
            let measures: Vec<Measure> = encoded
                .measures
                .chunks(rows.len().max(1))
                .map(|values| Measure::fit(values, needs))
                .collect();
            let indicator = !needs.missing && encoded.measures.iter().any(|value| !value.is_finite());
            let feature = Feature { encoder, measures, indicator };
            feature.write(&encoded, rows.len(), &mut data);
            features.push(feature);
        }
        let preprocessor = Preprocessor { features };
        let width = preprocessor.width();
        (preprocessor, Matrix::new(rows.len(), width, data))
    }

    /// Transforms rows of columns that have the same kinds as those it was fitted on, in the same
    /// order.
    ///
    /// # Panics
    /// When a column's values are of another type, or a row does not exist.
    pub fn transform(&self, columns: &[&Column], rows: &[u32]) -> Matrix {
        let width = self.width();
        let mut data = Vec::with_capacity(width * rows.len());
        for (feature, column) in self.features.iter().zip(columns) {
            feature.write(&feature.encoder.encode(&column.values, rows), rows.len(), &mut data);
        }
        Matrix::new(rows.len(), width, data)
    }

    /// The number of columns of the matrix.
    pub fn width(&self) -> usize {
        self.features.iter().map(Feature::width).sum()
    }

    /// The feature that each column of the matrix comes from, by its place.
    pub fn origins(&self) -> Vec<usize> {
        let features = self.features.iter().enumerate();
        features.flat_map(|(at, feature)| std::iter::repeat_n(at, feature.width())).collect()
    }

    /// Makes sure that transforming columns of these kinds cannot go out of bounds, for
    /// preprocessing that was read from bytes.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, kinds: &[Kind]) -> Result<(), String> {
        if kinds.len() != self.features.len() {
            return Err("preprocessing is of another number of features".into());
        }
        for (feature, kind) in self.features.iter().zip(kinds) {
            let fits = match (&feature.encoder, kind) {
                (Encoder::Number, Kind::Number | Kind::Integer)
                | (Encoder::Boolean, Kind::Boolean)
                | (Encoder::Dates(_), Kind::Datetime) => true,
                (Encoder::Text { buckets }, Kind::Text) => (1..=text::BUCKETS as u32).contains(buckets),
                (Encoder::OneHot(one_hot), Kind::Category) => one_hot.is_sound(),
                (Encoder::Statistics(statistics), Kind::Category) => statistics.is_sound(),
                _ => false,
            };
            let sound = feature.measures.len() == feature.encoder.measures()
                && (!feature.indicator || !feature.measures.is_empty())
                && feature.measures.iter().all(Measure::is_sound);
            if !(fits && sound) {
                return Err(format!("preprocessing does not fit a feature of kind {kind:?}"));
            }
        }
        Ok(())
    }

    /// About how many bytes it takes in memory.
    pub fn size_bytes(&self) -> usize {
        self.features
            .iter()
            .map(|feature| {
                let levels = match &feature.encoder {
                    Encoder::OneHot(one_hot) => one_hot.size_bytes(),
                    Encoder::Statistics(statistics) => statistics.size_bytes(),
                    _ => 0,
                };
                size_of::<Feature>() + feature.measures.len() * size_of::<Measure>() + levels
            })
            .sum()
    }
}

impl Feature {
    fn width(&self) -> usize {
        self.measures.len() + usize::from(self.indicator) + self.encoder.flags()
    }

    /// Appends this feature's columns of the matrix.
    fn write(&self, encoded: &Encoded, rows: usize, data: &mut Vec<f32>) {
        if rows == 0 {
            return;
        }
        for (measure, values) in self.measures.iter().zip(encoded.measures.chunks(rows)) {
            data.extend(values.iter().map(|value| measure.apply(*value)));
        }
        if self.indicator {
            data.extend(encoded.measures[..rows].iter().map(|value| f32::from(u8::from(!value.is_finite()))));
        }
        data.extend_from_slice(&encoded.flags);
    }
}

/// One column's numbers, column by column: measures in full precision, not finite where missing, and
/// 0/1 columns, which are final.
#[derive(Default)]
struct Encoded {
    measures: Vec<f64>,
    flags: Vec<f32>,
}

impl Encoder {
    fn fit(column: &Column, rows: &[u32], y: &Target, needs: Needs, most_flags: usize) -> Encoder {
        match &column.values {
            Values::Number(_) => Encoder::Number,
            Values::Boolean(_) => Encoder::Boolean,
            Values::Time(times) => Encoder::Dates(Dates::fit(times, rows)),
            Values::Strings { .. } if column.kind == Kind::Text => {
                Encoder::Text { buckets: text::BUCKETS.min(most_flags) as u32 }
            }
            Values::Strings { codes, levels } => {
                let limit = match needs.categories {
                    Encoding::OneHot => ONE_HOT_LEVELS,
                    Encoding::Target => ONE_HOT_LEVELS_OF_TREES,
                };
                let one_hot = OneHot::fit(codes, levels, rows, limit.min(most_flags));
                one_hot.map_or_else(
                    || Encoder::Statistics(Statistics::fit(codes, levels, rows, y)),
                    Encoder::OneHot,
                )
            }
        }
    }

    /// The number of columns that are imputed and scaled.
    fn measures(&self) -> usize {
        match self {
            Encoder::Number | Encoder::Boolean => 1,
            Encoder::Dates(dates) => dates.width(),
            Encoder::OneHot(_) => 0,
            Encoder::Statistics(statistics) => statistics.width(),
            Encoder::Text { .. } => text::MEASURES,
        }
    }

    /// The number of columns that are final.
    fn flags(&self) -> usize {
        match self {
            Encoder::OneHot(one_hot) => one_hot.width(),
            Encoder::Text { buckets } => *buckets as usize,
            _ => 0,
        }
    }

    fn encode(&self, values: &Values, rows: &[u32]) -> Encoded {
        let mut encoded = Encoded::default();
        match (self, values) {
            (Encoder::Number, Values::Number(numbers)) => {
                encoded.measures.extend(rows.iter().map(|&row| numbers[row as usize]));
            }
            (Encoder::Boolean, Values::Boolean(flags)) => {
                encoded.measures.extend(rows.iter().map(|&row| match flags[row as usize] {
                    MISSING_BOOLEAN => f64::NAN,
                    flag => f64::from(flag),
                }));
            }
            (Encoder::Dates(dates), Values::Time(times)) => encoded.measures = dates.encode(times, rows),
            (Encoder::OneHot(one_hot), Values::Strings { codes, levels }) => {
                encoded.flags = one_hot.encode(codes, levels, rows);
            }
            (Encoder::Statistics(statistics), Values::Strings { codes, levels }) => {
                encoded.measures = statistics.encode(codes, levels, rows);
            }
            (Encoder::Text { buckets }, Values::Strings { codes, levels }) => {
                (encoded.measures, encoded.flags) = text::encode(codes, levels, rows, *buckets as usize);
            }
            (encoder, _) => panic!("a column's values are not of the type that {encoder:?} was fitted on"),
        }
        encoded
    }
}

/// How many columns of 0 and 1 a column of text or categories may become.
fn most_flags(columns: &[&Column], rows: usize) -> usize {
    let wordy = columns.iter().filter(|column| matches!(column.values, Values::Strings { .. })).count();
    let a_row = CELLS / rows.max(1);
    (a_row.saturating_sub(columns.len() - wordy) / wordy.max(1)).clamp(FEWEST_FLAGS, text::BUCKETS)
}

#[cfg(test)]
mod tests;
