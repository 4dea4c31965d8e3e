//! Growing one tree, from the root down (Breiman et al., *Classification and Regression Trees*,
//! 1984).

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::bins::{Binned, Bins, MISSING};
use super::criterion::{CODES, Criterion, Sample};
use super::forest::Node;

/// When and how to split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Growth {
    /// How many features a node looks at, drawn anew for each; more, until one can be split on.
    pub(super) features: usize,
    /// The fewest rows in a leaf.
    pub(super) min_leaf: usize,
    /// The most questions on the way to a leaf.
    pub(super) max_depth: usize,
    /// Whether a feature's cut is drawn at random instead of searched for (Geurts, Ernst & Wehenkel,
    /// *Extremely randomized trees*, 2006); drawn by rank, so that a feature's scale plays no part.
    pub(super) random_cuts: bool,
}

/// What is needed to grow trees on one matrix, kept from tree to tree.
#[derive(Debug)]
pub(super) struct Grower<'a, C: Criterion> {
    columns: &'a [Binned],
    growth: Growth,
    criterion: C,
    /// How many of a node's rows each bin has, and which bins have any, ascending.
    rows_in: [u32; CODES],
    filled: Filled,
    /// All features; the front is shuffled by drawing.
    features: Vec<u32>,
    /// The right side of a node while its rows are parted.
    aside: Vec<Sample<C::Label>>,
    /// A node's codes, when its cut is drawn.
    codes: Vec<u8>,
}

/// A node that waits to be split.
struct Pending {
    node: usize,
    from: usize,
    to: usize,
    depth: usize,
}

/// A question that parts a node.
#[derive(Debug, Clone, Copy)]
struct Cut {
    feature: u32,
    /// The largest code that goes left.
    code: u8,
    missing_left: bool,
    score: f64,
}

impl<'a, C: Criterion> Grower<'a, C> {
    pub(super) fn new(bins: &'a Bins, criterion: C, growth: Growth) -> Self {
        let columns = bins.columns();
        Grower {
            columns,
            growth,
            criterion,
            rows_in: [0; CODES],
            filled: Filled::default(),
            features: (0..columns.len() as u32).collect(),
            aside: Vec::new(),
            codes: Vec::new(),
        }
    }

    /// Appends a tree grown on `samples`, of which there is at least one; they are reordered.
    ///
    /// O(rows · features · depth), however many bins there are.
    pub(super) fn grow(
        &mut self,
        samples: &mut [Sample<C::Label>],
        rng: &mut ChaCha8Rng,
        (nodes, shares): (&mut Vec<Node>, &mut Vec<f32>),
    ) {
        // Another tree's draws must not show in this one.
        self.features.sort_unstable();
        self.aside.clear();
        self.aside.extend_from_slice(samples);
        let mut pending = vec![Pending { node: nodes.len(), from: 0, to: samples.len(), depth: 0 }];
        nodes.push(Node::number(0.0));
        while let Some(Pending { node, from, to, depth }) = pending.pop() {
            let samples = &mut samples[from..to];
            self.criterion.enter(samples);
            let Some(cut) = self.choose(samples, depth, rng) else {
                nodes[node] = self.criterion.leaf(shares);
                continue;
            };
            let middle = from + self.part(samples, cut);
            let threshold = self.columns[cut.feature as usize].edges.get(usize::from(cut.code)).copied();
            let left = nodes.len();
            nodes[node] = Node::question(
                cut.feature,
                threshold.unwrap_or(f32::INFINITY),
                cut.missing_left,
                (left - node) as u32,
            );
            nodes.extend([Node::number(0.0); 2]);
            pending.push(Pending { node: left + 1, from: middle, to, depth: depth + 1 });
            pending.push(Pending { node: left, from, to: middle, depth: depth + 1 });
        }
    }

