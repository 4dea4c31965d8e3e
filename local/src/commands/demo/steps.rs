//! The demo's steps, each with what came of it and how long it took.

use super::{PENGUINS, Table};
use crate::api::{Dataset, Deployment, ModelVersion, Page, Prediction, Predictions, Preview, Run, Schema};
use crate::client::{Client, route};
use crate::commands::{push, watch};
use crate::failure::{Exit, Failure, Result};
use crate::output::{self, BOLD, DIM, GOOD, styled};
use crate::{progress, tables};
use comfy_table::{Attribute, Cell, Color};
use serde_json::{Map, Value, json};
use std::cmp::Ordering;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The rows that are looked at for three to predict.
const LOOKED_AT: &str = "1000";

/// How long a deployment may take to serve the version that its alias names.
const NEXT_LOOK: Duration = Duration::from_secs(15);

/// The most items of a list that are told.
const MOST_TOLD: usize = 12;

/// The most classes whose probabilities are shown.
const MOST_CLASSES: usize = 5;

/// How wide the predictions may be, and what parts two columns, in characters.
const WIDTH: usize = 76;
const GAP: usize = 2;

/// Upload, train, register, deploy, predict.
pub(super) fn all(client: &Client, table: &Table) -> Result<()> {
    let dataset = upload(client, table)?;
    let run = train(client, table, &dataset)?;
    let version = register(client, &run, &table.name)?;
    deploy(client, &table.name, &version.schema)?;
    predict(client, table, &dataset, &version)
}

/// Says that a step is done.
pub(super) fn done(number: u32, what: &str, about: &str, begun: Instant) -> Result<()> {
    let took = tables::seconds(begun.elapsed().as_secs_f64());
    let took = styled(DIM, format!("({took})"));
    output::line(&format!(
        "{} {number} {}  {about}  {took}",
        styled(GOOD, "✓"),
        styled(BOLD, format!("{what:<9}"))
    ))
}

fn upload(client: &Client, table: &Table) -> Result<Dataset> {
    let begun = Instant::now();
    let reply = match &table.file {
        Some(file) => push::push_file(client, file, &table.name)?,
        None => push::push_bytes(client, PENGUINS, "text/csv", &table.name)?,
    };
    let dataset: Dataset = push::wait_until_ready(client, reply)?.read()?;
    let columns = dataset.columns.as_deref().unwrap_or_default();
    let missing: u64 = columns.iter().map(|column| column.missing).sum();
    let about = format!(
        "{} version {}: {} rows, {} columns, {} missing",
        styled(BOLD, &dataset.name),
        dataset.version,
        tables::count(dataset.rows.unwrap_or_default()),
        columns.len(),
        tables::count(missing),
    );
    done(2, "Data", &about, begun)?;
    Ok(dataset)
}

fn train(client: &Client, table: &Table, dataset: &Dataset) -> Result<Run> {
    let begun = Instant::now();
    let body = json!({ "dataset": format!("{}@{}", dataset.name, dataset.version), "target": table.target });
    let run: Run = client.post(route(&["runs"]), &body)?.read()?;
    let run: Run = watch::watch(client, &run.id)?.read()?;
    watch::verdict(&run)?;
    let about = format!(
        "{} models to predict {}, {} folds each, by {}",
        run.leaderboard.len(),
        styled(BOLD, &run.target),
        run.folds.unwrap_or_default(),
        run.metric.replace('_', " "),
    );
    done(3, "Train", &about, begun)?;
    output::line(&format!("\n{}\n", indented(&tables::leaderboard(&run, false))))?;
    Ok(run)
}

fn register(client: &Client, run: &Run, name: &str) -> Result<ModelVersion> {
    let begun = Instant::now();
    let version: ModelVersion =
        client.post(route(&["models"]), &json!({ "name": name, "run": run.id }))?.read()?;
    let champion = ["models", name, "aliases", "champion"];
    client.put(route(&champion), &json!({ "version": version.version }))?;
    let about = format!(
        "{} version {} is the champion: {}, {}",
        styled(BOLD, &version.name),
        version.version,
        version.estimator(),
        styled(DIM, tables::bytes(version.bytes.unwrap_or_default())),
    );
    done(4, "Register", &about, begun)?;
    Ok(version)
}

