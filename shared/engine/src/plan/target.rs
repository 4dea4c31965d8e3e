//! What there is to learn from a target.

use super::{FEWEST_ROWS, SpecError, SpecErrorKind, counted, near};
use crate::metrics::Task;
use crate::table::{ColumnProfile, Kind, Profile, TopValue};

/// Most classes that can be learned.
const MOST_CLASSES: u64 = 1000;
/// A whole number with so many values at most may be a class.
const FEW_VALUES: u64 = 20;

pub(super) fn find<'a>(profile: &'a Profile, name: &str) -> Result<&'a ColumnProfile, SpecError> {
    named_column(profile, name, SpecErrorKind::TargetMissing, "target")
}

/// The column of that name, or an error with the names most like it.
pub(super) fn named_column<'a>(
    profile: &'a Profile,
    name: &str,
    kind: SpecErrorKind,
    field: &str,
) -> Result<&'a ColumnProfile, SpecError> {
    profile.columns.iter().find(|column| column.name == name).ok_or_else(|| {
        let names = || profile.columns.iter().map(|column| column.name.as_str());
        let near = near(name, names());
        let remedy = if near.is_empty() {
            let first: Vec<_> = names().take(20).map(|name| format!("'{name}'")).collect();
            let more = if profile.columns.len() > first.len() { ", …" } else { "" };
            format!("use one of the columns: {}{more}", first.join(", "))
        } else {
            format!(
                "did you mean {}?",
                near.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(" or ")
            )
        };
        SpecError { kind, field: field.into(), detail: format!("there is no column '{name}'"), remedy }
    })
}

/// Refuses what cannot be learned as any task.
pub(super) fn check(column: &ColumnProfile, rows: u64) -> Result<(), SpecError> {
    let name = &column.name;
    let another = "choose another target".to_string();
    if rows == 0 {
        return Err(fault(SpecErrorKind::TargetEmpty, format!("'{name}' has no values"), another));
    }
    if column.distinct <= 1 {
        let detail =
            format!("'{name}' has the same value on every row that has one: there is nothing to learn");
        return Err(fault(SpecErrorKind::TargetConstant, detail, another));
    }
    if column.infinite > 0 {
        let detail = format!("'{name}' is infinite on {}", counted(column.infinite));
        return Err(fault(
            SpecErrorKind::TargetInfinite,
            detail,
            "replace the infinities, or leave those cells empty so that the rows are left out".into(),
        ));
    }
    if rows < FEWEST_ROWS {
        let detail = format!("only {} have a value of '{name}'", counted(rows));
        return Err(fault(
            SpecErrorKind::TooFewRows,
            detail,
            format!("upload at least {FEWEST_ROWS} such rows"),
        ));
    }
    let what = match column.kind {
        Kind::Datetime => "a point in time",
        Kind::Text => "free text",
        Kind::Identifier => "an identifier",
        Kind::Number | Kind::Integer | Kind::Boolean | Kind::Category => return Ok(()),
    };
    let why = column.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    let detail = format!("'{name}' is {what}{why}, which cannot be predicted");
    Err(fault(SpecErrorKind::TargetUnsuitable, detail, "choose a number, a category or a boolean".into()))
}

