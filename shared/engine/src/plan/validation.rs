//! How trials are measured: folds, repeats, the test set, and the columns that say which rows belong
//! together, which came first and how much each counts.

use super::{SpecError, SpecErrorKind, counted, target};
use crate::metrics::Task;
use crate::plan::RunSpec;
use crate::table::{ColumnProfile, Kind, Profile};

/// The folds of a run that does not ask for any.
const FOLDS: u32 = 5;
/// The share of rows held out from a run that does not ask for any.
const TEST_FRACTION: f64 = 0.2;
/// With fewer rows than this five folds say little about which trial is best: in 24 draws of the folds of
/// iris, wine and half of breast cancer, the mean log loss over three repeats varied by a half to
/// two thirds of what it varied by over one, and the best of five models of iris was found in 6 of 8
/// draws, not in 10 of 24. So few rows cost next to nothing to learn from.
const FEW_ROWS: u64 = 500;
/// The repeats of a run on few rows that asks for neither folds nor repeats.
const REPEATS_OF_FEW: u32 = 3;
/// The most repeats.
const MOST_REPEATS: u32 = 10;

/// How trials are measured.
pub(super) struct Validation {
    pub(super) folds: u32,
    pub(super) repeats: u32,
    pub(super) test_fraction: f64,
}

/// The folds and repeats that were asked for, or those that suit the rows.
pub(super) fn decide(
    profile: &Profile,
    spec: &RunSpec,
    column: &ColumnProfile,
    task: Task,
    rows: u64,
    notes: &mut Vec<String>,
) -> Result<Validation, SpecError> {
    let test_fraction = spec.test_fraction.unwrap_or(TEST_FRACTION);
    if !(0.0..=0.5).contains(&test_fraction) {
        return Err(SpecError {
            kind: SpecErrorKind::OutOfRange,
            field: "test_fraction".into(),
            detail: format!("a test fraction of {test_fraction} is not possible"),
            remedy: "give a share from 0 (no test set) to 0.5".into(),
        });
    }
    contradictions(spec)?;
    let most = most_folds(profile, spec, column, task, rows, test_fraction)?;
    let folds = folds(&most, spec.folds, notes)?;
    let repeats = repeats(spec, rows, notes)?;
    Ok(Validation { folds, repeats, test_fraction })
}

fn contradictions(spec: &RunSpec) -> Result<(), SpecError> {
    let fault = |field: &str, detail: &str, remedy: &str| {
        Err(SpecError {
            kind: SpecErrorKind::Contradiction,
            field: field.into(),
            detail: detail.into(),
            remedy: remedy.into(),
        })
    };
    if spec.time.is_some() && spec.group.is_some() {
        return fault(
            "group",
            "rows cannot be split by group and by time: a group whose rows go on would be on both sides",
            "leave out 'group' to predict the future, or 'time' to predict new groups",
        );
    }
    if spec.time.is_some() && spec.repeats.is_some_and(|repeats| repeats > 1) {
        return fault(
            "repeats",
            "there is one order of time, and so nothing to repeat",
            "leave out 'repeats', or 'time'",
        );
    }
    Ok(())
}

/// The most folds that the rows allow, at least 2; why; and what is too small for more.
struct Most {
    folds: u32,
    of: String,
    kind: SpecErrorKind,
}

/// Each fold needs a row of every class, or two rows when the target is a number; a group of its own when
/// rows are grouped; a point in time of its own when they are ordered.
fn most_folds(
    profile: &Profile,
    spec: &RunSpec,
    column: &ColumnProfile,
    task: Task,
    rows: u64,
    test_fraction: f64,
) -> Result<Most, SpecError> {
    let training_rows = rows - (rows as f64 * test_fraction).round() as u64;
    let (most, of) = if task.is_classification() {
        let (class, rows) = target::rarest(column);
        (rows, format!("{class} has {}", counted(rows)))
    } else {
        (training_rows / 2, format!("there are {} outside the test set", counted(training_rows)))
    };
    let kind =
        if task.is_classification() { SpecErrorKind::ClassTooSmall } else { SpecErrorKind::TooFewRows };
    let folds = |most: u64| u32::try_from(most).unwrap_or(u32::MAX).max(2);
    let mut least = Most { folds: folds(most), of, kind };
    let test = u64::from(test_fraction > 0.0);
    let of_column = [(&spec.group, "group", "groups", 0), (&spec.time, "time", "points in time", 1)];
    for (name, field, what, first) in of_column {
        let Some(name) = name else { continue };
        let distinct = profile.columns.iter().find(|column| column.name == *name).map_or(0, |c| c.distinct);
        let possible = distinct.saturating_sub(test + first);
        if possible < 2 {
            return Err(SpecError {
                kind: SpecErrorKind::TooFewRows,
                field: field.into(),
                detail: format!(
                    "'{name}' has {distinct} {what}, and at least {} are needed",
                    2 + test + first
                ),
                remedy: format!("choose a column with more {what}, or leave '{field}' out"),
            });
        }
        if folds(possible) < least.folds {
            let of = format!("'{name}' has {distinct} {what}");
            least = Most { folds: folds(possible), of, kind: SpecErrorKind::TooFewRows };
        }
    }
    Ok(least)
}

