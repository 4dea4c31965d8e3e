//! k nearest neighbours: a row is like the training rows closest to it.

use std::collections::HashMap;
use std::sync::OnceLock;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use kdtree::KdTree;
use kdtree::distance::squared_euclidean;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::memory::bytes;
use super::{Domain, Encoding, Estimator, Fit, FitError, Fitted, Needs, Parameter, Search, Target};
use crate::matrix::Matrix;
use crate::metrics::Task;

/// So many training rows are kept; of more, a random sample. It bounds the artifact, and the time
/// of a prediction.
const MOST_ROWS: usize = 50_000;
/// A k-d tree visits most of its leaves in more dimensions than these: then it is faster to compare
/// with all rows, in blocks.
const TREE_DIMENSIONS: usize = 12;
const QUERY_BLOCK: usize = 128;
const POINT_BLOCK: usize = 1024;
/// Distances found by a matrix product are rounded: so many more candidates are compared exactly.
const SPARE: usize = 8;

/// k nearest neighbours.
pub(super) struct Knn;

impl Estimator for Knn {
    fn name(&self) -> &'static str {
        "knn"
    }

    fn label(&self) -> &'static str {
        "k nearest neighbours"
    }

    fn source(&self) -> &'static str {
        "Cover and Hart, \"Nearest neighbor pattern classification\", 1967"
    }

    fn tasks(&self) -> &'static [Task] {
        &[Task::Binary, Task::Multiclass, Task::Regression]
    }

    fn needs(&self) -> Needs {
        Needs { categories: Encoding::OneHot, scaled: true, missing: false }
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[
            Parameter {
                name: "neighbours",
                domain: Domain::AutoInteger { min: 1, max: 500 },
                search: Search::Log(1.0, 64.0),
                doc: "How many rows are asked; by default half the root of all, from 3 to 25.",
            },
            Parameter {
                name: "weights",
                domain: Domain::Choice { of: &["uniform", "distance"], default: "uniform" },
                search: Search::Every,
                doc: "Whether near neighbours count more, by the inverse of their distance.",
            },
        ]
    }

    fn cost(&self) -> u8 {
        60
    }

    fn promise(&self) -> u8 {
        45
    }

    fn row_limit(&self) -> Option<u64> {
        Some(MOST_ROWS as u64)
    }

    /// Of at most [`MOST_ROWS`] rows: the points, the keys by which equal ones are found, and the
    /// leaves of the k-d tree, each with its own allocation; answers, members and places.
    fn memory_bytes(&self, rows: u64, cols: u64, _classes: u64) -> u64 {
        let rows = rows.min(MOST_ROWS as u64);
        bytes(&[&[rows, cols, 3 * 4], &[rows, 200]])
    }

    fn fit(&self, fit: &Fit) -> Result<Fitted, FitError> {
        let x = fit.x;
        if x.data().iter().any(|value| !value.is_finite()) {
            return Err(FitError::NotFinite("neighbours need finite features".into()));
        }
        let rows: Vec<usize> = if x.rows() > MOST_ROWS {
            let mut random = ChaCha8Rng::seed_from_u64(fit.seed);
            let mut rows = rand::seq::index::sample(&mut random, x.rows(), MOST_ROWS).into_vec();
            rows.sort_unstable();
            rows
        } else {
            (0..x.rows()).collect()
        };
        let (points, members, starts) = distinct(x, &rows);
        let answers = match fit.y {
            Target::Classes { codes, count } => Answers::Classes {
                codes: members.iter().map(|&row| codes[row]).collect(),
                count: *count as u32,
            },
            Target::Numbers(values) => Answers::Numbers(members.iter().map(|&row| values[row]).collect()),
        };
        let by_default = || ((rows.len() as f64).sqrt() / 2.0).round().clamp(3.0, 25.0) as i64;
        let neighbours = fit.params.auto_integer("neighbours").unwrap_or_else(by_default);
        Ok(Fitted::Knn(FittedKnn {
            cols: x.cols() as u32,
            neighbours: neighbours as u32,
            by_distance: fit.params.choice("weights") == "distance",
            points,
            starts,
            weights: fit.weights.map(|weights| members.iter().map(|&row| weights[row]).collect()),
            answers,
            index: Index::default(),
        }))
    }
}

