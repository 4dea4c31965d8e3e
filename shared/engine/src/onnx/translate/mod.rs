//! From the nodes of a file to steps of our own.

mod attributes;
mod general;
mod learned;
mod scan;
mod trees;

use std::collections::HashMap;

use self::attributes::Attributes;
use super::OnnxError;
use super::graph::{Input, NONE, Step};
use super::operators::{Labels, Operator};
use super::proto;
use super::source::{Source, constant, domain};
use super::tensor::{Tensor, Type};

/// So many words in a graph: each is a level that a column may have.
const MOST_WORDS: usize = 1 << 20;

/// The oldest and newest versions of the main operators whose meaning is known here.
const OPSETS: std::ops::RangeInclusive<i64> = 1..=26;
/// The same of those of classical machine learning.
const ML_OPSETS: std::ops::RangeInclusive<i64> = 1..=5;

/// What has been translated so far.
pub(super) struct Translator {
    pub(super) opsets: HashMap<String, i64>,
    pub(super) inputs: Vec<Input>,
    pub(super) constants: Vec<Tensor>,
    pub(super) steps: Vec<(Operator, Vec<Place>)>,
    outputs: u32,
    places: HashMap<String, Place>,
    words: HashMap<String, u32>,
    /// Labels that a map of scores had: the map itself is its scores.
    pub(super) maps: HashMap<String, Labels>,
}

/// Which tensor a name stands for. In the end constants lie before what steps give, and their number is
/// known only then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Input(u32),
    Constant(u32),
    Output(u32),
    None,
}

impl Translator {
    /// Translates everything.
    ///
    /// # Errors
    /// The first operator that is not known, or not in this form.
    pub(super) fn new(source: &Source) -> Result<Translator, OnnxError> {
        for (name, known) in [("ai.onnx", OPSETS), ("ai.onnx.ml", ML_OPSETS)] {
            if let Some(version) = source.opsets.get(name).filter(|version| !known.contains(version)) {
                return Err(OnnxError::Unsuitable(format!(
                    "it is of version {version} of the operators of {name}, and versions {} to {} are known",
                    known.start(),
                    known.end()
                )));
            }
        }
        let mut translator = Translator {
            opsets: source.opsets.clone(),
            inputs: Vec::new(),
            constants: Vec::new(),
            steps: Vec::new(),
            outputs: 0,
            places: HashMap::new(),
            words: HashMap::new(),
            maps: HashMap::new(),
        };
        for (at, input) in source.inputs.iter().enumerate() {
            translator.inputs.push(Input {
                kind: input.kind,
                columns: input.columns as u32,
                list: input.list,
            });
            translator.places.insert(input.name.clone(), Place::Input(at as u32));
        }
        for tensor in &source.initializers {
            let constant = constant(tensor, &mut |text| translator.word(text))?;
            let place = translator.constant(constant);
            translator.places.insert(tensor.name.clone(), place);
        }
        for node in &source.nodes {
            translator.node(node)?;
        }
        Ok(translator)
    }

    fn node(&mut self, node: &proto::Node) -> Result<(), OnnxError> {
        let attributes = Attributes::new(node, self);
        if node.op_type == "Scan" && scan::is_distances(node) {
            return self.scan(&attributes);
        }
        if node.attribute.iter().any(|attribute| attribute.graph.is_some()) {
            return Err(attributes.refuse("it has a graph within"));
        }
        match domain(&node.domain) {
            "ai.onnx" => self.general(&attributes)?,
            "ai.onnx.ml" => self.learned(&attributes)?,
            "com.microsoft" if node.op_type == "CDist" => self.distances(&attributes)?,
            _ => return Err(attributes.refuse("its domain is not known")),
        }
        attributes.done()
    }

    /// The tensor of a node's input.
    fn input(&self, attributes: &Attributes, at: usize) -> Result<Place, OnnxError> {
        match attributes.node.input.get(at).map(String::as_str) {
            None | Some("") => Ok(Place::None),
            Some(name) => self.place(name).ok_or_else(|| {
                OnnxError::Unsuitable(format!("the tensor '{name}' is not made before it is needed"))
            }),
        }
    }

    /// The tensor of that name.
    pub(super) fn place(&self, name: &str) -> Option<Place> {
        self.places.get(name).copied()
    }

    fn inputs_of(&self, attributes: &Attributes) -> Result<Vec<Place>, OnnxError> {
        (0..attributes.node.input.len()).map(|at| self.input(attributes, at)).collect()
    }