    /// The best of the features that are drawn, or none when the node is to be a leaf.
    fn choose(&mut self, samples: &[Sample<C::Label>], depth: usize, rng: &mut ChaCha8Rng) -> Option<Cut> {
        let pure = || samples.iter().all(|sample| sample.label == samples[0].label);
        if depth >= self.growth.max_depth || samples.len() < 2 * self.growth.min_leaf || pure() {
            return None;
        }
        // Nothing is better than two pure sides: small nodes need not look further.
        let unbeatable = self.criterion.bound() * (1.0 - 1e-12);
        let mut best: Option<Cut> = None;
        for drawn in 0..self.features.len() {
            if best.is_some_and(|best| drawn >= self.growth.features || best.score >= unbeatable) {
                break;
            }
            let other = drawn + below(rng, self.features.len() - drawn);
            self.features.swap(drawn, other);
            let feature = self.features[drawn];
            let cut = if self.growth.random_cuts {
                self.random_cut(feature, samples, rng)
            } else {
                self.best_cut(feature, samples)
            };
            if let Some(cut) = cut
                && best.is_none_or(|best| cut.score > best.score)
            {
                best = Some(cut);
            }
        }
        best
    }

    /// The feature's cut with the best score.
    fn best_cut(&mut self, feature: u32, samples: &[Sample<C::Label>]) -> Option<Cut> {
        let column = &self.columns[feature as usize];
        if samples.len() < MANY {
            for sample in samples {
                self.fill(column.codes[sample.row as usize], sample);
            }
        } else {
            for sample in samples {
                let bin = column.codes[sample.row as usize];
                self.rows_in[usize::from(bin)] += 1;
                self.criterion.add(bin, sample);
            }
            self.filled.insert_used(&self.rows_in, column.edges.len());
        }
        self.search(samples.len()).map(|(bin, next, missing_left, score)| {
            // Between the bins that the node has there may be some that it has not: cut midway.
            let code = next.map_or(MISSING - 1, |next| bin.midpoint(next - 1));
            Cut { feature, code, missing_left, score }
        })
    }

    /// A cut of the feature drawn between its least and its greatest value in the node.
    fn random_cut(
        &mut self,
        feature: u32,
        samples: &[Sample<C::Label>],
        rng: &mut ChaCha8Rng,
    ) -> Option<Cut> {
        let column = &self.columns[feature as usize].codes[..];
        let mut codes = std::mem::take(&mut self.codes);
        codes.clear();
        codes.extend(samples.iter().map(|sample| column[sample.row as usize]));
        let cut = self.cut_between(feature, samples, &codes, rng);
        self.codes = codes;
        cut
    }

    /// A cut of the feature drawn between the least and the greatest of the node's codes.
    fn cut_between(
        &mut self,
        feature: u32,
        samples: &[Sample<C::Label>],
        codes: &[u8],
        rng: &mut ChaCha8Rng,
    ) -> Option<Cut> {
        let (mut least, mut most, mut end) = (MISSING, 0, 0);
        for &code in codes {
            least = least.min(code);
            most = most.max(code);
            // One more than the code, which makes 0 of a missing one.
            end = end.max(code.wrapping_add(1));
        }
        let missing = most == MISSING;
        // Where there is one value, nothing can be drawn, but it can still be told from missing ones.
        let choices = usize::from(end.saturating_sub(least).saturating_sub(1));
        let drawn = match choices {
            0 if missing && end > 0 => least,
            0 => return None,
            _ => least + below(rng, choices) as u8,
        };
        // Three bins are enough: left, right and missing.
        if missing {
            for (sample, &code) in samples.iter().zip(codes) {
                self.fill(if code == MISSING { MISSING } else { u8::from(code > drawn) }, sample);
            }
        } else {
            // What the left one does not have is on the right.
            let left = self.criterion.add_up_to(0, samples, codes, drawn);
            self.rows_in[0] = left;
            self.rows_in[1] = samples.len() as u32 - left;
            self.filled.insert(0);
            self.filled.insert(1);
        }
        self.search(samples.len()).map(|(bin, next, missing_left, score)| {
            // Telling missing values from present ones may be better than what was drawn.
            let code = if bin == 0 && next.is_some() { drawn } else { MISSING - 1 };
            Cut { feature, code, missing_left, score }
        })
    }

    /// Puts a row into a bin.
    #[inline]
    fn fill(&mut self, bin: u8, sample: &Sample<C::Label>) {
        self.filled.insert(bin);
        self.rows_in[usize::from(bin)] += 1;
        self.criterion.add(bin, sample);
    }

