//! Which server a command talks to, and with which key.

use crate::client::Client;
use crate::failure::{Exit, Failure, Result};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The data directory where none is named.
pub(crate) const DEFAULT_DATA: &str = "./.fettle";

/// Where the platform is. Without an address and a key, both are looked for in the data directory
/// of a server on this machine.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct Connection {
    /// The server's address, with its port
    #[arg(long, global = true, env = "FETTLE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// The key to call it with; better in the environment than on the command line
    #[arg(long, global = true, env = "FETTLE_KEY", value_name = "KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,

    /// The data directory of a server on this machine
    #[arg(
        long,
        global = true,
        env = "FETTLE_DATA",
        hide_env_values = true,
        value_name = "DIR",
        default_value = DEFAULT_DATA
    )]
    pub(crate) data: PathBuf,
}

/// What a running server writes into its data directory, so that the command line finds it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Its address.
    pub(crate) url: String,
    /// Its process.
    pub(crate) pid: u32,
}

impl Running {
    /// The server that runs, or was killed, on this data directory.
    pub(crate) fn read(data: &Path) -> Result<Option<Self>> {
        let path = Self::path(data);
        let Some(text) = read_if_there(&path)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            Failure::file(&path, error).remedy("delete the file, if no `fettle up` runs on this directory")
        })
    }

    /// Says that a server runs; readers see the whole file or none.
    pub(crate) fn write(&self, data: &Path) -> Result<()> {
        let path = Self::path(data);
        let partial = path.with_extension("json.tmp");
        let text = serde_json::to_string(self).map_err(|error| Failure::file(&path, error))?;
        fs::write(&partial, text + "\n")
            .and_then(|()| fs::rename(&partial, &path))
            .map_err(|error| Failure::file(&path, error))
    }

    /// Says that no server runs any more.
    pub(crate) fn remove(data: &Path) -> Result<()> {
        let path = Self::path(data);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::file(&path, error)),
            _ => Ok(()),
        }
    }

    fn path(data: &Path) -> PathBuf {
        data.join("server.json")
    }
}

/// The key that the platform made at its first start on this data directory.
pub(crate) fn admin_key(data: &Path) -> Result<Option<String>> {
    let path = data.join("admin.key");
    Ok(read_if_there(&path)?.map(|text| text.trim().to_owned()).filter(|key| !key.is_empty()))
}

fn read_if_there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(Failure::file(path, error)),
    }
}

impl Connection {
    /// A client of the server that was named, or of the one that runs on the data directory.
    pub(crate) fn client(&self) -> Result<Client> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => match Running::read(&self.data)? {
                Some(running) => running.url,
                None => return Err(self.nothing_runs()),
            },
        };
        let key = match (&self.key, &self.url) {
            (Some(key), _) => Some(key.clone()),
            // The key of this machine's server is for nobody else.
            (None, Some(url)) => match Running::read(&self.data)? {
                Some(running) if running.url == url.trim_end_matches('/') => admin_key(&self.data)?,
                _ => None,
            },
            (None, None) => admin_key(&self.data)?,
        };
        Client::new(&url, key)
    }

    fn nothing_runs(&self) -> Failure {
        Failure::new(
            Exit::Unreachable,
            format!("no server runs on the data directory {}", self.data.display()),
        )
        .remedy(
            "`fettle up` starts one, `fettle demo` shows what it does; \
                 or name a server with --url and --key (FETTLE_URL, FETTLE_KEY)",
        )
    }
}
