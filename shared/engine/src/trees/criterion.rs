//! What makes a split good.
//!
//! Both criteria prefer the split with the largest `Σ side: ‖sum of labels‖² / weight`, which for
//! numbers is the reduction of variance and for one-hot classes that of Gini impurity. For two
//! classes the two are the same, so those are grown as the numbers 0 and 1.

use super::bins::MISSING;
use super::forest::Node;

/// A row as a tree sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample<L> {
    pub(super) row: u32,
    /// Positive.
    pub(super) weight: f32,
    pub(super) label: L,
}

impl<L: Copy> Sample<L> {
    /// The sample, or one of no weight, by a mask of all bits or none.
    #[inline]
    fn masked(self, mask: u32) -> Sample<L> {
        Sample { weight: f32::from_bits(self.weight.to_bits() & mask), ..self }
    }
}

/// All bits when `code <= last`, else none: by the sign of their difference, since of a comparison the
/// compiler makes a branch, which for drawn cuts cannot be guessed.
#[inline]
fn mask(code: u8, last: u8) -> u32 {
    ((i32::from(code) - i32::from(last) - 1) >> 31) as u32
}

/// One more than the largest code.
pub(super) const CODES: usize = MISSING as usize + 1;

/// Sums of labels: of a node, of each bin of a feature in it, and of the left side of a split that
/// moves over the bins.
pub(super) trait Criterion {
    /// What is predicted for a row.
    type Label: Copy + PartialEq;

    /// Sums the samples of the node that is to be split.
    fn enter(&mut self, samples: &[Sample<Self::Label>]);

    /// Adds one of the node's samples to a bin.
    fn add(&mut self, bin: u8, sample: &Sample<Self::Label>);

    /// Adds those samples to a bin whose codes are `last` or less, and counts them; one code a sample.
    fn add_up_to(&mut self, bin: u8, samples: &[Sample<Self::Label>], codes: &[u8], last: u8) -> u32;

    /// Empties a bin.
    fn clear(&mut self, bin: u8);

    /// Empties the left side.
    fn rewind(&mut self);

    /// Moves a bin from the right side to the left.
    fn shift(&mut self, bin: u8);

    /// How good it is to split here, with neither side empty.
    fn score(&self) -> f64;

    /// No split of the node scores more.
    fn bound(&self) -> f64;

    /// The leaf that answers for the whole node; its distribution over classes goes to `shares`.
    fn leaf(&self, shares: &mut Vec<f32>) -> Node;
}

/// For one number a row.
#[derive(Debug)]
pub(super) struct Variance {
    bins: [Moments; CODES],
    total: Moments,
    squares: f64,
    left: Moments,
}

#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    weight: f64,
    sum: f64,
}

impl Moments {
    fn add(&mut self, other: Moments) {
        self.weight += other.weight;
        self.sum += other.sum;
    }
}

impl From<&Sample<f32>> for Moments {
    fn from(sample: &Sample<f32>) -> Moments {
        let weight = f64::from(sample.weight);
        Moments { weight, sum: weight * f64::from(sample.label) }
    }
}

impl Variance {
    pub(super) fn new() -> Variance {
        let empty = Moments::default();
        Variance { bins: [empty; CODES], total: empty, squares: 0.0, left: empty }
    }
}

impl Criterion for Variance {
    type Label = f32;

    fn enter(&mut self, samples: &[Sample<f32>]) {
        self.total = Moments::default();
        self.squares = 0.0;
        for sample in samples {
            let moments = Moments::from(sample);
            self.total.add(moments);
            self.squares += moments.sum * f64::from(sample.label);
        }
    }

    #[inline]
    fn add(&mut self, bin: u8, sample: &Sample<f32>) {
        self.bins[usize::from(bin)].add(sample.into());
    }

    #[inline]
    fn add_up_to(&mut self, bin: u8, samples: &[Sample<f32>], codes: &[u8], last: u8) -> u32 {
        // Summed in registers, as the bin would be a bottleneck; four sums, as each addition waits for the
        // one before.
        let (mut sums, mut rows) = ([Moments::default(); 4], 0);
        let mut add = |sum: &mut Moments, sample: &Sample<f32>, code: u8| {
            let mask = mask(code, last);
            sum.add((&sample.masked(mask)).into());
            rows += mask & 1;
        };
        let (fours, rest) = samples.as_chunks::<4>();
        let (codes_of_fours, codes_of_rest) = codes.as_chunks::<4>();
        for (samples, codes) in fours.iter().zip(codes_of_fours) {
            for ((sum, sample), code) in sums.iter_mut().zip(samples).zip(codes) {
                add(sum, sample, *code);
            }
        }
        for ((sum, sample), code) in sums.iter_mut().zip(rest).zip(codes_of_rest) {
            add(sum, sample, *code);
        }
        for sum in sums {
            self.bins[usize::from(bin)].add(sum);
        }
        rows
    }

    #[inline]
    fn clear(&mut self, bin: u8) {
        self.bins[usize::from(bin)] = Moments::default();
    }

