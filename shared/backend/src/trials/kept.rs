//! What a trial predicted for the rows of its folds: kept where it may be combined, and where another worker
//! may have to go on. What took less than a second to fit is fitted again instead, which is the same.

use super::{Claim, PROGRESS};
use crate::app::App;
use crate::ports::ErrorKind;
use crate::problem::Result;
use crate::runs::predictions_key;
use fettle_engine::trial::Predicted;
use std::time::Duration;

/// Keeps what a fold predicted, or with no fold what was predicted for the test set.
pub(super) async fn keep(
    app: &App,
    claim: &Claim,
    fold: Option<u32>,
    predicted: &Predicted,
    took: Duration,
) -> Result<()> {
    if !claim.run.mode.combines() && (fold.is_none() || took < PROGRESS) {
        return Ok(());
    }
    let key = predictions_key(&claim.job.workspace, &claim.job.run, &claim.trial.id, fold);
    app.slots.storage.put(&key, &predicted.to_bytes()).await?;
    Ok(())
}

/// What an earlier worker kept of a fold, if it did.
pub(super) async fn earlier(app: &App, claim: &Claim, fold: u32) -> Result<Option<Predicted>> {
    let key = predictions_key(&claim.job.workspace, &claim.job.run, &claim.trial.id, Some(fold));
    match app.slots.storage.get(&key).await {
        Ok(bytes) => Ok(Some(Predicted::from_bytes(&bytes))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Removes what was kept of a trial that has ended and is not to be combined. Storage that is left behind
/// does no harm: nobody is kept waiting for it.
pub(super) async fn forget(app: &App, keys: &[String]) {
    for key in keys {
        if let Err(error) = app.slots.storage.delete(key).await {
            tracing::warn!(key, %error, "what a fold predicted is left behind");
        }
    }
}

/// Where that lies.
pub(super) fn left_behind(claim: &Claim) -> Vec<String> {
    if claim.run.mode.combines() {
        return Vec::new();
    }
    let folds = (0..).zip(&claim.trial.folds).filter(|(_, fold)| fold.fit_s >= PROGRESS.as_secs_f64());
    folds
        .map(|(k, _)| predictions_key(&claim.job.workspace, &claim.job.run, &claim.trial.id, Some(k)))
        .collect()
}
