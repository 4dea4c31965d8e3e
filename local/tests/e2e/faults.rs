//! What goes wrong around the platform on AWS's services.

use crate::lambda::Functions;
use crate::resources::{Resources, endpoint};
use aws_sdk_sqs::types::QueueAttributeName;
use fettle_aws::{Clients, DynamoDatabase, LambdaCompute, S3Storage, SqsQueue};
use fettle_backend::app::{App, Slots};
use fettle_backend::clock::{Clock, SystemClock};
use fettle_backend::ids::{Ids, SystemEntropy};
use fettle_backend::keys::KeyAuth;
use fettle_backend::limits::Limits;
use fettle_backend::operation::Call;
use fettle_backend::permission::Role;
use fettle_backend::ports::{Caller, QueueName, TrialJob};
use fettle_backend::runs::TrialMessage;
use fettle_backend::{datasets, runs, trials};
use fettle_embedded::{FileKeys, LogNotifier};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const PENGUINS: &[u8] = include_bytes!("../../samples/penguins.csv");

/// A worker's view of the platform: of this process, but for all it knows alone.
pub(crate) async fn worker(resources: &Resources) -> Arc<App> {
    let clients = Clients::at(&endpoint()).await;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids = Ids::new(Arc::clone(&clock), Arc::new(SystemEntropy));
    let named = |name: &str| resources.variable(name).to_owned();
    let bucket = named("FETTLE_BUCKET");
    let storage = Arc::new(S3Storage::new(clients.s3(), clients.s3(), bucket, Arc::clone(&clock)));
    let database = Arc::new(DynamoDatabase::new(
        clients.dynamodb(),
        named("FETTLE_TABLE"),
        Arc::<S3Storage>::clone(&storage),
        Arc::clone(&clock),
    ));
    let queue = Arc::new(SqsQueue::new(clients.sqs(), named("FETTLE_QUEUE_BASE")));
    let slots = Slots {
        storage,
        auth: Arc::new(KeyAuth::new(Arc::<DynamoDatabase>::clone(&database))),
        database,
        secrets: Arc::new(FileKeys::open(resources.data().join("fernet.key"))),
        compute: Arc::new(LambdaCompute::new(Arc::<SqsQueue>::clone(&queue))),
        queue,
        notifier: Arc::new(LogNotifier),
    };
    let boot = format!("boot-{}", ids.uuid());
    Arc::new(App::new(slots, clock, ids, Limits::default(), boot))
}

fn call(body: &[u8]) -> Call {
    let caller = Caller { workspace: "default".to_owned(), subject: "test".to_owned(), role: Role::Admin };
    Call { caller: Some(caller), body: body.to_vec(), ..Call::default() }
}

#[test]
fn of_twenty_workers_on_one_trial_one_does_it() {
    let resources = Resources::new();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let app = worker(&resources).await;
        datasets::push(&app, &call(PENGUINS), "penguins").await.unwrap();
        let second = Duration::from_secs(1);
        // Ours, and S3's notification of the same file, in any order.
        let mut uploaded = None;
        while uploaded.is_none() {
            let messages =
                app.slots.queue.receive(QueueName::Ingest, 10, 10 * second, 60 * second).await.unwrap();
            uploaded = messages.into_iter().find_map(|message| serde_json::from_value(message.body).ok());
        }
        datasets::ingest(&app, &uploaded.unwrap()).await.unwrap();
        let new = json!({"dataset": "penguins", "target": "species", "estimators": ["logistic"], "folds": 3});
        let run = runs::start(&app, &call(&[]), serde_json::from_value(new).unwrap()).await.unwrap();
        let trial = run.leaderboard.unwrap()[0].trial.clone();

        let mut workers = JoinSet::new();
        for _ in 0..20 {
            let app = worker(&resources).await;
            let job = TrialJob { workspace: "default".to_owned(), run: run.id.clone(), trial: trial.clone() };
            workers.spawn(async move { trials::work(&app, &TrialMessage::Trial(job), None).await });
        }
        for worked in workers.join_all().await {
            worked.unwrap();
        }
        let run = runs::show(&app, "default", &run.id).await.unwrap();
        assert_eq!(run.status, runs::RunStatus::Succeeded);
        let events = runs::events(&app, "default", &run.id, 0, 0).await.unwrap();
        let kinds: Vec<&str> = events.items.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, ["run.queued", "run.started", "trial.succeeded", "run.succeeded"]);
    });
}

#[test]
fn two_that_make_the_resources_at_once_make_them_once() {
    let resources = Resources::named();
    let init = || {
        resources
            .command(Path::new(env!("CARGO_BIN_EXE_fettle")))
            .args(["init", "--once", "--data"])
            .arg(resources.data())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let both = [init(), init()];
    for mut child in both {
        assert!(child.wait().unwrap().success());
    }
    let server = crate::client::Server::start(resources.data(), &resources.variables());
    assert_eq!(server.client().get("/v1/datasets").json(200)["items"], json!([]));
}

#[test]
fn rubbish_ends_among_the_dead_letters_and_is_told() {
    let platform = Functions::new();
    let client = platform.client();
    let resources = &platform.resources;
    let runtime = Runtime::new().unwrap();
    let ingest = format!("{}ingest", resources.variable("FETTLE_QUEUE_BASE"));
    let told = runtime.block_on(async {
        let clients = Clients::at(&endpoint()).await;
        let sqs = clients.sqs();
        let told = sqs.create_queue().queue_name(format!("{}-told", resources.variable("FETTLE_TABLE")));
        let told = told.send().await.unwrap().queue_url.unwrap();
        let arn = sqs.get_queue_attributes().queue_url(&told).attribute_names(QueueAttributeName::QueueArn);
        let arn = arn.send().await.unwrap().attributes.unwrap()[&QueueAttributeName::QueueArn].clone();
        let topic = resources.variable("FETTLE_TOPIC_ARN");
        clients.sns().subscribe().topic_arn(topic).protocol("sqs").endpoint(arn).send().await.unwrap();
        for body in ["rubbish", "{\"key\": 7}", "[]"] {
            sqs.send_message().queue_url(&ingest).message_body(body).send().await.unwrap();
        }
        told
    });
    let begun = Instant::now();
    let dead = loop {
        let letters = client.get("/v1/queues/ingest/dead-letters").json(200);
        if letters["items"].as_array().unwrap().len() == 3 {
            break letters;
        }
        assert!(begun.elapsed() < Duration::from_mins(2), "{letters}");
        std::thread::sleep(Duration::from_secs(1));
    };
    let bodies: Vec<&Value> = dead["items"].as_array().unwrap().iter().map(|item| &item["body"]).collect();
    assert!(bodies.contains(&&json!("rubbish")), "{dead}");
    // All is well with what comes after.
    assert_eq!(client.push("penguins", PENGUINS)["status"], "ready");
    let notices = runtime.block_on(async {
        let sqs = Clients::at(&endpoint()).await.sqs();
        let mut notices = Vec::new();
        while notices.len() < 3 && begun.elapsed() < Duration::from_mins(2) {
            let some = sqs.receive_message().queue_url(&told).wait_time_seconds(2).max_number_of_messages(10);
            for message in some.send().await.unwrap().messages.unwrap_or_default() {
                notices.push(message.body.unwrap());
            }
        }
        notices
    });
    assert!(notices.iter().filter(|notice| notice.contains("message.dead")).count() >= 3, "{notices:?}");
}
