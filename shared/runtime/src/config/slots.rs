//! What each slot is to be, and that the seven fit together.

use super::{
    AuthChoice, ComputeChoice, DatabaseChoice, NotifierChoice, QueueChoice, SecretsChoice, StorageChoice,
    Values, refused,
};
use crate::error::StartError;
use fettle_backend::permission::Role;
use std::collections::BTreeMap;
use std::path::PathBuf;

pub(super) struct Slots {
    pub(super) storage: StorageChoice,
    pub(super) database: DatabaseChoice,
    pub(super) secrets: SecretsChoice,
    pub(super) auth: AuthChoice,
    pub(super) queue: QueueChoice,
    pub(super) compute: ComputeChoice,
    pub(super) notifier: NotifierChoice,
    pub(super) mirror: Option<PathBuf>,
}

/// A slot, the choice of it that other variables belong to, and what was chosen.
struct Chosen<'a> {
    values: &'a Values,
    slot: &'static str,
    choice: &'static str,
    is_on: bool,
}

impl Chosen<'_> {
    /// A variable that the choice may have; to set it without the choice is a mistake.
    fn may_have(&self, name: &str) -> Result<Option<String>, StartError> {
        let Self { slot, choice, .. } = self;
        match self.values.given(name) {
            Some(_) if !self.is_on => Err(refused(name, format!("set {slot}={choice} to use it"))),
            given => Ok(given),
        }
    }

    /// A variable that the choice has to have; none without the choice.
    fn needs(&self, name: &str) -> Result<Option<String>, StartError> {
        let Self { slot, choice, .. } = self;
        match self.may_have(name)? {
            None if self.is_on => Err(refused(name, format!("{slot}={choice} needs it"))),
            given => Ok(given),
        }
    }
}

pub(super) fn read(values: &Values) -> Result<Slots, StartError> {
    let chosen = |slot, choices: [&'static str; 2]| -> Result<Chosen<'_>, StartError> {
        let is_on = values.choice(slot, &[(choices[0], false), (choices[1], true)])?;
        Ok(Chosen { values, slot, choice: choices[1], is_on })
    };
    let s3 = chosen("FETTLE_STORAGE", ["files", "s3"])?;
    let public_url = s3.may_have("FETTLE_S3_PUBLIC_URL")?;
    let storage = match s3.needs("FETTLE_BUCKET")? {
        Some(bucket) => StorageChoice::S3 { bucket, public_url },
        None => StorageChoice::Files,
    };
    let database = match chosen("FETTLE_DATABASE", ["sqlite", "dynamodb"])?.needs("FETTLE_TABLE")? {
        Some(table) => DatabaseChoice::DynamoDb { table },
        None => DatabaseChoice::Sqlite,
    };
    let secret = chosen("FETTLE_SECRETS", ["file", "secretsmanager"])?;
    let file = Chosen { choice: "file", is_on: !secret.is_on, ..secret }.may_have("FETTLE_KEY_FILE")?;
    let secrets = match (secret.needs("FETTLE_SECRET_ID")?, file) {
        (Some(id), _) => SecretsChoice::SecretsManager { id },
        (None, path) => SecretsChoice::File(path.map(PathBuf::from)),
    };
    let queue = match chosen("FETTLE_QUEUE", ["sqlite", "sqs"])?.needs("FETTLE_QUEUE_BASE")? {
        Some(base) => QueueChoice::Sqs { base },
        None => QueueChoice::Sqlite,
    };
    let compute = values.choice(
        "FETTLE_COMPUTE",
        &[("threads", ComputeChoice::Threads), ("lambda", ComputeChoice::Lambda)],
    )?;
    let slots = Slots {
        storage,
        database,
        secrets,
        auth: auth(values)?,
        queue,
        compute,
        notifier: notifier(values)?,
        mirror: values.given("FETTLE_MIRROR").map(PathBuf::from),
    };
    fit(&slots)?;
    Ok(slots)
}

/// Refuses slots that would not work together.
fn fit(slots: &Slots) -> Result<(), StartError> {
    let on_sqs = slots.queue != QueueChoice::Sqlite;
    if on_sqs != (slots.storage != StorageChoice::Files) {
        let detail = "s3 tells of uploads by sqs: have both, or neither";
        return Err(refused("FETTLE_QUEUE", detail));
    }
    if on_sqs != (slots.compute == ComputeChoice::Lambda) {
        return Err(refused("FETTLE_COMPUTE", "lambda goes with FETTLE_QUEUE=sqs, threads with sqlite"));
    }
    if slots.mirror.is_some()
        && (slots.storage == StorageChoice::Files || slots.database == DatabaseChoice::Sqlite)
    {
        return Err(refused("FETTLE_MIRROR", "files and sqlite need none: they forget nothing"));
    }
    Ok(())
}

fn auth(values: &Values) -> Result<AuthChoice, StartError> {
    let is_on = values.choice("FETTLE_AUTH", &[("keys", false), ("oidc", true)])?;
    let oidc = Chosen { values, slot: "FETTLE_AUTH", choice: "oidc", is_on };
    let (issuer, audience) = (oidc.needs("FETTLE_OIDC_ISSUER")?, oidc.needs("FETTLE_OIDC_AUDIENCE")?);
    let workspace_claim = oidc.may_have("FETTLE_OIDC_WORKSPACE_CLAIM")?;
    let roles = match oidc.may_have("FETTLE_OIDC_ROLES")? {
        Some(text) => roles(&text)?,
        None => Role::ALL.iter().map(|role| (role.to_string(), *role)).collect(),
    };
    let (Some(issuer), Some(audience)) = (issuer, audience) else { return Ok(AuthChoice::Keys) };
    let is_local = ["http://127.0.0.1", "http://localhost"].iter().any(|start| issuer.starts_with(start));
    if !issuer.starts_with("https://") && !is_local {
        return Err(refused("FETTLE_OIDC_ISSUER", "it begins with https://"));
    }
    let role_claim = values.text("FETTLE_OIDC_ROLE_CLAIM");
    Ok(AuthChoice::Oidc { issuer, audience, workspace_claim, role_claim, roles })
}

fn roles(text: &str) -> Result<BTreeMap<String, Role>, StartError> {
    let pair = |pair: &str| {
        let (value, role) = pair.split_once('=')?;
        let role = Role::ALL.iter().find(|known| known.as_str() == role.trim())?;
        Some((value.trim().to_owned(), *role))
    };
    let roles: Option<_> = text.split(',').map(pair).collect();
    roles.ok_or_else(|| {
        let known: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        refused("FETTLE_OIDC_ROLES", format!("it is value=role,…, with the roles {}", known.join(", ")))
    })
}

fn notifier(values: &Values) -> Result<NotifierChoice, StartError> {
    let slot = "FETTLE_NOTIFIER";
    let choice = values.choice(slot, &[("log", "log"), ("webhook", "webhook"), ("sns", "sns")])?;
    let of = |wanted| Chosen { values, slot, choice: wanted, is_on: choice == wanted };
    let url = of("webhook").needs("FETTLE_WEBHOOK_URL")?;
    let topic = of("sns").needs("FETTLE_TOPIC_ARN")?;
    Ok(match (url, topic) {
        (Some(url), _) => NotifierChoice::Webhook(url),
        (None, Some(topic)) => NotifierChoice::Sns(topic),
        (None, None) => NotifierChoice::Log,
    })
}
