//! Parts of points in time.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::table::MISSING_TIME;

const MICROSECONDS_A_DAY: f64 = 86_400e6;

/// What turns round, as a point on a circle: December is as near to January as to November.
const CYCLES: &[&str] = &["month", "day of the week", "hour"];

/// Year, month, day, day of the week, hour (when it varied) and days since the first, all in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Dates {
    first: i64,
    hours: bool,
}

impl Dates {
    pub(super) fn fit(times: &[i64], rows: &[u32]) -> Dates {
        let present = || rows.iter().map(|&row| times[row as usize]).filter(|time| *time != MISSING_TIME);
        let mut hours = present().filter_map(civil).map(DateTime::hour);
        let first_hour = hours.next();
        Dates { first: present().min().unwrap_or(0), hours: hours.any(|hour| Some(hour) != first_hour) }
    }

    pub(super) fn width(&self) -> usize {
        5 + usize::from(self.hours)
    }

    /// What the columns of [`encode`](Dates::encode) are.
    pub(super) fn names(&self) -> Vec<String> {
        let parts = ["year", "month", "day", "day of the week", "days since the first", "hour"];
        parts[..self.width()].iter().map(ToString::to_string).collect()
    }

    /// The number of columns of [`encode_cycles`](Dates::encode_cycles).
    pub(super) fn cycles_width(&self) -> usize {
        3 + 2 * self.cycles()
    }

    fn cycles(&self) -> usize {
        CYCLES.len() - usize::from(!self.hours)
    }

    /// What they are.
    pub(super) fn cycles_names(&self) -> Vec<String> {
        let cycles = CYCLES[..self.cycles()].iter();
        let circles = cycles.flat_map(|cycle| [format!("{cycle} (sine)"), format!("{cycle} (cosine)")]);
        ["year", "day", "days since the first"].into_iter().map(String::from).chain(circles).collect()
    }

    /// The same with what turns round as its sine and cosine, for estimators to which a number's size
    /// means something.
    pub(super) fn encode_cycles(&self, times: &[i64], rows: &[u32]) -> Vec<f64> {
        let n = rows.len();
        let parts = self.encode(times, rows);
        let part = |at: usize| &parts[at * n..(at + 1) * n];
        let mut encoded = [part(0), part(2), part(4)].concat();
        for (at, first, length) in
            [(1, 1.0, 12.0), (3, 0.0, 7.0), (5, 0.0, 24.0)].into_iter().take(self.cycles())
        {
            let angle = |value: &f64| (value - first) / length * std::f64::consts::TAU;
            encoded.extend(part(at).iter().map(|value| angle(value).sin()));
            encoded.extend(part(at).iter().map(|value| angle(value).cos()));
        }
        encoded
    }

    /// Column by column, NaN where the time is missing or outside the calendar (years −9999 to
    /// 9999).
    pub(super) fn encode(&self, times: &[i64], rows: &[u32]) -> Vec<f64> {
        let n = rows.len();
        let mut parts = vec![f64::NAN; self.width() * n];
        for (i, &row) in rows.iter().enumerate() {
            let micros = times[row as usize];
            let Some(time) = civil(micros) else { continue };
            let mut put = |part: usize, value: f64| parts[part * n + i] = value;
            put(0, f64::from(time.year()));
            put(1, f64::from(time.month()));
            put(2, f64::from(time.day()));
            put(3, f64::from(time.weekday().to_monday_zero_offset()));
            put(4, (micros as f64 - self.first as f64) / MICROSECONDS_A_DAY);
            if self.hours {
                put(5, f64::from(time.hour()));
            }
        }
        parts
    }
}

fn civil(micros: i64) -> Option<DateTime> {
    (micros != MISSING_TIME).then_some(())?;
    Some(TimeZone::UTC.to_datetime(Timestamp::from_microsecond(micros).ok()?))
}
