//! How much memory fits take.

/// With more columns than this the products of every two are never formed: even with no rows at all that
/// would take more multiplications than [`linear::MOST_MULTIPLICATIONS`](super::linear) allows.
pub(super) const WIDEST: u64 = 5_849;
/// The block of rows that linear estimators hold in `f64`, and what a product of it needs beside it.
pub(super) const BLOCK_BYTES: u64 = 1 << 20;
/// The trees of a forest, by default.
const TREES: u64 = 100;
/// A node: feature, threshold and child, of four bytes each.
const NODE_BYTES: u64 = 12;
/// A row on its way down a tree: its number, weight and label, of four bytes each.
const SAMPLE_BYTES: u64 = 12;

/// The sum of products; the largest number when it is beyond it.
pub(super) fn bytes(terms: &[&[u64]]) -> u64 {
    let product = |factors: &[u64]| factors.iter().fold(1u64, |product, &by| product.saturating_mul(by));
    terms.iter().fold(0, |sum, factors| sum.saturating_add(product(factors)))
}

/// One byte a value, and while a column is sorted its values with the runs of equal ones among them.
pub(super) fn bin_memory(rows: u64, cols: u64) -> u64 {
    bytes(&[&[rows, cols], &[rows, 4 + 16], &[cols, 256 * 4]])
}

/// Bins, rows on their way down (those of all trees, of one tree, and aside), how often each is drawn,
/// and the weights that are summed for each class and bin.
fn grower_memory(rows: u64, cols: u64, classes: u64) -> u64 {
    bin_memory(rows, cols)
        .saturating_add(bytes(&[&[rows, 3 * SAMPLE_BYTES + 4 + 1], &[256, classes.max(2), 8]]))
}

/// The nodes of trees with so many leaves, as many again for growing the array; and with more than two
/// classes each leaf's distribution.
fn node_memory(leaves: u64, classes: u64) -> u64 {
    let shares = if classes > 2 { classes } else { 0 };
    bytes(&[&[2, leaves, 2, NODE_BYTES], &[2, leaves, shares, 4]])
}

/// One tree: a leaf has at least ten rows, or is one of a few.
pub(super) fn tree_memory(rows: u64, cols: u64, classes: u64) -> u64 {
    let leaves = (rows / 10).saturating_add(10);
    grower_memory(rows, cols, classes).saturating_add(node_memory(leaves, classes))
}

/// A forest: leaves have at least 2 rows, and one more for every 40,000, which bounds all trees'
/// leaves by 4,000,000.
pub(super) fn forest_memory(rows: u64, cols: u64, classes: u64) -> u64 {
    let leaves = rows.saturating_mul(40_000) / rows.saturating_add(80_000);
    grower_memory(rows, cols, classes)
        .saturating_add(node_memory(leaves.saturating_add(1).saturating_mul(TREES), classes))
}

#[cfg(test)]
mod tests {
    use super::super::ALL;

    #[test]
    fn memory_never_falls_when_anything_grows() {
        let sizes = [0, 1, 2, 3, 10, 1_000, 39_999, 40_000, 1_000_000, 1 << 40, u64::MAX];
        let widths = [0, 1, 9, 500, 5_848, 5_850, 100_000, u64::MAX];
        let classes = [0, 2, 3, 200, u64::MAX];
        for estimator in ALL {
            let of = |rows, cols, classes| estimator.memory_bytes(rows, cols, classes);
            let grows = |values: &[u64]| values.is_sorted();
            for &c in &classes {
                for &w in &widths {
                    let by_rows = sizes.map(|rows| of(rows, w, c));
                    assert!(grows(&by_rows), "{} rows × {w} × {c}: {by_rows:?}", estimator.name());
                }
                for &rows in &sizes {
                    let by_cols = widths.map(|cols| of(rows, cols, c));
                    assert!(grows(&by_cols), "{} {rows} × cols × {c}: {by_cols:?}", estimator.name());
                }
            }
            for &rows in &sizes {
                let by_classes = classes.map(|classes| of(rows, 9, classes));
                assert!(grows(&by_classes), "{} {rows} × 9 × classes: {by_classes:?}", estimator.name());
            }
        }
    }

    /// What engine.md's machines held: a forest on 336,776 rows is 30 to 130 MB, boosting some hundreds.
    #[test]
    fn memory_is_of_the_right_size() {
        let of =
            |name| super::super::find(name).map_or(0, |estimator| estimator.memory_bytes(336_776, 15, 2));
        let between = |name, least: u64, most: u64| {
            let megabytes = of(name) >> 20;
            assert!((least..=most).contains(&megabytes), "{name}: {megabytes} MB");
        };
        between("dummy", 0, 0);
        between("random_forest", 60, 400);
        between("gradient_boosting", 40, 400);
        between("knn", 5, 100);
        between("explainable_boosting", 10, 100);
    }
}
