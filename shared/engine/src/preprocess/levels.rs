//! Categories as numbers.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::estimators::Target;
use crate::table::{MISSING_CODE, Values};

/// A level with fewer training rows is rare.
const FEWEST_ROWS: usize = 2;
/// A level with less than one in so many training rows is rare.
const RAREST_SHARE: usize = 1000;
/// A column of 0 and 1 for the rare levels would lose too much when they have more than one in so many rows,
/// with enough rows each for statistics of their own.
const LOST_SHARE: usize = 4;
/// How many rows the mean over all levels counts for, in a level's statistics.
const SMOOTHING: f64 = 10.0;
/// The folds of the statistics of training rows.
const FOLDS: usize = 5;
/// So many levels have statistics of their own at most, the most frequent ones: 100,000 of a few bytes
/// each make a model of a few megabytes.
const MOST_LEVELS: usize = 100_000;
/// The statistics are the rates of so many classes at most, the most frequent ones.
const CLASSES: usize = 10;

/// The levels that are known, sorted, with missing as one of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) levels: Vec<String>,
    /// Whether missing is a level, which then comes last.
    pub(super) missing: bool,
}

impl Known {
    /// The levels with at least `fewest` of the rows, and whether other rows are left. Of more than
    /// `most` levels the most frequent, and of equals the first of the alphabet.
    fn fit(codes: &[u32], levels: &[String], rows: &[u32], fewest: usize, most: usize) -> (Known, bool) {
        let (mut counts, missing) = counted(codes, levels.len(), rows);
        let frequent = counts.iter().filter(|count| **count >= fewest).count();
        if frequent > most {
            let mut order: Vec<usize> = (0..levels.len()).filter(|level| counts[*level] >= fewest).collect();
            order.sort_unstable_by(|a, b| counts[*b].cmp(&counts[*a]).then(levels[*a].cmp(&levels[*b])));
            for &level in &order[most..] {
                counts[level] = 1;
            }
        }
        let mut frequent: Vec<String> = levels
            .iter()
            .zip(&counts)
            .filter(|(_, count)| **count >= fewest)
            .map(|(level, _)| level.clone())
            .collect();
        frequent.sort_unstable();
        let rare = |count: usize| count > 0 && count < fewest;
        let others = rare(missing) || counts.iter().any(|count| rare(*count));
        (Known { levels: frequent, missing: missing >= fewest }, others)
    }

    fn len(&self) -> usize {
        self.levels.len() + usize::from(self.missing)
    }

    /// The index among the known levels of every row of `rows`, `None` for others.
    fn slots(&self, codes: &[u32], levels: &[String], rows: &[u32]) -> Vec<Option<usize>> {
        let missing = self.missing.then_some(self.levels.len());
        let find = |level: &String| self.levels.binary_search(level).ok();
        if levels.len() <= rows.len() {
            let of_level: Vec<Option<usize>> = levels.iter().map(find).collect();
            let slot = |code| if code == MISSING_CODE { missing } else { of_level[code as usize] };
            rows.iter().map(|&row| slot(codes[row as usize])).collect()
        } else {
            let slot = |code| if code == MISSING_CODE { missing } else { find(&levels[code as usize]) };
            rows.iter().map(|&row| slot(codes[row as usize])).collect()
        }
    }

    fn is_sound(&self) -> bool {
        self.levels.is_sorted()
    }

    fn size_bytes(&self) -> usize {
        self.levels.iter().map(|level| size_of::<String>() + level.len()).sum()
    }
}

/// The rows of each level, and those without one.
fn counted(codes: &[u32], levels: usize, rows: &[u32]) -> (Vec<usize>, usize) {
    let mut counts = vec![0usize; levels];
    let mut missing = 0;
    for &row in rows {
        match codes[row as usize] {
            MISSING_CODE => missing += 1,
            code => counts[code as usize] += 1,
        }
    }
    (counts, missing)
}

/// A column of 0 and 1 for each frequent level, and one for the rare ones when training had any.
/// A level never seen sets the column of the rare ones, or none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct OneHot {
    pub(super) known: Known,
    pub(super) others: bool,
}

