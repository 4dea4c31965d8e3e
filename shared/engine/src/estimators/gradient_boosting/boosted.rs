//! A boosted model, ready to predict.

use hessboost::data::DMatrix;
use hessboost::error::HessboostError;
use hessboost::model::{BoostedModel, Iterations, ModelFormat};
use hessboost::objective::Objective;
use hessboost::tree::RegTree;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::objective::{is_logarithm, predicts};
use super::{FitError, one_thread};
use crate::explain::{Contributions, Scale, settle};
use crate::matrix::Matrix;
use crate::trees::{Outcome, Plain};

/// So few rows are predicted faster one by one than after starting a thread.
const FEW: usize = 64;
/// How many rows are made ready at a time.
const BLOCK: usize = 4096;

/// Boosted trees. Stored as the bytes of `hessboost`'s own format, which later releases of it read,
/// and held decoded.
#[derive(Debug, Clone, Serialize)]
pub struct Boosted {
    outcome: Outcome,
    bytes: Vec<u8>,
    #[serde(skip)]
    model: Box<BoostedModel>,
}

/// Boosted trees in no crate's form.
#[derive(Debug)]
pub(in crate::estimators) struct Trees {
    pub(in crate::estimators) roots: Vec<usize>,
    pub(in crate::estimators) nodes: Vec<Plain>,
    /// One a score.
    pub(in crate::estimators) base: Vec<f32>,
    /// Whether a number is the exponential of its score.
    pub(in crate::estimators) exponential: bool,
}

impl Boosted {
    pub(super) fn new(outcome: Outcome, model: BoostedModel) -> Result<Boosted, FitError> {
        let bytes = model.encode(ModelFormat::Binary)?;
        let boosted = Boosted { outcome, bytes, model: Box::new(model) };
        boosted.probe().map_err(FitError::NotFinite)?;
        Ok(boosted)
    }

    /// What is predicted.
    pub(in crate::estimators) fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The trees as plain nodes, one score after the other in turn, with what each score starts from; `None`
    /// when some of them are of another form than any that is grown here.
    pub(in crate::estimators) fn plain(&self) -> Option<Trees> {
        let model = &self.model;
        let scores = model.n_outputs();
        let plain = model.tree_weights().all(|weight| weight.to_bits() == 1f32.to_bits())
            && model.num_parallel_tree() == 1
            && !model.has_vector_leaves()
            && model.linear().is_none();
        let trees = model.best_iteration().map_or(model.num_trees(), |last| (last + 1) * scores);
        let mut all = Trees {
            roots: Vec::new(),
            nodes: Vec::new(),
            base: model.base_scores().to_vec(),
            exponential: matches!(
                model.objective().built_in(),
                Some(Objective::Poisson | Objective::Tweedie(_))
            ),
        };
        for tree in model.trees().iter().take(trees) {
            if !plain || tree.has_categorical_splits() || tree.linear_leaves().is_some() {
                return None;
            }
            let root = all.nodes.len();
            all.roots.push(root);
            all.nodes.extend(tree.nodes().iter().map(|node| {
                if node.is_leaf() {
                    return Plain::Leaf(vec![node.leaf_value]);
                }
                Plain::Question {
                    feature: node.split_feature as usize,
                    threshold: node.split_cond,
                    strict: true,
                    missing_left: node.default_left,
                    children: [root + node.left as usize, root + node.right as usize],
                }
            }));
        }
        Some(all)
    }

    /// The number of trees; with more than two classes, of each class.
    pub fn trees(&self) -> usize {
        self.model.num_boost_rounds()
    }

    /// The number of nodes of all trees, leaves included.
    pub fn nodes(&self) -> usize {
        self.model.trees().iter().map(RegTree::num_nodes).sum()
    }

    /// Predicts: `rows × outputs`, row by row; probabilities for classes, else a number. A row gets the
    /// same prediction alone and among others.
    ///
    /// O(rows · trees · depth).
    ///
    /// # Panics
    /// Never when [`check`](Boosted::check) passed for the matrix's width.
    pub(crate) fn predict(&self, x: &Matrix) -> Vec<f64> {
        let mut out = vec![0.0; x.rows() * self.outcome.outputs()];
        let pool = if x.rows() > FEW { one_thread().ok() } else { None };
        let predicted = match pool {
            Some(pool) => pool.install(|| self.predict_blocks(x, &mut out)),
            // Also when there is no thread to be had: row by row is slower, and the same.
            None => self.predict_rows(x, &mut out),
        };
        predicted.expect("check() compared the widths, and a matrix holds no infinities");
        out
    }

