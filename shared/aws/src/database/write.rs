//! A write from its first try to its last.

use super::attributes::{Nonce, Stored, micros};
use super::backoff::{Backoff, random};
use super::condition::{Assumed, holds};
use super::failure::{Attributes, Refusal};
use super::request::{Context, Prepared, action, send};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::TransactWriteItem;
use fettle_backend::clock::Clock;
use fettle_backend::ports::{Error, ErrorKind, Result};

/// All that a write's tries have in common. The client must not retry by itself: only who sees each
/// answer knows whether an earlier try may have been carried out.
pub(super) struct Writing<'a> {
    pub(super) client: &'a Client,
    pub(super) table: &'a str,
    pub(super) clock: &'a dyn Clock,
    pub(super) nonce: &'a Nonce,
    pub(super) writes: &'a [Prepared],
}

/// A write that failed.
pub(super) struct Failed {
    pub(super) error: Error,
    /// It may have been carried out, or still be.
    pub(super) in_doubt: bool,
}

/// One try, which may be sent again as it is.
struct Try {
    actions: Vec<TransactWriteItem>,
    token: String,
    now: i64,
}

/// What a refusal's conditions come to.
enum Finding {
    /// An earlier try was carried out.
    Done,
    /// The port's condition of that write does not hold.
    Conflict(usize),
    /// All of the port's conditions hold; what was taken for granted did not, and is put right.
    Mistaken,
}

impl Writing<'_> {
    /// Carries the writes out; the objects that nobody refers to any more.
    pub(super) async fn carry_out(&self) -> std::result::Result<Vec<String>, Failed> {
        let mut in_doubt = false;
        let written = self.tries(&mut in_doubt).await;
        written.map_err(|error| Failed { error, in_doubt })
    }

    async fn tries(&self, in_doubt: &mut bool) -> Result<Vec<String>> {
        let objects =
            |assumed: Vec<Assumed>| assumed.into_iter().filter_map(|assumed| assumed.object).collect();
        let mut assumed = vec![Assumed::default(); self.writes.len()];
        let mut backoff = Backoff::for_a_call();
        let mut mistaken = false;
        let mut current = self.begin(&assumed)?;
        loop {
            let refusal = match send(self.client, current.actions.clone(), &current.token).await {
                Ok(()) => return Ok(objects(assumed)),
                Err(refusal) => refusal,
            };
            let error = match refusal {
                Refusal::Conditions(found) => match self.weigh(found, current.now, &mut assumed)? {
                    Finding::Done => return Ok(objects(assumed)),
                    Finding::Conflict(at) => return Err(self.conflict(at, *in_doubt)),
                    Finding::Mistaken => {
                        current = self.begin(&assumed)?;
                        if !std::mem::replace(&mut mistaken, true) {
                            continue;
                        }
                        self.busy()
                    }
                },
                Refusal::Later(error) => error,
                Refusal::Lost(error) => {
                    *in_doubt = true;
                    error
                }
                Refusal::Final(error) => return Err(error),
            };
            if !backoff.wait().await? {
                return Err(error);
            }
            // What may have been carried out is sent as it was: under its token it is not done twice.
            if !*in_doubt {
                current = self.begin(&assumed)?;
            }
        }
    }

    fn begin(&self, assumed: &[Assumed]) -> Result<Try> {
        let now = micros(self.clock.now());
        let context = Context { table: self.table, nonce: self.nonce, now };
        let actions = self
            .writes
            .iter()
            .zip(assumed)
            .map(|(write, assumed)| action(write, assumed, context))
            .collect::<Result<_>>()?;
        let token = format!("{:032x}", u128::from_be_bytes(random()?));
        Ok(Try { actions, token, now })
    }

    fn weigh(
        &self,
        found: Vec<(usize, Option<Attributes>)>,
        now: i64,
        assumed: &mut [Assumed],
    ) -> Result<Finding> {
        let found = found
            .into_iter()
            .map(|(at, there)| Ok((at, there.filter(|item| !item.is_empty()).map(Stored::read).transpose()?)))
            .collect::<Result<Vec<_>>>()?;
        // The writes happen all or not at all, so one that has happened stands for all.
        if found.iter().any(|(_, there)| there.as_ref().is_some_and(|stored| stored.nonce == self.nonce)) {
            return Ok(Finding::Done);
        }
        for (at, there) in &found {
            if !holds(self.writes[*at].condition, there.as_ref(), now) {
                return Ok(Finding::Conflict(*at));
            }
        }
        for (at, there) in &found {
            assumed[*at] = Assumed::of(there.as_ref(), now);
        }
        Ok(Finding::Mistaken)
    }

    /// A condition that does not hold is a conflict only if no earlier try can have broken it.
    fn conflict(&self, at: usize, in_doubt: bool) -> Error {
        let write = &self.writes[at];
        if in_doubt {
            let context = format!("a lost write of {:?}, which may have happened", write.key);
            return Error::new(ErrorKind::Unavailable, context);
        }
        let context = format!("{:?} of {:?}, which does not hold", write.condition, write.key);
        Error::new(ErrorKind::Conflict { at }, context)
    }

    fn busy(&self) -> Error {
        let context = format!("an item that others change all the time, of {} to write", self.writes.len());
        Error::new(ErrorKind::Unavailable, context)
    }
}