/// The task that was asked for, where it makes sense, or the one that suits the target.
pub(super) fn task(
    column: &ColumnProfile,
    rows: u64,
    asked: Option<Task>,
    notes: &mut Vec<String>,
) -> Result<Task, SpecError> {
    let task = match asked {
        Some(task) => task,
        None => suitable(column, rows, notes),
    };
    let (name, distinct) = (&column.name, column.distinct);
    let number = matches!(column.kind, Kind::Number | Kind::Integer);
    if task == Task::Regression {
        return if number {
            Ok(task)
        } else {
            let what = if column.kind == Kind::Boolean { "true or false" } else { "a category" };
            let classify = if distinct == 2 { "binary" } else { "multiclass" };
            Err(SpecError {
                kind: SpecErrorKind::TargetUnsuitable,
                field: "task".into(),
                detail: format!("'{name}' is {what}, and a regression needs a number"),
                remedy: format!("ask for \"{classify}\", or leave task out"),
            })
        };
    }
    if column.kind == Kind::Number && distinct > FEW_VALUES {
        return Err(SpecError {
            kind: SpecErrorKind::TargetUnsuitable,
            field: "task".into(),
            detail: format!("'{name}' is a number with {distinct} values, not a class"),
            remedy: "ask for \"regression\", or leave task out".into(),
        });
    }
    if task == Task::Binary && distinct != 2 {
        return Err(SpecError {
            kind: SpecErrorKind::TargetUnsuitable,
            field: "task".into(),
            detail: format!("'{name}' has {distinct} classes, and a binary task has two"),
            remedy: "ask for \"multiclass\", or leave task out".into(),
        });
    }
    if distinct > MOST_CLASSES {
        return Err(fault(
            SpecErrorKind::TooManyClasses,
            format!("'{name}' has {distinct} classes, and at most {MOST_CLASSES} can be learned"),
            "merge classes, or choose another target".into(),
        ));
    }
    let (class, count) = rarest(column);
    if count < 2 {
        return Err(fault(
            SpecErrorKind::ClassTooSmall,
            format!("{class} of '{name}' has a single row, which cannot be both learned and tested"),
            "merge that class with another, or drop its row".into(),
        ));
    }
    Ok(task)
}

/// Booleans and categories are classes. So is a whole number with two values, or with few values
/// that each come often: up to 20, on twenty rows a value on average, or up to 10 in a small table.
fn suitable(column: &ColumnProfile, rows: u64, notes: &mut Vec<String>) -> Task {
    let distinct = column.distinct;
    let classify = if distinct == 2 { Task::Binary } else { Task::Multiclass };
    match column.kind {
        Kind::Boolean | Kind::Category => classify,
        Kind::Integer | Kind::Number if distinct == 2 => classify,
        Kind::Integer => {
            let few = distinct <= FEW_VALUES && (distinct * 20 <= rows || (rows < 200 && distinct <= 10));
            let name = &column.name;
            if few && column.rarest >= Some(2) {
                notes.push(format!(
                    "'{name}' is a whole number with {distinct} values: taken as classes; ask for the task \
                     \"regression\" to predict it as a number"
                ));
                return classify;
            }
            if few {
                notes.push(format!(
                    "'{name}' is taken as a number: one of its {distinct} values has a single row"
                ));
            }
            Task::Regression
        }
        _ => Task::Regression,
    }
}

/// All classes in their order, or none when the profile does not list them all.
pub(super) fn classes(column: &ColumnProfile) -> Vec<String> {
    if column.top.len() as u64 != column.distinct {
        return Vec::new();
    }
    let value = |top: &TopValue| if top.value == "-0" { "0".to_owned() } else { top.value.clone() };
    let mut classes: Vec<String> = column.top.iter().map(value).collect();
    if matches!(column.kind, Kind::Number | Kind::Integer) {
        let number = |class: &String| class.parse().unwrap_or(f64::NAN);
        classes.sort_by(|a, b| number(a).total_cmp(&number(b)));
    } else {
        classes.sort_unstable();
    }
    classes
}

/// The class with the fewest rows, by name where the profile has it, and how many those are.
pub(super) fn rarest(column: &ColumnProfile) -> (String, u64) {
    let rows = column.rarest.unwrap_or(0);
    let class = column.top.iter().rev().find(|top| top.count == rows);
    (class.map_or_else(|| "the rarest class".into(), |top| format!("the class '{}'", top.value)), rows)
}

/// The task in a sentence.
pub(super) fn named(task: Task) -> &'static str {
    match task {
        Task::Binary => "a binary classification",
        Task::Multiclass => "a classification",
        Task::Regression => "a regression",
    }
}

fn fault(kind: SpecErrorKind, detail: String, remedy: String) -> SpecError {
    SpecError { kind, field: "target".into(), detail, remedy }
}
