//! What is refused, and where it says so.

use crate::world::{World, call, toys};
use fettle_backend::batches::{self, BatchStatus};
use fettle_backend::datasets;
use fettle_backend::limits::Limits;
use fettle_backend::operation::Call;
use fettle_backend::permission::Role;
use fettle_backend::ports::Caller;
use fettle_backend::problem::Problem;
use serde_json::{Value, json};

fn field(problem: &Problem) -> Option<String> {
    problem.body().place.and_then(|place| place.field)
}

#[tokio::test]
async fn what_can_not_be_read_is_refused_at_the_start_with_its_name() {
    let world = World::new(Limits::default()).await;
    world.push("nameless", "size,maker\n1,z\n2,x\n").await;
    world.push("wordy", "size,colour,maker\nsmall,red,z\nlarge,green,z\nlarge,red,x\n").await;
    let (csv, json, cut) = (
        world.upload(b"colour,maker\nred,z\n").await,
        world.upload(b"{\"size\": 1}\n").await,
        world.upload(b"PAR1 and no more").await,
    );
    let absent = batches::upload(&world.app, &call(), fettle_backend::uploads::NewUpload::default())
        .await
        .unwrap()
        .key;
    let others = absent.replace("default/", "other/");
    let snapshot = "default/datasets/ds_1/00000001/table.parquet";
    let empty = world.upload(b"").await;
    for (input, status, at, says) in [
        (json!({ "dataset": "nameless" }), 422, "input.dataset", "'colour' is missing"),
        (json!({ "dataset": "wordy" }), 422, "input.dataset", "'size'"),
        (json!({ "dataset": "absent" }), 404, "input.dataset", "no data set `absent`"),
        (json!({ "dataset": "toys", "version": 7 }), 404, "input.dataset", "toys@7"),
        (json!({ "key": csv }), 422, "input.key", "no column 'size'"),
        (json!({ "key": json }), 422, "input.key", "JSON"),
        (json!({ "key": cut }), 422, "input.key", "Parquet file is broken"),
        (json!({ "key": empty }), 422, "input.key", "no row"),
        (json!({ "key": absent }), 404, "input.key", "not there"),
        (json!({ "key": others }), 404, "input.key", "no uploaded file"),
        (json!({ "key": snapshot }), 404, "input.key", "no uploaded file"),
        (json!({ "key": csv, "dataset": "toys" }), 422, "input", "`dataset` or from a `key`"),
        (json!({ "key": csv, "version": 1 }), 422, "input", "`dataset` or from a `key`"),
        (json!({}), 422, "input", "`dataset` or from a `key`"),
    ] {
        let problem = world.start(json!({ "deployment": "shop", "input": input })).await.unwrap_err();
        assert_eq!((problem.status(), field(&problem).as_deref()), (status, Some(at)), "{input}: {problem}");
        assert!(problem.detail().contains(says), "{input}: {problem}");
    }
    let toys = json!({ "dataset": "toys" });
    for (new, at) in [
        (json!({ "deployment": "absent", "input": toys }), "deployment"),
        (json!({ "deployment": "shop", "input": toys, "include": ["absent"] }), "include"),
        (json!({ "deployment": "shop", "input": toys, "include": vec!["size"; 201] }), "include"),
    ] {
        let problem = world.start(new).await.unwrap_err();
        assert_eq!(field(&problem).as_deref(), Some(at), "{problem}");
    }
    let page = fettle_backend::record::PageRequest::from_call(&Call::default()).unwrap();
    assert!(batches::list(&world.app, "default", &page).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_data_set_that_is_not_ready_is_refused() {
    let world = World::new(Limits::default()).await;
    let new: datasets::NewDataset = serde_json::from_value(json!({ "name": "late" })).unwrap();
    datasets::create_dataset(&world.app, &call(), new).await.unwrap();
    let problem =
        world.start(json!({ "deployment": "shop", "input": { "dataset": "late" } })).await.unwrap_err();
    assert_eq!(problem.status(), 409, "{problem}");
}

#[tokio::test]
async fn a_workspace_has_so_many_open_batches() {
    let world = World::new(Limits { open_batches: 2, ..Limits::default() }).await;
    let new = || json!({ "deployment": "shop", "input": { "dataset": "toys" } });
    let first = world.start(new()).await.unwrap();
    world.start(new()).await.unwrap();
    let problem = world.start(new()).await.unwrap_err();
    assert!(problem.status() == 409 && problem.detail().contains("2 batches are open"), "{problem}");
    let caller = Caller { workspace: "other".to_owned(), subject: "test".to_owned(), role: Role::Admin };
    let elsewhere = Call { caller: Some(caller), ..Call::default() };
    let new_batch: batches::NewBatch = serde_json::from_value(new()).unwrap();
    assert_eq!(batches::start(&world.app, &elsewhere, new_batch).await.unwrap_err().status(), 404);
    let cancelled = batches::cancel(&world.app, "default", &first.id).await.unwrap();
    assert_eq!(cancelled.status, BatchStatus::Cancelled);
    world.start(new()).await.unwrap();
    assert!(world.start(new()).await.is_err());
    world.deliver().await;
    assert_eq!(world.done(new()).await.status, BatchStatus::Succeeded);
    // To cancel again changes nothing; what has ended otherwise stays so.
    batches::cancel(&world.app, "default", &first.id).await.unwrap();
    let done = world.done(new()).await;
    assert_eq!(batches::cancel(&world.app, "default", &done.id).await.unwrap_err().status(), 409);
}

#[tokio::test]
async fn rows_and_chunks_have_limits() {
    let few = |limits: Limits| async {
        let world = World::new(limits).await;
        let key = world.upload(toys(40).as_bytes()).await;
        world.done(json!({ "deployment": "shop", "input": { "key": key } })).await
    };
    for (limits, says) in [
        (Limits { batch_rows: 39, ..Limits::default() }, "40 rows; the limit is 39"),
        (Limits { batch_chunks: 3, batch_piece_rows: 10, ..Limits::default() }, "4 chunks; the limit is 3"),
    ] {
        let batch = few(limits).await;
        assert_eq!(batch.status, BatchStatus::Failed);
        assert!(batch.error.as_ref().unwrap().detail.contains(says), "{batch:?}");
    }
    for limits in [
        Limits { batch_rows: 40, ..Limits::default() },
        Limits { batch_chunks: 4, batch_piece_rows: 10, ..Limits::default() },
    ] {
        assert_eq!(few(limits).await.status, BatchStatus::Succeeded);
    }
    // Of a data set both are known at the start.
    let world = World::new(Limits { batch_rows: 299, ..Limits::default() }).await;
    let problem =
        world.start(json!({ "deployment": "shop", "input": { "dataset": "toys" } })).await.unwrap_err();
    assert_eq!((problem.status(), field(&problem).as_deref()), (413, Some("input.dataset")), "{problem}");
    let world = World::new(Limits { batch_group_bytes: 100, ..Limits::default() }).await;
    let problem =
        world.start(json!({ "deployment": "shop", "input": { "dataset": "toys" } })).await.unwrap_err();
    assert!(problem.detail().contains("row group 1"), "{problem}");
}

#[tokio::test]
async fn a_file_that_is_written_over_is_not_mixed_with_another() {
    let world = World::new(Limits { batch_piece_rows: 20, ..Limits::default() }).await;
    let key = world.upload(toys(40).as_bytes()).await;
    let batch = world.start(json!({ "deployment": "shop", "input": { "key": key } })).await.unwrap();
    let message = json!({ "workspace": "default", "batch": batch.id });
    batches::work(&world.app, &serde_json::from_value(message).unwrap(), None).await.unwrap();
    world.app.slots.storage.put(&key, toys(40).replace("red", "tan").as_bytes()).await.unwrap();
    world.deliver().await;
    let batch = world.show(&batch.id).await;
    assert_eq!(batch.status, BatchStatus::Failed);
    let error = batch.error.as_ref().unwrap();
    assert!(
        error.detail.contains("2 of 2 chunks failed") && error.detail.contains("written over"),
        "{error:?}"
    );
    let manifest: Value = serde_json::to_value(world.manifest(&batch).await).unwrap();
    assert_eq!(manifest["failed"].as_array().unwrap().len(), 2);

    // Of another length already when it is planned.
    let batch = world.start(json!({ "deployment": "shop", "input": { "key": key } })).await.unwrap();
    world.app.slots.storage.put(&key, toys(41).as_bytes()).await.unwrap();
    world.deliver().await;
    let batch = world.show(&batch.id).await;
    assert!(batch.status == BatchStatus::Failed && batch.error.unwrap().detail.contains("written over"));
}

#[tokio::test]
async fn a_data_set_that_is_deleted_meanwhile_is_told() {
    let world = World::new(Limits::default()).await;
    world.push("short", "size,colour,maker\n1,red,z\n").await;
    let new = json!({ "deployment": "shop", "input": { "dataset": "short" } });
    let batch = world.start(new).await.unwrap();
    datasets::delete(&world.app, "default", "short", None).await.unwrap();
    world.deliver().await;
    let batch = world.show(&batch.id).await;
    assert_eq!(batch.status, BatchStatus::Failed);
    assert!(batch.error.as_ref().unwrap().detail.contains("not there"), "{batch:?}");
}
