//! Operators on each value by itself, and on pairs of values of tensors stretched to one shape.

use serde::{Deserialize, Serialize};

use crate::onnx::fault::{Fault, Run};
use crate::onnx::tensor::{Tensor, Type, stretched, volume, walk};

/// An operator on each value. The order of variants is part of the artifact's format: add at the end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(in crate::onnx) enum Unary {
    Abs,
    Neg,
    Exp,
    Log,
    Sqrt,
    Sigmoid,
    Tanh,
    Relu,
    Softplus,
    Softsign,
    Erf,
    Floor,
    Ceil,
    /// To the nearest, halves to the even one.
    Round,
    Reciprocal,
    Sign,
    Sin,
    Cos,
    LeakyRelu(f32),
    Elu(f32),
    Selu(f32, f32),
    HardSigmoid(f32, f32),
    /// 1 above the threshold, else 0.
    Binarizer(f32),
    Not,
    IsNan,
    IsInf,
    Gelu,
    GeluTanh,
}

impl Unary {
    pub(super) fn run(self, x: &Tensor) -> Run<Tensor> {
        let kind = match self {
            Unary::Not if x.kind != Type::Boolean => return Err(Fault::Type),
            _ if x.kind == Type::Word => return Err(Fault::Type),
            Unary::Not | Unary::IsNan | Unary::IsInf => Type::Boolean,
            _ => x.kind,
        };
        Tensor::new(kind, x.shape.clone(), x.values.iter().map(|value| self.apply(*value)).collect())
    }

    fn apply(self, x: f64) -> f64 {
        match self {
            Unary::Abs => x.abs(),
            Unary::Neg => -x,
            Unary::Exp => x.exp(),
            Unary::Log => x.ln(),
            Unary::Sqrt => x.sqrt(),
            Unary::Sigmoid => sigmoid(x),
            Unary::Tanh => x.tanh(),
            // Not max(): NaN stays NaN.
            Unary::Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Unary::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Unary::Softsign => x / (1.0 + x.abs()),
            Unary::Erf => libm::erf(x),
            Unary::Floor => x.floor(),
            Unary::Ceil => x.ceil(),
            Unary::Round => x.round_ties_even(),
            Unary::Reciprocal => 1.0 / x,
            Unary::Sign => {
                if x == 0.0 || x.is_nan() {
                    x
                } else {
                    x.signum()
                }
            }
            Unary::Sin => x.sin(),
            Unary::Cos => x.cos(),
            Unary::LeakyRelu(slope) => {
                if x < 0.0 {
                    f64::from(slope) * x
                } else {
                    x
                }
            }
            Unary::Elu(alpha) => {
                if x < 0.0 {
                    f64::from(alpha) * x.exp_m1()
                } else {
                    x
                }
            }
            Unary::Selu(alpha, gamma) => {
                f64::from(gamma) * if x <= 0.0 { f64::from(alpha) * x.exp_m1() } else { x }
            }
            Unary::HardSigmoid(alpha, beta) => (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0),
            Unary::Binarizer(threshold) => f64::from(u8::from(x > f64::from(threshold))),
            Unary::Not => {
                if x.is_nan() {
                    x
                } else {
                    f64::from(u8::from(x == 0.0))
                }
            }
            Unary::IsNan => f64::from(u8::from(x.is_nan())),
            Unary::IsInf => f64::from(u8::from(x.is_infinite())),
            Unary::Gelu => 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)),
            Unary::GeluTanh => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
                0.5 * x * (1.0 + inner.tanh())
            }
        }
    }
}

/// An operator on pairs of values. The order of variants is part of the artifact's format: add at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::onnx) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Min,
    Max,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    And,
    Or,
    Xor,
    /// Leaky below 0, by a slope of its own.
    PRelu,
    /// With the sign of the divisor.
    Mod,
}

