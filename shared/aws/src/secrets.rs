//! The secrets slot on AWS Secrets Manager.

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use fettle_backend::ports::{Error, ErrorKind, KeyRing, Result, Secrets};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A key that was added to the entry is used after at most so long.
const FRESH: Duration = Duration::from_mins(1);

/// Names the first version of every entry. A version's content is fixed by its name: of however many
/// first callers write under it with a key of their own each, the service takes one.
const FIRST_VERSION: &str = "66657474-6c65-4b65-8000-000000000001";

/// How often a key that somebody else is just making is looked for.
const LOOKS: u32 = 10;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Fernet keys in an entry of Secrets Manager, one a line: the first seals, all open.
///
/// The entry may be missing, or be there without a value (as Terraform makes it, so that the key is
/// never in Terraform's state): the first caller makes the key. To replace the key, put a version with
/// a new one on top. What the old ones sealed opens as long as they stay.
///
/// Needs `secretsmanager:GetSecretValue` and `PutSecretValue` on the entry, and `CreateSecret` where
/// the entry may be missing.
pub struct SecretsManagerKeys {
    client: Client,
    secret_id: String,
    ring: Mutex<Option<(Instant, Arc<KeyRing>)>>,
}

/// What came of an attempt to write the first version.
enum Written {
    /// It is this caller's.
    Ours,
    /// There is one.
    Others,
    /// There is no entry to write to.
    NoEntry,
}

impl SecretsManagerKeys {
    /// The keys in the entry of this name or ARN. Makes no call.
    pub fn new(client: Client, secret_id: String) -> Self {
        Self { client, secret_id, ring: Mutex::default() }
    }

    async fn read_or_create(&self) -> Result<String> {
        if let Some(text) = self.read().await? {
            return Ok(text);
        }
        let text = KeyRing::generate();
        let written = match self.write_first(&text).await? {
            Written::NoEntry => match self.create(&text).await? {
                // Somebody made the entry in between, perhaps without a value.
                Written::Others => self.write_first(&text).await?,
                written => written,
            },
            written => written,
        };
        if matches!(written, Written::Ours) {
            tracing::info!(secret = self.secret_id, "made the key ring");
            return Ok(text);
        }
        for _ in 0..LOOKS {
            if let Some(text) = self.read().await? {
                return Ok(text);
            }
            tokio::time::sleep(PAUSE).await;
        }
        let context =
            format!("the key ring that somebody else made in {} can not be read yet", self.secret_id);
        Err(Error::new(ErrorKind::Unavailable, context))
    }

    /// The entry's text; none if there is no entry, or no value in it.
    async fn read(&self) -> Result<Option<String>> {
        match self.client.get_secret_value().secret_id(&self.secret_id).send().await {
            Ok(found) => found.secret_string.map(Some).ok_or_else(|| {
                let context = format!("{} holds bytes, not the text of a key ring", self.secret_id);
                Error::new(ErrorKind::Corrupt, context)
            }),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(self.failed("reading", error)),
        }
    }

    async fn write_first(&self, text: &str) -> Result<Written> {
        let put = self.client.put_secret_value().secret_id(&self.secret_id).secret_string(text);
        match put.client_request_token(FIRST_VERSION).send().await {
            Ok(_) => Ok(Written::Ours),
            Err(error) => match error.code() {
                Some("ResourceExistsException") => Ok(Written::Others),
                Some("ResourceNotFoundException") => Ok(Written::NoEntry),
                _ => Err(self.failed("making", error)),
            },
        }
    }

    async fn create(&self, text: &str) -> Result<Written> {
        let create = self
            .client
            .create_secret()
            .name(&self.secret_id)
            .description("Fernet keys of a Fettle platform, one a line: the first seals, all open")
            .secret_string(text);
        match create.client_request_token(FIRST_VERSION).send().await {
            Ok(_) => Ok(Written::Ours),
            Err(error) if error.code() == Some("ResourceExistsException") => Ok(Written::Others),
            Err(error) => Err(self.failed("making", error)),
        }
    }

    fn failed<E>(&self, what: &str, error: SdkError<E>) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
        SdkError<E>: Send + Sync + 'static,
    {
        let id = &self.secret_id;
        let context = match error.code() {
            // The one state in which the service refuses to read a value that is there.
            Some("InvalidRequestException") => format!(
                "{what} the key ring: {id} is scheduled for deletion: aws secretsmanager restore-secret --secret-id {id}"
            ),
            Some("DecryptionFailure") => {
                format!("{what} the key ring: the KMS key of {id} is disabled or may not be used")
            }
            Some(code) => format!("{what} the key ring in {id}: {code}"),
            None => format!("{what} the key ring in {id}"),
        };
        Error::new(ErrorKind::Unavailable, context).caused_by(error)
    }
}

#[async_trait]
impl Secrets for SecretsManagerKeys {
    async fn keys(&self) -> Result<Arc<KeyRing>> {
        let mut ring = self.ring.lock().await;
        if let Some((read_at, keys)) = &*ring
            && read_at.elapsed() < FRESH
        {
            return Ok(Arc::clone(keys));
        }
        let keys = Arc::new(KeyRing::parse(&self.read_or_create().await?)?);
        *ring = Some((Instant::now(), Arc::clone(&keys)));
        Ok(keys)
    }

    async fn reload(&self) -> Result<Arc<KeyRing>> {
        let mut ring = self.ring.lock().await;
        *ring = None;
        let keys = Arc::new(KeyRing::parse(&self.read_or_create().await?)?);
        *ring = Some((Instant::now(), Arc::clone(&keys)));
        Ok(keys)
    }
}
