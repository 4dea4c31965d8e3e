//! The whole platform in this process: gateway, queue pump and clock.

use crate::config::Config;
use crate::error::StartError;
use crate::gateway;
use crate::pump::Pump;
use crate::wiring::{Wired, wire};
use fettle_backend::app::App;
use fettle_backend::clock::{Clock, SystemClock};
use fettle_backend::ids::{Ids, SystemEntropy};
use fettle_backend::keys;
use fettle_backend::openapi;
use fettle_backend::operation::Operation;
use fettle_embedded::{DataDir, key_file};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A platform that runs until it is stopped.
pub struct Platform {
    url: String,
    admin_key: Option<String>,
    first_start: bool,
    app: Arc<App>,
    stop: watch::Sender<bool>,
    gateway: JoinHandle<()>,
    pump: Pump,
    _data: DataDir,
}

impl Platform {
    /// Starts a platform: when this returns it answers at its address.
    pub async fn start(config: Config, operations: Vec<Operation>) -> Result<Self, StartError> {
        crate::telemetry::init(&config)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids = Ids::new(Arc::clone(&clock), Arc::new(SystemEntropy));
        let boot = format!("boot-{}", ids.uuid());

        let wanted = format!("{}:{}", config.host, config.port);
        let refused = |source| StartError::Listen { address: wanted.clone(), source };
        let listener = TcpListener::bind((config.host.as_str(), config.port)).await.map_err(refused)?;
        let port = listener.local_addr().map_err(refused)?.port();
        let url = format!("http://{}:{port}", reachable(&config.host));
        let public_url = config.public_url.clone().unwrap_or_else(|| url.clone());

        let Wired { slots, files, data } = wire(&config, &public_url, &clock, &boot).await?;
        let database = Arc::clone(&slots.database);
        let description = openapi::describe(&operations).to_string();
        let app = Arc::new(App::new(
            slots,
            Arc::clone(&clock),
            ids.clone(),
            config.limits.clone(),
            boot,
            description,
        ));
        let first_start = !keys::has_admin(&*database).await?;
        let admin_key = admin_key(&data, &app, first_start).await?;

        let operations = Arc::new(operations);
        let (stop, stopped) = watch::channel(false);
        let router = gateway::router(&app, &operations, files);
        let gateway = tokio::spawn(serve(listener, router, stopped.clone()));
        let pump = Pump::start(&app, &operations, config.workers, &stopped);
        Ok(Self { url, admin_key, first_start, app, stop, gateway, pump, _data: data })
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The first admin key; none if its file was removed.
    pub fn admin_key(&self) -> Option<&str> {
        self.admin_key.as_deref()
    }

    /// Whether this start made the admin key.
    pub fn first_start(&self) -> bool {
        self.first_start
    }

    /// Returns only if the gateway ends by itself, which it should not.
    pub async fn stopped(&self) {
        while !self.gateway.is_finished() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Stops: no new requests, messages or folds; what is under way has until `deadline`. What is
    /// not done by then is done after the next start.
    pub async fn stop(self, deadline: Duration) {
        self.app.stop();
        let _ = self.stop.send(true);
        let drained = async {
            let _ = self.gateway.await;
            self.pump.ended().await;
        };
        if tokio::time::timeout(deadline, drained).await.is_err() {
            tracing::warn!("some work did not stop in time; it goes on after the next start");
        }
    }
}

/// The host that a client on this machine reaches a listener at.
fn reachable(host: &str) -> String {
    match host {
        "0.0.0.0" | "::" | "" => "127.0.0.1".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    }
}

/// The admin key's file is written before the key is known to the platform: a kill in between leaves
/// a file whose key the next start makes known.
async fn admin_key(data: &DataDir, app: &App, first_start: bool) -> Result<Option<String>, StartError> {
    let path = data.path().join("admin.key");
    if !first_start && !path.exists() {
        tracing::warn!(path = %path.display(), "the admin key's file is gone");
        return Ok(None);
    }
    let token = key_file::read_or_create(&path, || keys::generate(&app.ids) + "\n")?.trim().to_owned();
    if first_start {
        keys::install_first_admin(&*app.slots.database, &*app.clock, &token).await?;
    }
    Ok(Some(token))
}

async fn serve(listener: TcpListener, router: axum::Router, mut stopped: watch::Receiver<bool>) {
    let until = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
        tracing::error!(%error, "the gateway has ended");
    }
}
