//! Fitted estimators in ONNX: of a matrix of floats `[N, columns]` doubles `[N, outputs]`.

use super::Fitted;
use super::adaboost::Committee;
use super::explainable_boosting::{Additive, Shape};
use super::gradient_boosting::Boosted;
use super::linear::{FittedLinear, Link};
use super::mlp::FittedMlp;
use super::naive_bayes::FittedNaiveBayes;
use super::qda::{FittedQda, Gaussian};
use super::svm::FittedKernel;
use crate::onnx::export::{Setting, Values, Writer, trees};
use crate::trees::{Forest, Outcome, Plain};

/// A score that no probability comes near, and that no step makes infinite.
const NONE: f64 = -1e300;

impl Fitted {
    /// Its predictions, or why there are none in ONNX, in words.
    pub(crate) fn export(
        &self,
        writer: &mut Writer,
        matrix: &str,
        outputs: usize,
    ) -> Result<String, &'static str> {
        Ok(match self {
            Fitted::Dummy(fitted) => writer.repeated(&fitted.prediction),
            Fitted::Linear(fitted) => {
                let matrix = writer.cast(matrix, Values::Double);
                linear(writer, fitted, &matrix, outputs)
            }
            Fitted::NaiveBayes(fitted) => naive_bayes(writer, fitted, matrix),
            Fitted::BernoulliNb(fitted) => {
                let threshold = writer.float(&[1], &[fitted.threshold]);
                let above = writer.op("Greater", &[matrix, &threshold]);
                let above = writer.cast(&above, Values::Double);
                linear(writer, &fitted.linear, &above, outputs)
            }
            Fitted::Tree(fitted) | Fitted::Forest(fitted) => forest(writer, fitted, matrix),
            Fitted::Boosted(fitted) => boosted(writer, fitted, matrix, outputs)?,
            Fitted::AdaBoost(fitted) => committee(writer, fitted, matrix)?,
            Fitted::Additive(fitted) => additive(writer, fitted, matrix),
            Fitted::Mlp(fitted) => network(writer, fitted, matrix),
            Fitted::Knn(_) => {
                return Err("its neighbours, of which equals count together, are no operator of ONNX");
            }
            Fitted::Kernel(fitted) => kernel(writer, fitted, matrix),
            Fitted::Qda(fitted) => quadratic(writer, fitted, matrix),
            Fitted::Onnx(_) => return Err("it came as ONNX: keep the file that it came from"),
        })
    }
}

fn linear(writer: &mut Writer, fitted: &FittedLinear, matrix: &str, outputs: usize) -> String {
    let scores = match fitted.link {
        Link::Identity | Link::Logit => 1,
        Link::Softmax | Link::OneVsRest => outputs,
    };
    let width = fitted.model.len() / scores.max(1);
    let cols = width.saturating_sub(1);
    let turned: Vec<f64> =
        (0..cols).flat_map(|col| fitted.model.iter().skip(col).step_by(width).copied()).collect();
    let intercepts: Vec<f64> = fitted.model.iter().skip(cols).step_by(width.max(1)).copied().collect();
    let coefficients = writer.double(&[cols, scores], &turned);
    let intercepts = writer.double(&[1, scores], &intercepts);
    let products = writer.op("MatMul", &[matrix, &coefficients]);
    let scores = writer.op("Add", &[&products, &intercepts]);
    link(writer, fitted.link, &scores)
}

/// From scores to predictions.
fn link(writer: &mut Writer, link: Link, scores: &str) -> String {
    match link {
        Link::Identity => scores.into(),
        Link::Logit => {
            let second = writer.op("Sigmoid", &[scores]);
            both(writer, &second)
        }
        Link::Softmax => softmax(writer, scores),
        Link::OneVsRest => {
            // The logarithm of each sigmoid, without underflow.
            let (zero, one) = (writer.double(&[1], &[0.0]), writer.double(&[1], &[1.0]));
            let least = writer.op("Min", &[scores, &zero]);
            let size = writer.op("Abs", &[scores]);
            let size = writer.op("Neg", &[&size]);
            let power = writer.op("Exp", &[&size]);
            let power = writer.op("Add", &[&power, &one]);
            let log = writer.op("Log", &[&power]);
            let logs = writer.op("Sub", &[&least, &log]);
            softmax(writer, &logs)
        }
    }
}

