//! The ports on AWS: DynamoDB, S3, SQS, Secrets Manager, SNS and Lambda.

mod clients;
mod compute;
mod database;
mod failure;
mod notifier;
mod oidc;
pub mod provision;
mod queue;
mod secrets;
mod storage;

pub use clients::Clients;
pub use compute::LambdaCompute;
pub use database::{DynamoDatabase, table};
pub use notifier::SnsNotifier;
pub use oidc::{OidcAuth, OidcSettings};
pub use queue::SqsQueue;
pub use secrets::SecretsManagerKeys;
pub use storage::S3Storage;
