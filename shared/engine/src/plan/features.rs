//! Which columns are learned from.

use super::validation::Role;
use super::{FeatureDecision, SpecError, SpecErrorKind, counted};
use crate::table::{ColumnProfile, Kind, Profile};

pub(super) fn decide(
    profile: &Profile,
    target: &str,
    roles: &[(&ColumnProfile, Role)],
    notes: &mut Vec<String>,
) -> Result<Vec<FeatureDecision>, SpecError> {
    let columns = || profile.columns.iter().filter(|column| column.name != target);
    let decisions: Vec<FeatureDecision> = columns()
        .map(|column| match roles.iter().find(|(other, _)| other.name == column.name) {
            Some((_, role)) => FeatureDecision {
                name: column.name.clone(),
                kind: column.kind,
                used: false,
                why: role.why().into(),
            },
            None => decision(column),
        })
        .collect();
    if decisions.iter().all(|decision| !decision.used) {
        let reasons: Vec<String> = decisions
            .iter()
            .take(20)
            .map(|decision| format!("'{}' ({})", decision.name, decision.why))
            .collect();
        return Err(SpecError {
            kind: SpecErrorKind::NoFeatures,
            field: "dataset".into(),
            detail: if reasons.is_empty() {
                format!("there is no column beside '{target}'")
            } else {
                format!("no column is left to learn from: {}", reasons.join(", "))
            },
            remedy: "upload a table with columns that vary and say something about the target".into(),
        });
    }
    for (column, _) in
        columns().zip(&decisions).filter(|(column, decision)| decision.used && column.infinite > 0)
    {
        let values = if column.infinite == 1 { "value" } else { "values" };
        notes
            .push(format!("'{}' has {} infinite {values}: treated as missing", column.name, column.infinite));
    }
    let dropped: Vec<&str> = decisions.iter().filter(|d| !d.used).take(20).map(|d| d.name.as_str()).collect();
    if !dropped.is_empty() {
        let more = decisions.iter().filter(|d| !d.used).count() - dropped.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        notes.push(format!("not learned from: {}{more}", dropped.join(", ")));
    }
    Ok(decisions)
}

fn decision(column: &ColumnProfile) -> FeatureDecision {
    let (used, why) = match column.kind {
        _ if column.distinct == 0 => (false, "it has no values".into()),
        // One value and gaps: where the gaps are may tell something.
        _ if column.distinct == 1 && column.missing == 0 => {
            (false, "it has the same value on every row".into())
        }
        // Otherwise its only value would be one that counts as missing.
        _ if column.distinct == 1 && column.infinite > 0 => (false, "it has no finite value".into()),
        Kind::Identifier => {
            let why = column.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            (false, format!("an identifier{why}"))
        }
        kind => (true, used_as(kind, column)),
    };
    FeatureDecision { name: column.name.clone(), kind: column.kind, used, why }
}

fn used_as(kind: Kind, column: &ColumnProfile) -> String {
    let how = match kind {
        Kind::Number | Kind::Integer => "a number".into(),
        Kind::Boolean => "0 or 1".into(),
        Kind::Category => format!("a category of {} levels", column.distinct),
        Kind::Datetime => "the parts of a date".into(),
        Kind::Text | Kind::Identifier => "its length and its words".into(),
    };
    if column.missing > 0 { format!("{how}; {} missing", counted(column.missing)) } else { how }
}
