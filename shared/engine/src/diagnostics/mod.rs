//! What a trained model gets right and wrong: computed once, when a trial is finished, on rows that it
//! did not learn from, and kept as one JSON document that plots are drawn of.
//!
//! Everything is bounded. Curves have at most 200 points, many classes are shown by the ten largest,
//! scatter is sampled, and the document stays under [`MOST_BYTES`]. What would take long is computed on
//! fewer rows, or skipped with a reason: each kind may spend about a second, counted in the work that
//! predictions take and not by a clock, so that the same model has the same diagnostics everywhere.
//!
//! What is measured on all held-out rows, however many: confusion matrix, curves, calibration,
//! residuals. On a sample: slices (20,000 rows), the learning curve (5,000), shuffling (2,000), partial
//! dependence and contributions (500), interactions (30).

mod calibration;
mod confusion;
mod curves;
mod dependence;
mod draw;
mod importance;
mod learning;
mod numbers;
pub mod report;
mod residuals;
mod slices;
mod subject;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::calibration::{Calibration, Reliability};
pub use self::confusion::ConfusionMatrix;
pub use self::curves::{LiftCurve, PrecisionRecallCurve, RocCurve};
pub use self::dependence::{DependenceCurve, Interaction, PartialDependence};
pub use self::importance::{Importance, PermutationImportance, ShapFeature, ShapSummary};
pub use self::learning::LearningCurve;
pub(crate) use self::numbers::sample;
pub use self::residuals::{PredictedVsActual, Residuals};
pub use self::slices::{Slice, Slices};
pub(crate) use self::subject::Subject;
use crate::decide::Choice;
use crate::estimators::Target;
use crate::metrics::{Metric, scores};

/// The JSON document is smaller than this.
pub const MOST_BYTES: usize = 1_000_000;
/// Names in it are cut to so many characters; there may be a few thousand of them.
const LONGEST_NAME: usize = 60;

/// A kind of diagnostic, and of plot.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Which classes are taken for which.
    ConfusionMatrix,
    /// True over false positives.
    Roc,
    /// Precision over recall.
    PrecisionRecall,
    /// Whether probabilities are what happens.
    Calibration,
    /// What is gained by taking the most probable rows first.
    Lift,
    /// How the distances from the truth are distributed.
    Residuals,
    /// Predictions beside the truth.
    PredictedVsActual,
    /// Whether more rows would help.
    LearningCurve,
    /// How much worse predictions become without a feature.
    PermutationImportance,
    /// How much each feature adds to predictions.
    ShapSummary,
    /// How predictions depend on a feature.
    PartialDependence,
    /// Which features act together.
    Interactions,
    /// Where predictions are worse.
    Slices,
}

impl Kind {
    /// Every kind, in the order in which they are shown.
    pub const ALL: [Kind; 13] = [
        Kind::ConfusionMatrix,
        Kind::Roc,
        Kind::PrecisionRecall,
        Kind::Calibration,
        Kind::Lift,
        Kind::PredictedVsActual,
        Kind::Residuals,
        Kind::PermutationImportance,
        Kind::ShapSummary,
        Kind::PartialDependence,
        Kind::Interactions,
        Kind::Slices,
        Kind::LearningCurve,
    ];

    /// The name, as in JSON and in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Kind::ConfusionMatrix => "confusion_matrix",
            Kind::Roc => "roc",
            Kind::PrecisionRecall => "precision_recall",
            Kind::Calibration => "calibration",
            Kind::Lift => "lift",
            Kind::Residuals => "residuals",
            Kind::PredictedVsActual => "predicted_vs_actual",
            Kind::LearningCurve => "learning_curve",
            Kind::PermutationImportance => "permutation_importance",
            Kind::ShapSummary => "shap_summary",
            Kind::PartialDependence => "partial_dependence",
            Kind::Interactions => "interactions",
            Kind::Slices => "slices",
        }
    }

    /// The name for people.
    pub fn label(self) -> &'static str {
        match self {
            Kind::ConfusionMatrix => "Confusion matrix",
            Kind::Roc => "ROC curve",
            Kind::PrecisionRecall => "Precision and recall",
            Kind::Calibration => "Calibration",
            Kind::Lift => "Gain and lift",
            Kind::Residuals => "Residuals",
            Kind::PredictedVsActual => "Predicted and actual",
            Kind::LearningCurve => "Learning curve",
            Kind::PermutationImportance => "Permutation importance",
            Kind::ShapSummary => "Contributions of features",
            Kind::PartialDependence => "Partial dependence",
            Kind::Interactions => "Interactions of features",
            Kind::Slices => "Slices",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// On which rows a model was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The test rows, which no fold saw.
    TestRows,
    /// The rows of the last fold, with a model fitted on the other folds: nothing was held out.
    LastFold,
}

