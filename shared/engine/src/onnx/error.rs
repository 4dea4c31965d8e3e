//! Why a model cannot be brought in or out.

/// Why a model cannot be brought in or out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnnxError {
    /// The bytes are not an ONNX model, or one that is cut off or damaged.
    #[error("this is not an ONNX model: {0}")]
    NotOnnx(String),
    /// The file is larger than one may be.
    #[error("the ONNX file has {bytes} bytes, and at most {most} are possible")]
    TooLarge {
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        most: usize,
    },
    /// An operator that is not known here, or not in this form.
    #[error("the operator {name} ({domain}, opset {version}) cannot be served: {why}")]
    Operator {
        /// Its type, such as `Scan`.
        name: String,
        /// Where it is defined: `ai.onnx` or `ai.onnx.ml`, mostly.
        domain: String,
        /// The version of the domain's operators that the model asks for; 0 when it does not say.
        version: i64,
        /// What about it is not known.
        why: String,
    },
    /// What it takes, gives or holds is of a shape, type or size that cannot be served.
    #[error("the ONNX model cannot be served: {0}")]
    Unsuitable(String),
    /// One of our models has a part that cannot be said in ONNX.
    #[error("the model cannot be exported to ONNX: {part}: {why}")]
    Part {
        /// The estimator, or the column and what is done to it.
        part: String,
        /// Why.
        why: String,
    },
}
