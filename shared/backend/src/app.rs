//! Everything that a handler may use: the seven slots, the clock, ids, limits and what is kept warm.

use crate::clock::Clock;
use crate::deployments::ServedCache;
use crate::ids::Ids;
use crate::limits::Limits;
use crate::metering::Books;
use crate::ports::{Auth, Compute, Database, Notifier, Queue, Secrets, Storage};
use crate::trials::TrainerCache;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The seven slots, each with the implementation that configuration chose.
#[derive(Clone)]
pub struct Slots {
    /// Data sets, artifacts, plots.
    pub storage: Arc<dyn Storage>,
    /// All state.
    pub database: Arc<dyn Database>,
    /// Named secrets.
    pub secrets: Arc<dyn Secrets>,
    /// Who is calling.
    pub auth: Arc<dyn Auth>,
    /// Work between operations.
    pub queue: Arc<dyn Queue>,
    /// Where a trial runs.
    pub compute: Arc<dyn Compute>,
    /// Telling people and systems.
    pub notifier: Arc<dyn Notifier>,
}

/// What every handler is given.
pub struct App {
    /// The outside.
    pub slots: Slots,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Ids,
    /// How much of everything.
    pub limits: Limits,
    /// This process, as leases name it: `boot-<uuid>`.
    pub boot: String,
    /// The program's version.
    pub version: &'static str,
    /// Models that are being served.
    pub served: ServedCache,
    /// What was served and is not recorded yet.
    pub books: Books,
    /// Tables that trials of this process share.
    pub trainers: TrainerCache,
    stopping: AtomicBool,
}

impl App {
    /// An app on these slots.
    pub fn new(slots: Slots, clock: Arc<dyn Clock>, ids: Ids, limits: Limits, boot: String) -> Self {
        Self {
            served: ServedCache::new(limits.model_cache_bytes),
            books: Books::default(),
            trainers: TrainerCache::default(),
            slots,
            clock,
            ids,
            limits,
            boot,
            version: env!("CARGO_PKG_VERSION"),
            stopping: AtomicBool::new(false),
        }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Asks long work to stop at its next good place, such as the end of a fold.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether long work is to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}
