//! How predictions depend on a feature, and on two at once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::numbers::{CLASSES, largest_classes, round, rounded, sample};
use super::subject::{Replacement, Subject};
use crate::estimators::Target;
use crate::matrix::Matrix;
use crate::table::{Kind, Values};

/// The features that are looked at: those that matter most.
const FEATURES: usize = 6;
/// The most values of a feature.
const GRID: usize = 30;
/// The most values of a category.
const LEVELS: usize = 15;
const MOST_ROWS: usize = 500;
/// A mean over fewer rows says little.
const FEWEST_ROWS: usize = 30;
/// The features whose pairs are looked at.
const PAIRED: usize = 5;
/// The most values of each feature of a pair, and the fewest.
const PAIR_ROWS: (usize, usize) = (30, 10);

/// The mean prediction when a feature has the same value in every row.
///
/// J. Friedman, Greedy function approximation, Annals of Statistics 29 (2001).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PartialDependence {
    /// The feature.
    pub feature: String,
    /// The values that it was given, ascending, when they are numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<f64>,
    /// The values that it was given, when they are something else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// A curve for each output that is shown.
    pub curves: Vec<DependenceCurve>,
}

/// The mean prediction of one output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DependenceCurve {
    /// The class whose probability it is; left out for a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The mean prediction for each value.
    pub mean: Vec<f64>,
}

/// How much of the joint effect of two features is not the sum of their own.
///
/// J. Friedman and B. Popescu, Predictive learning via rule ensembles, Annals of Applied Statistics 2
/// (2008): the H-statistic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Interaction {
    /// The two features.
    pub features: [String; 2],
    /// The H-statistic: from 0, where their effects add up, to about 1, where neither has one without
    /// the other. It may be large for two features that hardly matter: then the effect is small.
    pub strength: f64,
    /// How far predictions are from the sum of both effects: the root of the mean square, in the
    /// prediction's unit.
    pub effect: f64,
}

/// A value that a feature is given: as it is shown, and a row that has it.
struct Given {
    number: f64,
    label: String,
    row: usize,
}

/// The dependence on the features that matter most, in `order`.
///
/// # Errors
/// Why there is none.
pub(super) fn dependences(subject: &Subject, order: &[usize]) -> Result<Vec<PartialDependence>, String> {
    let rows = (subject.affordable() / (FEATURES * GRID)).min(MOST_ROWS);
    if rows < FEWEST_ROWS.min(subject.x.rows()) {
        return Err("predicting the same rows with every value would take too long".into());
    }
    let rows = sample(subject.x.rows(), rows, subject.seed);
    let x = subject.x.take(&rows);
    let outputs = Outputs::new(subject);
    let plain = order.iter().copied().filter(|&feature| subject.is_plain(feature));
    let dependences: Vec<PartialDependence> = plain
        .take(FEATURES)
        .filter_map(|feature| {
            let given = given(subject, feature, &rows);
            (given.len() > 1).then(|| dependence(subject, feature, &x, given, &outputs))
        })
        .collect();
    if dependences.is_empty() { Err("no feature has two values to compare".into()) } else { Ok(dependences) }
}

fn dependence(
    subject: &Subject,
    feature: usize,
    x: &Matrix,
    given: Vec<Given>,
    outputs: &Outputs,
) -> PartialDependence {
    let mut curves: Vec<DependenceCurve> = outputs.curves();
    for value in &given {
        let replacement = Replacement { feature, from: &|_| value.row };
        let means = outputs.means(subject, &subject.replaced(x, x.rows(), &[replacement]), x.rows());
        for (curve, mean) in curves.iter_mut().zip(means) {
            curve.mean.push(round(mean));
        }
    }
    let is_number = matches!(subject.columns[feature].kind, Kind::Number | Kind::Integer);
    PartialDependence {
        feature: subject.columns[feature].name.clone(),
        numbers: if is_number { rounded(given.iter().map(|value| value.number)) } else { Vec::new() },
        labels: if is_number { Vec::new() } else { given.into_iter().map(|value| value.label).collect() },
        curves,
    }
}

/// The strengths of the pairs of the features that matter most, the one with the largest effect first.
///
/// # Errors
/// Why there are none.
pub(super) fn interactions(subject: &Subject, order: &[usize]) -> Result<Vec<Interaction>, String> {
    let features: Vec<usize> =
        order.iter().copied().filter(|&feature| subject.is_plain(feature)).take(PAIRED).collect();
    if features.len() < 2 {
        return Err("there are no two features to compare".into());
    }
    let tables = features.len() * (features.len() + 1) / 2;
    let n = ((subject.affordable() / tables) as f64).sqrt() as usize;
    if n < PAIR_ROWS.1 {
        return Err("predicting every pair of values would take too long".into());
    }
    let rows = sample(subject.x.rows(), n.min(PAIR_ROWS.0), subject.seed);
    let (n, x, outputs) = (rows.len(), subject.x.take(&rows), Outputs::new(subject));
    // Every row in its own place with the features of each row in turn: n × n predictions.
    let effect = |features: &[usize]| {
        let from = |row: usize| row / n;
        let replace: Vec<Replacement> =
            features.iter().map(|&feature| Replacement { feature, from: &from }).collect();
        outputs.centred(subject, &subject.replaced(&x, n * n, &replace), n)
    };
    let alone: Vec<Vec<f64>> = features.iter().map(|feature| effect(&[*feature])).collect();
    let largest = subject.predictions.iter().fold(1e-300, |largest: f64, value| largest.max(value.abs()));
    let noise = 1e-20 * largest * largest;
    let mut interactions = Vec::new();
    for first in 0..features.len() {
        for second in first + 1..features.len() {
            let both = effect(&[features[first], features[second]]);
            let rest = both.iter().zip(&alone[first]).zip(&alone[second]).map(|((both, a), b)| both - a - b);
            let (rest, whole) = (squares(rest), squares(both.iter().copied()));
            // Rounding of predictions that do not change is no interaction.
            let rest = if rest > noise { rest } else { 0.0 };
            let strength = if whole > noise { (rest / whole).sqrt() } else { 0.0 };
            let name = |at: usize| subject.columns[features[at]].name.clone();
            interactions.push(Interaction {
                features: [name(first), name(second)],
                strength: round(strength),
                effect: round((rest / both.len() as f64).sqrt()),
            });
        }
    }
    interactions.sort_by(|a, b| b.effect.total_cmp(&a.effect));
    Ok(interactions)
}

