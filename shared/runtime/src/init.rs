//! The resources of a platform on AWS's services, made and kept there by this program: for an emulator,
//! or an account without Terraform. The names are the configuration's, which are the ones that Terraform
//! makes.

use crate::config::{Config, DatabaseChoice, NotifierChoice, QueueChoice, StorageChoice};
use crate::error::StartError;
use crate::platform::{admin_key, has_admin};
use crate::start::Base;
use crate::wiring::{Behind, Local, wire};
use fettle_aws::{Clients, provision};
use fettle_backend::app::Slots;
use fettle_backend::datasets::UPLOADS;
use fettle_backend::keys;
use fettle_backend::ports::{Error, ErrorKind, QueueName, Result};
use fettle_embedded::mirror::{Keeping, State, round};
use std::path::PathBuf;
use std::time::Duration;

/// How often a keeper looks.
pub const LOOK: Duration = Duration::from_secs(2);

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Everything was there.
    Everything,
    /// Nothing was, and it was made.
    Nothing,
    /// An emulator had forgotten it, and it was written back from the mirror: so many items and objects.
    Forgotten(u64, u64),
}

/// Makes resources and the first admin key, and looks after them.
pub struct Init {
    config: Config,
    base: Base,
    slots: Slots,
    local: Local,
}

impl Init {
    /// Makes no call yet.
    pub async fn open(config: Config) -> std::result::Result<Self, StartError> {
        crate::telemetry::init(&config)?;
        let base = Base::new();
        let (slots, local) = wire(&config, "", &base.clock, &base.boot).await?;
        Ok(Self { config, base, slots, local })
    }

    /// Makes what is missing. May be repeated, also by two at once.
    pub async fn look(&self) -> std::result::Result<Found, StartError> {
        let found = match self.local.behind() {
            Some(behind) => self.look_behind(behind).await?,
            None if matches!(keys::has_admin(&*self.slots.database).await, Ok(true)) => Found::Everything,
            // Also where there is no table to ask.
            None => {
                make_resources(&self.config).await?;
                // Made at its first use, which this is.
                self.slots.secrets.keys().await?;
                Found::Nothing
            }
        };
        self.admit_admin().await?;
        Ok(found)
    }

    async fn look_behind(&self, behind: &Behind) -> std::result::Result<Found, StartError> {
        let Behind { mirror, database, storage } = behind;
        let keeping = Keeping { every: LOOK, uploads: vec![UPLOADS.to_owned()] };
        let make = async || make_resources(&self.config).await;
        match round(mirror, database, storage, &keeping, make).await {
            State::Ready => Ok(Found::Everything),
            State::Restored(restored) if restored.items == 0 => Ok(Found::Nothing),
            State::Restored(restored) => Ok(Found::Forgotten(restored.items, restored.objects)),
            State::Foreign => {
                let context = "the database or the storage belongs to another mirror: name others, or remove \
                               the directory FETTLE_MIRROR to give up what it holds";
                Err(Error::new(ErrorKind::Invalid, context).into())
            }
            State::Unavailable(error) => Err(error.into()),
        }
    }

    async fn admit_admin(&self) -> std::result::Result<(), StartError> {
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

async fn make_resources(config: &Config) -> Result<()> {
    let clients = Clients::load().await;
    if let StorageChoice::S3 { bucket, .. } = &config.storage {
        provision::create_bucket(&clients.s3(), bucket, clients.region()).await?;
    }
    if let QueueChoice::Sqs { base } = &config.queue {
        let prefix = base.rsplit('/').next().unwrap_or_default();
        provision::create_queues(&clients.sqs(), prefix).await?;
        if let StorageChoice::S3 { bucket, .. } = &config.storage {
            let queue = format!("{base}{}", QueueName::Ingest);
            provision::notify_uploads(&clients.s3(), &clients.sqs(), bucket, &queue).await?;
        }
    }
    if let NotifierChoice::Sns(arn) = &config.notifier {
        let name = arn.rsplit(':').next().unwrap_or_default();
        let made = provision::create_topic(&clients.sns(), name).await?;
        if made != *arn {
            let context = format!("FETTLE_TOPIC_ARN names {arn}, but here a topic of that name is {made}");
            return Err(Error::new(ErrorKind::Invalid, context));
        }
    }
    // Last: a platform waits for its table.
    if let DatabaseChoice::DynamoDb { table } = &config.database {
        provision::create_table(&clients.dynamodb(), table).await?;
    }
    Ok(())
}
