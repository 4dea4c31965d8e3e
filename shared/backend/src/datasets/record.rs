//! A data set's records, where they lie, and how they look from outside.

use crate::backup::{Heads, Parts};
use crate::due::DueKey;
use crate::limits::check_bytes;
use crate::ports::{Item, Key, Presigned, UploadTerms};
use crate::problem::{Problem, ProblemBody, Result};
use crate::record::{Stored, read};
use fettle_engine::table::Kind;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is asked for when a data set is made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDataset {
    /// Its name; a name that exists gets its next version.
    pub name: String,
    /// The file's size, if it is known: then the address takes no file of another.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// The file's SHA-256 in hexadecimal digits, if it is known: then the address takes no other file.
    #[serde(default)]
    pub sha256: Option<String>,
}

impl NewDataset {
    /// What may be uploaded, or which field asks for something that no file can be.
    pub(crate) fn terms(&self, max_bytes: u64) -> Result<UploadTerms> {
        if let Some(bytes) = self.bytes {
            check_bytes("the file", bytes, max_bytes).map_err(|problem| problem.at_field("bytes"))?;
        }
        let sha256 = self.sha256.as_ref().map(|text| text.to_ascii_lowercase());
        let terms = UploadTerms { max_bytes, bytes: self.bytes, sha256 };
        terms.digest().map_err(|_| {
            Problem::invalid("sha256", "`sha256` is not a SHA-256").remedy("send 64 hexadecimal digits")
        })?;
        Ok(terms)
    }
}

/// How far a version of a data set is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its file has not been uploaded yet.
    AwaitingUpload,
    /// Its file is being read.
    Ingesting,
    /// It can be used.
    Ready,
    /// Its file can not be used; `error` says why.
    Failed,
}

impl Status {
    /// As in JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Status::AwaitingUpload => "awaiting_upload",
            Status::Ingesting => "ingesting",
            Status::Ready => "ready",
            Status::Failed => "failed",
        }
    }
}

/// A column, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DatasetColumn {
    /// Its name.
    pub name: String,
    /// What it means.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Rows without a value.
    pub missing: u64,
    /// Distinct values.
    pub distinct: u64,
    /// What a person should know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A data set, as one of its versions.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Dataset {
    /// Its id: the same for all versions.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Which version.
    pub version: u32,
    /// How far it is.
    pub status: Status,
    /// The newest version that can be used.
    pub ready_version: Option<u32>,
    /// Rows, once ready.
    pub rows: Option<u64>,
    /// The uploaded file's size.
    pub bytes: u64,
    /// Of the columnar snapshot, once ready.
    pub sha256: Option<String>,
    /// Once ready; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<DatasetColumn>>,
    /// What was wrong, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ProblemBody>,
    /// Where to send the file, while it waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload: Option<Presigned>,
    /// When this version was made.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DatasetRecord {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The highest version there is.
    pub(crate) newest: u32,
    /// The highest version that is ready.
    pub(crate) ready: Option<u32>,
    pub(crate) created_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    pub(crate) version: u32,
    pub(crate) status: Status,
    pub(crate) rows: Option<u64>,
    pub(crate) bytes: u64,
    pub(crate) sha256: Option<String>,
    pub(crate) columns: Option<Vec<DatasetColumn>>,
    pub(crate) error: Option<ProblemBody>,
    pub(crate) created_at: Timestamp,
    /// The key that its file is uploaded to.
    pub(crate) upload: String,
    /// How often its ingestion was begun.
    pub(crate) tries: u32,
    pub(crate) due: Option<DueKey>,
}

impl VersionRecord {
    pub(crate) fn new(
        version: u32,
        status: Status,
        bytes: u64,
        upload: String,
        created_at: Timestamp,
    ) -> Self {
        Self {
            version,
            status,
            upload,
            rows: None,
            bytes,
            sha256: None,
            columns: None,
            error: None,
            created_at,
            tries: 0,
            due: None,
        }
    }
}

