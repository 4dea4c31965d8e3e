//! What a run tries next, given what came of what it tried before. No coordinator lives between two
//! stages: whoever ends a stage's last trial asks [`next`], and the answer depends on its arguments alone.

mod tpe;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use self::tpe::Tried;
use crate::combine::Method;
use crate::estimators::{Estimator, find};
use crate::metrics::Metric;
use crate::plan::{Origin, Plan, TrialSpec};

/// How far a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every estimator once.
    #[default]
    Compare,
    /// Then the best of them with other parameters.
    Tune,
    /// Every estimator once, then combinations of the best.
    Ensemble,
    /// All of it.
    Auto,
}

impl Mode {
    fn tunes(self) -> bool {
        matches!(self, Mode::Tune | Mode::Auto)
    }

    /// Whether the best are combined at the end, for which each trial's predictions are kept.
    pub fn combines(self) -> bool {
        matches!(self, Mode::Ensemble | Mode::Auto)
    }
}

/// Trials of one round: few enough that each round learns from the one before, enough for several workers.
const ROUND: usize = 6;
/// Tuned trials when there is no time budget, and the most with one.
const TUNED: u32 = 24;
pub(crate) const MOST_TUNED: u32 = 120;
/// Estimators that are tuned: the best so many.
const CONTENDERS: usize = 3;
/// Trials that a combination may choose from.
const MOST_MEMBERS: usize = 12;
/// The share of a time budget after which no estimator is begun for the first time, when more is to come.
const COMPARE_SHARE: f64 = 0.5;
/// The share after which nothing is tuned any more: combining takes little, but some.
const TUNE_SHARE: f64 = 0.9;

/// What came of a trial.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its number in the run, from 1.
    pub number: u32,
    /// What was tried.
    pub spec: TrialSpec,
    /// The mean over folds of the run's metric; none when it failed or was not begun.
    pub score: Option<f64>,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Time {
    /// Seconds since the first trial began.
    pub elapsed_s: f64,
    /// Seconds that the run may take.
    pub budget_s: Option<f64>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Run these trials. None of them is begun after so many seconds of the run.
    Trials {
        /// What to try.
        trials: Vec<TrialSpec>,
        /// When it is too late to begin one.
        until_s: Option<f64>,
    },
    /// The run is over; what it would do with more time, in words.
    Done(Vec<String>),
}

/// When it is too late to begin one of the first trials, in seconds of a run.
pub fn compare_until(plan: &Plan, budget_s: Option<f64>) -> Option<f64> {
    let share = if plan.mode == Mode::Compare { 1.0 } else { COMPARE_SHARE };
    budget_s.map(|budget| budget * share)
}

/// What a run tries after all of `done`, which are in the order of their numbers. The same arguments give
/// the same answer.
pub fn next(plan: &Plan, done: &[Outcome], time: Time) -> Step {
    let ranked = ranked(plan.metric, done);
    let tuned = count(done, Origin::Tuned);
    let combined = count(done, Origin::Combined);
    if plan.mode.tunes() && combined == 0 {
        let trials = tune(plan, done, &ranked, tuned, time);
        if !trials.is_empty() {
            return Step::Trials { trials, until_s: time.budget_s.map(|budget| budget * TUNE_SHARE) };
        }
    }
    if combined == 0 {
        let trials = combinations(plan, &ranked);
        if !trials.is_empty() {
            return Step::Trials { trials, until_s: None };
        }
    }
    Step::Done(more(plan, done, tuned, time))
}

fn count(done: &[Outcome], origin: Origin) -> u32 {
    done.iter().filter(|outcome| outcome.spec.origin == origin).count() as u32
}

/// The trials that have a score, best first; of equals the earlier. Combinations are not among them.
fn ranked(metric: Metric, done: &[Outcome]) -> Vec<(&Outcome, f64)> {
    let sign = if metric.greater_is_better() { 1.0 } else { -1.0 };
    let mut ranked: Vec<(&Outcome, f64)> = done
        .iter()
        .filter(|outcome| outcome.spec.origin != Origin::Combined)
        .filter_map(|outcome| outcome.score.map(|score| (outcome, sign * score)))
        .collect();
    ranked.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.number.cmp(&b.number)));
    ranked
}

/// The estimators worth tuning, best first.
fn contenders<'a>(ranked: &[(&Outcome, f64)]) -> Vec<&'a dyn Estimator> {
    let mut found: Vec<&dyn Estimator> = Vec::new();
    for (outcome, _) in ranked {
        let Some(estimator) = find(&outcome.spec.estimator) else { continue };
        let known = found.iter().any(|other| other.name() == estimator.name());
        if !known && tpe::has_space(estimator.parameters()) {
            found.push(estimator);
        }
    }
    found.truncate(CONTENDERS);
    found
}

