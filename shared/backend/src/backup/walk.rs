//! What belongs to a workspace. The database has no scan, so each module says where its records lie:
//! the partition of its aggregates' heads, and, given a head, what lies below it.

use crate::ports::{Database, Item, Key, Query};
use crate::problem::{Kind, Problem, Result};
use crate::record::{ATTEMPTS, back_off};
use crate::{batches, datasets, deployments, due, keys, models, runs};
use tokio::sync::mpsc::Sender;

/// Items read in one go.
const PAGE: usize = 500;

/// A partition in which every item is the head of an aggregate.
pub(crate) struct Heads {
    pub(crate) partition: String,
    /// What else belongs to a head of the workspace.
    pub(crate) parts: fn(&str, &Item) -> Result<Parts>,
}

impl Heads {
    /// Records that have nothing below them.
    pub(crate) fn alone(partition: String) -> Self {
        Self { partition, parts: |_, _| Ok(Parts::default()) }
    }
}

/// What lies below a head. What is due for a record, by the key that it keeps, is found by itself.
#[derive(Default)]
pub(crate) struct Parts {
    /// Items that are there as long as the head is.
    pub(crate) keys: Vec<Key>,
    /// Partitions with records that change together with the head: small enough to be kept in memory.
    pub(crate) changing: Vec<String>,
    /// A partition that only grows, by the first key that the head does not count yet.
    pub(crate) growing: Option<Key>,
}

/// All heads of a workspace. What refers to others comes before them, so that what is found refers to
/// nothing that was made only after its turn.
pub(super) fn heads(workspace: &str) -> Vec<Heads> {
    vec![
        keys::heads(workspace),
        batches::heads(workspace),
        deployments::heads(workspace),
        models::heads(workspace),
        runs::heads(workspace),
        datasets::heads(workspace),
        Heads::alone(format!("{workspace}/secret")),
    ]
}

/// Finds every item of a workspace, once, each head after what lies below it.
///
/// Others may write meanwhile: each aggregate is as it was at one moment (its parts are read again when
/// the head changed meanwhile), with the entries among what is due that its records speak of. Calls
/// that were made before are left out: `idempotency` says why.
///
/// What a killed restore left may be torn, for a restore writes in no order: then what is missing is passed
/// over, where else it says that the head has changed.
pub(super) async fn walk(
    database: &dyn Database,
    workspace: &str,
    may_be_torn: bool,
    found: Sender<Item>,
) -> Result<()> {
    let walk = Walk { database, workspace, may_be_torn, found };
    for heads in heads(workspace) {
        let mut query = Query::prefix(&heads.partition, "", PAGE);
        loop {
            let page = database.query(&query).await?;
            for head in page.items {
                walk.aggregate(&heads, head).await?;
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
    }
    if let Some(mark) = keys::first_admin(database, workspace).await? {
        walk.give(mark).await?;
    }
    walk.tells().await
}

struct Walk<'a> {
    database: &'a dyn Database,
    workspace: &'a str,
    may_be_torn: bool,
    found: Sender<Item>,
}

impl Walk<'_> {
    async fn give(&self, item: Item) -> Result<()> {
        self.found.send(item).await.map_err(|_| super::given_up())
    }

    /// A head and all below it, unless it is deleted meanwhile.
    async fn aggregate(&self, heads: &Heads, mut head: Item) -> Result<()> {
        for attempt in 0..ATTEMPTS {
            let parts = (heads.parts)(self.workspace, &head)?;
            let gathered = self.gather(&head, &parts).await?;
            let Some(now) = self.database.get(&head.key).await? else { return Ok(()) };
            match gathered {
                Some(items) if now == head => {
                    for item in items {
                        self.give(item).await?;
                    }
                    if let Some(next) = parts.growing {
                        self.below(next).await?;
                    }
                    return self.give(head).await;
                }
                _ => head = now,
            }
            back_off(attempt, 4).await;
        }
        Err(Problem::new(Kind::Unavailable, format!("{:?} keeps changing", head.key)).remedy("try again"))
    }

    /// What changes together with the head; none if some of it is gone, since then the head has changed.
    async fn gather(&self, head: &Item, parts: &Parts) -> Result<Option<Vec<Item>>> {
        let mut items = Vec::new();
        for key in &parts.keys {
            match self.database.get(key).await? {
                Some(item) => items.push(item),
                None if self.may_be_torn => {}
                None => return Ok(None),
            }
        }
        for partition in &parts.changing {
            let mut query = Query::prefix(partition, "", PAGE);
            loop {
                let page = self.database.query(&query).await?;
                for item in page.items {
                    if !self.with_due(&item, &mut items).await? {
                        return Ok(None);
                    }
                    items.push(item);
                }
                match page.next {
                    Some(next) => query.after = Some(next),
                    None => break,
                }
            }
        }
        let whole = self.with_due(head, &mut items).await?;
        Ok(whole.then_some(items))
    }

    /// Adds what is due for a record; `false` if it is not there any more: the record has moved on.
    async fn with_due(&self, record: &Item, items: &mut Vec<Item>) -> Result<bool> {
        let Some(key) = due::key_in(&record.value) else { return Ok(true) };
        let Some(entry) = self.database.get(&key).await? else { return Ok(self.may_be_torn) };
        items.push(entry);
        Ok(true)
    }

    /// The items of a partition before a key.
    async fn below(&self, next: Key) -> Result<()> {
        let mut query = Query { below: Some(next.sort), ..Query::prefix(next.partition, "", PAGE) };
        loop {
            let page = self.database.query(&query).await?;
            for item in page.items {
                self.give(item).await?;
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Events that are still to be told. Whatever else is due was found with its record, or its record
    /// has moved on.
    async fn tells(&self) -> Result<()> {
        let mut query = Query::prefix(due::partition(), "", PAGE);
        loop {
            let page = self.database.query(&query).await?;
            for item in page.items {
                if due::tells(&item) && due::belongs(&item, self.workspace) {
                    self.give(item).await?;
                }
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }
}
