//! The operators of `ai.onnx.ml`, but for trees.

use super::Translator;
use super::attributes::Attributes;
use crate::onnx::OnnxError;
use crate::onnx::operators::{
    Answer, Columns, Kernel, Labels, Linear, Machine, Moving, Norm, Operator, Table, Transform, Unary,
};
use crate::onnx::source::constant;
use crate::onnx::tensor::{Tensor, Type};

/// The label of `ints` and `strings` of a classifier.
const CLASSES: [&str; 2] = ["classlabels_ints", "classlabels_strings"];

impl Translator {
    pub(super) fn learned(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        match node.node.op_type.as_str() {
            "TreeEnsembleClassifier" | "TreeEnsembleRegressor" => self.trees(node),
            "LinearClassifier" | "LinearRegressor" => self.linear(node),
            "SVMClassifier" | "SVMRegressor" => self.machine(node),
            "Scaler" => {
                let (offsets, scales) = (node.floats("offset")?.to_vec(), node.floats("scale")?.to_vec());
                self.step(node, Operator::Columns(Columns::Scaler { offsets, scales }))
            }
            "Imputer" => self.imputer(node),
            "Normalizer" => {
                let norm = match node.text("norm", "MAX")?.as_str() {
                    "MAX" => Norm::Max,
                    "L1" => Norm::L1,
                    "L2" => Norm::L2,
                    other => return Err(node.refuse(format!("its norm is {other}"))),
                };
                self.step(node, Operator::Columns(Columns::Normalizer(norm)))
            }
            "Binarizer" => self.step(node, Operator::Unary(Unary::Binarizer(node.float("threshold", 0.0)?))),
            "OneHotEncoder" => {
                node.ignore(&["zeros"]);
                let of = self.labels(node, "cats_int64s", "cats_strings")?;
                let of = of.ok_or_else(|| node.refuse("it has no categories"))?;
                self.step(node, Operator::Columns(Columns::OneHot(Table::new(&of.values))))
            }
            "LabelEncoder" => self.lookup(node),
            "CategoryMapper" => self.mapper(node),
            "FeatureVectorizer" => {
                node.ignore(&["inputdimensions"]);
                self.step(node, Operator::Moving(Moving::SideBySide))
            }
            "ArrayFeatureExtractor" => self.step(node, Operator::Moving(Moving::Columns)),
            "ZipMap" => {
                let labels = self.labels(node, "classlabels_int64s", "classlabels_strings")?;
                let scores = self.input(node, 0)?;
                if let (Some(labels), Some(output)) = (labels, node.node.output.first()) {
                    self.maps.insert(output.clone(), labels);
                }
                self.alias(node, scores);
                Ok(())
            }
            _ => Err(node.refuse("it is not known")),
        }
    }

    fn transform(node: &Attributes) -> Result<Transform, OnnxError> {
        let name = node.text("post_transform", "NONE")?;
        Transform::find(&name).ok_or_else(|| node.refuse(format!("its post_transform is {name}")))
    }

    fn linear(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        let coefficients = node.floats("coefficients")?.to_vec();
        let mut intercepts = node.floats("intercepts")?.to_vec();
        let labels = if node.node.op_type == "LinearClassifier" {
            node.ignore(&["multi_class"]);
            let labels = self.labels(node, CLASSES[0], CLASSES[1])?;
            Some(labels.ok_or_else(|| node.refuse("it has no labels"))?)
        } else {
            let targets = node.int("targets", 1)?;
            if intercepts.is_empty() && (1..=1 << 16).contains(&targets) {
                intercepts = vec![0.0; targets as usize];
            }
            None
        };
        if intercepts.is_empty() {
            return Err(node.refuse("it has no intercepts"));
        }
        let transform = Self::transform(node)?;
        self.step(node, Operator::Linear(Linear { coefficients, intercepts, transform, labels }))
    }

    fn imputer(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        let floats = node.floats("imputed_value_floats")?;
        let ints = node.ints("imputed_value_int64s")?;
        let (replaced_float, replaced_int) =
            (node.float_if("replaced_value_float")?, node.int_if("replaced_value_int64")?);
        let (fills, replaced) = if floats.is_empty() {
            // An integer is missing here when it is NaN, besides.
            (ints.iter().map(|fill| *fill as f64).collect(), replaced_int.unwrap_or(0) as f64)
        } else {
            (floats.iter().map(|fill| f64::from(*fill)).collect(), f64::from(replaced_float.unwrap_or(0.0)))
        };
        self.step(node, Operator::Columns(Columns::Imputer { replaced, fills }))
    }

