//! What is tried.

use super::RunSpec;
use super::{SpecError, SpecErrorKind, TrialSpec, counted, near, target};
use crate::estimators::{ALL, Estimator, find};
use crate::metrics::Task;

/// The baseline that is kept whatever else is cut.
const BASELINE: &str = "dummy";
/// How much less promising each further set of parameters of one estimator is.
const FURTHER: u32 = 15;

/// The estimators' own trials, cheap first; of more than `max_trials` the most promising and the
/// baseline.
pub(super) fn choose(
    spec: &RunSpec,
    task: Task,
    rows: u64,
    notes: &mut Vec<String>,
) -> Result<Vec<TrialSpec>, SpecError> {
    let estimators = match &spec.estimators {
        Some(names) => named(names, task)?,
        None => suitable(task, rows, notes),
    };
    let mut candidates: Vec<Candidate> = estimators
        .iter()
        .flat_map(|estimator| {
            estimator.trials(rows).into_iter().zip(0u32..).map(|(params, place)| Candidate {
                cost: estimator.cost(),
                baseline: estimator.name() == BASELINE,
                promise: u32::from(estimator.promise()).saturating_sub(place * FURTHER),
                trial: TrialSpec::new(estimator.name(), params),
            })
        })
        .collect();
    if let Some(most) = spec.max_trials {
        if most == 0 {
            return Err(SpecError {
                kind: SpecErrorKind::OutOfRange,
                field: "max_trials".into(),
                detail: "no trials are asked for".into(),
                remedy: "give 1 or more, or leave max_trials out".into(),
            });
        }
        candidates.sort_by_key(|candidate| {
            (!(candidate.baseline && most > 1), std::cmp::Reverse(candidate.promise))
        });
        candidates.truncate(most as usize);
    }
    candidates.sort_by_key(|candidate| candidate.cost);
    Ok(candidates.into_iter().map(|candidate| candidate.trial).collect())
}

struct Candidate {
    cost: u8,
    baseline: bool,
    promise: u32,
    trial: TrialSpec,
}

fn suitable(task: Task, rows: u64, notes: &mut Vec<String>) -> Vec<&'static dyn Estimator> {
    let learns = ALL.iter().copied().filter(|estimator| estimator.tasks().contains(&task));
    learns
        .filter(|estimator| {
            let fits = estimator.row_limit().is_none_or(|limit| rows <= limit);
            if !fits {
                notes.push(format!(
                    "{} is left out: slow on {}; name it in \"estimators\" to try it all the same",
                    estimator.name(),
                    counted(rows)
                ));
            }
            fits
        })
        .collect()
}

fn named(names: &[String], task: Task) -> Result<Vec<&'static dyn Estimator>, SpecError> {
    let known: Vec<&str> = ALL
        .iter()
        .filter(|estimator| estimator.tasks().contains(&task))
        .map(|estimator| estimator.name())
        .collect();
    let fault = |kind, index: Option<usize>, detail| SpecError {
        kind,
        field: index.map_or_else(|| "estimators".into(), |index| format!("estimators[{index}]")),
        detail,
        remedy: format!("use any of: {}", known.join(", ")),
    };
    if names.is_empty() {
        return Err(fault(SpecErrorKind::OutOfRange, None, "no estimators are asked for".into()));
    }
    let mut estimators: Vec<&'static dyn Estimator> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let Some(estimator) = find(name) else {
            let near = near(name, known.iter().copied());
            let meant = near.first().map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
            let detail = format!("there is no estimator '{name}'{meant}");
            return Err(fault(SpecErrorKind::EstimatorUnknown, Some(index), detail));
        };
        if !estimator.tasks().contains(&task) {
            let detail = format!("'{name}' does not learn {}", target::named(task));
            return Err(fault(SpecErrorKind::EstimatorUnknown, Some(index), detail));
        }
        if estimators.iter().all(|other| other.name() != estimator.name()) {
            estimators.push(estimator);
        }
    }
    Ok(estimators)
}
