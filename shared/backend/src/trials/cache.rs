//! Tables that the trials of one process share: decoded once a run, however many trials ask at once.

use crate::app::App;
use crate::datasets;
use crate::ports::TrialJob;
use crate::problem::{Problem, Result};
use crate::runs::{RunRecord, parts};
use fettle_engine::trial::Trainer;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Runs whose table is kept: the one at work, and the one before or after it.
const RUNS: usize = 2;

type Slot = Arc<OnceCell<Arc<Trainer>>>;

/// The tables of the runs at work, latest used last.
#[derive(Default)]
pub struct TrainerCache(Mutex<Vec<(String, Slot)>>);

impl TrainerCache {
    pub(super) async fn get(&self, app: &App, job: &TrialJob, run: &RunRecord) -> Result<Arc<Trainer>> {
        let slot = self.slot(&job.run);
        slot.get_or_try_init(|| build(app, job, run)).await.map(Arc::clone)
    }

    /// Drops the table of a run that is over.
    pub(crate) fn forget(&self, run: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _)| of != run);
    }

    fn slot(&self, run: &str) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = match slots.iter().position(|(of, _)| of == run) {
            Some(at) => slots.remove(at).1,
            None => Slot::default(),
        };
        if slots.len() >= RUNS {
            slots.remove(0);
        }
        slots.push((run.to_owned(), Arc::clone(&slot)));
        slot
    }
}

async fn build(app: &App, job: &TrialJob, run: &RunRecord) -> Result<Arc<Trainer>> {
    let (plan, _) = parts(app, &job.workspace, &job.run).await?;
    let table = datasets::snapshot(app, &job.workspace, &run.dataset.id, run.dataset.version).await?;
    let memory = app.limits.trial_memory_bytes;
    let trainer =
        tokio::task::spawn_blocking(move || Trainer::new(table, plan).map(|made| made.within(memory)))
            .await
            .map_err(Problem::internal)?
            .map_err(|error| Problem::new(crate::problem::Kind::Spec("fit"), error.to_string()))?;
    Ok(Arc::new(trainer))
}
