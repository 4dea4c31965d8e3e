//! Which variant answers a request.

use sha2::{Digest, Sha256};

/// The place of the variant that answers whoever has the key, of variants with these weights in percent.
///
/// The same key is always answered by the same one, as long as weights stay; while the weight of the last
/// grows at the cost of those before it, nobody who has it loses it. Deployments deal keys differently.
pub(super) fn choose(deployment: &str, key: &str, weights: impl IntoIterator<Item = u32>) -> usize {
    let mut digest = Sha256::new();
    digest.update(deployment);
    digest.update([0]);
    digest.update(key);
    let mut first = [0; 8];
    first.copy_from_slice(&digest.finalize()[..8]);
    // In parts of a million, whose unevenness over 2^64 nobody can see.
    let point = u64::from_be_bytes(first) % 1_000_000;
    let (mut below, mut last) = (0, 0);
    for (place, weight) in weights.into_iter().enumerate() {
        if weight == 0 {
            continue;
        }
        last = place;
        below += u64::from(weight) * 10_000;
        if point < below {
            return place;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> String {
        format!("customer-{number}")
    }

    #[test]
    fn shares_are_the_weights() {
        let weights = [70, 0, 25, 5];
        let mut counts = [0_u32; 4];
        for number in 0..20_000 {
            counts[choose("dep_1", &key(number), weights)] += 1;
        }
        assert_eq!(counts[1], 0, "a shadow never answers");
        for (count, weight) in counts.into_iter().zip(weights) {
            // Three standard deviations of the widest share are 195.
            assert!(count.abs_diff(weight * 200) < 200, "{counts:?}");
        }
    }

    #[test]
    fn who_has_the_canary_keeps_it_as_it_grows() {
        for number in 0..2_000 {
            let mut had = false;
            for canary in (0..=100).step_by(10) {
                let has = choose("dep_1", &key(number), [100 - canary, canary]) == 1;
                assert!(has || !had, "{number} lost the canary at {canary} %");
                had = has;
            }
            assert!(had);
        }
    }

    #[test]
    fn deployments_deal_differently() {
        let same = (0..1_000)
            .filter(|&n| choose("dep_1", &key(n), [50, 50]) == choose("dep_2", &key(n), [50, 50]))
            .count();
        assert!((400..600).contains(&same), "{same}");
    }
}
