//! What every place where trials run holds to.

use crate::ports::{Compute, TrialJob};
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One test a property, for an expression whose future gives `(Fixture, _)`.
#[macro_export]
macro_rules! compute_suite {
    ($fixture:expr) => {
        $crate::conformance_tests!(
            compute,
            $fixture,
            [started_trials_arrive, a_living_worker_is_not_gone, a_stranger_is_not_gone]
        );
    };
}

/// Trials that have arrived.
pub type Arrived = Pin<Box<dyn Future<Output = Vec<TrialJob>> + Send>>;

/// What the properties need.
pub struct Fixture {
    /// The place.
    pub compute: Arc<dyn Compute>,
    /// The name of a worker that is alive there.
    pub living: String,
    /// Takes the trials that have arrived at the workers by now.
    pub arrived: Box<dyn Fn() -> Arrived + Send + Sync>,
}

pub async fn started_trials_arrive(fixture: Fixture, ns: &str) {
    let jobs: Vec<TrialJob> = (0..25)
        .map(|index| TrialJob {
            workspace: ns.into(),
            run: format!("run é {}", index / 10),
            trial: format!("{index}"),
        })
        .collect();
    fixture.compute.start(&[]).await.unwrap();
    fixture.compute.start(&jobs[..1]).await.unwrap();
    fixture.compute.start(&jobs[1..]).await.unwrap();
    let mut missing: BTreeSet<usize> = (0..25).collect();
    let begun = Instant::now();
    while !missing.is_empty() {
        assert!(begun.elapsed() < Duration::from_mins(1), "never arrived: {missing:?}");
        for job in (fixture.arrived)().await {
            missing.remove(
                &jobs.iter().position(|started| *started == job).expect("a job that was not started"),
            );
        }
    }
}

pub async fn a_living_worker_is_not_gone(fixture: Fixture, _ns: &str) {
    assert!(!fixture.compute.is_gone(&fixture.living).await.unwrap());
}

pub async fn a_stranger_is_not_gone(fixture: Fixture, ns: &str) {
    for worker in ["", "/", "worker", ns, "é/1"] {
        assert!(!fixture.compute.is_gone(worker).await.unwrap(), "{worker:?} can not be told");
    }
}
