//! A walk as ranges of sort keys.

use super::check::MAX_KEY_BYTES;
use fettle_backend::ports::Query;

/// The first and the last bytes that a sort key of the walk may be, both of them in the range; none
/// when there are no such keys.
///
/// DynamoDB takes one condition on the sort key, and `BETWEEN` has both its ends in it. Keys are UTF-8
/// text, and the byte 0xff is in none: all keys with a prefix are below the prefix and 0xff, and
/// between `…a` and `…b` there is nothing but what begins with `…a`, below `…a` and 0xff.
pub(super) fn range(query: &Query) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut first = query.prefix.clone().into_bytes();
    let mut last = [query.prefix.as_bytes(), &[0xff]].concat();
    if let Some(below) = &query.below {
        last = last.min(before(below)?);
    }
    match &query.after {
        Some(after) if query.descending => last = last.min(before(after)?),
        Some(after) => first = first.max([after.as_bytes(), &[0]].concat()),
        None => {}
    }
    if first.is_empty() {
        first.push(0);
    }
    // What is longer than any key differs from all of them before its end.
    first.truncate(MAX_KEY_BYTES + 1);
    last.truncate(MAX_KEY_BYTES);
    (first <= last).then_some((first, last))
}

/// The last bytes that a key below this one may be; none when it is the first of all.
fn before(key: &str) -> Option<Vec<u8>> {
    let mut bytes = key.as_bytes().to_vec();
    match bytes.pop() {
        None => return None,
        Some(0) => {}
        Some(byte) => bytes.extend([byte - 1, 0xff]),
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every query of these texts finds the keys that it should.
    #[test]
    fn a_range_has_the_keys_of_the_walk_and_no_others() {
        let long = "k".repeat(MAX_KEY_BYTES);
        let longer = format!("{long}k");
        let keys =
            ["\0", "\0\0", "a", "a\0", "a\u{7f}", "aa", "ab", "b", "é", "\u{10ffff}", "\u{10ffff}x", &long];
        let marks: Vec<Option<&str>> =
            [None, Some(""), Some(longer.as_str()), Some("c")].into_iter().chain(keys.map(Some)).collect();
        let prefixes = ["", "a", "\0", "\u{10ffff}", "c", &long, &longer];
        for prefix in prefixes {
            for after in &marks {
                for below in &marks {
                    for descending in [false, true] {
                        let query = Query {
                            after: after.map(String::from),
                            below: below.map(String::from),
                            descending,
                            ..Query::prefix("p", prefix, 1)
                        };
                        let found = range(&query);
                        for key in keys {
                            let expected = key.starts_with(prefix)
                                && after
                                    .is_none_or(|after| if descending { key < after } else { key > after })
                                && below.is_none_or(|below| key < below);
                            let is = found.as_ref().is_some_and(|(first, last)| {
                                first.as_slice() <= key.as_bytes() && key.as_bytes() <= last.as_slice()
                            });
                            assert_eq!(is, expected, "{key:?} of {query:?}: {found:?}");
                        }
                    }
                }
            }
        }
    }
}
