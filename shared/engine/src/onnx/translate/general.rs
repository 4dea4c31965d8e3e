//! The operators of `ai.onnx`, and what their versions say differently.

use super::attributes::Attributes;
use super::{Place, Translator};
use crate::onnx::OnnxError;
use crate::onnx::operators::{Arg, Binary, Gemm, Moving, Operator, Reduce, Reduction, Share, Top, Unary};
use crate::onnx::source::{constant, kind};
use crate::onnx::tensor::{Tensor, Type};

impl Translator {
    pub(super) fn general(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        let name = node.node.op_type.as_str();
        if let Some(unary) = unary(name, node)? {
            return self.step(node, Operator::Unary(unary));
        }
        if let Some(binary) = binary(name) {
            return self.binary(node, binary);
        }
        if let Some(by) = reduction(name) {
            return self.reduce(node, by);
        }
        match name {
            "Identity" | "Dropout" => self.same(node),
            "Constant" => self.literal(node),
            "Cast" => self.cast(node),
            "Where" => self.step(node, Operator::Where),
            "Clip" => self.clip(node),
            "MatMul" => self.step(node, Operator::MatMul),
            "Gemm" => {
                let transposed = [node.int("transA", 0)? != 0, node.int("transB", 0)? != 0];
                node.ignore(&["broadcast"]);
                let gemm =
                    Gemm { alpha: node.float("alpha", 1.0)?, beta: node.float("beta", 1.0)?, transposed };
                self.step(node, Operator::Gemm(gemm))
            }
            "ArgMax" | "ArgMin" => {
                let arg = Arg {
                    largest: name == "ArgMax",
                    axis: node.int("axis", 0)?,
                    keep: node.int("keepdims", 1)? != 0,
                    last: node.int("select_last_index", 0)? != 0,
                };
                self.step(node, Operator::Arg(arg))
            }
            "TopK" => {
                node.ignore(&["sorted"]);
                let top = Top {
                    largest: node.int("largest", 1)? != 0,
                    axis: node.int("axis", -1)?,
                    k: node.int_if("k")?,
                };
                self.step(node, Operator::Top(top))
            }
            "Softmax" | "LogSoftmax" => {
                let of = if name == "Softmax" { Share::Softmax } else { Share::LogSoftmax };
                // Before version 13 all axes from one on were one.
                let flattened = node.version < 13;
                let axis = node.int("axis", if flattened { 1 } else { -1 })?;
                self.step(node, Operator::Share { of, axis, flattened })
            }
            "CumSum" => self.running_sum(node),
            "BatchNormalization" => {
                if node.int("training_mode", 0)? != 0 {
                    return Err(node.refuse("it is in training mode"));
                }
                node.ignore(&["momentum", "spatial", "is_test"]);
                self.step(node, Operator::BatchNormalization { epsilon: node.float("epsilon", 1e-5)? })
            }
            _ => self.moving(name, node),
        }
    }

    fn moving(&mut self, name: &str, node: &Attributes) -> Result<(), OnnxError> {
        let axes = |translator: &Translator| translator.integers(node, "axes", 1);
        let moving = match name {
            "Reshape" => {
                if let Some(shape) = node.ints_if("shape")? {
                    let shape = self.constant(integers(shape));
                    let inputs = [self.input(node, 0)?, shape];
                    return self.step_on(
                        node,
                        Operator::Moving(Moving::Reshape { zero_is_zero: false }),
                        &inputs,
                    );
                }
                Moving::Reshape { zero_is_zero: node.int("allowzero", 0)? != 0 }
            }
            "Flatten" => Moving::Flatten { axis: node.int("axis", 1)? },
            "Squeeze" => {
                let moving = Moving::Squeeze { axes: axes(self)? };
                return self.step_on(node, Operator::Moving(moving), &[self.input(node, 0)?]);
            }
            "Unsqueeze" => {
                let axes = axes(self)?.ok_or_else(|| node.refuse("it has no axes"))?;
                return self.step_on(
                    node,
                    Operator::Moving(Moving::Unsqueeze { axes }),
                    &[self.input(node, 0)?],
                );
            }
            "Transpose" => Moving::Transpose { order: node.ints_if("perm")?.map(<[i64]>::to_vec) },
            "Slice" => return self.slice(node),
            "Gather" => Moving::Gather { axis: node.int("axis", 0)? },
            "Shape" => {
                if node.int("start", 0)? != 0 || node.int_if("end")?.is_some() {
                    return Err(node.refuse("it asks for a part of the shape"));
                }
                Moving::Shape
            }
            "Expand" => Moving::Expand,
            "ConstantOfShape" => {
                let value = node.tensor("value")?.map(|tensor| constant(tensor, &mut |text| self.word(text)));
                let value = value.transpose()?;
                let kind = value.as_ref().map_or(Type::Float, |value| value.kind);
                Moving::Fill {
                    kind,
                    value: value.and_then(|value| value.values.first().copied()).unwrap_or(0.0),
                }
            }
            "Concat" => Moving::Concat { axis: node.int("axis", 1)? },
            "Split" => {
                let lengths = self.integers(node, "split", 1)?;
                node.ignore(&["num_outputs"]);
                let pieces = node.node.output.len() as u32;
                let moving = Moving::Split { axis: node.int("axis", 0)?, lengths, pieces };
                return self.step_on(node, Operator::Moving(moving), &[self.input(node, 0)?]);
            }
            _ => return Err(node.refuse("it is not known")),
        };
        self.step(node, Operator::Moving(moving))
    }

