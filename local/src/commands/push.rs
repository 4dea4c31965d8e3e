//! A file on this machine becomes a data set.

use crate::api::Dataset;
use crate::client::{Client, Reply, route};
use crate::failure::{Exit, Failure, Result};
use crate::progress;
use serde_json::json;
use std::fs::{self, File};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// Larger files than this are sent to an address of their own, in bytes.
const ONE_CALL: u64 = 5 * 1024 * 1024;

/// The longest name that the platform takes.
const NAME_CHARS: usize = 64;

/// How a file's name may end, and the media type that says so.
const TABLES: &[(&str, &str)] = &[
    (".csv", "text/csv"),
    (".tsv", "text/csv"),
    (".txt", "text/csv"),
    (".gz", "application/gzip"),
    (".parquet", "application/vnd.apache.parquet"),
    (".jsonl", "application/x-ndjson"),
    (".ndjson", "application/x-ndjson"),
];

/// Whether a path looks like that of a table.
pub(crate) fn is_table(path: &Path) -> bool {
    media_type(path).is_some()
}

/// The media type by the path's ending.
pub(crate) fn media_type(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    TABLES.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, media_type)| *media_type)
}

/// A data set's name from a file's: without its endings, and with `-` for what a name can not hold.
pub(crate) fn name_of(path: &Path) -> Result<String> {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let mut stem: &str = &file;
    while let Some((ending, _)) = TABLES.iter().find(|(ending, _)| stem.to_lowercase().ends_with(ending)) {
        stem = &stem[..stem.len() - ending.len()];
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    let name: String =
        stem.chars().map(plain).skip_while(|c| !c.is_ascii_alphanumeric()).take(NAME_CHARS).collect();
    if name.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("no name for a data set can be made of `{file}`"))
            .remedy("give one with --name"));
    }
    Ok(name)
}

/// Sends a file; its data set is being read from then on.
pub(crate) fn push_file(client: &Client, path: &Path, name: &str) -> Result<Reply> {
    let file = File::open(path).map_err(|error| Failure::file(path, error))?;
    let metadata = file.metadata().map_err(|error| Failure::file(path, error))?;
    if !metadata.is_file() {
        return Err(Failure::file(path, "not a file"));
    }
    if metadata.len() <= ONE_CALL {
        let bytes = fs::read(path).map_err(|error| Failure::file(path, error))?;
        return push_bytes(client, &bytes, media_type(path).unwrap_or("text/csv"), name);
    }
    let reply = client.post(route(&["datasets"]), &json!({ "name": name }))?;
    let dataset: Dataset = reply.read()?;
    let upload = dataset.upload.ok_or_else(|| Failure::failed("the server gave no address for the file"))?;
    let bar = progress::bytes(metadata.len(), format!("uploading {name}"));
    client.upload(&upload, metadata.len(), bar.over(file))?;
    client.get(route(&["datasets", &format!("{name}@{}", dataset.version)]))
}

/// Sends the bytes of a small file; its data set is being read from then on.
pub(crate) fn push_bytes(client: &Client, bytes: &[u8], media_type: &str, name: &str) -> Result<Reply> {
    let _spinner = progress::spinner(format!("uploading {name}"));
    client.post_bytes(route(&["datasets"]).query(&[("name", name)]), media_type, bytes)
}

/// Waits until that version of a data set can be used; what is wrong with its file is the failure.
pub(crate) fn wait_until_ready(client: &Client, mut reply: Reply) -> Result<Reply> {
    let mut dataset: Dataset = reply.read()?;
    let reference = format!("{}@{}", dataset.name, dataset.version);
    let spinner = progress::spinner(format!("reading {reference}"));
    let mut pause = Duration::from_millis(20);
    loop {
        match dataset.status.as_str() {
            "ready" => return Ok(reply),
            "failed" => {
                let failed = || Failure::failed(format!("{reference} can not be used"));
                return Err(dataset.error.map_or_else(failed, Failure::from));
            }
            status => spinner.now(format!("{reference} is {}", status.replace('_', " "))),
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(1));
        reply = client.get(route(&["datasets", &reference]))?;
        dataset = reply.read()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_a_file_name() {
        for (path, name) in [
            ("penguins.csv", "penguins"),
            ("/data/My Table (2).CSV.gz", "My-Table--2-"),
            ("x.tar.parquet", "x.tar"),
            ("_private.csv", "private"),
            ("ümlaut.csv", "mlaut"),
            ("plain", "plain"),
        ] {
            assert_eq!(name_of(Path::new(path)).unwrap(), name, "{path}");
        }
        assert_eq!(name_of(Path::new("...csv")).unwrap_err().exit_code(), 2);
        assert_eq!(name_of(Path::new(&format!("{}.csv", "x".repeat(300)))).unwrap().len(), NAME_CHARS);
    }

    #[test]
    fn a_table_is_known_by_its_ending() {
        assert!(
            is_table(Path::new("a/b.CSV"))
                && is_table(Path::new("a.parquet"))
                && is_table(Path::new("a.csv.gz"))
        );
        assert!(!is_table(Path::new("penguins")) && !is_table(Path::new("data.d")));
    }
}
