//! Fitted preprocessing in ONNX.
//!
//! All numbers of the table go side by side through the same few operators, in `f64` as here; categories have
//! a node each. In the end the columns are put in the matrix's order.

use super::encoder::Encoder;
use super::levels::{Known, OneHot, Statistics};
use super::measure::Measure;
use super::shape::{FARTHEST, Shape};
use super::{Feature, Preprocessor};
use crate::onnx::OnnxError;
use crate::onnx::export::{Setting, Values, Writer};

/// In place of a power of 0, whose form is another: near enough that nothing tells them apart.
const NEARLY_0: f64 = 1e-8;

/// Tensors side by side, and which column of the matrix each of their columns is.
#[derive(Default)]
struct Parts {
    tensors: Vec<String>,
    places: Vec<usize>,
}

impl Parts {
    fn push(&mut self, tensor: String, places: impl IntoIterator<Item = usize>) {
        self.tensors.push(tensor);
        self.places.extend(places);
    }

    /// One tensor, its columns in the matrix's order.
    fn ordered(self, writer: &mut Writer) -> String {
        let all = writer.side_by_side(&self.tensors);
        let mut order: Vec<usize> = (0..self.places.len()).collect();
        order.sort_by_key(|at| self.places[*at]);
        if order.is_sorted() { all } else { writer.select(&all, &order) }
    }
}

impl Preprocessor {
    /// The matrix of the table's columns, floats `[N, width]`.
    ///
    /// # Errors
    /// The first column of which something is made that ONNX cannot say.
    pub(crate) fn export(&self, writer: &mut Writer) -> Result<String, OnnxError> {
        let mut parts = Parts::default();
        let (mut numbers, mut at) = (Vec::new(), 0);
        for (column, feature) in self.features.iter().enumerate() {
            match &feature.encoder {
                Encoder::Number | Encoder::Boolean | Encoder::Shaped(_) => {
                    numbers.push((column, at, feature));
                }
                Encoder::OneHot(one_hot) => {
                    parts.push(flags(writer, column, one_hot), at..at + feature.width());
                }
                Encoder::Statistics(statistics) => {
                    for statistic in 0..statistics.width() {
                        let tensor =
                            rates(writer, column, statistics, statistic, &feature.measures[statistic]);
                        parts.push(tensor, [at + statistic]);
                    }
                    if feature.indicator {
                        // Every level has its statistics, a missing one too.
                        let zero = writer.repeated(&[0.0]);
                        parts.push(writer.cast(&zero, Values::Float), [at + statistics.width()]);
                    }
                }
                Encoder::Dropped(_) => {}
                Encoder::Text { .. } | Encoder::Words { .. } => {
                    return Err(refused(writer, column, "words are counted, for which ONNX has no operator"));
                }
                Encoder::Dates(_) | Encoder::Cycles(_) => {
                    return Err(refused(writer, column, "it is a date, for which ONNX has no type"));
                }
                Encoder::Halves | Encoder::Codes(_) => {
                    return Err(refused(writer, column, "it came as ONNX: keep the file that it came from"));
                }
            }
            at += feature.width();
        }
        if !numbers.is_empty() {
            measured(writer, &numbers, &mut parts);
        }
        if parts.tensors.is_empty() {
            let nothing = writer.repeated(&[]);
            return Ok(writer.cast(&nothing, Values::Float));
        }
        let matrix = parts.ordered(writer);
        Ok(self.with_products(writer, matrix))
    }

    fn with_products(&self, writer: &mut Writer, matrix: String) -> String {
        if self.products.is_empty() {
            return matrix;
        }
        let wide = writer.cast(&matrix, Values::Double);
        let mut side = |at: usize, columns: Vec<usize>| {
            let side = writer.select(&wide, &columns);
            let measures: Vec<&Measure> = self.products.iter().map(|product| &product.sides[at]).collect();
            let side = apply(writer, &side, &measures);
            writer.cast(&side, Values::Double)
        };
        let left = side(0, self.products.iter().map(|product| product.left as usize).collect());
        let right = side(1, self.products.iter().map(|product| product.right as usize).collect());
        let product = writer.op("Mul", &[&left, &right]);
        let results: Vec<&Measure> = self.products.iter().map(|product| &product.result).collect();
        let product = apply(writer, &product, &results);
        writer.side_by_side(&[matrix, product])
    }
}