    /// What changes nothing when predicting: the first output is the first input.
    fn same(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        node.ignore(&["ratio", "seed", "is_test"]);
        let training =
            self.constant_input(node, 2)?.is_some_and(|mode| mode.values.iter().any(|on| *on != 0.0));
        if training || node.node.output.iter().skip(1).any(|name| !name.is_empty()) {
            return Err(node.refuse("it is in training mode, or its mask is asked for"));
        }
        let input = self.input(node, 0)?;
        self.alias(node, input);
        Ok(())
    }

    fn literal(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        let one = |kind: Type, value: f64| Tensor { kind, shape: Vec::new(), values: vec![value] };
        let tensor = if let Some(tensor) = node.tensor("value")? {
            constant(tensor, &mut |text| self.word(text))?
        } else if let Some(value) = node.float_if("value_float")? {
            one(Type::Float, f64::from(value))
        } else if let Some(value) = node.int_if("value_int")? {
            one(Type::Integer, value as f64)
        } else if let Some(text) = node.bytes_if("value_string")? {
            one(Type::Word, self.word(text)?)
        } else if let Some(values) = node.ints_if("value_ints")? {
            integers(values)
        } else if !node.texts("value_strings")?.is_empty() {
            let words =
                node.texts("value_strings")?.iter().map(|text| self.word(text)).collect::<Result<_, _>>()?;
            Tensor::list(Type::Word, words)
        } else {
            Tensor::list(Type::Float, node.floats("value_floats")?.iter().map(|v| f64::from(*v)).collect())
        };
        let place = self.constant(tensor);
        self.alias(node, place);
        Ok(())
    }

    fn cast(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        node.ignore(&["saturate", "round_mode"]);
        let to = match node.text("to", "") {
            // A name in the first version, a number since.
            Ok(name) if !name.is_empty() => match name.as_str() {
                "FLOAT" => Type::Float,
                "DOUBLE" => Type::Double,
                "BOOL" => Type::Boolean,
                "INT32" | "INT64" => Type::Integer,
                _ => return Err(node.refuse(format!("it casts to {name}"))),
            },
            _ => {
                let to = node.int("to", 0)?;
                kind(to as i32).ok_or_else(|| node.refuse(format!("it casts to type {to}")))?
            }
        };
        // Of numbers words would be made that no other step knows, unless they are those of labels.
        self.step(node, Operator::Cast(to))
    }

    fn clip(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        let mut inputs = self.inputs_of(node)?;
        for (at, name) in [(1, "min"), (2, "max")] {
            if let Some(value) = node.float_if(name)? {
                inputs.resize(inputs.len().max(at + 1), Place::None);
                inputs[at] = self.constant(Tensor::list(Type::Float, vec![f64::from(value)]));
            }
        }
        self.step_on(node, Operator::Clip, &inputs)
    }

    /// Before version 7 the second input was stretched only when that was asked for, from an axis on.
    fn binary(&mut self, node: &Attributes, binary: Binary) -> Result<(), OnnxError> {
        if node.int_if("axis")?.is_some() {
            return Err(node.refuse("it stretches its input along an axis, as before version 7"));
        }
        node.ignore(&["broadcast"]);
        if binary == Binary::Mod && node.int("fmod", 0)? != 0 {
            return Err(node.refuse("it has the sign of C"));
        }
        self.step(node, Operator::Binary(binary))
    }

    fn reduce(&mut self, node: &Attributes, by: Reduction) -> Result<(), OnnxError> {
        let axes = self.integers(node, "axes", 1)?.unwrap_or_default();
        let nothing = node.int("noop_with_empty_axes", 0)? != 0;
        let keep = node.int("keepdims", 1)? != 0;
        let input = self.input(node, 0)?;
        self.step_on(node, Operator::Reduce(Reduce { by, axes, nothing, keep }), &[input])
    }

