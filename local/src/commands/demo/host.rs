//! The platform that the demo talks to: one that runs already, or its own.

use crate::client::{Client, route};
use crate::connection::{Running, admin_key};
use crate::failure::{Exit, Result};
use crate::output::{BOLD, DIM, styled};
use crate::{embedded, operations};
use fettle_runtime::Platform;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// How long the platform may take to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// A platform to talk to.
pub(super) struct Host {
    client: Client,
    /// The platform inside this process, unless another one runs on the data directory.
    own: Option<(Runtime, Arc<Platform>)>,
}

impl Host {
    /// Finds the server that runs on the data directory, or starts the platform in this process.
    pub(super) fn start(data: &Path) -> Result<Self> {
        let begun = Instant::now();
        if let Some(client) = running(data)? {
            let about = format!("{} runs on {}", styled(BOLD, client.url()), data.display());
            super::steps::done(1, "Platform", &about, begun)?;
            return Ok(Self { client, own: None });
        }
        let mut config = embedded::config(data)?;
        "127.0.0.1".clone_into(&mut config.host);
        config.port = 0;
        let runtime = embedded::runtime()?;
        let platform =
            runtime.block_on(Platform::start(config, operations::all())).map_err(embedded::failure)?;
        let platform = Arc::new(platform);
        let client = Client::new(platform.url(), Some(platform.admin_key().to_owned()))?;
        stop_on_signal(&runtime, Arc::clone(&platform))?;
        let about = format!(
            "{} in this process, {}",
            styled(BOLD, client.url()),
            styled(DIM, format!("data in {}", data.display()))
        );
        super::steps::done(1, "Platform", &about, begun)?;
        Ok(Self { client, own: Some((runtime, platform)) })
    }

    /// A client with the admin's key.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Stops the platform, if it is the demo's own.
    pub(super) fn stop(self) {
        if let Some((runtime, platform)) = self.own {
            runtime.block_on(platform.stop(DRAIN));
        }
    }
}

fn stop_on_signal(runtime: &Runtime, platform: Arc<Platform>) -> Result<()> {
    let _inside = runtime.enter();
    let signal = embedded::signal()?;
    runtime.spawn(async move {
        signal.await;
        platform.stop(DRAIN).await;
        std::process::exit(Exit::Interrupted as i32);
    });
    Ok(())
}

/// A client of the server on the data directory, if it answers and knows this directory's key.
fn running(data: &Path) -> Result<Option<Client>> {
    let Some(running) = Running::read(data)? else { return Ok(None) };
    let client = Client::new(&running.url, admin_key(data)?)?;
    // After a kill another program may listen there.
    let answers = client.get(route(&["datasets"]).query(&[("limit", "1")])).is_ok();
    Ok(answers.then_some(client))
}
