//! What a table holds, column by column.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Column, Kind, MISSING_BOOLEAN, MISSING_CODE, MISSING_TIME, Table, Values, infer, times};

/// Levels are counted for `rarest` up to this many.
const RARE_LEVELS: usize = 1000;
const TOP: usize = 20;
/// A longer value is text, not a level: it is left out of `top`.
const TOP_BYTES: usize = 256;
const BINS: usize = 20;
const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// A table in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    /// Rows.
    pub rows: u64,
    /// Columns in the table's order.
    pub columns: Vec<ColumnProfile>,
}

/// A column in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ColumnProfile {
    /// The column's name.
    pub name: String,
    /// What it means.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Rows without a value.
    pub missing: u64,
    /// Distinct values, exactly; infinities are values.
    pub distinct: u64,
    /// Rows with an infinity.
    pub infinite: u64,
    /// Whether there is at most one distinct value.
    pub constant: bool,
    /// Rows of the rarest value, where at most 1,000 values are distinct.
    pub rarest: Option<u64>,
    /// The least finite number.
    pub min: Option<f64>,
    /// The greatest finite number.
    pub max: Option<f64>,
    /// The mean of the finite numbers.
    pub mean: Option<f64>,
    /// Their standard deviation, over n - 1.
    pub std: Option<f64>,
    /// Their quantiles at 5, 25, 50, 75 and 95 %, with linear interpolation.
    pub quantiles: Option<[f64; 5]>,
    /// The first time, RFC 3339 in UTC.
    pub earliest: Option<String>,
    /// The last time, RFC 3339 in UTC.
    pub latest: Option<String>,
    /// Of the finite numbers, or of times in seconds since 1970.
    pub histogram: Option<Histogram>,
    /// The most frequent values, at most 20, the more frequent first and then by value. Complete when
    /// as long as `distinct`. Empty for times, text and identifiers; values over 256 bytes are left out.
    pub top: Vec<TopValue>,
    /// What a person should know, such as why it is an identifier.
    pub note: Option<String>,
}

/// Counts in bins of equal width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Histogram {
    /// Limits of the bins, one more than there are bins; a bin holds its lower limit, the last one both.
    pub edges: Vec<f64>,
    /// Rows in each bin.
    pub counts: Vec<u64>,
}

/// A value and how often it comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TopValue {
    /// As text: a level, `true` or `false`, or a number in its shortest form.
    pub value: String,
    /// Rows that hold it.
    pub count: u64,
}

/// Profiles every column. O(rows × log rows) a column for numbers and times, O(rows) for others.
pub fn profile(table: &Table) -> Profile {
    Profile { rows: table.rows as u64, columns: table.columns.iter().map(column_profile).collect() }
}

fn column_profile(column: &Column) -> ColumnProfile {
    let mut profile = ColumnProfile {
        name: column.name.clone(),
        kind: column.kind,
        missing: 0,
        distinct: 0,
        infinite: 0,
        constant: false,
        rarest: None,
        min: None,
        max: None,
        mean: None,
        std: None,
        quantiles: None,
        earliest: None,
        latest: None,
        histogram: None,
        top: Vec::new(),
        note: None,
    };
    match &column.values {
        Values::Number(values) => numbers(&mut profile, values),
        Values::Time(values) => time_points(&mut profile, values),
        Values::Boolean(values) => {
            let mut counts = [0_u64; 2];
            for &value in values.iter().filter(|&&value| value != MISSING_BOOLEAN) {
                counts[usize::from(value != 0)] += 1;
            }
            levels(&mut profile, values.len(), &["false", "true"], &counts);
        }
        Values::Strings { codes, levels: names } => {
            let mut counts = vec![0_u64; names.len()];
            for &code in codes.iter().filter(|&&code| code != MISSING_CODE) {
                counts[code as usize] += 1;
            }
            levels(&mut profile, codes.len(), names, &counts);
        }
    }
    profile.constant = profile.distinct <= 1;
    profile.note = match profile.distinct {
        0 => Some("it has no values".to_owned()),
        1 if profile.missing == 0 => Some("it has the same value on every row".to_owned()),
        _ => infer::reason(column),
    };
    profile
}

fn levels<T: AsRef<str>>(profile: &mut ColumnProfile, rows: usize, names: &[T], counts: &[u64]) {
    let seen = || names.iter().zip(counts).filter(|(_, count)| **count > 0);
    profile.missing = rows as u64 - counts.iter().sum::<u64>();
    profile.distinct = seen().count() as u64;
    if profile.distinct <= RARE_LEVELS as u64 {
        profile.rarest = seen().map(|(_, &count)| count).min();
    }
    if !matches!(profile.kind, Kind::Text | Kind::Identifier) {
        let short =
            seen().map(|(name, &count)| (name.as_ref(), count)).filter(|(name, _)| name.len() <= TOP_BYTES);
        profile.top = top(short.collect(), str::to_owned);
    }
}

