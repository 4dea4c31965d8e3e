//! Fitted kernel machines.

use serde::{Deserialize, Serialize};

use super::kernel::Kernel;
use crate::estimators::linear::Link;
use crate::matrix::Matrix;

/// A score: the kernel with some points, times their coefficients, and a bias.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::estimators) struct Machine {
    pub(in crate::estimators) points: Vec<u32>,
    /// One a point.
    pub(in crate::estimators) coefficients: Vec<f64>,
    pub(in crate::estimators) bias: f64,
}

impl Machine {
    /// Of the points whose coefficient is not 0: the support vectors.
    pub(in crate::estimators) fn new(coefficients: &[f64], bias: f64) -> Machine {
        let support: Vec<u32> =
            (0u32..).zip(coefficients).filter(|(_, c)| **c != 0.0).map(|(point, _)| point).collect();
        let coefficients = support.iter().map(|&point| coefficients[point as usize]).collect();
        Machine { points: support, coefficients, bias }
    }

    /// One whose score is always the same.
    pub(in crate::estimators) fn constant(bias: f64) -> Machine {
        Machine { points: Vec::new(), coefficients: Vec::new(), bias }
    }

    /// One whose score is `slope · score + intercept` of this one's.
    #[must_use]
    pub(in crate::estimators) fn scaled(mut self, slope: f64, intercept: f64) -> Machine {
        for coefficient in &mut self.coefficients {
            *coefficient *= slope;
        }
        self.bias = slope * self.bias + intercept;
        self
    }

    pub(in crate::estimators) fn is_finite(&self) -> bool {
        self.bias.is_finite() && self.coefficients.iter().all(|value| value.is_finite())
    }

    /// The score of a row, from the kernel of that row with every point.
    fn score(&self, kernel: &[f64]) -> f64 {
        let terms = self.points.iter().zip(&self.coefficients);
        terms.map(|(&point, coefficient)| coefficient * kernel[point as usize]).sum::<f64>() + self.bias
    }
}

/// Calls `visit` with each row of `x` and the kernel of that row with every point.
/// O(rows × points × cols).
pub(in crate::estimators) fn decide(
    kernel: Kernel,
    points: &[f32],
    x: &Matrix,
    machines: &[&Machine],
    mut visit: impl FnMut(usize, usize, f64),
) {
    let count = points.len() / x.cols().max(1);
    let (mut query, mut alike) = (vec![0.0; x.cols()], vec![0.0; count]);
    for row in 0..x.rows() {
        x.copy_row(row, &mut query);
        kernel.row(points, count, &query, &mut alike);
        for (place, machine) in machines.iter().enumerate() {
            visit(row, place, machine.score(&alike));
        }
    }
}

/// Fitted machines with an RBF kernel that share their support vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedKernel {
    pub(in crate::estimators) cols: u32,
    pub(in crate::estimators) gamma: f64,
    pub(in crate::estimators) link: Link,
    /// The support vectors, column by column.
    pub(in crate::estimators) points: Vec<f32>,
    /// One a score.
    pub(in crate::estimators) machines: Vec<Machine>,
}

impl FittedKernel {
    /// Of machines that point into the rows of `x`; what none of them points to is not kept.
    pub(in crate::estimators) fn new(
        gamma: f64,
        link: Link,
        x: &Matrix,
        mut machines: Vec<Machine>,
    ) -> FittedKernel {
        let mut used = vec![false; x.rows()];
        for point in machines.iter().flat_map(|machine| &machine.points) {
            used[*point as usize] = true;
        }
        let kept: Vec<usize> = (0..x.rows()).filter(|row| used[*row]).collect();
        let mut place = vec![0u32; x.rows()];
        for (at, &row) in (0u32..).zip(&kept) {
            place[row] = at;
        }
        for point in machines.iter_mut().flat_map(|machine| &mut machine.points) {
            *point = place[*point as usize];
        }
        let points = (0..x.cols()).flat_map(|col| kept.iter().map(move |&row| x.get(row, col))).collect();
        FittedKernel { cols: x.cols() as u32, gamma, link, points, machines }
    }

    pub(in crate::estimators) fn predict(&self, x: &Matrix) -> Vec<f64> {
        let logit = self.link == Link::Logit;
        let outputs = if logit { 2 } else { self.machines.len() };
        let mut out = vec![0.0; x.rows() * outputs];
        let machines: Vec<&Machine> = self.machines.iter().collect();
        decide(Kernel::Rbf { gamma: self.gamma }, &self.points, x, &machines, |row, place, score| {
            out[row * outputs + if logit { 1 } else { place }] = score;
        });
        for row in out.chunks_exact_mut(outputs) {
            self.link.apply(row);
        }
        out
    }

    pub(in crate::estimators) fn check(&self, cols: usize, outputs: usize) -> Result<(), String> {
        let machines = match self.link {
            Link::Logit => usize::from(outputs == 2),
            Link::Identity => usize::from(outputs == 1),
            Link::Softmax | Link::OneVsRest => outputs,
        };
        if cols == 0 || self.cols as usize != cols || !self.points.len().is_multiple_of(cols) {
            return Err("a kernel machine has another width".into());
        }
        if machines == 0 || self.machines.len() != machines {
            return Err("a kernel machine has other outputs".into());
        }
        let points = self.points.len() / cols;
        let sound = self.machines.iter().all(|machine| {
            machine.points.len() == machine.coefficients.len()
                && machine.points.iter().all(|&point| (point as usize) < points)
        });
        if sound { Ok(()) } else { Err("a kernel machine points to no support vector".into()) }
    }

    pub(in crate::estimators) fn size_bytes(&self) -> usize {
        let machine = |machine: &Machine| {
            size_of::<Machine>() + machine.points.len() * (size_of::<u32>() + size_of::<f64>())
        };
        size_of::<FittedKernel>()
            + self.points.len() * size_of::<f32>()
            + self.machines.iter().map(machine).sum::<usize>()
    }
}
