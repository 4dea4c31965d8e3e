//! The SDK's clients: made once, each with a limit on time and tries.

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use std::time::Duration;

/// To a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// For one try of a short call.
const TRY: Duration = Duration::from_secs(5);

/// For a short call with all its tries.
const CALL: Duration = Duration::from_secs(15);

/// Of a call that was throttled or lost.
const TRIES: u32 = 4;

/// The longest that a queue is waited at, and time for the way.
const LONG_POLL: Duration = Duration::from_secs(25);

/// For the first byte of an object's answer, or an upload of one part.
const OBJECT_TRY: Duration = Duration::from_mins(2);

/// What all clients share: region, credentials, connections. `AWS_ENDPOINT_URL` and the other
/// variables of the AWS SDKs hold.
#[derive(Debug, Clone)]
pub struct Clients {
    config: SdkConfig,
}

impl Clients {
    /// From the environment, as every AWS SDK reads it. Makes no call.
    pub async fn load() -> Self {
        Self { config: defaults().load().await }
    }

    /// For an emulator of AWS such as LocalStack at `endpoint` (`http://127.0.0.1:4566`): the region
    /// is us-east-1, and the credentials are the emulator's customary ones. Makes no call.
    pub async fn at(endpoint: &str) -> Self {
        let config = defaults()
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "emulator"))
            .endpoint_url(endpoint)
            .load()
            .await;
        Self { config }
    }

    /// Where they are.
    pub fn region(&self) -> &str {
        self.config.region().map_or("us-east-1", aws_config::Region::as_ref)
    }

    /// The database's.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    /// The storage's. An endpoint that is not Amazon's has no host for each bucket.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .force_path_style(self.config.endpoint_url().is_some())
            .timeout_config(timeouts(OBJECT_TRY, OBJECT_TRY * TRIES))
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// A client that signs addresses for those who reach the storage at another endpoint than this
    /// program does, such as from outside of a network of containers.
    pub fn s3_at(&self, endpoint: &str) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .force_path_style(true)
            .endpoint_url(endpoint)
            .timeout_config(timeouts(OBJECT_TRY, OBJECT_TRY * TRIES))
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// The queue's.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::config::Builder::from(&self.config)
            .timeout_config(timeouts(LONG_POLL, LONG_POLL * 2))
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    }

    /// The key ring's.
    pub fn secretsmanager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.config)
    }

    /// The notifier's.
    pub fn sns(&self) -> aws_sdk_sns::Client {
        let config =
            aws_sdk_sns::config::Builder::from(&self.config).timeout_config(timeouts(TRY, TRY * 2)).build();
        aws_sdk_sns::Client::from_conf(config)
    }
}

fn defaults() -> ConfigLoader {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
        .timeout_config(timeouts(TRY, CALL))
}

fn timeouts(once: Duration, in_all: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(once)
        .operation_timeout(in_all)
        .build()
}
