//! What every pair of databases and storages holds to, when a workspace moves from one to the other.

use super::refused_problem;
use crate::app::{App, Slots};
use crate::backup::{Report, Restored, Saved, backup, restore};
use crate::batches::{self, NewBatch};
use crate::clock::SystemClock;
use crate::ids::{Ids, SystemEntropy};
use crate::keys::{self, NewKey};
use crate::limits::Limits;
use crate::models::{self, NewVersion};
use crate::operation::Call;
use crate::permission::Role;
use crate::ports::{Caller, Key, Outgoing, QueueName, Write};
use crate::problem::Result;
use crate::record::PageRequest;
use crate::{datasets, deployments, events, metering, protocols, runs, trials};
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

/// One test a property, for an expression whose future gives `((Slots, Slots), _)`: where a workspace is,
/// and where it is to be. The two have key rings of their own, and queues that nobody else uses.
#[macro_export]
macro_rules! backup_suite {
    ($fixture:expr) => {
        $crate::conformance_tests!(
            backup,
            $fixture,
            [
                a_workspace_is_the_same_elsewhere,
                what_was_under_way_goes_on_elsewhere,
                a_restore_that_was_killed_is_finished_by_the_next,
                what_is_there_stays_unless_it_is_to_be_replaced,
                a_refused_archive_changes_nothing,
            ]
        );
    };
}

/// Where a workspace is, and where it is to be.
type Places = (Slots, Slots);

fn quiet() -> Report {
    Arc::new(|_| ())
}

fn app(slots: &Slots) -> App {
    let ids = Ids::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
    let boot = format!("boot-{}", ids.uuid());
    App::new(slots.clone(), Arc::new(SystemClock), ids, Limits::default(), boot)
}

fn call(workspace: &str, body: &[u8], key: Option<&str>) -> Call {
    let caller =
        Caller { workspace: workspace.to_owned(), subject: "conformance".to_owned(), role: Role::Admin };
    Call {
        caller: Some(caller),
        body: body.to_vec(),
        query: BTreeMap::new(),
        idempotency_key: key.map(str::to_owned),
        ..Call::default()
    }
}

fn table(rows: usize) -> Vec<u8> {
    let mut text = "size,colour,price\n".to_owned();
    for row in 0..rows {
        let colour = ["red", "green", "blue"][row % 3];
        writeln!(text, "{},{colour},{}", row % 17, 3 * (row % 17) + row % 3).unwrap();
    }
    text.into_bytes()
}

/// Does all the work that waits.
async fn deliver(app: &App) {
    loop {
        let mut some = 0;
        for &queue in QueueName::ALL {
            let waiting = app.slots.queue.receive(queue, 10, Duration::ZERO, Duration::from_mins(1));
            for message in waiting.await.unwrap() {
                some += 1;
                match queue {
                    QueueName::Ingest => {
                        // Another form is a storage's own notice, of a file that ours tells of too.
                        if let Ok(uploaded) = serde_json::from_value(message.body) {
                            datasets::ingest(app, &uploaded).await.unwrap();
                        }
                    }
                    QueueName::Trial => {
                        trials::work(app, &serde_json::from_value(message.body).unwrap(), None)
                            .await
                            .unwrap();
                    }
                    QueueName::Notify => {
                        events::tell(app, &serde_json::from_value(message.body).unwrap()).await.unwrap();
                    }
                    QueueName::Served => {
                        metering::work(app, serde_json::from_value(message.body).unwrap()).await.unwrap();
                    }
                    QueueName::Batch => {
                        batches::work(app, &serde_json::from_value(message.body).unwrap(), None)
                            .await
                            .unwrap();
                    }
                }
                app.slots.queue.delete(queue, &message.receipt).await.unwrap();
            }
        }
        if some == 0 {
            return;
        }
    }
}

async fn run(app: &App, workspace: &str, key: Option<&str>) -> String {
    let new = json!({ "dataset": "toys", "target": "price", "estimators": ["dummy", "ridge"], "folds": 2 });
    let new = serde_json::from_value(new).unwrap();
    runs::start(app, &call(workspace, &[], key), new).await.unwrap().id
}

