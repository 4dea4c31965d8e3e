//! Points in time as text.
//!
//! Read: ISO 8601 dates and date-times, `YYYY/MM/DD` and `DD.MM.YYYY` with or without a time, and
//! `MM/DD/YYYY` or `DD/MM/YYYY` where a whole column tells which. What has no zone is taken as UTC.

use jiff::{Timestamp, civil, tz::Offset};

/// The parts of a text that has the shape of a date, with what follows it.
struct Written<'a> {
    date: Date,
    time: &'a str,
}

enum Date {
    /// Year, month, day.
    Plain(i16, i8, i8),
    /// Two numbers that are day and month in an order that one text can not tell, and the year.
    Slashed(i8, i8, i16),
}

/// Microseconds since 1970-01-01T00:00:00Z of one text, where it can be told without its neighbours.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let written = split(text)?;
    match written.date {
        Date::Plain(year, month, day) => microseconds(year, month, day, written.time),
        Date::Slashed(..) => None,
    }
}

/// What a column of texts is, read as times.
pub(crate) enum Times {
    /// Microseconds since 1970-01-01T00:00:00Z, one a text.
    Known(Vec<i64>),
    /// Dates, but day and month can not be told apart.
    Ambiguous,
    /// Something else.
    No,
}

/// Reads all of a column's distinct texts, or none. Ends at the first that is no time.
pub(crate) fn parse_column<T: AsRef<str>>(texts: &[T]) -> Times {
    let mut slashed = Vec::new();
    let mut known = Vec::new();
    for text in texts {
        match split(text.as_ref()) {
            Some(Written { date: Date::Plain(year, month, day), time }) if slashed.is_empty() => {
                match microseconds(year, month, day, time) {
                    Some(time) => known.push(time),
                    None => return Times::No,
                }
            }
            Some(Written { date: Date::Slashed(a, b, year), time }) if known.is_empty() => {
                slashed.push((a, b, year, time));
            }
            _ => return Times::No,
        }
    }
    if slashed.is_empty() {
        return if known.is_empty() { Times::No } else { Times::Known(known) };
    }
    let month_first = slashed.iter().any(|(_, b, ..)| *b > 12);
    let day_first = slashed.iter().any(|(a, ..)| *a > 12);
    let read = |month_first: bool| {
        slashed
            .iter()
            .map(|&(a, b, year, time)| {
                let (month, day) = if month_first { (a, b) } else { (b, a) };
                microseconds(year, month, day, time)
            })
            .collect::<Option<Vec<i64>>>()
    };
    match (month_first, day_first) {
        (true, true) => Times::No,
        (false, false) => read(true).map_or(Times::No, |_| Times::Ambiguous),
        _ => read(month_first).map_or(Times::No, Times::Known),
    }
}

/// RFC 3339 in UTC; None when out of the years -9999 to 9999.
pub(crate) fn format(microseconds: i64) -> Option<String> {
    Timestamp::from_microsecond(microseconds).ok().map(|time| time.to_string())
}

/// Whether [`format`] can show it.
pub(crate) fn in_range(microseconds: i64) -> bool {
    Timestamp::from_microsecond(microseconds).is_ok()
}

fn split(text: &str) -> Option<Written<'_>> {
    if !text.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    let end = text.find(['T', 't', ' ']).unwrap_or(text.len());
    let (date, time) = (&text[..end], text.get(end + 1..).unwrap_or(""));
    let separator = date.chars().find(|c| !c.is_ascii_digit())?;
    let mut parts = date.split(separator);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    let short = |part: &str| (1..=2).contains(&part.len());
    if parts.next().is_some() || ![first, second, third].iter().all(|p| p.bytes().all(|b| b.is_ascii_digit()))
    {
        return None;
    }
    let date = match separator {
        '-' if first.len() == 4 && second.len() == 2 && third.len() == 2 => {
            Date::Plain(first.parse().ok()?, second.parse().ok()?, third.parse().ok()?)
        }
        '/' if first.len() == 4 && short(second) && short(third) => {
            Date::Plain(first.parse().ok()?, second.parse().ok()?, third.parse().ok()?)
        }
        '.' if short(first) && short(second) && third.len() == 4 => {
            Date::Plain(third.parse().ok()?, second.parse().ok()?, first.parse().ok()?)
        }
        '/' if short(first) && short(second) && third.len() == 4 => {
            Date::Slashed(first.parse().ok()?, second.parse().ok()?, third.parse().ok()?)
        }
        _ => return None,
    };
    // "T" with nothing behind it is not a date.
    (end == text.len() || !time.is_empty()).then_some(Written { date, time })
}

