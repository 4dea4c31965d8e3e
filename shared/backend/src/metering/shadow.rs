//! Shadows: variants that are asked what others have answered, and whose answers nobody gets.

use super::Tally;
use super::batch::Part;
use super::books::minute;
use super::log::Logged;
use crate::app::App;
use crate::deployments::Serving;
use crate::problem::Result;
use fettle_engine::artifact::Model;
use fettle_engine::table::decode_rows;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::time::Instant;

/// What was made of a batch.
pub(super) struct Asked {
    /// What the shadows did.
    pub(super) parts: Vec<Part>,
    /// Columns whose values are not to be kept.
    pub(super) sensitive: BTreeSet<String>,
}

/// Asks the shadows of a deployment for the rows of these requests, and writes their answers beside those
/// that were given. A deployment that is gone, or another of the same name, has none.
pub(super) async fn ask(
    app: &App,
    workspace: &str,
    id: &str,
    name: &str,
    requests: &mut [Logged],
) -> Result<Asked> {
    let mut asked = Asked { parts: Vec::new(), sensitive: BTreeSet::new() };
    let serving = match app.served.get(app, workspace, name).await {
        Ok(serving) if *serving.id == *id => serving,
        Ok(_) => return Ok(asked),
        Err(problem) if problem.status() < 500 => return Ok(asked),
        Err(problem) => return Err(problem),
    };
    asked.sensitive.clone_from(&serving.settings.sensitive);
    for variant in serving.variants.iter().filter(|variant| variant.shadow) {
        let model = app.served.model(app, workspace, variant).await?;
        for request in &mut *requests {
            let began = Instant::now();
            let answers = answers(&model, request);
            let mut tally = Tally { requests: 1, ..Tally::default() };
            tally.latency.note(began.elapsed());
            match answers {
                Some(answers) => {
                    tally.rows = answers.len() as u64;
                    for (row, answer) in request.rows.iter_mut().zip(answers) {
                        row.shadows.insert(variant.name.to_string(), answer);
                    }
                }
                None => tally.refused = 1,
            }
            let minute = minute(request.at);
            let of_it = asked.parts.iter_mut();
            match of_it.into_iter().find(|part| part.minute == minute && part.variant == *variant.name) {
                Some(part) => part.tally.add(&tally),
                None => asked.parts.push(Part { variant: variant.name.to_string(), minute, tally }),
            }
        }
    }
    Ok(asked)
}

/// What a model answers to a request's rows, as far as they have what it takes.
fn answers(model: &Arc<Model>, request: &Logged) -> Option<Vec<Value>> {
    let taken = |inputs: &Map<String, Value>| {
        let of_field = |name: &String| Some((name.clone(), inputs.get(name)?.clone()));
        model.fields().iter().filter_map(|field| of_field(&field.name)).collect::<Map<_, _>>()
    };
    let rows: Vec<_> = request.rows.iter().map(|row| taken(&row.inputs)).collect();
    let table = decode_rows(model.fields(), &rows).ok()?;
    let predictions = model.predict(&table).ok()?;
    Some((0..predictions.len()).map(|row| predictions.value(row)).collect())
}

impl Serving {
    /// Whether somebody but who answers is to see the requests.
    pub(crate) fn has_shadows(&self) -> bool {
        self.variants.iter().any(|variant| variant.shadow)
    }
}
