//! What boosted trees minimise, and the labels that they see of it.

use hessboost::config::TrainingParamsBuilder;
use hessboost::metric::EvalMetric;
use hessboost::objective::{Multiclass, Objective, Quantiles, RegLoss, Tweedie};

use super::{Domain, Fit, FitError, Parameter, Search, Target};
use crate::trees::{Outcome, moments};

pub(super) const OBJECTIVE: Parameter = Parameter {
    name: "objective",
    domain: Domain::Choice {
        of: &["squared", "absolute", "quantile", "poisson", "tweedie"],
        default: "squared",
    },
    search: Search::Fixed,
    doc: "What predictions of numbers minimise: the squared or absolute error; the error of a quantile; the \
          deviance of counts (poisson) or of amounts that are often 0 (tweedie), which cannot be negative",
};

pub(super) const QUANTILE: Parameter = Parameter {
    name: "quantile",
    domain: Domain::Number { min: 0.001, max: 0.999, default: 0.5 },
    search: Search::Fixed,
    doc: "The share of rows that lie below predictions, with the objective quantile",
};

pub(super) const TWEEDIE_POWER: Parameter = Parameter {
    name: "tweedie_power",
    domain: Domain::Number { min: 1.01, max: 1.99, default: 1.5 },
    search: Search::Fixed,
    doc: "How the variance grows with the mean, with the objective tweedie: near 1 as of counts, near 2 as of \
          amounts",
};

/// What is predicted, and the labels that the trees are grown on.
pub(super) fn labels(fit: &Fit) -> Result<(Outcome, Vec<f32>), FitError> {
    match fit.y {
        Target::Numbers(values) => match fit.params.choice("objective") {
            word @ ("poisson" | "tweedie") => amounts(word, values, fit.weights),
            _ => numbers(values, fit.weights),
        },
        Target::Classes { .. } if fit.params.choice("objective") != "squared" => {
            Err(FitError::Unsuitable("'objective' is for numbers: leave it out when learning classes".into()))
        }
        Target::Classes { count: 0 | 1, .. } => {
            Err(FitError::Unsuitable("there is only one class to learn".into()))
        }
        Target::Classes { codes, count } => {
            let outcome = if *count == 2 { Outcome::Binary } else { Outcome::Classes(*count as u32) };
            Ok((outcome, codes.iter().map(|&code| code as f32).collect()))
        }
    }
}

/// Numbers centred and scaled, which these objectives follow.
fn numbers(values: &[f64], weights: Option<&[f32]>) -> Result<(Outcome, Vec<f32>), FitError> {
    let (offset, scale) = moments(values, weights)?;
    let unit = if scale > 0.0 { scale } else { 1.0 };
    let labels = values.iter().map(|value| ((value - offset) / unit) as f32).collect();
    Ok((Outcome::Number { offset, scale }, labels))
}

/// Amounts as multiples of their mean: these objectives know a zero, and no unit.
fn amounts(word: &str, values: &[f64], weights: Option<&[f32]>) -> Result<(Outcome, Vec<f32>), FitError> {
    if let Some(row) = values.iter().position(|&value| value < 0.0) {
        return Err(FitError::Unsuitable(format!(
            "the objective '{word}' takes no negative target, and one is {}: use 'squared' or 'absolute'",
            values[row]
        )));
    }
    let (mean, _) = moments(values, weights)?;
    // When all are 0 so are predictions, whatever multiples of it.
    let multiple = |value: &f64| if mean > 0.0 { (value / mean) as f32 } else { 1.0 };
    Ok((Outcome::Number { offset: 0.0, scale: mean }, values.iter().map(multiple).collect()))
}

/// Sets the objective. Early stopping goes by its own metric: the root of the squared error, the absolute
/// error, the quantile's error, the log likelihood.
pub(super) fn set_objective(
    builder: TrainingParamsBuilder,
    fit: &Fit,
    outcome: Outcome,
) -> Result<TrainingParamsBuilder, FitError> {
    Ok(match outcome {
        Outcome::Number { .. } => match fit.params.choice("objective") {
            // Leaves hold a step of Newton's towards the median or quantile of their rows: these themselves
            // (the crate's exact leaves) follow the few rows of small ones, outliers among them.
            "absolute" => builder.objective(Objective::AbsoluteError),
            "quantile" => {
                builder.objective(Objective::Quantile(Quantiles::new([fit.params.number("quantile")])?))
            }
            "poisson" => builder.objective(Objective::Poisson),
            "tweedie" => {
                builder.objective(Objective::Tweedie(Tweedie::new(fit.params.number("tweedie_power"))?))
            }
            _ => builder.objective(Objective::SquaredError(RegLoss::default())),
        },
        Outcome::Binary => {
            builder.objective(Objective::BinaryLogistic(RegLoss::default())).eval_metric(EvalMetric::LogLoss)
        }
        Outcome::Classes(count) => builder
            .objective(Objective::Softprob(Multiclass::new(count as usize)?))
            .eval_metric(EvalMetric::MLogLoss),
    })
}

/// Whether a model of this objective learns the logarithms of what it predicts.
pub(super) fn is_logarithm(objective: &Objective) -> bool {
    matches!(objective, Objective::Poisson | Objective::Tweedie(_))
}

/// Whether a model of this objective predicts such outcomes from one score (or one for each class).
pub(super) fn predicts(objective: &Objective, outcome: Outcome) -> bool {
    match (outcome, objective) {
        (Outcome::Number { .. }, Objective::Quantile(quantiles)) => quantiles.alpha().len() == 1,
        (
            Outcome::Number { .. },
            Objective::SquaredError(_)
            | Objective::AbsoluteError
            | Objective::Poisson
            | Objective::Tweedie(_),
        )
        | (Outcome::Binary, Objective::BinaryLogistic(_))
        | (Outcome::Classes(_), Objective::Softprob(_)) => true,
        _ => false,
    }
}
