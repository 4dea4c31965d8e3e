//! Configuration: read once, typed, checked; an unknown or malformed variable stops the start.

mod slots;
mod variables;

pub use variables::{VARIABLES, Variable};

use crate::error::StartError;
use fettle_backend::limits::Limits;
use fettle_backend::permission::Role;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

/// Read by the image's entrypoint alone, which takes it away; `docker exec` does not pass there.
const ENTRYPOINT: &str = "FETTLE_FERNET_KEY";

/// What Lambda says of a function's memory, in MB.
const LAMBDA_MEMORY: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";

/// What the program itself takes of a Lambda function's memory, in MB.
const PROGRAM_MB: u64 = 128;

/// Where the platform runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// A laptop.
    Development,
    /// Anywhere that others depend on: parts that are for one person only are refused.
    Production,
}

/// Where data sets and artifacts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageChoice {
    /// Files in the data directory.
    Files,
    /// An S3 bucket.
    S3 {
        /// Its name.
        bucket: String,
        /// How clients reach S3, where it is not as the platform does.
        public_url: Option<String>,
    },
}

/// Where all state is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseChoice {
    /// A file in the data directory.
    Sqlite,
    /// A `DynamoDB` table.
    DynamoDb {
        /// Its name.
        table: String,
    },
}

/// Where the Fernet key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretsChoice {
    /// A file: this one, or `keys/fernet.key` in the data directory.
    File(Option<PathBuf>),
    /// A secret of AWS Secrets Manager.
    SecretsManager {
        /// Its name or ARN.
        id: String,
    },
}

/// Who may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthChoice {
    /// Holders of API keys.
    Keys,
    /// Holders of API keys, and of an issuer's tokens.
    Oidc {
        /// The issuer.
        issuer: String,
        /// Whom its tokens are for.
        audience: String,
        /// The claim that names the workspace.
        workspace_claim: Option<String>,
        /// The claim that gives the role.
        role_claim: String,
        /// What its values mean.
        roles: BTreeMap<String, Role>,
    },
}

/// Where messages wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueChoice {
    /// A file in the data directory.
    Sqlite,
    /// SQS.
    Sqs {
        /// What all queues' addresses begin with.
        base: String,
    },
}

/// Where trials run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComputeChoice {
    /// Threads of this process.
    Threads,
    /// Whoever takes them from SQS.
    Lambda,
}

/// Who is told of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifierChoice {
    /// The log.
    Log,
    /// An address.
    Webhook(String),
    /// An SNS topic, by its ARN.
    Sns(String),
}

/// What a line of the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// `FETTLE_ENV`.
    pub environment: Environment,
    /// `FETTLE_DATA`.
    pub data: PathBuf,
    /// `FETTLE_HOST`.
    pub host: String,
    /// `FETTLE_PORT`.
    pub port: u16,
    /// `FETTLE_PUBLIC_URL`.
    pub public_url: Option<String>,
    /// `FETTLE_WORKERS`.
    pub workers: usize,
    /// `FETTLE_STORAGE` and what belongs to it.
    pub storage: StorageChoice,
    /// `FETTLE_DATABASE` and what belongs to it.
    pub database: DatabaseChoice,
    /// `FETTLE_SECRETS` and what belongs to it.
    pub secrets: SecretsChoice,
    /// `FETTLE_AUTH` and what belongs to it.
    pub auth: AuthChoice,
    /// `FETTLE_QUEUE` and what belongs to it.
    pub queue: QueueChoice,
    /// `FETTLE_COMPUTE`.
    pub compute: ComputeChoice,
    /// `FETTLE_NOTIFIER` and what belongs to it.
    pub notifier: NotifierChoice,
    /// `FETTLE_MIRROR`.
    pub mirror: Option<PathBuf>,
    /// `FETTLE_ALLOWED_HOSTS`.
    pub allowed_hosts: Vec<String>,
    /// `FETTLE_MAX_…`.
    pub limits: Limits,
    /// `FETTLE_LOG`.
    pub log: String,
    /// `FETTLE_LOG_FORMAT`.
    pub log_format: LogFormat,
}

/// The variables, with their defaults filled in.
struct Values(BTreeMap<String, String>);

impl Values {
    fn text(&self, name: &str) -> String {
        self.0.get(name).filter(|value| !value.is_empty()).cloned().unwrap_or_else(|| {
            VARIABLES
                .iter()
                .find(|variable| variable.name == name)
                .map_or_else(String::new, |v| v.default.to_owned())
        })
    }

