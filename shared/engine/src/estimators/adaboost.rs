//! `AdaBoost`: shallow trees, each on rows that weigh the more the worse the trees before it did on them
//! (Zhu, Zou, Rosset & Hastie, *Multi-class `AdaBoost`*, 2009; for numbers Drucker, *Improving regressors
//! using boosting techniques*, 1997).

mod committee;
mod sharpness;

pub use self::committee::Committee;
use self::sharpness::sharpness;
use super::held_out::{FEWEST_TO_HOLD_OUT, hold_out};
use super::least_squares::weights;
use super::memory::{bytes, tree_memory};
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search, Target};
use crate::metrics::Task;
use crate::trees::{Forest, Plan, grow_forest};

/// Trees that vote.
#[derive(Debug)]
pub(super) struct AdaBoost;

impl Estimator for AdaBoost {
    fn name(&self) -> &'static str {
        "adaboost"
    }

    fn label(&self) -> &'static str {
        "AdaBoost"
    }

    fn source(&self) -> &'static str {
        "Zhu et al., \"Multi-class AdaBoost\" (SAMME), 2009; Drucker, \"Improving regressors using boosting \
         techniques\" (AdaBoost.R2), 1997"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Binary, Task::Multiclass, Task::Regression]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::Target, scaled: false, missing: true }
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn cost(&self) -> u8 {
        45
    }

    fn promise(&self) -> u8 {
        55
    }

    /// Those of a single tree, with weights in `f64`, `f32` and as losses beside it; the trees
    /// themselves are small.
    fn memory_bytes(&self, rows: u64, cols: u64, classes: u64) -> u64 {
        tree_memory(rows, cols, classes)
            .saturating_add(bytes(&[&[rows, 8 + 4 + 8 + 8], &[classes, classes, 16]]))
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let weights = weights(fit);
        let series = match fit.y {
            Target::Numbers(values) => boost_numbers(fit, weights, values)?,
            Target::Classes { codes, .. } => boost_classes(fit, weights, codes)?,
        };
        // One tree that cannot be bettered knows more than its vote: the shares of its leaves.
        if series.votes.len() == 1 {
            return Ok(Fitted::Tree(series.forest));
        }
        let sharpness = match fit.y {
            Target::Numbers(_) => 1.0,
            Target::Classes { codes, count } => be_sure(fit, codes, *count)?,
        };
        Ok(Fitted::AdaBoost(Committee::new(series.forest, &series.votes, sharpness)))
    }
}

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "trees",
        domain: Domain::Integer { min: 1, max: 2000, default: 100 },
        search: Search::Fixed,
        doc: "The most trees; fewer when one makes no mistake, or is no better than chance",
    },
    Parameter {
        name: "learning_rate",
        domain: Domain::Number { min: 0.001, max: 10.0, default: 1.0 },
        search: Search::Log(0.05, 2.0),
        doc: "How strongly each tree's mistakes change the weights of rows",
    },
    Parameter {
        name: "max_depth",
        domain: Domain::AutoInteger { min: 1, max: 16 },
        search: Search::Between(1.0, 8.0),
        doc: "The most questions on the way to a leaf; null: 2 for classes, 4 for numbers",
    },
    Parameter {
        name: "loss",
        domain: Domain::Choice { of: &["linear", "square", "exponential"], default: "linear" },
        search: Search::Every,
        doc: "How a row's error counts when learning numbers",
    },
    Parameter {
        name: "calibrated",
        domain: Domain::Flag { default: true },
        search: Search::Fixed,
        doc: "Whether held-out rows decide how sure the probabilities of classes are; scikit-learn's otherwise",
    },
];

/// Trees, and how much each one's vote counts.
struct Series {
    forest: Forest,
    votes: Vec<f64>,
}

/// How a tree did.
enum Judgement {
    /// Its vote; the weights of rows have changed.
    GoOn(f64),
    /// Its vote; it made no mistake that a further tree could mend.
    Perfect(f64),
    /// No better than chance.
    Useless,
}

fn plan(fit: &Fit) -> Plan {
    let usual = match fit.y {
        Target::Classes { .. } => 2,
        Target::Numbers(_) => 4,
    };
    let depth = fit.params.auto_integer("max_depth").map_or(usual, |depth| depth as usize);
    Plan::shallow(depth, fit.x.rows())
}

/// Grows tree after tree, each on the weights that `judge` left. A first tree is kept however it does.
///
/// O(trees · rows · features · depth).
fn boost(
    fit: &Fit,
    mut weights: Vec<f64>,
    mut judge: impl FnMut(&Forest, &mut [f64]) -> Judgement,
) -> Result<Series, FitError> {
    let plan = plan(fit);
    let mut series: Option<Series> = None;
    for _ in 0..fit.params.integer("trees") {
        // At a mean of 1, which f32 holds best.
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        for weight in &mut weights {
            *weight /= mean;
        }
        let now: Vec<f32> = weights.iter().map(|&weight| weight as f32).collect();
        let tree = grow_forest(&Fit { weights: Some(&now), ..*fit }, plan)?;
        let (vote, last) = match judge(&tree, &mut weights) {
            Judgement::GoOn(vote) => (vote, false),
            Judgement::Perfect(vote) => (vote, true),
            Judgement::Useless if series.is_none() => (1.0, true),
            Judgement::Useless => break,
        };
        match &mut series {
            None => series = Some(Series { forest: tree, votes: vec![vote] }),
            Some(series) => {
                series.forest.append(tree);
                series.votes.push(vote);
            }
        }
        if last {
            break;
        }
    }
    series.ok_or_else(|| FitError::Unsuitable("no trees are asked for: raise 'trees'".into()))
}

