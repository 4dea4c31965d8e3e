//! A neural network: one to three hidden layers between features and answers.

mod fitted;
mod network;
mod training;

pub(super) use self::fitted::FittedMlp;
use super::linear::Link;
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search, Target};
use crate::metrics::Task;
use crate::trees::moments;

/// A feature farther from its mean, in standard deviations, is taken as so far: nothing overflows, and
/// no single value leads the network to where it has seen nothing.
const FARTHEST: f32 = 10.0;

/// A multilayer perceptron.
pub(super) struct Mlp;

impl Estimator for Mlp {
    fn name(&self) -> &'static str {
        "mlp"
    }

    fn label(&self) -> &'static str {
        "Neural network"
    }

    fn source(&self) -> &'static str {
        "Rumelhart, Hinton and Williams, \"Learning representations by back-propagating errors\", 1986; by Adam \
         (Kingma and Ba, 2015), from He et al.'s start (2015)"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Binary, Task::Multiclass, Task::Regression]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        PARAMETERS
    }

    fn cost(&self) -> u8 {
        80
    }

    fn promise(&self) -> u8 {
        60
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        if fit.x.cols() == 0 {
            return Err(FitError::Unsuitable("there are no features".into()));
        }
        let fitted = match fit.y {
            Target::Classes { count: 0 | 1, .. } => {
                return Err(FitError::Unsuitable("there is only one class to learn".into()));
            }
            Target::Classes { .. } => FittedMlp::new(training::train(fit, &[])?, Link::Softmax, 0.0, 1.0),
            Target::Numbers(values) => {
                let (mean, deviation) = moments(values, fit.weights)?;
                let unit = if deviation > 0.0 { deviation } else { 1.0 };
                let scaled: Vec<f32> = values.iter().map(|value| ((value - mean) / unit) as f32).collect();
                FittedMlp::new(training::train(fit, &scaled)?, Link::Identity, mean, unit)
            }
        };
        Ok(Fitted::Mlp(fitted))
    }
}

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "layers",
        domain: Domain::Integer { min: 1, max: 3, default: 2 },
        search: Search::Between(1.0, 3.0),
        doc: "Hidden layers",
    },
    Parameter {
        name: "width",
        domain: Domain::Integer { min: 2, max: 1024, default: 64 },
        search: Search::Log(16.0, 256.0),
        doc: "Units in each hidden layer",
    },
    Parameter {
        name: "learning_rate",
        domain: Domain::Number { min: 1e-5, max: 0.1, default: 2e-3 },
        search: Search::Log(3e-4, 1e-2),
        doc: "How far each step goes",
    },
    Parameter {
        name: "l2",
        domain: Domain::Number { min: 0.0, max: 10.0, default: 1e-3 },
        search: Search::Log(1e-6, 1e-1),
        doc: "Weight of the penalty on half the squared weights, beside the mean of the losses",
    },
    Parameter {
        name: "batch",
        domain: Domain::AutoInteger { min: 1, max: 8192 },
        search: Search::Fixed,
        doc: "Rows a step; null: 16 to 256, more with more rows",
    },
    Parameter {
        name: "epochs",
        domain: Domain::Integer { min: 1, max: 2000, default: 150 },
        search: Search::Fixed,
        doc: "The most passes over the rows; fewer where they are so many that this would take minutes",
    },
    Parameter {
        name: "early_stopping",
        domain: Domain::Integer { min: 0, max: 1000, default: 12 },
        search: Search::Fixed,
        doc: "Stop when so many passes in a row do not improve predictions of held-out rows; 0 does all",
    },
];

#[cfg(test)]
mod tests;
