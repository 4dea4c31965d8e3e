//! How classes are chosen: what mistakes cost, and from which probability on.

use std::collections::BTreeMap;

use super::{CostEntry, CostSpec, RunSpec, SpecError, SpecErrorKind, near, target};
use crate::decide::{Costs, DECIDED, HIGHEST, Threshold};
use crate::metrics::{Metric, Task};

/// What a mistake costs that nobody gave a cost.
const DEFAULT: f64 = 1.0;
const FALSE_POSITIVE: &str = "false_positive";
const FALSE_NEGATIVE: &str = "false_negative";

/// The costs that were asked for, checked.
pub(super) fn costs(
    spec: &RunSpec,
    task: Task,
    metric: Metric,
    classes: &[String],
    notes: &mut Vec<String>,
) -> Result<Option<Costs>, SpecError> {
    let Some(asked) = &spec.costs else { return Ok(None) };
    if !task.is_classification() {
        return Err(contradiction(
            "costs",
            "costs are of classes, and this is a regression".into(),
            "leave costs out, or rank by another metric, such as \"mae\"".into(),
        ));
    }
    if classes.is_empty() {
        return Err(out_of_range(
            "costs".into(),
            "the target has more classes than costs can be given for".into(),
            "leave costs out, or choose a target with at most 20 classes".into(),
        ));
    }
    if asked.0.is_empty() {
        return Err(out_of_range(
            "costs".into(),
            "no costs are given".into(),
            "give one at least, or leave costs out".into(),
        ));
    }
    let matrix = matrix(asked, classes)?;
    reasonable(&matrix, classes)?;
    let costs = Costs::new(matrix);
    let chosen = match (costs.threshold(), spec.threshold) {
        (_, Some(_)) => None,
        (Some(from), None) => {
            let positive = &classes[1];
            Some(format!(
                "'{positive}' is answered from a probability of {from:.3} on, where mistakes cost least"
            ))
        }
        (None, None) => Some("the class of least expected cost is answered, not the most probable".into()),
    };
    notes.extend(chosen);
    if metric != Metric::Cost {
        notes.push(format!(
            "ranked by {}: ask for the metric \"cost\" to rank by what mistakes cost",
            metric.name()
        ));
    }
    Ok(Some(costs))
}

/// The costs of every pair of classes.
fn matrix(asked: &CostSpec, classes: &[String]) -> Result<Vec<Vec<f64>>, SpecError> {
    let right_or_wrong =
        |truth: usize| (0..classes.len()).map(move |chosen| if chosen == truth { 0.0 } else { DEFAULT });
    let mut matrix: Vec<Vec<f64>> = (0..classes.len()).map(|truth| right_or_wrong(truth).collect()).collect();
    for (name, entry) in &asked.0 {
        match entry {
            CostEntry::Mistake(cost) => {
                let (truth, chosen) = mistake(name, classes)?;
                matrix[truth][chosen] = checked(format!("costs.{name}"), *cost)?;
            }
            CostEntry::Chosen(by_class) => row(name, by_class, classes, &mut matrix)?,
        }
    }
    let mixed = asked.0.values().any(|entry| matches!(entry, CostEntry::Mistake(_)))
        && asked.0.values().any(|entry| matches!(entry, CostEntry::Chosen(_)));
    if mixed {
        return Err(contradiction(
            "costs",
            "costs are given both as of false positives and negatives, and by class".into(),
            "give them in one of the two ways".into(),
        ));
    }
    Ok(matrix)
}

/// Where the cost of such a mistake belongs.
fn mistake(name: &str, classes: &[String]) -> Result<(usize, usize), SpecError> {
    let field = format!("costs.{name}");
    let at = match name {
        FALSE_POSITIVE => (0, 1),
        FALSE_NEGATIVE => (1, 0),
        _ => {
            let detail = format!("'{name}' has a number, and is no kind of mistake");
            let remedy = format!(
                "give {FALSE_POSITIVE} and {FALSE_NEGATIVE}, or for a true class an object such as \
                 {{\"{}\": 5}}",
                classes[0]
            );
            return Err(out_of_range(field, detail, remedy));
        }
    };
    if classes.len() != 2 {
        let detail = format!("{name} is of two classes, and the target has {}", classes.len());
        let remedy = "give costs by class: {\"true class\": {\"chosen class\": 5}}".into();
        return Err(contradiction(&field, detail, remedy));
    }
    Ok(at)
}

