//! What every program of the platform begins with.

use crate::config::Config;
use crate::memory;
use fettle_backend::app::{App, Slots};
use fettle_backend::clock::{Clock, SystemClock};
use fettle_backend::ids::{Ids, SystemEntropy};
use std::sync::Arc;

/// Time, ids, and this process's name.
pub(crate) struct Base {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Ids,
    pub(crate) boot: String,
}

impl Base {
    pub(crate) fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids = Ids::new(Arc::clone(&clock), Arc::new(SystemEntropy));
        let boot = format!("boot-{}", ids.uuid());
        Self { clock, ids, boot }
    }
}

/// What handlers are given.
pub(crate) fn app_of(slots: Slots, base: Base, config: &Config) -> Arc<App> {
    let Base { clock, ids, boot } = base;
    let mut limits = config.limits.clone();
    // A trial takes what it needs, and the rest is for all else that goes on.
    limits.trial_memory_bytes = limits.trial_memory_bytes.or_else(|| Some(memory::available()? / 4 * 3));
    Arc::new(App::new(slots, clock, ids, limits, boot))
}
