//! Makes the bucket and the queues where Terraform does not: for an emulator, and for tests.
//!
//! Everything here may be done again, and by several at once: what is there already is left, and set as
//! it should be.

mod topic;

pub use crate::database::table::create_table;
pub use topic::create_topic;

use crate::failure;
use aws_sdk_s3::Client as S3;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint,
    CreateBucketConfiguration, Event, ExpirationStatus, FilterRule, FilterRuleName, LifecycleRule,
    LifecycleRuleFilter, NotificationConfiguration, NotificationConfigurationFilter,
    PublicAccessBlockConfiguration, QueueConfiguration, S3KeyFilter,
};
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use fettle_backend::datasets::UPLOADS;
use fettle_backend::ports::{Error, ErrorKind, Queue, QueueName, Result};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// The longest that SQS keeps a message, in seconds: 14 days.
const KEPT: u32 = 14 * 24 * 60 * 60;

/// Longer than any operation of a queue may take, in seconds. A receiver may say otherwise.
const VISIBILITY: u32 = 15 * 60;

/// Of a change that meets another of the same thing, or is not seen yet by the next.
const TRIES: u32 = 8;

/// Before the second try; doubled each time, up to 5 s.
const PAUSE: Duration = Duration::from_millis(200);

/// Makes the bucket: nothing in it can be public, and parts of uploads that were never completed are
/// removed after a day.
pub async fn create_bucket(client: &S3, bucket: &str, region: &str) -> Result<()> {
    // The one region that may not be named.
    let place = (region != "us-east-1").then(|| {
        let region = BucketLocationConstraint::from(region);
        CreateBucketConfiguration::builder().location_constraint(region).build()
    });
    patiently("creating the bucket", async || {
        let create = client.create_bucket().bucket(bucket);
        match create.set_create_bucket_configuration(place.clone()).send().await {
            Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => Ok(()),
            created => created.map(drop),
        }
    })
    .await?;
    let private = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .block_public_policy(true)
        .ignore_public_acls(true)
        .restrict_public_buckets(true)
        .build();
    patiently("closing the bucket", async || {
        let put = client.put_public_access_block().bucket(bucket);
        put.public_access_block_configuration(private.clone()).send().await
    })
    .await?;
    let rule = LifecycleRule::builder()
        .id("parts")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .abort_incomplete_multipart_upload(
            AbortIncompleteMultipartUpload::builder().days_after_initiation(1).build(),
        )
        .build();
    let rules = BucketLifecycleConfiguration::builder().rules(built(rule)?).build();
    let rules = built(rules)?;
    patiently("setting the bucket's rules", async || {
        let put = client.put_bucket_lifecycle_configuration().bucket(bucket);
        put.lifecycle_configuration(rules.clone()).send().await
    })
    .await
    .map(drop)
}

/// Makes `{prefix}{queue}` and its dead letters' `{prefix}{queue}-dead` for every queue of the platform.
pub async fn create_queues(client: &Sqs, prefix: &str) -> Result<()> {
    for queue in QueueName::ALL {
        let dead = create_queue(client, &format!("{prefix}{queue}-dead")).await?;
        set(client, &dead, Attribute::MessageRetentionPeriod, KEPT.to_string()).await?;
        let url = create_queue(client, &format!("{prefix}{queue}")).await?;
        let redrive = json!({
            "deadLetterTargetArn": arn(client, &dead).await?,
            "maxReceiveCount": <dyn Queue>::MAX_DELIVERIES,
        });
        set(client, &url, Attribute::RedrivePolicy, redrive.to_string()).await?;
        set(client, &url, Attribute::VisibilityTimeout, VISIBILITY.to_string()).await?;
    }
    Ok(())
}