pub(crate) fn view(record: &DatasetRecord, version: &Stored<VersionRecord>) -> Dataset {
    let version = version.value.clone();
    Dataset {
        id: record.id.clone(),
        name: record.name.clone(),
        version: version.version,
        status: version.status,
        ready_version: record.ready,
        rows: version.rows,
        bytes: version.bytes,
        sha256: version.sha256,
        columns: version.columns,
        error: version.error,
        upload: None,
        created_at: version.created_at,
    }
}

pub(crate) fn names_partition(workspace: &str) -> String {
    format!("{workspace}/dataset")
}

/// Data sets as a backup finds them: by name, each with its id's entry and its versions.
pub(crate) fn heads(workspace: &str) -> Heads {
    Heads { partition: names_partition(workspace), parts }
}

fn parts(workspace: &str, head: &Item) -> Result<Parts> {
    let record: DatasetRecord = read(head)?;
    Ok(Parts {
        keys: vec![id_key(workspace, &record.id)],
        changing: vec![versions_partition(workspace, &record.id)],
        ..Parts::default()
    })
}

pub(crate) fn name_key(workspace: &str, name: &str) -> Key {
    Key::new(names_partition(workspace), name)
}

pub(crate) fn id_key(workspace: &str, id: &str) -> Key {
    Key::new(format!("{workspace}/dataset-id"), id)
}

pub(crate) fn versions_partition(workspace: &str, id: &str) -> String {
    format!("{workspace}/dataset/{id}")
}

pub(crate) fn version_key(workspace: &str, id: &str, version: u32) -> Key {
    Key::new(versions_partition(workspace, id), format!("{version:08}"))
}

/// Where all of a data set's ready versions lie in storage.
pub(crate) fn object_prefix(workspace: &str, id: &str) -> String {
    format!("{workspace}/datasets/{id}/")
}

pub(crate) fn snapshot_key(workspace: &str, id: &str, version: u32) -> String {
    format!("{}{version:08}/table.parquet", object_prefix(workspace, id))
}

pub(crate) fn profile_key(workspace: &str, id: &str, version: u32) -> String {
    format!("{}{version:08}/profile.json", object_prefix(workspace, id))
}

/// Where all uploads lie, of every workspace (so none may have this name): a storage that tells of new
/// objects by prefix tells of these and no others.
pub const UPLOADS: &str = "uploads/";

/// Where the files of a data set are uploaded to.
pub(crate) fn upload_prefix(workspace: &str, id: &str) -> String {
    format!("{UPLOADS}{workspace}/{id}/")
}

/// Where the file of a version is uploaded to. The nonce keeps two that try for the same version
/// apart: only one becomes it.
pub(crate) fn upload_key(workspace: &str, id: &str, version: u32, nonce: &str) -> String {
    format!("{}{version:08}-{nonce}", upload_prefix(workspace, id))
}

/// The workspace, id and version that an upload's key names.
pub(crate) fn parse_upload_key(key: &str) -> Option<(&str, &str, u32)> {
    let mut parts = key.strip_prefix(UPLOADS)?.split('/');
    let (workspace, id, version) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some((workspace, id, version.split_once('-')?.0.parse().ok()?))
}

/// Names the ingestion of a version among what is due.
pub(crate) fn work(id: &str, version: u32) -> String {
    format!("{id}-{version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_s_key_says_what_it_is_for() {
        let key = upload_key("default", "ds_1", 12, "0a1b");
        assert_eq!(key, "uploads/default/ds_1/00000012-0a1b");
        assert!(key.starts_with(&upload_prefix("default", "ds_1")));
        assert_eq!(parse_upload_key(&key), Some(("default", "ds_1", 12)));
        for other in [
            "",
            "uploads",
            "uploads/default/ds_1/",
            "uploads/default/ds_1/00000012",
            "uploads/default/ds_1/x-0a1b",
            "uploads/default/ds_1/00000012-0a1b/more",
            "default/uploads/ds_1/00000012-0a1b",
            &snapshot_key("default", "ds_1", 12),
        ] {
            assert_eq!(parse_upload_key(other), None, "{other}");
        }
    }
}
