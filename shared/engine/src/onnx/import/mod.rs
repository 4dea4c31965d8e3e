//! From a file to an artifact.

mod answer;
mod fields;

use std::collections::HashSet;

use serde_json::json;

use self::answer::Answered;
use super::OnnxError;
use super::graph::{Graph, probe};
use super::source::Source;
use super::translate::Translator;
use crate::artifact::{Contents, Member};
use crate::decide::Rule;
use crate::estimators::Fitted;
use crate::metrics::Task;
use crate::preprocess::Preprocessor;
use crate::table::{Field, Kind, Profile};

/// What the estimator of an imported model is called.
const ESTIMATOR: &str = "onnx";

/// Makes an artifact of an ONNX file. O(bytes).
///
/// # Errors
/// When the bytes are no ONNX file, or one that cannot be served: the first operator, type or shape that is
/// not known.
pub fn import(bytes: &[u8]) -> Result<Vec<u8>, OnnxError> {
    let source = Source::read(bytes)?;
    let translator = Translator::new(&source)?;
    let words = translator.words();
    let (fields, carried) = fields::fields(&source, &words)?;
    let preprocessor = Preprocessor::carrying(&carried);
    let graph = Graph {
        inputs: translator.inputs.clone(),
        constants: translator.constants.clone(),
        steps: translator.numbered(),
        answer: super::graph::Answer::Number(0),
    };
    runs(&graph, preprocessor.width(), &source)?;
    let Answered { answer, classes, target } = answer::find(&graph, &translator, &source, &words)?;
    let graph = Graph { answer, ..graph };
    let mut seen = HashSet::new();
    if let Some(twice) = classes.iter().find(|class| !seen.insert(class.as_str())) {
        return Err(OnnxError::Unsuitable(format!("two of its classes are called '{twice}'")));
    }
    let task = match classes.len() {
        0 => Task::Regression,
        2 => Task::Binary,
        _ => Task::Multiclass,
    };
    graph.check(preprocessor.width(), classes.len().max(1)).map_err(OnnxError::Unsuitable)?;
    let profile = Profile { rows: 0, columns: Vec::new() };
    let opsets: std::collections::BTreeMap<_, _> = source.opsets.iter().collect();
    let contents = Contents {
        engine: env!("CARGO_PKG_VERSION").into(),
        task,
        target,
        classes,
        fields,
        members: vec![Member { preprocessor, fitted: Fitted::Onnx(graph), background: None }],
        combination: None,
        rule: Rule::default(),
        conformal: None,
        estimator: ESTIMATOR.into(),
        params: json!({"producer": source.producer, "opsets": opsets}).to_string(),
        // Nobody knows what the training data looked like.
        profile: json!(profile).to_string(),
    };
    contents.to_bytes().map_err(|error| OnnxError::Unsuitable(error.to_string()))
}

/// That the steps fit each other, tried on some rows.
fn runs(graph: &Graph, cols: usize, source: &Source) -> Result<(), OnnxError> {
    for rows in [3, 1] {
        if let Err((step, fault)) = graph.run(&probe(rows, cols), 0..rows) {
            let operator = graph.steps.get(step).map(|step| step.operator.name()).unwrap_or_default();
            let producer = &source.producer;
            return Err(OnnxError::Unsuitable(format!(
                "for {rows} rows its step {} ({operator}) cannot be computed: {fault}; it has to be exported by \
                 {producer} with any number of rows",
                step + 1
            )));
        }
    }
    Ok(())
}

/// The field of a target that has classes of some kind, or none.
fn target(name: &str, kind: Kind) -> Field {
    Field { name: name.into(), kind }
}