    /// What each column adds to the margins of `x`: the crate's own SHAP values, with the covers of
    /// training. It works in `f32`: what its rounding leaves between the sum and the margin goes to the
    /// largest contribution, so that nothing is left over. `None` without rows, or when the crate
    /// refuses.
    pub(crate) fn explain(&self, x: &Matrix) -> Option<Contributions> {
        let (rows, cols) = (x.rows(), x.cols());
        let mut cells = vec![0.0; rows * cols];
        for (at, row) in cells.chunks_exact_mut(cols.max(1)).enumerate() {
            x.copy_row(at, row);
        }
        let data = DMatrix::from_dense_vec(cells, rows, cols).ok()?;
        let (parts, margins) = one_thread().ok()?.install(|| {
            let parts = self.model.predict_contribs(&data, Iterations::Best).ok()?;
            Some((parts, self.model.predict_margin(&data, Iterations::Best).ok()?))
        })?;
        let outputs = parts.n_outputs();
        let (scale, offset, unit) = match self.outcome {
            // These objectives' margins are logarithms, of multiples of the mean.
            Outcome::Number { scale, .. } if self.model.objective().built_in().is_some_and(is_logarithm) => {
                (Scale::Logarithm, scale.ln(), 1.0)
            }
            Outcome::Number { offset, scale } => (Scale::Number, offset, scale),
            Outcome::Binary => (Scale::LogOdds, 0.0, 1.0),
            Outcome::Classes(_) => (Scale::Scores, 0.0, 1.0),
        };
        let bias: Option<Vec<f64>> =
            (0..outputs).map(|output| parts.bias(0, output).map(f64::from)).collect();
        let bias = bias?;
        let mut values = Vec::with_capacity(rows * outputs * cols);
        for (row, margins) in margins.rows().enumerate() {
            for (output, &margin) in margins.iter().enumerate() {
                let from = values.len();
                values.extend(parts.get(row, output)?[..cols].iter().map(|&part| f64::from(part)));
                let parts = &mut values[from..];
                let missing = f64::from(margin) - bias[output] - parts.iter().sum::<f64>();
                settle(parts, missing);
                for part in parts {
                    *part *= unit;
                }
            }
        }
        let base = bias.into_iter().map(|bias| offset + unit * bias).collect();
        Some(Contributions::new(scale, cols, base, values))
    }

    /// Row after row, on the calling thread, each through all trees.
    fn predict_rows(&self, x: &Matrix, out: &mut [f64]) -> Result<(), HessboostError> {
        let mut row = vec![0.0; x.cols()];
        let mut scores = vec![0.0; self.model.prediction_width()];
        for (at, out) in out.chunks_exact_mut(self.outcome.outputs()).enumerate() {
            x.copy_row(at, &mut row);
            self.model.predict_row_into(&row, Iterations::Best, &mut scores)?;
            self.read(&scores, out);
        }
        Ok(())
    }

    /// Tree after tree, each over the rows of a block: large models stay out of the caches otherwise.
    fn predict_blocks(&self, x: &Matrix, out: &mut [f64]) -> Result<(), HessboostError> {
        let outputs = self.outcome.outputs();
        let mut values = vec![0.0; BLOCK.min(x.rows()) * x.cols()];
        for (start, out) in (0..x.rows()).step_by(BLOCK).zip(out.chunks_mut(BLOCK * outputs)) {
            let rows = &mut values[..out.len() / outputs * x.cols()];
            for (at, row) in rows.chunks_exact_mut(x.cols()).enumerate() {
                x.copy_row(start + at, row);
            }
            let scores = self.model.predict_rows(rows, Iterations::Best)?;
            for (scores, out) in scores.rows().zip(out.chunks_exact_mut(outputs)) {
                self.read(scores, out);
            }
        }
        Ok(())
    }

    /// From the crate's scores of a row to its prediction.
    fn read(&self, scores: &[f32], out: &mut [f64]) {
        match self.outcome {
            Outcome::Number { offset, scale } => out[0] = offset + scale * f64::from(scores[0]),
            Outcome::Binary => {
                out[1] = f64::from(scores[0]);
                out[0] = 1.0 - out[1];
            }
            Outcome::Classes(_) => {
                // The shares sum to 1 in f32: once more in f64.
                let total: f64 = scores.iter().map(|&share| f64::from(share)).sum();
                for (out, &share) in out.iter_mut().zip(scores) {
                    *out = f64::from(share) / total;
                }
            }
        }
    }

    /// Predicts a row without values, to see that predictions are finite; the first prediction also
    /// lays out the trees for all that follow.
    fn probe(&self) -> Result<(), String> {
        let empty = Matrix::new(1, self.model.n_features(), vec![f32::NAN; self.model.n_features()]);
        let mut out = vec![0.0; self.outcome.outputs()];
        self.predict_rows(&empty, &mut out).map_err(|error| error.to_string())?;
        if out.iter().all(|value| value.is_finite()) {
            Ok(())
        } else {
            Err("boosting ended in a prediction that is not finite".into())
        }
    }

    /// Makes sure that predicting from `cols` features gives `outputs` values a row: for a model read
    /// from bytes that nobody vouches for. Their structure was checked when they were decoded.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, cols: usize, outputs: usize) -> Result<(), String> {
        let sound = match self.outcome {
            Outcome::Number { offset, scale } => offset.is_finite() && scale.is_finite(),
            Outcome::Binary => true,
            Outcome::Classes(count) => self.model.prediction_width() == count as usize,
        };
        let objective = self.model.objective();
        let fits = sound && objective.built_in().is_some_and(|objective| predicts(objective, self.outcome));
        if !fits || self.outcome.outputs() != outputs {
            return Err("the boosted trees predict something else".into());
        }
        if self.model.n_features() != cols {
            return Err("the boosted trees take another number of features".into());
        }
        self.probe()
    }

    /// About how many bytes it takes in memory: the bytes, and two layouts of the nodes.
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.len() + 64 * self.nodes()
    }
}

impl PartialEq for Boosted {
    fn eq(&self, other: &Boosted) -> bool {
        self.outcome == other.outcome && self.bytes == other.bytes
    }
}

impl<'de> Deserialize<'de> for Boosted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Boosted, D::Error> {
        #[derive(Deserialize)]
        struct Stored {
            outcome: Outcome,
            bytes: Vec<u8>,
        }
        let Stored { outcome, bytes } = Stored::deserialize(deserializer)?;
        let model = BoostedModel::decode(&bytes, ModelFormat::Binary).map_err(D::Error::custom)?;
        Ok(Boosted { outcome, bytes, model: Box::new(model) })
    }
}
