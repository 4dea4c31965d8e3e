//! Trees as a `TreeEnsembleRegressor`.

use super::writer::{Setting, Writer};
use crate::trees::Plain;

/// What a leaf adds to which output.
pub(crate) type Leaf = Vec<(usize, f32)>;

/// The sum of what trees say, as floats `[N, outputs]`. A tree's nodes lie behind its root, before the next
/// tree's; `of_leaf` gets the tree's number and what its leaf holds.
pub(crate) fn trees(
    writer: &mut Writer,
    matrix: &str,
    (roots, nodes): (&[usize], &[Plain]),
    outputs: usize,
    of_leaf: impl Fn(usize, &[f32]) -> Leaf,
) -> String {
    let count = nodes.len();
    let [mut tree_ids, mut ids, mut features, mut yes, mut no, mut missing] =
        std::array::from_fn(|_| Vec::<i64>::with_capacity(count));
    let (mut values, mut modes) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let [mut leaf_trees, mut leaf_ids, mut targets] = std::array::from_fn(|_| Vec::<i64>::new());
    let mut weights = Vec::new();
    for (tree, &root) in roots.iter().enumerate() {
        let end = roots.get(tree + 1).copied().unwrap_or(count);
        for (at, node) in nodes[root..end].iter().enumerate() {
            tree_ids.push(tree as i64);
            ids.push(at as i64);
            match node {
                Plain::Leaf(held) => {
                    for (target, weight) in of_leaf(tree, held) {
                        leaf_trees.push(tree as i64);
                        leaf_ids.push(at as i64);
                        targets.push(target as i64);
                        weights.push(weight);
                    }
                    features.push(0);
                    values.push(0.0);
                    modes.push("LEAF".to_owned());
                    for list in [&mut yes, &mut no, &mut missing] {
                        list.push(0);
                    }
                }
                Plain::Question { feature, threshold, strict, missing_left, children: [left, right] } => {
                    features.push(*feature as i64);
                    values.push(*threshold);
                    modes.push(if *strict { "BRANCH_LT" } else { "BRANCH_LEQ" }.to_owned());
                    yes.push((left - root) as i64);
                    no.push((right - root) as i64);
                    missing.push(i64::from(*missing_left));
                }
            }
        }
    }
    let settings = vec![
        Setting::Int("n_targets", outputs as i64),
        Setting::Text("aggregate_function", "SUM"),
        Setting::Ints("nodes_treeids", tree_ids),
        Setting::Ints("nodes_nodeids", ids),
        Setting::Ints("nodes_featureids", features),
        Setting::Texts("nodes_modes", modes),
        Setting::Floats("nodes_values", values),
        Setting::Ints("nodes_truenodeids", yes),
        Setting::Ints("nodes_falsenodeids", no),
        Setting::Ints("nodes_missing_value_tracks_true", missing),
        Setting::Ints("target_treeids", leaf_trees),
        Setting::Ints("target_nodeids", leaf_ids),
        Setting::Ints("target_ids", targets),
        Setting::Floats("target_weights", weights),
    ];
    writer.learned("TreeEnsembleRegressor", &[matrix], settings)
}
