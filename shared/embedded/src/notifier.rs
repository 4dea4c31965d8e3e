//! The notifier slot: the log, and a webhook.

use crate::address::is_public;
use async_trait::async_trait;
use fettle_backend::ports::{Error, ErrorKind, Notice, Notifier, Result};
use std::time::Duration;
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// With the hand-over to a thread, within the ten seconds of the contract.
const TIMEOUT: Duration = Duration::from_millis(9_500);

/// Writes every notice to the log.
#[derive(Debug, Default, Clone, Copy)]
pub struct LogNotifier;

#[async_trait]
impl Notifier for LogNotifier {
    async fn notify(&self, notice: &Notice) -> Result<()> {
        let Notice { id, workspace, kind, summary, data } = notice;
        tracing::info!(notice = %id, %workspace, %kind, %data, "{summary}");
        Ok(())
    }
}

/// Posts every notice as JSON to an address.
///
/// The host may not lead to a private address, unless it is allowed by name: that is checked on the
/// very addresses that are connected to, so that a name can not lead elsewhere a moment later.
/// Redirects are not followed, a proxy is not used, and of the answer only the status is read.
pub struct WebhookNotifier {
    url: String,
    agent: Agent,
}

impl WebhookNotifier {
    /// A notifier for an `http` or `https` address; `allowed_hosts` are names or addresses that may be
    /// private. `Invalid` when the address is none.
    pub fn new(url: &str, allowed_hosts: impl IntoIterator<Item = String>) -> Result<Self> {
        let invalid = || Error::new(ErrorKind::Invalid, "the webhook's address has to be http(s)://host/…");
        let uri: Uri = url.parse().map_err(|error| invalid().caused_by(error))?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(invalid)?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(invalid());
        }
        let host = host.trim_matches(['[', ']']);
        let is_allowed = allowed_hosts.into_iter().any(|allowed| allowed.eq_ignore_ascii_case(host));
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None)
            .max_idle_connections(0)
            .max_response_header_size(16 << 10)
            .user_agent(concat!("fettle/", env!("CARGO_PKG_VERSION")))
            .build();
        let resolver = CheckedResolver { inner: DefaultResolver::default(), is_allowed };
        Ok(Self {
            url: url.to_owned(),
            agent: Agent::with_parts(config, DefaultConnector::default(), resolver),
        })
    }
}

#[async_trait]
impl Notifier for WebhookNotifier {
    async fn notify(&self, notice: &Notice) -> Result<()> {
        let (agent, url, notice) = (self.agent.clone(), self.url.clone(), notice.clone());
        let posted = tokio::task::spawn_blocking(move || agent.post(&url).send_json(&notice));
        let failed = |what: String| Error::new(ErrorKind::Unavailable, what);
        match posted.await.map_err(|error| failed("posting to the webhook".into()).caused_by(error))? {
            Ok(answer) => judge(answer.status().as_u16()),
            Err(ureq::Error::Other(error)) if error.is::<PrivateAddress>() => {
                Err(Error::new(ErrorKind::Invalid, "the webhook's host").caused_by(error))
            }
            Err(error @ (ureq::Error::BadUri(_) | ureq::Error::Http(_))) => {
                Err(Error::new(ErrorKind::Invalid, "the webhook's address").caused_by(error))
            }
            Err(error) => Err(failed("posting to the webhook".into()).caused_by(error)),
        }
    }
}

/// Whether an answer means that it was taken, may be tried again, or may not.
fn judge(status: u16) -> Result<()> {
    let kind = match status {
        200..=299 => return Ok(()),
        408 | 425 | 429 | 500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Invalid,
    };
    Err(Error::new(kind, format!("the webhook answered {status}")))
}

/// Resolves names, and refuses one that leads to a private address.
#[derive(Debug)]
struct CheckedResolver {
    inner: DefaultResolver,
    is_allowed: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("{0} is not on the public internet: to call it, allow its host in the configuration")]
struct PrivateAddress(std::net::IpAddr);

impl Resolver for CheckedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> std::result::Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = self.inner.resolve(uri, config, timeout)?;
        let private = addresses.iter().map(std::net::SocketAddr::ip).find(|&address| !is_public(address));
        match private {
            Some(address) if !self.is_allowed => Err(ureq::Error::Other(Box::new(PrivateAddress(address)))),
            _ => Ok(addresses),
        }
    }
}
