//! The columns that an imported model asks for.

use std::collections::HashSet;

use crate::onnx::OnnxError;
use crate::onnx::source::{Source, Taken};
use crate::onnx::tensor::Type;
use crate::preprocess::Carried;
use crate::table::{Field, Kind};

/// The entries of the metadata that may name the columns, as JSON lists.
const NAMES: [&str; 2] = ["fettle.columns", "feature_names"];

/// The columns, and how each of them is carried to the graph.
pub(super) fn fields(source: &Source, words: &[String]) -> Result<(Vec<Field>, Vec<Carried>), OnnxError> {
    let columns: usize = source.inputs.iter().map(|input| input.columns).sum();
    let names = named(source, columns)?.unwrap_or_else(|| {
        let alone = source.inputs.len() == 1;
        source.inputs.iter().flat_map(|input| own(input, alone)).collect()
    });
    let mut seen = HashSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(OnnxError::Unsuitable(format!("two of its columns are called '{twice}'")));
    }
    let of_input = |input: &Taken| {
        let (kind, carried) = match input.kind {
            Type::Float => (Kind::Number, Carried::Single),
            Type::Double => (Kind::Number, Carried::Double),
            Type::Integer => (Kind::Integer, Carried::Double),
            Type::Boolean => (Kind::Boolean, Carried::Boolean),
            Type::Word => (Kind::Category, Carried::Codes(words.to_vec())),
        };
        std::iter::repeat_n((kind, carried), input.columns)
    };
    let kinds = source.inputs.iter().flat_map(of_input);
    Ok(names.into_iter().zip(kinds).map(|(name, (kind, carried))| (Field { name, kind }, carried)).unzip())
}

/// The names that the metadata has.
fn named(source: &Source, columns: usize) -> Result<Option<Vec<String>>, OnnxError> {
    let Some((entry, text)) = NAMES.iter().find_map(|name| Some((name, source.metadata.get(*name)?))) else {
        return Ok(None);
    };
    let names: Vec<String> = serde_json::from_str(text).map_err(|_| {
        OnnxError::Unsuitable(format!("the entry '{entry}' of its metadata is not a JSON list of strings"))
    })?;
    if names.len() != columns {
        return Err(OnnxError::Unsuitable(format!(
            "the entry '{entry}' of its metadata names {} columns, and its inputs have {columns}",
            names.len()
        )));
    }
    Ok(Some(names))
}

/// The names of an input's columns.
fn own(input: &Taken, alone: bool) -> Vec<String> {
    match (input.columns, alone) {
        (1, false) => vec![input.name.clone()],
        (columns, true) => (0..columns).map(|at| format!("f{at}")).collect(),
        (columns, false) => (0..columns).map(|at| format!("{}_{at}", input.name)).collect(),
    }
}
