//! What each feature adds to a forest's predictions: exact path-dependent Shapley values.
//!
//! Of a feature that is unknown, a row goes both ways, in proportion to the background rows that went
//! each way: their covers, counted once and kept beside the nodes.
//!
//! Along one path the value of a set of known features is a product: of 1 or 0 for each known one
//! (whether the row goes that way), and of the share of background rows that do for each unknown
//! one. The Shapley values of a product are integrals over `t` from 0 to 1 of `known − unknown` times
//! the other features' `(1 − t) · unknown + t · known`: polynomials, for which Gauss and Legendre's
//! rule is exact. One walk over the tree sums them for all leaves at once, with nothing but positive
//! terms, so that no digits are lost however deep the tree is.
//!
//! S. Lundberg, G. Erion and S.-I. Lee, Consistent individualized feature attribution for tree
//! ensembles, 2018; G. Owen, Multilinear extensions of games, Management Science 18 (1972); P. Yu et
//! al., Linear `TreeShap`, Advances in Neural Information Processing Systems 2022.

use super::forest::{Forest, Outcome};
use crate::explain::{Contributions, MOST_ROWS, Scale, settle};
use crate::matrix::Matrix;

/// Deeper trees come from no estimator, and a walk keeps its place on the stack.
const DEEPEST: usize = 1024;
/// So many points integrate paths of twice as many different features exactly.
const MOST_POINTS: usize = 64;

impl Forest {
    /// What each column adds to the predictions of `x`, with the [`covers`](Forest::covers) of background
    /// rows. The base is the mean prediction of the background. `None` for trees too deep to walk.
    ///
    /// O(rows · nodes · depth · outputs), where nodes that no background row reached count only along a
    /// row's own way.
    pub(crate) fn explain(&self, x: &Matrix, covers: &[u16]) -> Option<Contributions> {
        let outputs = match self.outcome {
            Outcome::Number { .. } | Outcome::Binary => 1,
            Outcome::Classes(count) => count as usize,
        };
        let (depth, mut base) = self.expected(covers, outputs);
        if depth > DEEPEST {
            return None;
        }
        let cols = x.cols();
        let rule = Rule::new(depth.min(cols).div_ceil(2).clamp(1, MOST_POINTS));
        let mut values = vec![0.0; x.rows() * outputs * cols];
        let mut row = vec![0.0; cols];
        let mut walk = Walk {
            forest: self,
            covers,
            outputs,
            known: vec![Known::BOTH; cols],
            products: vec![1.0; (depth + 1) * rule.points.len()],
            sums: vec![0.0; (depth + 1) * rule.points.len() * outputs],
            rule: &rule,
        };
        for (at, out) in values.chunks_exact_mut((outputs * cols).max(1)).enumerate() {
            x.copy_row(at, &mut row);
            for &root in &self.roots {
                walk.visit(root as usize, 0, &row, out);
            }
        }
        let trees = self.roots.len() as f64;
        let (scale, offset, unit) = match self.outcome {
            Outcome::Number { offset, scale } => (Scale::Number, offset, scale / trees),
            Outcome::Binary | Outcome::Classes(_) => (Scale::Probability, 0.0, 1.0 / trees),
        };
        for base in &mut base {
            *base = offset + unit * *base;
        }
        for value in &mut values {
            *value *= unit;
        }
        if let Outcome::Classes(_) = self.outcome {
            // Distributions sum to 1 only as far as `f32` goes, and predictions are made to.
            let predicted = self.predict(x);
            for (at, parts) in values.chunks_exact_mut(cols.max(1)).enumerate() {
                let sum = base[at % outputs] + parts.iter().sum::<f64>();
                settle(parts, predicted[at] - sum);
            }
        }
        Some(Contributions::new(scale, cols, base, values))
    }

    /// How many of the rows, the first 65,535 at most, come through each node.
    ///
    /// O(rows · trees · depth).
    pub(crate) fn covers(&self, rows: &Matrix) -> Vec<u16> {
        let mut covers = vec![0; self.nodes.len()];
        let mut row = vec![0.0; rows.cols()];
        for at in 0..rows.rows().min(MOST_ROWS) {
            rows.copy_row(at, &mut row);
            for &root in &self.roots {
                let mut at = root as usize;
                loop {
                    covers[at] += 1;
                    match self.nodes[at].step(&row) {
                        0 => break,
                        step => at += step,
                    }
                }
            }
        }
        covers
    }

