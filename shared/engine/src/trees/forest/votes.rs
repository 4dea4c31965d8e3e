//! What each tree of a forest says by itself, for estimators that weigh their trees.

use super::{Forest, Node, Outcome};
use crate::matrix::Matrix;

impl Forest {
    /// What the leaves say.
    pub(crate) fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Appends another forest's trees, grown on the same features for the same task. Numbers are
    /// rewritten in this forest's unit: the other's target may have been weighted otherwise.
    ///
    /// O(the other's nodes).
    pub(crate) fn append(&mut self, other: Forest) {
        let start = self.nodes.len() as u32;
        self.roots.extend(other.roots.iter().map(|root| root + start));
        let in_this_unit = |value: f32| match (self.outcome, other.outcome) {
            (Outcome::Number { offset, scale }, Outcome::Number { offset: from, scale: by }) => {
                let unit = if scale > 0.0 { scale } else { 1.0 };
                ((from + by * f64::from(value) - offset) / unit) as f32
            }
            _ => value,
        };
        // Pure leaves share the distributions in front, which both have.
        let pure = match self.outcome {
            Outcome::Classes(count) => count,
            Outcome::Number { .. } | Outcome::Binary => 0,
        };
        let moved = (self.shares.len() / self.outcome.outputs()) as u32 - pure;
        self.nodes.extend(other.nodes.into_iter().map(|node| match (node.child, self.outcome) {
            (0, Outcome::Classes(_)) if node.split >= pure => Node { split: node.split + moved, ..node },
            (0, Outcome::Number { .. }) => Node { value: in_this_unit(node.value), ..node },
            _ => node,
        }));
        self.shares.extend_from_slice(&other.shares[(pure * pure) as usize..]);
    }

    /// Hands over, row by row, what each tree says: the most probable class's number, or a number in
    /// the forest's unit.
    ///
    /// O(rows · trees · depth); meant for shallow trees.
    pub(crate) fn each_verdict(&self, x: &Matrix, mut take: impl FnMut(usize, &[f32])) {
        let classes: Vec<f32> = match self.outcome {
            Outcome::Classes(count) => self.shares.chunks_exact(count as usize).map(most).collect(),
            Outcome::Number { .. } | Outcome::Binary => Vec::new(),
        };
        let mut verdicts = vec![0.0; self.roots.len()];
        for row in 0..x.rows() {
            for (verdict, &root) in verdicts.iter_mut().zip(&self.roots) {
                let leaf = self.leaf(root, x, row);
                *verdict = match self.outcome {
                    Outcome::Number { .. } => leaf.value,
                    Outcome::Binary => f32::from(u8::from(leaf.value > 0.5)),
                    Outcome::Classes(_) => classes[leaf.split as usize],
                };
            }
            take(row, &verdicts);
        }
    }

    fn leaf(&self, root: u32, x: &Matrix, row: usize) -> Node {
        let mut at = root as usize;
        loop {
            let node = self.nodes[at];
            if node.child == 0 {
                return node;
            }
            at += node.to(x.get(row, (node.split / 2) as usize));
        }
    }
}

/// The place of the largest share; of equals, the first.
fn most(shares: &[f32]) -> f32 {
    let mut best = 0;
    for (at, share) in shares.iter().enumerate() {
        if *share > shares[best] {
            best = at;
        }
    }
    best as f32
}
