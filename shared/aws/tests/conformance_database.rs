//! The database port's suite on DynamoDB.

#![allow(missing_docs, reason = "a test's name says it")]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod localstack;

use fettle_aws::DynamoDatabase;
use fettle_aws::table::create_table;
use fettle_backend::clock::SystemClock;
use fettle_backend::ports::Database;
use localstack::memory::MemoryStorage;
use std::sync::Arc;

/// Made by whoever is first, and kept: each property has partitions of its own.
const TABLE: &str = "fettle-conformance";

async fn open() -> (Arc<dyn Database>, ()) {
    let client = localstack::clients().await.dynamodb();
    create_table(&client, TABLE).await.unwrap();
    let overflow = Arc::new(MemoryStorage::default());
    let database = DynamoDatabase::new(client, TABLE.to_owned(), overflow, Arc::new(SystemClock));
    (Arc::new(database), ())
}

fettle_backend::database_suite!(open());
