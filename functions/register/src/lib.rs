//! Models: register a version, list, show, fetch, move aliases.

use fettle_backend::app::App;
use fettle_backend::models::{self, Model, ModelVersion, NewAlias, NewVersion};
use fettle_backend::operation::{Call, Operation, Reply, Use};
use fettle_backend::permission::Permission::{Read, Write};
use fettle_backend::problem::{Problem, Result};
use fettle_backend::record::{List, PageRequest};
use fettle_backend::uploads::{NewUpload, Upload};

/// This package's operations.
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::http("models.register", "POST", "/v1/models", Write, |app, call| {
            Box::pin(register(app, call))
        })
        .summary("Register a trial of a run, the best if none is named, or an ONNX file, as a model's next version")
        .size(1769, 29)
        .takes::<NewVersion>()
        .gives::<ModelVersion>(201)
        .idempotent()
        .uses(&[Use::ReadState, Use::WriteState, Use::ReadObjects, Use::WriteObjects]),
        Operation::http("models.upload", "POST", "/v1/models/uploads", Write, |app, call| {
            Box::pin(upload(app, call))
        })
        .summary("Get an address for an ONNX file, to be registered by its key")
        .takes::<NewUpload>()
        .gives::<Upload>(201)
        .uses(&[Use::WriteObjects]),
        Operation::http("models.list", "GET", "/v1/models", Read, |app, call| Box::pin(list(app, call)))
            .summary("List models by name")
            .query(&[("limit", "1 to 200"), ("cursor", "`next_cursor` of the page before")])
            .gives::<List<Model>>(200)
            .uses(&[Use::ReadState]),
        Operation::http("models.show", "GET", "/v1/models/{model}", Read, |app, call| {
            Box::pin(show(app, call))
        })
        .summary("Show a model with its versions and aliases")
        .gives::<Model>(200)
        .uses(&[Use::ReadState]),
        Operation::http(
            "models.show-version",
            "GET",
            "/v1/models/{model}/versions/{version}",
            Read,
            |app, call| Box::pin(show_version(app, call)),
        )
        .summary("Show a version, by its number or an alias")
        .gives::<ModelVersion>(200)
        .uses(&[Use::ReadState]),
        Operation::http(
            "models.artifact",
            "GET",
            "/v1/models/{model}/versions/{version}/artifact",
            Read,
            |app, call| Box::pin(artifact(app, call)),
        )
        .summary("Fetch a version's artifact: answers with the address to fetch it from")
        .size(1769, 29)
        .query(&[("format", "`onnx` for any runtime of ONNX; Fettle's own when left out")])
        .gives_status(302)
        .uses(&[Use::ReadState, Use::ReadObjects, Use::WriteObjects]),
        Operation::http(
            "models.set-alias",
            "PUT",
            "/v1/models/{model}/aliases/{alias}",
            Write,
            |app, call| Box::pin(set_alias(app, call)),
        )
        .summary("Make an alias name a version")
        .takes::<NewAlias>()
        .gives::<Model>(200)
        .uses(&[Use::ReadState, Use::WriteState]),
        Operation::http(
            "models.remove-alias",
            "DELETE",
            "/v1/models/{model}/aliases/{alias}",
            Write,
            |app, call| Box::pin(remove_alias(app, call)),
        )
        .summary("Remove an alias")
        .gives::<Model>(200)
        .uses(&[Use::ReadState, Use::WriteState]),
    ]
}

async fn register(app: &App, call: Call) -> Result<Reply> {
    Reply::json(201, &models::register(app, &call, call.json::<NewVersion>()?).await?)
}

async fn upload(app: &App, call: Call) -> Result<Reply> {
    Reply::json(201, &models::upload(app, &call, call.json::<NewUpload>()?).await?)
}

async fn list(app: &App, call: Call) -> Result<Reply> {
    Reply::ok(&models::list(app, call.workspace()?, &PageRequest::from_call(&call)?).await?)
}

async fn show(app: &App, call: Call) -> Result<Reply> {
    answer(&models::show(app, call.workspace()?, call.path("model")).await?)
}

async fn show_version(app: &App, call: Call) -> Result<Reply> {
    let found =
        models::show_version(app, call.workspace()?, call.path("model"), call.path("version")).await?;
    Reply::ok(&found)
}

async fn artifact(app: &App, call: Call) -> Result<Reply> {
    let (workspace, model, version) = (call.workspace()?, call.path("model"), call.path("version"));
    let address = match call.query.get("format").map(String::as_str) {
        None | Some("fettle") => models::artifact(app, workspace, model, version).await?,
        Some("onnx") => models::export(app, workspace, model, version).await?,
        Some(_) => {
            return Err(Problem::invalid("format", "`format` is `fettle` or `onnx`"));
        }
    };
    Ok(Reply::redirect(address.url))
}

async fn set_alias(app: &App, call: Call) -> Result<Reply> {
    let (model, alias, if_match) = (call.path("model"), call.path("alias"), call.if_match.as_deref());
    answer(&models::set_alias(app, call.workspace()?, model, alias, &call.json()?, if_match).await?)
}

async fn remove_alias(app: &App, call: Call) -> Result<Reply> {
    let (model, alias, if_match) = (call.path("model"), call.path("alias"), call.if_match.as_deref());
    answer(&models::remove_alias(app, call.workspace()?, model, alias, if_match).await?)
}

fn answer(model: &Model) -> Result<Reply> {
    Ok(Reply::ok(model)?.revision(model.revision))
}
