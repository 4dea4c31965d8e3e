//! The platform that the demo talks to: one that runs already, or its own.

use super::steps;
use crate::client::{Client, route};
use crate::connection::{Running, admin_key};
use crate::failure::{Exit, Failure, Result};
use crate::output::{BOLD, DIM, styled};
use crate::{embedded, operations};
use fettle_runtime::{Part, Platform};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long the platform may take to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// A platform to talk to.
pub(super) struct Host {
    client: Client,
    /// The platform inside this process, unless another one runs on the data directory.
    own: Option<Own>,
}

/// A platform on threads of this process.
struct Own {
    runtime: Runtime,
    stop: oneshot::Sender<()>,
    stopped: JoinHandle<()>,
}

impl Host {
    /// Finds the server that runs on the data directory, or starts the platform in this process.
    pub(super) fn start(data: &Path, key: Option<String>) -> Result<Self> {
        let begun = Instant::now();
        if let Some(client) = running(data)? {
            let about = format!("{} runs on {}", styled(BOLD, client.url()), data.display());
            steps::done(1, "Platform", &about, begun)?;
            return Ok(Self { client, own: None });
        }
        let mut config = embedded::config(data)?;
        "127.0.0.1".clone_into(&mut config.host);
        config.port = 0;
        config.public_url = None;
        let runtime = embedded::runtime()?;
        let platform = runtime.block_on(Platform::start(config, operations::all(), Part::Whole))?;
        let Some(key) = platform.admin_key().map(str::to_owned).or(key) else {
            return Err(Failure::new(
                Exit::NotAllowed,
                format!("the file {}/admin.key is gone", data.display()),
            )
            .remedy("give a key with FETTLE_KEY, or name another data directory with --data"));
        };
        let client = Client::new(platform.url(), Some(key))?;
        let own = Own::keep(runtime, platform)?;
        let place = styled(DIM, format!("data in {}", data.display()));
        steps::done(
            1,
            "Platform",
            &format!("{} in this process, {place}", styled(BOLD, client.url())),
            begun,
        )?;
        Ok(Self { client, own: Some(own) })
    }

    /// A client with the admin's key.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether it goes on after the demo.
    pub(super) fn is_server(&self) -> bool {
        self.own.is_none()
    }

    /// Stops the platform, if it is the demo's own.
    pub(super) fn stop(self) {
        if let Some(Own { runtime, stop, stopped }) = self.own {
            // Both fail only where the platform has stopped already.
            let _ = stop.send(());
            let _ = runtime.block_on(stopped);
        }
    }
}

impl Own {
    /// Keeps a platform until it is to stop; a signal stops it and ends the program.
    fn keep(runtime: Runtime, platform: Platform) -> Result<Self> {
        let (stop, asked) = oneshot::channel();
        let stopped = {
            let _inside = runtime.enter();
            let signal = embedded::signal()?;
            runtime.spawn(async move {
                tokio::select! {
                    () = signal => {
                        platform.stop(DRAIN).await;
                        std::process::exit(Exit::Interrupted as i32);
                    }
                    _ = asked => platform.stop(DRAIN).await,
                }
            })
        };
        Ok(Self { runtime, stop, stopped })
    }
}

/// A client of the server on the data directory, if it answers and knows this directory's key.
fn running(data: &Path) -> Result<Option<Client>> {
    let Some(running) = Running::read(data)? else { return Ok(None) };
    let client = Client::new(&running.url, admin_key(data)?)?;
    // After a kill another program may listen there.
    let answers = client.get(route(&["datasets"]).query(&[("limit", "1")])).is_ok();
    Ok(answers.then_some(client))
}