/// SAMME. A tree without mistakes counts as if it had made half a one.
fn boost_classes(fit: &Fit, weights: Vec<f64>, codes: &[u32]) -> Result<Series, FitError> {
    let rate = fit.params.number("learning_rate");
    let mut present = codes.to_vec();
    present.sort_unstable();
    present.dedup();
    let classes = present.len().max(2) as f64;
    boost(fit, weights, |tree, weights| {
        let mut wrong = vec![false; codes.len()];
        tree.each_verdict(fit.x, |row, verdict| wrong[row] = verdict[0] as u32 != codes[row]);
        let share = weighted_mean(weights, |row| f64::from(u8::from(wrong[row])));
        // A tree that is as good as chance is so up to rounding.
        if share >= 1.0 - 1.0 / classes - 1e-6 {
            return Judgement::Useless;
        }
        let error = share.max(0.5 / codes.len() as f64);
        let vote = rate * (((1.0 - error) / error).ln() + (classes - 1.0).ln());
        if share <= 0.0 {
            return Judgement::Perfect(vote.max(f64::MIN_POSITIVE));
        }
        let more = vote.exp();
        for (weight, _) in weights.iter_mut().zip(wrong).filter(|(_, wrong)| *wrong) {
            *weight *= more;
        }
        Judgement::GoOn(vote)
    })
}

/// AdaBoost.R2, on the weights themselves instead of rows drawn by them.
fn boost_numbers(fit: &Fit, weights: Vec<f64>, values: &[f64]) -> Result<Series, FitError> {
    let rate = fit.params.number("learning_rate");
    let loss = fit.params.choice("loss");
    boost(fit, weights, |tree, weights| {
        let mut losses = tree.predict(fit.x);
        let mut most = 0.0f64;
        for ((loss, &y), &weight) in losses.iter_mut().zip(values).zip(&*weights) {
            *loss = (*loss - y).abs();
            if weight > 0.0 {
                most = most.max(*loss);
            }
        }
        let half = 0.5 / values.len() as f64;
        if most <= 0.0 {
            return Judgement::Perfect(rate * ((1.0 - half) / half).ln());
        }
        for value in &mut losses {
            let relative = (*value / most).min(1.0);
            *value = match loss {
                "square" => relative * relative,
                "exponential" => 1.0 - (-relative).exp(),
                _ => relative,
            };
        }
        let mean = weighted_mean(weights, |row| losses[row]);
        if mean >= 0.5 - 1e-6 {
            return Judgement::Useless;
        }
        let error = mean.max(half);
        let odds = error / (1.0 - error);
        for (weight, loss) in weights.iter_mut().zip(&losses) {
            *weight *= odds.powf((1.0 - loss) * rate);
        }
        Judgement::GoOn(rate * (1.0 / odds).ln())
    })
}

fn weighted_mean(weights: &[f64], value: impl Fn(usize) -> f64) -> f64 {
    let total: f64 = weights.iter().sum();
    weights.iter().enumerate().map(|(row, weight)| weight * value(row)).sum::<f64>() / total
}

/// How many times the shares of votes the logits are: found on rows that were held out of a series
/// of their own; with too few of these, so that full agreement of all trees is no surer than the number
/// of rows allows (Laplace's rule of succession).
fn be_sure(fit: &Fit, codes: &[u32], count: usize) -> Result<f64, FitError> {
    let classes = count as f64;
    if !fit.params.flag("calibrated") {
        return Ok(classes / (classes - 1.0).powi(2));
    }
    let rows = codes.len();
    if rows < FEWEST_TO_HOLD_OUT {
        return Ok((rows as f64 + 1.0).ln());
    }
    let labels: Vec<f32> = codes.iter().map(|&code| code as f32).collect();
    let (_, held_out) = hold_out(&labels, fit.seed);
    let own = weights(fit);
    let mut weights = own.clone();
    for &row in &held_out {
        weights[row] = 0.0;
    }
    if weights.iter().all(|&weight| weight <= 0.0) {
        return Ok((rows as f64 + 1.0).ln());
    }
    let series = boost_classes(fit, weights, codes)?;
    let committee = Committee::new(series.forest, &series.votes, 1.0);
    let shares = committee.shares_of_votes(fit.x, &held_out);
    let truth = held_out.iter().map(|&row| (codes[row], own[row]));
    Ok(sharpness(&shares, truth, count))
}

#[cfg(test)]
mod tests;
