//! The ports on AWS: DynamoDB, S3, SQS, Secrets Manager, SNS and Lambda.

mod clients;
mod database;

pub use clients::Clients;
pub use database::{DynamoDatabase, table};
