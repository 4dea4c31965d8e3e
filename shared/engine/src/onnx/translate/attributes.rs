//! The attributes of a node, each of which has to be asked for: what nobody knows is not passed over.

use std::cell::RefCell;

use super::Translator;
use crate::onnx::OnnxError;
use crate::onnx::proto::{self, attribute};
use crate::onnx::source::domain;

/// A node, its attributes, and which of them have been read.
pub(super) struct Attributes<'a> {
    pub(super) node: &'a proto::Node,
    pub(super) version: i64,
    read: RefCell<Vec<&'static str>>,
}

impl<'a> Attributes<'a> {
    pub(super) fn new(node: &'a proto::Node, translator: &Translator) -> Attributes<'a> {
        let version = translator.opsets.get(domain(&node.domain)).copied().unwrap_or(0);
        Attributes { node, version, read: RefCell::default() }
    }

    /// That the operator cannot be served, and why.
    pub(super) fn refuse(&self, why: impl Into<String>) -> OnnxError {
        OnnxError::Operator {
            name: self.node.op_type.clone(),
            domain: domain(&self.node.domain).into(),
            version: self.version,
            why: why.into(),
        }
    }

    fn get(&self, name: &'static str, of: &[i32]) -> Result<Option<&'a proto::Attribute>, OnnxError> {
        self.read.borrow_mut().push(name);
        let Some(found) = self.node.attribute.iter().find(|attribute| attribute.name == name) else {
            return Ok(None);
        };
        // Files of the first versions do not say the type.
        if found.kind != 0 && !of.contains(&found.kind) {
            return Err(self.refuse(format!("its attribute '{name}' is of another type")));
        }
        Ok(Some(found))
    }

    /// Attributes that change nothing here.
    pub(super) fn ignore(&self, names: &[&'static str]) {
        self.read.borrow_mut().extend(names);
    }

    /// That every attribute was asked for.
    pub(super) fn done(&self) -> Result<(), OnnxError> {
        let read = self.read.borrow();
        match self.node.attribute.iter().find(|attribute| !read.contains(&attribute.name.as_str())) {
            Some(unknown) => Err(self.refuse(format!("its attribute '{}' is not known", unknown.name))),
            None => Ok(()),
        }
    }

    pub(super) fn float(&self, name: &'static str, otherwise: f32) -> Result<f32, OnnxError> {
        Ok(self.get(name, &[attribute::FLOAT])?.map_or(otherwise, |found| found.f))
    }

    pub(super) fn float_if(&self, name: &'static str) -> Result<Option<f32>, OnnxError> {
        Ok(self.get(name, &[attribute::FLOAT])?.map(|found| found.f))
    }

    pub(super) fn int(&self, name: &'static str, otherwise: i64) -> Result<i64, OnnxError> {
        Ok(self.int_if(name)?.unwrap_or(otherwise))
    }

    pub(super) fn int_if(&self, name: &'static str) -> Result<Option<i64>, OnnxError> {
        Ok(self.get(name, &[attribute::INT])?.map(|found| found.i))
    }

    pub(super) fn text(&self, name: &'static str, otherwise: &str) -> Result<String, OnnxError> {
        Ok(self.get(name, &[attribute::STRING])?.map_or_else(|| otherwise.into(), |found| text(&found.s)))
    }

    pub(super) fn bytes_if(&self, name: &'static str) -> Result<Option<&'a [u8]>, OnnxError> {
        Ok(self.get(name, &[attribute::STRING])?.map(|found| &found.s[..]))
    }

    pub(super) fn floats(&self, name: &'static str) -> Result<&'a [f32], OnnxError> {
        Ok(self.get(name, &[attribute::FLOATS])?.map_or(&[], |found| &found.floats))
    }

    pub(super) fn ints(&self, name: &'static str) -> Result<&'a [i64], OnnxError> {
        Ok(self.ints_if(name)?.unwrap_or_default())
    }

    pub(super) fn ints_if(&self, name: &'static str) -> Result<Option<&'a [i64]>, OnnxError> {
        Ok(self.get(name, &[attribute::INTS])?.map(|found| &found.ints[..]))
    }

    pub(super) fn texts(&self, name: &'static str) -> Result<&'a [prost::bytes::Bytes], OnnxError> {
        Ok(self.get(name, &[attribute::STRINGS])?.map_or(&[], |found| &found.strings))
    }

    pub(super) fn tensor(&self, name: &'static str) -> Result<Option<&'a proto::Tensor>, OnnxError> {
        Ok(self.get(name, &[attribute::TENSOR])?.and_then(|found| found.t.as_ref()))
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
