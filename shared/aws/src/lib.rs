//! The ports on AWS: DynamoDB, S3, SQS, Secrets Manager, SNS and Lambda.

mod clients;
mod compute;
mod database;
mod failure;
pub mod provision;
mod queue;
mod storage;

pub use clients::Clients;
pub use compute::LambdaCompute;
pub use database::{DynamoDatabase, table};
pub use queue::SqsQueue;
pub use storage::S3Storage;