/// The next round of tuning: half of it for the best estimator, the rest for the next ones.
fn tune(plan: &Plan, done: &[Outcome], ranked: &[(&Outcome, f64)], tuned: u32, time: Time) -> Vec<TrialSpec> {
    let most = match (plan.tuned, time.budget_s) {
        (Some(most), _) => most,
        (None, Some(_)) => MOST_TUNED,
        (None, None) => TUNED,
    };
    let late = time.budget_s.is_some_and(|budget| time.elapsed_s >= budget * TUNE_SHARE);
    // A round of which nothing was begun in time is the last.
    let last_round: Vec<&Outcome> = done.iter().rev().take(ROUND).collect();
    let idle =
        tuned > 0 && last_round.iter().all(|last| last.score.is_none() || last.spec.origin != Origin::Tuned);
    let contenders = contenders(ranked);
    if tuned >= most || late || idle || contenders.is_empty() {
        return Vec::new();
    }
    let mut trials: Vec<TrialSpec> = Vec::new();
    for place in 0..ROUND.min((most - tuned) as usize) {
        // 0, 1, 0, 2, 0, 1: the best one every other time.
        let turn = if place % 2 == 0 { 0 } else { 1 + place / 2 % (contenders.len() - 1).max(1) };
        let estimator = contenders[turn.min(contenders.len() - 1)];
        let tried: Vec<Tried> = ranked
            .iter()
            .filter(|(outcome, _)| outcome.spec.estimator == estimator.name())
            .map(|(outcome, score)| Tried { params: &outcome.spec.params, score: *score })
            .collect();
        let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
        random.set_stream(done.len() as u64 * ROUND as u64 + place as u64 + 1);
        let params = tpe::propose(estimator.parameters(), &Map::new(), &tried, &mut random);
        let spec = TrialSpec { origin: Origin::Tuned, ..TrialSpec::new(estimator.name(), params) };
        let known = |other: &TrialSpec| other.estimator == spec.estimator && other.params == spec.params;
        if !trials.iter().any(known) && !done.iter().any(|outcome| known(&outcome.spec)) {
            trials.push(spec);
        }
    }
    trials
}

/// Combinations of the best trials; and, where probabilities are what counts, the best one calibrated.
fn combinations(plan: &Plan, ranked: &[(&Outcome, f64)]) -> Vec<TrialSpec> {
    // A baseline has nothing to add.
    let able: Vec<&Outcome> = ranked
        .iter()
        .map(|(outcome, _)| *outcome)
        .filter(|outcome| outcome.spec.estimator != "dummy")
        .collect();
    let mut trials = Vec::new();
    if plan.mode.combines() && able.len() >= 2 {
        let numbers = |most: usize| able.iter().take(most).map(|outcome| outcome.number).collect();
        trials.push(Method::Blend.trial(numbers(3)));
        trials.push(Method::Greedy.trial(numbers(MOST_MEMBERS)));
        trials.push(Method::Stack.trial(of_different_kinds(&able)));
    }
    if let (true, true, Some(best)) = (plan.task.is_classification(), plan.mode.combines(), able.first()) {
        trials.push(Method::Sigmoid.trial(vec![best.number]));
        trials.push(Method::Isotonic.trial(vec![best.number]));
    }
    trials
}

/// The best trial of each of the best estimators.
fn of_different_kinds(able: &[&Outcome]) -> Vec<u32> {
    let mut members: Vec<&Outcome> = Vec::new();
    for outcome in able {
        if members.iter().all(|other| other.spec.estimator != outcome.spec.estimator) {
            members.push(outcome);
        }
    }
    members.iter().take(6).map(|outcome| outcome.number).collect()
}

/// What a run would do with more time.
fn more(plan: &Plan, done: &[Outcome], tuned: u32, time: Time) -> Vec<String> {
    let mut more = Vec::new();
    let left: Vec<&str> = done
        .iter()
        .filter(|outcome| outcome.score.is_none() && outcome.spec.origin == Origin::Compared)
        .map(|outcome| outcome.spec.estimator.as_str())
        .collect();
    if time.budget_s.is_some() && !left.is_empty() {
        more.push(format!("try what had no time or failed: {}", left.join(", ")));
    }
    let contenders = contenders(&ranked(plan.metric, done));
    let tunes = plan.mode.tunes() && time.budget_s.is_some() && tuned < MOST_TUNED;
    if let Some(best) = contenders.first().filter(|_| tunes) {
        more.push(format!(
            "tune {} further: {tuned} sets of parameters were tried of at most {MOST_TUNED}",
            best.name()
        ));
    }
    let other = match plan.mode {
        Mode::Compare => "would tune the best estimators and combine them",
        Mode::Tune => "would also combine the best trials",
        Mode::Ensemble => "would also tune the best estimators",
        Mode::Auto => return more,
    };
    more.push(format!("\"plan\": \"auto\" {other}"));
    more
}

#[cfg(test)]
mod tests;
