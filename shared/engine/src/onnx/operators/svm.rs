//! The support vector machines of `ai.onnx.ml`.

use serde::{Deserialize, Serialize};

use super::elementwise::sigmoid;
use super::linear::{Labels, largest};
use super::transform::Transform;
use crate::onnx::fault::{Fault, Run};
use crate::onnx::tensor::{Tensor, Type, volume};

/// So many products of values for a block of rows.
const MOST_PRODUCTS: u64 = 1 << 32;

/// How alike a row and a support vector are. Part of the artifact's format: add at the end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(in crate::onnx) enum Kernel {
    Linear,
    Poly { gamma: f32, coef0: f32, degree: f32 },
    Rbf { gamma: f32 },
    Sigmoid { gamma: f32, coef0: f32 },
}

impl Kernel {
    fn of(self, a: &[f64], b: &[f32]) -> f64 {
        let pairs = || a.iter().zip(b).map(|(a, b)| (*a, f64::from(*b)));
        let dot = || pairs().map(|(a, b)| a * b).sum::<f64>();
        match self {
            Kernel::Linear => dot(),
            Kernel::Poly { gamma, coef0, degree } => {
                (f64::from(gamma) * dot() + f64::from(coef0)).powf(f64::from(degree))
            }
            Kernel::Rbf { gamma } => {
                (-f64::from(gamma) * pairs().map(|(a, b)| (a - b) * (a - b)).sum::<f64>()).exp()
            }
            Kernel::Sigmoid { gamma, coef0 } => (f64::from(gamma) * dot() + f64::from(coef0)).tanh(),
        }
    }
}

/// Part of the artifact's format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::onnx) struct Machine {
    pub(in crate::onnx) kernel: Kernel,
    /// Row by row; none of a linear machine, whose coefficients are those of columns.
    pub(in crate::onnx) vectors: Vec<f32>,
    pub(in crate::onnx) coefficients: Vec<f32>,
    pub(in crate::onnx) rho: Vec<f32>,
    pub(in crate::onnx) transform: Transform,
    pub(in crate::onnx) answer: Answer,
}

/// What is made of kernels. Part of the artifact's format: add at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::onnx) enum Answer {
    /// A number of so many support vectors.
    Number { vectors: u32 },
    /// 1 for what is inside, else −1.
    OneClass { vectors: u32 },
    /// One machine for each pair of classes.
    Pairs {
        labels: Labels,
        /// Support vectors of each class, which lie one after the other.
        vectors: Vec<u32>,
        /// Slope and offset of the sigmoid of each pair, when there are probabilities.
        sigmoids: Vec<(f32, f32)>,
    },
    /// One linear machine for each class.
    Each { labels: Labels },
}

impl Machine {
    /// Labels and scores, or numbers.
    pub(super) fn run(&self, x: &Tensor) -> Run<Vec<Tensor>> {
        if x.kind == Type::Word {
            return Err(Fault::Type);
        }
        match &self.answer {
            Answer::Number { vectors } | Answer::OneClass { vectors } => self.numbers(x, *vectors as usize),
            Answer::Pairs { labels, vectors, sigmoids } => self.pairs(x, labels, vectors, sigmoids),
            Answer::Each { labels } => self.each(x, labels),
        }
    }

    /// Each row's kernel with each of so many vectors.
    fn kernels(&self, x: &Tensor, vectors: usize) -> Run<Vec<f64>> {
        let (rows, cols) = x.matrix();
        if vectors.checked_mul(cols) != Some(self.vectors.len()) {
            return Err(Fault::Shape);
        }
        let mut kernels = Vec::with_capacity(volume(&[rows, vectors])?);
        if ((rows * vectors) as u64).saturating_mul(cols as u64) > MOST_PRODUCTS {
            return Err(Fault::TooLarge);
        }
        for row in x.values.chunks_exact(cols.max(1)) {
            kernels.extend(self.vectors.chunks_exact(cols.max(1)).map(|vector| self.kernel.of(row, vector)));
        }
        Ok(kernels)
    }

    fn numbers(&self, x: &Tensor, vectors: usize) -> Run<Vec<Tensor>> {
        let (rows, cols) = x.matrix();
        let rho = f64::from(*self.rho.first().ok_or(Fault::Shape)?);
        let (features, width) = if vectors == 0 {
            // A kernel of one vector, which the coefficients are.
            (x.values.clone(), cols)
        } else {
            (self.kernels(x, vectors)?, vectors)
        };
        if self.coefficients.len() != width || width == 0 {
            return Err(Fault::Shape);
        }
        let values = features.chunks_exact(width).map(|features| {
            let sum: f64 = features.iter().zip(&self.coefficients).map(|(k, c)| k * f64::from(*c)).sum();
            match self.answer {
                Answer::OneClass { .. } => {
                    if sum + rho > 0.0 {
                        1.0
                    } else {
                        -1.0
                    }
                }
                _ => sum + rho,
            }
        });
        Ok(vec![Tensor::new(Type::Float, vec![rows, 1], values.collect())?])
    }

    fn each(&self, x: &Tensor, labels: &Labels) -> Run<Vec<Tensor>> {
        let (rows, cols) = x.matrix();
        let classes = labels.values.len();
        let rho = f64::from(*self.rho.first().ok_or(Fault::Shape)?);
        if cols == 0 || classes.checked_mul(cols) != Some(self.coefficients.len()) {
            return Err(Fault::Shape);
        }
        let mut scores = Vec::with_capacity(volume(&[rows, classes])?);
        let mut chosen = Vec::with_capacity(rows);
        for row in x.values.chunks_exact(cols) {
            let from = scores.len();
            scores.extend(self.coefficients.chunks_exact(cols).map(|own| Kernel::Linear.of(row, own) + rho));
            chosen.push(largest(&scores[from..]));
            self.transform.apply(&mut scores[from..]);
        }
        Ok(vec![labels.tensor(&chosen)?, Tensor::new(Type::Float, vec![rows, classes], scores)?])
    }