fn microseconds(year: i16, month: i8, day: i8, time: &str) -> Option<i64> {
    if time.is_empty() {
        let midnight = civil::Date::new(year, month, day).ok()?.at(0, 0, 0, 0);
        return at_utc(midnight);
    }
    let time =
        time.strip_suffix("UTC").map_or_else(|| time.replace(' ', ""), |time| format!("{}Z", time.trim()));
    // "8:30", as spreadsheets write it.
    let zero = if time.as_bytes().get(1) == Some(&b':') { "0" } else { "" };
    let text = format!("{year:04}-{month:02}-{day:02}T{zero}{time}");
    if time.contains(['Z', 'z', '+', '-']) {
        text.parse::<Timestamp>().ok().map(Timestamp::as_microsecond)
    } else {
        at_utc(text.parse::<civil::DateTime>().ok()?)
    }
}

fn at_utc(time: civil::DateTime) -> Option<i64> {
    Offset::UTC.to_timestamp(time).ok().map(Timestamp::as_microsecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        parse(text).and_then(format)
    }

    #[test]
    fn one_text() {
        for (text, want) in [
            ("2024-02-29", "2024-02-29T00:00:00Z"),
            ("2024-02-29 13:05", "2024-02-29T13:05:00Z"),
            ("2024-02-29T13:05:07", "2024-02-29T13:05:07Z"),
            ("2024-02-29T13:05:07.25Z", "2024-02-29T13:05:07.25Z"),
            ("2024-02-29T13:05:07+02:00", "2024-02-29T11:05:07Z"),
            ("2024-02-29 13:05:07 -0130", "2024-02-29T14:35:07Z"),
            ("2024-02-29 13:05:07 UTC", "2024-02-29T13:05:07Z"),
            ("2024/2/9", "2024-02-09T00:00:00Z"),
            ("9.2.2024 8:00", "2024-02-09T08:00:00Z"),
            ("09.02.2024 18:00", "2024-02-09T18:00:00Z"),
            ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "2024",
            "20240229",
            "2023-02-29",
            "2024-13-01",
            "2024-1-1",
            "1.2.3",
            "192.168.0.1",
            "1/2/2024",
            "2024-02-29T",
            "2024-02-29x",
            "2024-02-29 noon",
            "12:30",
            "2024-02-29T25:00",
            "99999-01-01",
            "é",
            "2024-02-29é",
            "0000/00/00",
            "2024-02-29T10:00+99:99",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn slashes_are_told_apart_over_the_column() {
        let column = |texts: &[&str]| match parse_column(texts) {
            Times::Known(times) => times.into_iter().filter_map(format).collect::<Vec<_>>().join(" "),
            Times::Ambiguous => "ambiguous".into(),
            Times::No => "no".into(),
        };
        assert_eq!(column(&["01/02/2024", "01/31/2024"]), "2024-01-02T00:00:00Z 2024-01-31T00:00:00Z");
        assert_eq!(column(&["01/02/2024", "31/01/2024"]), "2024-02-01T00:00:00Z 2024-01-31T00:00:00Z");
        assert_eq!(column(&["01/02/2024", "03/04/2024"]), "ambiguous");
        assert_eq!(column(&["31/01/2024", "01/31/2024"]), "no");
        assert_eq!(column(&["01/02/2024", "2024-01-02"]), "no");
        assert_eq!(column(&["2024-01-02", "01/13/2024"]), "no");
        assert_eq!(column(&[]), "no");
    }
}
