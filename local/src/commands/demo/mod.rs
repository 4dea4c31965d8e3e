//! `fettle demo`: the whole way from a table to a served model, step by step.

mod host;
mod steps;

use super::push;
use crate::connection::{Connection, DEFAULT_DATA};
use crate::embedded;
use crate::failure::{Exit, Failure, Result};
use crate::output::{self, BOLD, DIM, styled};
use clap::Args;
use host::Host;
use std::path::{Path, PathBuf};

/// Palmer penguins: see `local/samples/README.md`.
const PENGUINS: &[u8] = include_bytes!("../../../samples/penguins.csv");

#[derive(Debug, Args)]
#[command(after_help = "\
Without a file it is about penguins: 344 of them, of three species, measured in Antarctica.
--data names the platform's data directory; where it names a table instead, that is the demo's file.")]
pub(crate) struct Demo {
    /// A table of your own: CSV, JSON lines or Parquet
    #[arg(long, value_name = "FILE", requires = "target")]
    file: Option<PathBuf>,
    /// The column to predict
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
}

/// The table of the demo.
struct Table {
    /// The file; none for the penguins.
    file: Option<PathBuf>,
    name: String,
    target: String,
}

impl Demo {
    pub(crate) fn run(&self, connection: &Connection) -> Result<()> {
        let (file, data) = self.places(connection)?;
        let table = self.table(file)?;
        output::line(&format!("{}  from a table to a served model\n", styled(BOLD, "Fettle")))?;
        let host = Host::start(&data, connection.key.clone())?;
        let server_runs = host.is_server();
        let done = steps::all(host.client(), &table);
        host.stop();
        done?;
        output::line(&format!("\n{}", next(&table, &data, server_runs)))
    }

    /// The user's file, if there is one, and the data directory.
    fn places(&self, connection: &Connection) -> Result<(Option<PathBuf>, PathBuf)> {
        let data = &connection.data;
        if data.is_file() || push::is_table(data) {
            if self.file.is_some() {
                return Err(Failure::new(
                    Exit::Usage,
                    format!("two files: --file, and --data {}", data.display()),
                )
                .remedy("give the file with --file, and the data directory with --data"));
            }
            return Ok((Some(data.clone()), embedded::default_data()?));
        }
        Ok((self.file.clone(), data.clone()))
    }

    fn table(&self, file: Option<PathBuf>) -> Result<Table> {
        match (file, &self.target) {
            (Some(file), Some(target)) => {
                Ok(Table { name: push::name_of(&file)?, target: target.clone(), file: Some(file) })
            }
            (Some(file), None) => {
                Err(Failure::new(Exit::Usage, format!("which column of {}?", file.display()))
                    .remedy("name the column to predict with --target"))
            }
            (None, target) => Ok(Table {
                file: None,
                name: "penguins".to_owned(),
                target: target.clone().unwrap_or_else(|| "species".to_owned()),
            }),
        }
    }
}

/// What to try next, in two lines, as it can be typed here.
fn next(table: &Table, data: &Path, server_runs: bool) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "fettle".to_owned());
    let data =
        if data == Path::new(DEFAULT_DATA) { String::new() } else { format!(" --data {}", data.display()) };
    let name = &table.name;
    let predict = format!("{program} predict {name} FILE.csv{data}");
    let (first, second) = if server_runs {
        let models = format!("{program} models show {name}{data}");
        ((predict, "ask it about rows of yours"), (models, "its versions"))
    } else {
        let up = format!("{program} up{data}");
        ((up, "a server with an HTTP API"), (predict, "then, in another terminal"))
    };
    let width = first.0.len().max(second.0.len());
    let line =
        |(command, why): (String, &str)| format!("{command:width$}  {}", styled(DIM, format!("# {why}")));
    format!("{} {}\n      {}", styled(BOLD, "next:"), line(first), line(second))
}