    /// The values of an input that has to be a constant.
    fn constant_input(&self, attributes: &Attributes, at: usize) -> Result<Option<&Tensor>, OnnxError> {
        match self.input(attributes, at)? {
            Place::None => Ok(None),
            Place::Constant(constant) => Ok(self.constants.get(constant as usize)),
            _ => Err(attributes.refuse(format!("its input {at} is computed, and has to be a constant"))),
        }
    }

    /// Whole numbers that are an attribute, or in later versions a constant input.
    fn integers(
        &self,
        attributes: &Attributes,
        name: &'static str,
        at: usize,
    ) -> Result<Option<Vec<i64>>, OnnxError> {
        if let Some(values) = attributes.ints_if(name)? {
            return Ok(Some(values.to_vec()));
        }
        let constant = self.constant_input(attributes, at)?;
        constant.map(Tensor::integers).transpose().map_err(|fault| attributes.refuse(fault.to_string()))
    }

    /// A step on the node's own inputs, with the node's outputs.
    fn step(&mut self, attributes: &Attributes, operator: Operator) -> Result<(), OnnxError> {
        let inputs = self.inputs_of(attributes)?;
        self.step_on(attributes, operator, &inputs)
    }

    /// A step with the node's outputs.
    fn step_on(
        &mut self,
        attributes: &Attributes,
        operator: Operator,
        inputs: &[Place],
    ) -> Result<(), OnnxError> {
        let outputs = &attributes.node.output;
        if outputs.len() > operator.outputs()
            && outputs[operator.outputs()..].iter().any(|name| !name.is_empty())
        {
            return Err(attributes.refuse("more of its outputs are asked for than are known"));
        }
        let first = self.outputs;
        self.push(operator, inputs);
        for (at, name) in outputs.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            self.places.insert(name.clone(), Place::Output(first + at as u32));
        }
        Ok(())
    }

    /// A step whose first output is for the steps after it.
    fn push(&mut self, operator: Operator, inputs: &[Place]) -> Place {
        let place = Place::Output(self.outputs);
        self.outputs += operator.outputs() as u32;
        self.steps.push((operator, inputs.to_vec()));
        place
    }

    /// The node's output is a tensor that there is.
    fn alias(&mut self, attributes: &Attributes, place: Place) {
        if let Some(name) = attributes.node.output.first() {
            self.places.insert(name.clone(), place);
        }
    }

    fn constant(&mut self, tensor: Tensor) -> Place {
        self.constants.push(tensor);
        Place::Constant(self.constants.len() as u32 - 1)
    }

    /// The number of a word.
    fn word(&mut self, text: &[u8]) -> Result<f64, OnnxError> {
        let next = self.words.len() as u32;
        let number = *self.words.entry(attributes::text(text)).or_insert(next);
        if self.words.len() > MOST_WORDS {
            return Err(OnnxError::Unsuitable(format!("it knows more than {MOST_WORDS} strings")));
        }
        Ok(f64::from(number))
    }

    /// Labels from the two attributes that may hold them.
    fn labels(
        &mut self,
        attributes: &Attributes,
        ints: &'static str,
        strings: &'static str,
    ) -> Result<Option<Labels>, OnnxError> {
        let (ints, strings) = (attributes.ints(ints)?, attributes.texts(strings)?);
        Ok(match (ints, strings) {
            ([], []) => None,
            (ints, []) => {
                Some(Labels { kind: Type::Integer, values: ints.iter().map(|label| *label as f64).collect() })
            }
            (_, strings) => {
                let values = strings.iter().map(|text| self.word(text)).collect::<Result<_, _>>()?;
                Some(Labels { kind: Type::Word, values })
            }
        })
    }

    /// All words, in the order of their numbers.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = vec![String::new(); self.words.len()];
        for (text, number) in &self.words {
            words[*number as usize].clone_from(text);
        }
        words
    }

    /// The number that a tensor has in the end.
    pub(super) fn slot(&self, place: Place) -> u32 {
        let (inputs, constants) = (self.inputs.len() as u32, self.constants.len() as u32);
        match place {
            Place::Input(at) => at,
            Place::Constant(at) => inputs + at,
            Place::Output(at) => inputs + constants + at,
            Place::None => NONE,
        }
    }

    /// The steps, with the numbers of their inputs.
    pub(super) fn numbered(&self) -> Vec<Step> {
        let number = |(operator, inputs): &(Operator, Vec<Place>)| Step {
            operator: operator.clone(),
            inputs: inputs.iter().map(|place| self.slot(*place)).collect(),
        };
        self.steps.iter().map(number).collect()
    }
}