    /// The best cut of the filled bins: the last bin on the left, the first on the right unless only
    /// missing values are there, whether missing values go left, and the score. Empties the bins.
    fn search(&mut self, rows: usize) -> Option<(u8, Option<u8>, bool, f64)> {
        let filled = self.filled.drain();
        let (missing, present) = match filled {
            [present @ .., MISSING] => (self.rows_in[usize::from(MISSING)] as usize, present),
            present => (0, present),
        };
        let min_leaf = self.growth.min_leaf;
        let mut best: Option<(u8, Option<u8>, bool, f64)> = None;
        let sides: &[bool] = if missing > 0 { &[false, true] } else { &[false] };
        for &missing_left in sides {
            self.criterion.rewind();
            let mut left = 0;
            if missing_left {
                self.criterion.shift(MISSING);
                left = missing;
            }
            for (at, &bin) in present.iter().enumerate() {
                self.criterion.shift(bin);
                left += self.rows_in[usize::from(bin)] as usize;
                if rows - left < min_leaf {
                    break;
                }
                if left < min_leaf {
                    continue;
                }
                let score = self.criterion.score();
                if best.is_none_or(|best| score > best.3) {
                    // Missing values that only turn up later go where most rows go.
                    let missing_left = missing_left || (missing == 0 && left > rows - left);
                    best = Some((bin, present.get(at + 1).copied(), missing_left, score));
                }
            }
        }
        for &bin in filled {
            self.rows_in[usize::from(bin)] = 0;
            self.criterion.clear(bin);
        }
        best
    }

    /// Moves the rows that go left to the front, each side in its old order, and counts them.
    fn part(&mut self, samples: &mut [Sample<C::Label>], cut: Cut) -> usize {
        let codes = &self.columns[cut.feature as usize].codes[..];
        let aside = &mut self.aside[..samples.len()];
        let (mut left, mut right) = (0, 0);
        for at in 0..samples.len() {
            let sample = samples[at];
            let code = codes[sample.row as usize];
            let goes_left = if code == MISSING { cut.missing_left } else { code <= cut.code };
            // Written to both, kept in one: no branch to guess.
            samples[left] = sample;
            aside[right] = sample;
            left += usize::from(goes_left);
            right += usize::from(!goes_left);
        }
        samples[left..].copy_from_slice(&aside[..right]);
        left
    }
}

/// A number below `bound`, which is not 0: Lemire's multiplication, whose bias of `bound / 2³²` does
/// not matter here.
pub(super) fn below(rng: &mut ChaCha8Rng, bound: usize) -> usize {
    ((u64::from(rng.next_u32()) * bound as u64) >> 32) as usize
}

/// With so many rows it is quicker to look which bins are used than to note it row by row.
const MANY: usize = 128;

/// The set of bins in use.
#[derive(Debug)]
struct Filled {
    bits: [u64; CODES / 64],
    list: [u8; CODES],
}

impl Default for Filled {
    fn default() -> Filled {
        Filled { bits: [0; CODES / 64], list: [0; CODES] }
    }
}

impl Filled {
    #[inline]
    fn insert(&mut self, bin: u8) {
        self.bits[usize::from(bin / 64)] |= 1 << (bin % 64);
    }

    /// Inserts the bins that have rows, of codes up to `last` and of missing values.
    fn insert_used(&mut self, rows_in: &[u32; CODES], last: usize) {
        for (bin, _) in rows_in[..=last].iter().enumerate().filter(|(_, rows)| **rows > 0) {
            self.insert(bin as u8);
        }
        if rows_in[usize::from(MISSING)] > 0 {
            self.insert(MISSING);
        }
    }

    /// Empties the set and lists what was in it, ascending.
    fn drain(&mut self) -> &[u8] {
        let mut len = 0;
        for (word, bits) in self.bits.iter_mut().enumerate() {
            while *bits != 0 {
                self.list[len] = (word * 64) as u8 + bits.trailing_zeros() as u8;
                len += 1;
                *bits &= *bits - 1;
            }
        }
        &self.list[..len]
    }
}
