//! What comes out.

use crate::world::{World, call, toys};
use fettle_backend::batches::{self, BatchStatus, Files};
use fettle_backend::limits::Limits;
use fettle_backend::ports::Query;
use fettle_backend::protocols::rows::read_csv;
use fettle_backend::{deployments, models};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// What a request for the same rows answers.
async fn online(world: &World, text: &str) -> Vec<Value> {
    let read = |model: &_| read_csv(model, &world.app.limits, text.as_bytes());
    let scored = deployments::ask(&world.app, &call(), "shop", read).await.unwrap();
    (0..scored.predictions.len()).map(|row| scored.predictions.value(row)).collect()
}

/// Toys as a model of the price takes them.
fn inputs(rows: usize) -> String {
    let without = |line: &str| line.rsplit_once(',').unwrap().0.to_owned() + "\n";
    toys(rows).lines().map(without).collect()
}

#[tokio::test]
async fn a_batch_predicts_what_a_request_does() {
    let world = World::new(Limits { batch_piece_rows: 70, ..Limits::default() }).await;
    let expected = online(&world, &inputs(300)).await;
    let key = world.upload(toys(300).as_bytes()).await;
    for input in
        [json!({ "dataset": "toys" }), json!({ "dataset": "toys", "version": 1 }), json!({ "key": key })]
    {
        let new = json!({ "deployment": "shop", "input": input, "output": { "format": "csv" }, "include": ["colour"] });
        let batch = world.done(new).await;
        assert_eq!(batch.status, BatchStatus::Succeeded, "{batch:?}");
        assert_eq!((batch.predicted, batch.faulty, batch.input.rows), (300, 0, Some(300)));
        assert_eq!(batch.progress.of, if batch.input.key.is_some() { 5 } else { 1 });
        let (header, rows) = world.rows(&batch).await;
        assert_eq!(header, "row,colour,prediction");
        assert_eq!(rows.len(), 300);
        for (at, row) in rows.iter().enumerate() {
            assert_eq!(row[0], (at + 1).to_string());
            assert_eq!(row[1], ["red", "green", "blue"][at % 3]);
            assert_eq!(json!(row[2].parse::<f64>().unwrap()), expected[at]);
        }
        let manifest = world.manifest(&batch).await;
        assert_eq!((manifest.rows, manifest.version), (300, 1));
        assert_eq!(manifest.input.sha256.as_ref().map(String::len), Some(64));
    }
}

#[tokio::test]
async fn parquet_goes_in_and_out() {
    let world = World::new(Limits::default()).await;
    let batch =
        world.done(json!({ "deployment": "shop", "input": { "dataset": "toys" }, "include": ["*"] })).await;
    let parquet = world.files(&batch, Files::Parts).await.remove(0);
    let dataset = world.app.slots.storage.list("default/datasets/", None, 10).await.unwrap();
    let snapshot = dataset.objects.iter().find(|object| object.key.ends_with("table.parquet")).unwrap();
    let snapshot = world.app.slots.storage.get(&snapshot.key).await.unwrap();
    // A Parquet file of somebody else's is read as a snapshot is.
    let key = world.upload(&snapshot).await;
    let other = world.done(json!({ "deployment": "shop", "input": { "key": key }, "include": ["*"] })).await;
    assert_eq!((other.status, other.predicted), (BatchStatus::Succeeded, 300), "{other:?}");
    assert!(
        parquet == world.files(&other, Files::Parts).await.remove(0),
        "the same rows give the same bytes"
    );
    // And what was written can be read again.
    let key = world.upload(&parquet).await;
    let again = json!({ "deployment": "shop", "input": { "key": key }, "output": { "format": "csv" }, "include": ["prediction"] });
    let again = world.done(again).await;
    let (header, rows) = world.rows(&again).await;
    assert_eq!(header, "row,prediction,prediction_");
    assert!(rows.len() == 300 && rows.iter().all(|row| row[1] == row[2]));
}

#[tokio::test]
async fn a_bad_row_is_among_the_errors_and_costs_no_other() {
    let world = World::new(Limits { batch_piece_rows: 4, ..Limits::default() }).await;
    let mut text = inputs(10);
    text.push_str("large,red,z\n4,red\n\n5,blue,z\ninf,red,z\n-,green,z\n");
    let mut bytes = text.into_bytes();
    bytes.extend(b"6,\xFF,z\n");
    let key = world.upload(&bytes).await;
    let batch = world
        .done(json!({ "deployment": "shop", "input": { "key": key }, "output": { "format": "csv" } }))
        .await;
    assert_eq!((batch.status, batch.predicted, batch.faulty), (BatchStatus::Succeeded, 12, 4), "{batch:?}");
    let errors = world.errors(&batch).await;
    let places: Vec<(u64, Option<&str>)> =
        errors.iter().map(|error| (error["row"].as_u64().unwrap(), error["column"].as_str())).collect();
    assert_eq!(places, [(11, Some("size")), (12, None), (14, Some("size")), (16, Some("colour"))]);
    assert!(errors[0]["detail"].as_str().unwrap().contains("\"large\""), "{errors:?}");
    let (_, rows) = world.rows(&batch).await;
    let numbers: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "13", "15"]);

    let key = world.upload(b"size,colour,maker\nmuch,red,z\n").await;
    let batch = world.done(json!({ "deployment": "shop", "input": { "key": key } })).await;
    assert_eq!((batch.status, batch.faulty), (BatchStatus::Failed, 1));
    assert!(batch.error.as_ref().unwrap().detail.contains("no row"), "{batch:?}");
    assert_eq!(world.errors(&batch).await.len(), 1);
}

