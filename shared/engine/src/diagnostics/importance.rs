//! How much worse predictions become without a feature, and how much each adds to them.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::numbers::{largest_classes, mean_and_deviation, round, rounded, sample};
use super::subject::{Replacement, Subject};
use crate::explain::Scale;
use crate::metrics::Metric;
use crate::table::Values;

/// How often each feature is shuffled, as the rows allow: the repeats, and the fewest rows for them.
const REPEATS: [(usize, usize); 3] = [(5, 500), (3, 300), (1, 100)];
const MOST_ROWS: usize = 2000;
/// The most features that are listed.
const LISTED: usize = 50;
/// The most features whose contributions are kept, and of how many rows.
const SUMMARISED: usize = 20;
const EXPLAINED_ROWS: usize = 500;
/// Contributions of fewer rows say little.
const FEWEST_EXPLAINED: usize = 20;

/// How much worse the ranking metric becomes when a feature's values are shuffled among the rows.
///
/// L. Breiman, Random forests, Machine Learning 45 (2001).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PermutationImportance {
    /// What becomes worse.
    pub metric: Metric,
    /// How many rows were predicted, each time.
    pub rows: u64,
    /// How often each feature was shuffled.
    pub repeats: u32,
    /// The features, the most important first, at most 50.
    pub features: Vec<Importance>,
}

/// A feature's importance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Importance {
    /// The column.
    pub feature: String,
    /// How much worse the metric becomes, on average over the repeats; about 0 for a feature that does
    /// not matter.
    pub mean: f64,
    /// The standard deviation over the repeats.
    pub std: f64,
}

impl PermutationImportance {
    /// The importances, and the features in their order.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn new(subject: &Subject) -> Result<(PermutationImportance, Vec<usize>), String> {
        let features = subject.columns.len();
        let held_out = subject.x.rows();
        let affordable = |repeats: usize| {
            (subject.affordable() / (features * repeats).max(1)).min(MOST_ROWS).min(held_out)
        };
        let enough = |(repeats, fewest): &&(usize, usize)| affordable(*repeats) >= (*fewest).min(held_out);
        let &(repeats, _) =
            REPEATS.iter().find(enough).ok_or("shuffling every feature would take too long")?;
        let rows = sample(held_out, affordable(repeats), subject.seed);
        let (x, y) = (subject.x.take(&rows), subject.y.take(&rows));
        let best = subject
            .score(&y, &subject.fitted.predict(&x))
            .ok_or_else(|| format!("{} is not defined on the rows held out", subject.metric.name()))?;
        let mut importances = Vec::with_capacity(features);
        for feature in 0..features {
            let mut losses = Vec::with_capacity(repeats);
            for repeat in 0..repeats {
                let mut random = ChaCha8Rng::seed_from_u64(subject.seed);
                random.set_stream((feature * repeats + repeat) as u64);
                let mut order: Vec<usize> = (0..rows.len()).collect();
                order.shuffle(&mut random);
                let shuffled = Replacement { feature, from: &|row| order[row] };
                let predictions = subject.fitted.predict(&subject.replaced(&x, rows.len(), &[shuffled]));
                losses.extend(subject.score(&y, &predictions).map(|score| subject.loss(score, best)));
            }
            let (mean, std) = mean_and_deviation(&losses);
            importances.push((feature, round(mean), round(std)));
        }
        importances.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let order = importances.iter().map(|importance| importance.0).collect();
        let listed = importances.into_iter().take(LISTED).map(|(feature, mean, std)| Importance {
            feature: subject.columns[feature].name.clone(),
            mean,
            std,
        });
        let importance = PermutationImportance {
            metric: subject.metric,
            rows: rows.len() as u64,
            repeats: repeats as u32,
            features: listed.collect(),
        };
        Ok((importance, order))
    }
}

