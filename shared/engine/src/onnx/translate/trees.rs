//! `TreeEnsembleClassifier` and `TreeEnsembleRegressor`: from ten parallel lists to nodes.

use std::collections::HashMap;

use super::Translator;
use super::attributes::{Attributes, text};
use crate::onnx::OnnxError;
use crate::onnx::operators::{Gather, Labels, Node, Operator, Transform, Trees};
use crate::onnx::source::constant;

/// The lists of a node of the graph, one value a node of the trees.
struct Lists<'a> {
    tree: &'a [i64],
    node: &'a [i64],
    column: &'a [i64],
    mode: &'a [prost::bytes::Bytes],
    value: Vec<f64>,
    yes: &'a [i64],
    no: &'a [i64],
    missing: &'a [i64],
}

impl Translator {
    pub(super) fn trees(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        let classifies = node.node.op_type == "TreeEnsembleClassifier";
        node.ignore(&["nodes_hitrates", "nodes_hitrates_as_tensor"]);
        let lists = Lists {
            tree: node.ints("nodes_treeids")?,
            node: node.ints("nodes_nodeids")?,
            column: node.ints("nodes_featureids")?,
            mode: node.texts("nodes_modes")?,
            value: self.numbers(node, "nodes_values", "nodes_values_as_tensor")?,
            yes: node.ints("nodes_truenodeids")?,
            no: node.ints("nodes_falsenodeids")?,
            missing: node.ints("nodes_missing_value_tracks_true")?,
        };
        let (labels, targets) = if classifies {
            let labels = self.labels(node, "classlabels_int64s", "classlabels_strings")?;
            let labels: Labels = labels.ok_or_else(|| node.refuse("it has no labels"))?;
            let count = labels.values.len() as i64;
            (Some(labels), count)
        } else {
            (None, node.int("n_targets", 1)?)
        };
        let [tree, at, to, weight, tensor] = if classifies {
            ["class_treeids", "class_nodeids", "class_ids", "class_weights", "class_weights_as_tensor"]
        } else {
            ["target_treeids", "target_nodeids", "target_ids", "target_weights", "target_weights_as_tensor"]
        };
        let weights = self.numbers(node, weight, tensor)?;
        let leaves = (node.ints(tree)?, node.ints(at)?, node.ints(to)?, weights);
        let gather =
            match if classifies { "SUM".into() } else { node.text("aggregate_function", "SUM")? }.as_str() {
                "SUM" => Gather::Sum,
                "AVERAGE" => Gather::Average,
                "MIN" => Gather::Min,
                "MAX" => Gather::Max,
                other => return Err(node.refuse(format!("it gathers by {other}"))),
            };
        let base = self.numbers(node, "base_values", "base_values_as_tensor")?;
        if labels.is_some() && targets == 2 && base.len() == 2 {
            return Err(
                node.refuse("it has two base values for two classes, of which nobody says what they mean")
            );
        }
        let transform = node.text("post_transform", "NONE")?;
        let transform = Transform::find(&transform)
            .ok_or_else(|| node.refuse(format!("its post_transform is {transform}")))?;
        let grown = grown(&lists, &leaves, targets).map_err(|why| node.refuse(why))?;
        let base = base.into_iter().map(|value| value as f32).collect();
        self.step(node, Operator::Trees(Trees { base, gather, transform, labels, ..grown }))
    }

    fn numbers(
        &mut self,
        node: &Attributes,
        floats: &'static str,
        tensor: &'static str,
    ) -> Result<Vec<f64>, OnnxError> {
        if let Some(tensor) = node.tensor(tensor)? {
            return Ok(constant(tensor, &mut |text| self.word(text))?.values);
        }
        Ok(node.floats(floats)?.iter().map(|value| f64::from(*value)).collect())
    }
}