/// As many folds as were asked for, or the default, lowered to what the rows allow.
fn folds(most: &Most, asked: Option<u32>, notes: &mut Vec<String>) -> Result<u32, SpecError> {
    let (most, of, kind) = (most.folds, &most.of, most.kind);
    match asked {
        None if most < FOLDS => {
            notes.push(format!("{most} folds instead of {FOLDS}: {of}"));
            Ok(most)
        }
        None => Ok(FOLDS),
        Some(folds) if !(2..=20).contains(&folds) => Err(SpecError {
            kind: SpecErrorKind::OutOfRange,
            field: "folds".into(),
            detail: format!("{folds} folds are not possible"),
            remedy: "give a number from 2 to 20".into(),
        }),
        Some(folds) if folds > most => Err(SpecError {
            kind,
            field: "folds".into(),
            detail: format!("{of}, which is too few for {folds} folds"),
            remedy: format!("ask for {most} folds or fewer, or leave folds out"),
        }),
        Some(folds) => Ok(folds),
    }
}

fn repeats(spec: &RunSpec, rows: u64, notes: &mut Vec<String>) -> Result<u32, SpecError> {
    match spec.repeats {
        Some(repeats) if !(1..=MOST_REPEATS).contains(&repeats) => Err(SpecError {
            kind: SpecErrorKind::OutOfRange,
            field: "repeats".into(),
            detail: format!("{repeats} repeats are not possible"),
            remedy: format!("give a number from 1 to {MOST_REPEATS}"),
        }),
        Some(repeats) => Ok(repeats),
        None if rows < FEW_ROWS && spec.folds.is_none() && spec.time.is_none() => {
            notes.push(format!(
                "the folds are dealt {REPEATS_OF_FEW} times: on {} a single deal ranks much by luck",
                counted(rows)
            ));
            Ok(REPEATS_OF_FEW)
        }
        None => Ok(1),
    }
}

/// The part of a column that is not learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Group,
    Time,
    Weight,
}

impl Role {
    fn field(self) -> &'static str {
        match self {
            Role::Group => "group",
            Role::Time => "time",
            Role::Weight => "weight",
        }
    }

    /// What becomes of the column, in words.
    pub(super) fn why(self) -> &'static str {
        match self {
            Role::Group => "it says which rows belong together",
            Role::Time => "it says which rows came first",
            Role::Weight => "it says how much each row counts",
        }
    }

    fn kind(self) -> SpecErrorKind {
        match self {
            Role::Group => SpecErrorKind::GroupUnsuitable,
            Role::Time => SpecErrorKind::TimeUnsuitable,
            Role::Weight => SpecErrorKind::WeightUnsuitable,
        }
    }

    /// Whether a column's kind suits, and what does.
    fn suits(self, kind: Kind) -> (bool, &'static str) {
        let number = matches!(kind, Kind::Number | Kind::Integer);
        match self {
            Role::Group => (kind != Kind::Number, "a category, an identifier, a whole number or a date"),
            Role::Time => (number || kind == Kind::Datetime, "a date or a number"),
            Role::Weight => (number, "a number"),
        }
    }
}

/// The columns that the request gives a part, which are then not learned from.
pub(super) fn roles<'a>(
    profile: &'a Profile,
    spec: &RunSpec,
    notes: &mut Vec<String>,
) -> Result<Vec<(&'a ColumnProfile, Role)>, SpecError> {
    let asked = [(&spec.group, Role::Group), (&spec.time, Role::Time), (&spec.weight, Role::Weight)];
    let mut roles: Vec<(&ColumnProfile, Role)> = Vec::new();
    for (name, role) in asked {
        let Some(name) = name else { continue };
        let field = role.field();
        let column = target::named_column(profile, name, SpecErrorKind::ColumnMissing, field)?;
        let fault = |detail: String, remedy: &str| SpecError {
            kind: role.kind(),
            field: field.into(),
            detail,
            remedy: remedy.into(),
        };
        if *name == spec.target {
            return Err(fault(format!("'{name}' is the target"), "choose another column"));
        }
        if let Some((_, other)) = roles.iter().find(|(other, _)| other.name == *name) {
            let detail = format!("'{name}' is already '{}'", other.field());
            return Err(SpecError {
                kind: SpecErrorKind::Contradiction,
                ..fault(detail, "choose another column")
            });
        }
        let (suits, what) = role.suits(column.kind);
        if !suits {
            let alike: Vec<String> = profile
                .columns
                .iter()
                .filter(|other| role.suits(other.kind).0 && other.name != spec.target)
                .take(3)
                .map(|other| format!("'{}'", other.name))
                .collect();
            let such =
                if alike.is_empty() { String::new() } else { format!(", such as {}", alike.join(", ")) };
            return Err(fault(
                format!("'{name}' is of kind {}, which cannot be the {field}", column.kind.code()),
                &format!("choose {what}{such}"),
            ));
        }
        check(column, role, notes).map_err(|(detail, remedy)| fault(detail, remedy))?;
        roles.push((column, role));
    }
    Ok(roles)
}

fn check(column: &ColumnProfile, role: Role, notes: &mut Vec<String>) -> Result<(), (String, &'static str)> {
    let (name, missing) = (&column.name, column.missing + column.infinite);
    match role {
        Role::Group if missing > 0 => {
            notes.push(format!("{} without a value of '{name}': taken as one group", counted(missing)));
        }
        Role::Time if missing > 0 => {
            notes.push(format!("{} without a value of '{name}': left out", counted(missing)));
        }
        Role::Weight => {
            let remedy = "give every row a weight of 0 or more";
            if let Some(min) = column.min.filter(|min| *min < 0.0) {
                return Err((format!("'{name}' is negative on some row: {min}"), remedy));
            }
            if column.max.is_none_or(|max| max <= 0.0) {
                return Err((format!("'{name}' is positive on no row"), remedy));
            }
            notes
                .push(format!("'{name}' weighs the rows that are learned from; metrics count each row once"));
        }
        Role::Group | Role::Time => {}
    }
    Ok(())
}
