//! Items as they were in another database.

use super::attributes::{item, micros};
use super::backoff::{Backoff, random};
use super::check;
use super::failure::failed;
use super::overflow::Overflow;
use super::table::incomplete;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use fettle_backend::ports::{Error, ErrorKind, Item, Key, Result};
use std::collections::{BTreeMap, HashMap};

/// As many as `BatchWriteItem` takes.
const BATCH: usize = 25;

/// Writes all items, in batches; of two under one key the later.
pub(super) async fn restore(client: &Client, table: &str, overflow: &Overflow, items: &[Item]) -> Result<()> {
    let mut by_key = BTreeMap::<&Key, (&Item, String)>::new();
    for item in items {
        check::key(&item.key)?;
        by_key.insert(&item.key, (item, check::text(&item.key, &item.value)?));
    }
    let mut left = by_key.into_values();
    loop {
        let (batch, texts): (Vec<_>, Vec<_>) = left.by_ref().take(BATCH).unzip();
        if batch.is_empty() {
            return Ok(());
        }
        let nonce = random()?;
        let documents = overflow.write(texts, &nonce).await?;
        let puts = batch.iter().zip(&documents).map(|(restored, document)| {
            let expires = restored.expires_at.map(micros);
            put(item(&restored.key, restored.version, document, expires, &nonce))
        });
        write(client, table, puts.collect::<Result<_>>()?).await?;
    }
}

fn put(item: super::failure::Attributes) -> Result<WriteRequest> {
    let put = PutRequest::builder().set_item(Some(item)).build().map_err(incomplete)?;
    Ok(WriteRequest::builder().put_request(put).build())
}

/// Writes one batch, and again what the table had no capacity for.
async fn write(client: &Client, table: &str, batch: Vec<WriteRequest>) -> Result<()> {
    let mut left = HashMap::from([(table.to_owned(), batch)]);
    let mut backoff = Backoff::for_a_call();
    loop {
        let output = client
            .batch_write_item()
            .set_request_items(Some(left))
            .send()
            .await
            .map_err(|error| failed("restoring items", error))?;
        left = output.unprocessed_items.unwrap_or_default();
        left.retain(|_, requests| !requests.is_empty());
        if left.is_empty() {
            return Ok(());
        }
        if !backoff.wait().await? {
            let context = "restoring items: the table takes no more for now";
            return Err(Error::new(ErrorKind::Unavailable, context));
        }
    }
}