    fn pairs(
        &self,
        x: &Tensor,
        labels: &Labels,
        per_class: &[u32],
        sigmoids: &[(f32, f32)],
    ) -> Run<Vec<Tensor>> {
        let (rows, _) = x.matrix();
        let classes = per_class.len();
        let starts: Vec<usize> = per_class
            .iter()
            .scan(0, |end, count| {
                let start = *end;
                *end += *count as usize;
                Some(start)
            })
            .collect();
        let total: usize = per_class.iter().map(|count| *count as usize).sum();
        let pairs = classes * classes.saturating_sub(1) / 2;
        let sound = classes >= 2
            && labels.values.len() == classes
            && total > 0
            && total.checked_mul(classes - 1).is_some_and(|wanted| self.coefficients.len() >= wanted)
            && self.rho.len() >= pairs
            && (sigmoids.is_empty() || sigmoids.len() >= pairs);
        if !sound {
            return Err(Fault::Shape);
        }
        let kernels = self.kernels(x, total)?;
        let width = if !sigmoids.is_empty() || classes == 2 { classes } else { pairs };
        let mut scores = Vec::with_capacity(volume(&[rows, width])?);
        let mut chosen = Vec::with_capacity(rows);
        let (mut votes, mut decisions) = (vec![0u32; classes], vec![0.0; pairs]);
        for kernels in kernels.chunks_exact(total) {
            let part = |class: usize, row: usize| {
                let of = starts[class]..starts[class] + per_class[class] as usize;
                let coefficients = &self.coefficients[row * total..(row + 1) * total];
                of.map(|at| kernels[at] * f64::from(coefficients[at])).sum::<f64>()
            };
            votes.fill(0);
            let mut pair = 0;
            for first in 0..classes {
                for second in first + 1..classes {
                    let decision = part(first, second - 1) + part(second, first) + f64::from(self.rho[pair]);
                    decisions[pair] = decision;
                    votes[if decision > 0.0 { first } else { second }] += 1;
                    pair += 1;
                }
            }
            let most = votes.iter().copied().max().unwrap_or(0);
            let voted = votes.iter().position(|count| *count == most).unwrap_or(0);
            chosen.push(voted);
            let from = scores.len();
            if !sigmoids.is_empty() {
                scores.extend(coupled(classes, &decisions, sigmoids));
                self.transform.apply(&mut scores[from..]);
            } else if classes == 2 {
                scores.extend(match self.transform {
                    Transform::Logistic => [sigmoid(-decisions[0]), sigmoid(decisions[0])],
                    Transform::None => [-decisions[0], decisions[0]],
                    _ => [1.0 - decisions[0], decisions[0]],
                });
            } else {
                scores.extend_from_slice(&decisions);
                self.transform.apply(&mut scores[from..]);
            }
        }
        Ok(vec![labels.tensor(&chosen)?, Tensor::new(Type::Float, vec![rows, width], scores)?])
    }

    pub(super) fn size_bytes(&self) -> usize {
        (self.vectors.len() + self.coefficients.len()) * size_of::<f32>()
    }
}

/// Probabilities of classes from those of pairs of them (the second method of T.-F. Wu, C.-J. Lin and R. C.
/// Weng, *Probability estimates for multi-class classification by pairwise coupling*, JMLR 5, 2004), in
/// `f32` and as near as LIBSVM goes: where it stops is part of the answer. O(classes²) a round.
fn coupled(classes: usize, decisions: &[f64], sigmoids: &[(f32, f32)]) -> Vec<f64> {
    const NEAREST: f32 = 1e-7;
    const ROUNDS: usize = 100;
    let mut pairwise = vec![0.0f32; classes * classes];
    let mut pair = 0;
    for first in 0..classes {
        for second in first + 1..classes {
            let (slope, offset) = sigmoids[pair];
            let odds = decisions[pair] as f32 * slope + offset;
            let p = (sigmoid(-f64::from(odds)) as f32).clamp(NEAREST, 1.0 - NEAREST);
            pairwise[first * classes + second] = p;
            pairwise[second * classes + first] = 1.0 - p;
            pair += 1;
        }
    }
    let r = |i: usize, j: usize| pairwise[i * classes + j];
    let q = |i: usize, j: usize| {
        if i == j {
            (0..classes).filter(|other| *other != i).map(|other| r(other, i) * r(other, i)).sum::<f32>()
        } else {
            -r(j, i) * r(i, j)
        }
    };
    let matrix: Vec<f32> = (0..classes * classes).map(|at| q(at / classes, at % classes)).collect();
    let mut p = vec![1.0 / classes as f32; classes];
    let near = 0.005 / classes as f32;
    for _ in 0..ROUNDS {
        let mut products: Vec<f32> =
            matrix.chunks_exact(classes).map(|row| row.iter().zip(&p).map(|(q, p)| q * p).sum()).collect();
        let mut total: f32 = p.iter().zip(&products).map(|(p, product)| p * product).sum();
        if products.iter().all(|product| (product - total).abs() < near) {
            break;
        }
        for class in 0..classes {
            let own = matrix[class * classes + class];
            let step = (total - products[class]) / own;
            p[class] += step;
            let scale = 1.0 + step;
            total = (total + step * (step * own + 2.0 * products[class])) / scale / scale;
            for other in 0..classes {
                products[other] = (products[other] + step * matrix[class * classes + other]) / scale;
                p[other] /= scale;
            }
        }
    }
    p.into_iter().map(f64::from).collect()
}