fn numbers(profile: &mut ColumnProfile, values: &[f64]) {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    profile.missing = (values.len() - sorted.len()) as u64;
    let runs: Vec<(f64, u64)> =
        sorted.chunk_by(|a, b| a.total_cmp(b).is_eq()).map(|run| (run[0], run.len() as u64)).collect();
    profile.distinct = runs.len() as u64;
    if runs.len() <= RARE_LEVELS {
        profile.rarest = runs.iter().map(|(_, count)| *count).min();
    }
    profile.top = top(runs, |value| value.to_string());

    let start = sorted.partition_point(|&value| value == f64::NEG_INFINITY);
    let end = sorted.partition_point(|&value| value < f64::INFINITY);
    let finite = &sorted[start..end];
    profile.infinite = (sorted.len() - finite.len()) as u64;
    let (Some(&min), Some(&max)) = (finite.first(), finite.last()) else { return };
    let n = finite.len() as f64;
    let mean = finite.iter().sum::<f64>() / n;
    let squares: f64 = finite.iter().map(|value| (value - mean).powi(2)).sum();
    profile.min = Some(min);
    profile.max = Some(max);
    // Sums of the very largest numbers overflow: then there is no figure.
    profile.mean = Some(mean).filter(|mean| mean.is_finite());
    profile.std = (finite.len() > 1).then(|| (squares / (n - 1.0)).sqrt()).filter(|std| std.is_finite());
    profile.quantiles = Some(QUANTILES.map(|share| quantile(finite, share)));
    profile.histogram = Some(histogram(finite, profile.kind == Kind::Integer));
}

fn time_points(profile: &mut ColumnProfile, values: &[i64]) {
    let mut sorted: Vec<i64> = values.iter().copied().filter(|&value| value != MISSING_TIME).collect();
    sorted.sort_unstable();
    profile.missing = (values.len() - sorted.len()) as u64;
    let runs = || sorted.chunk_by(|a, b| a == b).map(<[i64]>::len);
    profile.distinct = runs().count() as u64;
    if profile.distinct <= RARE_LEVELS as u64 {
        profile.rarest = runs().min().map(|count| count as u64);
    }
    profile.earliest = sorted.first().and_then(|&time| times::format(time));
    profile.latest = sorted.last().and_then(|&time| times::format(time));
    if !sorted.is_empty() {
        let seconds: Vec<f64> = sorted.iter().map(|&time| time as f64 / 1e6).collect();
        profile.histogram = Some(histogram(&seconds, false));
    }
}

/// The most frequent of distinct values, the more frequent first and then the lesser.
fn top<T: Copy + PartialOrd>(mut counted: Vec<(T, u64)>, show: impl Fn(T) -> String) -> Vec<TopValue> {
    let order = |a: &(T, u64), b: &(T, u64)| {
        b.1.cmp(&a.1).then_with(|| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal))
    };
    if counted.len() > TOP {
        counted.select_nth_unstable_by(TOP, order);
        counted.truncate(TOP);
    }
    counted.sort_unstable_by(order);
    counted.into_iter().map(|(value, count)| TopValue { value: show(value), count }).collect()
}

/// The quantile of sorted, finite numbers, linear between neighbours (Hyndman and Fan's type 7).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    let weight = place.fract();
    // Weighted apart, for the difference of two large numbers may overflow.
    if low.total_cmp(&high).is_eq() { low } else { low * (1.0 - weight) + high * weight }
}

