//! From shares of votes to probabilities, by one number (temperature scaling: Guo et al., *On
//! calibration of modern neural networks*, 2017), with targets smoothed as by Platt (1999).

/// No committee is surer than this; shares of votes lie between 0 and 1, so that all is said long before.
pub(super) const SHARPEST: f64 = 1000.0;

/// The number `s` for which `softmax(s · shares)` has the least log loss. `truth` gives each row's class
/// and weight.
///
/// The loss is convex in `s`, so its slope is bisected. O(rows · classes).
pub(super) fn sharpness(shares: &[f64], truth: impl Iterator<Item = (u32, f64)>, classes: usize) -> f64 {
    let rows: Vec<(&[f64], u32, f64)> = shares
        .chunks_exact(classes)
        .zip(truth)
        .map(|(shares, (class, weight))| (shares, class, weight))
        .collect();
    // Not quite certain of any row: the loss then has a least value even when all rows are right.
    let doubt = 1.0 / (rows.len() as f64 + 2.0);
    let slope = |s: f64| -> f64 {
        let of_row = |&(shares, class, weight): &(&[f64], u32, f64)| {
            let most = shares.iter().fold(0.0f64, |most, &share| most.max(share));
            let (mut total, mut expected, mut sum) = (0.0, 0.0, 0.0);
            for &share in shares {
                let odds = (s * (share - most)).exp();
                total += odds;
                expected += odds * share;
                sum += share;
            }
            let own = shares[class as usize];
            let wanted = own * (1.0 - doubt) + doubt * (sum - own) / (classes as f64 - 1.0);
            weight * (expected / total - wanted)
        };
        rows.iter().map(of_row).sum()
    };
    let (mut low, mut high) = (0.0, SHARPEST);
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if slope(middle) < 0.0 { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_become_what_was_seen() {
        // The class with three quarters of the votes is right on nine rows of ten.
        let shares: Vec<f64> = (0..1000).flat_map(|_| [0.75, 0.25]).collect();
        let truth = (0..1000u32).map(|row| (u32::from(row % 10 == 0), 1.0));
        let s = sharpness(&shares, truth, 2);
        let probability = 1.0 / (1.0 + (-s * 0.5).exp());
        assert!((probability - 0.9).abs() < 2e-3, "{probability}");
    }

    #[test]
    fn never_wrong_is_not_certain_and_always_wrong_is_not_negative() {
        let shares: Vec<f64> = (0..98).flat_map(|_| [1.0, 0.0]).collect();
        let s = sharpness(&shares, (0..98).map(|_| (0, 1.0)), 2);
        assert!((s.exp() - 99.0).abs() < 0.1, "{}", s.exp());
        assert!(sharpness(&shares, (0..98).map(|_| (1, 1.0)), 2) < 1e-6);
    }
}
