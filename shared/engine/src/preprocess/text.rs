//! A first reading of free text: how long it is, and which words it has.

use crate::table::MISSING_CODE;

/// Length and number of words.
pub(super) const MEASURES: usize = 2;
/// Words are hashed into so many columns at most.
pub(super) const BUCKETS: usize = 64;

/// The measures and the word columns, each column by column. A word's column is the logarithm of
/// one more than its count; missing text is empty text.
pub(super) fn encode(codes: &[u32], levels: &[String], rows: &[u32], buckets: usize) -> (Vec<f64>, Vec<f32>) {
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
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            measures[n + i] += 1.0;
            words[bucket(word, buckets) * n + i] += 1.0;
        }
    }
    for count in &mut words {
        *count = count.ln_1p();
    }
    (measures, words)
}

/// FNV-1a of the word in lower case, folded. Part of the artifact's format: never to change.
fn bucket(word: &str, buckets: usize) -> usize {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut utf8 = [0; 4];
    for c in word.chars().flat_map(char::to_lowercase) {
        for byte in c.encode_utf8(&mut utf8).bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    ((hash ^ (hash >> 32)) % buckets as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_without_case_or_punctuation() {
        let levels = ["The dog, the Dog!".to_string(), String::new()];
        let (measures, words) = encode(&[0, 1, MISSING_CODE], &levels, &[0, 1, 2], BUCKETS);
        assert_eq!(measures, [17.0, 0.0, 0.0, 4.0, 0.0, 0.0]);
        assert_eq!(words[bucket("dog", BUCKETS) * 3].to_bits(), 2f32.ln_1p().to_bits());
        assert_eq!(words[bucket("the", BUCKETS) * 3].to_bits(), 2f32.ln_1p().to_bits());
        assert!(words.iter().skip(1).step_by(3).all(|count| *count == 0.0));
    }

    #[test]
    fn buckets_never_change() {
        assert_eq!(
            [
                bucket("dog", BUCKETS),
                bucket("DOG", BUCKETS),
                bucket("straße", BUCKETS),
                bucket("42", BUCKETS)
            ],
            [49, 49, 10, 36]
        );
    }
}