/// At most 20 bins over sorted, finite numbers; for whole numbers the limits are halfway between
/// two of them, so that no bin takes in more of them than the next.
fn histogram(sorted: &[f64], whole: bool) -> Histogram {
    let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
    let edges: Vec<f64> = if whole {
        let width = ((max - min + 1.0) / BINS as f64).ceil();
        let bins = ((max - min + 1.0) / width).ceil() as usize;
        (0..=bins).map(|bin| min - 0.5 + width * bin as f64).collect()
    } else {
        let bins = if min < max { BINS } else { 1 };
        let share = |bin: usize| bin as f64 / bins as f64;
        (0..=bins).map(|bin| min * (1.0 - share(bin)) + max * share(bin)).collect()
    };
    let bins = edges.len() - 1;
    let below: Vec<usize> =
        edges[1..bins].iter().map(|&edge| sorted.partition_point(|&value| value < edge)).collect();
    let starts = std::iter::once(0).chain(below.iter().copied());
    let ends = below.iter().copied().chain([sorted.len()]);
    let counts = starts.zip(ends).map(|(start, end)| end.saturating_sub(start) as u64).collect();
    Histogram { edges, counts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{ReadLimits, read};

    fn of(text: &str) -> ColumnProfile {
        let table = read(text.as_bytes(), &ReadLimits::default()).unwrap();
        profile(&table).columns.remove(0)
    }

    fn top_of(profile: &ColumnProfile) -> Vec<(&str, u64)> {
        profile.top.iter().map(|top| (top.value.as_str(), top.count)).collect()
    }

    #[test]
    fn numbers_with_gaps_and_infinities() {
        let x = of("x,y\n1.5,a\ninf,a\n,a\n2.5,a\n-inf,a\n1.5,a\n4.5,a\n");
        assert_eq!((x.missing, x.distinct, x.infinite, x.rarest), (1, 5, 2, Some(1)));
        assert_eq!((x.min, x.max, x.mean), (Some(1.5), Some(4.5), Some(2.5)));
        assert!((x.std.unwrap() - 2.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(x.quantiles.map(|quantiles| quantiles[2]), Some(2.0));
        assert_eq!(top_of(&x)[..2], [("1.5", 2), ("-inf", 1)]);
        let histogram = x.histogram.unwrap();
        assert_eq!((histogram.counts.len(), histogram.counts.iter().sum::<u64>()), (20, 4));
        assert_eq!((histogram.edges[0], histogram.edges[20]), (1.5, 4.5));
    }

    #[test]
    fn quantiles_as_numpy_has_them() {
        let x = of("x\n1\n2\n3\n4\n");
        let want = [1.15, 1.75, 2.5, 3.25, 3.85];
        assert!(x.quantiles.unwrap().iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    #[test]
    fn whole_numbers_have_bins_of_equal_worth() {
        let x = of("x\n0\n1\n1\n3\n");
        let histogram = x.histogram.unwrap();
        assert_eq!(histogram.edges, [-0.5, 0.5, 1.5, 2.5, 3.5]);
        assert_eq!(histogram.counts, [1, 2, 0, 1]);
        let rows = (0..100).map(|i| format!("{i},{i}\n")).collect::<Vec<_>>().concat();
        let x = of(&format!("x,z\n-7,0\n{rows}"));
        let histogram = x.histogram.unwrap();
        assert!(histogram.counts.len() <= 20);
        assert_eq!(histogram.counts.iter().sum::<u64>(), 101);
    }

    #[test]
    fn extremes_do_not_overflow_into_figures() {
        let x = of("x\n1.7e308\n-1.7e308\n1.7e308\n1.7e308\n");
        assert!(x.std.is_none());
        assert!(x.quantiles.unwrap().iter().all(|value| value.is_finite()));
        let histogram = x.histogram.unwrap();
        assert!(histogram.edges.iter().all(|edge| edge.is_finite()));
        assert_eq!(histogram.counts.iter().sum::<u64>(), 4);
    }

    #[test]
    fn levels_are_ordered_by_count_and_then_by_value() {
        let x = of("x\nb\na\nc\nc\n");
        assert_eq!(top_of(&x), [("c", 2), ("a", 1), ("b", 1)]);
        assert_eq!((x.distinct, x.rarest, x.constant), (3, Some(1), false));
        let x = of("x\ntrue\nfalse\ntrue\n");
        assert_eq!(top_of(&x), [("true", 2), ("false", 1)]);
    }

    #[test]
    fn many_levels() {
        let rows: String = (0..2000).flat_map(|i| vec![format!("v{i}\n"); 2]).collect();
        let x = of(&format!("x\n{rows}v77\n"));
        assert_eq!((x.distinct, x.rarest, x.top.len()), (2000, None, 20));
        assert_eq!(top_of(&x)[..2], [("v77", 3), ("v0", 2)]);
    }

    #[test]
    fn times() {
        let x = of("x\n2024-01-02\n2024-01-01T12:00:00Z\n2024-01-02\n");
        assert_eq!(x.earliest.as_deref(), Some("2024-01-01T12:00:00Z"));
        assert_eq!(x.latest.as_deref(), Some("2024-01-02T00:00:00Z"));
        assert_eq!((x.distinct, x.rarest, x.histogram.unwrap().counts.iter().sum::<u64>()), (2, Some(1), 3));
    }

    #[test]
    fn notes() {
        assert_eq!(of("x,y\n,1\n,2\n").note.as_deref(), Some("it has no values"));
        assert_eq!(of("x\n7\n7\n").note.as_deref(), Some("it has the same value on every row"));
        let rows = (0..30).map(|i| format!("k-{i}\n")).collect::<Vec<_>>().concat();
        let x = of(&format!("x\n{rows}"));
        assert_eq!((x.kind, x.note.as_deref()), (Kind::Identifier, Some("30 distinct strings on 30 rows")));
        assert!(x.top.is_empty());
    }

    #[test]
    fn it_goes_through_json() {
        let table = read(b"a,b,c\n1,x,2024-01-01\n,y,\ninf,x,\n", &ReadLimits::default()).unwrap();
        let profile = profile(&table);
        let json = serde_json::to_string(&profile).unwrap();
        assert_eq!(serde_json::from_str::<Profile>(&json).unwrap(), profile);
    }
}
