//! Estimators: each in a file of its own, and one line in [`ALL`].

mod adaboost;
mod bayesian_ridge;
mod bernoulli_nb;
mod calibration;
mod catalogue;
mod coordinate_descent;
mod decision_tree;
mod deviations;
mod dummy;
mod elastic_net;
mod explain;
mod explainable_boosting;
mod extra_trees;
mod gradient_boosting;
mod held_out;
mod huber;
mod knn;
mod lasso;
mod lbfgs;
mod lda;
mod least_squares;
mod linear;
mod linear_svm;
mod logistic;
mod memory;
mod mlp;
mod naive_bayes;
mod omp;
mod onnx;
mod ordinary;
mod orthant;
mod params;
pub(crate) mod platt;
mod qda;
mod random_forest;
mod rbf_svm;
mod ridge;
mod ridge_classifier;
mod svm;
mod svr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::adaboost::Committee;
pub use self::catalogue::{Cost, Described, DescribedParameter, catalogue};
pub use self::explainable_boosting::{Additive, Shape};
pub use self::gradient_boosting::Boosted;
pub(crate) use self::linear::sigmoid;
pub use self::params::{Domain, Parameter, Params, Search};
use crate::matrix::Matrix;
use crate::metrics::Task;
use crate::onnx::Graph;
use crate::trees::Forest;

/// Every estimator. A new one is a file in this folder, a line here, and a variant of [`Fitted`]
/// when its fitted form is new.
pub static ALL: &[&dyn Estimator] = &[
    &dummy::Dummy,
    &naive_bayes::NaiveBayes,
    &bernoulli_nb::BernoulliNb,
    &ordinary::Linear,
    &ridge::Ridge,
    &bayesian_ridge::BayesianRidge,
    &lasso::Lasso,
    &elastic_net::ElasticNet,
    &omp::Omp,
    &huber::Huber,
    &logistic::Logistic,
    &ridge_classifier::RidgeClassifier,
    &lda::Lda,
    &qda::Qda,
    &knn::Knn,
    &decision_tree::DecisionTree,
    &random_forest::RandomForest,
    &extra_trees::ExtraTrees,
    &gradient_boosting::GradientBoosting,
    &adaboost::AdaBoost,
    &explainable_boosting::ExplainableBoosting,
    &linear_svm::LinearSvm,
    &rbf_svm::RbfSvm,
    &svr::Svr,
    &mlp::Mlp,
];

/// The estimator of that name.
pub fn find(name: &str) -> Option<&'static dyn Estimator> {
    ALL.iter().copied().find(|estimator| estimator.name() == name)
}

/// Something that learns to predict a target from features.
pub trait Estimator: Send + Sync {
    /// The name in requests and leaderboards, such as `random_forest`.
    fn name(&self) -> &'static str;

    /// The name for people, such as "Random forest".
    fn label(&self) -> &'static str;

    /// Where it comes from: the paper or book that describes it.
    fn source(&self) -> &'static str;

    /// The tasks that it learns.
    fn tasks(&self) -> &'static [Task];

    /// What preprocessing must do for it.
    fn needs(&self) -> Needs;

    /// The parameters that it takes.
    fn parameters(&self) -> &'static [Parameter];

    /// The order in which trials are run: the cheap ones (0) before the dear ones (255), so that a
    /// leaderboard fills early.
    fn cost(&self) -> u8;

    /// How likely it is to win on a table that nobody has seen, from 0 to 100. When not all trials
    /// are wanted, the most promising are kept.
    fn promise(&self) -> u8 {
        50
    }

    /// The sets of parameters that are worth a trial each when nobody asks for any, on a table of
    /// `rows` rows; the most promising first.
    fn trials(&self, _rows: u64) -> Vec<Map<String, Value>> {
        vec![Map::new()]
    }

    /// With more rows than this it takes no part unless it is asked for by name.
    fn row_limit(&self) -> Option<u64> {
        None
    }

