//! The resources of a platform on AWS's services, made by this program: for an emulator, or an account
//! without Terraform. The names are the configuration's, which are the ones that Terraform makes.

use crate::config::{Config, DatabaseChoice, NotifierChoice, QueueChoice, StorageChoice};
use crate::error::StartError;
use crate::platform::{admin_key, has_admin};
use crate::start::Base;
use crate::wiring::{Local, wire};
use fettle_aws::{Clients, provision};
use fettle_backend::app::Slots;
use fettle_backend::ports::{Error, ErrorKind, QueueName};
use std::path::PathBuf;

/// Resources that are there, and an admin.
pub struct Init {
    config: Config,
    base: Base,
    slots: Slots,
    _local: Local,
}

impl Init {
    /// Makes the resources, and the first admin key, which it keeps in the data directory. May be
    /// repeated, also by two at once.
    pub async fn run(config: Config) -> Result<Self, StartError> {
        crate::telemetry::init(&config)?;
        make_resources(&config).await?;
        let base = Base::new();
        let (slots, local) = wire(&config, "", &base.clock, &base.boot).await?;
        let init = Self { config, base, slots, _local: local };
        init.admit_admin().await?;
        Ok(init)
    }

    /// Makes them anew where they are gone, as those of an emulator are once it was started again.
    pub async fn renew(&self) -> Result<bool, StartError> {
        match fettle_backend::keys::has_admin(&*self.slots.database).await {
            Ok(true) => return Ok(false),
            Ok(false) => {}
            Err(problem) => tracing::warn!(error = &problem as &dyn std::error::Error, "the database is gone"),
        }
        make_resources(&self.config).await?;
        self.admit_admin().await?;
        Ok(true)
    }

    async fn admit_admin(&self) -> Result<(), StartError> {
        let (database, Base { clock, ids, .. }) = (&*self.slots.database, &self.base);
        let is_first = !has_admin(database).await?;
        match admin_key(&self.config.data, database, &**clock, ids, is_first).await {
            // Another was faster, with the same key from the same file, or with one of its own.
            Err(StartError::Problem(problem)) if problem.status() == 409 => Ok(()),
            made => made.map(drop),
        }
    }

    /// Where the admin key is kept.
    pub fn admin_key_file(&self) -> PathBuf {
        self.config.data.join("admin.key")
    }
}

async fn make_resources(config: &Config) -> Result<(), StartError> {
    let clients = Clients::load().await;
    if let StorageChoice::S3 { bucket, .. } = &config.storage {
        provision::create_bucket(&clients.s3(), bucket, clients.region()).await?;
    }
    if let QueueChoice::Sqs { base } = &config.queue {
        let prefix = base.rsplit('/').next().unwrap_or_default();
        provision::create_queues(&clients.sqs(), prefix).await?;
        if let StorageChoice::S3 { bucket, .. } = &config.storage {
            let queue = format!("{prefix}{}", QueueName::Ingest);
            provision::notify_uploads(&clients.s3(), &clients.sqs(), bucket, &queue).await?;
        }
    }
    if let NotifierChoice::Sns(arn) = &config.notifier {
        let name = arn.rsplit(':').next().unwrap_or_default();
        let made = provision::create_topic(&clients.sns(), name).await?;
        if made != *arn {
            let context = format!("FETTLE_TOPIC_ARN names {arn}, but here a topic of that name is {made}");
            return Err(Error::new(ErrorKind::Invalid, context).into());
        }
    }
    // Last: a platform waits for its table.
    if let DatabaseChoice::DynamoDb { table } = &config.database {
        provision::create_table(&clients.dynamodb(), table).await?;
    }
    Ok(())
}
