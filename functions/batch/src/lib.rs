//! Batch prediction: start, follow, predict a chunk, fetch the results.

use fettle_backend::app::App;
use fettle_backend::batches::{self, Batch, Files, Manifest, NewBatch};
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::permission::Permission::{Read, Write};
use fettle_backend::ports::QueueName;
use fettle_backend::problem::Result;
use fettle_backend::record::{List, PageRequest};
use fettle_backend::uploads::{NewUpload, Upload};

/// This package's operations. To start one takes the right to read: whoever has it may ask for predictions
/// too, and sees no more of the data than before.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::http("batches.create", "POST", "/v1/batches", Read, |app, call| {
            Box::pin(create(app, call))
        })
        .summary("Predict every row of a data set or an uploaded file")
        .size(1024, 29)
        .takes::<NewBatch>()
        .gives::<Batch>(202)
        .idempotent()
        .uses(&[Use::ReadState, Use::WriteState, Use::ReadObjects, Use::Send(QueueName::Batch)]),
        Operation::http("batches.upload", "POST", "/v1/batches/uploads", Write, |app, call| {
            Box::pin(upload(app, call))
        })
        .summary("An address to upload a file of CSV or Parquet to, for a batch")
        .takes::<NewUpload>()
        .gives::<Upload>(201)
        .uses(&[Use::WriteObjects]),
        Operation::http("batches.list", "GET", "/v1/batches", Read, |app, call| Box::pin(list(app, call)))
            .summary("List batches, newest first")
            .query(&[("limit", "1 to 200"), ("cursor", "`next_cursor` of the page before")])
            .gives::<List<Batch>>(200)
            .uses(&[Use::ReadState]),
        Operation::http("batches.show", "GET", "/v1/batches/{batch}", Read, |app, call| {
            Box::pin(show(app, call))
        })
        .summary("Show a batch and its progress")
        .gives::<Batch>(200)
        .uses(&[Use::ReadState]),
        Operation::http("batches.cancel", "POST", "/v1/batches/{batch}/cancel", Write, |app, call| {
            Box::pin(cancel(app, call))
        })
        .summary("Cancel a batch")
        .gives::<Batch>(200)
        .uses(&[Use::ReadState, Use::WriteState, Use::Send(QueueName::Notify)]),
        Operation::http("batches.delete", "DELETE", "/v1/batches/{batch}", Write, |app, call| {
            Box::pin(delete(app, call))
        })
        .summary("Delete a batch that is over, with its results and the file that was uploaded for it")
        .size(256, 29)
        .gives_status(204)
        .uses(&[Use::ReadState, Use::WriteState, Use::ListObjects, Use::DeleteObjects]),
        Operation::http("batches.manifest", "GET", "/v1/batches/{batch}/manifest", Read, |app, call| {
            Box::pin(manifest(app, call))
        })
        .summary("What came of a batch: its parts and errors, with their checksums")
        .gives::<Manifest>(200)
        .uses(&[Use::ReadState, Use::ReadObjects]),
        Operation::http("batches.part", "GET", "/v1/batches/{batch}/parts/{part}", Read, |app, call| {
            Box::pin(part(app, call, Files::Parts))
        })
        .summary("Fetch a part of a batch's results, by its number in the manifest")
        .gives_status(302)
        .uses(&[Use::ReadState, Use::ReadObjects]),
        Operation::http("batches.errors", "GET", "/v1/batches/{batch}/errors/{part}", Read, |app, call| {
            Box::pin(part(app, call, Files::Errors))
        })
        .summary("Fetch a part of a batch's errors, by its number in the manifest")
        .gives_status(302)
        .uses(&[Use::ReadState, Use::ReadObjects]),
        // 1,769 MB is one whole vCPU, and a chunk uses one thread.
        Operation::queue("batch.run", QueueName::Batch, |app, call| Box::pin(run(app, call)))
            .summary("Plan a batch, or predict one chunk of it")
            .size(1769, 900)
            .uses(&[
                Use::ReadState,
                Use::WriteState,
                Use::ReadObjects,
                Use::WriteObjects,
                Use::Send(QueueName::Batch),
                Use::Send(QueueName::Notify),
            ]),
    ]
}

async fn create(app: &App, call: Call) -> Result<Reply> {
    Reply::json(202, &batches::start(app, &call, call.json::<NewBatch>()?).await?)
}

async fn upload(app: &App, call: Call) -> Result<Reply> {
    Reply::json(201, &batches::upload(app, &call, call.json::<NewUpload>()?).await?)
}

async fn list(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&batches::list(app, call.workspace()?, &PageRequest::from_call(&call)?).await?)
}

async fn show(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&batches::show(app, call.workspace()?, call.path("batch")).await?)
}

async fn cancel(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&batches::cancel(app, call.workspace()?, call.path("batch")).await?)
}

async fn delete(app: &App, call: Call) -> Result<Reply> {
    batches::delete(app, call.workspace()?, call.path("batch")).await?;
    Ok(Reply::done())
}

async fn manifest(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&batches::manifest(app, call.workspace()?, call.path("batch")).await?)
}

async fn part(app: &App, call: Call, of: Files) -> Result<Reply> {
    let found = batches::part(app, call.workspace()?, call.path("batch"), of, call.path("part")).await?;
    Ok(Reply::redirect(found.url))
}

async fn run(app: &App, call: Call) -> Result<Reply> {
    batches::work(app, &call.json()?, call.deadline).await?;
    Ok(Reply::done())
}