impl Binary {
    pub(super) fn run(self, a: &Tensor, b: &Tensor) -> Run<Tensor> {
        let logical = matches!(self, Binary::And | Binary::Or | Binary::Xor);
        if logical != (a.kind == Type::Boolean && b.kind == Type::Boolean) && self != Binary::Equal {
            return Err(Fault::Type);
        }
        // Words are equal or not, and nothing else; the base of a power decides what it is.
        let words = a.kind == Type::Word || b.kind == Type::Word;
        if words && (self != Binary::Equal || a.kind != b.kind) || a.kind != b.kind && self != Binary::Pow {
            return Err(Fault::Type);
        }
        let kind = match self {
            Binary::Pow | Binary::Min | Binary::Max | Binary::PRelu | Binary::Mod => a.kind,
            _ if self.is_arithmetic() => a.kind,
            _ => Type::Boolean,
        };
        let shape = stretched(&a.shape, &b.shape)?;
        let mut values = Vec::with_capacity(volume(&shape)?);
        if a.shape == b.shape {
            values.extend(a.values.iter().zip(&b.values).map(|(a, b)| self.apply(*a, *b)));
        } else {
            walk(&shape, [&a.shape, &b.shape], |[i, j]| values.push(self.apply(a.values[i], b.values[j])));
        }
        if words {
            // No two words that the graph does not know are the same for sure.
            let mut at = 0;
            walk(&shape, [&a.shape], |[i]| {
                if a.values[i] < 0.0 {
                    values[at] = 0.0;
                }
                at += 1;
            });
        }
        Tensor::new(kind, shape, values)
    }

    /// Whether it makes numbers of numbers.
    pub(in crate::onnx) fn is_arithmetic(self) -> bool {
        matches!(self, Binary::Add | Binary::Sub | Binary::Mul | Binary::Div)
    }

    #[allow(clippy::float_cmp, reason = "that is what the operator asks")]
    pub(in crate::onnx) fn apply(self, a: f64, b: f64) -> f64 {
        let told = |truth: bool| f64::from(u8::from(truth));
        match self {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Div => a / b,
            Binary::Pow if b == 2.0 => a * a,
            Binary::Pow => a.powf(b),
            // NaN stays NaN.
            Binary::Min => {
                if a.is_nan() || a < b {
                    a
                } else {
                    b
                }
            }
            Binary::Max => {
                if a.is_nan() || a > b {
                    a
                } else {
                    b
                }
            }
            Binary::Less => told(a < b),
            Binary::LessOrEqual => told(a <= b),
            Binary::Greater => told(a > b),
            Binary::GreaterOrEqual => told(a >= b),
            Binary::Equal => told(a == b),
            Binary::And => told(a != 0.0 && b != 0.0),
            Binary::Or => told(a != 0.0 || b != 0.0),
            Binary::Xor => told((a != 0.0) != (b != 0.0)),
            Binary::PRelu => {
                if a < 0.0 {
                    a * b
                } else {
                    a
                }
            }
            Binary::Mod => {
                let rest = a % b;
                if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
            }
        }
    }
}

/// Values of `yes` where `condition` is true, else of `no`.
pub(super) fn select(condition: &Tensor, yes: &Tensor, no: &Tensor) -> Run<Tensor> {
    if condition.kind != Type::Boolean || yes.kind != no.kind {
        return Err(Fault::Type);
    }
    let shape = stretched(&condition.shape, &stretched(&yes.shape, &no.shape)?)?;
    let mut values = Vec::with_capacity(volume(&shape)?);
    walk(&shape, [&condition.shape, &yes.shape, &no.shape], |[condition_at, yes_at, no_at]| {
        values.push(if condition.values[condition_at] == 0.0 {
            no.values[no_at]
        } else {
            yes.values[yes_at]
        });
    });
    Tensor::new(yes.kind, shape, values)
}

/// Values no less than `low` and no more than `high`, which are single values if they are there.
pub(super) fn clip(x: &Tensor, low: Option<&Tensor>, high: Option<&Tensor>) -> Run<Tensor> {
    let one = |tensor: Option<&Tensor>, otherwise: f64| match tensor.map(|tensor| tensor.values.as_slice()) {
        None => Ok(otherwise),
        Some([value]) => Ok(*value),
        Some(_) => Err(Fault::Shape),
    };
    if x.kind == Type::Word {
        return Err(Fault::Type);
    }
    let (low, high) = (one(low, f64::NEG_INFINITY)?, one(high, f64::INFINITY)?);
    let clip = |value: &f64| {
        let value = if *value < low { low } else { *value };
        if value > high { high } else { value }
    };
    Tensor::new(x.kind, x.shape.clone(), x.values.iter().map(clip).collect())
}

/// The same values as another type; what is not a number is no word, and no word is a number.
pub(super) fn cast(x: &Tensor, to: Type) -> Run<Tensor> {
    if (x.kind == Type::Word) != (to == Type::Word) {
        return Err(Fault::Type);
    }
    let values = if to == Type::Boolean && x.kind != Type::Boolean {
        x.values
            .iter()
            .map(|value| if value.is_nan() { *value } else { f64::from(u8::from(*value != 0.0)) })
            .collect()
    } else {
        x.values.clone()
    };
    Tensor::new(to, x.shape.clone(), values)
}

pub(in crate::onnx) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
