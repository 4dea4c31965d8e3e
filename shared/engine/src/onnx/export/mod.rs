//! From an artifact's model to a graph that any runtime of ONNX computes.

mod trees;
mod writer;

pub(crate) use self::trees::trees;
pub(crate) use self::writer::{Setting, Values, Writer};
use super::OnnxError;
use super::proto::element;
use crate::artifact::Model;
use crate::table::Kind;

/// Writes a model as ONNX (opset 17, and 2 of `ai.onnx.ml`), without the runtime of ONNX knowing anything of
/// us.
///
/// Its inputs are tensors `[N, 1]`, one for each column that the model reads, called as the column: floats for
/// numbers, integers and booleans, NaN when missing; strings for categories, empty when missing. Numbers are
/// `f32` on the way in, and what is computed of them is computed in `f64`, so that rows go through trees the
/// same way. Its outputs are `label` (integers when the classes are, else strings) and `probabilities`, floats
/// `[N, classes]`; or `variable`, floats `[N, 1]`. An output whose name a column has gets a `_` behind it.
///
/// # Errors
/// [`OnnxError::Part`] with the step of preprocessing or the estimator that cannot be said in ONNX: text,
/// dates, neighbours, medians of boosted trees, and steps of calibration.
pub fn export(model: &Model) -> Result<Vec<u8>, OnnxError> {
    let contents = model.contents();
    let mut writer = Writer::new(model.fields());
    let outputs = model.classes().len().max(1);
    let mut answers = Vec::with_capacity(contents.members.len());
    for member in &contents.members {
        let matrix = member.preprocessor.export(&mut writer)?;
        let refuse = |why: &str| OnnxError::Part { part: model.estimator().into(), why: why.into() };
        answers.push(member.fitted.export(&mut writer, &matrix, outputs).map_err(refuse)?);
    }
    let refuse = |why: &str| OnnxError::Part { part: model.estimator().into(), why: why.into() };
    let answer = match &contents.combination {
        Some(combination) => combination.export(&mut writer, &answers, outputs).map_err(refuse)?,
        None => answers.pop().ok_or_else(|| refuse("it has no members"))?,
    };
    let answer = writer.cast(&answer, Values::Float);
    let named = |writer: &Writer, name: &str| {
        let mut name = name.to_owned();
        while writer.is_column(&name) {
            name.push('_');
        }
        name
    };
    let metadata =
        [("fettle.target", model.target().to_owned()), ("fettle.estimator", model.estimator().to_owned())];
    if model.classes().is_empty() {
        let name = named(&writer, "variable");
        writer.output(&answer, &name);
        return Ok(writer.finish(&[(name, element::FLOAT, Some(1))], &metadata));
    }
    let settings = vec![Setting::Int("axis", 1), Setting::Int("keepdims", 0)];
    let class = writer.op_with("ArgMax", &[&answer], settings);
    let places = (0..outputs as i64).collect();
    let whole: Option<Vec<i64>> = model.classes().iter().map(|class| class.parse().ok()).collect();
    let (labels, of) = match whole.filter(|_| model.target_kind() == Kind::Integer) {
        Some(labels) => (Setting::Ints("values_int64s", labels), element::INT64),
        None => (Setting::Texts("values_strings", model.classes().to_vec()), element::STRING),
    };
    let label = writer.learned("LabelEncoder", &[&class], vec![Setting::Ints("keys_int64s", places), labels]);
    let (label_name, name) = (named(&writer, "label"), named(&writer, "probabilities"));
    writer.output(&label, &label_name);
    writer.output(&answer, &name);
    Ok(writer.finish(&[(label_name, of, None), (name, element::FLOAT, Some(outputs))], &metadata))
}
