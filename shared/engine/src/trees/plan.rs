//! How trees are to be grown, from an estimator's parameters.

use crate::estimators::{Domain, Fit, Parameter, Params, Search, Target};

/// How many trees.
pub(crate) const TREES: Parameter = Parameter {
    name: "trees",
    domain: Domain::Integer { min: 1, max: 2000, default: 100 },
    search: Search::Fixed,
    doc: "How many trees are averaged",
};

/// How deep.
pub(crate) const MAX_DEPTH: Parameter = Parameter {
    name: "max_depth",
    domain: Domain::AutoInteger { min: 1, max: 1000 },
    search: Search::Between(3.0, 16.0),
    doc: "The most questions on the way to a leaf; no limit when null",
};

/// How small leaves may be.
pub(crate) const MIN_LEAF: Parameter = Parameter {
    name: "min_leaf",
    domain: Domain::AutoInteger { min: 1, max: 1_000_000 },
    search: Search::Log(1.0, 64.0),
    doc: "The fewest rows in a leaf; grows with the number of rows when null",
};

/// How many features a node looks at.
pub(crate) const SPLIT_FEATURES: Parameter = Parameter {
    name: "split_features",
    domain: Domain::Choice { of: &["auto", "root", "third", "half", "all"], default: "auto" },
    search: Search::Every,
    doc: "Of how many features, drawn anew, each split is the best; auto: the root of their number for \
          classes, half for numbers",
};

/// How a forest is grown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// The number of trees.
    pub(crate) trees: usize,
    /// Whether each tree sees rows drawn with replacement, or all of them.
    pub(crate) bootstrap: bool,
    /// How many features a node looks at, of those that there are.
    pub(crate) features: Share,
    /// The fewest rows in a leaf.
    pub(crate) min_leaf: usize,
    /// The most questions on the way to a leaf.
    pub(crate) max_depth: usize,
    /// Whether cuts are drawn at random instead of searched for.
    pub(crate) random_cuts: bool,
}

impl Plan {
    /// A forest by the parameters [`TREES`], [`MAX_DEPTH`], [`MIN_LEAF`] and [`SPLIT_FEATURES`].
    ///
    /// By default leaves have at least 2 rows, and one more for every 40,000 of the data. Leaves of
    /// one row double a forest and make its probabilities worse; growing leaves keep a forest at some
    /// 30 MB, with better rankings than full depth (10 at 350,000 rows).
    pub(crate) fn forest(fit: &Fit) -> Plan {
        let features = match fit.params.choice("split_features") {
            "root" => Share::Root,
            "third" => Share::Third,
            "half" => Share::Half,
            "all" => Share::All,
            _ => match fit.y {
                Target::Classes { .. } => Share::Root,
                Target::Numbers(_) => Share::Half,
            },
        };
        Plan {
            trees: fit.params.integer("trees") as usize,
            bootstrap: false,
            features,
            min_leaf: min_leaf(fit.params).unwrap_or(2 + fit.x.rows() / 40_000),
            max_depth: max_depth(fit.params),
            random_cuts: false,
        }
    }

    /// One tree on all rows and features, by the parameters [`MAX_DEPTH`] and [`MIN_LEAF`].
    ///
    /// A single tree has nothing but its leaves to average over, so by default these have at least 10
    /// rows (or a tenth of them). With many rows leaves for classes have a quarter of their root, which
    /// probabilities need; for numbers one in 40,000.
    pub(crate) fn tree(fit: &Fit) -> Plan {
        let rows = fit.x.rows();
        let usual = match fit.y {
            Target::Classes { .. } => ((rows as f64).sqrt() / 4.0) as usize,
            Target::Numbers(_) => rows / 40_000,
        };
        Plan {
            trees: 1,
            bootstrap: false,
            features: Share::All,
            min_leaf: min_leaf(fit.params).unwrap_or(usual.max(10).min(rows / 10).max(1)),
            max_depth: max_depth(fit.params),
            random_cuts: false,
        }
    }

    /// One small tree on all rows and features, of those that are boosted: it only has to be better
    /// than chance. Leaves of a few rows keep single ones, which weigh more and more, from being
    /// learned by heart.
    pub(crate) fn shallow(max_depth: usize, rows: usize) -> Plan {
        Plan {
            trees: 1,
            bootstrap: false,
            features: Share::All,
            min_leaf: (rows / 20).clamp(1, 5),
            max_depth,
            random_cuts: false,
        }
    }
}

fn min_leaf(params: &Params) -> Option<usize> {
    params.auto_integer("min_leaf").map(|rows| rows as usize)
}

fn max_depth(params: &Params) -> usize {
    params.auto_integer("max_depth").map_or(usize::MAX, |depth| depth as usize)
}

/// A share of the features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// The square root of their number.
    Root,
    /// A third, rounded up.
    Third,
    /// A half, rounded up.
    Half,
    /// All of them.
    All,
}

impl Share {
    /// The share of so many features; at least one.
    pub(crate) fn of(self, features: usize) -> usize {
        let share = match self {
            Share::Root => (features as f64).sqrt().round() as usize,
            Share::Third => features.div_ceil(3),
            Share::Half => features.div_ceil(2),
            Share::All => features,
        };
        share.max(1)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::matrix::Matrix;

    fn forest(params: &serde_json::Value, y: &Target) -> Plan {
        let declared: &[Parameter] = &[TREES, MAX_DEPTH, MIN_LEAF, SPLIT_FEATURES];
        let params = Params::check(declared, params.as_object().unwrap()).unwrap();
        let x = Matrix::new(y.len(), 1, vec![0.0; y.len()]);
        Plan::forest(&Fit { x: &x, y, weights: None, seed: 0, params: &params })
    }

    #[test]
    fn what_is_asked_for_wins_over_what_the_task_would_get() {
        let (classes, numbers) =
            (Target::Classes { codes: vec![0, 1], count: 2 }, Target::Numbers(vec![0.0, 1.0]));
        for (word, share) in
            [("root", Share::Root), ("third", Share::Third), ("half", Share::Half), ("all", Share::All)]
        {
            assert_eq!(forest(&json!({"split_features": word}), &classes).features, share);
            assert_eq!(forest(&json!({"split_features": word}), &numbers).features, share);
        }
        assert_eq!(forest(&json!({}), &classes).features, Share::Root);
        assert_eq!(forest(&json!({}), &numbers).features, Share::Half);
        let asked = forest(&json!({"trees": 7, "min_leaf": 3, "max_depth": 4}), &numbers);
        assert_eq!((asked.trees, asked.min_leaf, asked.max_depth), (7, 3, 4));
    }

    #[test]
    fn leaves_grow_with_the_data() {
        let of = |rows| forest(&json!({}), &Target::Numbers(vec![0.0; rows])).min_leaf;
        assert_eq!([of(2), of(39_999), of(40_000), of(350_000)], [2, 2, 3, 10]);
    }

    #[test]
    fn a_share_is_at_least_one_feature() {
        for share in [Share::Root, Share::Third, Share::Half, Share::All] {
            assert_eq!((share.of(0), share.of(1)), (1, 1));
        }
        assert_eq!([Share::Root, Share::Third, Share::Half, Share::All].map(|s| s.of(10)), [3, 4, 5, 10]);
    }
}
