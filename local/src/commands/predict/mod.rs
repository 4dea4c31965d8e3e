//! `fettle predict`: rows in, the same rows with their predictions out.

mod batch;
mod input;
mod output;

use super::Session;
use crate::api::{Predictions, Schema};
use crate::client::route;
use crate::failure::{Failure, Result};
use crate::{output as terminal, progress};
use batch::BatchOptions;
use clap::Args;
use input::{Form, Input, Row};
use output::Output;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// The most rows in a request.
const CHUNK_ROWS: usize = 1000;

/// About the most bytes in a request; the platform takes 6 MiB.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug, Args)]
#[command(after_help = "\
CSV in, CSV out: the columns of the file, then `prediction`, then one column with the probability of
each class. JSON in, JSON out: an array of rows, a row a line, or {\"rows\": […]} as the API takes it.

With --batch the rows are predicted on the platform, and the results are parts of Parquet or CSV with
a manifest; rows whose values do not fit are in a file of errors.")]
pub(crate) struct Predict {
    /// The deployment's name
    name: String,
    /// The rows, as CSV or JSON; - for stdin. With --batch, as CSV or Parquet
    #[arg(required_unless_present = "dataset", conflicts_with = "dataset")]
    file: Option<PathBuf>,
    #[command(flatten)]
    batch: BatchOptions,
}

/// Rows that are sent together.
struct Chunk {
    rows: Vec<Row>,
    media_type: &'static str,
    body: Vec<u8>,
}

impl Predict {
    pub(crate) fn run(&self, session: &Session) -> Result<()> {
        match &self.file {
            Some(file) if !self.batch.batch => self.rows(session, file),
            file => self.batch.run(session, &self.name, file.as_deref()),
        }
    }

    fn rows(&self, session: &Session, file: &Path) -> Result<()> {
        let schema: Schema = session.client.get(route(&["deployments", &self.name, "schema"]))?.read()?;
        let mut input = Input::open(file, &schema)?;
        let mut output = Output::of(&input, &schema, session.json)?;
        // Where the rows themselves appear on the terminal, a spinner would be in their way.
        let spinner = (!std::io::stdout().is_terminal()).then(|| progress::spinner("predicting"));

        let mut sent = 0;
        let mut served = None;
        loop {
            let chunk = Chunk::read(&mut input)?;
            if chunk.rows.is_empty() {
                break;
            }
            let path = ["deployments", &self.name, "predict"];
            let reply = session.client.post_bytes(route(&path), chunk.media_type, &chunk.body);
            let reply = reply.map_err(|failure| failure.reworded(|text| in_whole_input(text, sent)))?;
            let answer: Predictions = reply.read()?;
            if answer.predictions.len() != chunk.rows.len() {
                let (rows, predictions) = (chunk.rows.len(), answer.predictions.len());
                return Err(Failure::failed(format!(
                    "the server answered {predictions} predictions for {rows} rows"
                )));
            }
            if let Some(before) = served.replace(answer.version).filter(|before| *before != answer.version) {
                let row = sent + 1;
                let Predictions { version, .. } = answer;
                terminal::note(&format!(
                    "note: from row {row} on, version {version} was served, not {before}"
                ));
            }
            sent += chunk.rows.len();
            output.write(chunk.rows, answer)?;
            if let Some(spinner) = &spinner {
                spinner.now(format!("{sent} rows predicted"));
            }
        }
        output.finish()
    }
}

impl Chunk {
    /// The next rows: as CSV where they are CSV, so that the platform reads a cell as it did when it
    /// trained; of that only the columns which the model takes.
    fn read(input: &mut Input) -> Result<Self> {
        match input.form() {
            Form::Csv(csv) => {
                let columns = csv.columns.clone();
                let mut body = csv::WriterBuilder::new().delimiter(csv.delimiter).from_writer(Vec::new());
                let header = columns.iter().map(|at| csv.header[*at].trim());
                body.write_record(header).map_err(unsendable)?;
                let rows = Self::rows(input, |row| {
                    if let Row::Cells(cells) = row {
                        body.write_record(columns.iter().map(|at| &cells[*at])).map_err(unsendable)?;
                    }
                    body.flush().map_err(unsendable)?;
                    Ok(body.get_ref().len())
                })?;
                Ok(Self { rows, media_type: "text/csv", body: body.into_inner().map_err(unsendable)? })
            }
            Form::Whole { .. } | Form::Lines(_) => {
                let mut body = b"{\"rows\":[".to_vec();
                let opening = body.len();
                let rows = Self::rows(input, |row| {
                    if body.len() > opening {
                        body.push(b',');
                    }
                    if let Row::Object(values) = row {
                        serde_json::to_writer(&mut body, values).map_err(unsendable)?;
                    }
                    Ok(body.len())
                })?;
                body.extend(b"]}");
                Ok(Self { rows, media_type: "application/json", body })
            }
        }
    }

    /// As many rows as fit, each `added` to the body, whose length that gives.
    fn rows(input: &mut Input, mut added: impl FnMut(&Row) -> Result<usize>) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        while rows.len() < CHUNK_ROWS {
            let Some(row) = input.next_row()? else { break };
            let bytes = added(&row)?;
            rows.push(row);
            if bytes >= CHUNK_BYTES {
                break;
            }
        }
        Ok(rows)
    }
}

fn unsendable(error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("a row can not be sent: {error}"))
}

/// A text on `rows[2].island` of a request, as one on the row and column of the whole input.
fn in_whole_input(text: &str, sent: usize) -> String {
    let Some((before, rest)) = text.split_once("rows[") else { return text.to_owned() };
    let Some((row, after)) = rest.split_once(']') else { return text.to_owned() };
    let Ok(row) = row.parse::<usize>() else { return text.to_owned() };
    let row = sent + row + 1;
    match after.strip_prefix('.') {
        Some(column) => format!("{before}row {row}, column `{column}`"),
        None => format!("{before}row {row}{after}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_in_the_rows_of_the_whole_input() {
        for (text, told) in [
            ("rows[2].island", "row 1003, column `island`"),
            ("rows[0]", "row 1001"),
            ("a number is needed, and rows[699] has text", "a number is needed, and row 1700 has text"),
            ("rows", "rows"),
            ("rows[x].island", "rows[x].island"),
        ] {
            assert_eq!(in_whole_input(text, 1000), told);
        }
    }
}
