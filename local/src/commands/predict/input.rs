//! Rows to predict, as they lie in a file or come from stdin.

use crate::api::Schema;
use crate::failure::{Failure, Result};
use crate::output::note;
use serde_json::{Deserializer, Map, Value};
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

/// The longest first line, in bytes.
const FIRST_LINE: u64 = 1024 * 1024;

/// What may part the cells of a CSV file.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A row as it was read.
pub(super) enum Row {
    /// Of CSV.
    Cells(csv::StringRecord),
    /// Of JSON.
    Object(Map<String, Value>),
}

/// Where the rows come from, and in which form.
pub(super) struct Input {
    path: PathBuf,
    form: Form,
    /// Rows read so far.
    read: usize,
}

/// How rows are written.
pub(super) enum Form {
    /// With a header.
    Csv(Csv),
    /// As one array, or as `{"rows": […]}`.
    Whole {
        /// What is left of the array.
        rows: std::vec::IntoIter<Value>,
        /// As the API takes them.
        as_request: bool,
    },
    /// One object after the other.
    Lines(Box<dyn Iterator<Item = serde_json::Result<Value>>>),
}

/// A CSV file under its header.
pub(super) struct Csv {
    reader: csv::Reader<Box<dyn Read>>,
    pub(super) header: csv::StringRecord,
    pub(super) delimiter: u8,
    /// The file's columns that the model takes: what is sent of each row.
    pub(super) columns: Vec<usize>,
}

impl Input {
    /// Opens a file, or stdin for `-`. The form is told by the name's ending, else by the first byte.
    pub(super) fn open(path: &Path, schema: &Schema) -> Result<Self> {
        let failed = |error| Failure::file(path, error);
        let raw: Box<dyn Read> = if path == Path::new("-") {
            Box::new(std::io::stdin())
        } else {
            Box::new(File::open(path).map_err(failed)?)
        };
        let mut reader = BufReader::new(raw);
        let first = first_line(&mut reader).map_err(failed)?;
        let begins = first.iter().find(|byte| !byte.is_ascii_whitespace());
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        let is_json = match ending.as_deref() {
            Some("csv" | "tsv" | "txt") => false,
            Some("json" | "jsonl" | "ndjson") => true,
            _ => matches!(begins, Some(b'[' | b'{')),
        };
        if begins.is_none() {
            return Err(Failure::file(path, "there are no rows")
                .remedy("give CSV with a header, or JSON: an array of rows, or a row a line"));
        }
        let whole: Box<dyn Read> = Box::new(Cursor::new(first.clone()).chain(reader));
        let form =
            if is_json { json_form(path, whole, schema)? } else { csv_form(path, &first, whole, schema)? };
        Ok(Self { path: path.to_owned(), form, read: 0 })
    }

    /// How the rows are written.
    pub(super) fn form(&self) -> &Form {
        &self.form
    }

    /// The next row; none at the end.
    pub(super) fn next_row(&mut self) -> Result<Option<Row>> {
        let value = match &mut self.form {
            Form::Csv(csv) => return csv.next_row(&self.path),
            Form::Whole { rows, .. } => rows.next(),
            Form::Lines(lines) => {
                lines.next().transpose().map_err(|error| Failure::file(&self.path, error))?
            }
        };
        self.read += 1;
        match value {
            None => Ok(None),
            Some(Value::Object(values)) => Ok(Some(Row::Object(values))),
            Some(_) => Err(Failure::file(&self.path, "a row is a JSON object: {\"column\": value, …}")
                .place(format!("row {}", self.read))),
        }
    }
}

