//! Addresses for files that are not data sets: what a batch is to read, a model of another program.

use crate::app::App;
use crate::datasets::NewDataset;
use crate::ports::Presigned;
use crate::problem::Result;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long an address takes a file.
const VALID: SignedDuration = SignedDuration::from_hours(1);

/// What is asked for when a file is to be uploaded.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUpload {
    /// The file's size, if it is known: then the address takes no file of another.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// The file's SHA-256 in hexadecimal digits, if it is known: then the address takes no other file.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// Where to send a file.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Upload {
    /// By which the file is spoken of afterwards.
    pub key: String,
    /// Where to send the file.
    pub upload: Presigned,
}

/// An address for a file of at most `most` bytes, under a key of its own that begins with `prefix`.
pub(crate) async fn address(app: &App, prefix: &str, new: NewUpload, most: u64) -> Result<Upload> {
    let NewUpload { bytes, sha256 } = new;
    let terms = NewDataset { name: String::new(), bytes, sha256 }.terms(most)?;
    let key = format!("{prefix}{}", app.ids.id("upl"));
    let upload = app.slots.storage.presign_upload(&key, &terms, VALID).await?;
    Ok(Upload { key, upload })
}