/// A kind that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Skipped {
    /// The kind.
    pub kind: Kind,
    /// Why.
    pub reason: String,
}

/// All diagnostics of a trial. What does not suit the task, or is undefined on the rows, is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Diagnostics {
    /// On which rows they were computed.
    pub basis: Basis,
    /// How many rows these are.
    pub rows: u64,
    /// The metric that ranks the run.
    pub metric: Metric,
    /// Which classes are taken for which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion_matrix: Option<ConfusionMatrix>,
    /// True over false positives, by class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roc: Vec<RocCurve>,
    /// Precision over recall, by class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub precision_recall: Vec<PrecisionRecallCurve>,
    /// Whether probabilities are what happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// What is gained by taking the most probable rows first, by class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lift: Vec<LiftCurve>,
    /// How the distances from the truth are distributed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residuals: Option<Residuals>,
    /// Predictions beside the truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_vs_actual: Option<PredictedVsActual>,
    /// Whether more rows would help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_curve: Option<LearningCurve>,
    /// How much worse predictions become without a feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permutation_importance: Option<PermutationImportance>,
    /// How much each feature adds to predictions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shap_summary: Option<ShapSummary>,
    /// How predictions depend on the features that matter most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partial_dependence: Vec<PartialDependence>,
    /// Which of them act together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interactions: Vec<Interaction>,
    /// Where predictions are worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<Slices>,
    /// What was left out though it suits the task, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
}

impl Diagnostics {
    /// Computes everything. Takes some seconds at most, beside three fits on half the rows or fewer.
    pub(crate) fn new(subject: &Subject, basis: Basis) -> Diagnostics {
        let mut made = Diagnostics::of_predictions(
            subject.y,
            subject.predictions,
            subject.classes,
            (subject.metric, subject.seed),
            subject.choice,
            basis,
        );
        if subject.x.rows() == 0 {
            return made;
        }
        let (importance, by_importance) =
            made.kept(Kind::PermutationImportance, PermutationImportance::new(subject)).unzip();
        let (summary, by_contribution) = made.kept(Kind::ShapSummary, ShapSummary::new(subject)).unzip();
        (made.permutation_importance, made.shap_summary) = (importance, summary);
        let order = by_importance.or(by_contribution).unwrap_or_else(|| (0..subject.columns.len()).collect());
        made.partial_dependence =
            made.kept(Kind::PartialDependence, dependence::dependences(subject, &order)).unwrap_or_default();
        made.interactions =
            made.kept(Kind::Interactions, dependence::interactions(subject, &order)).unwrap_or_default();
        made.slices = made.kept(Kind::Slices, Slices::new(subject, &order));
        made.learning_curve = made.kept(Kind::LearningCurve, LearningCurve::new(subject));
        made.shorten();
        made
    }

    /// Computes what predictions alone tell, of whatever made them: the kinds before the importances.
    pub(crate) fn of_predictions(
        y: &Target,
        predictions: &[f64],
        classes: &[String],
        (metric, seed): (Metric, u64),
        choice: &Choice,
        basis: Basis,
    ) -> Diagnostics {
        let mut made = Diagnostics::empty(basis, y.len() as u64, metric);
        match y {
            _ if y.is_empty() => {}
            Target::Classes { codes, count } => {
                let chosen = choice.rule.labels(predictions, *count);
                made.classes(codes, &chosen, classes, predictions);
            }
            Target::Numbers(truth) => made.numbers(truth, y, predictions, seed),
        }
        made.shorten();
        made
    }

    fn empty(basis: Basis, rows: u64, metric: Metric) -> Diagnostics {
        Diagnostics {
            basis,
            rows,
            metric,
            confusion_matrix: None,
            roc: Vec::new(),
            precision_recall: Vec::new(),
            calibration: None,
            lift: Vec::new(),
            residuals: None,
            predicted_vs_actual: None,
            learning_curve: None,
            permutation_importance: None,
            shap_summary: None,
            partial_dependence: Vec::new(),
            interactions: Vec::new(),
            slices: None,
            skipped: Vec::new(),
        }
    }

    fn classes(&mut self, codes: &[u32], chosen: &[u32], names: &[String], probabilities: &[f64]) {
        self.confusion_matrix = ConfusionMatrix::new(codes, chosen, names);
        self.calibration = Calibration::new(codes, probabilities, names);
        let curves = curves::Curves::new(codes, probabilities, names);
        if curves.roc.is_empty() {
            for kind in [Kind::Roc, Kind::PrecisionRecall, Kind::Lift] {
                self.skip(kind, "the rows held out are all of one class".into());
            }
        }
        (self.roc, self.precision_recall, self.lift) = (curves.roc, curves.precision_recall, curves.lift);
    }

