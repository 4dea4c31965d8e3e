//! Models of other programs: an ONNX file becomes a version like any other, and a version an ONNX file.

use super::{DOWNLOAD_VALID, Imported, ModelVersion, find_artifact, schema_of, show_version};
use crate::app::App;
use crate::idempotency::hex;
use crate::operation::Call;
use crate::ports::Presigned;
use crate::problem::{Kind, Problem, Result};
use crate::runs::artifact_key;
use crate::uploads::{self, NewUpload, Upload};
use fettle_engine::artifact::Model;
use fettle_engine::onnx::{self, OnnxError};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The largest file, in bytes.
const MOST_BYTES: u64 = 128 * 1024 * 1024;

fn prefix(workspace: &str) -> String {
    format!("{workspace}/onnx/")
}

/// An address for an ONNX file.
pub async fn upload(app: &App, call: &Call, new: NewUpload) -> Result<Upload> {
    let most = MOST_BYTES.min(app.limits.upload_bytes);
    uploads::address(app, &prefix(call.workspace()?), new, most).await
}

/// The version that an uploaded file would be, but for its number: its signature is read from it, and its
/// operators are translated into an artifact of ours.
pub(super) async fn source(app: &App, workspace: &str, key: &str) -> Result<ModelVersion> {
    let missing = || {
        Problem::not_found("uploaded file", key)
            .at_field("onnx")
            .remedy("POST /v1/models/uploads gives an address for the file, and its key")
    };
    let id = key.strip_prefix(&prefix(workspace)).filter(|id| crate::ids::is_id(id, "upl"));
    id.ok_or_else(missing)?;
    let found = |error: crate::ports::Error| if error.is_not_found() { missing() } else { error.into() };
    let bytes = app.slots.storage.head(key).await.map_err(found)?.bytes;
    if bytes > MOST_BYTES {
        return Err(refused(&OnnxError::TooLarge { bytes: bytes as usize, most: MOST_BYTES as usize }));
    }
    let file = app.slots.storage.get(key).await.map_err(found)?;
    let translated = tokio::task::spawn_blocking(move || -> Result<_> {
        let artifact = onnx::import(&file).map_err(|error| refused(&error))?;
        let model = Model::load(&artifact).map_err(Problem::internal)?;
        Ok((hex(&Sha256::digest(&file)), artifact, model))
    });
    let (of_file, artifact, model) = translated.await.map_err(Problem::internal)??;
    let sha256 = hex(&Sha256::digest(&artifact));
    app.slots.storage.put(&artifact_key(workspace, &sha256), &artifact).await?;
    Ok(ModelVersion {
        name: String::new(),
        version: 0,
        metrics: BTreeMap::new(),
        holdout: None,
        schema: schema_of(&model),
        sha256,
        bytes: artifact.len() as u64,
        lineage: None,
        imported: Some(Imported { format: "onnx".to_owned(), sha256: of_file, bytes }),
        created_at: app.now(),
    })
}

fn refused(error: &OnnxError) -> Problem {
    let kind = if matches!(error, OnnxError::TooLarge { .. }) { Kind::TooLarge } else { Kind::InvalidField };
    Problem::new(kind, error.to_string()).at_field("onnx")
}

/// An address from which a version can be fetched as an ONNX file, which is written when it is first asked
/// for.
pub async fn export(app: &App, workspace: &str, name: &str, version: &str) -> Result<Presigned> {
    let found = show_version(app, workspace, name, version).await?;
    let key = format!("{workspace}/artifacts/{}.onnx", found.sha256);
    match app.slots.storage.head(&key).await {
        Err(error) if error.is_not_found() => {
            let artifact = find_artifact(app, workspace, &found.sha256).await?;
            let written = tokio::task::spawn_blocking(move || -> Result<_> {
                let model = Model::load(&artifact).map_err(Problem::internal)?;
                onnx::export(&model).map_err(|error| {
                    Problem::new(Kind::WrongState, error.to_string())
                        .at_field("format")
                        .remedy("fetch it without `format`, or register another of the run's trials")
                })
            });
            app.slots.storage.put(&key, &written.await.map_err(Problem::internal)??).await?;
        }
        known => drop(known?),
    }
    let file = format!("{}-{}.onnx", found.name, found.version);
    Ok(app.slots.storage.presign_download(&key, &file, DOWNLOAD_VALID).await?)
}