/// The distinct points among rows, row by row in the order of their first row; and the rows of the first
/// point, the second and so on, with where those of each point start.
fn distinct(x: &Matrix, rows: &[usize]) -> (Vec<f32>, Vec<usize>, Vec<u32>) {
    let mut places: HashMap<Box<[u32]>, usize> = HashMap::with_capacity(rows.len());
    let mut points = Vec::with_capacity(rows.len() * x.cols());
    let mut members: Vec<Vec<usize>> = Vec::new();
    let mut point = vec![0.0; x.cols()];
    for &row in rows {
        x.copy_row(row, &mut point);
        // Adding 0 makes −0 the same as 0.
        let key = point.iter().map(|value| (value + 0.0).to_bits()).collect();
        let place = *places.entry(key).or_insert_with(|| {
            points.extend_from_slice(&point);
            members.push(Vec::new());
            members.len() - 1
        });
        members[place].push(row);
    }
    let mut starts = vec![0];
    starts.extend(members.iter().scan(0, |end, rows| {
        *end += rows.len() as u32;
        Some(*end)
    }));
    (points, members.concat(), starts)
}

/// The training rows, those that are alike together: all of them are asked or none, so that the
/// order of rows never decides which of a hundred equals are the neighbours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedKnn {
    cols: u32,
    neighbours: u32,
    by_distance: bool,
    /// Distinct, one after the other.
    points: Vec<f32>,
    /// Where the rows of each point start among answers and weights, and where the last ones end.
    starts: Vec<u32>,
    weights: Option<Vec<f32>>,
    answers: Answers,
    #[serde(skip)]
    index: Index,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Answers {
    Classes { codes: Vec<u32>, count: u32 },
    Numbers(Vec<f64>),
}

/// A k-d tree over the points, built at the first prediction. It adds nothing to what the points
/// say, so that it takes no part in comparisons.
#[derive(Debug, Clone, Default)]
struct Index(OnceLock<KdTree<f32, u32, Box<[f32]>>>);

impl PartialEq for Index {
    fn eq(&self, _: &Index) -> bool {
        true
    }
}

/// A squared distance, and the number of a point.
type Neighbour = (f64, usize);

impl FittedKnn {
    pub(super) fn predict(&self, x: &Matrix) -> Vec<f64> {
        if x.cols() <= TREE_DIMENSIONS {
            let mut out = Vec::new();
            let tree = self.index.0.get_or_init(|| self.tree());
            let mut query = vec![0.0; x.cols()];
            for row in 0..x.rows() {
                x.copy_row(row, &mut query);
                // Refused are only coordinates that are not finite: there is nothing near them.
                let found =
                    tree.nearest(&query, self.neighbours as usize, &squared_euclidean).unwrap_or_default();
                let found: Vec<Neighbour> = found
                    .into_iter()
                    .map(|(distance, point)| (f64::from(distance), *point as usize))
                    .collect();
                self.answer(&found, &mut out);
            }
            out
        } else {
            self.predict_by_comparing(x)
        }
    }

    pub(super) fn predict_by_comparing(&self, x: &Matrix) -> Vec<f64> {
        let mut out = Vec::new();
        for first in (0..x.rows()).step_by(QUERY_BLOCK) {
            for found in self.nearest(x, first, QUERY_BLOCK.min(x.rows() - first)) {
                self.answer(&found, &mut out);
            }
        }
        out
    }

    fn tree(&self) -> KdTree<f32, u32, Box<[f32]>> {
        let mut tree = KdTree::with_capacity(self.cols as usize, 32);
        for (row, point) in self.points.chunks_exact(self.cols as usize).enumerate() {
            // Every point is finite and as wide as the tree: see `fit` and `check`.
            let _ = tree.add(point.into(), row as u32);
        }
        tree
    }