    /// About how many bytes a fit with the default parameters takes at its peak, beyond the matrix and
    /// the target themselves; `classes` is 0 when a number is learned. It decides how large a machine a
    /// trial gets, so that it errs on the large side, and never falls when anything grows.
    ///
    /// Unless an estimator knows better: the matrix once more in `f64`, and in `f64` four values and one
    /// for each class a row.
    fn memory_bytes(&self, rows: u64, cols: u64, classes: u64) -> u64 {
        memory::bytes(&[&[rows, cols, 8], &[rows, 4 * 8], &[rows, classes, 8]])
    }

    /// Learns. The same arguments give the same result, to the bit.
    ///
    /// # Errors
    /// A [`FitError`] when the data cannot be learned from; never a panic, whatever finite values
    /// the features hold.
    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError>;
}

/// What an estimator learns from.
#[derive(Debug, Clone, Copy)]
pub struct Fit<'a> {
    /// The features, with at least one row.
    pub x: &'a Matrix,
    /// The truth, one a row of `x`.
    pub y: &'a Target,
    /// How much each row counts, one a row and not negative; `None` for all alike.
    pub weights: Option<&'a [f32]>,
    /// The source of all randomness.
    pub seed: u64,
    /// Checked against the estimator's own [`Estimator::parameters`].
    pub params: &'a Params,
}

/// The truth, one a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Classes: `codes` below `count`. A class may have no row.
    Classes {
        /// One code a row.
        codes: Vec<u32>,
        /// The number of classes, at least two.
        count: usize,
    },
    /// Finite numbers.
    Numbers(Vec<f64>),
}

impl Target {
    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Target::Classes { codes, .. } => codes.len(),
            Target::Numbers(values) => values.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The truth of these rows, in this order.
    ///
    /// # Panics
    /// When a row is out of bounds.
    #[must_use]
    pub fn take(&self, rows: &[u32]) -> Target {
        match self {
            Target::Classes { codes, count } => Target::Classes {
                codes: rows.iter().map(|&row| codes[row as usize]).collect(),
                count: *count,
            },
            Target::Numbers(values) => {
                Target::Numbers(rows.iter().map(|&row| values[row as usize]).collect())
            }
        }
    }

    /// The width of a prediction: a probability for each class, or one number.
    pub fn outputs(&self) -> usize {
        match self {
            Target::Classes { count, .. } => *count,
            Target::Numbers(_) => 1,
        }
    }
}

/// What an estimator asks of preprocessing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Needs {
    /// How categories become numbers.
    pub categories: Encoding,
    /// Whether features must be brought to mean 0 and variance 1.
    pub scaled: bool,
    /// Whether missing values stay NaN; otherwise they are imputed.
    pub missing: bool,
}

/// How categories become numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// A column of 0 and 1 for each level, as long as they are few; statistics of the target
    /// otherwise.
    OneHot,
    /// Smoothed statistics of the target, out of fold while training.
    Target,
}

/// Why a fit failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// The estimator does not learn this task, or the data breaks its rules.
    #[error("{0}")]
    Unsuitable(String),
    /// The computation ended in a value that is not finite.
    #[error("{0}")]
    NotFinite(String),
    /// What stands behind the estimator refused.
    #[error("{0}")]
    Failed(String),
}

/// A fitted estimator: predicts, and is stored in an artifact.
///
/// The order of variants is part of the artifact's format: add at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Fitted {
    /// `dummy`.
    Dummy(dummy::FittedDummy),
    /// Whatever is linear in the end: `linear`, `ridge`, `bayesian_ridge`, `lasso`, `elastic_net`, `omp`,
    /// `huber`, `logistic`, `ridge_classifier`, `lda`, `linear_svm`, and `svr` without a kernel.
    Linear(linear::FittedLinear),
    /// `knn`.
    Knn(knn::FittedKnn),
    /// `naive_bayes`.
    NaiveBayes(naive_bayes::FittedNaiveBayes),
    /// `decision_tree`: a forest of one. Also `adaboost`, when its first tree cannot be bettered.
    Tree(Forest),
    /// `random_forest` and `extra_trees`.
    Forest(Forest),
    /// `gradient_boosting`.
    Boosted(Boosted),
    /// `adaboost`.
    AdaBoost(Committee),
    /// `explainable_boosting`.
    Additive(Additive),
    /// `rbf_svm` and `svr`.
    Kernel(svm::FittedKernel),
    /// `mlp`.
    Mlp(mlp::FittedMlp),
    /// `bernoulli_nb`.
    BernoulliNb(bernoulli_nb::FittedBernoulliNb),
    /// `qda`.
    Qda(qda::FittedQda),
    /// A model of another program.
    Onnx(Graph),
}

