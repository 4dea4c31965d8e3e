//! How a run looks from outside.

use super::record::{
    FoldRecord, LeaderboardEntry, Progress, Run, RunRecord, Score, TrialRecord, TrialStatus,
};
use fettle_engine::metrics::Metric;
use fettle_engine::metrics::compare::{Spread, compare, spread};
use fettle_engine::plan::Plan;
use std::collections::BTreeMap;

/// A run without what only its own page shows.
pub(super) fn brief(record: RunRecord) -> Run {
    Run {
        id: record.id,
        status: record.status,
        dataset: record.dataset,
        experiment: record.experiment,
        target: record.target,
        task: record.task,
        metric: record.metric,
        plan: record.mode,
        folds: record.folds,
        trials: record.trials,
        progress: None,
        leaderboard: None,
        features: None,
        notes: None,
        warnings: record.warnings,
        more: record.more,
        best: record.best.map(|best| best.trial),
        test_fraction: None,
        seed: None,
        costs: None,
        classes: Vec::new(),
        threshold: None,
        created_at: record.created_at,
        started_at: record.started_at,
        finished_at: record.finished_at,
        error: record.error,
    }
}

/// A run with all that is known of it.
pub(super) fn whole(record: RunRecord, plan: Plan, trials: Vec<TrialRecord>) -> Run {
    let cancelled = record.status == super::RunStatus::Cancelled;
    let progress = progress(&record, &trials);
    let metric = record.metric;
    let ids: BTreeMap<u32, String> = trials.iter().map(|trial| (trial.number, trial.id.clone())).collect();
    let mut entries: Vec<(Option<f64>, LeaderboardEntry)> = trials
        .into_iter()
        .map(|trial| {
            let metrics = scores(&trial.folds);
            let succeeded = trial.status == TrialStatus::Succeeded;
            let score = metrics.get(&metric).filter(|_| succeeded).map(|score| score.mean);
            // Of a cancelled run no more trials are begun, whether or not that is written yet.
            let status =
                if cancelled && !trial.status.is_over() { TrialStatus::Cancelled } else { trial.status };
            let entry = LeaderboardEntry {
                rank: None,
                trial: trial.id,
                estimator: trial.estimator,
                params: trial.params,
                origin: trial.origin,
                members: trial.members.iter().filter_map(|number| ids.get(number).cloned()).collect(),
                metrics,
                behind: None,
                holdout: trial.holdout,
                // Not `sum`, whose nothing is -0.
                fit_s: trial.folds.iter().fold(0.0, |sum, fold| sum + fold.fit_s),
                status,
                error: trial.error,
            };
            (score, entry)
        })
        .collect();
    // Stable: equal scores stay in the order of the plan, and so do those that have none.
    entries.sort_by(|(a, _), (b, _)| match (a, b) {
        (Some(a), Some(b)) if metric.greater_is_better() => b.total_cmp(a),
        (Some(a), Some(b)) => a.total_cmp(b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    });
    compare_with_best(&mut entries, metric, plan.test_to_training());
    let leaderboard = entries
        .into_iter()
        .zip(1..)
        .map(|((score, entry), place)| LeaderboardEntry { rank: score.map(|_| place), ..entry })
        .collect();
    Run {
        progress: Some(progress),
        leaderboard: Some(leaderboard),
        features: Some(plan.features),
        notes: Some(plan.notes),
        test_fraction: Some(plan.test_fraction),
        seed: Some(plan.seed),
        classes: if plan.costs.is_some() { plan.classes } else { Vec::new() },
        costs: plan.costs,
        threshold: plan.threshold,
        ..brief(record)
    }
}

/// How sure it is that each trial is behind the first, by the folds that both were measured on.
fn compare_with_best(entries: &mut [(Option<f64>, LeaderboardEntry)], metric: Metric, ratio: f64) {
    let [(Some(_), best), rest @ ..] = entries else { return };
    let Some(best) = best.metrics.get(&metric).map(|score| score.folds.clone()) else { return };
    for (_, entry) in rest.iter_mut().filter(|(score, _)| score.is_some()) {
        entry.behind = entry.metrics.get(&metric).and_then(|score| compare(&best, &score.folds, ratio));
    }
}

fn progress(record: &RunRecord, trials: &[TrialRecord]) -> Progress {
    let steps = u64::from(record.folds) + 1;
    let over = record.status.is_over();
    let done = |trial: &TrialRecord| {
        if over || trial.status.is_over() { steps } else { trial.folds.len() as u64 }
    };
    let busy: Vec<String> = trials
        .iter()
        .filter(|trial| !over && trial.status == TrialStatus::Running)
        .map(|trial| match trial.folds.len() as u32 {
            all if all >= record.folds => format!("{} (last fit)", trial.estimator),
            some => format!("{} (fold {} of {})", trial.estimator, some + 1, record.folds),
        })
        .collect();
    let now = if over {
        "done".to_owned()
    } else if busy.is_empty() {
        "waiting for a worker".to_owned()
    } else {
        busy.join(", ")
    };
    Progress { done: trials.iter().map(done).sum(), of: steps * trials.len() as u64, now }
}

/// The mean and spread of each metric that all the folds have.
pub(crate) fn scores(folds: &[FoldRecord]) -> BTreeMap<Metric, Score> {
    let Some(first) = folds.first() else { return BTreeMap::new() };
    first
        .metrics
        .keys()
        .filter_map(|metric| {
            let values: Vec<f64> =
                folds.iter().filter_map(|fold| fold.metrics.get(metric).copied()).collect();
            (values.len() == folds.len()).then(|| (*metric, Score::of(values)))
        })
        .collect()
}

impl Score {
    fn of(folds: Vec<f64>) -> Self {
        // Of no folds there is no score: whoever calls has some.
        let Spread { mean, std } = spread(&folds).unwrap_or(Spread { mean: f64::NAN, std: 0.0 });
        Self { mean, std, folds }
    }
}
