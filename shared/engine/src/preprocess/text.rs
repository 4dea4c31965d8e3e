//! A first reading of free text: how long it is, and which words it has.

use crate::table::MISSING_CODE;

/// Length and number of words.
pub(super) const MEASURES: usize = 2;
/// Words and pairs of words are hashed into so many columns at most.
pub(super) const BUCKETS: usize = 256;
/// So many however few the rows, when the table is not too large.
const FEWEST_BUCKETS: usize = 64;
/// A column for so many rows: with fewer each would say too little.
const ROWS_A_BUCKET: usize = 20;

/// How many columns suit the rows, where there is room for `most`.
pub(super) fn buckets(rows: usize, most: usize) -> usize {
    (rows / ROWS_A_BUCKET).clamp(FEWEST_BUCKETS, BUCKETS).min(most)
}

/// The measures and the word columns, each column by column. A word's column is the logarithm of
/// one more than its count; missing text is empty text. With `pairs`, two words in a row count as one too.
pub(super) fn encode(
    codes: &[u32],
    levels: &[String],
    rows: &[u32],
    buckets: usize,
    pairs: bool,
) -> (Vec<f64>, Vec<f32>) {
    let n = rows.len();
    let mut measures = vec![0.0; MEASURES * n];
    let mut words = vec![0.0f32; buckets * n];
    for (i, &row) in rows.iter().enumerate() {
        let code = codes[row as usize];
        if code == MISSING_CODE {
            continue;
        }
        let text = &levels[code as usize];
        measures[i] = text.chars().count() as f64;
        let mut before = None;
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            measures[n + i] += 1.0;
            words[bucket(hash(START, word), buckets) * n + i] += 1.0;
            if let Some(before) = before.filter(|_| pairs) {
                words[bucket(hash(hash(before, " "), word), buckets) * n + i] += 1.0;
            }
            before = Some(hash(START, word));
        }
    }
    for count in &mut words {
        *count = count.ln_1p();
    }
    (measures, words)
}

const START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a of the word in lower case, after what was hashed before. Part of the artifact's format: never to
/// change.
fn hash(before: u64, word: &str) -> u64 {
    let mut hash = before;
    let mut utf8 = [0; 4];
    for c in word.chars().flat_map(char::to_lowercase) {
        for byte in c.encode_utf8(&mut utf8).bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

/// Folded. Part of the artifact's format too.
fn bucket(hash: u64, buckets: usize) -> usize {
    ((hash ^ (hash >> 32)) % buckets as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(word: &str) -> usize {
        bucket(hash(START, word), 64)
    }

    #[test]
    fn words_are_counted_without_case_or_punctuation() {
        let levels = ["The dog, the Dog!".to_string(), String::new()];
        let (measures, words) = encode(&[0, 1, MISSING_CODE], &levels, &[0, 1, 2], 64, false);
        assert_eq!(measures, [17.0, 0.0, 0.0, 4.0, 0.0, 0.0]);
        assert_eq!(words[of("dog") * 3].to_bits(), 2f32.ln_1p().to_bits());
        assert_eq!(words[of("the") * 3].to_bits(), 2f32.ln_1p().to_bits());
        assert!(words.iter().skip(1).step_by(3).all(|count| *count == 0.0));
    }

    #[test]
    fn pairs_of_words_count_too() {
        let levels = ["not good".to_string(), "good not".to_string()];
        let (_, words) = encode(&[0, 1], &levels, &[0, 1], 64, true);
        let column = |at: usize| [words[at * 2].to_bits(), words[at * 2 + 1].to_bits()];
        let (one, none) = (1f32.ln_1p().to_bits(), 0);
        assert_eq!(column(of("not good")), [one, none]);
        assert_eq!(column(of("good not")), [none, one]);
        assert_eq!(column(of("good")), [one, one]);
    }

    #[test]
    fn buckets_never_change() {
        assert_eq!([of("dog"), of("DOG"), of("straße"), of("42")], [49, 49, 10, 36]);
        assert_eq!(bucket(hash(START, "dog"), BUCKETS) % 64, 49);
    }

    #[test]
    fn columns_grow_with_the_rows() {
        assert_eq!([10, 2000, 1_000_000].map(|rows| buckets(rows, 1000)), [64, 100, 256]);
        assert_eq!(buckets(1000, 4), 4);
    }
}
