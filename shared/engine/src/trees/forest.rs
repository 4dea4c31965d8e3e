//! Grown trees, and how they predict.

mod many;
pub(crate) mod nodes;
mod votes;

use serde::{Deserialize, Serialize};

use crate::matrix::Matrix;

/// One or more decision trees whose predictions are averaged.
///
/// All nodes lie in one array, each tree's behind those of the tree before; both children of a node
/// lie next to each other, behind it. Thresholds are values, not bins: predicting needs no binning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    pub(super) outcome: Outcome,
    /// The number of features that it was grown on.
    features: u32,
    /// Where each tree begins in `nodes`, ascending.
    pub(super) roots: Vec<u32>,
    pub(super) nodes: Vec<Node>,
    /// With [`Outcome::Classes`], distributions of `count` shares each, which leaves point into.
    /// The first `count` are those of the pure leaves, which are many.
    pub(super) shares: Vec<f32>,
}

/// What a forest's leaves say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// A number: `offset + scale · value`. Growing sees centred values of unit variance, which `f32`
    /// holds well wherever the target lies.
    Number {
        /// The target's mean.
        offset: f64,
        /// Its standard deviation.
        scale: f64,
    },
    /// The probability of the second of two classes.
    Binary,
    /// A distribution over this many classes, more than two.
    Classes(u32),
}

impl Outcome {
    /// The width of a prediction.
    pub(crate) fn outputs(self) -> usize {
        match self {
            Outcome::Number { .. } => 1,
            Outcome::Binary => 2,
            Outcome::Classes(count) => count as usize,
        }
    }
}

/// A question, or an answer when `child` is 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Node {
    /// Twice the feature, plus 1 when missing values go left. In a leaf, the number of its
    /// distribution.
    split: u32,
    /// The largest value that goes left. In a leaf, its answer.
    value: f32,
    /// How many nodes further on the left child lies; the right one is next to it.
    child: u32,
}

impl Node {
    /// A question that every row answers by staying.
    const STAY: Node = Node { split: 1, value: f32::INFINITY, child: 0 };

    /// A leaf of a forest with one output.
    pub(crate) fn number(value: f32) -> Node {
        Node { split: 0, value, child: 0 }
    }

    /// A leaf of a forest over classes.
    pub(crate) fn distribution(index: u32) -> Node {
        Node { split: index, value: 0.0, child: 0 }
    }

    /// A question, with its left child `child` nodes further on.
    pub(crate) fn question(feature: u32, threshold: f32, missing_left: bool, child: u32) -> Node {
        Node { split: feature * 2 + u32::from(missing_left), value: threshold, child }
    }

    /// Whether it is an answer.
    pub(super) fn is_leaf(self) -> bool {
        self.child == 0
    }

    /// The feature that a question is about.
    pub(super) fn feature(self) -> usize {
        (self.split / 2) as usize
    }

    /// Where both children of a question lie, when it lies at `at`.
    pub(super) fn children(self, at: usize) -> [usize; 2] {
        [at + self.child as usize, at + self.child as usize + 1]
    }

    /// The answer of a leaf of a forest with one output.
    pub(super) fn answer(self) -> f32 {
        self.value
    }

    /// The number of a leaf's distribution, of a forest over classes.
    pub(super) fn distribution_index(self) -> usize {
        self.split as usize
    }

    /// How far the next node is for `row`; 0 from a leaf.
    #[inline]
    pub(super) fn step(self, row: &[f32]) -> usize {
        // Masked, not branched on: rows walk side by side, some already in their leaves.
        let question = u32::from(self.child > 0).wrapping_neg();
        let next = self.to(row[((self.split / 2) & question) as usize]);
        next & question as usize
    }

    /// How far the child is to which a question sends `x`.
    #[inline]
    fn to(self, x: f32) -> usize {
        // Of bits: a branch on what is asked could not be guessed, and would take longer than all else.
        let right = u32::from(x > self.value) | (u32::from(x.is_nan()) & !self.split & 1);
        (self.child + right) as usize
    }
}