    /// Values of one of the attributes for keys or values of a lookup.
    fn side(&mut self, node: &Attributes, names: [&'static str; 4]) -> Result<Option<Labels>, OnnxError> {
        let [strings, ints, floats, tensor] = names;
        if let Some(tensor) = node.tensor(tensor)? {
            let Tensor { kind, values, .. } = constant(tensor, &mut |text| self.word(text))?;
            return Ok(Some(Labels { kind, values }));
        }
        let floats = node.floats(floats)?;
        let labels = self.labels(node, ints, strings)?;
        Ok(labels.or_else(|| {
            let values = floats.iter().map(|value| f64::from(*value)).collect();
            (!floats.is_empty()).then_some(Labels { kind: Type::Float, values })
        }))
    }

    fn lookup(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        if !node.texts("classes_strings")?.is_empty() {
            return Err(node.refuse("it is of version 1: export with version 2 of ai.onnx.ml or later"));
        }
        let keys = self.side(node, ["keys_strings", "keys_int64s", "keys_floats", "keys_tensor"])?;
        let values =
            self.side(node, ["values_strings", "values_int64s", "values_floats", "values_tensor"])?;
        let (Some(keys), Some(values)) = (keys, values) else {
            return Err(node.refuse("it has no keys or no values"));
        };
        if keys.values.len() != values.values.len() {
            return Err(node.refuse("it has another number of keys than of values"));
        }
        let (text, int, float) = (
            node.bytes_if("default_string")?,
            node.int("default_int64", -1)?,
            node.float("default_float", -0.0)?,
        );
        let tensor = node.tensor("default_tensor")?;
        let otherwise = match (tensor, values.kind) {
            (Some(tensor), _) => {
                let tensor = constant(tensor, &mut |text| self.word(text))?;
                tensor.values.first().copied().ok_or_else(|| node.refuse("its default is empty"))?
            }
            (None, Type::Word) => self.word(text.unwrap_or(b"_Unused"))?,
            (None, Type::Integer) => int as f64,
            (None, _) => f64::from(float),
        };
        let table = Table::new(&keys.values);
        self.step(
            node,
            Operator::Columns(Columns::Lookup { table, kind: values.kind, values: values.values, otherwise }),
        )
    }

    /// From strings to integers, or back, whichever comes.
    fn mapper(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        let ints: Vec<f64> = node.ints("cats_int64s")?.iter().map(|value| *value as f64).collect();
        let words: Vec<f64> =
            node.texts("cats_strings")?.iter().map(|text| self.word(text)).collect::<Result<_, _>>()?;
        node.ignore(&["default_string"]);
        let otherwise = node.int("default_int64", -1)? as f64;
        if ints.len() != words.len() {
            return Err(node.refuse("it has another number of strings than of integers"));
        }
        let table = Table::new(&words);
        self.step(
            node,
            Operator::Columns(Columns::Lookup { table, kind: Type::Integer, values: ints, otherwise }),
        )
    }

    fn machine(&mut self, node: &Attributes) -> Result<(), OnnxError> {
        let params = node.floats("kernel_params")?;
        let param = |at: usize| params.get(at).copied().unwrap_or(0.0);
        let (gamma, coef0, degree) = (param(0), param(1), param(2));
        let kernel = match node.text("kernel_type", "LINEAR")?.as_str() {
            "LINEAR" => Kernel::Linear,
            "POLY" => Kernel::Poly { gamma, coef0, degree },
            "RBF" => Kernel::Rbf { gamma },
            "SIGMOID" => Kernel::Sigmoid { gamma, coef0 },
            other => return Err(node.refuse(format!("its kernel is {other}"))),
        };
        let vectors = node.floats("support_vectors")?.to_vec();
        let answer = if node.node.op_type == "SVMRegressor" {
            let count = u32::try_from(node.int("n_supports", 0)?)
                .map_err(|_| node.refuse("its number of support vectors makes no sense"))?;
            if node.int("one_class", 0)? == 0 {
                Answer::Number { vectors: count }
            } else {
                Answer::OneClass { vectors: count }
            }
        } else {
            let labels = self.labels(node, CLASSES[0], CLASSES[1])?;
            let labels = labels.ok_or_else(|| node.refuse("it has no labels"))?;
            let per_class = node.ints("vectors_per_class")?.iter().map(|count| u32::try_from(*count));
            let per_class: Vec<u32> = per_class
                .collect::<Result<_, _>>()
                .map_err(|_| node.refuse("its numbers of support vectors make no sense"))?;
            let (slopes, offsets) = (node.floats("prob_a")?, node.floats("prob_b")?);
            if slopes.len() != offsets.len() {
                return Err(node.refuse("its sigmoids have another number of slopes than of offsets"));
            }
            if per_class.iter().all(|count| *count == 0) {
                Answer::Each { labels }
            } else {
                let sigmoids = slopes.iter().copied().zip(offsets.iter().copied()).collect();
                Answer::Pairs { labels, vectors: per_class, sigmoids }
            }
        };
        let machine = Machine {
            kernel,
            vectors,
            coefficients: node.floats("coefficients")?.to_vec(),
            rho: node.floats("rho")?.to_vec(),
            transform: Self::transform(node)?,
            answer,
        };
        self.step(node, Operator::Machine(machine))
    }
}