    /// The depth of the deepest leaf, and the sum over trees of what is answered when no feature is
    /// known.
    fn expected(&self, covers: &[u16], outputs: usize) -> (usize, Vec<f64>) {
        // Children lie behind their parent: one pass forward reaches them all.
        let mut reached = vec![(0, 0.0); self.nodes.len()];
        for &root in &self.roots {
            reached[root as usize].1 = 1.0;
        }
        let (mut deepest, mut base) = (0, vec![0.0; outputs]);
        for (at, node) in self.nodes.iter().enumerate() {
            let (depth, share) = reached[at];
            deepest = deepest.max(depth);
            if node.is_leaf() {
                for (output, base) in base.iter_mut().enumerate() {
                    *base += share * self.answer(at, output);
                }
            } else {
                for child in node.children(at) {
                    reached[child] = (depth + 1, share * share_of(covers, at, child));
                }
            }
        }
        (deepest, base)
    }

    /// What a leaf answers.
    fn answer(&self, leaf: usize, output: usize) -> f64 {
        match self.outcome {
            Outcome::Classes(count) => {
                f64::from(self.shares[self.nodes[leaf].distribution_index() * count as usize + output])
            }
            Outcome::Number { .. } | Outcome::Binary => f64::from(self.nodes[leaf].answer()),
        }
    }
}

/// The share of a node's background rows that go to a child; halves when there were none.
fn share_of(covers: &[u16], node: usize, child: usize) -> f64 {
    if covers[node] == 0 { 0.5 } else { f64::from(covers[child]) / f64::from(covers[node]) }
}

/// What is on the way through a feature's questions so far.
#[derive(Clone, Copy)]
struct Known {
    /// The share of background rows that go this way: what counts while the feature is unknown.
    unknown: f64,
    /// 1 when the row goes this way, else 0.
    known: f64,
}

impl Known {
    /// No question yet.
    const BOTH: Known = Known { unknown: 1.0, known: 1.0 };

    fn at(self, t: f64) -> f64 {
        (1.0 - t) * self.unknown + t * self.known
    }
}

/// A walk over trees for one row after the other.
struct Walk<'a> {
    forest: &'a Forest,
    covers: &'a [u16],
    outputs: usize,
    rule: &'a Rule,
    /// By feature, what the way to the node at hand asked.
    known: Vec<Known>,
    /// By depth and point, the product over features on the way.
    products: Vec<f64>,
    /// By depth, point and output, the sum over leaves below of product × answer.
    sums: Vec<f64>,
}

impl Walk<'_> {
    /// Leaves the sums of a node in `sums` at its depth, and adds the contributions below it to `out`,
    /// which is outputs × features.
    fn visit(&mut self, at: usize, depth: usize, row: &[f32], out: &mut [f64]) {
        let (points, outputs) = (self.rule.points.len(), self.outputs);
        let (here, width) = (depth * points, points * outputs);
        let node = self.forest.nodes[at];
        if node.is_leaf() {
            for point in 0..points {
                let product = self.products[here + point];
                for output in 0..outputs {
                    self.sums[here * outputs + point * outputs + output] =
                        product * self.forest.answer(at, output);
                }
            }
            return;
        }
        self.sums[here * outputs..][..width].fill(0.0);
        let feature = node.feature();
        let taken = at + node.step(row);
        for child in node.children(at) {
            let before = self.known[feature];
            let now = Known {
                unknown: before.unknown * share_of(self.covers, at, child),
                known: if child == taken { before.known } else { 0.0 },
            };
            // Neither the row nor any background row gets there: nothing comes of it.
            if now.unknown == 0.0 && now.known == 0.0 {
                continue;
            }
            for (point, &t) in self.rule.points.iter().enumerate() {
                self.products[here + points + point] = self.products[here + point] / before.at(t) * now.at(t);
            }
            self.known[feature] = now;
            self.visit(child, depth + 1, row, out);
            self.known[feature] = before;
            let (above, below) = self.sums.split_at_mut((here + points) * outputs);
            let above = &mut above[here * outputs..];
            for (point, (&t, &weight)) in self.rule.points.iter().zip(&self.rule.weights).enumerate() {
                // An earlier question about the same feature counted these leaves as its own answer
                // would have it.
                let change =
                    (now.known - now.unknown) / now.at(t) - (before.known - before.unknown) / before.at(t);
                let sums = point * outputs..(point + 1) * outputs;
                for (output, (above, below)) in above[sums.clone()].iter_mut().zip(&below[sums]).enumerate() {
                    out[output * row.len() + feature] += weight * change * below;
                    *above += below;
                }
            }
        }
    }
}

/// Gauss and Legendre's points and weights on 0 to 1.
struct Rule {
    points: Vec<f64>,
    weights: Vec<f64>,
}

