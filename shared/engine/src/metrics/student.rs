//! The tail of Student's t distribution.

/// Terms of the continued fraction; it settles in far fewer.
const TERMS: u32 = 500;
/// Instead of a zero in Lentz's method.
const TINY: f64 = 1e-300;

/// The probability that |T| is at least |t| with so many degrees of freedom: the incomplete beta
/// function at df / (df + t²), with df / 2 and 1 / 2.
///
/// M. Abramowitz, I. A. Stegun, Handbook of Mathematical Functions (1964), 26.7.1 and 26.5.8.
pub(super) fn two_sided(t: f64, df: f64) -> f64 {
    if t.is_nan() || df.is_nan() || df <= 0.0 {
        return f64::NAN;
    }
    if t.is_infinite() {
        return 0.0;
    }
    incomplete_beta(df / 2.0, 0.5, df / (df + t * t)).clamp(0.0, 1.0)
}

/// The regularised incomplete beta function.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    // The fraction settles fast below the mean of the distribution only.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(a, b, x) / a
    } else {
        1.0 - front * fraction(b, a, 1.0 - x) / b
    }
}

/// The continued fraction of the incomplete beta function, by Lentz's method as Thompson and Barnett
/// changed it (1986).
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let safe = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / safe(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for term in 1..=TERMS {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = value;
        for numerator in [even, odd] {
            d = 1.0 / safe(1.0 + numerator * d);
            c = safe(1.0 + numerator / c);
            value *= c * d;
        }
        if (value - before).abs() <= f64::EPSILON * value.abs() {
            break;
        }
    }
    value
}

/// The logarithm of the gamma function above 0: Stirling's series from 10 on, and below by
/// Γ(x) = Γ(x + 1) / x.
fn ln_gamma(mut x: f64) -> f64 {
    let mut below = 0.0;
    while x < 10.0 {
        below += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = (1.0 / 12.0
        - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse * (1.0 / 1680.0 - inverse / 1188.0))))
        / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_that_of_scipy() {
        for (t, df, p) in [
            (1.0, 1.0, 0.5),
            (2.262_157, 9.0, 0.050_000_013_304_431_63),
            (0.5, 4.0, 0.643_329_963_181_863_3),
            (3.5, 14.0, 0.003_535_208_105_859),
            (10.0, 2.0, 0.009_852_457_023_325_69),
            (-1.2, 29.0, 0.239_851_127_264_625),
            (0.0, 5.0, 1.0),
        ] {
            let got = two_sided(t, df);
            assert!((got - p).abs() < 1e-10, "t {t}, df {df}: {got}, not {p}");
        }
        assert!(two_sided(f64::INFINITY, 3.0) == 0.0 && two_sided(f64::NAN, 3.0).is_nan());
    }

    #[test]
    fn gamma_is_the_factorial() {
        for (x, factorial) in [(1.0, 1.0f64), (2.0, 1.0), (5.0, 24.0), (11.0, 3_628_800.0)] {
            assert!((ln_gamma(x) - factorial.ln()).abs() < 1e-12, "{x}");
        }
        assert!((ln_gamma(0.5) - std::f64::consts::PI.sqrt().ln()).abs() < 1e-12);
    }
}
