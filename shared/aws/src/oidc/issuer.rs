//! The keys that the issuer publishes: asked for when they are needed, kept for a bounded time.

use super::settings::OidcSettings;
use fettle_backend::ports::{Error, ErrorKind, Result};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;
use ureq::Agent;
use ureq::http::Uri;

/// Keys are asked for again when they are as old as this.
const FRESH: SignedDuration = SignedDuration::from_hours(1);

/// Keys of an issuer that is away are used until they are as old as this.
const USABLE: SignedDuration = SignedDuration::from_hours(4);

/// Tokens that name unknown keys do not make the issuer be asked oftener.
const BETWEEN: SignedDuration = SignedDuration::from_secs(30);

/// An issuer that was just away is not asked again at once, since each time takes its time.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// For one answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest answer, in bytes.
const ANSWER_BYTES: u64 = 512 << 10;

/// The most keys that are looked at.
const MOST_KEYS: usize = 100;

pub(super) type Keys = Arc<Vec<Jwk>>;

/// The issuer, and what is kept of it.
pub(super) struct Issuer {
    settings: OidcSettings,
    agent: Agent,
    kept: RwLock<Kept>,
    /// Held by whoever asks.
    asking: Mutex<()>,
}

#[derive(Clone, Default)]
struct Kept {
    keys: Option<(Keys, Timestamp)>,
    tried: Option<Tried>,
}

#[derive(Clone, Copy)]
struct Tried {
    at: Timestamp,
    failed: bool,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

/// How far apart two times are: a clock that was set back makes nothing last longer.
fn apart(one: Timestamp, other: Timestamp) -> SignedDuration {
    one.duration_since(other).abs()
}

impl Issuer {
    pub(super) fn new(settings: &OidcSettings) -> Self {
        let mut config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .max_response_header_size(16 << 10)
            .user_agent(concat!("fettle/", env!("CARGO_PKG_VERSION")));
        if settings.issuer.parse().is_ok_and(|uri: Uri| uri.host().is_some_and(is_loopback)) {
            config = config.proxy(None);
        }
        Self {
            settings: settings.clone(),
            agent: config.build().new_agent(),
            kept: RwLock::default(),
            asking: Mutex::default(),
        }
    }

    /// The issuer's keys, not much older than an hour while it answers.
    pub(super) async fn keys(&self, now: Timestamp) -> Result<Keys> {
        if let Some((keys, at)) = self.kept().keys {
            let age = apart(now, at);
            if age < FRESH {
                return Ok(keys);
            }
            if age < USABLE {
                // One caller asks; the others go on with what there is.
                let Ok(_asking) = self.asking.try_lock() else { return Ok(keys) };
                if !self.was_asked_within(BETWEEN, now) {
                    match self.ask(now).await {
                        Ok(newer) => return Ok(newer),
                        Err(error) => tracing::warn!(%error, "the issuer's keys of an hour ago are used"),
                    }
                }
                return Ok(keys);
            }
        }
        let _asking = self.asking.lock().await;
        let kept = self.kept();
        if let Some((keys, at)) = kept.keys
            && apart(now, at) < USABLE
        {
            return Ok(keys);
        }
        if kept.tried.is_some_and(|tried| tried.failed) && self.was_asked_within(PAUSE, now) {
            return Err(self.away("did not answer a moment ago"));
        }
        self.ask(now).await
    }

    /// Keys that were published since these, for a token that none of these fits; none if there can not
    /// be any, or the issuer was asked just before.
    pub(super) async fn newer_keys(&self, known: &Keys, now: Timestamp) -> Result<Option<Keys>> {
        let _asking = self.asking.lock().await;
        let kept = self.kept();
        if let Some((keys, _)) = kept.keys
            && !Arc::ptr_eq(&keys, known)
        {
            return Ok(Some(keys));
        }
        if self.was_asked_within(BETWEEN, now) {
            return match kept.tried {
                Some(tried) if tried.failed => Err(self.away("did not answer a moment ago")),
                _ => Ok(None),
            };
        }
        self.ask(now).await.map(Some)
    }

    fn kept(&self) -> Kept {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn was_asked_within(&self, span: SignedDuration, now: Timestamp) -> bool {
        self.kept().tried.is_some_and(|tried| apart(now, tried.at) < span)
    }

    /// Asks for the keys and keeps them; by whoever holds `asking`.
    async fn ask(&self, now: Timestamp) -> Result<Keys> {
        let (agent, settings) = (self.agent.clone(), self.settings.clone());
        let answer = tokio::task::spawn_blocking(move || fetch(&agent, &settings)).await;
        let answer = answer.unwrap_or_else(|error| Err(self.away("could not be asked").caused_by(error)));
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.tried = Some(Tried { at: now, failed: answer.is_err() });
        let keys = Arc::new(answer?);
        kept.keys = Some((Arc::clone(&keys), now));
        Ok(keys)
    }

    fn away(&self, what: &str) -> Error {
        Error::new(ErrorKind::Unavailable, format!("the issuer {} {what}", self.settings.issuer))
    }
}

/// Reads the issuer's keys; those of a kind that is not known are left out.
fn fetch(agent: &Agent, settings: &OidcSettings) -> Result<Vec<Jwk>> {
    let issuer = &settings.issuer;
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let discovery: Discovery = get(agent, &url)?;
    let wrong = |what: String| Error::new(ErrorKind::Unavailable, format!("{url} {what}"));
    if discovery.issuer != *issuer {
        return Err(wrong(format!("is of the issuer {:.200}, and {issuer} is configured", discovery.issuer)));
    }
    if !settings.may_ask(&discovery.jwks_uri) {
        return Err(wrong("leads to keys without TLS".to_owned()));
    }
    let set: KeySet = get(agent, &discovery.jwks_uri)?;
    Ok(set.keys.into_iter().take(MOST_KEYS).filter_map(|key| serde_json::from_value(key).ok()).collect())
}

fn get<T: DeserializeOwned>(agent: &Agent, url: &str) -> Result<T> {
    let failed = |what: String| Error::new(ErrorKind::Unavailable, format!("asking {url}: {what}"));
    let mut answer =
        agent.get(url).call().map_err(|error| failed("no answer".to_owned()).caused_by(error))?;
    if answer.status() != 200 {
        return Err(failed(format!("the answer is {}", answer.status())));
    }
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_vec();
    let body =
        body.map_err(|error| failed("its answer ends early or not at all".to_owned()).caused_by(error))?;
    serde_json::from_slice(&body)
        .map_err(|error| failed("its answer is not what it should be".to_owned()).caused_by(error))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_matches(['[', ']']);
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
