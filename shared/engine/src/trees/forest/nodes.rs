//! A forest as plain nodes, for whoever writes it down in another form.

use super::{Forest, Outcome};

/// A node of a tree, its children by their numbers among all nodes of the forest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Plain {
    /// What it adds to each output; of two classes to the second only.
    Leaf(Vec<f32>),
    /// Whether a feature is no more than a threshold, or less where that is strict; and whether a missing one
    /// counts as that.
    Question { feature: usize, threshold: f32, strict: bool, missing_left: bool, children: [usize; 2] },
}

impl Forest {
    /// Each tree's root and all nodes. O(nodes × classes).
    pub(crate) fn plain(&self) -> (Vec<usize>, Vec<Plain>) {
        let roots = self.roots.iter().map(|root| *root as usize).collect();
        let plain = |(at, node): (usize, &super::Node)| {
            if !node.is_leaf() {
                return Plain::Question {
                    feature: node.feature(),
                    threshold: node.value,
                    strict: false,
                    missing_left: node.split % 2 == 1,
                    children: node.children(at),
                };
            }
            Plain::Leaf(match self.outcome {
                Outcome::Number { .. } | Outcome::Binary => vec![node.value],
                Outcome::Classes(count) => {
                    let from = node.distribution_index() * count as usize;
                    self.shares[from..from + count as usize].to_vec()
                }
            })
        };
        (roots, self.nodes.iter().enumerate().map(plain).collect())
    }
}