/// How many values of features are kept at hand while rows walk through one tree after the other: few
/// enough for the second-level cache, many enough that a tree is fetched seldom.
const BLOCK: usize = 1 << 18;

/// A copy of a tree that is made for walking pays when there is a row for every so many nodes.
const WORTH_A_COPY: usize = 32;

/// How many rows walk through a tree side by side, so that one's wait for memory is another's step.
const LANES: usize = 8;

impl Forest {
    pub(crate) fn new(outcome: Outcome, features: usize) -> Forest {
        let shares = match outcome {
            Outcome::Number { .. } | Outcome::Binary => Vec::new(),
            Outcome::Classes(count) => {
                let count = count as usize;
                (0..count * count).map(|at| f32::from(u8::from(at % (count + 1) == 0))).collect()
            }
        };
        Forest { outcome, features: features as u32, roots: Vec::new(), nodes: Vec::new(), shares }
    }

    /// The nodes and distributions to which the next tree's are appended.
    pub(crate) fn begin_tree(&mut self) -> (&mut Vec<Node>, &mut Vec<f32>) {
        self.roots.push(self.nodes.len() as u32);
        (&mut self.nodes, &mut self.shares)
    }

    /// The number of trees.
    pub fn trees(&self) -> usize {
        self.roots.len()
    }

    /// The number of nodes of all trees, leaves included.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The mean over trees: `rows × outputs`, row by row; probabilities for classes, else a number.
    ///
    /// O(rows · trees · depth).
    pub fn predict(&self, x: &Matrix) -> Vec<f64> {
        let (rows, cols, outputs) = (x.rows(), x.cols(), self.outcome.outputs());
        let mut out = vec![0.0; rows * outputs];
        let step = (BLOCK / cols.max(1)).clamp(LANES, rows.max(LANES));
        let mut block = vec![0.0; step.min(rows) * cols];
        for (start, out) in (0..rows).step_by(step).zip(out.chunks_mut(step * outputs)) {
            let count = out.len() / outputs;
            let block = &mut block[..count * cols];
            for col in 0..cols {
                for (row, &value) in block.chunks_exact_mut(cols).zip(&x.col(col)[start..]) {
                    row[col] = value;
                }
            }
            if count >= LANES
                && cols > 0
                && count * WORTH_A_COPY >= self.nodes.len() / self.roots.len().max(1)
            {
                self.add_to_many(block, cols, out);
            } else {
                self.add_trees(block, cols, out);
            }
            out.chunks_exact_mut(outputs).for_each(|row| self.finish(row));
        }
        out
    }

    /// Adds every tree's answer for each row of `block` to that row's outputs, in the trees' order.
    fn add_trees(&self, block: &[f32], cols: usize, out: &mut [f64]) {
        let outputs = self.outcome.outputs();
        let row = |at: usize| &block[at * cols..(at + 1) * cols];
        let abreast = out.len() / outputs / LANES * LANES;
        let (many, few) = out.split_at_mut(abreast * outputs);
        for &root in &self.roots {
            for (group, out) in many.chunks_exact_mut(LANES * outputs).enumerate() {
                let rows = std::array::from_fn(|lane| row(group * LANES + lane));
                let leaves = self.walk([root; LANES], rows);
                for (leaf, out) in leaves.iter().zip(out.chunks_exact_mut(outputs)) {
                    self.add_leaf(leaf, out);
                }
            }
        }
        // Too few rows to walk abreast: each walks several trees at once.
        for (at, out) in few.chunks_exact_mut(outputs).enumerate() {
            let row = row(abreast + at);
            let (groups, rest) = self.roots.as_chunks::<LANES>();
            let leaves = groups.iter().flat_map(|&roots| self.walk(roots, [row; LANES]));
            let last = rest.iter().flat_map(|&root| self.walk([root], [row]));
            leaves.chain(last).for_each(|leaf| self.add_leaf(&leaf, out));
        }
    }