impl OneHot {
    /// `None` when there are more than `limit` frequent levels, or too much is lost in the rare ones.
    pub(super) fn fit(codes: &[u32], levels: &[String], rows: &[u32], limit: usize) -> Option<OneHot> {
        let fewest = FEWEST_ROWS.max(rows.len() / RAREST_SHARE);
        // Counted before any level is copied: there may be a million.
        let (counts, missing) = counted(codes, levels.len(), rows);
        let frequent = counts.iter().filter(|count| **count >= fewest).count();
        if frequent + usize::from(missing >= fewest) > limit {
            return None;
        }
        let told: usize = counts.iter().filter(|count| (FEWEST_ROWS..fewest).contains(count)).sum();
        if told > rows.len() / LOST_SHARE {
            return None;
        }
        let (known, others) = Known::fit(codes, levels, rows, fewest, limit);
        Some(OneHot { known, others })
    }

    /// What the columns are.
    pub(super) fn names(&self) -> Vec<String> {
        let levels = self.known.levels.iter().map(|level| format!("= {level}"));
        let missing = self.known.missing.then(|| "missing".to_string());
        levels.chain(missing).chain(self.others.then(|| "another level".to_string())).collect()
    }

    pub(super) fn width(&self) -> usize {
        self.known.len() + usize::from(self.others)
    }

    pub(super) fn encode(&self, codes: &[u32], levels: &[String], rows: &[u32]) -> Vec<f32> {
        let n = rows.len();
        let mut flags = vec![0.0; self.width() * n];
        let other = self.others.then_some(self.known.len());
        for (i, slot) in self.known.slots(codes, levels, rows).into_iter().enumerate() {
            if let Some(slot) = slot.or(other) {
                flags[slot * n + i] = 1.0;
            }
        }
        flags
    }

    pub(super) fn is_sound(&self) -> bool {
        self.known.is_sound()
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.known.size_bytes()
    }
}

/// Statistics of the target for each level: the mean of a number, or the rates of classes, drawn
/// towards the statistics of all rows where a level has few.
///
/// D. Micci-Barreca, A preprocessing scheme for high-cardinality categorical attributes in
/// classification and prediction problems, SIGKDD Explorations 3 (2001).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Statistics {
    pub(super) known: Known,
    /// The classes whose rates these are; none for a number.
    classes: Vec<u32>,
    /// Known levels × statistics, level by level.
    pub(super) of_level: Vec<f64>,
    /// The statistics of all rows, for every other level.
    pub(super) overall: Vec<f64>,
}

impl Statistics {
    pub(super) fn fit(codes: &[u32], levels: &[String], rows: &[u32], y: &Target) -> Statistics {
        // One row of a level says nothing after smoothing, and most keys have one row.
        let (known, _) = Known::fit(codes, levels, rows, FEWEST_ROWS, MOST_LEVELS);
        let classes = rated_classes(y);
        let slots = known.slots(codes, levels, rows);
        let sums = Sums::of(&slots, known.len(), &truths(y, &classes), classes.len().max(1), |_| true);
        let overall = sums.overall();
        let of_level = (0..known.len()).flat_map(|slot| sums.smoothed(slot, &overall)).collect();
        Statistics { known, classes, of_level, overall }
    }

    pub(super) fn width(&self) -> usize {
        self.overall.len()
    }

    /// The levels with statistics of their own.
    pub(super) fn levels(&self) -> usize {
        self.known.len()
    }

    /// What the columns are: the codes of the classes that they are rates of, or `None` for the mean.
    pub(super) fn of(&self) -> Vec<Option<u32>> {
        if self.classes.is_empty() { vec![None] } else { self.classes.iter().copied().map(Some).collect() }
    }

    pub(super) fn encode(&self, codes: &[u32], levels: &[String], rows: &[u32]) -> Vec<f64> {
        let (n, width) = (rows.len(), self.width());
        let mut measures = vec![0.0; width * n];
        for (i, slot) in self.known.slots(codes, levels, rows).into_iter().enumerate() {
            let statistics =
                slot.map_or(&self.overall[..], |slot| &self.of_level[slot * width..(slot + 1) * width]);
            for (statistic, value) in statistics.iter().enumerate() {
                measures[statistic * n + i] = *value;
            }
        }
        measures
    }