fn softmax(writer: &mut Writer, scores: &str) -> String {
    writer.op_with("Softmax", &[scores], vec![Setting::Int("axis", 1)])
}

/// Of the second class's probability both.
fn both(writer: &mut Writer, second: &str) -> String {
    let one = writer.double(&[1], &[1.0]);
    let first = writer.op("Sub", &[&one, second]);
    writer.side_by_side(&[first, second.into()])
}

/// `offset + scale · value`.
fn moved(writer: &mut Writer, value: &str, offset: f64, scale: f64) -> String {
    let (offset, scale) = (writer.double(&[1], &[offset]), writer.double(&[1], &[scale]));
    let scaled = writer.op("Mul", &[value, &scale]);
    writer.op("Add", &[&scaled, &offset])
}

/// The square of a distance from a mean is linear in a value and its square.
fn naive_bayes(writer: &mut Writer, fitted: &FittedNaiveBayes, matrix: &str) -> String {
    let classes = fitted.priors.len();
    let cols = fitted.means.len() / classes.max(1);
    let of =
        |class: usize, col: usize| (fitted.means[class * cols + col], fitted.variances[class * cols + col]);
    let by = |value: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
        (0..cols)
            .flat_map(|col| (0..classes).map(move |class| (class, col)))
            .map(|(class, col)| value(class, col))
            .collect()
    };
    let squares = by(&|class, col| -0.5 / of(class, col).1);
    let values = by(&|class, col| of(class, col).0 / of(class, col).1);
    let constants: Vec<f64> = (0..classes)
        .map(|class| {
            if fitted.priors[class] <= 0.0 {
                return NONE;
            }
            let of_col = |col: usize| {
                let (mean, variance) = of(class, col);
                0.5 * ((std::f64::consts::TAU * variance).ln() + mean * mean / variance)
            };
            fitted.priors[class].ln() - (0..cols).map(of_col).sum::<f64>()
        })
        .collect();
    let matrix = writer.cast(matrix, Values::Double);
    let squared = writer.op("Mul", &[&matrix, &matrix]);
    let squares = writer.double(&[cols, classes], &squares);
    let values = writer.double(&[cols, classes], &values);
    let constants = writer.double(&[1, classes], &constants);
    let squares = writer.op("MatMul", &[&squared, &squares]);
    let values = writer.op("MatMul", &[&matrix, &values]);
    let sum = writer.op("Add", &[&squares, &values]);
    let scores = writer.op("Add", &[&sum, &constants]);
    softmax(writer, &scores)
}

fn forest(writer: &mut Writer, fitted: &Forest, matrix: &str) -> String {
    let (roots, nodes) = fitted.plain();
    let count = roots.len() as f64;
    let outputs = if let Outcome::Classes(count) = fitted.outcome() { count as usize } else { 1 };
    let sums = trees(writer, matrix, (&roots, &nodes), outputs, |_, held| {
        held.iter().copied().enumerate().collect()
    });
    let sums = writer.cast(&sums, Values::Double);
    match fitted.outcome() {
        Outcome::Number { offset, scale } => moved(writer, &sums, offset, scale / count),
        Outcome::Binary => {
            let second = moved(writer, &sums, 0.0, 1.0 / count);
            both(writer, &second)
        }
        Outcome::Classes(_) => {
            let axes = writer.ints(&[1]);
            let total = writer.op_with("ReduceSum", &[&sums, &axes], vec![Setting::Int("keepdims", 1)]);
            writer.op("Div", &[&sums, &total])
        }
    }
}

fn boosted(
    writer: &mut Writer,
    fitted: &Boosted,
    matrix: &str,
    outputs: usize,
) -> Result<String, &'static str> {
    let all = fitted.plain().ok_or("its trees are of a form that is not grown here")?;
    let scores = if outputs > 2 { outputs } else { 1 };
    let sums = trees(writer, matrix, (&all.roots, &all.nodes), scores, |tree, held| {
        held.first().map(|value| (tree % scores, *value)).into_iter().collect()
    });
    let sums = writer.cast(&sums, Values::Double);
    let base: Vec<f64> = all.base.iter().map(|base| f64::from(*base)).collect();
    let base = writer.double(&[1, scores], &base);
    let margins = writer.op("Add", &[&sums, &base]);
    Ok(match fitted.outcome() {
        Outcome::Number { offset, scale } => {
            let value = if all.exponential { writer.op("Exp", &[&margins]) } else { margins };
            moved(writer, &value, offset, scale)
        }
        Outcome::Binary => link(writer, Link::Logit, &margins),
        Outcome::Classes(_) => softmax(writer, &margins),
    })
}