impl Fitted {
    /// Predicts: `rows × outputs` values row by row, where the outputs are the probabilities of the
    /// classes (not negative, summing to 1) or one number.
    ///
    /// # Panics
    /// Never when [`check`](Fitted::check) passed for the matrix's width.
    pub fn predict(&self, x: &Matrix) -> Vec<f64> {
        match self {
            Fitted::Dummy(fitted) => fitted.predict(x),
            Fitted::Linear(fitted) => fitted.predict(x),
            Fitted::Knn(fitted) => fitted.predict(x),
            Fitted::NaiveBayes(fitted) => fitted.predict(x),
            Fitted::Tree(fitted) | Fitted::Forest(fitted) => fitted.predict(x),
            Fitted::Boosted(fitted) => fitted.predict(x),
            Fitted::AdaBoost(fitted) => fitted.predict(x),
            Fitted::Additive(fitted) => fitted.predict(x),
            Fitted::Kernel(fitted) => fitted.predict(x),
            Fitted::Mlp(fitted) => fitted.predict(x),
            Fitted::BernoulliNb(fitted) => fitted.predict(x),
            Fitted::Qda(fitted) => fitted.predict(x),
            Fitted::Onnx(fitted) => fitted.predict(x),
        }
    }

    /// Makes sure that predicting cannot go out of bounds, for a fitted estimator that was read
    /// from bytes: every index inside its array, widths that agree with `cols` and `outputs`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, cols: usize, outputs: usize) -> Result<(), String> {
        match self {
            Fitted::Dummy(fitted) => fitted.check(cols, outputs),
            Fitted::Linear(fitted) => fitted.check(cols, outputs),
            Fitted::Knn(fitted) => fitted.check(cols, outputs),
            Fitted::NaiveBayes(fitted) => fitted.check(cols, outputs),
            Fitted::Tree(fitted) | Fitted::Forest(fitted) => fitted.check(cols, outputs),
            Fitted::Boosted(fitted) => fitted.check(cols, outputs),
            Fitted::AdaBoost(fitted) => fitted.check(cols, outputs),
            Fitted::Additive(fitted) => fitted.check(cols, outputs),
            Fitted::Kernel(fitted) => fitted.check(cols, outputs),
            Fitted::Mlp(fitted) => fitted.check(cols, outputs),
            Fitted::BernoulliNb(fitted) => fitted.check(cols, outputs),
            Fitted::Qda(fitted) => fitted.check(cols, outputs),
            Fitted::Onnx(fitted) => fitted.check(cols, outputs),
        }
    }

    /// About how many bytes it takes in memory.
    pub fn size_bytes(&self) -> usize {
        match self {
            Fitted::Dummy(fitted) => fitted.size_bytes(),
            Fitted::Linear(fitted) => fitted.size_bytes(),
            Fitted::Knn(fitted) => fitted.size_bytes(),
            Fitted::NaiveBayes(fitted) => fitted.size_bytes(),
            Fitted::Tree(fitted) | Fitted::Forest(fitted) => fitted.size_bytes(),
            Fitted::Boosted(fitted) => fitted.size_bytes(),
            Fitted::AdaBoost(fitted) => fitted.size_bytes(),
            Fitted::Additive(fitted) => fitted.size_bytes(),
            Fitted::Kernel(fitted) => fitted.size_bytes(),
            Fitted::Mlp(fitted) => fitted.size_bytes(),
            Fitted::BernoulliNb(fitted) => fitted.size_bytes(),
            Fitted::Qda(fitted) => fitted.size_bytes(),
            Fitted::Onnx(fitted) => fitted.size_bytes(),
        }
    }
}

#[cfg(test)]
mod linear_tests;
#[cfg(test)]
mod tests;
