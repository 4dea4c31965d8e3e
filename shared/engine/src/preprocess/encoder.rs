//! How one column's values become numbers.

use serde::{Deserialize, Serialize};

use super::carried::{self, Codes};
use super::dates::Dates;
use super::levels::{OneHot, Statistics};
use super::redundant::Reason;
use super::shape::Shape;
use super::steps::Preprocessing;
use super::text;
use crate::estimators::{Encoding, Needs, Target};
use crate::table::{Column, Kind, MISSING_BOOLEAN, Values};

/// Most levels that become columns of their own, for estimators that want [`Encoding::OneHot`].
const ONE_HOT_LEVELS: usize = 30;
/// The same for [`Encoding::Target`]: statistics of so few levels would tell a tree no more than
/// the levels themselves, with noise.
const ONE_HOT_LEVELS_OF_TREES: usize = 8;

/// How a column's values become numbers, before imputing and scaling. The order of variants is part
/// of the artifact's format: add at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Encoder {
    Number,
    Boolean,
    Dates(Dates),
    OneHot(OneHot),
    Statistics(Statistics),
    /// Single words. Written until version 1 of the artifact's format.
    Text {
        buckets: u32,
    },
    /// A number, clipped or straightened.
    Shaped(Shape),
    /// A date whose parts that turn round are points on circles.
    Cycles(Dates),
    /// Words, and pairs of words.
    Words {
        buckets: u32,
    },
    /// Nothing.
    Dropped(Reason),
    /// A number in two columns that `f32` holds.
    Halves,
    /// The number of a level.
    Codes(Codes),
}

/// One column's numbers, column by column: measures in full precision, not finite where missing, and
/// columns that are final.
#[derive(Default)]
pub(super) struct Encoded {
    pub(super) measures: Vec<f64>,
    pub(super) flags: Vec<f32>,
}

impl Encoder {
    pub(super) fn fit(
        column: &Column,
        rows: &[u32],
        y: &Target,
        needs: Needs,
        steps: &Preprocessing,
        most_flags: usize,
    ) -> Encoder {
        match &column.values {
            Values::Number(numbers) => {
                let values: Vec<f64> = rows.iter().map(|&row| numbers[row as usize]).collect();
                Shape::fit(&values, needs, steps.outliers).map_or(Encoder::Number, Encoder::Shaped)
            }
            Values::Boolean(_) => Encoder::Boolean,
            Values::Time(times) if needs.scaled => Encoder::Cycles(Dates::fit(times, rows)),
            Values::Time(times) => Encoder::Dates(Dates::fit(times, rows)),
            Values::Strings { .. } if column.kind == Kind::Text => {
                Encoder::Words { buckets: text::buckets(rows.len(), most_flags) as u32 }
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
    pub(super) fn measures(&self) -> usize {
        match self {
            Encoder::Number | Encoder::Boolean | Encoder::Shaped(_) | Encoder::Codes(_) => 1,
            Encoder::Halves => 2,
            Encoder::Dates(dates) => dates.width(),
            Encoder::Cycles(dates) => dates.cycles_width(),
            Encoder::OneHot(_) | Encoder::Dropped(_) => 0,
            Encoder::Statistics(statistics) => statistics.width(),
            Encoder::Text { .. } | Encoder::Words { .. } => text::MEASURES,
        }
    }

    /// The number of columns that are final.
    pub(super) fn flags(&self) -> usize {
        match self {
            Encoder::OneHot(one_hot) => one_hot.width(),
            Encoder::Text { buckets } | Encoder::Words { buckets } => *buckets as usize,
            _ => 0,
        }
    }

    pub(super) fn encode(&self, values: &Values, rows: &[u32]) -> Encoded {
        let mut encoded = Encoded::default();
        match (self, values) {
            (Encoder::Number, Values::Number(numbers)) => {
                encoded.measures.extend(rows.iter().map(|&row| numbers[row as usize]));
            }
            (Encoder::Shaped(shape), Values::Number(numbers)) => {
                encoded.measures.extend(rows.iter().map(|&row| shape.apply(numbers[row as usize])));
            }
            (Encoder::Boolean, Values::Boolean(flags)) => {
                encoded.measures.extend(rows.iter().map(|&row| match flags[row as usize] {
                    MISSING_BOOLEAN => f64::NAN,
                    flag => f64::from(flag),
                }));
            }
            (Encoder::Dates(dates), Values::Time(times)) => encoded.measures = dates.encode(times, rows),
            (Encoder::Cycles(dates), Values::Time(times)) => {
                encoded.measures = dates.encode_cycles(times, rows);
            }
            (Encoder::OneHot(one_hot), Values::Strings { codes, levels }) => {
                encoded.flags = one_hot.encode(codes, levels, rows);
            }
            (Encoder::Statistics(statistics), Values::Strings { codes, levels }) => {
                encoded.measures = statistics.encode(codes, levels, rows);
            }
            (Encoder::Text { buckets }, Values::Strings { codes, levels }) => {
                let buckets = *buckets as usize;
                (encoded.measures, encoded.flags) = text::encode(codes, levels, rows, buckets, false);
            }
            (Encoder::Words { buckets }, Values::Strings { codes, levels }) => {
                let buckets = *buckets as usize;
                (encoded.measures, encoded.flags) = text::encode(codes, levels, rows, buckets, true);
            }
            (Encoder::Dropped(_), _) => {}
            (Encoder::Halves, Values::Number(numbers)) => encoded.measures = carried::halves(numbers, rows),
            (Encoder::Codes(known), Values::Strings { codes, levels }) => {
                encoded.measures = known.encode(codes, levels, rows);
            }
            (encoder, _) => panic!("a column's values are not of the type that {encoder:?} was fitted on"),
        }
        encoded
    }

    /// Whether it is of such a column, and cannot go out of bounds.
    pub(super) fn is_sound(&self, kind: Kind) -> bool {
        match (self, kind) {
            (Encoder::Number | Encoder::Halves, Kind::Number | Kind::Integer)
            | (Encoder::Boolean, Kind::Boolean)
            | (Encoder::Dates(_) | Encoder::Cycles(_), Kind::Datetime)
            | (Encoder::Dropped(_), _) => true,
            (Encoder::Shaped(shape), Kind::Number | Kind::Integer) => shape.is_sound(),
            (Encoder::Text { buckets } | Encoder::Words { buckets }, Kind::Text) => {
                (1..=text::BUCKETS as u32).contains(buckets)
            }
            (Encoder::OneHot(one_hot), Kind::Category) => one_hot.is_sound(),
            (Encoder::Statistics(statistics), Kind::Category) => statistics.is_sound(),
            (Encoder::Codes(codes), Kind::Category) => codes.is_sound(),
            _ => false,
        }
    }

    /// Whether it is a number's.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Encoder::Number | Encoder::Shaped(_))
    }

    pub(super) fn size_bytes(&self) -> usize {
        match self {
            Encoder::OneHot(one_hot) => one_hot.size_bytes(),
            Encoder::Statistics(statistics) => statistics.size_bytes(),
            Encoder::Codes(codes) => codes.size_bytes(),
            _ => 0,
        }
    }
}