/// One of everything, done and under way: a file that nobody has read yet is called `late`, and a run that
/// nobody has begun is the newest.
pub async fn populate(slots: &Slots, workspace: &str) {
    let app = app(slots);
    let toys = table(120);
    datasets::push(&app, &call(workspace, &toys, None), "toys").await.unwrap();
    datasets::push(&app, &call(workspace, b"\0\x01\x02", None), "broken").await.unwrap();
    deliver(&app).await;
    let done = run(&app, workspace, Some("again")).await;
    deliver(&app).await;
    let new = NewVersion { name: "toys".to_owned(), run: Some(done.clone()), trial: None, onnx: None };
    for _ in 0..2 {
        models::register(&app, &call(workspace, &[], None), new.clone()).await.unwrap();
    }
    let new = serde_json::from_value(json!({ "name": "shop", "model": "toys" })).unwrap();
    deployments::deploy(&app, &call(workspace, &[], None), new).await.unwrap();
    let new = json!({ "deployment": "shop", "input": { "dataset": "toys" }, "output": { "format": "csv" } });
    let new: NewBatch = serde_json::from_value(new).unwrap();
    batches::start(&app, &call(workspace, &[], None), new.clone()).await.unwrap();
    deliver(&app).await;
    batches::start(&app, &call(workspace, &[], None), new).await.unwrap();
    let new = NewKey { name: "looker".to_owned(), role: Role::Viewer };
    keys::create_key(&app, &call(workspace, &[], None), new).await.unwrap();

    let sealed = slots.secrets.keys().await.unwrap().seal(&format!("{workspace}/secret/s"), "hush");
    let secret = Key::new(format!("{workspace}/secret"), "s");
    slots.database.write(&[Write::create(secret.clone(), json!({ "value": 1 }))]).await.unwrap();
    slots.database.write(&[Write::update(secret, json!({ "value": sealed }), 1)]).await.unwrap();
    // Over what is handled whole, with an end that fills no part.
    let large: Vec<u8> = (0..3_000_001u32).map(|at| (at % 251) as u8).collect();
    slots.storage.put(&format!("{workspace}/artifacts/large"), &large).await.unwrap();
    slots.storage.put(&format!("{workspace}/artifacts/Empty"), &[]).await.unwrap();

    let new = datasets::NewDataset { name: "late".to_owned(), bytes: None, sha256: None };
    datasets::create_dataset(&app, &call(workspace, &[], None), new).await.unwrap();
    let uploads = uploads(slots, workspace, "late").await;
    slots.storage.put(&uploads, &toys).await.unwrap();
    let new = json!({ "dataset": "toys", "target": "price", "estimators": ["dummy"], "folds": 2 });
    let new = serde_json::from_value(new).unwrap();
    runs::start(&app, &call(workspace, &[], None), new).await.unwrap();
}

/// New versions, runs and models, one after the other, for whoever looks on.
pub async fn keep_busy(slots: &Slots, workspace: &str, rounds: usize) {
    let app = app(slots);
    for round in 0..rounds {
        datasets::push(&app, &call(workspace, &table(40 + round), None), "toys").await.unwrap();
        deliver(&app).await;
        let done = run(&app, workspace, None).await;
        deliver(&app).await;
        let new = NewVersion { name: "toys".to_owned(), run: Some(done), trial: None, onnx: None };
        models::register(&app, &call(workspace, &[], None), new).await.unwrap();
    }
}

/// Where the file of a data set's first version is uploaded to.
async fn uploads(slots: &Slots, workspace: &str, name: &str) -> String {
    let (_, version) = datasets::find(&app(slots), workspace, name).await.unwrap();
    version.value.upload
}

async fn save(slots: &Slots, workspace: &str, compress: bool) -> Result<(Vec<u8>, Saved)> {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let Slots { database, storage, .. } = slots;
    backup(&**database, &**storage, workspace, Vec::new(), compress, now, &quiet()).await
}