impl Rule {
    /// `n` points, exact for polynomials of degree up to `2n − 1`: the roots of Legendre's polynomial,
    /// by Newton's method from Chebyshev-like starts.
    fn new(n: usize) -> Rule {
        let mut rule = Rule { points: Vec::with_capacity(n), weights: Vec::with_capacity(n) };
        for i in 0..n {
            let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (value, derivative) = legendre(n, x);
                slope = derivative;
                let step = value / derivative;
                x -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            rule.points.push(f64::midpoint(1.0, x));
            rule.weights.push(1.0 / ((1.0 - x * x) * slope * slope));
        }
        rule
    }
}

/// Legendre's polynomial of degree `n` at `x`, and its derivative.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for k in 2..=n {
        let k = k as f64;
        (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
    }
    (value, n as f64 * (x * value - before) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimators::{Fit, Fitted, Params, Target, find};

    /// What is predicted when only the features of `set` are known.
    fn expectation(forest: &Forest, covers: &[u16], at: usize, row: &[f32], set: usize) -> f64 {
        let node = forest.nodes[at];
        if node.is_leaf() {
            return forest.answer(at, 0);
        }
        if set >> node.feature() & 1 == 1 {
            return expectation(forest, covers, at + node.step(row), row, set);
        }
        let ways = node.children(at).into_iter();
        ways.map(|to| share_of(covers, at, to) * expectation(forest, covers, to, row, set)).sum()
    }

    /// Shapley values by their definition, over all sets of features.
    fn by_definition(forest: &Forest, covers: &[u16], row: &[f32]) -> Vec<f64> {
        let n = row.len();
        let factorial = |k: usize| (1..=k).product::<usize>() as f64;
        let value = |set| {
            forest.roots.iter().map(|&root| expectation(forest, covers, root as usize, row, set)).sum::<f64>()
        };
        let share = |feature: usize| {
            (0..1usize << n)
                .filter(|set| set >> feature & 1 == 0)
                .map(|set| {
                    let known = set.count_ones() as usize;
                    let weight = factorial(known) * factorial(n - known - 1) / factorial(n);
                    weight * (value(set | 1 << feature) - value(set))
                })
                .sum()
        };
        (0..n).map(share).collect()
    }

    #[test]
    fn shapley_values_are_those_of_the_definition() {
        let (rows, cols) = (150, 4);
        let mut x: Vec<f32> = (0..rows * cols).map(|at| (at as f32 * 12.9898).sin()).collect();
        x.iter_mut().step_by(17).for_each(|value| *value = f32::NAN);
        let matrix = Matrix::new(rows, cols, x.clone());
        let term = |row: usize, col: usize| f64::from(x[col * rows + row]);
        let y = (0..rows)
            .map(|row| term(row, 0) * term(row, 1) + term(row, 2))
            .map(|y| if y.is_nan() { 0.5 } else { y });
        let forest = find("random_forest").unwrap();
        let params = serde_json::json!({"trees": 3, "min_leaf": 1});
        let params = Params::check(forest.parameters(), params.as_object().unwrap()).unwrap();
        let y = Target::Numbers(y.collect());
        let fitted = forest.fit(&Fit { x: &matrix, y: &y, weights: None, seed: 1, params: &params }).unwrap();
        let Fitted::Forest(forest) = fitted else { panic!("a forest is a forest") };
        // Few rows, so that many nodes have none.
        for background in [matrix.take(&(0..9).collect::<Vec<_>>()), matrix.clone()] {
            let covers = forest.covers(&background);
            let contributions = forest.explain(&matrix, &covers).unwrap();
            let Outcome::Number { scale, .. } = forest.outcome else { panic!("a number") };
            for at in (0..rows).step_by(7) {
                let row: Vec<f32> = (0..cols).map(|col| matrix.get(at, col)).collect();
                for (got, expected) in
                    contributions.of(at, 0).iter().zip(by_definition(&forest, &covers, &row))
                {
                    let expected = expected * scale / 3.0;
                    assert!((got - expected).abs() < 1e-9, "{got} {expected}");
                }
            }
        }
    }

    #[test]
    fn the_rule_is_exact_for_polynomials() {
        for n in [1, 2, 5, 16, 64] {
            let rule = Rule::new(n);
            for degree in [0, 1, n, 2 * n - 1] {
                let integral: f64 =
                    rule.points.iter().zip(&rule.weights).map(|(t, w)| w * t.powi(degree as i32)).sum();
                assert!((integral - 1.0 / (degree as f64 + 1.0)).abs() < 1e-13, "{n} {degree}");
            }
        }
    }
}
