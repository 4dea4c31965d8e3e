//! Who answers for a deployment, and what it did.

use super::Session;
use crate::api::{Change, Deployment, Figures, Metrics, Page};
use crate::client::route;
use crate::failure::{Exit, Failure, Result};
use crate::output::{DIM, GOOD, styled};
use crate::tables;
use clap::Args;
use comfy_table::Cell;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(crate) struct Shift {
    /// The deployment's name
    name: String,
    /// A variant that answers: an alias or a version, and its share in percent, such as champion=90
    #[arg(long = "to", value_name = "WHAT[=PERCENT]", required = true)]
    answering: Vec<String>,
    /// A variant that is asked too but never answers: an alias or a version
    #[arg(long, value_name = "WHAT")]
    shadow: Vec<String>,
    /// Have this variant take over step by step, unless it does worse than the other
    #[arg(long, value_name = "WHAT")]
    auto: Option<String>,
    /// What its share grows by at each step, in percent
    #[arg(long, requires = "auto", default_value_t = 10)]
    step: u32,
    /// How long a step lasts, in seconds
    #[arg(long, requires = "auto", default_value_t = 300)]
    every: u32,
}

impl Shift {
    pub(super) fn run(&self, session: &Session) -> Result<()> {
        let mut variants = Vec::new();
        for what in &self.answering {
            let (what, weight) = match what.split_once('=') {
                Some((what, percent)) => {
                    let percent: u32 = percent.trim_end_matches('%').parse().map_err(|_| {
                        Failure::new(
                            Exit::Usage,
                            format!("`{percent}` is no share in percent: use --to {what}=10"),
                        )
                    })?;
                    (what, Some(percent))
                }
                None => (what.as_str(), None),
            };
            let mut variant = variant(what);
            if let Some(weight) = weight {
                variant["weight"] = json!(weight);
            }
            variants.push(variant);
        }
        for what in &self.shadow {
            let mut variant = variant(what);
            variant["shadow"] = json!(true);
            variant["name"] = json!(format!("shadow-{what}"));
            variants.push(variant);
        }
        let mut body = json!({ "variants": variants });
        if let Some(what) = &self.auto {
            let name = what.parse::<u32>().map_or_else(|_| what.clone(), |version| format!("v{version}"));
            body["auto"] = json!({ "variant": name, "step": self.step, "every_s": self.every });
        }
        let reply = session.client.post(route(&["deployments", &self.name, "traffic"]), &body)?;
        session.show(&reply, || Ok(variants_of(&reply.read()?)))
    }
}

fn variant(what: &str) -> Value {
    match what.parse::<u32>() {
        Ok(version) => json!({ "version": version }),
        Err(_) => json!({ "alias": what }),
    }
}

/// The line-up as a table.
pub(super) fn variants_of(deployment: &Deployment) -> String {
    let mut lines = tables::table(&["variant", "follows", "version", "answers"]);
    for variant in &deployment.variants {
        let share = if variant.shadow { "nobody".to_owned() } else { format!("{} %", variant.weight) };
        lines.add_row([
            Cell::new(&variant.name),
            Cell::new(variant.alias.as_deref().unwrap_or_default()),
            tables::right(variant.version.map_or_else(String::new, |version| version.to_string())),
            tables::right(share),
        ]);
    }
    tables::text(&lines)
}

/// Posts to a deployment, and shows what it serves then.
pub(super) fn change(session: &Session, name: &str, what: &str, done: &str) -> Result<()> {
    let reply = session.client.post(route(&["deployments", name, what]), &json!({}))?;
    session.show(&reply, || Ok(format!("{}\n{}", styled(GOOD, done), variants_of(&reply.read()?))))
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The deployment's name
    name: String,
    /// The most requests in a minute; 0 for no limit
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// The share of requests that the prediction log keeps, 0 to 1
    #[arg(long, value_name = "SHARE")]
    sample: Option<f64>,
    /// A column whose values are never kept; all of them are to be named
    #[arg(long, value_name = "COLUMN")]
    sensitive: Option<Vec<String>>,
}

