//! Configuration: read once, typed, checked; an unknown or malformed variable stops the start.

use crate::error::StartError;
use fettle_backend::limits::Limits;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

/// A variable of the environment.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its value when it is not set; empty when there is none.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

const fn variable(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { name, default, meaning }
}

/// Every variable that there is. `.env.example` says the same, and a test holds the two together.
pub const VARIABLES: &[Variable] = &[
    variable(
        "FETTLE_ENV",
        "development",
        "development, or production: refuses parts that are for one person only",
    ),
    variable("FETTLE_DATA", "./.fettle", "the directory that holds everything"),
    variable("FETTLE_HOST", "127.0.0.1", "the address to listen on"),
    variable("FETTLE_PORT", "8080", "the port to listen on; 0 for any that is free"),
    variable(
        "FETTLE_PUBLIC_URL",
        "",
        "how clients reach the platform, for upload addresses; http://HOST:PORT if empty",
    ),
    variable("FETTLE_WORKERS", "", "trials at the same time; one a core if empty"),
    variable("FETTLE_STORAGE", "files", "where data sets and artifacts are: files"),
    variable("FETTLE_DATABASE", "sqlite", "where all state is: sqlite"),
    variable("FETTLE_SECRETS", "file", "where the Fernet key is: file"),
    variable("FETTLE_AUTH", "keys", "who may call: keys"),
    variable("FETTLE_QUEUE", "sqlite", "where messages wait: sqlite"),
    variable("FETTLE_COMPUTE", "threads", "where trials run: threads"),
    variable("FETTLE_NOTIFIER", "log", "who is told of events: log, or webhook"),
    variable("FETTLE_WEBHOOK_URL", "", "where the webhook notifier posts to"),
    variable(
        "FETTLE_ALLOWED_HOSTS",
        "",
        "hosts, comma-separated, that may be called although their address is private",
    ),
    variable("FETTLE_MAX_UPLOAD_BYTES", "1073741824", "the largest file that may be uploaded"),
    variable("FETTLE_MAX_TABLE_BYTES", "4294967296", "the largest table, decompressed"),
    variable("FETTLE_MAX_ROWS", "10000000", "the most rows of a table"),
    variable("FETTLE_MAX_COLUMNS", "2000", "the most columns of a table"),
    variable("FETTLE_MAX_PREDICT_ROWS", "10000", "the most rows in one request for predictions"),
    variable("FETTLE_MODEL_CACHE_BYTES", "268435456", "models kept in memory"),
    variable(
        "FETTLE_LOG",
        "warn",
        "what is logged: error, warn, info, debug, or a filter like fettle_backend=debug",
    ),
    variable("FETTLE_LOG_FORMAT", "text", "text, or json: one object a line"),
    variable("FETTLE_URL", "", "the command line: the platform to talk to; the one in FETTLE_DATA if empty"),
    variable("FETTLE_KEY", "", "the command line: the key to use; the one in FETTLE_DATA if empty"),
];

/// Where the platform runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// A laptop.
    Development,
    /// Anywhere that others depend on: parts that are for one person only are refused.
    Production,
}

/// Who is told of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifierChoice {
    /// The log.
    Log,
    /// An address.
    Webhook(String),
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
    /// `FETTLE_NOTIFIER` and `FETTLE_WEBHOOK_URL`.
    pub notifier: NotifierChoice,
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
    /// From the environment's variables; those that do not begin with `FETTLE_` are not looked at.
    pub fn from_vars(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self, StartError> {
        let ours: BTreeMap<String, String> =
            vars.into_iter().filter(|(name, _)| name.starts_with("FETTLE_")).collect();
        if let Some(unknown) =
            ours.keys().find(|name| !VARIABLES.iter().any(|variable| variable.name == **name))
        {
            return Err(refused(unknown, "there is no such variable; .env.example lists them all"));
        }
        let values = Values(ours);
        for (slot, only) in [
            ("FETTLE_STORAGE", "files"),
            ("FETTLE_DATABASE", "sqlite"),
            ("FETTLE_SECRETS", "file"),
            ("FETTLE_AUTH", "keys"),
            ("FETTLE_QUEUE", "sqlite"),
            ("FETTLE_COMPUTE", "threads"),
        ] {
            values.choice(slot, &[(only, ())])?;
        }
        let webhook = values.choice("FETTLE_NOTIFIER", &[("log", false), ("webhook", true)])?;
        let notifier = match (webhook, values.set("FETTLE_WEBHOOK_URL")) {
            (true, Some(url)) => NotifierChoice::Webhook(url),
            (true, None) => {
                return Err(refused("FETTLE_WEBHOOK_URL", "the webhook notifier needs an address"));
            }
            (false, Some(_)) => {
                return Err(refused("FETTLE_WEBHOOK_URL", "set FETTLE_NOTIFIER=webhook to use it"));
            }
            (false, None) => NotifierChoice::Log,
        };
        let environment = values.choice(
            "FETTLE_ENV",
            &[("development", Environment::Development), ("production", Environment::Production)],
        )?;
        if environment == Environment::Production && notifier == NotifierChoice::Log {
            return Err(refused("FETTLE_NOTIFIER", "`log` tells nobody: production needs webhook"));
        }
        let mut limits = Limits {
            upload_bytes: values.number("FETTLE_MAX_UPLOAD_BYTES")?,
            predict_rows: values.number("FETTLE_MAX_PREDICT_ROWS")?,
            model_cache_bytes: values.number("FETTLE_MODEL_CACHE_BYTES")?,
            ..Limits::default()
        };
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
            notifier,
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
        ] {
            assert_eq!(refused_name(&[(name, value)]), name);
        }
        assert_eq!(refused_name(&[("FETTLE_NOTIFIER", "webhook")]), "FETTLE_WEBHOOK_URL");
    }

    #[test]
    fn production_refuses_what_is_for_one_person_only() {
        assert_eq!(refused_name(&[("FETTLE_ENV", "production")]), "FETTLE_NOTIFIER");
        let webhook = [("FETTLE_NOTIFIER", "webhook"), ("FETTLE_WEBHOOK_URL", "https://hooks.test/x")];
        let vars = [&[("FETTLE_ENV", "production")], &webhook[..]].concat();
        assert_eq!(config(&vars).unwrap().environment, Environment::Production);
    }
}
