//! The platform in this process: gateway, queue pump and clock, or a part of them.

use crate::config::Config;
use crate::error::StartError;
use crate::gateway;
use crate::pump::Pump;
use crate::start::{Base, app_of};
use crate::wiring::{Local, wire};
use fettle_backend::app::App;
use fettle_backend::clock::Clock;
use fettle_backend::ids::Ids;
use fettle_backend::keys;
use fettle_backend::operation::{Entry, Operation};
use fettle_backend::permission::Permission;
use fettle_backend::ports::Database;
use fettle_embedded::key_file;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How long the database of an emulator or a cloud is waited for at the start.
const DATABASE_PATIENCE: Duration = Duration::from_mins(2);

/// How often what was served is sent off to be recorded.
const FLUSH: Duration = Duration::from_secs(1);

/// What this process does of the platform's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// Requests.
    Gateway,
    /// Messages and the clock; of requests it answers those that are open to anybody, such as for its
    /// health.
    Worker,
}

impl Part {
    fn serves(self, operation: &Operation) -> bool {
        match operation.entry {
            Entry::Http { .. } => self != Part::Worker || operation.permission == Permission::Open,
            Entry::Queue(_) | Entry::Clock => self != Part::Gateway,
            Entry::Authorizer | Entry::Operator => false,
        }
    }
}

/// A platform that runs until it is stopped.
pub struct Platform {
    url: String,
    admin_key: Option<String>,
    first_start: bool,
    app: Arc<App>,
    stop: watch::Sender<bool>,
    gateway: JoinHandle<()>,
    pump: Pump,
    flusher: JoinHandle<()>,
    _local: Local,
}

impl Platform {
    /// Starts a platform, or a part: when this returns it answers at its address.
    pub async fn start(config: Config, operations: Vec<Operation>, part: Part) -> Result<Self, StartError> {
        crate::telemetry::init(&config)?;
        let base = Base::new();
        let wanted = format!("{}:{}", config.host, config.port);
        let refused = |source| StartError::Listen { address: wanted.clone(), source };
        let listener = TcpListener::bind((config.host.as_str(), config.port)).await.map_err(refused)?;
        let port = listener.local_addr().map_err(refused)?.port();
        let url = format!("http://{}:{port}", reachable(&config.host));
        let public_url = config.public_url.clone().unwrap_or_else(|| url.clone());

        let (slots, local) = wire(&config, &public_url, &base.clock, &base.boot).await?;
        let app = app_of(slots, base, &config);
        let first_start = !has_admin(&*app.slots.database).await?;
        let admin_key = match part {
            Part::Whole => {
                let (database, clock) = (&*app.slots.database, &*app.clock);
                admin_key(&config.data, database, clock, &app.ids, first_start).await?
            }
            // Whoever made the resources made it.
            Part::Gateway | Part::Worker => None,
        };

        let operations: Vec<Arc<Operation>> =
            operations.into_iter().filter(|operation| part.serves(operation)).map(Arc::new).collect();
        let (stop, stopped) = watch::channel(false);
        let router = gateway::router(&app, &operations, local.files.clone());
        let gateway = tokio::spawn(serve(listener, router, stopped.clone()));
        let pump = Pump::start(&app, &operations, config.workers, &stopped);
        let flusher = tokio::spawn(flush(Arc::clone(&app), stopped));
        Ok(Self { url, admin_key, first_start, app, stop, gateway, pump, flusher, _local: local })
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
            let _ = self.flusher.await;
            send_noted(&self.app).await;
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

/// Whether there is an admin; waits for a database that is not ready yet.
pub(crate) async fn has_admin(database: &dyn Database) -> Result<bool, StartError> {
    let patience = Instant::now() + DATABASE_PATIENCE;
    loop {
        match keys::has_admin(database).await {
            Err(problem) if problem.status() == 503 && Instant::now() < patience => {
                tracing::warn!(error = &problem as &dyn std::error::Error, "waiting for the database");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            known => return Ok(known?),
        }
    }
}

/// Makes the first admin key, or reads it where it was kept. Its file is written before the key is known
/// to the platform: a kill in between leaves a file whose key the next start makes known.
pub(crate) async fn admin_key(
    data: &Path,
    database: &dyn Database,
    clock: &dyn Clock,
    ids: &Ids,
    first_start: bool,
) -> Result<Option<String>, StartError> {
    let path = data.join("admin.key");
    if !first_start && !path.exists() {
        tracing::warn!(path = %path.display(), "the admin key's file is gone");
        return Ok(None);
    }
    let token = key_file::read_or_create(&path, || keys::generate(ids) + "\n")?.trim().to_owned();
    if first_start {
        keys::install_first_admin(database, clock, &token).await?;
    }
    Ok(Some(token))
}

/// Sends off what was served, until the platform stops.
async fn flush(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(FLUSH) => {}
        }
        send_noted(&app).await;
    }
}

async fn send_noted(app: &App) {
    if let Err(problem) = app.books.flush(app).await {
        tracing::warn!(error = &problem as &dyn std::error::Error, "what was served is recorded later");
    }
}

async fn serve(listener: TcpListener, router: axum::Router, mut stopped: watch::Receiver<bool>) {
    let until = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
        tracing::error!(%error, "the gateway has ended");
    }
}
