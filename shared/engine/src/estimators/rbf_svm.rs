//! A support vector machine with a radial kernel: classes told apart by likeness to rows near the margin.

use serde_json::{Map, Value, json};

use super::linear::Link;
use super::svm::{
    Cache, Examples, FittedKernel, Kernel, Learner, Machine, Problem, calibrated, decide, solve,
};
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search, Target};
use crate::matrix::Matrix;
use crate::metrics::Task;

/// libsvm's, in units of the margin.
const TOLERANCE: f64 = 1e-3;
/// Multiplications of a whole fit: at most half a minute or so.
const WORK: u64 = 20_000_000_000;
/// Steps are many times the rows, and each goes over all rows.
pub(super) const MOST_ROWS: u64 = 10_000;

/// A support vector machine with a radial kernel.
pub(super) struct RbfSvm;

impl Estimator for RbfSvm {
    fn name(&self) -> &'static str {
        "rbf_svm"
    }

    fn label(&self) -> &'static str {
        "Support vector machine (RBF)"
    }

    fn source(&self) -> &'static str {
        "Cortes and Vapnik, \"Support-vector networks\", 1995; by sequential minimal optimisation (Fan, Chen and \
         Lin, 2005), with Platt's probabilities (Lin, Lin and Weng, 2007)"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Binary, Task::Multiclass]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[C, GAMMA]
    }

    fn cost(&self) -> u8 {
        75
    }

    fn promise(&self) -> u8 {
        65
    }

    fn row_limit(&self) -> Option<u64> {
        Some(MOST_ROWS)
    }

    fn trials(&self, _rows: u64) -> Vec<Map<String, Value>> {
        [json!({}), json!({"c": 10})].into_iter().filter_map(|params| params.as_object().cloned()).collect()
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let Target::Classes { codes, count } = fit.y else {
            return Err(FitError::Unsuitable(
                "a support vector machine predicts classes: use 'svr' for a number".into(),
            ));
        };
        let examples = Examples::new(fit, codes, u64::from)?;
        let gamma = gamma(fit, &examples)?;
        let learner = Margins { c: fit.params.number("c"), kernel: Kernel::Rbf { gamma } };
        let machines: Vec<Machine> = calibrated(&learner, &examples, *count, fit.seed)?
            .into_iter()
            .map(|(machine, slope, intercept)| match machine {
                Some(machine) => machine.scaled(slope, intercept),
                None => Machine::constant(intercept),
            })
            .collect();
        if !machines.iter().all(Machine::is_finite) {
            return Err(FitError::NotFinite(
                "the support vector machine found no finite margin: lower 'c'".into(),
            ));
        }
        let link = if *count == 2 { Link::Logit } else { Link::OneVsRest };
        Ok(Fitted::Kernel(FittedKernel::new(gamma, link, &examples.x, machines)))
    }
}

pub(super) const C: Parameter = Parameter {
    name: "c",
    domain: Domain::Number { min: 1e-6, max: 1e6, default: 1.0 },
    search: Search::Log(1e-2, 1e3),
    doc: "Weight of the errors beside half the squared norm of the function: the smaller, the smoother.",
};

pub(super) const GAMMA: Parameter = Parameter {
    name: "gamma",
    domain: Domain::AutoNumber { min: 1e-9, max: 1e6 },
    search: Search::Log(1e-4, 1e1),
    doc: "How fast likeness ends with the squared distance; null: one over the columns and the variance of \
          all values",
};

/// What is asked for, or scikit-learn's "scale".
pub(super) fn gamma<T>(fit: &Fit, examples: &Examples<T>) -> Result<f64, FitError> {
    if let Some(gamma) = fit.params.auto_number("gamma") {
        return Ok(gamma);
    }
    let x = &examples.x;
    let cells = examples.weights.iter().sum::<f64>() * x.cols() as f64;
    let sum = |of: &dyn Fn(f64) -> f64| {
        let col = |col: usize| {
            x.col(col).iter().zip(&examples.weights).map(|(v, w)| w * of(f64::from(*v))).sum::<f64>()
        };
        (0..x.cols()).map(col).sum::<f64>()
    };
    let mean = sum(&|value| value) / cells;
    let variance = sum(&|value| (value - mean).powi(2)) / cells;
    if !variance.is_finite() {
        return Err(FitError::NotFinite("the features' variance is not finite: give a 'gamma'".into()));
    }
    Ok(if variance > 0.0 { 1.0 / (x.cols() as f64 * variance) } else { 1.0 })
}

struct Margins {
    c: f64,
    kernel: Kernel,
}

impl Learner for Margins {
    type Machine = Machine;

    fn learn(
        &self,
        examples: &Examples<u32>,
        classes: &[u32],
        fits: usize,
    ) -> Result<Vec<Option<Machine>>, FitError> {
        // One for all classes: they see the same rows.
        let mut cache = Cache::new(&examples.x, self.kernel);
        let machines = classes.iter().map(|class| {
            let signs: Vec<f64> =
                examples.y.iter().map(|code| if code == class { 1.0 } else { -1.0 }).collect();
            let both = examples.y.contains(class) && examples.y.iter().any(|code| code != class);
            both.then(|| {
                let problem = Problem {
                    targets: signs.clone(),
                    signs,
                    limits: examples.weights.iter().map(|weight| self.c * weight).collect(),
                    tolerance: TOLERANCE,
                    work: WORK / (fits * classes.len()) as u64,
                };
                let solution = solve(&problem, &mut cache);
                Machine::new(&solution.coefficients, solution.bias)
            })
        });
        Ok(machines.collect())
    }

    fn scores(
        &self,
        machines: &[Option<Machine>],
        learned_from: &Examples<u32>,
        x: &Matrix,
    ) -> Vec<Vec<f64>> {
        let none = Machine::constant(0.0);
        let machines: Vec<&Machine> =
            machines.iter().map(|machine| machine.as_ref().unwrap_or(&none)).collect();
        let mut scores = vec![vec![0.0; x.rows()]; machines.len()];
        decide(self.kernel, learned_from.x.data(), x, &machines, |row, place, score| {
            scores[place][row] = score;
        });
        scores
    }
}
