//! What deployments did, written down without a request waiting for it.
//!
//! While it answers, a process notes in `books` what it served. About once a second, off the request,
//! the notes leave in `batch`es over a queue; whoever receives one asks the shadows, adds to the
//! `tally` of its minute and hour, and keeps the requests in the prediction `log`. `figures` reads
//! them back, `feedback` adds what really happened.

mod batch;
mod books;
mod feedback;
mod figures;
mod log;
mod shadow;
mod tally;

pub use batch::Batch;
pub use books::Books;
pub(crate) use books::{Noted, Outcome, minute};
pub use feedback::{Feedback, Told, tell};
pub(crate) use figures::between;
pub use figures::{Figures, LiveQuality, Metrics, Point, Span, metrics};
pub(crate) use log::{Logged, LoggedRow, MOST_ROWS};
pub(crate) use tally::Tally;

use crate::app::App;
use crate::deployments::{self, Advance};
use crate::problem::Result;
use serde::{Deserialize, Serialize};

/// A message of the queue of what was served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Message {
    /// What a process served.
    Batch(Batch),
    /// A canary's step is over.
    Advance(Advance),
}

/// Does what a message asks. A second one for the same changes nothing.
pub async fn work(app: &App, message: Message) -> Result<()> {
    match message {
        Message::Batch(batch) => batch::record(app, batch).await,
        Message::Advance(advance) => deployments::advance(app, &advance).await,
    }
}
