//! Data sets: create, upload, list, look into, delete.

use fettle_backend::app::App;
use fettle_backend::datasets::{self, Dataset, NewDataset, Preview, Profile};
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::permission::Permission::{Read, Write};
use fettle_backend::ports::QueueName;
use fettle_backend::problem::Result;
use fettle_backend::record::{List, PageRequest};

/// This package's operations.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::http("datasets.create", "POST", "/v1/datasets", Write, |app, call| Box::pin(create(app, call)))
            .summary("Make a version of a data set: an address to upload to, or at once from a file of up to 5 MB (?name=)")
            .query(&[("name", "the data set's name, when the body is the file itself")])
            .takes::<NewDataset>()
            .takes_media(&["text/csv", "application/vnd.apache.parquet", "application/octet-stream"])
            .gives::<Dataset>(201)
            .also_gives(&[202])
            .idempotent()
        .uses(&[Use::ReadState, Use::WriteState, Use::WriteObjects, Use::DeleteObjects, Use::Send(QueueName::Ingest)]),
        Operation::http("datasets.list", "GET", "/v1/datasets", Read, |app, call| Box::pin(list(app, call)))
            .summary("List data sets by name")
            .query(&[("limit", "1 to 200"), ("cursor", "`next_cursor` of the page before")])
            .gives::<List<Dataset>>(200)
        .uses(&[Use::ReadState]),
        Operation::http("datasets.show", "GET", "/v1/datasets/{dataset}", Read, |app, call| Box::pin(show(app, call)))
            .summary("Show a data set by name or id, with @2 for a version")
            .gives::<Dataset>(200)
        .uses(&[Use::ReadState]),
        Operation::http("datasets.profile", "GET", "/v1/datasets/{dataset}/profile", Read, |app, call| {
            Box::pin(profile(app, call))
        })
        .summary("What is known of each column")
        .gives::<Profile>(200)
        .uses(&[Use::ReadState, Use::ReadObjects]),
        Operation::http("datasets.preview", "GET", "/v1/datasets/{dataset}/preview", Read, |app, call| {
            Box::pin(preview(app, call))
        })
        .summary("The first rows")
        .query(&[("rows", "1 to 1000; 20 when left out")])
        .size(1024, 29)
        .gives::<Preview>(200)
        .uses(&[Use::ReadState, Use::ReadObjects]),
        Operation::http("datasets.delete", "DELETE", "/v1/datasets/{dataset}", Write, |app, call| {
            Box::pin(delete(app, call))
        })
        .summary("Delete a data set with all its versions")
        .size(256, 29)
        .gives_status(204)
        .uses(&[Use::ReadState, Use::WriteState, Use::ListObjects, Use::DeleteObjects]),
    ]
}

async fn create(app: &App, call: Call) -> Result<Reply> {
    match call.query.get("name") {
        Some(name) => Reply::json(202, &datasets::push(app, &call, name).await?),
        None => Reply::json(201, &datasets::create_dataset(app, &call, call.json()?).await?),
    }
}

async fn list(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&datasets::list(app, call.workspace()?, &PageRequest::from_call(&call)?).await?)
}

async fn show(app: &App, call: Call) -> Result<Reply> {
    let (dataset, revision) = datasets::show(app, call.workspace()?, call.path("dataset")).await?;
    Ok(Reply::ok(&dataset)?.revision(revision))
}

async fn profile(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&datasets::profile(app, call.workspace()?, call.path("dataset")).await?)
}

async fn preview(app: &App, call: Call) -> Result<Reply> {
    let rows = call.query("rows")?.unwrap_or(20);
    Reply::ok(&datasets::preview(app, call.workspace()?, call.path("dataset"), rows).await?)
}

async fn delete(app: &App, call: Call) -> Result<Reply> {
    datasets::delete(app, call.workspace()?, call.path("dataset"), call.if_match.as_deref()).await?;
    Ok(Reply::done())
}
