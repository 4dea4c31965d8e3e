//! A run as one page: what was tried, what won, and what the winner gets right and wrong.

use std::fmt::Write;

use super::draw::{escaped, tick};
use super::{Basis, Diagnostics};
use crate::metrics::{Metric, Task};

/// What a report is about. Everything in it may come from a user: it is escaped on the way out.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    /// The run's name.
    pub title: &'a str,
    /// The column that is predicted.
    pub target: &'a str,
    /// What is learned.
    pub task: Task,
    /// What ranks the trials.
    pub metric: Metric,
    /// The trials, the best first.
    pub leaderboard: &'a [Ranked<'a>],
    /// The diagnostics of the first of them.
    pub winner: Option<&'a Diagnostics>,
    /// What was done to the columns, a sentence each.
    pub decisions: &'a [String],
    /// What else there is to know, a sentence each.
    pub notes: &'a [String],
}

/// A trial on the leaderboard.
#[derive(Debug, Clone)]
pub struct Ranked<'a> {
    /// The estimator's name for people.
    pub name: &'a str,
    /// Its parameters, as they are to be shown.
    pub params: &'a str,
    /// The mean of the ranking metric over the folds, and its standard deviation; `None` when the trial
    /// failed.
    pub score: Option<(f64, f64)>,
    /// The metric on the test rows.
    pub holdout: Option<f64>,
    /// Why it failed.
    pub failure: Option<&'a str>,
}

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1d2430;--soft:#667085;--line:#d8dde5;--page:#fff;--best:#eaf3fb}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#98a2b3;--line:#333b49;--page:#14181f;--best:#1b2a3a}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:62rem;padding:1.5rem 1rem 3rem;background:var(--page);color:var(--ink);\
font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .3rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}
p,li{overflow-wrap:anywhere}
.soft{color:var(--soft)}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:600;white-space:nowrap}
td.n,th.n{text-align:right;white-space:nowrap}
tr.best td{background:var(--best);font-weight:600}
td small{display:block;color:var(--soft);font-weight:400;overflow-wrap:anywhere;min-width:9rem}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr));gap:1rem;align-items:start}
figure{margin:0;border:1px solid var(--line);border-radius:.5rem;padding:.6rem;break-inside:avoid}
figcaption{color:var(--soft);font-size:.85rem;padding:0 .2rem .3rem}
svg{display:block;width:100%;height:auto}
@media print{:root{color-scheme:light;--ink:#000;--soft:#555;--line:#bbb;--page:#fff;--best:#eee}\
body{max-width:none;padding:0;font-size:11pt}.plots{grid-template-columns:1fr 1fr}h2{break-after:avoid}}
";

/// The page: one HTML document without scripts or anything from elsewhere, that reads well on a phone, on
/// a dark screen and on paper.
pub fn report(report: &Report) -> String {
    let mut page = String::with_capacity(64 << 10);
    let task = match report.task {
        Task::Binary => "one of two classes",
        Task::Multiclass => "one of several classes",
        Task::Regression => "a number",
    };
    let title = escaped(report.title);
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <p class=\"soft\">Predicts <strong>{}</strong>, {task}. Ranked by {}: {} is better.</p>\n",
        escaped(report.target),
        report.metric.name(),
        if report.metric.greater_is_better() { "more" } else { "less" },
    );
    leaderboard(&mut page, report);
    if let Some(winner) = report.winner {
        plots(&mut page, winner);
    }
    list(&mut page, "What was done to the columns", report.decisions);
    list(&mut page, "Notes", report.notes);
    page.push_str("</body>\n</html>\n");
    page
}

fn leaderboard(page: &mut String, report: &Report) {
    let _ = write!(
        page,
        "<h2>Leaderboard</h2>\n<div class=\"wide\"><table>\n<thead><tr><th class=\"n\">#</th><th>Estimator</th>\
         <th class=\"n\">{} (mean ± std)</th><th class=\"n\">Test rows</th></tr></thead>\n<tbody>\n",
        report.metric.name()
    );
    for (place, trial) in report.leaderboard.iter().enumerate() {
        let best = if place == 0 && trial.score.is_some() { " class=\"best\"" } else { "" };
        let score = match (trial.score, trial.failure) {
            (Some((mean, std)), _) => format!("{} ± {}", tick(mean), tick(std)),
            (None, Some(_)) => "failed".into(),
            (None, None) => "–".into(),
        };
        let holdout = trial.holdout.map_or_else(|| "–".into(), tick);
        let below = escaped(trial.failure.unwrap_or(trial.params));
        let _ = writeln!(
            page,
            "<tr{best}><td class=\"n\">{}</td><td>{}<small>{below}</small></td><td class=\"n\">{score}</td>\
             <td class=\"n\">{holdout}</td></tr>",
            place + 1,
            escaped(trial.name),
        );
    }
    page.push_str("</tbody>\n</table></div>\n");
}

fn plots(page: &mut String, winner: &Diagnostics) {
    let basis = match winner.basis {
        Basis::TestRows => "the test rows, which it did not learn from",
        Basis::LastFold => "the rows of the last fold, with a model fitted on the others",
    };
    let _ = write!(
        page,
        "<h2>The winner</h2>\n<p class=\"soft\">Looked at on {} rows: {basis}.</p>\n<div class=\"plots\">\n",
        winner.rows
    );
    for kind in winner.kinds() {
        if let Some(svg) = winner.svg(kind) {
            let _ = write!(page, "<figure>\n<figcaption>{}</figcaption>\n{svg}</figure>\n", kind.label());
        }
    }
    page.push_str("</div>\n");
    let warnings: Vec<String> = winner
        .slices
        .iter()
        .flat_map(|slices| &slices.slices)
        .filter_map(|slice| Some(format!("{} {}: {}", slice.feature, slice.values, slice.warning.as_ref()?)))
        .collect();
    list(page, "Rows that are predicted much worse", &warnings);
    let skipped: Vec<String> = winner
        .skipped
        .iter()
        .map(|skipped| format!("{}: {}", skipped.kind.label(), skipped.reason))
        .collect();
    list(page, "Left out", &skipped);
}

fn list(page: &mut String, title: &str, sentences: &[String]) {
    if sentences.is_empty() {
        return;
    }
    let _ = write!(page, "<h2>{}</h2>\n<ul>\n", escaped(title));
    for sentence in sentences {
        let _ = writeln!(page, "<li>{}</li>", escaped(sentence));
    }
    page.push_str("</ul>\n");
}