fn squares(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum()
}

/// The outputs that are shown: of two classes the second, of many the largest ones.
struct Outputs {
    width: usize,
    shown: Vec<usize>,
    classes: Vec<Option<String>>,
}

impl Outputs {
    fn new(subject: &Subject) -> Outputs {
        let shown = match subject.y {
            Target::Numbers(_) => vec![0],
            Target::Classes { count: 2, .. } => vec![1],
            Target::Classes { codes, count } => largest_classes(codes, *count, CLASSES),
        };
        let classes = shown.iter().map(|&output| subject.classes.get(output).cloned()).collect();
        Outputs { width: subject.y.outputs(), shown, classes }
    }

    fn curves(&self) -> Vec<DependenceCurve> {
        self.classes.iter().map(|class| DependenceCurve { class: class.clone(), mean: Vec::new() }).collect()
    }

    /// The mean of each output over each `n` rows, group by group.
    fn means(&self, subject: &Subject, x: &Matrix, n: usize) -> Vec<f64> {
        let predictions = subject.fitted.predict(x);
        let groups = predictions.chunks_exact(n * self.width);
        let mean = |group: &[f64], output: usize| {
            group.iter().skip(output).step_by(self.width).map(|value| value / n as f64).sum::<f64>()
        };
        groups.flat_map(|group| self.shown.iter().map(move |&output| mean(group, output))).collect()
    }

    /// The same, each output less its mean over the groups.
    fn centred(&self, subject: &Subject, x: &Matrix, n: usize) -> Vec<f64> {
        let mut means = self.means(subject, x, n);
        let shown = self.shown.len();
        for output in 0..shown {
            let of_output = means.iter().skip(output).step_by(shown);
            let mean = of_output.sum::<f64>() / (means.len() / shown) as f64;
            means.iter_mut().skip(output).step_by(shown).for_each(|value| *value -= mean);
        }
        means
    }
}

/// The values that a feature is given: of a number quantiles, of anything else the most frequent.
fn given(subject: &Subject, feature: usize, rows: &[u32]) -> Vec<Given> {
    let column = subject.columns[feature];
    let in_table = |at: usize| subject.rows[rows[at] as usize] as usize;
    let present = (0..rows.len()).filter(|&at| !column.values.is_missing(in_table(at)));
    let ordered = |value: &dyn Fn(usize) -> f64, label: &dyn Fn(usize) -> String| {
        let mut places: Vec<usize> = present.clone().filter(|&at| value(in_table(at)).is_finite()).collect();
        places.sort_by(|&a, &b| value(in_table(a)).total_cmp(&value(in_table(b))));
        let last = places.len().saturating_sub(1);
        let steps = GRID.min(places.len()).saturating_sub(1).max(1);
        let quantiles = (0..=steps).filter_map(|step| places.get(last * step / steps)).map(|&row| {
            let at = in_table(row);
            Given { number: value(at), label: label(at), row }
        });
        let mut given: Vec<Given> = quantiles.collect();
        given.dedup_by(|a, b| a.number.total_cmp(&b.number).is_eq());
        given
    };
    match &column.values {
        Values::Number(values) => ordered(&|at| values[at], &|at| values[at].to_string()),
        Values::Time(values) => ordered(&|at| values[at] as f64, &|at| day(values[at])),
        Values::Boolean(values) => ordered(&|at| f64::from(values[at]), &|at| (values[at] == 1).to_string()),
        Values::Strings { codes, levels } => {
            let mut found: Vec<(usize, usize)> = vec![(0, 0); levels.len()];
            for at in present {
                let (count, row) = &mut found[codes[in_table(at)] as usize];
                (*count, *row) = (*count + 1, at);
            }
            let mut seen: Vec<usize> = (0..levels.len()).filter(|&level| found[level].0 > 0).collect();
            seen.sort_by_key(|&level| (std::cmp::Reverse(found[level].0), &levels[level]));
            seen.truncate(LEVELS);
            let level =
                |level: usize| Given { number: 0.0, label: levels[level].clone(), row: found[level].1 };
            seen.into_iter().map(level).collect()
        }
    }
}

/// A time as a day.
pub(super) fn day(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(
        |_| micros.to_string(),
        |time| jiff::tz::TimeZone::UTC.to_datetime(time).date().to_string(),
    )
}
