//! How many rows walk through a tree.

use super::{Forest, Node};

/// How many rows walk side by side, so that one's wait for memory is another's step.
const LANES: usize = 16;

impl Forest {
    /// Adds every tree's answer for each row of `block` to that row's outputs, in the trees' order: what
    /// [`add_trees`](Forest::add_trees) does, for many rows of at least one feature.
    ///
    /// Each tree is copied for it, with leaves that every row stays in: a walk then has no branch but
    /// its end, and no case to tell apart.
    pub(super) fn add_to_many(&self, block: &[f32], cols: usize, out: &mut [f64]) {
        let outputs = self.outcome.outputs();
        let missing = block.iter().any(|value| value.is_nan());
        let mut tree = Vec::new();
        let ends = self.roots.iter().skip(1).map(|&root| root as usize).chain([self.nodes.len()]);
        for (&root, end) in self.roots.iter().zip(ends) {
            let nodes = &self.nodes[root as usize..end];
            tree.clear();
            tree.extend(nodes.iter().map(|node| if node.is_leaf() { Node::STAY } else { *node }));
            let rows = block.chunks(LANES * cols).zip(out.chunks_mut(LANES * outputs));
            for (rows, out) in rows {
                let leaves =
                    if missing { walk::<true>(&tree, rows, cols) } else { walk::<false>(&tree, rows, cols) };
                for (&leaf, out) in leaves.iter().zip(out.chunks_exact_mut(outputs)) {
                    self.add_leaf(&nodes[leaf as usize], out);
                }
            }
        }
    }
}

/// Where in the tree up to [`LANES`] rows end, of which some have missing values if so it is said.
#[inline]
fn walk<const MISSING: bool>(tree: &[Node], rows: &[f32], cols: usize) -> [u32; LANES] {
    let mut at = [0; LANES];
    loop {
        let mut moved = 0;
        for (at, row) in at.iter_mut().zip(rows.chunks_exact(cols)) {
            let node = &tree[*at as usize];
            let x = row[node.feature()];
            let mut right = u32::from(x > node.value);
            if MISSING {
                right |= u32::from(x.is_nan()) & !node.split & 1;
            }
            let step = node.child + right;
            *at += step;
            moved |= step;
        }
        if moved == 0 {
            return at;
        }
    }
}
