//! A platform without its pump, with a model of toys deployed as `shop`.

use fettle_backend::app::App;
use fettle_backend::batches::{self, Batch, Files, Manifest};
use fettle_backend::clock::{Clock, SystemClock};
use fettle_backend::ids::{Ids, SystemEntropy};
use fettle_backend::limits::Limits;
use fettle_backend::models::{self, NewVersion};
use fettle_backend::operation::Call;
use fettle_backend::permission::Role;
use fettle_backend::ports::{Caller, QueueName};
use fettle_backend::problem::Result;
use fettle_backend::uploads::NewUpload;
use fettle_backend::{datasets, deployments, events, metering, runs, trials};
use fettle_embedded::DataDir;
use fettle_embedded::testing::slots;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) app: App,
    _data: DataDir,
    _directory: TempDir,
}

pub(crate) fn call() -> Call {
    call_with(b"")
}

fn call_with(body: &[u8]) -> Call {
    let caller = Caller { workspace: "default".to_owned(), subject: "test".to_owned(), role: Role::Editor };
    Call { caller: Some(caller), body: body.to_vec(), ..Call::default() }
}

/// Toys with their price, which is a number, and their maker.
pub(crate) fn toys(rows: usize) -> String {
    let mut text = "size,colour,maker,price\n".to_owned();
    for row in 0..rows {
        let (colour, maker) = (["red", "green", "blue"][row % 3], ["x & \"y\"", "z"][row % 2]);
        let price = 3 * (row % 17) + row % 3;
        writeln!(text, "{},{colour},\"{}\",{price}", row % 17, maker.replace('"', "\"\"")).unwrap();
    }
    text
}

impl World {
    /// With a first version of the model, which is a regression.
    pub(crate) async fn new(limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = DataDir::open(directory.path(), "boot-test").unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids = Ids::new(Arc::clone(&clock), Arc::new(SystemEntropy));
        let app = App::new(slots(&data, &clock), clock, ids, limits, "boot-test".to_owned());
        let world = Self { app, _data: data, _directory: directory };
        world.push("toys", &toys(300)).await;
        world.register("price").await;
        let new = serde_json::from_value(json!({ "name": "shop", "model": "toys" })).unwrap();
        deployments::deploy(&world.app, &call(), new).await.unwrap();
        world
    }

    /// Trains and registers the next version.
    pub(crate) async fn register(&self, target: &str) {
        let new = json!({ "dataset": "toys", "target": target, "estimators": ["decision_tree"], "folds": 2,
                          "max_trials": 1 });
        let new = serde_json::from_value(new).unwrap();
        let run = runs::start(&self.app, &call(), new).await.unwrap().id;
        self.deliver().await;
        let new = NewVersion { name: "toys".to_owned(), run: Some(run), trial: None, onnx: None };
        models::register(&self.app, &call(), new).await.unwrap();
    }

    pub(crate) async fn push(&self, name: &str, text: &str) {
        datasets::push(&self.app, &call_with(text.as_bytes()), name).await.unwrap();
        self.deliver().await;
        let (dataset, _) = datasets::show(&self.app, "default", name).await.unwrap();
        assert_eq!(dataset.status, datasets::Status::Ready, "{dataset:?}");
    }

    /// Does all the work that waits.
    pub(crate) async fn deliver(&self) {
        self.deliver_until(None).await;
    }

    /// Does all the work that waits, each call of a batch's with that deadline.
    pub(crate) async fn deliver_until(&self, deadline: Option<Timestamp>) {
        let (app, queues) = (&self.app, &self.app.slots.queue);
        loop {
            let mut some = 0;
            for &queue in QueueName::ALL {
                let waiting = queues.receive(queue, 10, Duration::ZERO, Duration::from_mins(1));
                for message in waiting.await.unwrap() {
                    some += 1;
                    let body = message.body;
                    match queue {
                        QueueName::Ingest => {
                            datasets::ingest(app, &serde_json::from_value(body).unwrap()).await.unwrap();
                        }
                        QueueName::Trial => {
                            trials::work(app, &serde_json::from_value(body).unwrap(), None).await.unwrap();
                        }
                        QueueName::Notify => {
                            events::tell(app, &serde_json::from_value(body).unwrap()).await.unwrap();
                        }
                        QueueName::Served => {
                            metering::work(app, serde_json::from_value(body).unwrap()).await.unwrap();
                        }
                        QueueName::Batch => {
                            let message = serde_json::from_value(body).unwrap();
                            batches::work(app, &message, deadline).await.unwrap();
                        }
                    }
                    queues.delete(queue, &message.receipt).await.unwrap();
                }
            }
            if some == 0 {
                return;
            }
        }
    }

    /// A file under the key of an upload.
    pub(crate) async fn upload(&self, bytes: &[u8]) -> String {
        let upload = batches::upload(&self.app, &call(), NewUpload::default()).await.unwrap();
        self.app.slots.storage.put(&upload.key, bytes).await.unwrap();
        upload.key
    }

    pub(crate) async fn start(&self, new: Value) -> Result<Batch> {
        batches::start(&self.app, &call(), serde_json::from_value(new).unwrap()).await
    }

    pub(crate) async fn show(&self, batch: &str) -> Batch {
        batches::show(&self.app, "default", batch).await.unwrap()
    }

    /// A batch, worked off.
    pub(crate) async fn done(&self, new: Value) -> Batch {
        let batch = self.start(new).await.unwrap().id;
        self.deliver().await;
        self.show(&batch).await
    }

    pub(crate) async fn manifest(&self, batch: &Batch) -> Manifest {
        batches::manifest(&self.app, "default", &batch.id).await.unwrap()
    }

    /// The files of a batch, whose checksums are those of the manifest.
    pub(crate) async fn files(&self, batch: &Batch, of: Files) -> Vec<Vec<u8>> {
        use sha2::{Digest, Sha256};
        let manifest = self.manifest(batch).await;
        let mut files = Vec::new();
        for file in if of == Files::Parts { &manifest.parts } else { &manifest.errors } {
            let bytes = self.app.slots.storage.get(&file.file.key).await.unwrap();
            let sha256 = Sha256::digest(&bytes).iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap();
                hex
            });
            assert_eq!((bytes.len() as u64, &sha256), (file.file.bytes, &file.file.sha256));
            let number = file.number.to_string();
            batches::part(&self.app, "default", &batch.id, of, &number).await.unwrap();
            files.push(bytes);
        }
        files
    }

    /// The rows of a batch whose parts are CSV without quotes, under one header.
    pub(crate) async fn rows(&self, batch: &Batch) -> (String, Vec<Vec<String>>) {
        let mut rows = Vec::new();
        let mut header = String::new();
        for part in self.files(batch, Files::Parts).await {
            let text = String::from_utf8(part).unwrap();
            let mut lines = text.lines();
            lines.next().unwrap().clone_into(&mut header);
            rows.extend(lines.map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>()));
        }
        (header, rows)
    }

    /// The errors of a batch.
    pub(crate) async fn errors(&self, batch: &Batch) -> Vec<Value> {
        let mut all = Vec::new();
        for part in self.files(batch, Files::Errors).await {
            let text = String::from_utf8(part).unwrap();
            all.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
        all
    }
}
