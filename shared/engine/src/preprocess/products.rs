//! Products of two columns of the matrix.

use serde::{Deserialize, Serialize};

use super::measure::Measure;
use super::score::Scorer;
use crate::estimators::Needs;

/// So many of the numbers that tell most about the target are multiplied with each other.
const FACTORS: usize = 10;
/// So many of their products are kept, those that tell most.
const MOST: usize = 20;

/// A product of two columns, each of them scaled, so that what they have in common with the product is as
/// little as can be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Product {
    pub(super) left: u32,
    pub(super) right: u32,
    pub(super) sides: [Measure; 2],
    pub(super) result: Measure,
}

impl Product {
    /// The most telling products of the most telling of `factors`, which are columns of `data` with `rows`
    /// values each, and their values appended to `data`. O(rows log rows × `FACTORS`²).
    pub(super) fn fit(
        factors: &[usize],
        rows: usize,
        data: &mut Vec<f32>,
        scorer: &Scorer,
        needs: Needs,
    ) -> Vec<Product> {
        let column = |data: &[f32], at: usize| data[at * rows..(at + 1) * rows].to_vec();
        let information = |values: &[f32]| scorer.score(values).information;
        let mut scored: Vec<(f64, usize)> =
            factors.iter().map(|&at| (information(&data[at * rows..(at + 1) * rows]), at)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        scored.truncate(FACTORS);
        scored.sort_by_key(|(_, at)| *at);
        let mut products: Vec<(f64, Product)> = Vec::new();
        for (place, &(_, left)) in scored.iter().enumerate() {
            for &(_, right) in &scored[place + 1..] {
                let sides = [column(data, left), column(data, right)];
                let product = Product::of([left, right], &sides, needs);
                products.push((information(&product.values(&sides)), product));
            }
        }
        // Stable: of equals, the first pair.
        products.sort_by(|a, b| b.0.total_cmp(&a.0));
        products.truncate(MOST);
        products.sort_by_key(|(_, product)| (product.left, product.right));
        let products: Vec<Product> = products.into_iter().map(|(_, product)| product).collect();
        for product in &products {
            product.append(rows, data);
        }
        products
    }

    fn of([left, right]: [usize; 2], sides: &[Vec<f32>; 2], needs: Needs) -> Product {
        let scaled = Needs { scaled: true, ..needs };
        let measure = |values: &Vec<f32>| {
            Measure::fit(&values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>(), scaled)
        };
        let measures = [measure(&sides[0]), measure(&sides[1])];
        let raw: Vec<f64> =
            sides[0].iter().zip(&sides[1]).map(|(a, b)| multiplied(&measures, *a, *b)).collect();
        let result = Measure::fit(&raw, needs);
        Product { left: left as u32, right: right as u32, sides: measures, result }
    }

    fn values(&self, sides: &[Vec<f32>; 2]) -> Vec<f32> {
        let value = |(a, b): (&f32, &f32)| self.result.apply(multiplied(&self.sides, *a, *b));
        sides[0].iter().zip(&sides[1]).map(value).collect()
    }

    /// Appends the product's column to a matrix of `rows` rows.
    pub(super) fn append(&self, rows: usize, data: &mut Vec<f32>) {
        let side = |at: u32| data[at as usize * rows..(at as usize + 1) * rows].to_vec();
        let sides = [side(self.left), side(self.right)];
        data.extend(self.values(&sides));
    }

    /// Whether it can be computed from the first `width` columns.
    pub(super) fn is_sound(&self, width: usize) -> bool {
        (self.left as usize) < width
            && (self.right as usize) < width
            && self.sides.iter().all(Measure::is_sound)
            && self.result.is_sound()
    }
}

/// NaN when a side is.
fn multiplied(measures: &[Measure; 2], a: f32, b: f32) -> f64 {
    f64::from(measures[0].apply(f64::from(a))) * f64::from(measures[1].apply(f64::from(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimators::{Encoding, Target};

    #[test]
    fn the_product_that_decides_is_found() {
        let wave = |i: usize, speed: f64| ((i as f64 * speed).sin()) as f32;
        let rows = 400;
        let mut data: Vec<f32> =
            (0..12).flat_map(|col| (0..rows).map(move |i| wave(i, 1.1 + 0.37 * f64::from(col)))).collect();
        let y: Vec<f64> = (0..rows).map(|i| f64::from(data[rows + i] * data[2 * rows + i])).collect();
        let scorer = Scorer::new(&Target::Numbers(y));
        for (scaled, missing) in [(true, false), (false, true)] {
            let needs = Needs { categories: Encoding::OneHot, scaled, missing };
            data.truncate(12 * rows);
            let products = Product::fit(&[0, 1, 2, 3, 4], rows, &mut data, &scorer, needs);
            assert_eq!((products.len(), data.len()), (10, 22 * rows));
            let place = products.iter().position(|p| (p.left, p.right) == (1, 2)).unwrap();
            let column = |at: usize| &data[at * rows..(at + 1) * rows];
            let best = scorer.score(column(12 + place)).information;
            assert!((0..22).all(|at| scorer.score(column(at)).information <= best));
            assert!(products.iter().all(|product| product.is_sound(12)));
            assert!(!products[0].is_sound(1));
        }
        let all: Vec<usize> = (0..12).collect();
        let needs = Needs { categories: Encoding::OneHot, scaled: true, missing: false };
        assert_eq!(Product::fit(&all, rows, &mut data, &scorer, needs).len(), MOST);
    }
}