    /// The leaves in which the rows end, each in the tree at its root.
    #[inline]
    fn walk<const N: usize>(&self, roots: [u32; N], rows: [&[f32]; N]) -> [Node; N] {
        let mut at = roots.map(|root| root as usize);
        // Without features there are no questions, and nothing to look up in a row.
        while !rows[0].is_empty() {
            let mut moved = 0;
            for (at, row) in at.iter_mut().zip(rows) {
                let step = self.nodes[*at].step(row);
                *at += step;
                moved |= step;
            }
            if moved == 0 {
                break;
            }
        }
        at.map(|at| self.nodes[at])
    }

    /// Adds a leaf's answer to a row's outputs.
    #[inline]
    fn add_leaf(&self, leaf: &Node, out: &mut [f64]) {
        if let Outcome::Classes(_) = self.outcome {
            let from = leaf.split as usize * out.len();
            for (sum, &share) in out.iter_mut().zip(&self.shares[from..]) {
                *sum += f64::from(share);
            }
        } else if let Some(last) = out.last_mut() {
            *last += f64::from(leaf.value);
        }
    }

    /// From the sums over trees to the prediction.
    fn finish(&self, row: &mut [f64]) {
        let trees = self.roots.len() as f64;
        match self.outcome {
            Outcome::Number { offset, scale } => row[0] = offset + scale * (row[0] / trees),
            Outcome::Binary => {
                row[1] /= trees;
                row[0] = 1.0 - row[1];
            }
            Outcome::Classes(_) => {
                let total: f64 = row.iter().sum();
                for share in row {
                    *share /= total;
                }
            }
        }
    }

    /// Makes sure that predicting from `cols` features stays in bounds, ends, and gives `outputs`
    /// values a row: for a forest read from bytes that nobody vouches for.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self, cols: usize, outputs: usize) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("the forest has {what}"));
        if self.outcome.outputs() != outputs {
            return wrong("another number of outputs");
        }
        if self.features as usize != cols {
            return wrong("another number of features");
        }
        let unit = |value: f32| (0.0..=1.0).contains(&value);
        match self.outcome {
            Outcome::Number { offset, scale } if !(offset.is_finite() && scale.is_finite()) => {
                return wrong("an infinite target");
            }
            Outcome::Classes(_) => {
                let even = |row: &[f32]| {
                    row.iter().all(|&s| unit(s)) && (row.iter().sum::<f32>() - 1.0).abs() < 1e-3
                };
                if outputs < 3 || !self.shares.len().is_multiple_of(outputs) {
                    return wrong("distributions of another width");
                }
                if !self.shares.chunks_exact(outputs).all(even) {
                    return wrong("a distribution that does not sum to 1");
                }
            }
            Outcome::Number { .. } | Outcome::Binary => {}
        }
        if self.roots.first() != Some(&0) || !self.roots.is_sorted_by(|a, b| a < b) {
            return wrong("trees out of order");
        }
        let distributions = self.shares.len() / outputs;
        for (tree, &root) in self.roots.iter().enumerate() {
            let end = self.roots.get(tree + 1).map_or(self.nodes.len(), |&next| next as usize);
            let Some(nodes) = self.nodes.get(root as usize..end).filter(|nodes| !nodes.is_empty()) else {
                return wrong("a tree without nodes");
            };
            for (at, node) in nodes.iter().enumerate() {
                let sound = if node.child > 0 {
                    // Children lie behind their parent, so every walk ends.
                    cols > (node.split / 2) as usize
                        && !node.value.is_nan()
                        && at + node.child as usize + 1 < nodes.len()
                } else {
                    match self.outcome {
                        Outcome::Number { .. } => node.value.is_finite(),
                        Outcome::Binary => unit(node.value),
                        Outcome::Classes(_) => (node.split as usize) < distributions,
                    }
                };
                if !sound {
                    return wrong("a node that points outside");
                }
            }
        }
        Ok(())
    }

    /// About how many bytes it takes in memory.
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&self.roots[..])
            + size_of_val(&self.nodes[..])
            + size_of_val(&self.shares[..])
    }
}
