//! `fettle train`: a data set becomes a leaderboard.

use super::{Session, push, runs};
use crate::api::{Dataset, Run};
use crate::client::route;
use crate::failure::{Exit, Failure, Result};
use crate::output::{self, BOLD, styled};
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::Path;

#[derive(Debug, Args)]
pub(crate) struct Train {
    /// The data set's name, or name@2 for its second version; or a file, which is pushed first
    #[arg(value_name = "DATA")]
    dataset: String,

    /// The column to predict
    #[arg(long, value_name = "COLUMN")]
    target: String,

    /// What to learn: binary, multiclass or regression [default: chosen from the target]
    #[arg(long)]
    task: Option<String>,

    /// What to rank by, such as auc or rmse [default: chosen from the task]
    #[arg(long)]
    metric: Option<String>,

    /// Folds of the cross-validation
    #[arg(long, value_name = "N")]
    folds: Option<u32>,

    /// The share of rows held out until the end
    #[arg(long, value_name = "SHARE")]
    test_fraction: Option<f64>,

    /// Same data, same command, same seed: same models
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Only these estimators
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    estimators: Option<Vec<String>>,

    /// How far to go: compare (every estimator once), tune, ensemble, or auto (all of it) [default: compare]
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,

    /// At most so many trials that tune
    #[arg(long, value_name = "N")]
    tuned: Option<u32>,

    /// Take about so many seconds
    #[arg(long, value_name = "SECONDS")]
    time_budget: Option<u32>,

    /// At most so many trials
    #[arg(long, value_name = "N")]
    max_trials: Option<u32>,

    /// The column that says which rows belong together
    #[arg(long, value_name = "COLUMN")]
    group: Option<String>,

    /// The column that says which rows came first
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,

    /// The column that says how much each row counts
    #[arg(long, value_name = "COLUMN")]
    weight: Option<String>,

    /// How often the rows are dealt into folds anew
    #[arg(long, value_name = "N")]
    repeats: Option<u32>,

    /// What becomes of outliers: keep, clip or drop
    #[arg(long, value_name = "WHAT")]
    outliers: Option<String>,

    /// Learn from products of the most telling numbers too
    #[arg(long)]
    interactions: bool,

    /// Keep so many columns, those that tell most, or `auto`
    #[arg(long, value_name = "N|auto")]
    select: Option<String>,

    /// Let every class weigh the same, however rare
    #[arg(long)]
    balance: bool,

    /// What a mistake costs, repeatable: `false_negative=5`, or by class TRUE:CHOSEN=COST
    #[arg(long = "cost", value_name = "MISTAKE=COST")]
    costs: Vec<String>,

    /// How classes are chosen: argmax (the most probable), or tuned (best by the metric)
    #[arg(long, value_name = "HOW")]
    threshold: Option<String>,

    /// A name to group runs by
    #[arg(long, value_name = "NAME")]
    experiment: Option<String>,

    /// Wait until the run has ended, and show its leaderboard
    #[arg(long)]
    wait: bool,
}

impl Train {
    pub(crate) fn run(&self, session: &Session) -> Result<()> {
        let costs = costs(&self.costs)?;
        let dataset = self.reference(session)?;
        let reply = session.client.post(route(&["runs"]), &self.body(&dataset, &costs))?;
        let run: Run = reply.read()?;
        if self.wait {
            output::note(&format!("run {}", styled(BOLD, &run.id)));
            return runs::finish(session, &run.id);
        }
        session.show(&reply, || Ok(run.id.clone()))?;
        if !session.json {
            output::note(&format!("watch it: fettle runs watch {}", run.id));
        }
        Ok(())
    }

    /// The data set to train on; a file is pushed first.
    fn reference(&self, session: &Session) -> Result<String> {
        let path = Path::new(&self.dataset);
        let is_path = push::is_table(path) || self.dataset.contains(std::path::is_separator);
        if !is_path {
            return Ok(self.dataset.clone());
        }
        if !path.is_file() {
            return Err(Failure::file(path, "no such file"));
        }
        let reply = push::push_file(&session.client, path, &push::name_of(path)?)?;
        let dataset: Dataset = push::wait_until_ready(&session.client, reply)?.read()?;
        output::note(&format!("data set {} version {}", styled(BOLD, &dataset.name), dataset.version));
        Ok(format!("{}@{}", dataset.name, dataset.version))
    }

    /// The steps of preprocessing that were asked for; null for none.
    fn preprocessing(&self) -> Value {
        let select = self.select.as_ref().map(|select| match select.parse::<u32>() {
            Ok(columns) => json!(columns),
            Err(_) => json!(select),
        });
        let asked = [
            ("outliers", json!(self.outliers)),
            ("interactions", json!(self.interactions.then_some(true))),
            ("select", json!(select)),
            ("balance", json!(self.balance.then_some("weights"))),
        ];
        let given: Map<String, Value> = asked
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        if given.is_empty() { Value::Null } else { Value::Object(given) }
    }

    /// What was asked for, and nothing else: the platform chooses the rest.
    fn body(&self, dataset: &str, costs: &Value) -> Value {
        let asked = [
            ("dataset", json!(dataset)),
            ("target", json!(self.target)),
            ("task", json!(self.task)),
            ("metric", json!(self.metric)),
            ("folds", json!(self.folds)),
            ("test_fraction", json!(self.test_fraction)),
            ("seed", json!(self.seed)),
            ("estimators", json!(self.estimators)),
            ("plan", json!(self.plan)),
            ("tuned", json!(self.tuned)),
            ("time_budget_s", json!(self.time_budget)),
            ("max_trials", json!(self.max_trials)),
            ("group", json!(self.group)),
            ("time", json!(self.time)),
            ("weight", json!(self.weight)),
            ("repeats", json!(self.repeats)),
            ("preprocessing", self.preprocessing()),
            ("costs", costs.clone()),
            ("threshold", json!(self.threshold)),
            ("experiment", json!(self.experiment)),
        ];
        let given = asked.into_iter().filter(|(_, value)| !value.is_null());
        Value::Object(given.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
    }
}

/// What mistakes cost, as the platform takes it; null for nothing.
fn costs(given: &[String]) -> Result<Value> {
    let mut costs = Map::new();
    for text in given {
        let wrong = || {
            Failure::new(Exit::Usage, format!("`{text}` is no cost of a mistake"))
                .remedy("give --cost false_negative=5, or by class --cost TRUE:CHOSEN=5")
        };
        let (mistake, cost) = text.rsplit_once('=').ok_or_else(wrong)?;
        let cost: f64 = cost.trim().parse().map_err(|_| wrong())?;
        match mistake.split_once(':') {
            None => {
                costs.insert(mistake.trim().to_owned(), json!(cost));
            }
            Some((truth, chosen)) => {
                let of = costs.entry(truth.trim()).or_insert_with(|| json!({}));
                let of = of.as_object_mut().ok_or_else(wrong)?;
                of.insert(chosen.trim().to_owned(), json!(cost));
            }
        }
    }
    Ok(if costs.is_empty() { Value::Null } else { Value::Object(costs) })
}
