//! Support vector regression: the smoothest function that leaves most rows within a tolerance.

use serde_json::{Map, Value, json};

use super::linear::{FittedLinear, Link};
use super::rbf_svm::{C, GAMMA, MOST_ROWS, gamma};
use super::svm::{Cache, Examples, FittedKernel, Kernel, Machine, Problem, solve};
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search, Target};
use crate::metrics::Task;
use crate::trees::moments;

/// In standard deviations of the target: libsvm's…
const TOLERANCE: f64 = 1e-3;
/// … and closer to the optimum on few rows, where that costs little.
const TOLERANCE_OF_FEW: f64 = 2e-5;
const FEW: usize = 1000;
/// Multiplications of a fit: at most half a minute or so.
const WORK: u64 = 20_000_000_000;

/// Support vector regression.
pub(super) struct Svr;

impl Estimator for Svr {
    fn name(&self) -> &'static str {
        "svr"
    }

    fn label(&self) -> &'static str {
        "Support vector regression"
    }

    fn source(&self) -> &'static str {
        "Drucker et al., \"Support vector regression machines\", 1997; by sequential minimal optimisation (Fan, \
         Chen and Lin, 2005)"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Regression]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "kernel",
                domain: Domain::Choice { of: &["rbf", "linear"], default: "rbf" },
                search: Search::Fixed,
                doc: "Whether the function bends around rows that are alike, or is linear.",
            },
            C,
            GAMMA,
            Parameter {
                name: "epsilon",
                domain: Domain::Number { min: 0.0, max: 10.0, default: 0.1 },
                search: Search::Log(1e-3, 1.0),
                doc: "Errors up to this are none, in standard deviations of the target.",
            },
        ]
    }

    fn cost(&self) -> u8 {
        70
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
        let Target::Numbers(y) = fit.y else {
            return Err(FitError::Unsuitable(
                "support vector regression predicts a number: use 'rbf_svm' for classes".into(),
            ));
        };
        let examples = Examples::new(fit, y, f64::to_bits)?;
        let (mean, deviation) = moments(y, fit.weights)?;
        let unit = if deviation > 0.0 { deviation } else { 1.0 };
        let linear = fit.params.choice("kernel") == "linear";
        let kernel = if linear { Kernel::Linear } else { Kernel::Rbf { gamma: gamma(fit, &examples)? } };
        let machine = regress(fit, &examples, kernel, |value| (value - mean) / unit).scaled(unit, mean);
        let not_finite =
            || FitError::NotFinite("support vector regression found no finite function: lower 'c'".into());
        if !machine.is_finite() {
            return Err(not_finite());
        }
        let Kernel::Rbf { gamma } = kernel else {
            let model = coefficients(&examples, &machine);
            let finite = model.iter().all(|value| value.is_finite());
            let fitted = Fitted::Linear(FittedLinear::new(Link::Identity, model));
            return if finite { Ok(fitted) } else { Err(not_finite()) };
        };
        Ok(Fitted::Kernel(FittedKernel::new(gamma, Link::Identity, &examples.x, vec![machine])))
    }
}

/// Two variables a row: one for lying above the function by more than ε, and one for lying below.
fn regress(fit: &Fit, examples: &Examples<f64>, kernel: Kernel, scaled: impl Fn(f64) -> f64) -> Machine {
    let (rows, epsilon, c) = (examples.len(), fit.params.number("epsilon"), fit.params.number("c"));
    let both = |of: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
        (0..rows).map(|row| of(row, 1.0)).chain((0..rows).map(|row| of(row, -1.0))).collect()
    };
    let problem = Problem {
        signs: both(&|_, sign| sign),
        targets: both(&|row, sign| scaled(examples.y[row]) - sign * epsilon),
        limits: both(&|row, _| c * examples.weights[row]),
        tolerance: if rows <= FEW { TOLERANCE_OF_FEW } else { TOLERANCE },
        work: WORK,
    };
    let solution = solve(&problem, &mut Cache::new(&examples.x, kernel));
    Machine::new(&solution.coefficients, solution.bias)
}

/// A machine with a linear kernel is a linear model.
fn coefficients(examples: &Examples<f64>, machine: &Machine) -> Vec<f64> {
    let col = |col: usize| {
        let values = examples.x.col(col);
        let terms = machine.points.iter().zip(&machine.coefficients);
        terms.map(|(&point, coefficient)| coefficient * f64::from(values[point as usize])).sum::<f64>()
    };
    (0..examples.x.cols()).map(col).chain([machine.bias]).collect()
}
