//! From typed columns to the numbers that estimators learn from, fitted on training rows only.
//!
//! What becomes of a column depends on its kind and on the estimator's [`Needs`]:
//!
//! | kind | becomes |
//! |---|---|
//! | number, integer, boolean | itself; infinities count as missing |
//! | category, few levels | a column of 0 and 1 for each frequent level and one for the rare ones |
//! | category, many levels | smoothed statistics of the target per level |
//! | date-time | year, month, day, day of the week, hour (when it varies), days since the first; where the estimator asks for scaling, what turns round is a sine and a cosine |
//! | text | length, number of words, and damped counts of hashed words and pairs of words |
//!
//! Columns that are as good as constant on the training rows, or the same as another, are dropped. In a
//! table so large that these columns would fill the memory there are fewer of them.
//!
//! Then, where the estimator asks for it, missing values are replaced by the training rows' median,
//! with a column that says where, and measures (not the 0/1 columns) are brought to mean 0 and
//! variance 1; skewed numbers by a power before that, and numbers with outliers by their median and
//! quartiles instead.
//!
//! Further steps are done when a run asks for them: see [`Preprocessing`].

mod carried;
mod dates;
mod decisions;
mod encoder;
mod levels;
mod measure;
mod onnx;
mod products;
mod quantiles;
mod redundant;
mod rows;
mod score;
mod select;
mod shape;
mod steps;
mod text;

use serde::{Deserialize, Serialize};

pub(crate) use self::carried::Carried;
pub use self::decisions::Decision;
use self::encoder::{Encoded, Encoder};
use self::measure::Measure;
use self::products::Product;
use self::redundant::Reason;
pub(crate) use self::redundant::{Keys, mix};
pub(crate) use self::rows::{kept, weights};
use self::score::{Score, Scorer};
pub use self::steps::{Auto, Balance, Outliers, Preprocessing, Select};
use crate::estimators::{Needs, Target};
use crate::matrix::Matrix;
use crate::table::{Column, Kind, Values};

/// Cells of a training matrix that words, levels and indicators may fill (256 MB): with more rows and
/// columns each gets fewer columns of its own.
const CELLS: usize = 64 << 20;

/// However large the table, so many columns of its own are always possible.
const FEWEST_FLAGS: usize = 4;

/// Fitted preprocessing: one entry a feature, and products of their columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preprocessor {
    features: Vec<Feature>,
    products: Vec<Product>,
}

/// The preprocessing of version 1 of the artifact's format.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Version1 {
    features: Vec<Feature>,
}

impl From<Version1> for Preprocessor {
    fn from(old: Version1) -> Preprocessor {
        Preprocessor { features: old.features, products: Vec::new() }
    }
}

/// What one feature becomes: its measures, whether it was missing, and its 0/1 columns, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Feature {
    encoder: Encoder,
    measures: Vec<Measure>,
    indicator: bool,
}

/// What preprocessing is fitted on.
struct Fitting<'a> {
    rows: &'a [u32],
    y: &'a Target,
    needs: Needs,
    steps: &'a Preprocessing,
    seed: u64,
    most_flags: usize,
}

impl Fitting<'_> {
    /// A column's feature with its numbers; an indicator only while some are left.
    fn feature(&self, column: &Column, indicators: &mut usize) -> (Feature, Encoded) {
        let encoder = Encoder::fit(column, self.rows, self.y, self.needs, self.steps, self.most_flags);
        let encoded = self.encoded(&encoder, column);
        // Of numbers alone outliers are looked for: other measures have none.
        let fit = if matches!(encoder, Encoder::Number) { Measure::fit_robust } else { Measure::fit };
        let measures: Vec<Measure> =
            encoded.measures.chunks(self.rows.len().max(1)).map(|values| fit(values, self.needs)).collect();
        let indicator =
            !self.needs.missing && *indicators > 0 && encoded.measures.iter().any(|value| !value.is_finite());
        *indicators -= usize::from(indicator);
        (Feature { encoder, measures, indicator }, encoded)
    }

    /// The numbers of the training rows: statistics of the target are of the other folds' rows.
    fn encoded(&self, encoder: &Encoder, column: &Column) -> Encoded {
        match encoder {
            Encoder::Statistics(statistics) => Encoded {
                measures: statistics.out_of_fold(&column.values, self.rows, self.y, self.seed),
                flags: Vec::new(),
            },
            encoder => encoder.encode(&column.values, self.rows),
        }
    }

    /// Every column's feature and the matrix of those that are kept: all that are not redundant, or the
    /// most telling ones.
    fn features(&self, columns: &[&Column]) -> (Vec<Feature>, Vec<f32>) {
        let n = self.rows.len();
        let reasons = redundant::find(columns, self.rows);
        let left = reasons.iter().filter(|reason| reason.is_none()).count();
        let select = self.steps.select;
        let scorer = select::is_needed(left, n, select).then(|| Scorer::new(self.y));
        let mut indicators = most_indicators(left, n);
        let mut features = Vec::with_capacity(columns.len());
        let mut scored = Vec::new();
        let mut data = Vec::new();
        for (column, reason) in columns.iter().zip(reasons) {
            if let Some(reason) = reason {
                features.push(Feature::dropped(reason));
                scored.push(None);
                continue;
            }
            let (feature, encoded) = self.feature(column, &mut indicators);
            if let Some(scorer) = &scorer {
                let mut own = Vec::new();
                feature.write(&encoded, n, &mut own);
                let scores = own.chunks(n.max(1)).map(|column| scorer.score(column));
                let better = |a: Score, b: Score| if b.information > a.information { b } else { a };
                scored.push(Some((scores.fold(Score::NONE, better), feature.width())));
            } else {
                feature.write(&encoded, n, &mut data);
            }
            features.push(feature);
        }
        if scorer.is_some() {
            let kept = select::choose(&scored, n, select);
            for ((feature, column), kept) in features.iter_mut().zip(columns).zip(kept) {
                if kept {
                    feature.write(&self.encoded(&feature.encoder, column), n, &mut data);
                } else if !matches!(feature.encoder, Encoder::Dropped(_)) {
                    *feature = Feature::dropped(Reason::Unselected);
                }
            }
        }
        (features, data)
    }
}

