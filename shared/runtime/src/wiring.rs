//! Configuration chooses: each slot's implementation, in the one place that knows them all.

#[cfg(feature = "local")]
mod local;

use crate::config::{
    AuthChoice, ComputeChoice, Config, DatabaseChoice, NotifierChoice, QueueChoice, SecretsChoice,
    StorageChoice,
};
use crate::error::StartError;
use fettle_aws::{
    Clients, DynamoDatabase, LambdaCompute, OidcAuth, OidcSettings, S3Storage, SecretsManagerKeys,
    SnsNotifier, SqsQueue,
};
use fettle_backend::app::Slots;
use fettle_backend::clock::Clock;
use fettle_backend::keys::KeyAuth;
use fettle_backend::ports::{Auth, Compute, Database, Error, ErrorKind, Notifier, Queue, Secrets, Storage};
use fettle_embedded::{FileKeys, LogNotifier, WebhookNotifier};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "local")]
pub(crate) use local::{Behind, Local};

/// A program that only Lambda runs has no files or SQLite, and none may be asked for.
#[cfg(not(feature = "local"))]
pub(crate) struct Local;

#[cfg(not(feature = "local"))]
impl Local {
    fn open(_: &Config, _: &str, _: &Arc<dyn Clock>, _: &str) -> Result<Self, StartError> {
        Ok(Self)
    }

    fn refused<T>(name: &str) -> Result<T, StartError> {
        let detail = "this program runs in Lambda, and has only the cloud's".to_owned();
        Err(StartError::Config { name: name.to_owned(), detail })
    }

    fn storage(&mut self) -> Result<Arc<dyn Storage>, StartError> {
        Self::refused("FETTLE_STORAGE")
    }

    fn database(&mut self) -> Result<Arc<dyn Database>, StartError> {
        Self::refused("FETTLE_DATABASE")
    }

    async fn queue(&mut self) -> Result<Arc<dyn Queue>, StartError> {
        Self::refused("FETTLE_QUEUE")
    }

    fn compute(&self, _: Arc<dyn Queue>) -> Result<Arc<dyn Compute>, StartError> {
        Self::refused("FETTLE_COMPUTE")
    }

    fn mirrored(
        &mut self,
        database: Arc<dyn Database>,
        storage: Arc<dyn Storage>,
    ) -> Result<(Arc<dyn Database>, Arc<dyn Storage>), StartError> {
        Ok((database, storage))
    }
}

/// Opens every slot. What an embedded platform held before this process is free again.
pub(crate) async fn wire(
    config: &Config,
    public_url: &str,
    clock: &Arc<dyn Clock>,
    boot: &str,
) -> Result<(Slots, Local), StartError> {
    let mut local = Local::open(config, public_url, clock, boot)?;
    let clients = if uses_aws(config) { Some(Clients::load().await) } else { None };
    // Only asked for by a choice that `uses_aws` knows.
    let aws = || clients.as_ref().expect("the clients are there for whatever uses them");

    let storage: Arc<dyn Storage> = match &config.storage {
        StorageChoice::Files => local.storage()?,
        StorageChoice::S3 { bucket, public_url } => {
            let public = public_url.as_ref().map_or_else(|| aws().s3(), |url| aws().s3_at(url));
            Arc::new(S3Storage::new(aws().s3(), public, bucket.clone(), Arc::clone(clock)))
        }
    };
    let database: Arc<dyn Database> = match &config.database {
        DatabaseChoice::Sqlite => local.database()?,
        DatabaseChoice::DynamoDb { table } => {
            let overflow = Arc::clone(&storage);
            Arc::new(DynamoDatabase::new(aws().dynamodb(), table.clone(), overflow, Arc::clone(clock)))
        }
    };
    let (database, storage) = local.mirrored(database, storage)?;
    let queue: Arc<dyn Queue> = match &config.queue {
        QueueChoice::Sqlite => local.queue().await?,
        QueueChoice::Sqs { base } => Arc::new(SqsQueue::new(aws().sqs(), base.clone())),
    };
    let compute: Arc<dyn Compute> = match config.compute {
        ComputeChoice::Threads => local.compute(Arc::clone(&queue))?,
        ComputeChoice::Lambda => Arc::new(LambdaCompute::new(Arc::clone(&queue))),
    };
    let secrets: Arc<dyn Secrets> = match &config.secrets {
        SecretsChoice::File(Some(path)) => Arc::new(FileKeys::open(path)),
        SecretsChoice::File(None) => Arc::new(FileKeys::open(own_keys(&config.data)?.join("fernet.key"))),
        SecretsChoice::SecretsManager { id } => {
            Arc::new(SecretsManagerKeys::new(aws().secretsmanager(), id.clone()))
        }
    };
    let notifier: Arc<dyn Notifier> = match &config.notifier {
        NotifierChoice::Log => Arc::new(LogNotifier),
        NotifierChoice::Webhook(url) => {
            Arc::new(WebhookNotifier::new(url, config.allowed_hosts.iter().cloned())?)
        }
        NotifierChoice::Sns(topic) => Arc::new(SnsNotifier::new(aws().sns(), topic.clone())),
    };
    let keys: Arc<dyn Auth> = Arc::new(KeyAuth::new(Arc::clone(&database)));
    let auth = match &config.auth {
        AuthChoice::Keys => keys,
        AuthChoice::Oidc { issuer, audience, workspace_claim, role_claim, roles } => {
            let settings = OidcSettings {
                workspace_claim: workspace_claim.clone(),
                role_claim: role_claim.clone(),
                roles: roles.clone(),
                allow_http: issuer.starts_with("http://"),
                ..OidcSettings::new(issuer, audience)
            };
            Arc::new(OidcAuth::new(settings, keys)?)
        }
    };
    Ok((Slots { storage, database, secrets, auth, queue, compute, notifier }, local))
}

/// The data directory's folder of keys.
fn own_keys(data: &Path) -> Result<PathBuf, StartError> {
    let keys = data.join("keys");
    DirBuilder::new().recursive(true).mode(0o700).create(&keys).map_err(|error| {
        Error::new(ErrorKind::Unavailable, format!("making the directory {}", keys.display()))
            .caused_by(error)
    })?;
    Ok(keys)
}

/// Whether any slot is AWS's.
pub(crate) fn uses_aws(config: &Config) -> bool {
    config.storage != StorageChoice::Files
        || config.database != DatabaseChoice::Sqlite
        || config.queue != QueueChoice::Sqlite
        || matches!(config.secrets, SecretsChoice::SecretsManager { .. })
        || matches!(config.notifier, NotifierChoice::Sns(_))
}