    fn rewind(&mut self) {
        self.left = Moments::default();
    }

    #[inline]
    fn shift(&mut self, bin: u8) {
        self.left.add(self.bins[usize::from(bin)]);
    }

    #[inline]
    fn score(&self) -> f64 {
        let (left, right) = (self.left, self.total.weight - self.left.weight);
        let rest = self.total.sum - left.sum;
        // Both fractions over one division.
        (left.sum * left.sum * right + rest * rest * left.weight) / (left.weight * right)
    }

    fn bound(&self) -> f64 {
        self.squares
    }

    fn leaf(&self, _shares: &mut Vec<f32>) -> Node {
        Node::number((self.total.sum / self.total.weight) as f32)
    }
}

/// For one of many classes a row.
#[derive(Debug)]
pub(super) struct Gini {
    classes: usize,
    /// The weight of each class in each bin.
    bins: Vec<f64>,
    total: Vec<f64>,
    left: Vec<f64>,
    score: f64,
}

impl Gini {
    pub(super) fn new(classes: usize) -> Gini {
        let none = vec![0.0; classes];
        Gini { classes, bins: none.repeat(CODES), total: none.clone(), left: none, score: 0.0 }
    }

    #[inline]
    fn bin(&mut self, bin: u8) -> &mut [f64] {
        let from = usize::from(bin) * self.classes;
        &mut self.bins[from..from + self.classes]
    }
}

impl Criterion for Gini {
    type Label = u32;

    fn enter(&mut self, samples: &[Sample<u32>]) {
        self.total.fill(0.0);
        for sample in samples {
            self.total[sample.label as usize] += f64::from(sample.weight);
        }
    }

    #[inline]
    fn add(&mut self, bin: u8, sample: &Sample<u32>) {
        self.bin(bin)[sample.label as usize] += f64::from(sample.weight);
    }

    #[inline]
    fn add_up_to(&mut self, bin: u8, samples: &[Sample<u32>], codes: &[u8], last: u8) -> u32 {
        let (bin, mut rows) = (self.bin(bin), 0);
        for (sample, &code) in samples.iter().zip(codes) {
            let mask = mask(code, last);
            bin[sample.label as usize] += f64::from(sample.masked(mask).weight);
            rows += mask & 1;
        }
        rows
    }

    #[inline]
    fn clear(&mut self, bin: u8) {
        self.bin(bin).fill(0.0);
    }

    fn rewind(&mut self) {
        self.left.fill(0.0);
    }

    #[inline]
    fn shift(&mut self, bin: u8) {
        let from = usize::from(bin) * self.classes;
        let (mut left, mut left_squares, mut right, mut right_squares) = (0.0, 0.0, 0.0, 0.0);
        let bin = &self.bins[from..from + self.classes];
        for ((sum, &total), &more) in self.left.iter_mut().zip(&self.total).zip(bin) {
            *sum += more;
            let rest = total - *sum;
            left += *sum;
            left_squares += *sum * *sum;
            right += rest;
            right_squares += rest * rest;
        }
        self.score = left_squares / left + right_squares / right;
    }

    #[inline]
    fn score(&self) -> f64 {
        self.score
    }

    fn bound(&self) -> f64 {
        self.total.iter().sum()
    }

    fn leaf(&self, shares: &mut Vec<f32>) -> Node {
        let total: f64 = self.total.iter().sum();
        // The forest keeps the distributions of pure leaves under the classes' own numbers.
        if let Some(class) = self.total.iter().position(|&weight| weight >= total) {
            return Node::distribution(class as u32);
        }
        let index = shares.len() / self.classes;
        shares.extend(self.total.iter().map(|weight| (weight / total) as f32));
        Node::distribution(index as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_of_the_codes_up_to_the_last() {
        for last in [0, 1, 127, 128, 254] {
            for code in 0..=MISSING {
                assert_eq!(mask(code, last), if code <= last { u32::MAX } else { 0 }, "{code} {last}");
            }
        }
    }

    #[test]
    fn what_is_added_up_to_a_code_is_what_is_added_one_by_one() {
        // Sums of such numbers are exact in any order; 13 are three fours and one.
        let samples: Vec<Sample<f32>> = (0..13u8)
            .map(|row| Sample {
                row: u32::from(row),
                weight: f32::from(row % 3),
                label: f32::from(row) / 4.0,
            })
            .collect();
        let codes: Vec<u8> = (0..13).map(|row| row * 7 % 11).collect();
        let (mut together, mut alone) = (Variance::new(), Variance::new());
        let rows = together.add_up_to(0, &samples, &codes, 5);
        for (sample, _) in samples.iter().zip(&codes).filter(|(_, code)| **code <= 5) {
            alone.add(0, sample);
        }
        assert_eq!(rows, codes.iter().filter(|code| **code <= 5).count() as u32);
        let sums = |criterion: &Variance| (criterion.bins[0].weight, criterion.bins[0].sum);
        assert_eq!(sums(&together), sums(&alone));
    }
}
