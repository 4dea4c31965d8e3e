//! Models of other programs, by ONNX: theirs in, ours out.
//!
//! [`import`] translates a graph into steps of our own, once, when a model is registered: what predicts is
//! then an artifact like any other, and no runtime of ONNX is needed. [`export`] writes an artifact's
//! preprocessing and estimator as a graph that any runtime of ONNX computes.
//!
//! **What an imported model asks for.** A tensor `[N, k]` of numbers is k columns. They are named by the
//! entry `fettle.columns` or `feature_names` of the model's metadata, a JSON list of all columns; else `f0`,
//! `f1`, … where it is the only input, and `<input>_0`, `<input>_1`, … where it is one of several. A tensor
//! `[N, 1]` or `[N]` among several is a column of its own name. Floats and doubles are numbers, integers are
//! integers, strings are categories, a missing one the empty string.
//!
//! **What it answers.** With labels among its outputs it classifies; the probabilities are those of its
//! second output where that has probabilities, which is tried on some rows, and else 1 for its label. Of
//! equals the first class is the answer, and with probabilities the label is the most probable class. One
//! output of several columns is a classification when those are probabilities, of classes named by the entry
//! `classes` of the metadata (a JSON list), else numbered; an output of one column is a number, unless
//! `classes` names two.
//!
//! **What differs from other runtimes.** An infinite number is a missing one, as everywhere here, and a
//! category that `OneHotEncoder` does not know is none of its columns, whatever `zeros` says. Integers are
//! exact to 2⁴⁸. A label that contradicts its own probabilities, as of boosted trees without a negative leaf, is the
//! more probable one here. Sums are in `f64` and rounded once, where others round each step to `f32`.

mod error;
pub(crate) mod export;
mod fault;
mod graph;
mod import;
mod operators;
mod proto;
mod source;
mod tensor;
mod translate;

pub use self::error::OnnxError;
pub use self::export::export;
pub use self::graph::Graph;
pub use self::import::import;