/// The first line that is not empty, without a byte-order mark.
fn first_line(reader: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    while line.iter().all(u8::is_ascii_whitespace) {
        line.clear();
        if reader.by_ref().take(FIRST_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.starts_with(b"\xEF\xBB\xBF") {
            line.drain(..3);
        }
    }
    Ok(line)
}

fn json_form(path: &Path, reader: Box<dyn Read>, schema: &Schema) -> Result<Form> {
    let mut values = Deserializer::from_reader(BufReader::new(reader)).into_iter::<Value>();
    let failed = |error: serde_json::Error| Failure::file(path, error);
    let first = values.next().transpose().map_err(failed)?;
    let (rows, as_request) = match first {
        Some(Value::Array(rows)) => (rows, false),
        Some(Value::Object(object)) => match request_rows(object, schema) {
            Ok(rows) => (rows, true),
            Err(row) => {
                return Ok(Form::Lines(Box::new(std::iter::once(Ok(Value::Object(row))).chain(values))));
            }
        },
        _ => return Err(Failure::file(path, "neither an array of rows nor a row a line")),
    };
    if values.next().is_some() {
        return Err(Failure::file(path, "more follows after the end of the rows"));
    }
    Ok(Form::Whole { rows: rows.into_iter(), as_request })
}

/// The rows of `{"rows": […]}`; any other object is a row itself.
fn request_rows(
    mut object: Map<String, Value>,
    schema: &Schema,
) -> std::result::Result<Vec<Value>, Map<String, Value>> {
    let is_input = schema.inputs.iter().any(|field| field.name == "rows");
    if object.len() != 1 || is_input || !object.get("rows").is_some_and(Value::is_array) {
        return Err(object);
    }
    match object.remove("rows") {
        Some(Value::Array(rows)) => Ok(rows),
        _ => Err(object),
    }
}

fn csv_form(path: &Path, first: &[u8], reader: Box<dyn Read>, schema: &Schema) -> Result<Form> {
    let delimiter = delimiter(first, schema);
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(false).from_reader(reader);
    let header = reader.headers().map_err(|error| csv_failure(path, &error))?.clone();
    let is_input = |name: &str| schema.inputs.iter().any(|field| field.name == name.trim());
    let (columns, others): (Vec<usize>, Vec<usize>) =
        (0..header.len()).partition(|at| is_input(&header[*at]));
    if columns.is_empty() {
        let inputs: Vec<&str> = schema.inputs.iter().map(|field| field.name.as_str()).collect();
        return Err(Failure::file(path, "the file has none of the columns that the model takes")
            .remedy(format!("give it a header with {}", inputs.join(", "))));
    }
    if !others.is_empty() {
        let others: Vec<&str> = others.into_iter().map(|at| &header[at]).collect();
        note(&format!("note: the model does not look at {}", others.join(", ")));
    }
    Ok(Form::Csv(Csv { reader, header, delimiter, columns }))
}

/// The delimiter under which the header has most of the model's columns, then most columns.
fn delimiter(first: &[u8], schema: &Schema) -> u8 {
    let known = |delimiter: &u8| {
        let mut reader =
            csv::ReaderBuilder::new().delimiter(*delimiter).has_headers(false).from_reader(first);
        let cells: Vec<String> = reader
            .records()
            .flatten()
            .flat_map(|record| record.iter().map(|c| c.trim().to_owned()).collect::<Vec<_>>())
            .collect();
        let known = schema.inputs.iter().filter(|field| cells.contains(&field.name)).count();
        (known, cells.len())
    };
    // Of equals the last is taken: the comma.
    DELIMITERS.into_iter().rev().max_by_key(known).unwrap_or(b',')
}

impl Csv {
    fn next_row(&mut self, path: &Path) -> Result<Option<Row>> {
        let mut cells = csv::StringRecord::new();
        if !self.reader.read_record(&mut cells).map_err(|error| csv_failure(path, &error))? {
            return Ok(None);
        }
        Ok(Some(Row::Cells(cells)))
    }
}

fn csv_failure(path: &Path, error: &csv::Error) -> Failure {
    let place =
        error.position().map(|position| format!("row {}, line {}", position.record(), position.line()));
    let failure = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Failure::file(path, format!("the row has {len} cells, the header {expected_len}"))
        }
        csv::ErrorKind::Utf8 { .. } => {
            Failure::file(path, "the text is not UTF-8").remedy("convert it: iconv -f WINDOWS-1252 -t UTF-8")
        }
        _ => Failure::file(path, error),
    };
    match place {
        Some(place) => failure.place(place),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Write;

    fn schema() -> Schema {
        serde_json::from_value(json!({
            "inputs": [{"name": "island", "type": "category"}, {"name": "mass", "type": "number"}],
            "target": "species", "task": "multiclass", "classes": ["a", "b"],
        }))
        .unwrap()
    }

    fn rows(name: &str, bytes: &[u8]) -> Result<Vec<Value>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        File::create(&path).unwrap().write_all(bytes).unwrap();
        let mut input = Input::open(&path, &schema())?;
        let mut rows = Vec::new();
        while let Some(row) = input.next_row()? {
            rows.push(match (row, input.form()) {
                (Row::Object(values), _) => Value::Object(values),
                (Row::Cells(cells), Form::Csv(csv)) => {
                    csv.columns.iter().map(|at| (csv.header[*at].to_owned(), json!(cells[*at]))).collect()
                }
                (Row::Cells(_), _) => unreachable!("cells come from CSV"),
            });
        }
        Ok(rows)
    }

    #[test]
    fn every_form_gives_the_same_rows() {
        let expected = vec![json!({"island": "Dream", "mass": "3750"}), json!({"island": "", "mass": "1,5"})];
        let two = r#"[{"island":"Dream","mass":"3750"},{"island":"","mass":"1,5"}]"#;
        let lines = "{\"island\":\"Dream\",\"mass\":\"3750\"}\n{\"island\":\"\",\"mass\":\"1,5\"}\n";
        let request = format!("{{\"rows\":{two}}}");
        for (name, text) in [
            ("a.csv", "island,mass\nDream,3750\n,\"1,5\"\n"),
            ("a", "island,mass\nDream,3750\n,\"1,5\"\n"),
            ("a.csv", "\u{feff}\nmass;x;island\r\n3750;1;Dream\r\n1,5;2;\r\n"),
            ("a.tsv", "mass\tisland\n3750\t\"Dream\"\n1,5\t\n"),
            ("a.json", two),
            ("a", two),
            ("a.jsonl", lines),
            ("a", lines),
            ("a.json", &request),
        ] {
            assert_eq!(rows(name, text.as_bytes()).unwrap(), expected, "{name}: {text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (name, bytes, what) in [
            ("a.csv", &b""[..], "there are no rows"),
            ("a.json", b" \n ", "there are no rows"),
            ("a.csv", b"island,mass\nDream,1\nDream\n", "row has 1 cells, the header 2"),
            ("a.csv", b"island,mass\nDr\xe9am,1\n", "not UTF-8"),
            ("a.csv", b"Dream,1\nDream,2\n", "none of the columns"),
            ("a.json", b"[1]", "a row is a JSON object"),
            ("a.json", b"[{\"island\":]", "line 1 column"),
            ("a.json", b"[] []", "more follows"),
            ("a.json", b"7", "neither an array"),
        ] {
            let failure = rows(name, bytes).unwrap_err();
            let told = format!("{failure:?}");
            assert!(told.contains(what), "{what} in {told}");
            assert_eq!(failure.exit_code(), 1);
        }
    }
}
