//! Operators along axes: sums and their like, the largest, shares.

use serde::{Deserialize, Serialize};

use crate::onnx::fault::{Fault, Run};
use crate::onnx::tensor::{Tensor, Type, place, volume};

/// What many values become. Part of the artifact's format: add at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::onnx) enum Reduction {
    Sum,
    Mean,
    Max,
    Min,
    Prod,
    SumSquare,
    L1,
    L2,
    LogSum,
    LogSumExp,
}

/// A reduction along axes. Part of the artifact's format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::onnx) struct Reduce {
    pub(in crate::onnx) by: Reduction,
    /// All when there are none, unless `nothing` says that then nothing is done.
    pub(in crate::onnx) axes: Vec<i64>,
    pub(in crate::onnx) nothing: bool,
    pub(in crate::onnx) keep: bool,
}

impl Reduce {
    pub(super) fn run(&self, x: &Tensor) -> Run<Tensor> {
        let rank = x.shape.len();
        if x.kind == Type::Word {
            return Err(Fault::Type);
        }
        if self.axes.is_empty() && self.nothing {
            return Ok(x.clone());
        }
        let mut gone = vec![self.axes.is_empty(); rank];
        for axis in &self.axes {
            gone[place(*axis, rank)?] = true;
        }
        let kept: Vec<usize> = (0..rank).map(|at| if gone[at] { 1 } else { x.shape[at] }).collect();
        let cells = volume(&kept)?;
        let mut groups: Vec<Vec<f64>> = vec![Vec::new(); cells];
        // Where each value goes: the stretched view of the result.
        let mut at = 0;
        crate::onnx::tensor::walk(&x.shape, [&kept], |[cell]| {
            groups[cell].push(x.values[at]);
            at += 1;
        });
        let values = groups.iter().map(|group| self.by.of(group)).collect();
        let shape =
            if self.keep { kept } else { (0..rank).filter(|at| !gone[*at]).map(|at| x.shape[at]).collect() };
        Tensor::new(x.kind, shape, values)
    }
}

impl Reduction {
    fn of(self, values: &[f64]) -> f64 {
        let sum = |of: fn(f64) -> f64| values.iter().map(|value| of(*value)).sum::<f64>();
        let most = |values: &[f64]| {
            values.iter().fold(f64::NEG_INFINITY, |most, x| if x.is_nan() || *x > most { *x } else { most })
        };
        match self {
            Reduction::Sum => sum(|x| x),
            Reduction::Mean => sum(|x| x) / values.len() as f64,
            Reduction::Max => most(values),
            Reduction::Min => values
                .iter()
                .fold(f64::INFINITY, |least, x| if x.is_nan() || *x < least { *x } else { least }),
            Reduction::Prod => values.iter().product(),
            Reduction::SumSquare => sum(|x| x * x),
            Reduction::L1 => sum(f64::abs),
            Reduction::L2 => sum(|x| x * x).sqrt(),
            Reduction::LogSum => sum(|x| x).ln(),
            Reduction::LogSumExp => {
                let most = most(values);
                if most.is_infinite() {
                    return most;
                }
                most + values.iter().map(|x| (x - most).exp()).sum::<f64>().ln()
            }
        }
    }
}

/// The place of the largest or smallest along an axis. Part of the artifact's format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::onnx) struct Arg {
    pub(in crate::onnx) largest: bool,
    pub(in crate::onnx) axis: i64,
    pub(in crate::onnx) keep: bool,
    /// Of equals the last.
    pub(in crate::onnx) last: bool,
}

impl Arg {
    pub(super) fn run(&self, x: &Tensor) -> Run<Tensor> {
        let lanes = Lanes::new(x, self.axis)?;
        if lanes.length == 0 || x.kind == Type::Word {
            return Err(Fault::Shape);
        }
        let values = lanes.map(x, |lane| {
            let mut best = 0;
            for (at, value) in lane.iter().enumerate() {
                let better = if self.largest { *value > lane[best] } else { *value < lane[best] };
                #[allow(clippy::float_cmp, reason = "equals are told apart by their place")]
                if better || self.last && *value == lane[best] {
                    best = at;
                }
            }
            best as f64
        });
        let mut shape = x.shape.clone();
        if self.keep {
            shape[lanes.axis] = 1;
        } else {
            shape.remove(lanes.axis);
        }
        Tensor::new(Type::Integer, shape, values)
    }
}

/// The k largest or smallest along an axis, and their places. Part of the artifact's format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::onnx) struct Top {
    pub(in crate::onnx) largest: bool,
    pub(in crate::onnx) axis: i64,
    /// How many, when no input says it.
    pub(in crate::onnx) k: Option<i64>,
}