/// The trees, each node before its children; or what is wrong with them, in words.
fn grown(lists: &Lists, leaves: &(&[i64], &[i64], &[i64], Vec<f64>), targets: i64) -> Result<Trees, String> {
    let count = lists.node.len();
    let lengths = [
        lists.tree.len(),
        lists.column.len(),
        lists.mode.len(),
        lists.value.len(),
        lists.yes.len(),
        lists.no.len(),
    ];
    if lengths.iter().any(|length| *length != count)
        || !(lists.missing.is_empty() || lists.missing.len() == count)
    {
        return Err("its lists of nodes are of different lengths".into());
    }
    if !(1..=1 << 16).contains(&targets) {
        return Err("its number of targets makes no sense".into());
    }
    let (trees, nodes, of, weights) = leaves;
    if trees.len() != weights.len() || nodes.len() != weights.len() || of.len() != weights.len() {
        return Err("its lists of leaves are of different lengths".into());
    }
    let places: HashMap<(i64, i64), usize> =
        (0..count).map(|at| ((lists.tree[at], lists.node[at]), at)).collect();
    if places.len() != count {
        return Err("a node is there twice".into());
    }
    let mut of_leaf: HashMap<(i64, i64), Vec<(u32, f32)>> = HashMap::new();
    for (((tree, node), target), weight) in trees.iter().zip(*nodes).zip(*of).zip(weights) {
        let target = u32::try_from(*target).ok().filter(|target| i64::from(*target) < targets);
        let target = target.ok_or("a leaf is of a target that is not there")?;
        of_leaf.entry((*tree, *node)).or_default().push((target, *weight as f32));
    }
    let mut grown = Trees {
        roots: Vec::new(),
        nodes: Vec::with_capacity(count),
        weights: Vec::with_capacity(weights.len()),
        targets: targets as u32,
        columns: 0,
        base: Vec::new(),
        gather: Gather::Sum,
        transform: Transform::None,
        labels: None,
    };
    let mut begun = std::collections::HashSet::new();
    let mut seen = vec![false; count];
    for at in 0..count {
        // The first node of a tree is its root.
        if begun.insert(lists.tree[at]) {
            grown.roots.push(grown.nodes.len() as u32);
            grow(lists, &places, &of_leaf, at, &mut seen, &mut grown)?;
        }
    }
    Ok(grown)
}

/// Appends the tree whose root is at `root`. A node is visited once, so that it ends.
fn grow(
    lists: &Lists,
    places: &HashMap<(i64, i64), usize>,
    of_leaf: &HashMap<(i64, i64), Vec<(u32, f32)>>,
    root: usize,
    seen: &mut [bool],
    grown: &mut Trees,
) -> Result<(), String> {
    // What is still to be appended, and which side of which node it is.
    let mut waiting: Vec<(usize, Option<(usize, bool)>)> = vec![(root, None)];
    while let Some((at, parent)) = waiting.pop() {
        if std::mem::replace(&mut seen[at], true) {
            return Err("a node has two parents".into());
        }
        let here = grown.nodes.len();
        if let Some((parent, is_yes)) = parent {
            match &mut grown.nodes[parent] {
                Node::AtMost { yes, no, .. } | Node::Is { yes, no, .. } => {
                    *(if is_yes { yes } else { no }) = here as u32;
                }
                Node::Leaf { .. } => {}
            }
        }
        let tree = lists.tree[at];
        let mode = text(&lists.mode[at]);
        if mode == "LEAF" {
            let from = grown.weights.len() as u32;
            grown.weights.extend(of_leaf.get(&(tree, lists.node[at])).into_iter().flatten());
            grown.nodes.push(Node::Leaf { from, to: grown.weights.len() as u32 });
            continue;
        }
        let column = u32::try_from(lists.column[at]).ok().filter(|column| *column < u32::MAX);
        let column = column.ok_or("a node asks about a column that is not there")?;
        grown.columns = grown.columns.max(column + 1);
        let missing = lists.missing.get(at).is_some_and(|tracks| *tracks != 0);
        let (node, turned) = question(&mode, column, lists.value[at], missing)?;
        grown.nodes.push(node);
        for (id, is_yes) in [(lists.no[at], turned), (lists.yes[at], !turned)] {
            let child = places.get(&(tree, id)).ok_or("a node has a child that is not there")?;
            waiting.push((*child, Some((here, is_yes))));
        }
    }
    Ok(())
}

/// A question in one of our two forms, and whether its answers are turned round.
fn question(mode: &str, column: u32, value: f64, missing: bool) -> Result<(Node, bool), String> {
    let at_most = |value: f64, missing: bool| Node::AtMost { column, value, missing, yes: 0, no: 0 };
    let is = |missing: bool| Node::Is { column, value, missing, yes: 0, no: 0 };
    if value.is_nan() {
        return Err("a node asks about a threshold that is no number".into());
    }
    Ok(match mode {
        "BRANCH_LEQ" => (at_most(value, missing), false),
        "BRANCH_LT" => (at_most(value.next_down(), missing), false),
        // A missing value is not greater: it goes where what is no more goes, unless it is told apart.
        "BRANCH_GT" => (at_most(value, !missing), true),
        "BRANCH_GTE" => (at_most(value.next_down(), !missing), true),
        "BRANCH_EQ" => (is(missing), false),
        // A missing value is not equal to anything.
        "BRANCH_NEQ" => (is(false), true),
        other => return Err(format!("a node of it is a {other}")),
    })
}