impl Set {
    pub(super) fn run(&self, session: &Session) -> Result<()> {
        let deployment: Value = session.client.get(route(&["deployments", &self.name]))?.read()?;
        let mut settings = deployment["settings"].clone();
        match self.limit {
            Some(0) => settings["requests_per_minute"] = Value::Null,
            Some(limit) => settings["requests_per_minute"] = json!(limit),
            None => {}
        }
        if let Some(sample) = self.sample {
            settings["log_sample"] = json!(sample);
        }
        if let Some(sensitive) = &self.sensitive {
            settings["sensitive"] = json!(sensitive);
        }
        let reply = session.client.put(route(&["deployments", &self.name, "settings"]), &settings)?;
        session.show(&reply, || Ok(format!("{}", reply.read::<Value>()?["settings"])))
    }
}

pub(super) fn history(session: &Session, name: &str) -> Result<()> {
    let reply = session.client.list(&["deployments", name, "history"])?;
    session.show(&reply, || {
        let page: Page<Change> = reply.read()?;
        let mut lines = tables::table(&["when", "by", "what", "variants", "why"]);
        for change in &page.items {
            let variants = change.variants.iter().map(|variant| match variant.weight {
                0 => variant.name.clone(),
                weight => format!("{} {weight} %", variant.name),
            });
            lines.add_row([
                Cell::new(tables::when(&change.at)),
                Cell::new(&change.by),
                Cell::new(change.what.replace('_', " ")),
                Cell::new(variants.collect::<Vec<_>>().join(", ")),
                Cell::new(change.reason.as_deref().unwrap_or_default()),
            ]);
        }
        Ok(tables::text(&lines))
    })
}

pub(super) fn metrics(session: &Session, name: &str, from: Option<&str>, to: Option<&str>) -> Result<()> {
    let query: Vec<(&str, &str)> =
        [("from", from), ("to", to)].into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let reply = session.client.get(route(&["deployments", name, "metrics"]).query(&query))?;
    session.show(&reply, || {
        let metrics: Metrics = reply.read()?;
        let mut lines =
            tables::table(&["variant", "requests", "rows", "4xx", "5xx", "p50", "p95", "p99", "quality"]);
        for (name, figures) in &metrics.variants {
            lines.add_row(line(name, figures));
        }
        if metrics.variants.len() != 1 {
            lines.add_row(line("all that answer", &metrics.all));
        }
        let span = format!("{} to {}", tables::when(&metrics.from), tables::when(&metrics.to));
        Ok(format!("{}\n{}", tables::text(&lines), styled(DIM, span)))
    })
}

fn line(name: &str, figures: &Figures) -> Vec<Cell> {
    let millis = |of: Option<f64>| {
        tables::right(of.map_or_else(String::new, |ms| format!("{} ms", tables::significant(ms, 3))))
    };
    let quality = figures.quality.iter().flatten();
    let quality = quality.filter(|(name, _)| *name != "rows");
    let quality: Vec<String> =
        quality.map(|(name, value)| format!("{name} {}", tables::significant(*value, 3))).collect();
    vec![
        Cell::new(name),
        tables::right(tables::count(figures.requests)),
        tables::right(tables::count(figures.rows)),
        tables::right(tables::count(figures.refused)),
        tables::right(tables::count(figures.errors)),
        millis(figures.p50_ms),
        millis(figures.p95_ms),
        millis(figures.p99_ms),
        Cell::new(quality.join(", ")),
    ]
}

#[derive(Debug, Args)]
pub(crate) struct Feedback {
    /// The deployment's name
    name: String,
    /// The request that asked for the prediction: its `request_id`
    request: String,
    /// What really happened, as the prediction would be written in JSON
    actual: String,
    /// Which row of the request, from 0
    #[arg(long, default_value_t = 0)]
    index: usize,
}

impl Feedback {
    pub(super) fn run(&self, session: &Session) -> Result<()> {
        // A class need not be quoted.
        let actual: Value = serde_json::from_str(&self.actual).unwrap_or_else(|_| json!(self.actual));
        let body = json!({ "request_id": self.request, "index": self.index, "actual": actual });
        let reply = session.client.post(route(&["deployments", &self.name, "feedback"]), &body)?;
        session.show(&reply, || {
            let told: Value = reply.read()?;
            Ok(format!("predicted {}, and it was {}", told["prediction"], told["actual"]))
        })
    }
}