fn refused(writer: &Writer, column: usize, why: &str) -> OnnxError {
    let name = writer.fields().get(column).map_or("", |field| field.name.as_str());
    OnnxError::Part { part: format!("the column '{name}'"), why: why.into() }
}

/// A column of 0 and 1 for each level; a missing one is the empty string.
fn flags(writer: &mut Writer, column: usize, one_hot: &OneHot) -> String {
    let levels = levels(&one_hot.known);
    let width = levels.len();
    let input = writer.column(column);
    let settings = vec![Setting::Texts("cats_strings", levels), Setting::Int("zeros", 1)];
    if width == 0 {
        // Only rare levels: every row has one of them.
        let one = writer.repeated(&[1.0]);
        return writer.cast(&one, Values::Float);
    }
    let flags = writer.learned("OneHotEncoder", &[&input], settings);
    let shape = writer.ints(&[-1, width as i64]);
    let flags = writer.op("Reshape", &[&flags, &shape]);
    if !one_hot.others {
        return flags;
    }
    let (axes, one) = (writer.ints(&[1]), writer.float(&[1], &[1.0]));
    let known = writer.op_with("ReduceSum", &[&flags, &axes], vec![Setting::Int("keepdims", 1)]);
    let others = writer.op("Sub", &[&one, &known]);
    writer.side_by_side(&[flags, others])
}

/// The levels in the order of their places.
fn levels(known: &Known) -> Vec<String> {
    known.levels.iter().cloned().chain(known.missing.then(String::new)).collect()
}

/// A statistic of the column's level, already imputed and scaled.
fn rates(
    writer: &mut Writer,
    column: usize,
    statistics: &Statistics,
    statistic: usize,
    measure: &Measure,
) -> String {
    let width = statistics.width();
    let input = writer.column(column);
    let of = statistics.of_level.iter().skip(statistic).step_by(width).map(|value| measure.apply(*value));
    let otherwise = measure.apply(statistics.overall[statistic]);
    let levels = levels(&statistics.known);
    if levels.is_empty() {
        let overall = writer.repeated(&[f64::from(otherwise)]);
        return writer.cast(&overall, Values::Float);
    }
    let settings = vec![
        Setting::Texts("keys_strings", levels),
        Setting::Floats("values_floats", of.collect()),
        Setting::Float("default_float", otherwise),
    ];
    writer.learned("LabelEncoder", &[&input], settings)
}

/// Numbers, changed in their distribution, imputed and scaled, with their indicators.
fn measured(writer: &mut Writer, numbers: &[(usize, usize, &Feature)], parts: &mut Parts) {
    let columns: Vec<String> = numbers.iter().map(|(column, ..)| writer.column(*column)).collect();
    let values = writer.side_by_side(&columns);
    let values = writer.cast(&values, Values::Double);
    let values = shaped(writer, &values, numbers);
    let measures: Vec<&Measure> = numbers.iter().flat_map(|(.., feature)| &feature.measures).collect();
    parts.push(apply(writer, &values, &measures), numbers.iter().map(|(_, at, _)| *at));
    let told: Vec<usize> = (0..numbers.len()).filter(|number| numbers[*number].2.indicator).collect();
    if !told.is_empty() {
        let values = writer.select(&values, &told);
        let missing = missing(writer, &values);
        let missing = writer.cast(&missing, Values::Float);
        parts.push(missing, told.iter().map(|number| numbers[*number].1 + 1));
    }
}

/// Where values are not finite: the difference of an infinity from itself is no number either.
fn missing(writer: &mut Writer, values: &str) -> String {
    let nothing = writer.op("Sub", &[values, values]);
    writer.op("IsNaN", &[&nothing])
}

/// [`Measure::apply`] on columns side by side: doubles become floats.
fn apply(writer: &mut Writer, values: &str, measures: &[&Measure]) -> String {
    let width = measures.len();
    let mut row = |of: &dyn Fn(&Measure) -> f64| {
        let values: Vec<f64> = measures.iter().map(|measure| of(measure)).collect();
        writer.double(&[1, width], &values)
    };
    let (fill, keep) = (row(&|m| m.fill.unwrap_or(m.centre)), row(&|m| m.fill.map_or(f64::NAN, |_| 0.0)));
    let (centre, scale) = (row(&|m| m.centre), row(&|m| m.scale));
    let (low, high) = (row(&|m| -f64::from(m.limit)), row(&|m| f64::from(m.limit)));
    let zero = row(&|_| 0.0);
    let missing = missing(writer, values);
    let filled = writer.op("Where", &[&missing, &fill, values]);
    let distance = writer.op("Sub", &[&filled, &centre]);
    let scaled = writer.op("Div", &[&distance, &scale]);
    let scaled = writer.op("Max", &[&scaled, &low]);
    let scaled = writer.op("Min", &[&scaled, &high]);
    // Where missing values stay, adding no number keeps them.
    let kept = writer.op("Where", &[&missing, &keep, &zero]);
    let kept = writer.op("Add", &[&scaled, &kept]);
    writer.cast(&kept, Values::Float)
}

