//! Ensembles of trees.

use serde::{Deserialize, Serialize};

use super::elementwise::sigmoid;
use super::linear::{Labels, largest};
use super::transform::Transform;
use crate::onnx::fault::{Fault, Run};
use crate::onnx::tensor::{Tensor, Type, volume};

/// Trees whose leaves add to targets. Part of the artifact's format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::onnx) struct Trees {
    /// Where each tree begins.
    pub(in crate::onnx) roots: Vec<u32>,
    pub(in crate::onnx) nodes: Vec<Node>,
    /// What leaves add to which target.
    pub(in crate::onnx) weights: Vec<(u32, f32)>,
    pub(in crate::onnx) targets: u32,
    /// Columns that are asked about lie before this one.
    pub(in crate::onnx) columns: u32,
    pub(in crate::onnx) base: Vec<f32>,
    pub(in crate::onnx) gather: Gather,
    pub(in crate::onnx) transform: Transform,
    /// The classes, of a classifier.
    pub(in crate::onnx) labels: Option<Labels>,
}

/// Part of the artifact's format: add at the end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(in crate::onnx) enum Node {
    /// Its weights, from one to before another.
    Leaf { from: u32, to: u32 },
    /// Whether a column's value is no more than this; both children lie behind.
    AtMost { column: u32, value: f64, missing: bool, yes: u32, no: u32 },
    /// Whether a column's value is this.
    Is { column: u32, value: f64, missing: bool, yes: u32, no: u32 },
}

/// How trees' answers become one. Part of the artifact's format: add at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::onnx) enum Gather {
    Sum,
    Average,
    Min,
    Max,
}

impl Trees {
    /// Labels and scores for classes, else numbers. O(rows × trees × depth).
    pub(super) fn run(&self, x: &Tensor) -> Run<Vec<Tensor>> {
        let (rows, cols) = x.matrix();
        if x.kind == Type::Word {
            return Err(Fault::Type);
        }
        if self.columns as usize > cols {
            return Err(Fault::Shape);
        }
        let targets = self.targets as usize;
        let mut scores = vec![0.0f64; volume(&[rows, targets])?];
        let mut told = vec![false; scores.len()];
        for (row, values) in x.values.chunks_exact(cols.max(1)).enumerate() {
            let own = row * targets..(row + 1) * targets;
            let (scores, told) = (&mut scores[own.clone()], &mut told[own]);
            for &root in &self.roots {
                for (target, weight) in self.leaf(root, values) {
                    let (target, weight) = (*target as usize, f64::from(*weight));
                    scores[target] = match self.gather {
                        Gather::Min if told[target] => scores[target].min(weight),
                        Gather::Max if told[target] => scores[target].max(weight),
                        Gather::Min | Gather::Max => weight,
                        Gather::Sum | Gather::Average => scores[target] + weight,
                    };
                    told[target] = true;
                }
            }
        }
        if let Some(labels) = &self.labels {
            return self.classes(labels, rows, &scores, &told);
        }
        for row in scores.chunks_exact_mut(targets) {
            for (at, score) in row.iter_mut().enumerate() {
                if self.gather == Gather::Average {
                    *score /= self.roots.len() as f64;
                }
                *score += match self.base.as_slice() {
                    [one] if targets == 1 => f64::from(*one),
                    base if base.len() == targets => f64::from(base[at]),
                    _ => 0.0,
                };
            }
            // One number has no share, and others do not make one of it.
            if targets > 1 || self.transform == Transform::Probit {
                self.transform.apply(row);
            }
        }
        Ok(vec![Tensor::new(Type::Float, vec![rows, targets], scores)?])
    }

    /// Labels and scores from the sums of leaves: with two classes they may be of one of them alone.
    fn classes(&self, labels: &Labels, rows: usize, sums: &[f64], told: &[bool]) -> Run<Vec<Tensor>> {
        let classes = self.targets as usize;
        if labels.values.len() != classes {
            return Err(Fault::Shape);
        }
        // Whether leaves speak of one class only, and whether any speaks against it.
        let one =
            self.weights.first().is_some_and(|first| self.weights.iter().all(|(class, _)| *class == first.0));
        let positive = self.weights.iter().all(|(_, weight)| *weight >= 0.0);
        let mut scores = Vec::with_capacity(volume(&[rows, classes.max(2)])?);
        let mut chosen = Vec::with_capacity(rows);
        for (sums, told) in sums.chunks_exact(classes).zip(told.chunks_exact(classes)) {
            let from = scores.len();
            let base = |class: usize| self.base.get(class).copied().map_or(0.0, f64::from);
            if classes != 2 {
                scores.extend(sums.iter().enumerate().map(|(class, sum)| sum + base(class)));
                chosen.push(largest(&scores[from..]));
                self.transform.apply(&mut scores[from..]);
                continue;
            }
            // Without leaves of the second class the first one's are about the second.
            let first = sums[0] + if told[1] { 0.0 } else { base(0) };
            let decisive = if told[1] { sums[1] } else { first };
            chosen.push(usize::from(decisive > if one && positive { 0.5 } else { 0.0 }));
            scores.extend(match self.transform {
                _ if told[1] => {
                    let mut pair = [first, sums[1]];
                    self.transform.apply(&mut pair);
                    pair
                }
                Transform::Logistic => [sigmoid(-first), sigmoid(first)],
                _ if one && positive => [1.0 - first, first],
                _ => [-first, first],
            });
        }
        Ok(vec![labels.tensor(&chosen)?, Tensor::new(Type::Float, vec![rows, classes.max(2)], scores)?])
    }

    fn leaf(&self, root: u32, row: &[f64]) -> &[(u32, f32)] {
        let mut at = root;
        loop {
            at = match self.nodes[at as usize] {
                Node::Leaf { from, to } => return &self.weights[from as usize..to as usize],
                Node::AtMost { column, value, missing, yes, no } => {
                    let x = row[column as usize];
                    if x <= value || missing && x.is_nan() { yes } else { no }
                }
                #[allow(clippy::float_cmp, reason = "that is what the node asks")]
                Node::Is { column, value, missing, yes, no } => {
                    let x = row[column as usize];
                    if x == value || missing && x.is_nan() { yes } else { no }
                }
            }
        }
    }

    /// Whether running it ends, and cannot go out of bounds.
    pub(super) fn is_sound(&self) -> bool {
        let sound = |(at, node): (usize, &Node)| match *node {
            Node::Leaf { from, to } => from <= to && to as usize <= self.weights.len(),
            Node::AtMost { column, yes, no, .. } | Node::Is { column, yes, no, .. } => {
                let behind = |child: u32| child as usize > at && (child as usize) < self.nodes.len();
                column < self.columns && behind(yes) && behind(no)
            }
        };
        (1..=1 << 16).contains(&self.targets)
            && self.roots.iter().all(|root| (*root as usize) < self.nodes.len())
            && self.nodes.iter().enumerate().all(sound)
            && self.weights.iter().all(|(target, _)| *target < self.targets)
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.nodes.len() * size_of::<Node>() + self.weights.len() * 8 + self.roots.len() * 4
    }
}