/// Serves the champion; where that was done before, it stays so.
fn deploy(client: &Client, name: &str, schema: &Schema) -> Result<()> {
    let begun = Instant::now();
    let page: Page<Deployment> = client.list(&["deployments"])?.read()?;
    let deployment = match page.items.into_iter().find(|deployment| deployment.name == name) {
        None => {
            let body = json!({ "name": name, "model": name, "alias": "champion" });
            client.post(route(&["deployments"]), &body)?.read()?
        }
        Some(before) if before.model == name && before.alias.as_deref() == Some("champion") => before,
        Some(before) => {
            return Err(Failure::new(
                Exit::Failed,
                format!("the deployment `{name}` serves {} already", before.model),
            )
            .remedy(format!(
                "delete it with `fettle deployments delete {name}`, or give your file another name"
            )));
        }
    };
    let about = format!("{} answers at /v1/deployments/{name}/predict", styled(BOLD, &deployment.name));
    done(5, "Deploy", &about, begun)?;
    let Schema { inputs, target, classes, .. } = schema;
    let takes: Vec<String> = inputs.iter().map(|field| format!("{} ({})", field.name, field.kind)).collect();
    let gives: Vec<String> = classes.iter().flatten().map(tables::value).collect();
    output::line(&format!("\n{}", wrapped("takes", &takes)))?;
    let gives =
        if gives.is_empty() { vec![target.clone()] } else { vec![format!("{target}: {}", short(&gives))] };
    output::line(&format!("{}\n", wrapped("gives", &gives)))
}

/// A labelled list, in lines that are not too long.
fn wrapped(label: &str, items: &[String]) -> String {
    let mut lines = vec![String::new()];
    for item in short(items).split_inclusive(", ") {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].chars().count() + item.chars().count() > WIDTH - label.len()
        {
            lines.push(item.to_owned());
        } else {
            lines[last].push_str(item);
        }
    }
    let indent = " ".repeat(label.len());
    let labels = std::iter::once(styled(DIM, label)).chain(std::iter::repeat(indent));
    let lines = labels.zip(&lines).map(|(label, line)| format!("    {label}  {}", line.trim_end()));
    lines.collect::<Vec<_>>().join("\n")
}

/// A list of which only the beginning is told.
fn short(items: &[String]) -> String {
    let told = items.iter().take(MOST_TOLD).map(String::as_str);
    let more = items.len().saturating_sub(MOST_TOLD);
    let more = (more > 0).then(|| format!("and {more} more"));
    told.chain(more.as_deref()).collect::<Vec<_>>().join(", ")
}

fn predict(client: &Client, table: &Table, dataset: &Dataset, version: &ModelVersion) -> Result<()> {
    let reference = format!("{}@{}", dataset.name, dataset.version);
    let path = ["datasets", &reference, "preview"];
    let preview: Preview = client.get(route(&path).query(&[("rows", LOOKED_AT)]))?.read()?;
    let rows = three(&preview.rows, &table.target);
    let asked: Vec<Value> = rows
        .iter()
        .map(|row| {
            let inputs = version.schema.inputs.iter();
            inputs
                .map(|field| (field.name.clone(), row.get(&field.name).cloned().unwrap_or_default()))
                .collect()
        })
        .collect();

    let begun = Instant::now();
    let path = ["deployments", &table.name, "predict"];
    let ask = || client.post(route(&path), &json!({ "rows": asked }))?.read();
    let mut answer: Predictions = ask()?;
    // A server that has served the champion before looks for a new one every few seconds.
    let spinner = progress::spinner(format!("waiting until version {} is served", version.version));
    while answer.version != version.version && begun.elapsed() < NEXT_LOOK {
        sleep(Duration::from_millis(100));
        answer = ask()?;
    }
    drop(spinner);
    let about =
        format!("three rows of {} asked, answered by version {}", styled(BOLD, &reference), answer.version);
    done(6, "Predict", &about, begun)?;
    output::line(&format!("\n{}", indented(&predictions(&rows, &answer, table, version))))
}

