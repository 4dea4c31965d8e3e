//! Features as small integers: what trees are grown on.
//!
//! Every column is cut into at most [`MAX_BINS`] bins that hold about as many rows each, and a row
//! keeps one byte a column. Columns of at most `MAX_BINS` distinct values lose nothing. Cutting by
//! rank makes growing blind to any increasing change of a feature.

/// The most bins that a column's present values are cut into.
pub const MAX_BINS: usize = 255;

/// The code of a missing value; the codes of present ones are below it.
pub(crate) const MISSING: u8 = MAX_BINS as u8;

/// A matrix's columns as codes, built once and shared by all trees grown on it.
#[derive(Debug, Clone)]
pub struct Bins {
    columns: Vec<Binned>,
}

/// One column.
#[derive(Debug, Clone)]
pub(crate) struct Binned {
    /// One code a row: the number of edges below the value, or [`MISSING`].
    pub(crate) codes: Vec<u8>,
    /// Where bins meet, ascending: bin `b` holds the values in `(edges[b - 1], edges[b]]`.
    pub(crate) edges: Vec<f32>,
}

impl Bins {
    /// Cuts columns of `rows` values each, given one after the other; NaN is missing.
    ///
    /// Takes one sort of each column: O(values · log rows).
    pub fn new(rows: usize, data: &[f32]) -> Bins {
        // A matrix without rows has no columns to speak of, and no chunk size either.
        Bins { columns: data.chunks(rows.max(1)).map(Binned::new).collect() }
    }

    /// The columns, in the matrix's order.
    pub(crate) fn columns(&self) -> &[Binned] {
        &self.columns
    }
}

impl Binned {
    fn new(values: &[f32]) -> Binned {
        let edges = edges(values);
        let codes: Vec<u8> = values
            .iter()
            .map(
                |&value| {
                    if value.is_nan() { MISSING } else { edges.partition_point(|&edge| edge < value) as u8 }
                },
            )
            .collect();
        Binned { codes, edges }
    }
}

/// Where to cut: between neighbouring distinct values, so that bins are as even as ties allow.
fn edges(values: &[f32]) -> Vec<f32> {
    // Adding zero turns -0 into 0: one value must not become two.
    let mut present: Vec<f32> = values.iter().filter(|v| !v.is_nan()).map(|v| v + 0.0).collect();
    present.sort_unstable_by(f32::total_cmp);
    let runs: Vec<&[f32]> = present.chunk_by(|a, b| a.total_cmp(b).is_eq()).collect();

    let mut edges = Vec::with_capacity(runs.len().saturating_sub(1).min(MAX_BINS - 1));
    let mut waiting = present.len();
    let mut open = 0;
    for (at, pair) in runs.windows(2).enumerate() {
        open += pair[0].len();
        let bins_left = MAX_BINS - edges.len();
        let fits = runs.len() - at <= bins_left;
        // Close the bin when it is nearer to its even share without the next run than with it.
        let full = (open + pair[1].len() / 2) * bins_left >= waiting;
        if bins_left > 1 && (fits || full) {
            edges.push(between(pair[0][0], pair[1][0]));
            waiting -= open;
            open = 0;
        }
    }
    edges
}

/// The middle of `low < high`, or `low` where there is none to be had.
fn between(low: f32, high: f32) -> f32 {
    let middle = low / 2.0 + high / 2.0;
    if low < middle && middle < high { middle } else { low }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn few_distinct_values_have_a_bin_each() {
        let column = Binned::new(&[3.0, f32::NAN, -1.0, 3.0, 0.0, -0.0]);
        assert_eq!(column.codes, [2, MISSING, 0, 2, 1, 1]);
        assert_eq!(column.edges, [-0.5, 1.5]);
    }

    #[test]
    fn a_column_without_values_has_no_edges() {
        assert_eq!(Binned::new(&[f32::NAN; 3]).codes, [MISSING; 3]);
        assert!(Binned::new(&[f32::NAN; 3]).edges.is_empty());
        assert!(Binned::new(&[7.0; 3]).edges.is_empty());
        assert!(Bins::new(0, &[]).columns().is_empty());
    }

    #[test]
    fn many_values_are_cut_evenly() {
        let values: Vec<f32> = (0..10_200).map(|i| (i * 7919 % 10_200) as f32).collect();
        let column = Binned::new(&values);
        assert_eq!(column.edges.len(), MAX_BINS - 1);
        let mut sizes = [0; MAX_BINS];
        for &code in &column.codes {
            sizes[code as usize] += 1;
        }
        assert!(sizes.iter().all(|size| (39..=41).contains(size)), "{sizes:?}");
    }

    #[test]
    fn a_common_value_has_a_bin_of_its_own() {
        let values: Vec<f32> = (0..2000).map(|i| if i % 2 == 0 { 500.0 } else { i as f32 }).collect();
        let column = Binned::new(&values);
        let alone = column.codes.iter().zip(&values).filter(|(code, _)| **code == column.codes[0]);
        assert_eq!(alone.map(|(_, value)| *value).collect::<Vec<_>>(), [500.0; 1000]);
        assert!(column.edges.len() > 240, "{}", column.edges.len());
    }

    proptest! {
        #[test]
        fn codes_keep_the_order_of_values(values in prop::collection::vec(prop_oneof![
            any::<f32>(), (-3i8..3).prop_map(f32::from), Just(f32::INFINITY), Just(f32::NEG_INFINITY),
        ], 1..600)) {
            let column = Binned::new(&values);
            prop_assert!(column.edges.len() < MAX_BINS);
            prop_assert!(column.edges.windows(2).all(|pair| pair[0] < pair[1]));
            for (&value, &code) in values.iter().zip(&column.codes) {
                if value.is_nan() {
                    prop_assert_eq!(code, MISSING);
                } else {
                    let code = usize::from(code);
                    prop_assert!(code <= column.edges.len());
                    prop_assert!(code == 0 || column.edges[code - 1] < value);
                    prop_assert!(code == column.edges.len() || value <= column.edges[code]);
                }
            }
            let distinct: std::collections::BTreeSet<_> =
                values.iter().filter(|v| !v.is_nan()).map(|v| (v + 0.0).to_bits()).collect();
            if !distinct.is_empty() && distinct.len() <= MAX_BINS {
                prop_assert_eq!(column.edges.len(), distinct.len() - 1);
            }
        }
    }
}