/// The costs of one true class.
fn row(
    truth: &str,
    by_class: &BTreeMap<String, f64>,
    classes: &[String],
    matrix: &mut [Vec<f64>],
) -> Result<(), SpecError> {
    let at = place(truth, classes, format!("costs.{truth}"))?;
    for (chosen, cost) in by_class {
        let field = format!("costs.{truth}.{chosen}");
        let chosen = place(chosen, classes, field.clone())?;
        matrix[at][chosen] = checked(field, *cost)?;
    }
    Ok(())
}

fn place(name: &str, classes: &[String], field: String) -> Result<usize, SpecError> {
    classes.iter().position(|class| class == name).ok_or_else(|| {
        let near = near(name, classes.iter().map(String::as_str));
        let remedy = match near.first() {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("use one of the classes: {}", quoted(classes)),
        };
        out_of_range(field, format!("the target has no class '{name}'"), remedy)
    })
}

fn quoted(classes: &[String]) -> String {
    classes.iter().map(|class| format!("'{class}'")).collect::<Vec<_>>().join(", ")
}

fn checked(field: String, cost: f64) -> Result<f64, SpecError> {
    if (0.0..=HIGHEST).contains(&cost) {
        return Ok(cost);
    }
    Err(out_of_range(field, format!("{cost} is not possible as a cost"), format!("give 0 to {HIGHEST:.0}")))
}

/// No mistake is cheaper than being right, and of every class some mistake is dearer: else one class would
/// be answered whatever the model says.
fn reasonable(matrix: &[Vec<f64>], classes: &[String]) -> Result<(), SpecError> {
    for (truth, row) in matrix.iter().enumerate() {
        let name = &classes[truth];
        let others = || row.iter().enumerate().filter(|(chosen, _)| *chosen != truth);
        if let Some((chosen, _)) = others().find(|(_, cost)| **cost < row[truth]) {
            return Err(contradiction(
                &format!("costs.{name}.{}", classes[chosen]),
                format!("to take '{name}' for '{}' costs less than to be right", classes[chosen]),
                "make the mistake cost more, or being right less".into(),
            ));
        }
        if others().all(|(_, cost)| *cost <= row[truth]) {
            return Err(contradiction(
                "costs",
                format!("no mistake about '{name}' costs more than to be right"),
                format!("give one of '{name}' a cost above {}", row[truth]),
            ));
        }
    }
    Ok(())
}

/// Whether a threshold can be chosen as was asked for.
pub(super) fn check_threshold(spec: &RunSpec, task: Task, metric: Metric) -> Result<(), SpecError> {
    let Some(threshold) = spec.threshold else { return Ok(()) };
    if !task.is_classification() {
        return Err(contradiction(
            "threshold",
            format!("{} has no threshold", target::named(task)),
            "leave threshold out".into(),
        ));
    }
    if threshold == Threshold::Argmax {
        return Ok(());
    }
    if task != Task::Binary {
        return Err(contradiction(
            "threshold",
            "a threshold is between two classes, and the target has more".into(),
            "leave threshold out, or give costs by class".into(),
        ));
    }
    if !DECIDED.contains(&metric) {
        let names: Vec<&str> = DECIDED.iter().map(|metric| metric.name()).collect();
        return Err(contradiction(
            "threshold",
            format!("no threshold is best for the metric '{}'", metric.name()),
            format!("rank by one of: {} (which needs costs)", names.join(", ")),
        ));
    }
    Ok(())
}

fn contradiction(field: &str, detail: String, remedy: String) -> SpecError {
    SpecError { kind: SpecErrorKind::Contradiction, field: field.into(), detail, remedy }
}

fn out_of_range(field: String, detail: String, remedy: String) -> SpecError {
    SpecError { kind: SpecErrorKind::OutOfRange, field, detail, remedy }
}