/// A leaf's vote is for its most probable class.
fn committee(writer: &mut Writer, fitted: &Committee, matrix: &str) -> Result<String, &'static str> {
    let classes = match fitted.forest.outcome() {
        Outcome::Number { .. } => {
            return Err("its number is a weighted median of its trees, which ONNX does not have");
        }
        Outcome::Binary => 2,
        Outcome::Classes(count) => count as usize,
    };
    let (roots, nodes) = fitted.forest.plain();
    let votes: Vec<f32> = fitted.votes.iter().map(|vote| (vote * fitted.sharpness) as f32).collect();
    let scores = trees(writer, matrix, (&roots, &nodes), classes, |tree, held| {
        let class = match held {
            [second] => usize::from(*second > 0.5),
            held => (0..held.len()).fold(0, |best, at| if held[at] > held[best] { at } else { best }),
        };
        vec![(class, votes[tree])]
    });
    let scores = writer.cast(&scores, Values::Double);
    Ok(softmax(writer, &scores))
}

/// Each curve is a tree that looks its piece up.
fn additive(writer: &mut Writer, fitted: &Additive, matrix: &str) -> String {
    let scores = fitted.intercepts.len();
    let (mut roots, mut nodes) = (Vec::new(), Vec::new());
    for (feature, shape) in fitted.shapes().iter().enumerate() {
        roots.push(nodes.len());
        let pieces = shape.edges().len() + 1;
        let at = nodes.len();
        // What is missing is not even the largest number or less.
        nodes.push(Plain::Leaf(Vec::new()));
        nodes.push(Plain::Leaf(of_piece(shape, pieces, scores)));
        let rest = lookup(&mut nodes, shape, feature, 0..pieces, scores);
        nodes[at] = question(feature, f32::MAX, [rest, at + 1]);
    }
    let sums =
        trees(writer, matrix, (&roots, &nodes), scores, |_, held| held.iter().copied().enumerate().collect());
    let sums = writer.cast(&sums, Values::Double);
    let intercepts = writer.double(&[1, scores], &fitted.intercepts);
    let sums = writer.op("Add", &[&sums, &intercepts]);
    match fitted.outcome {
        Outcome::Number { offset, scale } => moved(writer, &sums, offset, scale),
        Outcome::Binary => link(writer, Link::Logit, &sums),
        Outcome::Classes(_) => softmax(writer, &sums),
    }
}

fn question(feature: usize, threshold: f32, children: [usize; 2]) -> Plain {
    Plain::Question { feature, threshold, strict: false, missing_left: false, children }
}

fn of_piece(shape: &Shape, piece: usize, scores: usize) -> Vec<f32> {
    shape.values()[piece * scores..(piece + 1) * scores].to_vec()
}

/// Appends a tree over some pieces of a curve, as deep as the logarithm of their number, and says where.
fn lookup(
    nodes: &mut Vec<Plain>,
    shape: &Shape,
    feature: usize,
    pieces: std::ops::Range<usize>,
    scores: usize,
) -> usize {
    let at = nodes.len();
    if pieces.len() <= 1 {
        nodes.push(Plain::Leaf(of_piece(shape, pieces.start, scores)));
        return at;
    }
    let middle = pieces.start + pieces.len() / 2;
    nodes.push(Plain::Leaf(Vec::new()));
    let left = lookup(nodes, shape, feature, pieces.start..middle, scores);
    let right = lookup(nodes, shape, feature, middle..pieces.end, scores);
    nodes[at] = question(feature, shape.edges()[middle - 1], [left, right]);
    at
}

fn network(writer: &mut Writer, fitted: &FittedMlp, matrix: &str) -> String {
    let (farthest, layers) = (FittedMlp::farthest(), fitted.weights());
    let (low, high) = (writer.float(&[], &[-farthest]), writer.float(&[], &[farthest]));
    let mut values = writer.op("Clip", &[matrix, &low, &high]);
    for (place, [weights, biases]) in layers.iter().enumerate() {
        let units = biases.len();
        let weights = writer.float(&[weights.len() / units.max(1), units], weights);
        let biases = writer.float(&[units], biases);
        values = writer.op("Gemm", &[&values, &weights, &biases]);
        if place + 1 < layers.len() {
            values = writer.op("Relu", &[&values]);
        }
    }
    let scores = writer.cast(&values, Values::Double);
    let scores = moved(writer, &scores, fitted.offset, fitted.scale);
    link(writer, fitted.link, &scores)
}