/// Has the bucket tell the queue of that address of every file that is uploaded. S3 sends the queue a
/// test message when that is new.
///
/// Whatever else the bucket tells of, and the queue's policy before, is replaced.
pub async fn notify_uploads(s3: &S3, sqs: &Sqs, bucket: &str, queue: &str) -> Result<()> {
    let arn = arn(sqs, queue).await?;
    let policy = policy(&arn, bucket)?;
    set(sqs, queue, Attribute::Policy, policy.to_string()).await?;
    let prefix = FilterRule::builder().name(FilterRuleName::Prefix).value(UPLOADS).build();
    let filter = S3KeyFilter::builder().filter_rules(prefix).build();
    let uploads = QueueConfiguration::builder()
        .id("uploads")
        .queue_arn(arn)
        .events(Event::S3ObjectCreated)
        .filter(NotificationConfigurationFilter::builder().key(filter).build())
        .build();
    let wanted = built(uploads)?;
    let there = patiently("reading the bucket's notifications", async || {
        s3.get_bucket_notification_configuration().bucket(bucket).send().await
    })
    .await?;
    if is_there(&wanted, there.queue_configurations()) {
        return Ok(());
    }
    let wanted = NotificationConfiguration::builder().queue_configurations(wanted).build();
    // S3 tries the queue, which may not know of its new policy yet.
    patiently("setting the bucket's notifications", async || {
        let put = s3.put_bucket_notification_configuration().bucket(bucket);
        put.notification_configuration(wanted.clone()).send().await
    })
    .await
    .map(drop)
}

/// Whether that is all the bucket tells of. S3 writes the filter's name with a capital.
fn is_there(wanted: &QueueConfiguration, there: &[QueueConfiguration]) -> bool {
    let prefixes = |of: &QueueConfiguration| -> Vec<String> {
        let key = of.filter().and_then(NotificationConfigurationFilter::key);
        let rules = key.map(S3KeyFilter::filter_rules).unwrap_or_default();
        rules.iter().filter_map(|rule| rule.value().map(str::to_owned)).collect()
    };
    let [there] = there else { return false };
    there.queue_arn() == wanted.queue_arn()
        && there.events() == wanted.events()
        && prefixes(there) == prefixes(wanted)
}

/// Lets S3 send messages to the queue, for this bucket and account only.
fn policy(arn: &str, bucket: &str) -> Result<Value> {
    let mut parts = arn.split(':');
    let (partition, account) = (parts.nth(1), parts.nth(2));
    let (Some(partition), Some(account)) = (partition, account) else {
        return Err(Error::new(ErrorKind::Invalid, format!("`{arn}` does not name a queue")));
    };
    Ok(json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "uploads",
            "Effect": "Allow",
            "Principal": { "Service": "s3.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {
                "ArnEquals": { "aws:SourceArn": format!("arn:{partition}:s3:::{bucket}") },
                "StringEquals": { "aws:SourceAccount": account },
            },
        }],
    }))
}

/// The queue's address. Attributes are set afterwards: to create a queue with others than it has is an
/// error.
async fn create_queue(client: &Sqs, name: &str) -> Result<String> {
    let created =
        patiently("creating a queue", async || client.create_queue().queue_name(name).send().await).await?;
    created
        .queue_url
        .ok_or_else(|| Error::new(ErrorKind::Unavailable, format!("SQS gives {name} no address")))
}

async fn set(client: &Sqs, url: &str, name: Attribute, value: String) -> Result<()> {
    let attributes = HashMap::from([(name, value)]);
    patiently("setting a queue's attributes", async || {
        client.set_queue_attributes().queue_url(url).set_attributes(Some(attributes.clone())).send().await
    })
    .await
    .map(drop)
}

async fn arn(client: &Sqs, url: &str) -> Result<String> {
    let got = patiently("reading a queue's attributes", async || {
        client.get_queue_attributes().queue_url(url).attribute_names(Attribute::QueueArn).send().await
    })
    .await?;
    let arn = got.attributes.and_then(|mut attributes| attributes.remove(&Attribute::QueueArn));
    arn.ok_or_else(|| Error::new(ErrorKind::Unavailable, format!("SQS does not say what {url} is")))
}

/// Makes a call again while it meets another change of the same thing, or one that is not seen yet.
async fn patiently<T, E, R>(
    tried: &str,
    call: impl AsyncFn() -> std::result::Result<T, SdkError<E, R>>,
) -> Result<T>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    const PASSING: &[&str] = &[
        "OperationAborted",
        "ConflictException",
        "InvalidArgument",
        "NoSuchBucket",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    ];
    let mut pause = PAUSE;
    let mut attempt = 1;
    loop {
        match call().await {
            Ok(done) => return Ok(done),
            Err(error) if attempt < TRIES && error.code().is_some_and(|code| PASSING.contains(&code)) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
                attempt += 1;
            }
            Err(error) => return Err(failure::failed(tried, |_| None, error)),
        }
    }
}

fn built<T>(made: std::result::Result<T, impl Into<Box<dyn std::error::Error + Send + Sync>>>) -> Result<T> {
    made.map_err(|error| Error::new(ErrorKind::Invalid, "describing a resource").caused_by(error))
}
