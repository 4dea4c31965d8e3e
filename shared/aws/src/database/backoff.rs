//! Waiting between tries: longer and longer, each time by chance, and not for ever.

use fettle_backend::ports::{Error, ErrorKind, Result};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The tries of one call.
pub(super) struct Backoff {
    waits: u32,
    most_waits: u32,
    longest: Duration,
    until: Instant,
}

impl Backoff {
    /// For a call that somebody waits for: ten tries, none of them begun after twelve seconds.
    pub(super) fn for_a_call() -> Self {
        Self::new(9, Duration::from_secs(1), Duration::from_secs(12))
    }

    /// For a table that is being made.
    pub(super) fn for_a_table() -> Self {
        Self::new(u32::MAX, Duration::from_secs(2), Duration::from_mins(2))
    }

    fn new(most_waits: u32, longest: Duration, in_all: Duration) -> Self {
        Self { waits: 0, most_waits, longest, until: Instant::now() + in_all }
    }

    /// Waits, for any time up to twice as long as before; `false` when there have been enough tries.
    pub(super) async fn wait(&mut self) -> Result<bool> {
        const FIRST: Duration = Duration::from_millis(25);
        if self.waits >= self.most_waits || Instant::now() >= self.until {
            return Ok(false);
        }
        let most = FIRST.saturating_mul(1 << self.waits.min(16)).min(self.longest);
        self.waits += 1;
        let chance = u32::from_le_bytes(random()?);
        sleep(most.mul_f64(f64::from(chance) / f64::from(u32::MAX))).await;
        Ok(true)
    }
}

/// Random bytes of the operating system.
pub(super) fn random<const BYTES: usize>() -> Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the operating system gives no randomness").caused_by(error)
    })?;
    Ok(bytes)
}
