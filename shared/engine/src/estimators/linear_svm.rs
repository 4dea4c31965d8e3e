//! A linear support vector machine: the widest margin between classes, for two and for many.

use super::linear::{FittedLinear, Link};
use super::svm::{Descent, Examples, Learner, calibrated, descend};
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search, Target};
use crate::matrix::Matrix;
use crate::metrics::Task;

/// scikit-learn's.
const TOLERANCE: f64 = 1e-4;
/// Multiplications of a whole fit: some seconds.
const WORK: u64 = 10_000_000_000;

/// A linear support vector machine.
pub(super) struct LinearSvm;

impl Estimator for LinearSvm {
    fn name(&self) -> &'static str {
        "linear_svm"
    }

    fn label(&self) -> &'static str {
        "Linear support vector machine"
    }

    fn source(&self) -> &'static str {
        "Cortes and Vapnik, \"Support-vector networks\", 1995; by dual coordinate descent (Hsieh et al., 2008), \
         with Platt's probabilities (Lin, Lin and Weng, 2007)"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Binary, Task::Multiclass]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[Parameter {
            name: "c",
            domain: Domain::Number { min: 1e-6, max: 1e6, default: 1.0 },
            search: Search::Log(1e-4, 1e3),
            doc: "Weight of the squared hinge losses beside half the squared coefficients: the smaller, the \
                  simpler the model.",
        }]
    }

    fn cost(&self) -> u8 {
        30
    }

    fn promise(&self) -> u8 {
        55
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let Target::Classes { codes, count } = fit.y else {
            return Err(FitError::Unsuitable("a linear support vector machine predicts classes".into()));
        };
        let examples = Examples::new(fit, codes, u64::from)?;
        let learner = Margins { c: fit.params.number("c"), seed: fit.seed };
        let mut model = Vec::new();
        for (machine, slope, intercept) in calibrated(&learner, &examples, *count, fit.seed)? {
            // A score times a slope is a linear model again.
            let mut machine = machine.unwrap_or_else(|| vec![0.0; fit.x.cols() + 1]);
            for coefficient in &mut machine {
                *coefficient *= slope;
            }
            if let Some(last) = machine.last_mut() {
                *last += intercept;
            }
            model.extend(machine);
        }
        if model.iter().any(|value| !value.is_finite()) {
            return Err(FitError::NotFinite(
                "the linear support vector machine found no finite coefficients: lower 'c'".into(),
            ));
        }
        let link = if *count == 2 { Link::Logit } else { Link::OneVsRest };
        Ok(Fitted::Linear(FittedLinear::new(link, model)))
    }
}

struct Margins {
    c: f64,
    seed: u64,
}

impl Learner for Margins {
    type Machine = Vec<f64>;

    fn learn(
        &self,
        examples: &Examples<u32>,
        classes: &[u32],
        fits: usize,
    ) -> Result<Vec<Option<Vec<f64>>>, FitError> {
        let (rows, cols) = (examples.len(), examples.x.cols());
        let mut values = vec![0.0; rows * cols];
        for (row, values) in values.chunks_exact_mut(cols).enumerate() {
            examples.x.copy_row(row, values);
        }
        let limits: Vec<f64> = examples.weights.iter().map(|weight| self.c * weight).collect();
        let machines = classes.iter().map(|class| {
            let signs: Vec<f64> =
                examples.y.iter().map(|code| if code == class { 1.0 } else { -1.0 }).collect();
            let both = examples.y.contains(class) && examples.y.iter().any(|code| code != class);
            both.then(|| {
                descend(&Descent {
                    values: &values,
                    signs: &signs,
                    limits: &limits,
                    tolerance: TOLERANCE,
                    work: WORK / (fits * classes.len()) as u64,
                    seed: self.seed,
                })
            })
        });
        Ok(machines.collect())
    }

    fn scores(&self, machines: &[Option<Vec<f64>>], _: &Examples<u32>, x: &Matrix) -> Vec<Vec<f64>> {
        let scores = |machine: &Option<Vec<f64>>| {
            let (coefficients, intercept) =
                machine.as_deref().map_or((&[][..], 0.0), |model| (&model[..x.cols()], model[x.cols()]));
            let mut scores = vec![intercept; x.rows()];
            for (col, coefficient) in coefficients.iter().enumerate() {
                for (score, value) in scores.iter_mut().zip(x.col(col)) {
                    *score += coefficient * f64::from(*value);
                }
            }
            scores
        };
        machines.iter().map(scores).collect()
    }
}
