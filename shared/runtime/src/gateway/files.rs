//! The storage's presigned addresses: what S3 does in AWS, with its notification of an upload.

use super::body::drain;
use crate::http::{common, problem_answer, query};
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use fettle_backend::app::App;
use fettle_backend::datasets::{UPLOADS, Uploaded};
use fettle_backend::error_form::ErrorForm;
use fettle_backend::ports::{ErrorKind, Outgoing, QueueName, Storage, content_disposition};
use fettle_backend::problem::{Kind, Problem, Result};
use fettle_embedded::{FileStorage, Grant};
use futures_util::TryStreamExt;
use std::io;
use std::sync::Arc;
use tokio_util::io::{ReaderStream, StreamReader};

/// The way in to the files.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) app: Arc<App>,
    pub(super) files: Arc<FileStorage>,
}

impl Door {
    fn grant(&self, method: &str, key: &str, uri: &Uri) -> Result<Grant> {
        let query = query(uri.query())?;
        self.files.verify(method, key, &query, self.app.now()).ok_or_else(|| {
            Problem::new(Kind::Forbidden, "the address is not one that was given, or has expired")
                .remedy("ask for a new one")
        })
    }
}

/// `PUT`: writes the file, then says so on the queue.
pub(super) async fn upload(State(door): State<Door>, Path(key): Path<String>, request: Request) -> Response {
    let request_id = door.app.ids.id("req");
    match receive(&door, &key, request).await {
        Ok(()) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::OK;
            common(response, &request_id)
        }
        Err(problem) => problem_answer(&problem, ErrorForm::Problem, &request_id).map(Body::from),
    }
}

async fn receive(door: &Door, key: &str, request: Request) -> Result<()> {
    let grant = door.grant("PUT", key, request.uri())?;
    let limit = grant.max_bytes.unwrap_or(door.app.limits.upload_bytes);
    let grant = Grant { max_bytes: Some(limit), ..grant };
    let known: Option<u64> =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let stream = request.into_body().into_data_stream();
    let other = |length: &u64| grant.bytes.map_or(*length > limit, |bytes| *length != bytes);
    let written = if known.as_ref().is_some_and(other) {
        drain(stream).await;
        Err(if grant.bytes.is_some() { ErrorKind::Corrupt } else { ErrorKind::TooLarge })
    } else {
        let reader = StreamReader::new(stream.map_err(io::Error::other));
        door.files.accept(key, Box::pin(reader), &grant).await.map_err(|error| error.kind())
    };
    match written {
        Ok(_) => {}
        Err(ErrorKind::TooLarge) if grant.bytes.is_none() => {
            return Err(Problem::new(
                Kind::TooLarge,
                format!("the file is larger than the limit of {limit} bytes"),
            )
            .remedy("make it smaller, or set FETTLE_MAX_UPLOAD_BYTES"));
        }
        Err(ErrorKind::TooLarge | ErrorKind::Corrupt) => {
            return Err(Problem::new(Kind::Malformed, not_announced(&grant))
                .remedy("send the file that was announced, or ask for an address for this one"));
        }
        Err(kind) => return Err(Problem::internal(format!("the upload could not be kept: {kind:?}"))),
    }
    // What is uploaded elsewhere nobody waits for: a batch reads its file when it is started.
    if key.starts_with(UPLOADS) {
        let message = Uploaded { key: key.to_owned() }.message()?;
        door.app.slots.queue.send(QueueName::Ingest, &[Outgoing::now(message)]).await?;
    }
    Ok(())
}

fn not_announced(grant: &Grant) -> String {
    match (grant.bytes, &grant.sha256) {
        (Some(bytes), None) => format!("the file has not the {bytes} bytes that were announced"),
        (Some(bytes), Some(_)) => {
            format!("the file has not the {bytes} bytes, or not the SHA-256, that were announced")
        }
        (None, _) => "the file has not the SHA-256 that was announced".into(),
    }
}

/// `GET`: streams the file.
pub(super) async fn download(State(door): State<Door>, Path(key): Path<String>, uri: Uri) -> Response {
    let request_id = door.app.ids.id("req");
    match send(&door, &key, &uri).await {
        Ok(response) => common(response, &request_id),
        Err(problem) => problem_answer(&problem, ErrorForm::Problem, &request_id).map(Body::from),
    }
}

async fn send(door: &Door, key: &str, uri: &Uri) -> Result<Response> {
    let grant = door.grant("GET", key, uri)?;
    let gone = |error: fettle_backend::ports::Error| {
        if error.is_not_found() { Problem::new(Kind::NotFound, "the file is gone") } else { error.into() }
    };
    let object = door.files.head(key).await.map_err(gone)?;
    let stream = door.files.get_stream(key, 0).await.map_err(gone)?;
    let mut response = Response::new(Body::from_stream(ReaderStream::new(stream)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(object.bytes));
    let name = grant.file_name.unwrap_or_else(|| "file".to_owned());
    let disposition = HeaderValue::try_from(content_disposition(&name)).map_err(Problem::internal)?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}
