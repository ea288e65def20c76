//! How the language writes a number.

/// The number that `text` is: `1`, `1.`, `.5`, `-1.25`, `+2`. No exponent, no `1..2`, and nothing too large for a
/// double, so what is not a number stays text.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