#[tokio::test]
async fn all_chunks_have_the_version_that_was_served_at_the_start() {
    let world = World::new(Limits { batch_piece_rows: 100, ..Limits::default() }).await;
    let expected = online(&world, &inputs(300)).await;
    world.register("size").await;
    let key = world.upload(toys(300).as_bytes()).await;
    let new = json!({ "deployment": "shop", "input": { "key": key }, "output": { "format": "csv" } });
    let batch = world.start(new).await.unwrap();
    let to = serde_json::from_value(json!({ "version": 2 })).unwrap();
    models::set_alias(&world.app, "default", "toys", "champion", &to, None).await.unwrap();
    world.deliver().await;
    let batch = world.show(&batch.id).await;
    assert_eq!((batch.status, batch.version, batch.predicted), (BatchStatus::Succeeded, 1, 300));
    let (_, rows) = world.rows(&batch).await;
    for (row, expected) in rows.iter().zip(expected) {
        assert_eq!(json!(row[1].parse::<f64>().unwrap()), expected);
    }
}

#[tokio::test]
async fn a_chunk_that_has_no_time_goes_on_where_its_last_part_ended() {
    let world = World::new(Limits::default()).await;
    let key = world.upload(toys(10_000).as_bytes()).await;
    let new = json!({ "deployment": "shop", "input": { "key": key }, "output": { "format": "csv" } });
    let batch = world.start(new).await.unwrap();
    // The time is up after the first slice of each call, and the rest is given back.
    let soon = world.app.now() + SignedDuration::from_mins(5);
    let mut rounds = 0;
    while world.show(&batch.id).await.finished_at.is_none() {
        rounds += 1;
        assert!(rounds < 20, "the batch never ends");
        world.app.stop();
        world.deliver_until(Some(soon)).await;
    }
    let batch = world.show(&batch.id).await;
    assert_eq!((batch.status, batch.predicted), (BatchStatus::Succeeded, 10_000), "{batch:?}");
    let parts: Vec<u64> = world.manifest(&batch).await.parts.iter().map(|part| part.file.rows).collect();
    assert_eq!(parts, [4096, 4096, 1808]);
    let (_, rows) = world.rows(&batch).await;
    assert!(rows.iter().zip(1..).all(|(row, number)| row[0] == number.to_string()));
}

#[tokio::test]
async fn what_is_over_can_be_deleted_and_leaves_nothing() {
    let world = World::new(Limits::default()).await;
    let key = world.upload(b"size,colour,maker\n1,red,z\nmuch,red,z\n").await;
    let batch = world.start(json!({ "deployment": "shop", "input": { "key": key } })).await.unwrap();
    let early = batches::delete(&world.app, "default", &batch.id).await.unwrap_err();
    assert_eq!(early.status(), 409);
    world.deliver().await;
    batches::delete(&world.app, "default", &batch.id).await.unwrap();
    assert_eq!(batches::show(&world.app, "default", &batch.id).await.unwrap_err().status(), 404);
    for prefix in ["default/batches/", "default/batch-inputs/"] {
        let left = world.app.slots.storage.list(prefix, None, 10).await.unwrap().objects;
        assert!(left.is_empty(), "{left:?}");
    }
    for partition in ["batch", &format!("batch/{}/chunk", batch.id), &format!("batch/{}/event", batch.id)] {
        let query = Query::prefix(format!("default/{partition}"), "", 10);
        let left = world.app.slots.database.query(&query).await.unwrap().items;
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test]
async fn the_same_idempotency_key_gives_the_same_batch() {
    let world = World::new(Limits::default()).await;
    let mut call = call();
    call.idempotency_key = Some("once".to_owned());
    let new: batches::NewBatch =
        serde_json::from_value(json!({ "deployment": "shop", "input": { "dataset": "toys" } })).unwrap();
    let first = batches::start(&world.app, &call, new.clone()).await.unwrap();
    let second = batches::start(&world.app, &call, new).await.unwrap();
    assert_eq!(first.id, second.id);
}
