//! Tables for people, and how values look in them.

use crate::api::{Run, Schema, Trial};
use crate::output;
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle,
};
use serde_json::Value;

/// Columns set apart by space, the header by a line.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

/// How much stands in a cell before it is cut, in characters.
const CELL: usize = 60;

/// A table with a header.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Dim)));
    if output::coloured() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
}

/// Keeps what stands in a column on one line, as ids have to be to be copied.
pub(crate) fn whole(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
}

/// Whether so many characters fit in a line; where nobody looks, any do.
pub(crate) fn fits(width: u16) -> bool {
    table(&[]).width().is_none_or(|place| width <= place)
}

/// The table's text, without space at the ends of lines.
pub(crate) fn text(table: &Table) -> String {
    table.trim_fmt()
}

/// A cell of figures.
pub(crate) fn right(text: impl ToString) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// A state, in its colour.
pub(crate) fn status(status: &str) -> Cell {
    let cell = Cell::new(status);
    match status {
        "ready" | "succeeded" => cell.fg(Color::DarkGreen),
        "failed" => cell.fg(Color::DarkRed),
        "running" | "ingesting" => cell.fg(Color::DarkCyan),
        _ => cell,
    }
}

/// A JSON value as a cell's text.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => cut(text),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => significant(float, 6),
            _ => number.to_string(),
        },
        other => cut(&other.to_string()),
    }
}

fn cut(text: &str) -> String {
    let line = text.replace(['\n', '\r', '\t'], " ");
    if line.chars().count() <= CELL {
        return line;
    }
    line.chars().take(CELL - 1).chain(['…']).collect()
}

/// A number with so many significant digits, without zeros that say nothing.
pub(crate) fn significant(number: f64, digits: usize) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let magnitude = number.abs().log10().floor() as i32;
    if !(-5..15).contains(&magnitude) {
        return format!("{number:.*e}", digits - 1);
    }
    let decimals = usize::try_from(digits as i32 - 1 - magnitude).unwrap_or(0);
    let text = format!("{number:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A score: four decimals for what lies between -1 and 1, else five digits.
pub(crate) fn score(score: f64) -> String {
    if score.abs() < 10.0 { format!("{score:.4}") } else { significant(score, 5) }
}

/// A point in time, in UTC, to the minute.
pub(crate) fn when(time: &str) -> String {
    let to_minute: String = time.chars().take("2026-03-01T12:30".len()).collect();
    format!("{}Z", to_minute.replace('T', " "))
}

/// A size.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// A count, in groups of three digits.
pub(crate) fn count(count: u64) -> String {
    indicatif::HumanCount(count).to_string()
}

/// Seconds, in few digits.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        short if short < 0.0995 => format!("{:.0} ms", short * 1000.0),
        middle if middle < 9.95 => format!("{middle:.2} s"),
        long if long < 120.0 => format!("{long:.1} s"),
        longer => format!("{:.0} min", longer / 60.0),
    }
}

/// The leaderboard: the best in colour, what failed with its reason.
pub(crate) fn leaderboard(run: &Run, with_trials: bool) -> String {
    let metric = run.metric.as_str();
    let mut header = vec!["rank", "estimator", metric, "held out", "fit"];
    header.extend(with_trials.then_some("trial"));
    let mut lines = table(&header);
    for trial in &run.leaderboard {
        let mut cells = leaderboard_row(trial, metric);
        cells.extend(with_trials.then(|| Cell::new(&trial.trial).add_attribute(Attribute::Dim)));
        lines.add_row(cells);
    }
    let reasons = run.leaderboard.iter().filter_map(|trial| {
        let reason = trial.error.as_ref()?;
        Some(format!(
            " {} {reason}",
            output::styled(output::BAD, format!("{} {}:", trial.estimator, trial.status))
        ))
    });
    std::iter::once(text(&lines)).chain(reasons).collect::<Vec<_>>().join("\n")
}

/// An estimator, with what sets it apart from its defaults.
fn estimator(trial: &Trial) -> String {
    let params = trial.params.iter().map(|(name, set)| format!(" {name}={}", value(set)));
    cut(&std::iter::once(trial.estimator.clone()).chain(params).collect::<String>())
}

