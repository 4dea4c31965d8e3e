//! Watching a run until it ends.

use crate::api::{Events, Run};
use crate::client::{Client, Reply, route};
use crate::failure::{Failure, Result};
use crate::output::{self, DIM, styled};
use crate::progress;

/// The longest wait for an event, in seconds. The bar's count is asked for after each.
const WAIT_S: &str = "1";

/// Watches a run until it ends: a bar on a terminal, else a line for each event, on stderr.
pub(crate) fn watch(client: &Client, run: &str) -> Result<Reply> {
    let bar = progress::steps();
    let mut seen = 0;
    loop {
        let after = seen.to_string();
        let query = [("after", after.as_str()), ("wait_s", WAIT_S)];
        let events: Events = client.get(route(&["runs", run, "events"]).query(&query))?.read()?;
        if !progress::watched() {
            for event in &events.items {
                output::note(&format!("{} {}", styled(DIM, &event.kind), event.summary));
            }
        }
        let more = events.last > seen;
        seen = events.last;
        let reply = client.get(route(&["runs", run]))?;
        let state: Run = reply.read()?;
        if let Some(progress) = &state.progress {
            bar.at(progress.done, progress.of, progress.now.clone());
        }
        // The last events may have come between the two calls.
        if state.is_over() && !more {
            return Ok(reply);
        }
    }
}

/// The failure that a run's end is, if it did not succeed.
pub(crate) fn verdict(run: &Run) -> Result<()> {
    match run.status.as_str() {
        "failed" => Err(run.error.clone().map_or_else(
            || {
                Failure::failed(format!("run {} failed", run.id))
                    .remedy("the leaderboard has each trial's reason")
            },
            Failure::from,
        )),
        "cancelled" => Err(Failure::failed(format!("run {} was cancelled", run.id))),
        _ => Ok(()),
    }
}