    fn numbers(&mut self, truth: &[f64], y: &Target, predictions: &[f64], seed: u64) {
        let r2 = scores(y, predictions).get(&Metric::R2).copied();
        let too_large = || "the numbers are too large to compare".to_string();
        let residuals = Residuals::new(truth, predictions).ok_or_else(too_large);
        self.residuals = self.kept(Kind::Residuals, residuals);
        let points = PredictedVsActual::new(truth, predictions, r2, seed);
        self.predicted_vs_actual = self.kept(Kind::PredictedVsActual, points.ok_or_else(too_large));
    }

    fn skip(&mut self, kind: Kind, reason: String) {
        self.skipped.push(Skipped { kind, reason });
    }

    /// What was made, or else why not is noted. JSON has no way to write a number that is not finite:
    /// such a part is not kept.
    fn kept<T: Serialize>(&mut self, kind: Kind, made: Result<T, String>) -> Option<T> {
        let finite = |made: &T| serde_json::to_value(made).is_ok_and(|value| is_finite(&value));
        match made {
            Ok(made) if finite(&made) => return Some(made),
            Ok(_) => self.skip(kind, "the numbers are too large to compare".into()),
            Err(reason) => self.skip(kind, reason),
        }
        None
    }

    /// Cuts names that are longer than anybody reads: a document is bounded only when they are.
    fn shorten(&mut self) {
        let mut names: Vec<&mut String> = Vec::new();
        names.extend(self.confusion_matrix.iter_mut().flat_map(|matrix| &mut matrix.classes));
        names.extend(self.roc.iter_mut().map(|curve| &mut curve.class));
        names.extend(self.precision_recall.iter_mut().map(|curve| &mut curve.class));
        names.extend(self.lift.iter_mut().map(|curve| &mut curve.class));
        names.extend(self.calibration.iter_mut().flat_map(|c| &mut c.curves).map(|curve| &mut curve.class));
        names.extend(
            self.permutation_importance.iter_mut().flat_map(|i| &mut i.features).map(|f| &mut f.feature),
        );
        if let Some(summary) = &mut self.shap_summary {
            names.extend(&mut summary.class);
            names.extend(summary.features.iter_mut().map(|feature| &mut feature.feature));
        }
        for dependence in &mut self.partial_dependence {
            names.push(&mut dependence.feature);
            names.extend(&mut dependence.labels);
            names.extend(dependence.curves.iter_mut().filter_map(|curve| curve.class.as_mut()));
        }
        names.extend(self.interactions.iter_mut().flat_map(|interaction| &mut interaction.features));
        for slice in self.slices.iter_mut().flat_map(|slices| &mut slices.slices) {
            names.extend([&mut slice.feature, &mut slice.values]);
        }
        for name in names {
            if let Some((end, _)) = name.char_indices().nth(LONGEST_NAME) {
                name.truncate(end);
                name.push('…');
            }
        }
    }

    /// The kinds that are there, in the order in which they are shown.
    pub fn kinds(&self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| !self.data(*kind).is_null()).collect()
    }

    /// The numbers of a kind, null when it is not there.
    pub fn data(&self, kind: Kind) -> Value {
        fn one<T: Serialize>(part: Option<&T>) -> Value {
            serde_json::to_value(part).unwrap_or(Value::Null)
        }
        fn many<T: Serialize>(parts: &[T]) -> Value {
            if parts.is_empty() { Value::Null } else { serde_json::to_value(parts).unwrap_or(Value::Null) }
        }
        match kind {
            Kind::ConfusionMatrix => one(self.confusion_matrix.as_ref()),
            Kind::Roc => many(&self.roc),
            Kind::PrecisionRecall => many(&self.precision_recall),
            Kind::Calibration => one(self.calibration.as_ref()),
            Kind::Lift => many(&self.lift),
            Kind::Residuals => one(self.residuals.as_ref()),
            Kind::PredictedVsActual => one(self.predicted_vs_actual.as_ref()),
            Kind::LearningCurve => one(self.learning_curve.as_ref()),
            Kind::PermutationImportance => one(self.permutation_importance.as_ref()),
            Kind::ShapSummary => one(self.shap_summary.as_ref()),
            Kind::PartialDependence => many(&self.partial_dependence),
            Kind::Interactions => many(&self.interactions),
            Kind::Slices => one(self.slices.as_ref()),
        }
    }

    /// A kind as a drawing: SVG that scales, and that is readable on light and on dark. `None` when
    /// the kind is not there.
    pub fn svg(&self, kind: Kind) -> Option<String> {
        draw::draw(self, kind)
    }
}

/// Whether all numbers could be written: those that are not finite became null.
fn is_finite(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(values) => values.iter().all(is_finite),
        Value::Object(values) => values.values().all(is_finite),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
