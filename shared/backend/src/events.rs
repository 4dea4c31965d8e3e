//! Telling of events: each was written in the transaction that it tells of, and is told until the
//! notifier has taken it.

use crate::app::App;
use crate::due::{self, Due, DueKey};
use crate::ids::is_id;
use crate::ports::{ErrorKind, Notice, QueueName, Write};
use crate::problem::{Problem, Result};
use crate::record::load;
use crate::runs::Event;
use crate::{batches, runs};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The message that asks for an event to be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tell {
    /// Whose.
    pub workspace: String,
    /// Of which run, or batch.
    pub run: String,
    /// Which of its events.
    pub seq: u64,
    /// Removed once it is told.
    pub(crate) due: Option<DueKey>,
}

/// The write by which an event will be told, and the message that tells it at once.
pub(crate) fn telling(workspace: &str, of: &str, seq: u64, at: Timestamp) -> Result<(Tell, Write)> {
    let mut tell = Tell { workspace: workspace.to_owned(), run: of.to_owned(), seq, due: None };
    let work = format!("{of}-{seq}");
    tell.due = Some(due::key(at + due::GRACE, workspace, &work));
    let (_, write) = due::set(at + due::GRACE, workspace, &work, &Due::new(QueueName::Notify, &tell)?)?;
    Ok((tell, write))
}

/// Tells an event. At least once: the notice carries the event's id, by which a second one is known.
pub async fn tell(app: &App, tell: &Tell) -> Result<()> {
    let database = &*app.slots.database;
    let event_key = if is_id(&tell.run, "bat") { batches::event_key } else { runs::event_key };
    let key = event_key(&tell.workspace, &tell.run, tell.seq);
    if let Some(event) = load::<Event>(database, &key).await? {
        let event = event.value;
        let notice = Notice {
            id: format!("{}-{}", tell.run, event.seq),
            workspace: tell.workspace.clone(),
            kind: event.kind,
            summary: event.summary,
            data: event.data,
        };
        match app.slots.notifier.notify(&notice).await {
            Err(error) if error.kind() == ErrorKind::Invalid => {
                tracing::error!(notice = notice.id, %error, "the notifier refuses this for good");
            }
            other => other?,
        }
    }
    if let Some(due) = &tell.due {
        database.write(&[due.remove()]).await.map_err(Problem::from)?;
    }
    Ok(())
}