    fn running_sum(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        if node.int("exclusive", 0)? != 0 || node.int("reverse", 0)? != 0 {
            return Err(node.refuse("it sums backwards, or without the value itself"));
        }
        let axis = self.constant_input(node, 1)?.and_then(|axis| axis.integers().ok()?.first().copied());
        let axis = axis.ok_or_else(|| node.refuse("it has no axis"))?;
        let operator = Operator::Share { of: Share::CumSum, axis, flattened: false };
        self.step_on(node, operator, &[self.input(node, 0)?])
    }

    fn slice(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        let (Some(starts), Some(ends)) = (node.ints_if("starts")?, node.ints_if("ends")?) else {
            return self.step(node, Operator::Moving(Moving::Slice));
        };
        let axes = node.ints_if("axes")?;
        let mut inputs =
            vec![self.input(node, 0)?, self.constant(integers(starts)), self.constant(integers(ends))];
        if let Some(axes) = axes {
            inputs.push(self.constant(integers(axes)));
        }
        self.step_on(node, Operator::Moving(Moving::Slice), &inputs)
    }

    /// `CDist` of `com.microsoft`, with which neighbours are found.
    pub(super) fn distances(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        let square = match node.text("metric", "sqeuclidean")?.as_str() {
            "sqeuclidean" => true,
            "euclidean" => false,
            other => return Err(node.refuse(format!("its metric is {other}"))),
        };
        self.step(node, Operator::Distances { square })
    }
}

fn integers(values: &[i64]) -> Tensor {
    Tensor::list(Type::Integer, values.iter().map(|value| *value as f64).collect())
}

fn unary(name: &str, node: &Attributes) -> Result<Option<Unary>, OnnxError> {
    Ok(Some(match name {
        "Abs" => Unary::Abs,
        "Neg" => Unary::Neg,
        "Exp" => Unary::Exp,
        "Log" => Unary::Log,
        "Sqrt" => Unary::Sqrt,
        "Sigmoid" => Unary::Sigmoid,
        "Tanh" => Unary::Tanh,
        "Relu" => Unary::Relu,
        "Softplus" => Unary::Softplus,
        "Softsign" => Unary::Softsign,
        "Erf" => Unary::Erf,
        "Floor" => Unary::Floor,
        "Ceil" => Unary::Ceil,
        "Round" => Unary::Round,
        "Reciprocal" => Unary::Reciprocal,
        "Sign" => Unary::Sign,
        "Sin" => Unary::Sin,
        "Cos" => Unary::Cos,
        "Not" => Unary::Not,
        "IsNaN" => Unary::IsNan,
        "IsInf" => {
            node.ignore(&["detect_negative", "detect_positive"]);
            if node.node.attribute.iter().any(|attribute| attribute.i == 0) {
                return Err(node.refuse("it looks for one of the infinities"));
            }
            Unary::IsInf
        }
        "LeakyRelu" => Unary::LeakyRelu(node.float("alpha", 0.01)?),
        "Elu" => Unary::Elu(node.float("alpha", 1.0)?),
        "Selu" => Unary::Selu(node.float("alpha", 1.673_263_2)?, node.float("gamma", 1.050_701)?),
        "HardSigmoid" => Unary::HardSigmoid(node.float("alpha", 0.2)?, node.float("beta", 0.5)?),
        "Gelu" if node.text("approximate", "none")? == "tanh" => Unary::GeluTanh,
        "Gelu" => Unary::Gelu,
        _ => return Ok(None),
    }))
}

fn binary(name: &str) -> Option<Binary> {
    Some(match name {
        "Add" | "Sum" => Binary::Add,
        "Sub" => Binary::Sub,
        "Mul" => Binary::Mul,
        "Div" => Binary::Div,
        "Pow" => Binary::Pow,
        "Min" => Binary::Min,
        "Max" => Binary::Max,
        "Less" => Binary::Less,
        "LessOrEqual" => Binary::LessOrEqual,
        "Greater" => Binary::Greater,
        "GreaterOrEqual" => Binary::GreaterOrEqual,
        "Equal" => Binary::Equal,
        "And" => Binary::And,
        "Or" => Binary::Or,
        "Xor" => Binary::Xor,
        "PRelu" => Binary::PRelu,
        "Mod" => Binary::Mod,
        _ => return None,
    })
}

fn reduction(name: &str) -> Option<Reduction> {
    Some(match name {
        "ReduceSum" => Reduction::Sum,
        "ReduceMean" => Reduction::Mean,
        "ReduceMax" => Reduction::Max,
        "ReduceMin" => Reduction::Min,
        "ReduceProd" => Reduction::Prod,
        "ReduceSumSquare" => Reduction::SumSquare,
        "ReduceL1" => Reduction::L1,
        "ReduceL2" => Reduction::L2,
        "ReduceLogSum" => Reduction::LogSum,
        "ReduceLogSumExp" => Reduction::LogSumExp,
        _ => return None,
    })
}
