//! Parts of points in time.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::table::MISSING_TIME;

const MICROSECONDS_A_DAY: f64 = 86_400e6;

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
