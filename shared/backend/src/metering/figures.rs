//! Figures of a deployment over a span of time.

use super::batch::{MINUTES_KEPT, Step};
use super::books::minute;
use super::tally::Tally;
use crate::app::App;
use crate::deployments;
use crate::operation::Call;
use crate::ports::Query;
use crate::problem::{Problem, Result};
use crate::record::read;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Spans up to here are told by the minute, longer ones by the hour.
const BY_MINUTE: SignedDuration = SignedDuration::from_hours(6);

/// The longest span.
const LONGEST: SignedDuration = SignedDuration::from_hours(92 * 24);

/// From when to when: the last hour, unless the call says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    from: Timestamp,
    to: Timestamp,
}

impl Span {
    /// From a call's `from` and `to`.
    pub fn from_call(app: &App, call: &Call) -> Result<Self> {
        let to = call.query::<Timestamp>("to")?.unwrap_or_else(|| app.now());
        let from = call.query::<Timestamp>("from")?.unwrap_or(to - SignedDuration::from_hours(1));
        if from >= to {
            return Err(Problem::invalid("from", "`from` is not before `to`"));
        }
        if to.duration_since(from) > LONGEST {
            return Err(Problem::invalid("from", "the span is longer than 92 days")
                .remedy("ask for a part of it at a time"));
        }
        Ok(Self { from, to })
    }

    fn step(&self, now: Timestamp) -> Step {
        let is_kept = now.duration_since(self.from) < MINUTES_KEPT;
        if is_kept && self.to.duration_since(self.from) <= BY_MINUTE { Step::Minute } else { Step::Hour }
    }
}

/// What a deployment did.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Metrics {
    /// Its name.
    pub deployment: String,
    /// The first minute or hour.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// Up to this moment.
    #[schemars(with = "String")]
    pub to: Timestamp,
    /// The length of the steps of `series`, in seconds: 60 or 3600.
    pub step_s: u32,
    /// Of all that answered, without shadows.
    pub all: Figures,
    /// Of each variant, shadows among them.
    pub variants: BTreeMap<String, Figures>,
    /// Of all that answered, step by step; steps without a request are left out.
    pub series: Vec<Point>,
}

/// The figures of a step.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Point {
    /// When it began.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Counts, latencies and quality of some requests. Latencies are of merged histograms, to one part in
/// sixteen: from the reading of the rows to the last prediction, without the network.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Figures {
    /// Requests.
    pub requests: u64,
    /// Rows that were predicted.
    pub rows: u64,
    /// Requests that were refused for what they asked: a 4xx.
    pub refused: u64,
    /// Requests that failed by no fault of theirs: a 5xx.
    pub errors: u64,
    /// Requests that were to be logged and were not, for there were too many.
    pub unlogged: u64,
    /// Half of the requests took no longer, in milliseconds.
    pub p50_ms: Option<f64>,
    /// 95 of 100 took no longer.
    pub p95_ms: Option<f64>,
    /// 99 of 100 took no longer.
    pub p99_ms: Option<f64>,
    /// How predictions compare with what happened, as far as it was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<LiveQuality>,
}

/// How predictions compare with what happened.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct LiveQuality {
    /// Rows of which it is known.
    pub rows: u64,
    /// The share of classes that were predicted right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// The mean negative logarithm of the true class's probability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_loss: Option<f64>,
    /// The mean absolute difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mae: Option<f64>,
    /// The root of the mean squared difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rmse: Option<f64>,
}

impl From<&Tally> for Figures {
    fn from(tally: &Tally) -> Self {
        let millis = |took: Duration| took.as_micros() as f64 / 1e3;
        let [p50_ms, p95_ms, p99_ms] = match tally.latency.quantiles([0.5, 0.95, 0.99]) {
            Some(found) => found.map(|took| Some(millis(took))),
            None => [None; 3],
        };
        let of = &tally.quality;
        let mean = |sum: f64, count: u64| (count > 0).then(|| sum / count as f64);
        let quality = (of.numbers + of.classes > 0).then(|| LiveQuality {
            rows: of.numbers + of.classes,
            accuracy: mean(of.right as f64, of.classes),
            log_loss: mean(of.log_loss, of.probable),
            mae: mean(of.absolute, of.numbers),
            rmse: mean(of.squared, of.numbers).map(f64::sqrt),
        });
        Self {
            requests: tally.requests,
            rows: tally.rows,
            refused: tally.refused,
            errors: tally.errors,
            unlogged: tally.unlogged,
            p50_ms,
            p95_ms,
            p99_ms,
            quality,
        }
    }
}

/// What a deployment did in a span of time.
pub async fn metrics(app: &App, workspace: &str, name: &str, span: Span) -> Result<Metrics> {
    let record = deployments::find(app, workspace, name).await?.value;
    let step = span.step(app.now());
    let sums = sums(app, workspace, &record.id, span, step).await?;
    let answers = |variant: &str| record.variants.iter().all(|now| now.name != variant || !now.shadow);
    let mut all = Tally::default();
    let mut variants: BTreeMap<String, Tally> = BTreeMap::new();
    let mut series: BTreeMap<i64, Tally> = BTreeMap::new();
    for (minute, variant, tally) in sums {
        if answers(&variant) {
            all.add(&tally);
            series.entry(minute).or_default().add(&tally);
        }
        variants.entry(variant).or_default().add(&tally);
    }
    let at = |minute: i64| Timestamp::from_second(minute * 60).map_err(Problem::internal);
    let first = minute(span.from).div_euclid(step.minutes()) * step.minutes();
    let points = series.iter().map(|(minute, tally)| Ok(Point { at: at(*minute)?, figures: tally.into() }));
    Ok(Metrics {
        deployment: record.name,
        from: at(first)?,
        to: span.to,
        step_s: u32::try_from(step.minutes() * 60).unwrap_or(u32::MAX),
        all: (&all).into(),
        variants: variants.iter().map(|(name, tally)| (name.clone(), tally.into())).collect(),
        series: points.collect::<Result<_>>()?,
    })
}

/// What each variant did between two moments, to the minute.
pub(crate) async fn between(
    app: &App,
    workspace: &str,
    deployment: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<BTreeMap<String, Tally>> {
    let mut variants: BTreeMap<String, Tally> = BTreeMap::new();
    for (_, variant, tally) in sums(app, workspace, deployment, Span { from, to }, Step::Minute).await? {
        variants.entry(variant).or_default().add(&tally);
    }
    Ok(variants)
}

async fn sums(
    app: &App,
    workspace: &str,
    deployment: &str,
    span: Span,
    step: Step,
) -> Result<Vec<(i64, String, Tally)>> {
    let mut query = Query {
        after: Some(step.sort(minute(span.from))),
        below: Some(step.sort(minute(span.to) + step.minutes())),
        ..Query::prefix(step.partition(workspace, deployment), "", 1000)
    };
    let mut sums = Vec::new();
    loop {
        let page = app.slots.database.query(&query).await?;
        for item in page.items {
            let Some((minute, variant)) = item.key.sort.split_once('/') else { continue };
            sums.push((minute.parse().map_err(Problem::internal)?, variant.to_owned(), read(&item)?));
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(sums),
        }
    }
}