    fn set(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|value| !value.is_empty())
    }

    /// What was set, other than the default.
    fn given(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn number<T: FromStr>(&self, name: &str) -> Result<T, StartError> {
        let text = self.text(name);
        text.parse().map_err(|_| refused(name, format!("`{text}` is not a number that it can be")))
    }

    fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<T, StartError> {
        let text = self.text(name);
        choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice).ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            refused(name, format!("`{text}` is not one of: {}", words.join(", ")))
        })
    }
}

fn refused(name: &str, detail: impl Into<String>) -> StartError {
    StartError::Config { name: name.to_owned(), detail: detail.into() }
}

impl Config {
    /// From the environment's variables; those that do not begin with `FETTLE_` are not looked at, but for
    /// the memory of a Lambda function.
    pub fn from_vars(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self, StartError> {
        let mut lambda_mb: Option<u64> = None;
        let vars = vars.into_iter().inspect(|(name, value)| {
            if name == LAMBDA_MEMORY {
                lambda_mb = value.parse().ok();
            }
        });
        let ours: BTreeMap<String, String> =
            vars.filter(|(name, _)| name.starts_with("FETTLE_") && name != ENTRYPOINT).collect();
        if let Some(unknown) =
            ours.keys().find(|name| !VARIABLES.iter().any(|variable| variable.name == **name))
        {
            return Err(refused(unknown, "there is no such variable; .env.example lists them all"));
        }
        let values = Values(ours);
        let slots::Slots { storage, database, secrets, auth, queue, compute, notifier, mirror } =
            slots::read(&values)?;
        let environment = values.choice(
            "FETTLE_ENV",
            &[("development", Environment::Development), ("production", Environment::Production)],
        )?;
        if environment == Environment::Production && notifier == NotifierChoice::Log {
            return Err(refused("FETTLE_NOTIFIER", "`log` tells nobody: production needs webhook or sns"));
        }
        let mut limits = Limits {
            upload_bytes: values.number("FETTLE_MAX_UPLOAD_BYTES")?,
            predict_rows: values.number("FETTLE_MAX_PREDICT_ROWS")?,
            model_cache_bytes: values.number("FETTLE_MODEL_CACHE_BYTES")?,
            ..Limits::default()
        };
        limits.trial_memory_bytes = match values.set("FETTLE_TRIAL_MEMORY_MB") {
            Some(_) => Some(values.number::<u64>("FETTLE_TRIAL_MEMORY_MB")?),
            None => lambda_mb.map(|mb| mb.saturating_sub(PROGRAM_MB)),
        }
        .map(|mb| mb.saturating_mul(1 << 20));
        if limits.trial_memory_bytes == Some(0) {
            return Err(refused("FETTLE_TRIAL_MEMORY_MB", "it is at least 1"));
        }
        limits.read.max_bytes = values.number("FETTLE_MAX_TABLE_BYTES")?;
        limits.read.max_rows = values.number("FETTLE_MAX_ROWS")?;
        limits.read.max_columns = values.number("FETTLE_MAX_COLUMNS")?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = match values.set("FETTLE_WORKERS") {
            Some(_) => values.number("FETTLE_WORKERS")?,
            None => cores,
        };
        if !(1..=256).contains(&workers) {
            return Err(refused("FETTLE_WORKERS", "it is 1 to 256"));
        }
        let public_url = values.set("FETTLE_PUBLIC_URL");
        if public_url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://"))
        {
            return Err(refused("FETTLE_PUBLIC_URL", "it begins with http:// or https://"));
        }
        Ok(Self {
            environment,
            data: values.text("FETTLE_DATA").into(),
            host: values.text("FETTLE_HOST"),
            port: values.number("FETTLE_PORT")?,
            public_url,
            workers,
            storage,
            database,
            secrets,
            auth,
            queue,
            compute,
            notifier,
            mirror,
            allowed_hosts: values
                .text("FETTLE_ALLOWED_HOSTS")
                .split(',')
                .map(str::trim)
                .filter(|host| !host.is_empty())
                .map(str::to_owned)
                .collect(),
            limits,
            log: values.text("FETTLE_LOG"),
            log_format: values
                .choice("FETTLE_LOG_FORMAT", &[("text", LogFormat::Text), ("json", LogFormat::Json)])?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(vars: &[(&str, &str)]) -> Result<Config, StartError> {
        Config::from_vars(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    fn refused_name(vars: &[(&str, &str)]) -> String {
        match config(vars) {
            Err(StartError::Config { name, .. }) => name,
            other => panic!("{other:?} should have been refused"),
        }
    }

    #[test]
    fn the_defaults_are_a_configuration() {
        let config = config(&[("PATH", "/bin"), ("FETTLE_PORT", "")]).unwrap();
        assert_eq!(config.port, 8080);
        assert_eq!(config.notifier, NotifierChoice::Log);
        assert_eq!(config.limits.read.max_columns, 2000);
    }

    #[test]
    fn a_trial_has_what_is_set_or_what_lambda_says() {
        let of = |vars: &[(&str, &str)]| config(vars).unwrap().limits.trial_memory_bytes;
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(LAMBDA_MEMORY, "1769")]), Some(1641 << 20));
        assert_eq!(of(&[(LAMBDA_MEMORY, "1769"), ("FETTLE_TRIAL_MEMORY_MB", "900")]), Some(900 << 20));
        assert_eq!(refused_name(&[("FETTLE_TRIAL_MEMORY_MB", "0")]), "FETTLE_TRIAL_MEMORY_MB");
        assert_eq!(refused_name(&[("FETTLE_TRIAL_MEMORY_MB", "2 GB")]), "FETTLE_TRIAL_MEMORY_MB");
    }

    #[test]
    fn what_can_not_be_used_is_named() {
        for (name, value) in [
            ("FETTLE_PROT", "80"),
            ("FETTLE_PORT", "http"),
            ("FETTLE_PORT", "70000"),
            ("FETTLE_WORKERS", "0"),
            ("FETTLE_STORAGE", "floppy"),
            ("FETTLE_PUBLIC_URL", "example"),
            ("FETTLE_LOG_FORMAT", "xml"),
            ("FETTLE_WEBHOOK_URL", "https://hooks.test/x"),
            ("FETTLE_BUCKET", "b"),
            ("FETTLE_TABLE", "t"),
            ("FETTLE_COMPUTE", "lambda"),
            ("FETTLE_MIRROR", "/tmp/m"),
            ("FETTLE_OIDC_ISSUER", "https://issuer.test"),
        ] {
            assert_eq!(refused_name(&[(name, value)]), name);
        }
        for (slot, choice, needed) in [
            ("FETTLE_NOTIFIER", "webhook", "FETTLE_WEBHOOK_URL"),
            ("FETTLE_NOTIFIER", "sns", "FETTLE_TOPIC_ARN"),
            ("FETTLE_STORAGE", "s3", "FETTLE_BUCKET"),
            ("FETTLE_DATABASE", "dynamodb", "FETTLE_TABLE"),
            ("FETTLE_SECRETS", "secretsmanager", "FETTLE_SECRET_ID"),
            ("FETTLE_QUEUE", "sqs", "FETTLE_QUEUE_BASE"),
            ("FETTLE_AUTH", "oidc", "FETTLE_OIDC_ISSUER"),
        ] {
            assert_eq!(refused_name(&[(slot, choice)]), needed);
        }
    }

    const AWS: &[(&str, &str)] = &[
        ("FETTLE_STORAGE", "s3"),
        ("FETTLE_BUCKET", "b"),
        ("FETTLE_DATABASE", "dynamodb"),
        ("FETTLE_TABLE", "t"),
        ("FETTLE_QUEUE", "sqs"),
        ("FETTLE_QUEUE_BASE", "https://sqs.test/1/fettle-"),
        ("FETTLE_COMPUTE", "lambda"),
    ];

    #[test]
    fn slots_that_do_not_fit_together_are_refused() {
        assert_eq!(config(AWS).unwrap().compute, ComputeChoice::Lambda);
        assert_eq!(refused_name(&AWS[..4]), "FETTLE_QUEUE");
        assert_eq!(refused_name(&AWS[..6]), "FETTLE_COMPUTE");
    }

    #[test]
    fn an_issuers_roles_are_mapped() {
        let oidc = |roles| {
            config(&[
                ("FETTLE_AUTH", "oidc"),
                ("FETTLE_OIDC_ISSUER", "https://issuer.test"),
                ("FETTLE_OIDC_AUDIENCE", "fettle"),
                ("FETTLE_OIDC_ROLES", roles),
            ])
        };
        let AuthChoice::Oidc { roles, .. } = oidc("team=editor, ops = admin").unwrap().auth else { panic!() };
        assert_eq!(roles, BTreeMap::from([("ops".into(), Role::Admin), ("team".into(), Role::Editor)]));
        let AuthChoice::Oidc { roles, .. } = oidc("").unwrap().auth else { panic!() };
        assert_eq!(roles.get("viewer"), Some(&Role::Viewer));
        assert!(oidc("team=king").is_err() && oidc("team").is_err());
    }

    #[test]
    fn production_refuses_what_is_for_one_person_only() {
        assert_eq!(refused_name(&[("FETTLE_ENV", "production")]), "FETTLE_NOTIFIER");
        let webhook = [("FETTLE_NOTIFIER", "webhook"), ("FETTLE_WEBHOOK_URL", "https://hooks.test/x")];
        let vars = [&[("FETTLE_ENV", "production")], &webhook[..]].concat();
        assert_eq!(config(&vars).unwrap().environment, Environment::Production);
    }
}
