//! The keeper: sees to it that the store behind is there, and is ours.

use super::follow::{item_marker, object_marker};
use super::{KEEPING, Mirror, Restored};
use fettle_backend::ports::{Database, Error, Result, Storage};
use std::sync::Arc;
use std::time::Duration;

/// A store that does not answer is asked so often before all are kept out.
const ASKED: u32 = 3;
const BETWEEN: Duration = Duration::from_millis(300);

/// What a keeper does.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// How often it looks.
    pub every: Duration,
    /// Prefixes of objects that are written past the mirror, by presigned requests: copied at each look.
    pub uploads: Vec<String>,
}

/// What a keeper found, and did.
#[derive(Debug)]
pub enum State {
    /// The store behind is as the mirror knows it, and open to all.
    Ready,
    /// It had lost its state, which was written back; it is open to all.
    Restored(Restored),
    /// It belongs to another mirror, and is closed to all: remove the one or the other.
    Foreign,
    /// It can not be used now, and is closed to all.
    Unavailable(Error),
}

/// What a look at the store behind says.
enum Look {
    Ours,
    Lost,
    Foreign,
    Silent(Error),
}

/// Looks after the store behind for as long as it is polled: makes its resources, restores it where it
/// has lost its state, and settles what writers have left. `on_state` is told after each look.
///
/// `provision` makes what is missing of the store's resources (tables, buckets, queues), and is called
/// only while all are kept out; it is called again and again. Of several keepers one works at a time.
pub async fn watch(
    mirror: &Mirror,
    database: &Arc<dyn Database>,
    storage: &Arc<dyn Storage>,
    keeping: &Keeping,
    provision: impl AsyncFn() -> Result<()>,
    mut on_state: impl FnMut(&State),
) {
    loop {
        on_state(&round(mirror, database, storage, keeping, &provision).await);
        tokio::time::sleep(keeping.every).await;
    }
}

/// One look, and what it takes.
pub async fn round(
    mirror: &Mirror,
    database: &Arc<dyn Database>,
    storage: &Arc<dyn Storage>,
    keeping: &Keeping,
    provision: impl AsyncFn() -> Result<()>,
) -> State {
    let keeper = Keeper { mirror, database, storage, keeping };
    keeper.round(provision).await.unwrap_or_else(State::Unavailable)
}

struct Keeper<'a> {
    mirror: &'a Mirror,
    database: &'a Arc<dyn Database>,
    storage: &'a Arc<dyn Storage>,
    keeping: &'a Keeping,
}

impl Keeper<'_> {
    async fn round(&self, provision: impl AsyncFn() -> Result<()>) -> Result<State> {
        let _keeper = self.mirror.exclusive(KEEPING).await?;
        match self.look_patiently().await? {
            Look::Ours => return self.tend().await,
            Look::Foreign => return self.refuse().await,
            Look::Lost | Look::Silent(_) => {}
        }
        self.mirror.set_gate(true, false).await?;
        provision().await?;
        match self.look().await? {
            Look::Ours => self.tend().await,
            Look::Foreign => self.refuse().await,
            Look::Silent(error) => Err(error),
            Look::Lost => {
                let restored = self.mirror.restore_into(self.database, self.storage).await?;
                Ok(State::Restored(restored))
            }
        }
    }

    /// A lost connection is no lost store.
    async fn look_patiently(&self) -> Result<Look> {
        for _ in 1..ASKED {
            match self.look().await? {
                Look::Silent(_) => tokio::time::sleep(BETWEEN).await,
                look => return Ok(look),
            }
        }
        self.look().await
    }

    async fn look(&self) -> Result<Look> {
        let gate = self.mirror.gate().await?;
        let (item, object) = match (item_marker(self.database).await, object_marker(self.storage).await) {
            (Ok(item), Ok(object)) => (item, object),
            (Err(error), _) | (_, Err(error)) => return Ok(Look::Silent(error)),
        };
        let both = [item, object];
        Ok(if both.iter().flatten().any(|marker| !gate.is_mine(marker)) {
            Look::Foreign
        } else if both.iter().all(|marker| *marker == Some(gate.marker())) {
            Look::Ours
        } else {
            Look::Lost
        })
    }

    /// A restore that came as far as the marker is over, whatever became of who did it.
    async fn tend(&self) -> Result<State> {
        if self.mirror.gate().await?.is_closed() {
            self.mirror.set_gate(false, false).await?;
        }
        self.mirror.settle(self.database, self.storage).await?;
        for prefix in &self.keeping.uploads {
            self.mirror.copy_objects(self.storage, prefix).await?;
        }
        Ok(State::Ready)
    }

    async fn refuse(&self) -> Result<State> {
        self.mirror.set_gate(true, false).await?;
        Ok(State::Foreign)
    }
}