impl Preprocessor {
    /// [`fit_with`](Preprocessor::fit_with) no steps beside those that columns and estimator need.
    pub fn fit(
        columns: &[&Column],
        rows: &[u32],
        y: &Target,
        needs: Needs,
        seed: u64,
    ) -> (Preprocessor, Matrix) {
        Preprocessor::fit_with(columns, rows, y, needs, &Preprocessing::default(), seed)
    }

    /// Fits on `rows` of the columns, for which `y` is the truth, one a row; returns it with those
    /// rows transformed. Statistics of the target are computed out of fold for these rows, so that
    /// no row sees its own truth.
    pub fn fit_with(
        columns: &[&Column],
        rows: &[u32],
        y: &Target,
        needs: Needs,
        steps: &Preprocessing,
        seed: u64,
    ) -> (Preprocessor, Matrix) {
        let most_flags = most_flags(columns, rows.len());
        let (features, mut data) = Fitting { rows, y, needs, steps, seed, most_flags }.features(columns);
        let mut preprocessor = Preprocessor { features, products: Vec::new() };
        if steps.interactions && !rows.is_empty() {
            let factors = preprocessor.factors();
            let scorer = Scorer::new(y);
            preprocessor.products = Product::fit(&factors, rows.len(), &mut data, &scorer, needs);
        }
        let width = preprocessor.width();
        (preprocessor, Matrix::new(rows.len(), width, data))
    }

    /// The columns of the matrix that are numbers of the table.
    fn factors(&self) -> Vec<usize> {
        let mut factors = Vec::new();
        let mut at = 0;
        for feature in &self.features {
            if feature.encoder.is_number() {
                factors.push(at);
            }
            at += feature.width();
        }
        factors
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
        for product in &self.products {
            product.append(rows.len(), &mut data);
        }
        Matrix::new(rows.len(), width, data)
    }

    /// The number of columns of the matrix.
    pub fn width(&self) -> usize {
        self.features_width() + self.products.len()
    }

    fn features_width(&self) -> usize {
        self.features.iter().map(Feature::width).sum()
    }

    /// The feature that each column of the matrix comes from, by its place; a product counts for the
    /// first of its two.
    pub fn origins(&self) -> Vec<usize> {
        let features = self.features.iter().enumerate();
        let mut origins: Vec<usize> =
            features.flat_map(|(at, feature)| std::iter::repeat_n(at, feature.width())).collect();
        let of_products: Vec<usize> =
            self.products.iter().map(|product| origins[product.left as usize]).collect();
        origins.extend(of_products);
        origins
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
            let sound = feature.measures.len() == feature.encoder.measures()
                && (!feature.indicator || !feature.measures.is_empty())
                && feature.measures.iter().all(Measure::is_sound);
            if !(feature.encoder.is_sound(*kind) && sound) {
                return Err(format!("preprocessing does not fit a feature of kind {kind:?}"));
            }
        }
        let width = self.features_width();
        if !self.products.iter().all(|product| product.is_sound(width)) {
            return Err("preprocessing multiplies columns that are not there".into());
        }
        Ok(())
    }

    /// About how many bytes it takes in memory.
    pub fn size_bytes(&self) -> usize {
        let of_feature = |feature: &Feature| {
            size_of::<Feature>()
                + feature.measures.len() * size_of::<Measure>()
                + feature.encoder.size_bytes()
        };
        self.features.iter().map(of_feature).sum::<usize>() + self.products.len() * size_of::<Product>()
    }
}

impl Feature {
    fn dropped(reason: Reason) -> Feature {
        Feature { encoder: Encoder::Dropped(reason), measures: Vec::new(), indicator: false }
    }

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

/// How many columns of 0 and 1 a column of text or categories may become.
fn most_flags(columns: &[&Column], rows: usize) -> usize {
    let wordy = columns.iter().filter(|column| matches!(column.values, Values::Strings { .. })).count();
    let a_row = CELLS / rows.max(1);
    (a_row.saturating_sub(columns.len() - wordy) / wordy.max(1)).clamp(FEWEST_FLAGS, text::BUCKETS)
}

/// How many columns may say where a value is missing.
fn most_indicators(columns: usize, rows: usize) -> usize {
    (CELLS / rows.max(1)).saturating_sub(columns).max(FEWEST_FLAGS)
}

#[cfg(test)]
mod tests;