/// The sum of each row, `[N, 1]`.
fn sum(writer: &mut Writer, matrix: &str) -> String {
    let axes = writer.ints(&[1]);
    writer.op_with("ReduceSum", &[matrix, &axes], vec![Setting::Int("keepdims", 1)])
}

/// The square of a distance is that of both points, less twice their product.
fn kernel(writer: &mut Writer, fitted: &FittedKernel, matrix: &str) -> String {
    let cols = fitted.cols as usize;
    let points = fitted.points.len() / cols.max(1);
    let column = |col: usize| fitted.points[col * points..(col + 1) * points].iter().map(|v| f64::from(*v));
    let twice: Vec<f64> = (0..cols).flat_map(column).map(|value| -2.0 * value).collect();
    let mut squares = vec![0.0; points];
    for col in 0..cols {
        squares.iter_mut().zip(column(col)).for_each(|(sum, value)| *sum += value * value);
    }
    let scores = fitted.machines.len();
    let mut coefficients = vec![0.0; points * scores];
    for (score, machine) in fitted.machines.iter().enumerate() {
        for (point, coefficient) in machine.points.iter().zip(&machine.coefficients) {
            coefficients[*point as usize * scores + score] += coefficient;
        }
    }
    let biases: Vec<f64> = fitted.machines.iter().map(|machine| machine.bias).collect();
    let matrix = writer.cast(matrix, Values::Double);
    let own = writer.op("Mul", &[&matrix, &matrix]);
    let own = sum(writer, &own);
    let twice = writer.double(&[cols, points], &twice);
    let products = writer.op("MatMul", &[&matrix, &twice]);
    let squares = writer.double(&[1, points], &squares);
    let distances = writer.op("Add", &[&products, &squares]);
    let distances = writer.op("Add", &[&distances, &own]);
    let (zero, gamma) = (writer.double(&[1], &[0.0]), writer.double(&[1], &[-fitted.gamma]));
    let distances = writer.op("Max", &[&distances, &zero]);
    let alike = writer.op("Mul", &[&distances, &gamma]);
    let alike = writer.op("Exp", &[&alike]);
    let coefficients = writer.double(&[points, scores], &coefficients);
    let products = writer.op("MatMul", &[&alike, &coefficients]);
    let biases = writer.double(&[1, scores], &biases);
    let scores = writer.op("Add", &[&products, &biases]);
    link(writer, fitted.link, &scores)
}

fn quadratic(writer: &mut Writer, fitted: &FittedQda, matrix: &str) -> String {
    let matrix = writer.cast(matrix, Values::Double);
    let scores: Vec<String> = fitted
        .classes
        .iter()
        .map(|class| match class {
            Some(class) => log_density(writer, class, fitted.cols, &matrix),
            None => writer.repeated(&[NONE]),
        })
        .collect();
    let scores = writer.side_by_side(&scores);
    softmax(writer, &scores)
}

/// A class's log density, with its share.
fn log_density(writer: &mut Writer, class: &Gaussian, cols: usize, matrix: &str) -> String {
    let directions = class.factor.len() / cols.max(1);
    let turned: Vec<f64> =
        (0..cols).flat_map(|col| class.factor.iter().skip(col).step_by(cols).copied()).collect();
    let mean = writer.double(&[1, cols], &class.mean);
    let turned = writer.double(&[cols, directions], &turned);
    let distance = writer.op("Sub", &[matrix, &mean]);
    let along = writer.op("MatMul", &[&distance, &turned]);
    let along = writer.op("Mul", &[&along, &along]);
    let along = sum(writer, &along);
    let mut fall = along;
    let mut half = -0.5;
    if class.base > 0.0 {
        let length = writer.op("Mul", &[&distance, &distance]);
        let length = sum(writer, &length);
        let zero = writer.double(&[1], &[0.0]);
        let rest = writer.op("Sub", &[&length, &fall]);
        fall = writer.op("Max", &[&rest, &zero]);
        half *= class.base;
    }
    moved(writer, &fall, class.at_mean, half)
}
