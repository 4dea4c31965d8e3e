//! The table: what it is called by, and how it is made where nothing else declares it.

use super::backoff::Backoff;
use super::failure::failed;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
    TimeToLiveSpecification, TimeToLiveStatus,
};
use fettle_backend::ports::{Error, ErrorKind, Result};

/// The attribute with an item's partition: the table's partition key, a string, so that a policy's
/// `dynamodb:LeadingKeys` can name it.
pub const PARTITION_KEY: &str = "pk";

/// The attribute with an item's sort key: the table's sort key, the bytes of the UTF-8 text as a
/// binary, so that every range of keys has exact bounds.
pub const SORT_KEY: &str = "sk";

/// The attribute by which the table removes what has expired (its time to live): a number, seconds
/// since 1970, rounded up.
pub const TIME_TO_LIVE: &str = "expires";

/// Makes the table, on demand (`PAY_PER_REQUEST`), waits until it is there, and turns its time to
/// live on. What is there already is left as it is; two may do this at once.
///
/// `Unavailable` when the table is not active within the time.
pub async fn create_table(client: &Client, table: &str) -> Result<()> {
    if !is_active(client, table).await? {
        create(client, table).await?;
        let mut backoff = Backoff::for_a_table();
        while !is_active(client, table).await? {
            if !backoff.wait().await? {
                let context = format!("the table {table} is not active in time");
                return Err(Error::new(ErrorKind::Unavailable, context));
            }
        }
    }
    expire(client, table).await
}

async fn create(client: &Client, table: &str) -> Result<()> {
    let created = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute(PARTITION_KEY, ScalarAttributeType::S)?)
        .attribute_definitions(attribute(SORT_KEY, ScalarAttributeType::B)?)
        .key_schema(part(PARTITION_KEY, KeyType::Hash)?)
        .key_schema(part(SORT_KEY, KeyType::Range)?)
        .send()
        .await;
    match created {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
        Err(error) => Err(failed("creating the table", error)),
    }
}

async fn is_active(client: &Client, table: &str) -> Result<bool> {
    match client.describe_table().table_name(table).send().await {
        Ok(output) => {
            let status = output.table().and_then(|table| table.table_status());
            Ok(matches!(status, Some(TableStatus::Active | TableStatus::Updating)))
        }
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(false),
        Err(error) => Err(failed("describing the table", error)),
    }
}

/// Turns the time to live on, unless it is on.
async fn expire(client: &Client, table: &str) -> Result<()> {
    if expires(client, table).await? {
        return Ok(());
    }
    let specification = TimeToLiveSpecification::builder()
        .enabled(true)
        .attribute_name(TIME_TO_LIVE)
        .build()
        .map_err(incomplete)?;
    let updated =
        client.update_time_to_live().table_name(table).time_to_live_specification(specification).send().await;
    match updated {
        Ok(_) => Ok(()),
        // Another did it since.
        Err(_) if expires(client, table).await? => Ok(()),
        Err(error) => Err(failed("turning the table's time to live on", error)),
    }
}

async fn expires(client: &Client, table: &str) -> Result<bool> {
    let output = client
        .describe_time_to_live()
        .table_name(table)
        .send()
        .await
        .map_err(|error| failed("describing the table's time to live", error))?;
    Ok(output.time_to_live_description().is_some_and(|description| {
        let on = matches!(
            description.time_to_live_status(),
            Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
        );
        on && description.attribute_name() == Some(TIME_TO_LIVE)
    }))
}

fn attribute(name: &str, kind: ScalarAttributeType) -> Result<AttributeDefinition> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().map_err(incomplete)
}

fn part(name: &str, kind: KeyType) -> Result<KeySchemaElement> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(incomplete)
}

/// A request that lacks a part, which is a fault of this program.
pub(super) fn incomplete(error: BuildError) -> Error {
    Error::new(ErrorKind::Invalid, "a request to the database lacks a part").caused_by(error)
}
