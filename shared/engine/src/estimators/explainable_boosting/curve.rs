//! One step of one curve: a tree of a few leaves over a feature's bins.

use crate::trees::bins::{MAX_BINS, MISSING};

/// One more than the largest code.
pub(super) const CODES: usize = MAX_BINS + 1;
/// As if so many rows more in each leaf were right already.
const CALM: f64 = 1.0;

/// What rows of one bin ask for, summed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    /// The loss's slope in the score.
    pub(super) slope: f64,
    /// Its second derivative.
    pub(super) bend: f64,
    /// How many rows.
    pub(super) rows: u32,
}

impl Sums {
    fn plus(self, other: Sums) -> Sums {
        Sums { slope: self.slope + other.slope, bend: self.bend + other.bend, rows: self.rows + other.rows }
    }

    fn minus(self, other: Sums) -> Sums {
        Sums { slope: self.slope - other.slope, bend: self.bend - other.bend, rows: self.rows - other.rows }
    }

    /// By how much the loss falls (twice) when these rows get a value of their own.
    fn gain(self) -> f64 {
        self.slope * self.slope / (self.bend + CALM)
    }

    /// Both gains over one division, which is what looking for a cut would spend its time on.
    fn gain_beside(self, other: Sums) -> f64 {
        let (bend, other_bend) = (self.bend + CALM, other.bend + CALM);
        (self.slope * self.slope * other_bend + other.slope * other.slope * bend) / (bend * other_bend)
    }

    /// The value that serves them best: Newton's step.
    fn value(self) -> f64 {
        -self.slope / (self.bend + CALM)
    }
}

/// A run of bins `from..to`, and the best place to cut it in two.
#[derive(Debug, Clone, Copy)]
struct Piece {
    from: usize,
    to: usize,
    sums: Sums,
    cut: Option<(usize, f64, Sums)>,
}

impl Piece {
    fn new(bins: &[Sums], from: usize, to: usize, sums: Sums, min_leaf: u32) -> Piece {
        let whole = sums.gain();
        let mut cut: Option<(usize, f64, Sums)> = None;
        let mut left = Sums::default();
        for (at, bin) in bins[from..to].iter().enumerate() {
            left = left.plus(*bin);
            if left.rows < min_leaf || bin.rows == 0 {
                continue;
            }
            if sums.rows - left.rows < min_leaf.max(1) {
                break;
            }
            let gain = left.gain_beside(sums.minus(left)) - whole;
            if gain > cut.map_or(0.0, |(_, best, _)| best) {
                cut = Some((from + at + 1, gain, left));
            }
        }
        Piece { from, to, sums, cut }
    }

    /// One that is not cut any more.
    fn last(from: usize, to: usize, sums: Sums) -> Piece {
        Piece { from, to, sums, cut: None }
    }
}

/// Writes into `step`, one a code, the values of a tree of at most `leaves` leaves over the bins of the
/// present values, grown at the leaf that gains most; missing values have a leaf of their own. Returns
/// by how much the loss falls (twice) beyond a step that is the same for all; 0 when no rows are told apart.
///
/// O(codes · leaves).
pub(super) fn grow_step(
    bins: &[Sums; CODES],
    codes: usize,
    leaves: usize,
    min_leaf: u32,
    step: &mut [f32; CODES],
) -> f64 {
    let missing = bins[usize::from(MISSING)];
    let whole = bins[..codes].iter().fold(Sums::default(), |sum, bin| sum.plus(*bin));
    let mut pieces = vec![Piece::new(bins, 0, codes, whole, min_leaf)];
    while pieces.len() < leaves {
        let mut best: Option<(usize, (usize, f64, Sums))> = None;
        for (place, piece) in pieces.iter().enumerate() {
            if let Some(cut) = piece.cut
                && best.is_none_or(|(_, (_, gain, _))| cut.1 > gain)
            {
                best = Some((place, cut));
            }
        }
        let Some((place, (middle, _, left))) = best else { break };
        let Piece { from, to, sums, .. } = pieces[place];
        let (first, second) = ((from, middle, left), (middle, to, sums.minus(left)));
        let more = pieces.len() + 1 < leaves;
        let piece = |(from, to, sums)| {
            if more { Piece::new(bins, from, to, sums, min_leaf) } else { Piece::last(from, to, sums) }
        };
        pieces[place] = piece(first);
        pieces.push(piece(second));
    }
    let enough = missing.rows > 0 && missing.rows >= min_leaf;
    if pieces.len() == 1 && !(enough && whole.rows > 0) {
        return 0.0;
    }
    let mut gain = 0.0;
    for piece in &pieces {
        step[piece.from..piece.to].fill(piece.sums.value() as f32);
        gain += piece.sums.gain();
    }
    if enough {
        step[usize::from(MISSING)] = missing.value() as f32;
        gain += missing.gain() - whole.plus(missing).gain();
    } else {
        step[usize::from(MISSING)] = 0.0;
        gain -= whole.gain();
    }
    gain.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(slopes: &[f64], missing: f64) -> [Sums; CODES] {
        let mut bins = [Sums::default(); CODES];
        for (bin, &slope) in bins.iter_mut().zip(slopes) {
            *bin = Sums { slope: slope * 10.0, bend: 10.0, rows: 10 };
        }
        if missing != 0.0 {
            bins[usize::from(MISSING)] = Sums { slope: missing * 10.0, bend: 10.0, rows: 10 };
        }
        bins
    }

    #[test]
    fn cuts_where_the_slope_changes_most() {
        let mut step = [0.0; CODES];
        assert!(grow_step(&bins(&[-1.0, -1.0, 3.0, 3.0, 0.0], 2.0), 5, 3, 1, &mut step) > 0.0);
        let expected = [20.0 / 21.0, 20.0 / 21.0, -60.0 / 21.0, -60.0 / 21.0, 0.0];
        assert!(step.iter().zip(expected).all(|(a, b): (&f32, f64)| (f64::from(*a) - b).abs() < 1e-6));
        assert!((step[usize::from(MISSING)] + 20.0 / 11.0).abs() < 1e-6);
    }

    #[test]
    fn what_tells_nothing_apart_is_no_step() {
        let mut step = [0.0; CODES];
        assert!(grow_step(&bins(&[5.0], 0.0), 1, 3, 1, &mut step) <= 0.0);
        assert!(grow_step(&bins(&[], 5.0), 1, 3, 1, &mut step) <= 0.0);
        assert!(grow_step(&bins(&[5.0, -5.0], 0.0), 2, 3, 11, &mut step) <= 0.0);
        // Missing from present is a difference.
        assert!(grow_step(&bins(&[5.0], -5.0), 1, 3, 1, &mut step) > 0.0);
    }
}