async fn load(slots: &Slots, archive: &[u8], replace: bool) -> Result<Restored> {
    restore(slots, Cursor::new(archive.to_vec()), replace, &quiet()).await
}

pub async fn a_workspace_is_the_same_elsewhere((from, to): Places, workspace: &str) {
    populate(&from, workspace).await;
    for compress in [true, false] {
        let (archive, saved) = save(&from, workspace, compress).await.unwrap();
        assert_eq!(saved.bytes, archive.len() as u64);
        // Replacing a restored one by the same is restoring it.
        let restored = load(&to, &archive, !compress).await.unwrap();
        assert_eq!(
            (restored.items, restored.objects, restored.object_bytes),
            (saved.items, saved.objects, saved.object_bytes)
        );
        assert_eq!((restored.sealed, restored.unreadable), (1, 1));
        // To the byte: every item with its version, every object.
        let (again, _) = save(&to, workspace, compress).await.unwrap();
        assert!(again == archive, "what was restored is another workspace");
    }
    let there = app(&to);
    let page = PageRequest::from_call(&Call::default()).unwrap();
    assert_eq!(keys::list(&there, workspace, &page).await.unwrap().items.len(), 1);
    let deployment = deployments::show(&there, workspace, "shop").await.unwrap();
    assert_eq!((deployment.model.as_str(), deployment.version), ("toys", Some(1)));
    let request = serde_json::from_value(json!({ "rows": [{ "size": 3, "colour": "red" }] })).unwrap();
    let call = call(workspace, &[], None);
    let read = |model: &_| protocols::rows::read_json(model, &there.limits, &request);
    let scored = deployments::ask(&there, &call, "shop", read).await.unwrap();
    assert_eq!(scored.predictions.len(), 1);
}

pub async fn what_was_under_way_goes_on_elsewhere((from, to): Places, workspace: &str) {
    populate(&from, workspace).await;
    let restored = load(&to, &save(&from, workspace, true).await.unwrap().0, false).await.unwrap();
    assert_eq!(restored.announced, 1);
    let there = app(&to);
    deliver(&there).await;
    let (late, _) = datasets::show(&there, workspace, "late").await.unwrap();
    assert_eq!((late.status, late.rows), (datasets::Status::Ready, Some(120)));
    let left = to.storage.list(&uploads(&to, workspace, "late").await, None, 1).await.unwrap();
    assert!(left.objects.is_empty(), "{left:?}");
    // What is due is there too: the clock would send this message for the run.
    let page = PageRequest::from_call(&Call::default()).unwrap();
    let newest = runs::list(&there, workspace, &page).await.unwrap().items.remove(0);
    assert_eq!(newest.status, runs::RunStatus::Queued);
    let message = json!({ "workspace": workspace, "run": newest.id });
    to.queue.send(QueueName::Trial, &[Outgoing::now(message)]).await.unwrap();
    deliver(&there).await;
    let ended = runs::show(&there, workspace, &newest.id).await.unwrap();
    assert_eq!(ended.status, runs::RunStatus::Succeeded);
    let newest = batches::list(&there, workspace, &page).await.unwrap().items.remove(0);
    assert_eq!(newest.status, batches::BatchStatus::Running);
    let message = json!({ "workspace": workspace, "batch": newest.id });
    to.queue.send(QueueName::Batch, &[Outgoing::now(message)]).await.unwrap();
    deliver(&there).await;
    let ended = batches::show(&there, workspace, &newest.id).await.unwrap();
    assert_eq!((ended.status, ended.predicted), (batches::BatchStatus::Succeeded, 120));
}