/// Three rows of different targets, as far as there are, without missing values, as far as there are.
fn three<'a>(rows: &'a [Map<String, Value>], target: &str) -> Vec<&'a Map<String, Value>> {
    let whole = |row: &&Map<String, Value>| row.values().all(|value| !value.is_null());
    let candidates: Vec<_> = rows.iter().filter(whole).chain(rows.iter()).collect();
    let mut chosen: Vec<&Map<String, Value>> = Vec::new();
    for new_target in [true, false] {
        for row in &candidates {
            let fresh = !chosen.iter().any(|other| std::ptr::eq(*other, *row));
            let other_target = chosen.iter().all(|other| other.get(target) != row.get(target));
            if chosen.len() < 3 && fresh && (other_target || !new_target) {
                chosen.push(row);
            }
        }
    }
    chosen
}

/// What was asked, as far as there is place, what the file says, and what was predicted.
fn predictions(
    rows: &[&Map<String, Value>],
    answer: &Predictions,
    table: &Table,
    version: &ModelVersion,
) -> String {
    let cell = |row: &Map<String, Value>, name: &str| row.get(name).map_or_else(String::new, tables::value);
    let mut columns: Vec<(String, Vec<String>)> = vec![
        ("in the file".to_owned(), rows.iter().map(|row| cell(row, &table.target)).collect()),
        ("predicted".to_owned(), answer.predictions.iter().map(|of| tables::value(&of.prediction)).collect()),
    ];
    for class in version.schema.classes.iter().flatten().map(tables::value).take(MOST_CLASSES) {
        let of =
            |of: &Prediction| of.probabilities.as_ref().and_then(|of| of.get(&class)).and_then(Value::as_f64);
        let shown =
            answer.predictions.iter().map(|row| of(row).map_or_else(String::new, |p| format!("{p:.3}")));
        columns.push((class.clone(), shown.collect()));
    }
    let mut inputs = Vec::new();
    let mut place = WIDTH.saturating_sub(columns.iter().map(width).sum());
    for field in &version.schema.inputs {
        let column = (field.name.clone(), rows.iter().map(|row| cell(row, &field.name)).collect());
        match place.checked_sub(width(&column)) {
            Some(left) => place = left,
            None => break,
        }
        inputs.push(column);
    }

    let predicted = inputs.len() + 1;
    let columns: Vec<_> = inputs.into_iter().chain(columns).collect();
    let mut lines = tables::table(&columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
    for row in 0..rows.len().min(answer.predictions.len()) {
        lines.add_row(columns.iter().enumerate().map(|(at, (_, cells))| match at.cmp(&predicted) {
            Ordering::Less => Cell::new(&cells[row]),
            Ordering::Equal => Cell::new(&cells[row]).fg(Color::DarkGreen).add_attribute(Attribute::Bold),
            Ordering::Greater => tables::right(&cells[row]),
        }));
    }
    tables::text(&lines)
}

/// The place that a column takes.
fn width((name, cells): &(String, Vec<String>)) -> usize {
    GAP + cells.iter().chain([name]).map(|text| text.chars().count()).max().unwrap_or_default()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("   {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(targets: &[(&str, Option<i64>)]) -> Vec<Map<String, Value>> {
        let row = |(target, x): &(&str, Option<i64>)| match json!({ "t": target, "x": x }) {
            Value::Object(row) => row,
            _ => unreachable!("an object"),
        };
        targets.iter().map(row).collect()
    }

    #[test]
    fn a_list_is_told_in_short_lines() {
        let items: Vec<String> = (0..30).map(|number| format!("a_column_{number} (number)")).collect();
        let told = wrapped("takes", &items);
        assert!(told.lines().all(|line| line.len() <= 90), "{told}");
        assert!(
            told.lines().count() > 2 && told.contains("a_column_11") && !told.contains("a_column_12"),
            "{told}"
        );
        assert!(told.ends_with("and 18 more"), "{told}");
    }

    #[test]
    fn three_rows_are_of_three_classes_and_whole_where_that_can_be() {
        let all = rows(&[("a", None), ("a", Some(1)), ("a", Some(2)), ("b", Some(3)), ("c", None)]);
        let of = |all: &[Map<String, Value>]| {
            three(all, "t").iter().map(|row| row["x"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(of(&all), [json!(1), json!(3), json!(null)]);
        assert_eq!(of(&rows(&[("a", Some(1)), ("a", Some(2))])), [json!(1), json!(2)]);
        assert!(of(&[]).is_empty());
    }
}
