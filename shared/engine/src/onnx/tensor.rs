//! Values of a graph.

use serde::{Deserialize, Serialize};

use super::fault::{Fault, Run};

/// A tensor may have so many values: of a block of rows, 32 MB.
const MOST_VALUES: usize = 1 << 22;
/// And so many dimensions.
pub(super) const MOST_DIMENSIONS: usize = 8;

/// What a tensor's values are. The order of variants is part of the artifact's format: add at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Type {
    /// `float`: each is rounded to `f32`.
    Float,
    /// `double`.
    Double,
    /// Any of the integers, to 2⁵³; a missing one is NaN.
    Integer,
    /// 0, 1, or NaN when missing.
    Boolean,
    /// The number of a word of the graph, or −1 for any other word.
    Word,
}

/// Values of any type in `f64`, row by row: what is said in `f32` is exact in it, and so is what rounding a
/// sum, product, quotient or root of such values gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(super) struct Tensor {
    pub(super) kind: Type,
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
}

/// As it is in an artifact: weights are of four bytes.
#[derive(Serialize, Deserialize)]
struct Stored {
    kind: Type,
    shape: Vec<usize>,
    single: Vec<f32>,
    double: Vec<f64>,
}

impl From<Tensor> for Stored {
    fn from(tensor: Tensor) -> Stored {
        let Tensor { kind, shape, values } = tensor;
        match kind {
            Type::Float => {
                Stored { kind, shape, single: values.iter().map(|v| *v as f32).collect(), double: Vec::new() }
            }
            _ => Stored { kind, shape, single: Vec::new(), double: values },
        }
    }
}

impl From<Stored> for Tensor {
    fn from(stored: Stored) -> Tensor {
        let Stored { kind, shape, single, double } = stored;
        let values = match kind {
            Type::Float => single.into_iter().map(f64::from).collect(),
            _ => double,
        };
        Tensor { kind, shape, values }
    }
}

impl Tensor {
    /// A tensor whose values are rounded to what its type holds.
    ///
    /// # Errors
    /// When the values are not as many as the shape says.
    pub(super) fn new(kind: Type, shape: Vec<usize>, mut values: Vec<f64>) -> Run<Tensor> {
        if volume(&shape)? != values.len() {
            return Err(Fault::Shape);
        }
        match kind {
            Type::Float => values.iter_mut().for_each(|value| *value = f64::from(*value as f32)),
            Type::Integer => values.iter_mut().for_each(|value| *value = value.trunc()),
            Type::Double | Type::Boolean | Type::Word => {}
        }
        Ok(Tensor { kind, shape, values })
    }

    /// A list.
    pub(super) fn list(kind: Type, values: Vec<f64>) -> Tensor {
        Tensor { kind, shape: vec![values.len()], values }
    }

    /// The same values in another shape.
    pub(super) fn reshaped(&self, shape: Vec<usize>) -> Run<Tensor> {
        Tensor::new(self.kind, shape, self.values.clone())
    }

    /// Rows and columns: a list is one row, and of more dimensions all but the first are columns.
    pub(super) fn matrix(&self) -> (usize, usize) {
        match self.shape.as_slice() {
            [] => (1, 1),
            [cols] => (1, *cols),
            [rows, rest @ ..] => (*rows, rest.iter().product()),
        }
    }

    /// Whether its shape and values are what they must be, when it was read from bytes.
    pub(super) fn is_sound(&self) -> bool {
        let product = self.shape.iter().try_fold(1usize, |product, length| product.checked_mul(*length));
        let sound = self.shape.len() <= MOST_DIMENSIONS && product == Some(self.values.len());
        sound && (!self.values.is_empty() || volume(&self.shape).is_ok())
    }

    /// Its values as whole numbers.
    pub(super) fn integers(&self) -> Run<Vec<i64>> {
        self.values.iter().map(|value| integer(*value)).collect()
    }

    pub(super) fn size_bytes(&self) -> usize {
        size_of::<Tensor>() + self.values.len() * size_of::<f64>()
    }
}

/// A whole number that is one.
pub(super) fn integer(value: f64) -> Run<i64> {
    // Beyond 2⁵³ not all are told apart; also false for NaN.
    if value.abs() <= 9_007_199_254_740_992.0 { Ok(value as i64) } else { Err(Fault::Value) }
}

/// The number of values of a shape.
///
/// # Errors
/// When they are too many.
pub(super) fn volume(shape: &[usize]) -> Run<usize> {
    if shape.len() > MOST_DIMENSIONS {
        return Err(Fault::TooLarge);
    }
    // Without a length of 0 too, that no tensor of no values has a million million rows.
    let product = shape.iter().try_fold(1usize, |product, length| product.checked_mul((*length).max(1)));
    product.filter(|product| *product <= MOST_VALUES).ok_or(Fault::TooLarge)?;
    Ok(shape.iter().product())
}