fn leaderboard_row(trial: &Trial, metric: &str) -> Vec<Cell> {
    let mean = trial.metrics.get(metric).map(|score| match score.std {
        Some(std) => format!("{} ± {}", self::score(score.mean), self::score(std)),
        None => self::score(score.mean),
    });
    let held_out = trial.holdout.as_ref().and_then(|holdout| holdout.get(metric));
    let place = trial.rank.map_or_else(|| "-".to_owned(), |rank| rank.to_string());
    let cells = vec![
        right(place),
        Cell::new(estimator(trial)),
        right(mean.unwrap_or_else(|| trial.status.clone())),
        right(held_out.map_or_else(String::new, |held_out| score(*held_out))),
        right(trial.fit_s.filter(|_| !trial.metrics.is_empty()).map_or_else(String::new, seconds)),
    ];
    match (trial.rank, trial.status.as_str()) {
        (Some(1), _) => {
            cells.into_iter().map(|cell| cell.fg(Color::DarkGreen).add_attribute(Attribute::Bold)).collect()
        }
        (_, "failed") => cells.into_iter().map(|cell| cell.fg(Color::DarkRed)).collect(),
        _ => cells,
    }
}

/// The columns that a model takes, and what it gives.
pub(crate) fn schema(schema: &Schema) -> String {
    let mut lines = table(&["input", "type"]);
    for field in &schema.inputs {
        lines.add_row([Cell::new(&field.name), Cell::new(&field.kind)]);
    }
    let classes = schema.classes.iter().flatten().map(value).collect::<Vec<_>>().join(", ");
    let gives = match classes.as_str() {
        "" => format!("predicts `{}` ({})", schema.target, schema.task),
        classes => format!("predicts `{}` ({}): {classes}", schema.target, schema.task),
    };
    format!("{}\n\n{gives}", text(&lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_true() {
        for (number, shown) in [
            (0.0, "0"),
            (39.1, "39.1"),
            (3750.0, "3750"),
            (-0.000_123_456_7, "-0.000123457"),
            (1_234_567.8, "1234568"),
            (1e-9, "1.00000e-9"),
            (0.1 + 0.2, "0.3"),
        ] {
            assert_eq!(significant(number, 6), shown);
        }
        assert_eq!(score(0.98765), "0.9877");
        assert_eq!(score(-12.345_678), "-12.346");
    }

    #[test]
    fn times_and_durations() {
        assert_eq!(when("2026-03-01T12:30:05.123456Z"), "2026-03-01 12:30Z");
        assert_eq!(seconds(0.0042), "4 ms");
        assert_eq!(seconds(1.234), "1.23 s");
        assert_eq!(seconds(61.0), "61.0 s");
        assert_eq!(seconds(600.0), "10 min");
    }

    #[test]
    fn a_leaderboard_tells_what_sets_trials_apart_and_why_one_failed() {
        let run: Run = serde_json::from_value(serde_json::json!({
            "id": "run_1", "status": "succeeded", "dataset": {"name": "d", "version": 1}, "target": "t",
            "task": "regression", "metric": "rmse", "created_at": "2026-03-01T12:30:05Z",
            "leaderboard": [
                {"rank": 1, "trial": "trl_1", "estimator": "ridge", "params": {"alpha": 0.5}, "status": "succeeded",
                 "metrics": {"rmse": {"mean": 12.345_678, "std": 0.5}}, "holdout": {"rmse": 11.0}, "fit_s": 0.25},
                {"rank": null, "trial": "trl_2", "estimator": "knn", "params": {}, "status": "failed",
                 "metrics": {}, "holdout": null, "fit_s": 0.0, "error": "too few rows"},
            ],
        }))
        .unwrap();
        let told = leaderboard(&run, true);
        for part in
            ["ridge alpha=0.5", "12.346 ± 0.5000", "11", "0.25 s", "trl_2", "knn failed:", "too few rows"]
        {
            assert!(told.contains(part), "{part} in\n{told}");
        }
        assert!(!leaderboard(&run, false).contains("trl_"));
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let long = "ü".repeat(200);
        assert_eq!(value(&Value::String(long)).chars().count(), CELL);
        assert_eq!(value(&Value::String("two\nlines".into())), "two lines");
    }
}
