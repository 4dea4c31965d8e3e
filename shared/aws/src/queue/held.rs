//! Which messages this process holds, and until when.

use fettle_backend::ports::QueueName;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// The deliveries that are held.
///
/// SQS promises little of a handle after its message was delivered again: it may do as the handle says
/// all the same, to the message that somebody else holds by now. So a receipt is void from the moment
/// that its visibility has run out, and is not shown to SQS any more.
#[derive(Default)]
pub(super) struct Held(Mutex<HashMap<(QueueName, String), Delivered>>);

struct Delivered {
    handle: String,
    until: Instant,
}

/// What a receipt names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Receipt<'a> {
    /// A delivery that this process holds.
    Held { handle: &'a str },
    /// A handle of SQS's own, which did not come by [`Held::receipt`]: Lambda received the message.
    Foreign { handle: &'a str },
    /// Nothing, any more or ever.
    Void,
}

impl Held {
    /// The receipt of a message that was just delivered. Any before of the same message is void.
    pub(super) fn receipt(
        &self,
        queue: QueueName,
        id: &str,
        handle: &str,
        now: Instant,
        until: Instant,
    ) -> String {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, delivered| delivered.until > now);
        let delivered = Delivered { handle: handle.to_owned(), until };
        held.insert((queue, id.to_owned()), delivered);
        // No handle has a colon in it: it is Base64.
        format!("{id}:{handle}")
    }

    pub(super) fn look<'a>(&self, queue: QueueName, receipt: &'a str, now: Instant) -> Receipt<'a> {
        let Some((id, handle)) = receipt.split_once(':') else {
            return if receipt.is_empty() { Receipt::Void } else { Receipt::Foreign { handle: receipt } };
        };
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match held.get(&(queue, id.to_owned())) {
            Some(delivered) if delivered.handle == handle && delivered.until > now => {
                Receipt::Held { handle }
            }
            _ => Receipt::Void,
        }
    }

    /// The delivery is held until then, unless the message has been delivered again.
    pub(super) fn extend(&self, queue: QueueName, receipt: &str, until: Instant) {
        let Some((id, handle)) = receipt.split_once(':') else { return };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(delivered) = held.get_mut(&(queue, id.to_owned()))
            && delivered.handle == handle
        {
            delivered.until = until;
        }
    }

    /// The delivery is held no more.
    pub(super) fn let_go(&self, queue: QueueName, receipt: &str) {
        let Some((id, handle)) = receipt.split_once(':') else { return };
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (queue, id.to_owned());
        if held.get(&key).is_some_and(|delivered| delivered.handle == handle) {
            held.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_receipt_is_void_once_its_time_is_over_or_another_is_given() {
        let (held, queue) = (Held::default(), QueueName::Trial);
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let first = held.receipt(queue, "m", "h1", begun, at(60));
        assert_eq!(held.look(queue, &first, at(59)), Receipt::Held { handle: "h1" });
        assert_eq!(held.look(queue, &first, at(60)), Receipt::Void);
        assert_eq!(held.look(QueueName::Ingest, &first, begun), Receipt::Void);
        let second = held.receipt(queue, "m", "h2", at(10), at(70));
        assert_eq!(held.look(queue, &first, at(10)), Receipt::Void);
        held.extend(queue, &first, begun);
        held.let_go(queue, &first);
        assert_eq!(held.look(queue, &second, at(10)), Receipt::Held { handle: "h2" });
        held.extend(queue, &second, at(100));
        assert_eq!(held.look(queue, &second, at(99)), Receipt::Held { handle: "h2" });
        held.receipt(queue, "other", "h3", at(100), at(200));
        assert_eq!(held.look(queue, &second, at(99)), Receipt::Void, "what is over is kept for ever");
        let third = held.receipt(queue, "m", "h4", at(100), at(200));
        held.let_go(queue, &third);
        assert_eq!(held.look(queue, &third, at(101)), Receipt::Void);
    }

    #[test]
    fn a_handle_of_sqs_s_own_is_left_to_sqs() {
        let (held, now) = (Held::default(), Instant::now());
        assert_eq!(held.look(QueueName::Trial, "AQEB/+=", now), Receipt::Foreign { handle: "AQEB/+=" });
        for receipt in ["", ":", "m:", "m:h"] {
            assert_eq!(held.look(QueueName::Trial, receipt, now), Receipt::Void, "{receipt}");
        }
    }
}