    /// The training rows' statistics, each from the rows of the other folds only: otherwise a row
    /// would see its own truth in its features.
    pub(super) fn out_of_fold(&self, values: &Values, rows: &[u32], y: &Target, seed: u64) -> Vec<f64> {
        let Values::Strings { codes, levels } = values else { return Vec::new() };
        let (n, width) = (rows.len(), self.width());
        let slots = self.known.slots(codes, levels, rows);
        let truths = truths(y, &self.classes);
        let mut folds: Vec<usize> = (0..n).map(|i| i % FOLDS).collect();
        folds.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let mut measures = vec![0.0; width * n];
        for fold in 0..FOLDS {
            let sums = Sums::of(&slots, self.known.len(), &truths, width, |i| folds[i] != fold);
            let overall = sums.overall();
            for (i, slot) in slots.iter().enumerate().filter(|(i, _)| folds[*i] == fold) {
                let statistics = slot.map_or_else(|| overall.clone(), |slot| sums.smoothed(slot, &overall));
                for (statistic, value) in statistics.into_iter().enumerate() {
                    measures[statistic * n + i] = value;
                }
            }
        }
        measures
    }

    pub(super) fn is_sound(&self) -> bool {
        self.known.is_sound()
            && self.width() > 0
            && self.known.len().checked_mul(self.width()) == Some(self.of_level.len())
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.known.size_bytes() + self.of_level.len() * size_of::<f64>()
    }
}

/// The classes whose rates describe a level: of two the second, else the most frequent.
fn rated_classes(y: &Target) -> Vec<u32> {
    match y {
        Target::Numbers(_) => Vec::new(),
        Target::Classes { count: 2, .. } => vec![1],
        Target::Classes { codes, count } => {
            let mut counts = vec![0usize; *count];
            for &code in codes {
                counts[code as usize] += 1;
            }
            let mut classes: Vec<u32> = (0..*count as u32).collect();
            classes.sort_by_key(|class| (std::cmp::Reverse(counts[*class as usize]), *class));
            classes.truncate(CLASSES);
            classes
        }
    }
}

/// What a row adds to the statistics: a statistic's index and a value, or nothing.
fn truths(y: &Target, classes: &[u32]) -> Vec<Option<(usize, f64)>> {
    match y {
        Target::Numbers(values) => values.iter().map(|value| Some((0, *value))).collect(),
        Target::Classes { codes, .. } => codes
            .iter()
            .map(|code| classes.iter().position(|class| class == code).map(|statistic| (statistic, 1.0)))
            .collect(),
    }
}

/// Sums of the truth by level.
struct Sums {
    width: usize,
    rows: Vec<f64>,
    truth: Vec<f64>,
    all_rows: f64,
    all_truth: Vec<f64>,
}

impl Sums {
    fn of(
        slots: &[Option<usize>],
        levels: usize,
        truths: &[Option<(usize, f64)>],
        width: usize,
        counts: impl Fn(usize) -> bool,
    ) -> Sums {
        let mut sums = Sums {
            width,
            rows: vec![0.0; levels],
            truth: vec![0.0; levels * width],
            all_rows: 0.0,
            all_truth: vec![0.0; width],
        };
        for (i, (slot, truth)) in slots.iter().zip(truths).enumerate() {
            if !counts(i) {
                continue;
            }
            sums.all_rows += 1.0;
            if let Some(slot) = slot {
                sums.rows[*slot] += 1.0;
            }
            if let Some((statistic, value)) = truth {
                sums.all_truth[*statistic] += value;
                if let Some(slot) = slot {
                    sums.truth[slot * width + statistic] += value;
                }
            }
        }
        sums
    }

    fn overall(&self) -> Vec<f64> {
        self.all_truth.iter().map(|sum| sum / self.all_rows.max(1.0)).collect()
    }

    fn smoothed(&self, slot: usize, overall: &[f64]) -> Vec<f64> {
        let sums = &self.truth[slot * self.width..(slot + 1) * self.width];
        let rows = self.rows[slot];
        sums.iter().zip(overall).map(|(sum, prior)| (sum + SMOOTHING * prior) / (rows + SMOOTHING)).collect()
    }
}
