//! `fettle estimators`: what can be trained.

use super::Session;
use crate::api::{Estimator, Page};
use crate::client::route;
use crate::failure::{Failure, Result};
use crate::output::{BOLD, DIM, styled};
use crate::tables;
use clap::Args;
use comfy_table::Cell;
use serde_json::Value;

#[derive(Debug, Args)]
pub(crate) struct Estimators {
    /// One of them, with its parameters
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

impl Estimators {
    pub(crate) fn run(&self, session: &Session) -> Result<()> {
        let reply = session.client.get(route(&["estimators"]))?;
        session.show(&reply, || {
            let all = reply.read::<Page<Estimator>>()?.items;
            let Some(name) = &self.name else { return Ok(list(&all)) };
            let found = all.iter().find(|estimator| estimator.name == *name);
            found.map(one).ok_or_else(|| {
                Failure::failed(format!("there is no estimator '{name}'"))
                    .remedy("fettle estimators lists them")
            })
        })
    }
}

fn list(all: &[Estimator]) -> String {
    let mut lines = tables::table(&["name", "what", "learns", "cost", "parameters"]);
    for estimator in all {
        let names: Vec<&str> = estimator.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        lines.add_row([
            Cell::new(&estimator.name),
            Cell::new(&estimator.label),
            Cell::new(estimator.tasks.join(", ")),
            Cell::new(&estimator.cost),
            Cell::new(names.join(", ")),
        ]);
    }
    tables::text(&lines)
}

fn one(estimator: &Estimator) -> String {
    let mut lines = tables::table(&["parameter", "values", "default", "what"]);
    for parameter in &estimator.parameters {
        let values = match (&parameter.range, &parameter.choices) {
            (Some([low, high]), _) => format!("{} to {}", tables::value(low), tables::value(high)),
            (None, Some(choices)) => choices.join(", "),
            (None, None) => "true, false".to_owned(),
        };
        let default = match &parameter.default {
            Value::Null => "from the data".to_owned(),
            value => tables::value(value),
        };
        lines.add_row([
            Cell::new(&parameter.name),
            Cell::new(values),
            Cell::new(default),
            Cell::new(&parameter.doc),
        ]);
    }
    format!(
        "{}: {}\n{}\n{}",
        styled(BOLD, &estimator.label),
        estimator.tasks.join(", "),
        styled(DIM, &estimator.source),
        tables::text(&lines)
    )
}
