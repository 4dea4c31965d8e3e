//! The database slot on DynamoDB.

mod attributes;
mod backoff;
mod check;
mod condition;
mod failure;
mod overflow;
mod query;
mod request;
mod restore;
pub mod table;
mod write;

use async_trait::async_trait;
use attributes::{Nonce, Stored, bytes, micros};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use backoff::random;
use failure::failed;
use fettle_backend::clock::Clock;
use fettle_backend::ports::{Database, Error, ErrorKind, Item, Key, Page, Query, Result, Storage, Write};
use futures_util::future::try_join_all;
use overflow::Overflow;
use request::{Change, Prepared};
use std::sync::Arc;
use write::Writing;

/// A page ends early when it holds so many bytes of JSON.
const PAGE_BYTES: usize = 4 << 20;
/// So often an item is read whose object is gone when it is looked for.
const READS: usize = 5;

/// All state in one DynamoDB table, with a [partition key](table::PARTITION_KEY), a [sort
/// key](table::SORT_KEY) and a [time to live](table::TIME_TO_LIVE); no index, and never a scan.
///
/// - **Cost**: a single write is one put, update or delete; several are one transaction, which costs
///   twice as much. Reads are strongly consistent.
/// - **Long documents**: one over 32 KiB of JSON is an object `overflow/…` of the storage, and the
///   item refers to it. The object is there before the item, and is removed once the item is replaced
///   or removed. An object stays, referred to by nothing, when the process ends in between, when it is
///   not known whether the item was written, when the table's time to live removes the item, and when
///   a restore replaces it.
/// - **Times to live** hold to the microsecond, for readers and conditions; the table removes an item
///   some time after.
/// - **Tries**: a write that is throttled, meets another transaction or loses its answer is tried up to
///   ten times within some twelve seconds, with pauses that grow by chance; then it is `Unavailable`. A
///   read is tried as often as the client is set to.
/// - **Lost answers**: a transaction's token lets it happen once, and every item carries a mark of the
///   call that wrote it, by which a later try of the same call sees that it has been carried out. Where
///   neither tells (a conditional removal, or an item that another has written since), the answer is
///   `Unavailable`, never a `Conflict`. An unconditional write may happen twice when its answer was lost
///   and another wrote the item in between.
pub struct DynamoDatabase {
    reader: Client,
    /// Does not retry by itself.
    writer: Client,
    table: String,
    overflow: Overflow,
    clock: Arc<dyn Clock>,
}

impl DynamoDatabase {
    /// The database in this table, which [`create_table`](table::create_table) or Terraform has made;
    /// `overflow` takes the long documents, and has to be the same for all who use the table. Makes no
    /// call.
    pub fn new(client: Client, table: String, overflow: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        let alone = client.config().to_builder().retry_config(RetryConfig::disabled()).build();
        Self {
            writer: Client::from_conf(alone),
            reader: client,
            table,
            overflow: Overflow::new(overflow),
            clock,
        }
    }

    fn now(&self) -> i64 {
        micros(self.clock.now())
    }

    /// What is stored under a key, expired or not.
    async fn look(&self, key: &Key) -> Result<Option<Stored>> {
        let output = self
            .reader
            .get_item()
            .table_name(&self.table)
            .set_key(Some(attributes::key(key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed("reading an item", error))?;
        output.item.map(Stored::read).transpose()
    }

    /// What was stored as an item, if it is there: one whose object is gone was replaced since it was
    /// read, and is read again.
    async fn item(&self, partition: &str, stored: Stored) -> Result<Option<Item>> {
        let key = Key::new(partition, stored.sort.as_str());
        let mut current = stored;
        for _ in 0..READS {
            if current.has_expired(self.now()) {
                return Ok(None);
            }
            let (expires_at, version, nonce) = (current.expires_at()?, current.version, current.nonce);
            if let Some(text) = self.overflow.read(current.document).await? {
                let value = serde_json::from_str(&text).map_err(|error| {
                    let context = format!("an item that is not JSON at {key:?}");
                    Error::new(ErrorKind::Corrupt, context).caused_by(error)
                })?;
                return Ok(Some(Item { key, value, version, expires_at }));
            }
            current = match self.look(&key).await? {
                None => return Ok(None),
                Some(stored) if stored.nonce == nonce => {
                    let context = format!("an item whose object is not there at {key:?}");
                    return Err(Error::new(ErrorKind::Corrupt, context));
                }
                Some(stored) => stored,
            };
        }
        Err(Error::new(ErrorKind::Unavailable, format!("an item that others change all the time at {key:?}")))
    }

    async fn prepare(&self, writes: &[Write], nonce: &Nonce) -> Result<Vec<Prepared>> {
        let mut texts = Vec::new();
        for write in writes {
            if let Write::Put { key, value, .. } = write {
                texts.push(check::text(key, value)?);
            }
        }
        let mut documents = self.overflow.write(texts, nonce).await?.into_iter();
        let changes = writes.iter().filter_map(|write| {
            let change = match write {
                Write::Put { expires_at, .. } => {
                    Change::Put { document: documents.next()?, expires: expires_at.map(micros) }
                }
                Write::Delete { .. } => Change::Delete,
                Write::Check { .. } => Change::None,
            };
            Some(Prepared { key: write.key().clone(), condition: write.condition(), change })
        });
        Ok(changes.collect())
    }
}

#[async_trait]
impl Database for DynamoDatabase {
    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        check::key(key)?;
        match self.look(key).await? {
            Some(stored) => self.item(&key.partition, stored).await,
            None => Ok(None),
        }
    }

    async fn write(&self, writes: &[Write]) -> Result<()> {
        check::transaction(writes)?;
        let nonce = random()?;
        let prepared = self.prepare(writes, &nonce).await?;
        let writing = Writing {
            client: &self.writer,
            table: &self.table,
            clock: &*self.clock,
            nonce: &nonce,
            writes: &prepared,
        };
        match writing.carry_out().await {
            Ok(replaced) => {
                self.overflow.remove(replaced.iter().map(String::as_str)).await;
                Ok(())
            }
            Err(failed) => {
                if !failed.in_doubt {
                    self.overflow.remove(prepared.iter().filter_map(Prepared::object)).await;
                }
                Err(failed.error)
            }
        }
    }

    async fn query(&self, query: &Query) -> Result<Page> {
        check::query(query)?;
        let Some((first, last)) = query::range(query) else {
            return Ok(Page::default());
        };
        let output = self
            .reader
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :partition AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":partition", AttributeValue::S(query.partition.clone()))
            .expression_attribute_values(":first", bytes(&first))
            .expression_attribute_values(":last", bytes(&last))
            .scan_index_forward(!query.descending)
            .limit(query.limit as i32)
            .send()
            .await
            .map_err(|error| failed("walking through a partition", error))?;
        let mut next = output.last_evaluated_key.map(attributes::sort).transpose()?;
        let now = self.now();
        let (mut found, mut length) = (Vec::<Stored>::new(), 0);
        for attributes in output.items.unwrap_or_default() {
            let stored = Stored::read(attributes)?;
            if stored.has_expired(now) {
                continue;
            }
            length += stored.bytes();
            if let Some(before) = found.last().filter(|_| length > PAGE_BYTES) {
                next = Some(before.sort.clone());
                break;
            }
            found.push(stored);
        }
        let items = try_join_all(found.into_iter().map(|stored| self.item(&query.partition, stored))).await?;
        Ok(Page { items: items.into_iter().flatten().collect(), next })
    }

    async fn restore(&self, items: &[Item]) -> Result<()> {
        restore::restore(&self.reader, &self.table, &self.overflow, items).await
    }
}