/// How much the most important features add to predictions, row by row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ShapSummary {
    /// In which unit contributions add up.
    pub scale: Scale,
    /// The class whose contributions are shown row by row, of more than two the one with the most
    /// rows; left out for a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// How many rows were explained.
    pub rows: u64,
    /// What is predicted when nothing is known of a row.
    pub base: f64,
    /// The features, the one that adds most first, at most 20.
    pub features: Vec<ShapFeature>,
}

/// What a feature adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ShapFeature {
    /// The column.
    pub feature: String,
    /// How much it adds or takes away, on average over the rows and all classes.
    pub mean_magnitude: f64,
    /// What it adds to each row.
    pub contributions: Vec<f64>,
    /// Where each row's value lies among the others, from 0 (lowest) to 1; −1 where it is missing or
    /// has no order.
    pub values: Vec<f64>,
}

impl ShapSummary {
    /// The summary, and the features in its order.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn new(subject: &Subject) -> Result<(ShapSummary, Vec<usize>), String> {
        let rows = sample(subject.x.rows(), EXPLAINED_ROWS.min(subject.explainable()), subject.seed);
        if rows.len() < FEWEST_EXPLAINED.min(subject.x.rows()) {
            return Err("explaining enough rows would take too long".into());
        }
        let features = subject.columns.len();
        let contributions = subject
            .fitted
            .background(&subject.background())
            .and_then(|background| subject.fitted.explain(&subject.x.take(&rows), &background))
            .ok_or("this estimator's predictions cannot be shared out among the features")?
            .gathered(&subject.origins, features);
        let outputs = contributions.outputs();
        let mut magnitudes = vec![0.0; features];
        for row in 0..rows.len() {
            for output in 0..outputs {
                for (sum, part) in magnitudes.iter_mut().zip(contributions.of(row, output)) {
                    *sum += part.abs();
                }
            }
        }
        let shown = match subject.y {
            crate::estimators::Target::Classes { codes, count } if outputs > 1 => {
                largest_classes(codes, *count, 1).first().copied().unwrap_or(0)
            }
            _ => 0,
        };
        let class = if outputs > 1 { subject.classes.get(shown) } else { subject.classes.last() };
        let mut order: Vec<usize> = (0..features).collect();
        order.sort_by(|&a, &b| magnitudes[b].total_cmp(&magnitudes[a]).then(a.cmp(&b)));
        let explained = (rows.len() * outputs).max(1) as f64;
        let summarised = order.iter().take(SUMMARISED).map(|&feature| ShapFeature {
            feature: subject.columns[feature].name.clone(),
            mean_magnitude: round(magnitudes[feature] / explained),
            contributions: rounded((0..rows.len()).map(|row| contributions.of(row, shown)[feature])),
            values: rounded(places(subject, feature, &rows)),
        });
        let summary = ShapSummary {
            scale: contributions.scale(),
            class: class.cloned(),
            rows: rows.len() as u64,
            base: contributions.base(shown),
            features: summarised.collect(),
        };
        Ok((summary, order))
    }
}

/// Where each row's value lies among the others', from 0 to 1.
fn places(subject: &Subject, feature: usize, rows: &[u32]) -> Vec<f64> {
    let value = |row: &u32| {
        let row = subject.rows[*row as usize] as usize;
        match &subject.columns[feature].values {
            Values::Number(values) => values[row],
            Values::Boolean(_) | Values::Time(_) if subject.columns[feature].values.is_missing(row) => {
                f64::NAN
            }
            Values::Boolean(values) => f64::from(values[row]),
            Values::Time(values) => values[row] as f64,
            Values::Strings { .. } => f64::NAN,
        }
    };
    let values: Vec<f64> = rows.iter().map(value).collect();
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1).max(1) as f64;
    let place = |value: f64| {
        let (from, to) = (sorted.partition_point(|v| *v < value), sorted.partition_point(|v| *v <= value));
        (from + to.max(1) - 1) as f64 / 2.0 / last
    };
    values.into_iter().map(|value| if value.is_nan() { -1.0 } else { place(value) }).collect()
}