/// A place among `length`, counted from the end when it is negative.
pub(super) fn place(at: i64, length: usize) -> Run<usize> {
    let at = if at < 0 { at.saturating_add(length as i64) } else { at };
    usize::try_from(at).ok().filter(|at| *at < length).ok_or(Fault::Index)
}

/// The shape to which two shapes are stretched: from the last dimension on they are equal or 1.
pub(super) fn stretched(a: &[usize], b: &[usize]) -> Run<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], dimension: usize| {
        let missing = rank - shape.len();
        if dimension < missing { 1 } else { shape[dimension - missing] }
    };
    (0..rank)
        .map(|dimension| match (at(a, dimension), at(b, dimension)) {
            (a, b) if a == b => Ok(a),
            (1, other) | (other, 1) => Ok(other),
            _ => Err(Fault::Shape),
        })
        .collect()
}

/// Calls `visit` for every value of `shape` with where it lies in tensors of the shapes `of`, which are
/// stretched to it.
pub(super) fn walk<const N: usize>(shape: &[usize], of: [&[usize]; N], mut visit: impl FnMut([usize; N])) {
    // How far one step along a dimension goes in each tensor: nowhere where it is stretched.
    let strides: [Vec<usize>; N] = of.map(|own| {
        let mut strides = vec![0; shape.len()];
        let mut stride = 1;
        for (at, length) in own.iter().enumerate().rev() {
            if *length != 1 {
                strides[shape.len() - own.len() + at] = stride;
            }
            stride *= length;
        }
        strides
    });
    let Some((&cols, outer)) = shape.split_last() else {
        visit([0; N]);
        return;
    };
    let last = outer.len();
    let mut counter = vec![0; last];
    let mut base = [0; N];
    for _ in 0..outer.iter().product::<usize>() {
        for col in 0..cols {
            visit(std::array::from_fn(|tensor| base[tensor] + col * strides[tensor][last]));
        }
        for dimension in (0..last).rev() {
            counter[dimension] += 1;
            for (base, strides) in base.iter_mut().zip(&strides) {
                *base += strides[dimension];
            }
            if counter[dimension] < outer[dimension] {
                break;
            }
            for (base, strides) in base.iter_mut().zip(&strides) {
                *base -= strides[dimension] * counter[dimension];
            }
            counter[dimension] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_stretched_as_those_of_arrays() {
        assert_eq!(stretched(&[3, 1], &[4]), Ok(vec![3, 4]));
        assert_eq!(stretched(&[], &[2, 2]), Ok(vec![2, 2]));
        assert_eq!(stretched(&[3], &[4]), Err(Fault::Shape));
        let mut seen = Vec::new();
        walk(&[2, 2, 3], [&[2, 1, 3], &[2, 1], &[]], |at| seen.push(at));
        let expected = [
            [0, 0, 0],
            [1, 0, 0],
            [2, 0, 0],
            [0, 1, 0],
            [1, 1, 0],
            [2, 1, 0],
            [3, 0, 0],
            [4, 0, 0],
            [5, 0, 0],
            [3, 1, 0],
            [4, 1, 0],
            [5, 1, 0],
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn values_are_rounded_to_their_type_and_kept() {
        let tenth = Tensor::new(Type::Float, vec![1], vec![0.1]).unwrap();
        assert_eq!(tenth.values, [f64::from(0.1f32)]);
        assert_eq!(Tensor::new(Type::Integer, vec![1], vec![-1.7]).unwrap().values, [-1.0]);
        assert_eq!(Tensor::new(Type::Double, vec![2], vec![0.1]), Err(Fault::Shape));
        for tensor in [tenth, Tensor::list(Type::Double, vec![0.1, 1e300])] {
            let bytes = postcard::to_stdvec(&tensor).unwrap();
            assert_eq!(postcard::from_bytes::<Tensor>(&bytes).unwrap(), tensor);
        }
    }

    #[test]
    fn places_count_from_either_end() {
        assert_eq!((place(-1, 3), place(2, 3)), (Ok(2), Ok(2)));
        assert_eq!(
            (place(3, 3), place(-4, 3), place(i64::MIN, 3)),
            (Err(Fault::Index), Err(Fault::Index), Err(Fault::Index))
        );
        assert_eq!((integer(f64::NAN), integer(1e300)), (Err(Fault::Value), Err(Fault::Value)));
    }
}
