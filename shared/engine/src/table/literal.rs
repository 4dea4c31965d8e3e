//! How a value is written in text: missing tokens, numbers, booleans.

/// Whole numbers of this size or more are not told apart by an f64.
pub(crate) const EXACT: f64 = 9_007_199_254_740_992.0;

/// Whether a trimmed cell of a text file stands for no value.
pub(crate) fn is_missing(cell: &str) -> bool {
    matches!(
        cell,
        "" | "NA" | "N/A" | "n/a" | "#N/A" | "<NA>" | "NaN" | "nan" | "null" | "NULL" | "None" | "?" | "-"
    )
}

/// How a file writes the decimal point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decimal {
    /// `1.5` only.
    Point,
    /// `1,5` as well as `1.5`.
    CommaToo,
}

/// A number as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Literal {
    /// Its value; infinite for `inf` and for what overflows, never NaN.
    pub(crate) value: f64,
    /// Written as digits alone, with or without a sign.
    pub(crate) whole: bool,
    /// Written with zeros in front that are part of a code (`007`).
    pub(crate) padded: bool,
    /// Written with a decimal comma.
    pub(crate) comma: bool,
}

/// Reads a trimmed cell as a number; None when it is anything else.
pub(crate) fn number(cell: &str, decimal: Decimal) -> Option<Literal> {
    let bytes = cell.as_bytes();
    let digits = match bytes {
        [b'+' | b'-', rest @ ..] => rest,
        _ => bytes,
    };
    let whole = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let padded = whole && digits.len() > 1 && digits[0] == b'0';
    if whole && digits.len() <= 15 {
        let size = digits.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0')) as f64;
        // Subtracting, so that "-0" is a plain zero.
        let value = if bytes[0] == b'-' { 0.0 - size } else { size };
        return Some(Literal { value, whole, padded, comma: false });
    }
    let value = cell.parse::<f64>().ok();
    if let Some(value) = value.filter(|value| !value.is_nan()) {
        return Some(Literal { value: value + 0.0, whole, padded, comma: false });
    }
    if decimal == Decimal::CommaToo && !cell.contains('.') && cell.matches(',').count() == 1 {
        let value = cell.replace(',', ".").parse::<f64>().ok()?;
        return Some(Literal { value: value + 0.0, whole: false, padded: false, comma: true });
    }
    None
}

/// Reads `true` or `false`, in any case. Other pairs of words, such as `yes` and `no`, stay the
/// categories that they are: whoever wrote them gets them back in predictions.
pub(crate) fn boolean(cell: &str) -> Option<bool> {
    if cell.eq_ignore_ascii_case("true") {
        Some(true)
    } else {
        cell.eq_ignore_ascii_case("false").then_some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(cell: &str) -> Option<f64> {
        number(cell, Decimal::Point).map(|literal| literal.value)
    }

    #[test]
    fn numbers_as_people_and_programs_write_them() {
        assert_eq!(value("12"), Some(12.0));
        assert_eq!(value("-3"), Some(-3.0));
        assert_eq!(value("+.5e2"), Some(50.0));
        assert_eq!(value("1e999"), Some(f64::INFINITY));
        assert_eq!(value("-Infinity"), Some(f64::NEG_INFINITY));
        assert_eq!(value("123456789012345678"), Some(123_456_789_012_345_680.0));
        for not in ["", "-", "+", "1,5", "1_000", "0x10", "nan", "-NaN", "1 2", "12a", "１２"] {
            assert_eq!(value(not), None, "{not}");
        }
    }

    #[test]
    fn minus_zero_is_zero() {
        for zero in ["-0", "-0.0", "-0e9"] {
            assert!(value(zero).is_some_and(|value| value == 0.0 && value.is_sign_positive()), "{zero}");
        }
    }

    #[test]
    fn how_it_was_written_is_told() {
        let literal = |cell| number(cell, Decimal::CommaToo).unwrap();
        assert!(literal("12").whole && !literal("12").padded);
        assert!(literal("-012").padded && !literal("0").padded && !literal("0.5").padded);
        assert!(!literal("12.0").whole && !literal("1e3").whole);
        assert_eq!(literal("1,5"), Literal { value: 1.5, whole: false, padded: false, comma: true });
        assert_eq!(number("1,234,567", Decimal::CommaToo), None);
        assert_eq!(number("1.234,5", Decimal::CommaToo), None);
    }

    #[test]
    fn booleans_are_words_not_digits() {
        assert_eq!(boolean("TRUE"), Some(true));
        assert_eq!(boolean("False"), Some(false));
        assert_eq!(boolean("no"), None);
        assert_eq!(boolean("1"), None);
        assert_eq!(boolean("truth"), None);
    }
}