    /// The neighbours of a block of rows, nearest first, ties by row.
    ///
    /// Distances to all points come from a matrix product, |p|² − 2 p·x (|x|² is the same for all);
    /// the best are then measured exactly.
    fn nearest(&self, x: &Matrix, first: usize, queries: usize) -> Vec<Vec<Neighbour>> {
        let cols = self.cols as usize;
        let all = MatRef::from_column_major_slice(x.data(), x.rows(), x.cols());
        let block = all.subrows(first, queries);
        let rows = self.points.len() / cols;
        let wanted = (self.neighbours as usize).min(rows);
        let keep = (wanted + SPARE).min(rows);
        let mut candidates: Vec<Vec<(f32, usize)>> = vec![Vec::with_capacity(keep + 1); queries];
        let mut products = vec![0.0f32; POINT_BLOCK.min(rows) * queries];
        for (number, points) in self.points.chunks(POINT_BLOCK * cols).enumerate() {
            let count = points.len() / cols;
            let products = &mut products[..count * queries];
            let squares: Vec<f32> =
                points.chunks_exact(cols).map(|p| p.iter().map(|v| v * v).sum()).collect();
            let points = MatRef::from_column_major_slice(points, cols, count).transpose();
            let out = MatMut::from_column_major_slice_mut(products, count, queries);
            matmul(out, Accum::Replace, points, block.transpose(), -2.0, Par::Seq);
            for (best, products) in candidates.iter_mut().zip(products.chunks_exact(count)) {
                let mut worst = if best.len() < keep { f32::INFINITY } else { best[keep - 1].0 };
                for (point, (product, square)) in products.iter().zip(&squares).enumerate() {
                    let distance = product + square;
                    if distance < worst || best.len() < keep {
                        let place = best.partition_point(|(other, _)| *other <= distance);
                        best.insert(place, (distance, number * POINT_BLOCK + point));
                        best.truncate(keep);
                        if best.len() == keep {
                            worst = best[keep - 1].0;
                        }
                    }
                }
            }
        }
        let mut query = vec![0.0; cols];
        candidates
            .into_iter()
            .enumerate()
            .map(|(i, candidates)| {
                x.copy_row(first + i, &mut query);
                let exact = |row: usize| {
                    let point = &self.points[row * cols..(row + 1) * cols];
                    point
                        .iter()
                        .zip(&query)
                        .map(|(p, q)| (f64::from(*p) - f64::from(*q)).powi(2))
                        .sum::<f64>()
                };
                let mut found: Vec<Neighbour> =
                    candidates.iter().map(|&(_, row)| (exact(row), row)).collect();
                found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                found.truncate(wanted);
                found
            })
            .collect()
    }

    /// Appends what the nearest points' rows say, until enough are asked: the shares of classes, or a
    /// mean.
    fn answer(&self, found: &[Neighbour], out: &mut Vec<f64>) {
        // With neighbours at no distance at all, only they count.
        let exact = self.by_distance && found.iter().any(|(distance, _)| *distance == 0.0);
        let nearness = |distance: f64| match (self.by_distance, exact) {
            (false, _) => 1.0,
            (true, true) => f64::from(u8::from(distance == 0.0)),
            (true, false) => 1.0 / distance.sqrt(),
        };
        let mut asked: Vec<(usize, f64)> = Vec::with_capacity(self.neighbours as usize);
        for (distance, point) in found {
            if asked.len() >= self.neighbours as usize {
                break;
            }
            let own = |row: usize| self.weights.as_ref().map_or(1.0, |weights| f64::from(weights[row]));
            let rows = self.starts[*point] as usize..self.starts[point + 1] as usize;
            asked.extend(rows.map(|row| (row, own(row) * nearness(*distance))));
        }
        let total: f64 = asked.iter().map(|(_, weight)| weight).sum();
        let start = out.len();
        match &self.answers {
            Answers::Classes { codes, count } if total > 0.0 => {
                out.resize(start + *count as usize, 0.0);
                for (row, weight) in asked {
                    out[start + codes[row] as usize] += weight / total;
                }
            }
            Answers::Classes { count, .. } => {
                out.resize(start + *count as usize, 1.0 / f64::from(*count));
            }
            Answers::Numbers(_) if total <= 0.0 => out.push(f64::NAN),
            Answers::Numbers(values) => {
                out.push(asked.iter().map(|(row, weight)| values[*row] * (weight / total)).sum());
            }
        }
    }

    pub(super) fn check(&self, cols: usize, outputs: usize) -> Result<(), String> {
        let (rows, answers_sound) = match &self.answers {
            Answers::Classes { codes, count } => {
                (codes.len(), *count as usize == outputs && codes.iter().all(|code| code < count))
            }
            Answers::Numbers(values) => (values.len(), outputs == 1),
        };
        let starts_sound = self.starts.first() == Some(&0)
            && self.starts.last().map(|end| *end as usize) == Some(rows)
            && self.starts.is_sorted_by(|a, b| a < b);
        let sound = answers_sound
            && starts_sound
            && rows > 0
            && rows <= MOST_ROWS
            && cols > 0
            && self.cols as usize == cols
            && self.neighbours > 0
            && (self.starts.len() - 1).checked_mul(cols) == Some(self.points.len())
            && self.points.iter().all(|value| value.is_finite())
            && self.weights.as_ref().is_none_or(|weights| weights.len() == rows);
        if sound { Ok(()) } else { Err("neighbours of another width".into()) }
    }

    pub(super) fn size_bytes(&self) -> usize {
        let rows = match &self.answers {
            Answers::Classes { codes, .. } => codes.len() * size_of::<u32>(),
            Answers::Numbers(values) => values.len() * size_of::<f64>(),
        };
        let index =
            if self.cols as usize <= TREE_DIMENSIONS { 2 * self.points.len() * size_of::<f32>() } else { 0 };
        rows + (self.points.len() + self.starts.len()) * size_of::<f32>() + index
    }
}
