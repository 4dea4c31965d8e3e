//! The ports on AWS: DynamoDB, S3, SQS, Secrets Manager, SNS and Lambda.

mod clients;
mod notifier;
mod oidc;
mod provision_topic;
mod secrets;

pub use clients::Clients;
pub use notifier::SnsNotifier;
pub use oidc::{OidcAuth, OidcSettings};
pub use provision_topic::create_topic;
pub use secrets::SecretsManagerKeys;