/// [`Shape::apply`] on those numbers that have one.
fn shaped(writer: &mut Writer, values: &str, numbers: &[(usize, usize, &Feature)]) -> String {
    let shapes: Vec<Option<&Shape>> = numbers
        .iter()
        .map(|(.., feature)| if let Encoder::Shaped(shape) = &feature.encoder { Some(shape) } else { None })
        .collect();
    if shapes.iter().all(Option::is_none) {
        return values.into();
    }
    let width = shapes.len();
    let clip = |shape: Option<&Shape>| shape.and_then(|shape| shape.clip).unwrap_or((f64::MIN, f64::MAX));
    let low: Vec<f64> = shapes.iter().map(|shape| clip(*shape).0).collect();
    let high: Vec<f64> = shapes.iter().map(|shape| clip(*shape).1).collect();
    // What is missing stays it, whatever Min and Max make of it.
    let gone = missing(writer, values);
    let (low, high) = (writer.double(&[1, width], &low), writer.double(&[1, width], &high));
    let clipped = writer.op("Max", &[values, &low]);
    let clipped = writer.op("Min", &[&clipped, &high]);
    let powered: Vec<usize> =
        (0..width).filter(|at| shapes[*at].is_some_and(|shape| shape.power.is_some())).collect();
    let shaped = if powered.is_empty() { clipped } else { powers(writer, &clipped, &shapes, &powered) };
    let nan = writer.double(&[1], &[f64::NAN]);
    writer.op("Where", &[&gone, &nan, &shaped])
}

/// Yeo and Johnson's power of some columns; the others as they are.
fn powers(writer: &mut Writer, values: &str, shapes: &[Option<&Shape>], powered: &[usize]) -> String {
    let of = |value: &dyn Fn(&super::shape::Power) -> f64| -> Vec<f64> {
        powered.iter().filter_map(|at| shapes[*at]?.power.as_ref()).map(value).collect()
    };
    let width = powered.len();
    let own = writer.select(values, powered);
    let centre = writer.double(&[1, width], &of(&|power| power.centre));
    let scale = writer.double(&[1, width], &of(&|power| power.scale));
    let distance = writer.op("Sub", &[&own, &centre]);
    let z = writer.op("Div", &[&distance, &scale]);
    let (low, high) = (writer.double(&[], &[-FARTHEST]), writer.double(&[], &[FARTHEST]));
    let z = writer.op("Clip", &[&z, &low, &high]);
    let (zero, one) = (writer.double(&[1], &[0.0]), writer.double(&[1], &[1.0]));
    let size = writer.op("Abs", &[&z]);
    let size = writer.op("Add", &[&size, &one]);
    let log = writer.op("Log", &[&size]);
    let not_0 = |exponent: f64| if exponent.abs() < 1e-9 { NEARLY_0 } else { exponent };
    let above = of(&|power| not_0(power.lambda));
    let below = of(&|power| not_0(2.0 - power.lambda));
    let mut side = |exponents: &[f64]| {
        let exponents = writer.double(&[1, width], exponents);
        let power = writer.op("Mul", &[&log, &exponents]);
        let power = writer.op("Exp", &[&power]);
        let power = writer.op("Sub", &[&power, &one]);
        writer.op("Div", &[&power, &exponents])
    };
    let (above, below) = (side(&above), side(&below));
    let below = writer.op("Neg", &[&below]);
    let negative = writer.op("Less", &[&z, &zero]);
    let changed = writer.op("Where", &[&negative, &below, &above]);
    // Put back among the others, each in its place.
    let all = writer.side_by_side(&[values.to_owned(), changed]);
    let order: Vec<usize> = (0..shapes.len())
        .map(|at| powered.iter().position(|other| *other == at).map_or(at, |place| shapes.len() + place))
        .collect();
    writer.select(&all, &order)
}
