//! The ports on AWS: DynamoDB, S3, SQS, Secrets Manager, SNS and Lambda.

mod clients;

pub use clients::Clients;