pub async fn a_restore_that_was_killed_is_finished_by_the_next((from, to): Places, workspace: &str) {
    populate(&from, workspace).await;
    let (archive, _) = save(&from, workspace, false).await.unwrap();
    let (other, _) = {
        let key = Key::new(format!("{workspace}/secret"), "another");
        from.database.write(&[Write::create(key, json!({}))]).await.unwrap();
        save(&from, workspace, false).await.unwrap()
    };
    let marked = async || to.database.get(&Key::new("platform/restore", workspace)).await.unwrap().is_some();
    let mut moment = Duration::from_millis(2);
    let mut killed = 0;
    // Dropped in the middle, each time a little later.
    loop {
        match tokio::time::timeout(moment, load(&to, &archive, false)).await {
            Ok(Ok(_)) => break,
            // The last one was dropped after its last write.
            Ok(Err(problem)) if killed > 0 && problem.to_string().contains("not empty") => break,
            Ok(Err(problem)) => panic!("{problem}"),
            Err(_) if marked().await => {
                let (saved, loaded) = (save(&to, workspace, false).await, load(&to, &other, false).await);
                // What was dropped may have been about to end.
                if marked().await {
                    killed += 1;
                    refused_problem(saved.map(drop), "half restored");
                    refused_problem(loaded.map(drop), "half restored");
                }
            }
            Err(_) => {}
        }
        moment = moment.mul_f64(1.3);
    }
    assert!(killed > 0, "no restore was killed while it wrote");
    assert!(
        save(&to, workspace, false).await.unwrap().0 == archive,
        "what was restored is another workspace"
    );
}

pub async fn what_is_there_stays_unless_it_is_to_be_replaced((from, to): Places, workspace: &str) {
    // Keys are there wherever there is somebody who restores.
    for slots in [&from, &to] {
        let new = NewKey { name: "admin".to_owned(), role: Role::Admin };
        keys::create_key(&app(slots), &call(workspace, &[], None), new).await.unwrap();
    }
    refused_problem(save(&from, "no-such-workspace", false).await.map(drop), "no workspace");
    datasets::push(&app(&from), &call(workspace, &table(30), None), "toys").await.unwrap();
    deliver(&app(&from)).await;
    let (archive, _) = save(&from, workspace, true).await.unwrap();
    load(&to, &archive, false).await.unwrap();
    let page = PageRequest::from_call(&Call::default()).unwrap();
    assert_eq!(keys::list(&app(&to), workspace, &page).await.unwrap().items.len(), 2);

    populate(&to, workspace).await;
    let before = save(&to, workspace, false).await.unwrap().0;
    refused_problem(load(&to, &archive, false).await.map(drop), "not empty");
    assert!(
        save(&to, workspace, false).await.unwrap().0 == before,
        "a refused restore has changed something"
    );
    load(&to, &archive, true).await.unwrap();
    let there = app(&to);
    assert_eq!(datasets::list(&there, workspace, &page).await.unwrap().items.len(), 1);
    assert!(runs::list(&there, workspace, &page).await.unwrap().items.is_empty());
    assert!(models::list(&there, workspace, &page).await.unwrap().items.is_empty());
    assert_eq!(keys::list(&there, workspace, &page).await.unwrap().items.len(), 3);
    let objects = to.storage.list(&format!("{workspace}/"), None, 100).await.unwrap().objects;
    assert_eq!(objects.len(), 2, "a table and its profile: {objects:?}");
    // A request that was made before is not known any more, since what it made is gone.
    deliver(&there).await;
    let again = run(&there, workspace, Some("again")).await;
    assert!(runs::show(&there, workspace, &again).await.is_ok());
}

pub async fn a_refused_archive_changes_nothing((from, to): Places, workspace: &str) {
    populate(&from, workspace).await;
    let (archive, _) = save(&from, workspace, false).await.unwrap();
    let mut changed = archive.clone();
    let last = changed.len() - 2000;
    changed[last] ^= 1;
    refused_problem(load(&to, &changed, true).await.map(drop), "no backup");
    refused_problem(load(&to, &archive[..archive.len() - 512], true).await.map(drop), "no backup");
    refused_problem(save(&to, workspace, false).await.map(drop), "no workspace");
    assert!(to.database.get(&Key::new("platform/restore", workspace)).await.unwrap().is_none());
}