impl Top {
    pub(super) fn run(&self, x: &Tensor, k: Option<&Tensor>) -> Run<Vec<Tensor>> {
        let lanes = Lanes::new(x, self.axis)?;
        let k = match (self.k, k) {
            (Some(k), _) => k,
            (None, Some(k)) => *k.integers()?.first().ok_or(Fault::Input)?,
            (None, None) => return Err(Fault::Input),
        };
        let k = usize::try_from(k).map_err(|_| Fault::Value)?;
        if k > lanes.length {
            return Err(Fault::Index);
        }
        let mut found: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
        lanes.each(x, |lane| {
            let mut order: Vec<usize> = (0..lane.len()).collect();
            // Of equals the first comes first.
            order.sort_by(|a, b| {
                let ascending = lane[*a].total_cmp(&lane[*b]);
                if self.largest { ascending.reverse() } else { ascending }.then(a.cmp(b))
            });
            found[0].extend(order[..k].iter().map(|at| lane[*at]));
            found[1].extend(order[..k].iter().map(|at| *at as f64));
        });
        // Lane after lane: the axis is last, and has to be put back.
        let mut shape = x.shape.clone();
        shape[lanes.axis] = k;
        let [values, places] = found.map(|values| lanes.put_back(&values, k));
        Ok(vec![Tensor::new(x.kind, shape.clone(), values)?, Tensor::new(Type::Integer, shape, places)?])
    }
}

/// What becomes of values along an axis. Part of the artifact's format: add at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::onnx) enum Share {
    Softmax,
    LogSoftmax,
    CumSum,
}

impl Share {
    /// Along one axis, or along all from `axis` on.
    pub(super) fn run(self, x: &Tensor, axis: i64, flattened: bool) -> Run<Tensor> {
        if flattened {
            let at = place(axis, x.shape.len())?;
            let (rows, cols) = x.shape.split_at(at);
            let flat = x.reshaped(vec![rows.iter().product(), cols.iter().product()])?;
            return self.run(&flat, 1, false)?.reshaped(x.shape.clone());
        }
        let lanes = Lanes::new(x, axis)?;
        let mut values = Vec::with_capacity(x.values.len());
        lanes.each(x, |lane| {
            if self == Share::CumSum {
                values.extend(lane.iter().scan(0.0, |sum, value| {
                    *sum += value;
                    Some(*sum)
                }));
                return;
            }
            let most = lane.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = lane.iter().map(|value| (value - most).exp()).sum();
            values.extend(lane.iter().map(|value| match self {
                Share::LogSoftmax => value - most - total.ln(),
                _ => (value - most).exp() / total,
            }));
        });
        Tensor::new(x.kind, x.shape.clone(), lanes.put_back(&values, lanes.length))
    }
}

/// The values along one axis, for each place in the others.
struct Lanes {
    axis: usize,
    outer: usize,
    length: usize,
    inner: usize,
}

impl Lanes {
    fn new(x: &Tensor, axis: i64) -> Run<Lanes> {
        let axis = place(axis, x.shape.len())?;
        volume(&x.shape)?;
        let product = |shape: &[usize]| shape.iter().product();
        Ok(Lanes {
            axis,
            outer: product(&x.shape[..axis]),
            length: x.shape[axis],
            inner: product(&x.shape[axis + 1..]),
        })
    }

    fn each(&self, x: &Tensor, mut take: impl FnMut(&[f64])) {
        let mut lane = vec![0.0; self.length];
        for outer in 0..self.outer {
            for inner in 0..self.inner {
                for (at, value) in lane.iter_mut().enumerate() {
                    *value = x.values[(outer * self.length + at) * self.inner + inner];
                }
                take(&lane);
            }
        }
    }

    fn map(&self, x: &Tensor, of: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.outer * self.inner);
        self.each(x, |lane| values.push(of(lane)));
        values
    }

    /// Values in the order of [`each`](Lanes::each), `length` a lane, in the order of a tensor.
    fn put_back(&self, values: &[f64], length: usize) -> Vec<f64> {
        if self.inner == 1 {
            return values.to_vec();
        }
        let mut back = Vec::with_capacity(values.len());
        for outer in 0..self.outer {
            for at in 0..length {
                for inner in 0..self.inner {
                    back.push(values[(outer * self.inner + inner) * length + at]);
                }
            }
        }
        back
    }
}

/// `scale · (x − mean) / √(variance + epsilon) + bias`, with one of each for each place of dimension 1.
pub(super) fn batch_normalised(inputs: [&Tensor; 5], epsilon: f32) -> Run<Tensor> {
    let [x, scale, bias, mean, variance] = inputs;
    let channels = *x.shape.get(1).ok_or(Fault::Shape)?;
    if [scale, bias, mean, variance].iter().any(|each| each.values.len() != channels) {
        return Err(Fault::Shape);
    }
    let inner: usize = x.shape[2..].iter().product();
    let of = |(at, value): (usize, &f64)| {
        let channel = at / inner % channels;
        let deviation = (variance.values[channel] + f64::from(epsilon)).sqrt();
        (value - mean.values[channel]) / deviation * scale.values[channel] + bias.values[channel]
    };
    Tensor::new(x.kind, x.shape.clone(), x.values.iter().enumerate().map(of).collect())
}
